//! Recipients, and the data key wrapped for them: one armored age file each.

use std::io::Read as _;
use std::io::Write as _;

use age::armor::ArmoredReader;
use age::armor::ArmoredWriter;
use age::armor::Format;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use sha2::Digest as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;

use super::cipher::DataKey;
use super::metadata::Metadata;
use super::metadata::Wrap;
use super::shamir;

/// The most bytes that a wrapped data key or share can have; anything longer is none.
const MOST_WRAPPED: u64 = 64;

/// The public half of an identity: somebody a file can be sealed to.
#[derive(Clone)]
pub struct Recipient {
    label: String,
    key_text: String,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Ssh(age::ssh::Recipient),
    X25519(age::x25519::Recipient),
}

impl Recipient {
    /// Parses `age1…`, `ssh-ed25519 …` or `ssh-rsa …`; an SSH key keeps its comment as part of the label.
    ///
    /// # Errors
    /// `Kind::Failed` with what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let label = text.trim().to_string();
        let shown = printable(label.as_bytes());
        if label.contains(['\n', '\r']) {
            return Err(Error::new(Kind::Failed, format!("`{shown}` is more than one line")));
        }
        let key = if label.starts_with("ecdsa-") || label.starts_with("sk-") {
            return Err(Error::new(Kind::Failed, format!("`{shown}` is not a recipient"))
                .because("an SSH key of that kind signs, and cannot encrypt")
                .hint("an `ssh-ed25519` or `ssh-rsa` key can"));
        } else if label.starts_with("ssh-") {
            Key::Ssh(ssh_recipient(&label, &shown)?)
        } else {
            let parsed = label.parse().map_err(|why: &str| {
                Error::new(Kind::Failed, format!("`{shown}` is not a recipient"))
                    .because(why)
                    .hint("a recipient is `age1…`, `ssh-ed25519 …` or `ssh-rsa …`")
            })?;
            Key::X25519(parsed)
        };
        let key_text = match &key {
            Key::Ssh(key) => key.to_string(),
            Key::X25519(key) => key.to_string(),
        };
        Ok(Self { label, key_text, key })
    }

    /// Returns the recipient as it was given.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns the key alone, which is what recipients are compared by: for SSH type and key, without the comment.
    pub fn key_text(&self) -> String {
        self.key_text.clone()
    }

    /// Wraps the data key.
    ///
    /// # Errors
    /// `Kind::Bug` if age refuses, which it has no reason to.
    pub(super) fn wrap(&self, key: &DataKey) -> Result<Wrap> {
        let recipient: &dyn age::Recipient = match &self.key {
            Key::Ssh(key) => key,
            Key::X25519(key) => key,
        };
        let failed = || Error::new(Kind::Bug, "cannot wrap the data key");
        let encryptor =
            age::Encryptor::with_recipients(std::iter::once(recipient)).map_err(|error| failed().because(error))?;
        let write = || -> std::io::Result<Vec<u8>> {
            let armor = ArmoredWriter::wrap_output(Vec::with_capacity(512), Format::AsciiArmor)?;
            let mut writer = encryptor.wrap_output(armor)?;
            writer.write_all(key.expose())?;
            writer.finish()?.finish()
        };
        let armor = write().map_err(|error| failed().because(error))?;
        Ok(Wrap { recipient: self.label.clone(), armor })
    }
}

/// Returns the key that a label is compared by; a label that is no recipient stands as it is.
pub fn key_of(label: &str) -> String {
    // The text of an X25519 recipient has one spelling, so it is its own key.
    if label.starts_with("age1") {
        return label.trim().to_string();
    }
    Recipient::parse(label).map_or_else(|_| label.to_string(), |recipient| recipient.key_text())
}

/// Returns enough of a recipient to tell it from others in a message: its first characters, or the kind of an SSH key.
pub fn short(label: &str) -> String {
    const SHORT: usize = 12;
    match label.char_indices().nth(SHORT) {
        Some((end, _)) if label.starts_with("age1") => format!("{}…", &label[..end]),
        _ => label.split(' ').next().unwrap_or_default().to_string(),
    }
}

