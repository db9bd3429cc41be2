//! The test kit of the age format: every file of CCTV's age vectors (npm package `cctv-age` 0.2.0, 0BSD), through the path that
//! opens wraps and identity files.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use age::secrecy::SecretString;
use secrets::keys::Protected;
use secrets::sops::age_file;
use secrets::sops::hybrid;
use sha2::Digest as _;

/// The largest payload of the kit is 16 MiB.
const MOST: usize = 20 << 20;
/// As many as the kit has.
const FILES: usize = 143;

/// One file of the kit: its head, and the age file below it.
struct Vector {
    name: String,
    head: Vec<(String, String)>,
    file: Vec<u8>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("a vector");
        let end = bytes.windows(2).position(|two| two == b"\n\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is text");
        let pair = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_string(), value.to_string()));
        let head: Vec<(String, String)> = head.lines().filter_map(pair).collect();
        let mut file = bytes[end + 2..].to_vec();
        if head.iter().any(|(key, value)| key == "compressed" && value == "zlib") {
            let mut whole = Vec::new();
            flate2::read::ZlibDecoder::new(file.as_slice()).read_to_end(&mut whole).expect("zlib");
            file = whole;
        }
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        Self { name, head, file }
    }

    fn all<'v>(&'v self, key: &'v str) -> impl Iterator<Item = &'v str> {
        self.head.iter().filter(move |(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    fn identities(&self) -> Vec<Box<dyn age::Identity>> {
        let mut identities: Vec<Box<dyn age::Identity>> = Vec::new();
        for text in self.all("identity") {
            match text.parse::<hybrid::Identity>() {
                Ok(identity) => identities.push(Box::new(identity)),
                Err(_) => identities.push(Box::new(text.parse::<age::x25519::Identity>().expect("an identity"))),
            }
        }
        for passphrase in self.all("passphrase") {
            identities.push(Box::new(Protected::identity(SecretString::from(passphrase.to_string()))));
        }
        identities
    }

    /// The payload, if some identity opens the file.
    fn open(&self) -> Option<Vec<u8>> {
        let is_armored = self.all("armored").any(|value| value == "yes");
        let file = if is_armored { age_file::without_armor(&self.file)? } else { self.file.clone() };
        let identities = self.identities();
        identities.iter().find_map(|identity| age_file::decrypt(&file, identity.as_ref(), MOST)).map(|p| p.to_vec())
    }
}

#[test]
fn every_file_of_the_test_kit_ends_as_it_says() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/age"));
    let files = std::fs::read_dir(folder).expect("the kit").map(|entry| entry.expect("a file").path());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in files {
        let vector = Vector::read(&path);
        let expected = vector.all("expect").next().expect("what is expected").to_string();
        let opened = vector.open();
        let is_right = match (&opened, expected.as_str()) {
            (Some(payload), "success") => {
                let hash: String = sha2::Sha256::digest(payload).iter().map(|byte| format!("{byte:02x}")).collect();
                vector.all("payload").next() == Some(hash.as_str())
            }
            (None, "success") | (Some(_), _) => false,
            (None, _) => true,
        };
        if !is_right {
            wrong.push(format!("{}: expected {expected}, opened: {}", vector.name, opened.is_some()));
        }
        *counts.entry(expected).or_default() += 1;
    }
    println!("age test kit: {counts:?}");
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(counts.values().sum::<usize>(), FILES);
}
