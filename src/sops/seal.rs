//! Our seal: one metadata line that authenticates the whole file and its place.
//!
//! `v1;project=…;path=…;env=…;seq=…;prev=…;kc=…[;rekey=…];mac=…`, as `docs/format.md` defines it. There is one way to
//! write each thing; a reader refuses every other spelling.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use hmac::Hmac;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;

use super::cipher::DataKey;
use super::metadata::SEAL_NAME;
use super::text::Text;

const DOMAIN: &[u8] = b"secrets/seal/v1";
const MAC_INFO: &[u8] = b"secrets/seal/v1/mac";
const COMMIT_INFO: &[u8] = b"secrets/seal/v1/commit";
const MOST_LINKS: usize = 8;
/// Sequence numbers end where a signed 64-bit integer does.
const MOST_SEQ: u64 = i64::MAX as u64;

/// 32 bytes: a digest, a commitment or a tag.
pub type Bytes32 = [u8; 32];

/// Where a sealed file belongs; all empty for one that was sealed outside any project.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// `project` of `secrets.toml`.
    pub project: String,
    /// The path below the folder of `secrets.toml`, `/` between parts.
    pub path: String,
    /// The environment's name.
    pub environment: String,
}

/// The fields of a seal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seal {
    /// Where the file belongs.
    pub place: Place,
    /// The sequence number, from 1.
    pub seq: u64,
    /// The digest of the version that was replaced; zeros when there was none.
    pub prev: Bytes32,
    /// The commitment to the data key.
    pub commitment: Bytes32,
    /// Proofs under older data keys, newest first: old commitment and tag.
    pub links: Vec<(Bytes32, Bytes32)>,
    mac: Bytes32,
}

impl Seal {
    /// Reads a seal from the metadata value.
    ///
    /// # Errors
    /// `Kind::Refused` if a newer version of `secrets` wrote it; `Kind::Locked` for any spelling but the one.
    pub(super) fn parse(value: &[u8]) -> Result<Self> {
        let version = value.split(|b| *b == b';').next().unwrap_or_default();
        if version != b"v1" && is_newer_version(version) {
            return Err(Error::new(Kind::Refused, "it was sealed by a newer version of `secrets`")
                .hint("install that version to read it"));
        }
        Self::parse_fields(value).ok_or_else(|| tampered("the seal is not written as a seal is"))
    }

    fn parse_fields(value: &[u8]) -> Option<Self> {
        let mut fields = value.split(|b| *b == b';');
        let mut field = |prefix: &[u8]| fields.next()?.strip_prefix(prefix);
        field(b"v1").filter(|rest| rest.is_empty())?;
        let place = Place {
            project: from_percent(field(b"project=")?)?,
            path: from_percent(field(b"path=")?)?,
            environment: from_percent(field(b"env=")?)?,
        };
        let seq = from_decimal(field(b"seq=")?)?;
        let prev = from_base64(field(b"prev=")?)?;
        let commitment = from_base64(field(b"kc=")?)?;
        let mut last = fields.next()?;
        let mut links = Vec::new();
        if let Some(text) = last.strip_prefix(b"rekey=") {
            links = text.split(|b| *b == b',').map(from_link).collect::<Option<_>>()?;
            last = fields.next()?;
        }
        let mac = from_base64(last.strip_prefix(b"mac=")?)?;
        (fields.next().is_none() && links.len() <= MOST_LINKS).then_some(Self {
            place,
            seq,
            prev,
            commitment,
            links,
            mac,
        })
    }

    /// Seals a file: computes the commitment and the mac over its lines.
    ///
    /// # Errors
    /// `Kind::Failed` if the sequence numbers are used up.
    pub(super) fn make(
        text: &Text,
        key: &DataKey,
        place: Place,
        seq: u64,
        prev: Bytes32,
        links: Vec<(Bytes32, Bytes32)>,
    ) -> Result<Self> {
        if seq > MOST_SEQ {
            return Err(Error::new(Kind::Failed, "the file's sequence numbers are used up"));
        }
        let mut seal = Self { place, seq, prev, commitment: commitment(key), links, mac: [0; 32] };
        seal.mac = seal.mac_over(text, key);
        Ok(seal)
    }

    /// Checks commitment and mac.
    ///
    /// # Errors
    /// `Kind::Locked` if either does not fit.
    pub(super) fn verify(&self, text: &Text, key: &DataKey) -> Result<()> {
        if !text.is_in_sealed_form {
            return Err(tampered("its metadata is not one sorted block at the end"));
        }
        if !bool::from(commitment(key).ct_eq(&self.commitment)) {
            return Err(tampered("the data key is not the one that the seal commits to"));
        }
        if !bool::from(self.mac_over(text, key).ct_eq(&self.mac)) {
            return Err(tampered("the seal does not fit the file"));
        }
        Ok(())
    }

    /// Checks that the file is opened where it was sealed.
    ///
    /// # Errors
    /// `Kind::Refused` with both places.
    pub(super) fn check_place(&self, place: &Place) -> Result<()> {
        if self.place == *place {
            return Ok(());
        }
        let show = |place: &Place| {
            let shown = format!("{}: {} ({})", place.project, place.path, place.environment);
            printable(shown.as_bytes())
        };
        let (sealed, opened) = (show(&self.place), show(place));
        Err(Error::new(Kind::Refused, format!("it is sealed for another place, `{sealed}`"))
            .because(format!("it was opened as `{opened}`"))
            .hint("`secrets decrypt FILE` shows what it holds, wherever it lies"))
    }

    /// Returns the digest of this version: SHA-256 of the canonical encoding.
    pub fn digest(&self, text: &Text) -> Bytes32 {
        let mut hash = Sha256::new();
        self.encode(text, &mut |bytes| hash.update(bytes));
        hash.finalize().into()
    }

