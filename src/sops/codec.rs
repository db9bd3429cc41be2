//! Opening a sealed file: parse, unwrap, decrypt, and check sops' mac and our seal before anything is given out.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Pattern;
use crate::base::Result;
use crate::base::Value;
use crate::base::printable;

use super::cipher::DataKey;
use super::cipher::Encrypted;
use super::mac::SopsMac;
use super::metadata::Metadata;
use super::metadata::SEAL_NAME;
use super::number;
use super::number::ValueKind;
use super::opened::Opened;
use super::opened::Plain;
use super::seal::Place;
use super::seal::Seal;
use super::strict;
use super::strict::Leniency;
use super::strict::Notes;
use super::text::Content;
use super::text::Item;
use super::text::Text;
use super::text::unescape;
use super::wrap::Unwrapping;

/// The most bytes of a file.
pub const MOST_FILE: usize = 4 << 20;
/// The most entries that a file may have.
const MOST_ENTRIES: usize = 10_000;
/// The most bytes of one value, encrypted.
const MOST_VALUE: usize = 1 << 20;
/// The most recipients.
const MOST_RECIPIENTS: usize = 256;

/// Tells whether a file looks sealed: it has a line of sops' metadata that every sealed file has.
pub fn is_sealed_file(file: &[u8]) -> bool {
    let starts =
        |name: &[u8]| file.starts_with(name) || memchr::memmem::find_iter(file, name).any(|at| file[at - 1] == b'\n');
    starts(b"sops_version=") || starts(b"sops_mac=")
}

/// A sealed file that is still closed.
pub struct SealedFile {
    pub(super) text: Text,
    pub(super) metadata: Metadata,
    pub(super) seal: Option<Seal>,
}

impl DataKey {
    /// Opens one value as it stands in a file; `None` if it does not authenticate under that name.
    pub fn open_entry(&self, name: &Name, text: &[u8]) -> Option<Value> {
        let label = [name.as_bytes(), b":"].concat();
        self.decrypt(&Encrypted::parse(text)?, &label)
    }
}

impl SealedFile {
    /// Reads a file through the strict reader; no key is needed. Every command comes through here.
    ///
    /// `plain` is given in a project: the patterns of names that may stand in clear.
    ///
    /// # Errors
    /// `Kind::Failed` for what is no sealed file; `Kind::Refused` beyond the limits and for a broken rule; `Kind::Locked`
    /// for a seal that is not written as one.
    pub fn read(file: &[u8], leniency: Leniency, plain: Option<&[Pattern]>) -> Result<(Self, Notes)> {
        let mut file = Self::parse(file)?;
        let notes = file.check(leniency, plain)?;
        Ok((file, notes))
    }

    /// Parses without any rule but those of the format, as sops would; the seal is not looked at. Only tests stop here.
    ///
    /// # Errors
    /// As [`Self::read`].
    #[doc(hidden)]
    pub fn parse(file: &[u8]) -> Result<Self> {
        if file.len() > MOST_FILE {
            let (found, most) = (file.len() >> 10, MOST_FILE >> 10);
            return Err(Error::new(Kind::Refused, format!("it has {found} KiB; the limit is {most} KiB")));
        }
        let text = Text::parse(file)?;
        check_limits(&text)?;
        let metadata = Metadata::parse(&text.metadata)?;
        let recipients = metadata.wraps().count();
        if recipients > MOST_RECIPIENTS {
            return Err(too_many(recipients, MOST_RECIPIENTS, "recipients"));
        }
        Ok(Self { text, metadata, seal: None })
    }

    /// Checks the strict reader's rules and the form of the seal: the second half of [`Self::read`].
    ///
    /// # Errors
    /// As [`Self::read`].
    #[doc(hidden)]
    pub fn check(&mut self, leniency: Leniency, plain: Option<&[Pattern]>) -> Result<Notes> {
        let notes = strict::check(&self.text, &self.metadata, leniency, plain)?;
        let line = self.text.metadata.iter().find(|line| line.name() == SEAL_NAME);
        self.seal = line.map(|line| Seal::parse(line.value())).transpose()?;
        Ok(notes)
    }

    /// Checks that a seal, if there is one, is for this place.
    ///
    /// # Errors
    /// `Kind::Refused` if it is for another.
    pub fn check_place(&self, place: &Place) -> Result<()> {
        self.seal.as_ref().map_or(Ok(()), |seal| seal.check_place(place))
    }

    /// Takes the seal away, so that [`Self::open`] does not ask for it: for whoever makes a new one after a look.
    pub fn set_seal_aside(&mut self) -> Option<Seal> {
        self.seal.take()
    }

    /// Returns the metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns the file as it was read.
    pub fn bytes(&self) -> &[u8] {
        self.text.bytes()
    }

