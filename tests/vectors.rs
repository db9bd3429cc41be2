//! Files that sops or the seal's reference judged, and what must hold for every sealed file that we write.

#![allow(clippy::unwrap_used, reason = "everything here is a test or its scenery")]
#![allow(clippy::print_stderr, reason = "a test says what it left out")]

#[path = "vectors/age.rs"]
mod age_kit;
#[path = "vectors/changes.rs"]
mod changes;
#[path = "vectors/formats.rs"]
mod formats;
#[path = "vectors/rewrites.rs"]
mod rewrites;
#[path = "vectors/rules.rs"]
mod rules;
#[path = "vectors/seals.rs"]
mod seals;

use std::path::Path;
use std::path::PathBuf;

use secrets::base::Error;
use secrets::base::Kind;
use secrets::base::Result;
use secrets::base::Timestamp;
use secrets::sops::DataKey;
use secrets::sops::SealedFile;

/// An identity, and the recipient that belongs to it where that is known.
struct Identity {
    key: Box<dyn age::Identity>,
    own: Option<String>,
}

impl Identity {
    /// Makes a fresh one.
    fn generate() -> Self {
        Self::from(age::x25519::Identity::generate())
    }

    /// Reads an identity file.
    fn list(file: &Path) -> Vec<Self> {
        let text = String::from_utf8(read(file)).unwrap();
        let keys = text.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-1"));
        keys.map(|line| Self::from(line.parse::<age::x25519::Identity>().unwrap())).collect()
    }

    /// Reads an SSH private key.
    fn ssh(file: &Path) -> Self {
        let key = age::ssh::Identity::from_buffer(read(file).as_slice(), None).unwrap();
        Self { key: Box::new(key), own: None }
    }
}

impl From<age::x25519::Identity> for Identity {
    fn from(key: age::x25519::Identity) -> Self {
        let own = Some(key.to_public().to_string());
        Self { key: Box::new(key), own }
    }
}

/// Opens the data key of `file`, as every command does it.
fn unlock(file: &SealedFile, identities: &[Identity]) -> Result<DataKey> {
    let mut unwrapping = file.unwrapping()?;
    let _ = identities.iter().any(|identity| unwrapping.try_identity(&*identity.key, || identity.own.clone()));
    unwrapping.finish()?.ok_or_else(|| Error::new(Kind::Locked, "no identity opens it"))
}

/// Opens the one wrap of `file` with age alone: `DataKey` does not give its bytes away.
fn data_key_bytes(file: &[u8], identity: &Identity) -> Vec<u8> {
    let file = SealedFile::parse(file).unwrap();
    let wrap = file.metadata().wraps().next().unwrap();
    let armor = age::armor::ArmoredReader::new(wrap.armor.as_slice());
    let decryptor = age::Decryptor::new(armor).unwrap();
    let mut bytes = Vec::new();
    let mut reader = decryptor.decrypt(std::iter::once(&*identity.key)).unwrap();
    std::io::Read::read_to_end(&mut reader, &mut bytes).unwrap();
    bytes
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&read(path)).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The minute-th minute of the day on which the files of these tests are written.
fn moment(minute: u8) -> Timestamp {
    Timestamp::parse(format!("2026-11-23T12:{minute:02}:00Z").as_bytes()).unwrap()
}

/// Splits a file into its lines, and those into items and metadata.
fn lines(file: &[u8]) -> (Vec<&[u8]>, Vec<&[u8]>) {
    let body = file.strip_suffix(b"\n").expect("a file of ours ends with LF");
    body.split(|byte| *byte == b'\n').partition(|line| !line.starts_with(b"sops_"))
}

/// One message with everything that differs, so that one run shows the whole picture.
#[track_caller]
fn assert_all_agree(checked: usize, expected: usize, differ: &[String]) {
    assert!(differ.is_empty(), "{} of {checked} differ:\n{}", differ.len(), differ.join("\n"));
    assert_eq!(checked, expected, "the number of checks");
}