    /// Returns the metadata value.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = SEAL_NAME.to_vec();
        line.extend_from_slice(b"=v1;project=");
        percent_into(&self.place.project, &mut line);
        line.extend_from_slice(b";path=");
        percent_into(&self.place.path, &mut line);
        line.extend_from_slice(b";env=");
        percent_into(&self.place.environment, &mut line);
        let base64 = |bytes: &Bytes32| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let (prev, kc) = (base64(&self.prev), base64(&self.commitment));
        line.extend_from_slice(format!(";seq={};prev={prev};kc={kc}", self.seq).as_bytes());
        if !self.links.is_empty() {
            let links: Vec<String> =
                self.links.iter().map(|(old, tag)| format!("{}:{}", base64(old), base64(tag))).collect();
            line.extend_from_slice(format!(";rekey={}", links.join(",")).as_bytes());
        }
        line.extend_from_slice(format!(";mac={}", base64(&self.mac)).as_bytes());
        line
    }

    fn mac_over(&self, text: &Text, key: &DataKey) -> Bytes32 {
        let mac_key = derive(key, MAC_INFO);
        let mut mac = Hmac::<Sha256>::new_from_slice(&*mac_key).expect("HMAC takes keys of any length");
        self.encode(text, &mut |bytes| mac.update(bytes));
        mac.finalize().into_bytes().into()
    }

    /// Feeds the canonical encoding, every part with its length before it, so that no two files have the same one.
    fn encode(&self, text: &Text, feed: &mut dyn FnMut(&[u8])) {
        // Small writes into a hash are slow; they are gathered.
        let mut buffer = Vec::with_capacity(BUFFERED + 512);
        let mut put = |parts: &[&[u8]]| {
            for part in parts {
                buffer.extend_from_slice(part);
            }
            if buffer.len() >= BUFFERED {
                feed(&buffer);
                buffer.clear();
            }
        };
        let place = &self.place;
        for part in [DOMAIN, place.project.as_bytes(), place.path.as_bytes(), place.environment.as_bytes()] {
            put(&[&length(part), part]);
        }
        put(&[&self.seq.to_be_bytes(), &self.prev, &self.commitment]);
        put(&[&count(self.links.len())]);
        for (old, tag) in &self.links {
            put(&[old, tag]);
        }
        put(&[&count(text.items.len())]);
        for item in &text.items {
            put(&[&length(&item.line), &item.line]);
        }
        let mut metadata: Vec<_> = text.metadata.iter().filter(|line| line.name() != SEAL_NAME).collect();
        metadata.sort_by_key(|line| line.name());
        put(&[&count(metadata.len())]);
        for line in metadata {
            put(&[&length(&line.line), &line.line]);
        }
        feed(&buffer);
    }
}

const BUFFERED: usize = 16 << 10;

/// Returns the commitment to a data key: public, and different for every key.
pub fn commitment(key: &DataKey) -> Bytes32 {
    *derive(key, COMMIT_INFO)
}

fn derive(key: &DataKey, info: &[u8]) -> Zeroizing<Bytes32> {
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, key.expose()).expand(info, &mut *out).expect("32 bytes are within HKDF's limit");
    out
}

fn tampered(message: &str) -> Error {
    Error::new(Kind::Locked, message)
        .because("somebody, or another program, changed the file after it was sealed")
        .hint("compare it with the last commit: `git diff`")
}

/// Tells `v2`, `v10` … from something that is no version at all.
fn is_newer_version(version: &[u8]) -> bool {
    version.strip_prefix(b"v").is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
}

fn length(part: &[u8]) -> [u8; 8] {
    count(part.len())
}

fn count(number: usize) -> [u8; 8] {
    (number as u64).to_be_bytes()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/')
}

fn percent_into(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}

fn from_percent(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|b| char::from(*b).to_digit(16));
        out.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    let decoded = String::from_utf8(out).ok()?;
    let mut again = Vec::with_capacity(text.len());
    percent_into(&decoded, &mut again);
    (again == text).then_some(decoded)
}

fn from_decimal(text: &[u8]) -> Option<u64> {
    let number: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    ((1..=MOST_SEQ).contains(&number) && number.to_string().as_bytes() == text).then_some(number)
}

fn from_base64(text: &[u8]) -> Option<Bytes32> {
    // The engine refuses set bits behind the last byte, so there is one spelling.
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn from_link(text: &[u8]) -> Option<(Bytes32, Bytes32)> {
    let at = text.iter().position(|b| *b == b':')?;
    Some((from_base64(&text[..at])?, from_base64(&text[at + 1..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn the_keys_are_those_of_the_vectors() {
        let key = DataKey::from_bytes(&std::array::from_fn::<u8, 32, _>(|i| i as u8)).unwrap();
        assert_eq!(hex(&commitment(&key)), "bc6eaefb4a9b8c9288994ae36bcdf16dba217e0c2a398f895c300e291b558079");
        assert_eq!(hex(&*derive(&key, MAC_INFO)), "0d5fce6b37f9eed234374e547af480cc7fdc45112bb4ff543c816dc71d5ee0b2");
    }

    #[test]
    fn each_field_has_one_spelling() {
        assert_eq!(from_decimal(b"12"), Some(12));
        for bad in [&b"0"[..], b"012", b"+1", b"", b"9223372036854775808"] {
            assert_eq!(from_decimal(bad), None);
        }
        assert_eq!(from_percent(b"a%20b").as_deref(), Some("a b"));
        for bad in [&b"a b"[..], b"%41", b"%2f", b"%C3", b"%2"] {
            assert_eq!(from_percent(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
