//! Our seal: one metadata line that authenticates the whole file and its place.
//!
//! `v1;project=…;path=…;env=…;seq=…;prev=…;kc=…[;rekey=…];mac=…`, as `docs/format.md` defines it. There is one way to
//! write each thing; a reader refuses every other spelling.

use hmac::Hmac;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;

use super::cipher::DataKey;
use super::link::Bytes32;
use super::link::LinkKey;
use super::link::MAC_INFO;
use super::link::MOST_LINKS;
use super::link::commitment;
use super::link::derive;
use super::metadata::SEAL_NAME;
use super::spelling::MOST_SEQ;
use super::spelling::from_base64;
use super::spelling::from_decimal;
use super::spelling::from_link;
use super::spelling::from_percent;
use super::spelling::percent_into;
use super::spelling::to_base64;
use super::text::Text;

const DOMAIN: &[u8] = b"secrets/seal/v1";

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

/// What the seal of the next version says.
pub struct NextSeal {
    /// Where the file belongs.
    pub place: Place,
    /// Its sequence number.
    pub seq: u64,
    /// The digest of the version that it replaces; zeros when there was none.
    pub prev: Bytes32,
    /// The proofs under older data keys.
    pub links: Links,
}

/// Proofs under older data keys, newest first.
pub enum Links {
    /// As an older version of the same place and data key had them.
    Carried(Vec<(Bytes32, Bytes32)>),
    /// To be made anew under these older data keys: commitment and link key of each.
    Made(Vec<(Bytes32, LinkKey)>),
}

/// A version that was opened and proved, as far as the trust record remembers it.
#[derive(Clone)]
pub struct Version {
    /// Where the file belongs.
    pub place: Place,
    /// Its sequence number.
    pub seq: u64,
    /// The commitment to its data key.
    pub commitment: Bytes32,
    /// What lets this machine check the data key that comes after it.
    pub link: LinkKey,
    /// SHA-256 of its canonical encoding.
    pub digest: Bytes32,
    /// The proofs that it carries.
    pub links: Vec<(Bytes32, Bytes32)>,
}

impl NextSeal {
    /// Returns the seal of a file's first version.
    pub fn first(place: Place) -> Self {
        Self { place, seq: 1, prev: [0; 32], links: Links::Carried(Vec::new()) }
    }
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

    /// Finds the seal in a file that is not checked in any way: what it says is a claim.
    ///
    /// Git's history is read so; `None` where there is none, or none of this version.
    pub fn claimed(file: &[u8]) -> Option<Self> {
        let value = |line: &[u8]| line.strip_prefix(SEAL_NAME)?.strip_prefix(b"=").map(<[u8]>::to_vec);
        let value = file.split(|b| *b == b'\n').rev().find_map(value)?;
        Self::parse_fields(&value)
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
    pub(super) fn make(text: &Text, key: &DataKey, next: NextSeal) -> Result<Self> {
        let NextSeal { place, seq, prev, links } = next;
        if seq > MOST_SEQ {
            return Err(Error::new(Kind::Failed, "the file's sequence numbers are used up"));
        }
        let new = commitment(key);
        let links = match links {
            Links::Carried(links) => links,
            Links::Made(older) => {
                let proofs = older.iter().filter(|(old, _)| *old != new);
                proofs.take(MOST_LINKS).map(|(old, link)| (*old, link.tag(&place, old, &new))).collect()
            }
        };
        let mut seal = Self { place, seq, prev, commitment: new, links, mac: [0; 32] };
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
            .hint("if the file was moved on purpose: `secrets reseal`"))
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
        let (prev, kc) = (to_base64(&self.prev), to_base64(&self.commitment));
        line.extend_from_slice(format!(";seq={};prev={prev};kc={kc}", self.seq).as_bytes());
        if !self.links.is_empty() {
            let links: Vec<String> =
                self.links.iter().map(|(old, tag)| format!("{}:{}", to_base64(old), to_base64(tag))).collect();
            line.extend_from_slice(format!(";rekey={}", links.join(",")).as_bytes());
        }
        line.extend_from_slice(format!(";mac={}", to_base64(&self.mac)).as_bytes());
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