fn ssh_recipient(label: &str, shown: &str) -> Result<age::ssh::Recipient> {
    use age::ssh::ParseRecipientKeyError as Why;
    let why = match label.parse::<age::ssh::Recipient>() {
        Ok(age::ssh::Recipient::SshRsa(..)) if !cfg!(feature = "ssh-rsa") => "this build has no `ssh-rsa`".to_string(),
        Ok(key) => return Ok(key),
        Err(Why::RsaModulusTooLarge) => "its RSA modulus is too large".to_string(),
        Err(Why::RsaModulusTooSmall) => "an RSA key needs 2048 bits".to_string(),
        Err(Why::Unsupported(kind)) => {
            format!("keys of type `{}` cannot encrypt", printable(kind.as_bytes()))
        }
        Err(_) => "it is not an SSH public key".to_string(),
    };
    Err(Error::new(Kind::Failed, format!("`{shown}` cannot be a recipient"))
        .because(why)
        .hint("use an `ssh-ed25519` key, or make an identity with `secrets identity new`"))
}

/// The opening of a data key: feed it identities until one fits.
pub struct Unwrapping {
    groups: Vec<Vec<Locked>>,
    shares: Vec<Option<Zeroizing<Vec<u8>>>>,
    needed: usize,
}

struct Locked {
    recipient: String,
    file: Vec<u8>,
}

impl Unwrapping {
    /// Takes the wraps out of the metadata.
    ///
    /// # Errors
    /// `Kind::Locked` if a wrap has more than one recipient stanza beside grease: that would be a reader whom no list
    /// shows.
    pub(super) fn new(metadata: &Metadata) -> Result<Self> {
        let mut groups = Vec::with_capacity(metadata.groups.len());
        for group in &metadata.groups {
            let mut locked = Vec::with_capacity(group.wraps.len());
            for wrap in &group.wraps {
                // A damaged wrap opens for nobody; the other recipients still read the file.
                let Some(file) = without_armor(&wrap.armor) else { continue };
                if stanzas(&file) > 1 {
                    let shown = printable(wrap.recipient.as_bytes());
                    return Err(Error::new(
                        Kind::Locked,
                        format!("the wrap for `{shown}` is made for more than one recipient"),
                    ));
                }
                locked.push(Locked { recipient: wrap.recipient.clone(), file });
            }
            groups.push(locked);
        }
        let all = groups.len();
        let needed = match metadata.shamir_threshold {
            Some(threshold) if threshold > 0 && all > 1 => threshold as usize,
            _ => all,
        };
        Ok(Self { shares: vec![None; all], groups, needed })
    }

    /// Tries one identity on every wrap that is still closed; returns whether enough of them are open now.
    ///
    /// `own` gives the recipient that belongs to the identity, so its own wraps come first: an X25519 trial costs two
    /// multiplications on the curve.
    pub fn try_identity(&mut self, identity: &dyn age::Identity, own: impl Fn() -> Option<String>) -> bool {
        let own = if self.groups.iter().any(|group| group.len() > 1) { own() } else { None };
        for (group, share) in self.groups.iter().zip(&mut self.shares) {
            if share.is_some() {
                continue;
            }
            let is_own = |locked: &&Locked| own.as_ref().is_some_and(|own| locked.recipient.starts_with(own));
            let first = group.iter().filter(is_own);
            let others = group.iter().filter(|locked| !is_own(locked));
            *share = first.chain(others).find_map(|locked| open(&locked.file, identity));
        }
        self.is_complete()
    }

    fn is_complete(&self) -> bool {
        self.needed > 0 && self.shares.iter().flatten().count() >= self.needed
    }

    /// Returns the data key, or `None` if too few wraps were opened.
    ///
    /// # Errors
    /// As [`DataKey::from_bytes`].
    pub fn finish(self) -> Result<Option<DataKey>> {
        if !self.is_complete() {
            return Ok(None);
        }
        let shares: Vec<_> = self.shares.into_iter().flatten().collect();
        let secret = match shares.as_slice() {
            [whole] if self.groups.len() == 1 => whole.clone(),
            shares => match shamir::combine(shares) {
                Some(secret) => secret,
                None => return Ok(None),
            },
        };
        DataKey::from_bytes(&secret).map(Some)
    }
}

