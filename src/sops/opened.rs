//! A file that was opened: its plaintext, and what the next version of it follows.

use zeroize::Zeroizing;

use crate::base::Result;
use crate::base::Value;

use super::cipher::DataKey;
use super::codec::SealedFile;
use super::link;
use super::link::Bytes32;
use super::link::LinkKey;
use super::seal::Links;
use super::seal::NextSeal;
use super::seal::Seal;
use super::seal::Version;
use super::text::Item;
use super::text::escape_into;

/// The plaintext of one item.
pub enum Plain {
    Blank,
    Comment(Value),
    Entry(Value),
}

/// A file that was opened and proved whole.
pub struct Opened {
    pub(super) file: SealedFile,
    pub(super) key: DataKey,
    pub(super) plain: Vec<Plain>,
}

impl Opened {
    /// Returns the file as it stands.
    pub fn file(&self) -> &SealedFile {
        &self.file
    }

    /// Returns the data key, to open other versions that have it.
    pub fn data_key(&self) -> &DataKey {
        &self.key
    }

    /// Gives the data key away.
    pub fn into_data_key(self) -> DataKey {
        self.key
    }

    /// Returns each item beside its plaintext, in file order.
    pub fn items(&self) -> impl Iterator<Item = (&Item, &Plain)> {
        self.file.text.items.iter().zip(&self.plain)
    }

    /// Returns names and values, in file order.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Value)> {
        self.items().filter_map(|(item, plain)| match (item.name(), plain) {
            (Some(name), Plain::Entry(value)) => Some((name, value)),
            _ => None,
        })
    }

    /// Gives the values away, in file order.
    pub fn into_values(self) -> impl Iterator<Item = Value> {
        self.plain.into_iter().filter_map(|plain| match plain {
            Plain::Entry(value) => Some(value),
            Plain::Blank | Plain::Comment(_) => None,
        })
    }

    /// Takes back a seal that was set aside, if it is right; otherwise the file stays as it is.
    ///
    /// # Errors
    /// `Kind::Locked` if it does not fit.
    pub fn take_seal_back(&mut self, seal: Seal) -> Result<()> {
        seal.verify(&self.file.text, &self.key)?;
        self.file.seal = Some(seal);
        Ok(())
    }

    /// Returns the digest of a sealed version; `None` if it has no seal.
    pub fn digest(&self) -> Option<Bytes32> {
        self.file.seal.as_ref().map(|seal| seal.digest(&self.file.text))
    }

    /// Returns what the trust record remembers of a sealed version; `None` if it has no seal.
    pub fn version(&self) -> Option<Version> {
        self.file.seal.as_ref().map(|seal| Version {
            place: seal.place.clone(),
            seq: seal.seq,
            commitment: seal.commitment,
            link: self.link_key(),
            digest: seal.digest(&self.file.text),
            links: seal.links.clone(),
        })
    }

    /// Returns the commitment to the data key, sealed or not.
    pub fn commitment(&self) -> Bytes32 {
        link::commitment(&self.key)
    }

    /// Returns the link key of the data key.
    pub fn link_key(&self) -> LinkKey {
        LinkKey::of(&self.key)
    }

    /// Returns the seal of the next version under the same data key; `None` for a plain sops file, which stays one.
    pub fn next_seal(&self) -> Option<NextSeal> {
        self.file.seal.as_ref().map(|seal| NextSeal {
            place: seal.place.clone(),
            seq: seal.seq.saturating_add(1),
            prev: seal.digest(&self.file.text),
            links: Links::Carried(seal.links.clone()),
        })
    }

    /// Prints the plain file in sops' dialect, byte for byte what `sops decrypt` prints: blank lines are dropped.
    pub fn print(&self) -> Zeroizing<Vec<u8>> {
        let size = self.plain.iter().map(|p| match p {
            Plain::Blank => 0,
            Plain::Comment(value) | Plain::Entry(value) => value.len() * 2 + 2,
        });
        let names: usize = self.file.names().map(<[u8]>::len).sum();
        let mut out = Zeroizing::new(Vec::with_capacity(size.sum::<usize>() + names));
        for (item, plain) in self.items() {
            match plain {
                Plain::Blank => continue,
                Plain::Comment(text) => {
                    out.push(b'#');
                    out.extend_from_slice(text.expose());
                }
                Plain::Entry(value) => {
                    out.extend_from_slice(item.name().unwrap_or_default());
                    out.push(b'=');
                    escape_into(value.expose(), &mut out);
                }
            }
            out.push(b'\n');
        }
        out
    }
}