    /// Returns the seal, if the file has one; only [`Self::open`] proves it.
    pub fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// Starts the search for an identity that opens the data key.
    ///
    /// # Errors
    /// As [`Unwrapping::new`].
    pub fn unwrapping(&self) -> Result<Unwrapping> {
        Unwrapping::new(&self.metadata)
    }

    /// Opens the file with its data key: seal, then every value, then sops' mac.
    ///
    /// # Errors
    /// `Kind::Locked` if anything does not authenticate.
    pub fn open(self, key: DataKey) -> Result<Opened> {
        self.open_with(key, true)
    }

    /// As [`Self::open`], but sops' mac is not compared. Only tests ask for it.
    #[doc(hidden)]
    pub fn open_without_mac(self, key: DataKey) -> Result<Opened> {
        self.open_with(key, false)
    }

    fn open_with(self, key: DataKey, check_mac: bool) -> Result<Opened> {
        if let Some(seal) = &self.seal {
            seal.verify(&self.text, &key)?;
        }
        let mut mac = SopsMac::new(self.metadata.mac_only_encrypted);
        let mut walk = self.metadata.selector.walk();
        let mut plain = Vec::with_capacity(self.text.items.len());
        let mut label = Vec::with_capacity(64);
        for item in &self.text.items {
            let encrypts = walk.encrypts(item);
            plain.push(match item.content() {
                Content::Blank => Plain::Blank,
                Content::Comment(text) => {
                    let (is_string, comment) = open_comment(item, text, encrypts, &key)?;
                    // sops 3.11 takes a comment that was stored as a string for a value.
                    if is_string {
                        mac.feed(comment.expose(), encrypts);
                    }
                    Plain::Comment(comment)
                }
                Content::Entry(name, text) => {
                    label.clear();
                    label.extend_from_slice(name);
                    label.push(b':');
                    let (covered, value) = open_value(item, &label, text, encrypts, &key)?;
                    mac.feed(covered.as_deref().unwrap_or(value.expose()), encrypts);
                    Plain::Entry(value)
                }
            });
        }
        if check_mac {
            mac.verify(&self.metadata, &key)?;
        }
        Ok(Opened { file: self, key, plain })
    }
}

/// Returns whether it is stored under another type than a comment's, and the text.
fn open_comment(item: &Item, text: &[u8], encrypts: bool, key: &DataKey) -> Result<(bool, Value)> {
    let parsed = if encrypts { Encrypted::parse(text) } else { None };
    // sops turns `\n` into a line end in values only.
    let Some(parsed) = parsed else { return Ok((false, Value::from(text))) };
    let comment = key.decrypt(&parsed, b":").ok_or_else(|| {
        let line = item.number;
        Error::new(Kind::Locked, format!("the comment on line {line} does not authenticate"))
    })?;
    Ok((parsed.kind != b"comment", comment))
}

/// Returns the bytes that sops' mac covers, where they are not the value's own, and the value.
fn open_value(
    item: &Item,
    label: &[u8],
    text: &[u8],
    encrypts: bool,
    key: &DataKey,
) -> Result<(Option<Vec<u8>>, Value)> {
    if text.is_empty() || !encrypts {
        return Ok((None, Value::from(unescape(text).as_ref())));
    }
    let locked = |what: &str| {
        let (line, name) = (item.number, printable(&label[..label.len() - 1]));
        Error::new(Kind::Locked, format!("the value of `{name}` on line {line} {what}"))
    };
    let parsed = Encrypted::parse(text).ok_or_else(|| locked("is not encrypted"))?;
    let opened = key.decrypt(&parsed, label).ok_or_else(|| locked("does not authenticate"))?;
    let kind = ValueKind::parse(parsed.kind).ok_or_else(|| locked("has an unknown type"))?;
    number::read(opened, kind).ok_or_else(|| locked("is not of its type"))
}

fn check_limits(text: &Text) -> Result<()> {
    let entries = text.items.iter().filter(|item| item.name().is_some()).count();
    if entries > MOST_ENTRIES {
        return Err(too_many(entries, MOST_ENTRIES, "entries"));
    }
    // Base64 and the frame around it: a value of 1 MiB takes about 4/3 MiB.
    let longest = MOST_VALUE / 3 * 4 + 256;
    if let Some(item) = text.items.iter().find(|item| item.line.len() > longest) {
        let line = item.number;
        return Err(Error::new(Kind::Refused, format!("line {line} is longer than a value of 1 MiB can be")));
    }
    Ok(())
}

fn too_many(found: usize, most: usize, what: &str) -> Error {
    Error::new(Kind::Refused, format!("it has {found} {what}; the limit is {most}"))
}
