//! The wraps of a data key, and its opening by whatever identity fits.

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

use super::age_file;
use super::cipher::DataKey;
use super::hybrid::RECIPIENT_PREFIX;
use super::hybrid::TAG;
use super::metadata::Metadata;
use super::metadata::Wrap;
use super::recipient::Recipient;
use super::recipient::short;
use super::shamir;

/// The most bytes that a wrapped data key or share can have; anything longer is none.
const MOST_WRAPPED: usize = 64;

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
                let Some(file) = age_file::without_armor(&wrap.armor) else { continue };
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
            *share = first.chain(others).find_map(|locked| age_file::decrypt(&locked.file, identity, MOST_WRAPPED));
        }
        self.is_complete()
    }

    /// Tries an identity on the wraps whose label fits, and no others: a plugin is a program, and may ask a person. Returns
    /// whether the data key is complete.
    pub fn try_identity_on(&mut self, identity: &dyn age::Identity, fits: impl Fn(&str) -> bool) -> bool {
        for (group, share) in self.groups.iter().zip(&mut self.shares).filter(|(_, share)| share.is_none()) {
            let fitting = group.iter().filter(|locked| fits(&locked.recipient));
            *share = fitting.filter_map(|locked| age_file::decrypt(&locked.file, identity, MOST_WRAPPED)).next();
        }
        self.is_complete()
    }

    /// Tells whether some wrap that is still closed has a label that fits.
    pub fn has_label(&self, fits: impl Fn(&str) -> bool) -> bool {
        let closed = self.groups.iter().zip(&self.shares).filter(|(_, share)| share.is_none());
        closed.flat_map(|(group, _)| group).any(|locked| fits(&locked.recipient))
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

/// Tells what can be seen to be wrong with a wrap: damaged, more than one recipient, or made for a recipient of another
/// kind or key than its label says. For whom an X25519 stanza is cannot be seen.
pub(super) fn defect(wrap: &Wrap) -> Option<String> {
    let shown = short(&printable(wrap.recipient.as_bytes()));
    let Some(file) = age_file::without_armor(&wrap.armor) else {
        return Some(format!("the wrap for {shown} is damaged"));
    };
    let stanzas = stanza_arguments(&file);
    let [arguments] = stanzas.as_slice() else {
        return Some(format!("the wrap for {shown} is made for {} recipients", stanzas.len()));
    };
    let mut words = arguments.split(|b| *b == b' ');
    let (kind, tag) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let label = wrap.recipient.as_str();
    let wanted = label.split(' ').next().unwrap_or_default();
    if !label.starts_with("ssh-") {
        // A plugin has stanzas of its own, of which nothing is known here.
        if Recipient::parse(label).is_ok_and(|recipient| recipient.plugin().is_some()) {
            return None;
        }
        let wanted: &[u8] = if label.starts_with(RECIPIENT_PREFIX) { TAG.as_bytes() } else { b"X25519" };
        return (kind != wanted).then(|| format!("the wrap for {shown} is of another kind"));
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
    fn two_stanzas_are_counted_and_grease_is_not() {
        let file = b"age-encryption.org/v1\n-> X25519 a\nb\n-> x-grease c\nd\n-> X25519 e\nf\n--- mac\n-> no\n";
        assert_eq!(stanzas(file), 2);
    }
}