fn open(file: &[u8], identity: &dyn age::Identity) -> Option<Zeroizing<Vec<u8>>> {
    let decryptor = age::Decryptor::new(file).ok()?;
    let reader = decryptor.decrypt(std::iter::once(identity)).ok()?;
    let mut secret = Zeroizing::new(Vec::with_capacity(MOST_WRAPPED as usize + 1));
    reader.take(MOST_WRAPPED + 1).read_to_end(&mut secret).ok()?;
    (secret.len() as u64 <= MOST_WRAPPED).then_some(secret)
}

fn without_armor(armor: &[u8]) -> Option<Vec<u8>> {
    let mut file = Vec::with_capacity(armor.len());
    ArmoredReader::new(armor).take(1 << 16).read_to_end(&mut file).ok()?;
    Some(file)
}

/// Tells what can be seen to be wrong with a wrap: damaged, more than one recipient, or made for a recipient of another
/// kind or key than its label says. For whom an X25519 stanza is cannot be seen.
pub(super) fn defect(wrap: &Wrap) -> Option<String> {
    let shown = short(&printable(wrap.recipient.as_bytes()));
    let Some(file) = without_armor(&wrap.armor) else { return Some(format!("the wrap for {shown} is damaged")) };
    let stanzas = stanza_arguments(&file);
    let [arguments] = stanzas.as_slice() else {
        return Some(format!("the wrap for {shown} is made for {} recipients", stanzas.len()));
    };
    let mut words = arguments.split(|b| *b == b' ');
    let (kind, tag) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let label = wrap.recipient.as_str();
    let wanted = label.split(' ').next().unwrap_or_default();
    if !label.starts_with("ssh-") {
        return (kind != b"X25519").then(|| format!("the wrap for {shown} is of another kind"));
    }
    let is_kind = kind == wanted.as_bytes();
    let key = label.split(' ').nth(1).and_then(|key| BASE64_STANDARD.decode(key).ok())?;
    // age's tag of an SSH key: the first four bytes of its SHA-256 (<https://github.com/C2SP/C2SP/blob/main/age.md>).
    let is_key = BASE64_STANDARD_NO_PAD.encode(&Sha256::digest(key)[..4]).as_bytes() == tag;
    (!is_kind || !is_key).then(|| format!("the wrap for {shown} is made for another key"))
}

/// Counts the recipient stanzas of an age header, without grease.
fn stanzas(file: &[u8]) -> usize {
    stanza_arguments(file).len()
}

/// Returns the arguments of each recipient stanza of an age header (<https://c2sp.org/age>), without grease.
fn stanza_arguments(file: &[u8]) -> Vec<&[u8]> {
    file.split(|b| *b == b'\n')
        .take_while(|line| !line.starts_with(b"---"))
        .filter_map(|line| line.strip_prefix(b"-> "))
        .filter(|arguments| {
            let kind = arguments.split(|b| *b == b' ').next().unwrap_or_default();
            !kind.ends_with(b"-grease")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_compared_without_its_comment() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJTRS5O6NRWmTDnGTz4BLWCh8Lyxa8HcEEQg2BgcOjLE";
        let Ok(one) = Recipient::parse(&format!("{key} alice@laptop")) else { return };
        assert_eq!(one.key_text(), key);
        assert_eq!(one.label(), format!("{key} alice@laptop"));
    }

    #[test]
    fn two_stanzas_are_counted_and_grease_is_not() {
        let file = b"age-encryption.org/v1\n-> X25519 a\nb\n-> x-grease c\nd\n-> X25519 e\nf\n--- mac\n-> no\n";
        assert_eq!(stanzas(file), 2);
    }

    #[test]
    fn what_is_no_recipient_is_refused() {
        for bad in ["", "age1", "alice", "ssh-dss AAAA", "age1x\nage1y", "AGE-SECRET-KEY-1QQ"] {
            assert!(Recipient::parse(bad).is_err(), "{bad}");
        }
    }
}
