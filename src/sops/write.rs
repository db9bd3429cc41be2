//! Writing a sealed file: lines that did not change keep their bytes, everything else is encrypted anew.

use std::collections::HashSet;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::Value;

use super::cipher::DataKey;
use super::cipher::Encrypted;
use super::codec::SealedFile;
use super::draft::Draft;
use super::draft::Row;
use super::kept::KeptLines;
use super::mac::SopsMac;
use super::metadata::Role;
use super::metadata::VERSION_WRITTEN;
use super::metadata::Wrap;
use super::opened::Opened;
use super::recipient::Recipient;
use super::seal::NextSeal;
use super::seal::Seal;
use super::seal::Version;
use super::selector::Selector;
use super::strict::Leniency;
use super::text::Text;
use super::text::escape_into;
use super::text::unescape;

/// A file that is ready to be stored.
pub struct Written {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What the trust record remembers of it; `None` for a plain sops file.
    pub version: Option<Version>,
}

impl Draft {
    /// Writes a file for `recipients` under a new data key; a plain sops file without `seal`.
    ///
    /// # Errors
    /// As [`Self::rewrite`]; `Kind::Failed` without recipients.
    pub fn write(
        &self,
        recipients: &[Recipient],
        selector: &Selector,
        seal: Option<NextSeal>,
        now: Timestamp,
    ) -> Result<Written> {
        if recipients.is_empty() {
            return Err(Error::new(Kind::Failed, "there is nobody to seal the file to"));
        }
        let key = DataKey::generate()?;
        let mut metadata = wrap_lines(&wraps_for(recipients, &key)?, 0);
        metadata.extend(selector_line(selector));
        Job { draft: self, key: &key, selector, mac_only_encrypted: false, now }.write(metadata, &[], seal)
    }

    /// Writes the next version of an opened file: same data key, same recipients.
    ///
    /// In a project `selector` is the one that `secrets.toml` asks for; without it the file keeps its own. `seal` is
    /// [`Opened::next_seal`] where the file keeps its state.
    ///
    /// # Errors
    /// `Kind::Failed` for a value that the format cannot hold, and a name that stands twice. `Kind::Bug` if what was
    /// written does not read back.
    pub fn rewrite(
        &self,
        opened: &Opened,
        selector: Option<&Selector>,
        seal: Option<NextSeal>,
        now: Timestamp,
    ) -> Result<Written> {
        let file = &opened.file;
        let keeps_mac_rule = selector.is_none() && file.metadata.mac_only_encrypted;
        let selector = selector.unwrap_or(&file.metadata.selector);
        let mut metadata = key_lines(file);
        if keeps_mac_rule {
            metadata.extend(kept_lines(file, |name| name == b"sops_mac_only_encrypted"));
        }
        metadata.extend(selector_line(selector));
        let job = Job {
            draft: self,
            key: &opened.key,
            selector,
            mac_only_encrypted: keeps_mac_rule,
            now: now.later_of(file.metadata.last_modified),
        };
        job.write(metadata, &[opened], seal)
    }

    /// Writes what a merge made of `sides`: under the data key of the first, with these wraps. A line that one of them has
    /// under that key keeps its bytes.
    ///
    /// # Errors
    /// As [`Self::rewrite`].
    pub fn rewrite_merged(
        &self,
        sides: &[&Opened],
        wraps: &[Wrap],
        selector: &Selector,
        seal: Option<NextSeal>,
        now: Timestamp,
    ) -> Result<Written> {
        let [first, ..] = sides else { return Err(Error::new(Kind::Bug, "a merge has sides")) };
        let mut metadata = wrap_lines(wraps, 0);
        metadata.extend(selector_line(selector));
        let commitment = first.commitment();
        let same_key: Vec<&Opened> = sides.iter().copied().filter(|side| side.commitment() == commitment).collect();
        let job = Job { draft: self, key: &first.key, selector, mac_only_encrypted: false, now };
        job.write(metadata, &same_key, seal)
    }
}

struct Job<'a> {
    draft: &'a Draft,
    key: &'a DataKey,
    selector: &'a Selector,
    mac_only_encrypted: bool,
    now: Timestamp,
}

impl Job<'_> {
    fn write(&self, mut metadata: Vec<Vec<u8>>, before: &[&Opened], seal: Option<NextSeal>) -> Result<Written> {
        let mut kept = KeptLines::of(before);
        let mut mac = SopsMac::new(self.mac_only_encrypted);
        let mut out = Vec::with_capacity(self.draft.rows.len() * 256);
        let mut walk = self.selector.walk();
        let mut seen = HashSet::with_capacity(self.draft.rows.len());
        for row in &self.draft.rows {
            match row {
                Row::Blank => {}
                Row::Comment(text) => {
                    // Only a comment that stays clear can mark what follows, and then the file holds this text.
                    let encrypts = walk.encrypts_comment(text.expose());
                    let is_bad = text.expose().contains(&b'\n') || Encrypted::is_meant(text.expose());
                    check_clear("a comment", !encrypts && is_bad)?;
                    self.put(b"#", b":", text, encrypts, "comment", &mut kept, &mut out)?;
                }
                Row::Entry(name, value) => {
                    let encrypts = walk.encrypts_name(name.as_bytes());
                    if !seen.insert(name) {
                        return Err(Error::new(Kind::Failed, format!("`{name}` is set twice")));
                    }
                    let bytes = value.expose();
                    let is_bad = unescape(bytes).len() != bytes.len() || Encrypted::is_meant(bytes);
                    check_clear(&format!("`{name}`"), !encrypts && is_bad)?;
                    let head = [name.as_bytes(), b"="].concat();
                    let label = [name.as_bytes(), b":"].concat();
                    self.put(&head, &label, value, encrypts, "str", &mut kept, &mut out)?;
                    mac.feed(value.expose(), encrypts);
                }
            }
            out.push(b'\n');
        }
        metadata.push(line("sops_lastmodified", self.now.to_string().as_bytes()));
        metadata.push(line("sops_mac", &mac.encrypt(self.now, self.key)?));
        metadata.push(line("sops_version", VERSION_WRITTEN.as_bytes()));
        if let Some(next) = seal {
            let unsealed = assemble(&out, &mut metadata);
            let text = Text::parse(&unsealed)?;
            let seal = Seal::make(&text, self.key, next)?;
            metadata.push(seal.to_line());
        }
        let bytes = assemble(&out, &mut metadata);
        let opened = read_back(&bytes, self.key)?;
        if !self.draft.says_the_same_as(&opened) {
            return Err(unreadable());
        }
        Ok(Written { bytes, version: opened.version() })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one line, used twice")]
    fn put(
        &self,
        head: &[u8],
        label: &[u8],
        value: &Value,
        encrypts: bool,
        kind: &'static str,
        kept: &mut KeptLines<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if let Some(line) = encrypts.then(|| kept.take(head, value)).flatten() {
            out.extend_from_slice(line);
            return Ok(());
        }
        out.extend_from_slice(head);
        if encrypts {
            self.key.encrypt(value.expose(), label, kind, out)
        } else {
            escape_into(value.expose(), out);
            Ok(())
        }
    }
}

/// Reads back what was written, with the key in hand. Only a file that opens may replace one.
///
/// # Errors
/// As [`SealedFile::read`] and [`SealedFile::open`].
pub(super) fn read_back(bytes: &[u8], key: &DataKey) -> Result<Opened> {
    let (file, _) = SealedFile::read(bytes, Leniency::None, None)?;
    file.open(key.duplicate())
}

pub(super) fn unreadable() -> Error {
    Error::new(Kind::Bug, "the file that was written does not read back; nothing was stored")
}

/// Refuses clear text that would not read back as it was given: `\n` in a value, a line end in a comment, `ENC[` in both.
fn check_clear(what: &str, is_bad: bool) -> Result<()> {
    if is_bad {
        return Err(Error::new(
            Kind::Failed,
            format!("{what} stands in clear, and the file format cannot hold such text there"),
        )
        .because("a literal `\\n`, a line end in a comment, and `ENC[` would read back as something else"));
    }
    Ok(())
}

/// Wraps the data key for each recipient, each key once.
pub(super) fn wraps_for(recipients: &[Recipient], key: &DataKey) -> Result<Vec<Wrap>> {
    let mut keys: HashSet<String> = HashSet::with_capacity(recipients.len());
    let new = recipients.iter().filter(|recipient| keys.insert(recipient.key_text()));
    new.map(|recipient| recipient.wrap(key)).collect()
}

/// Returns the lines of wraps; the first has the index `from`.
pub(super) fn wrap_lines(wraps: &[Wrap], from: usize) -> Vec<Vec<u8>> {
    let lines = wraps.iter().enumerate().flat_map(|(index, Wrap { recipient, armor })| {
        let prefix = format!("sops_age__list_{}__map_", from + index);
        [line(&format!("{prefix}enc"), armor), line(&format!("{prefix}recipient"), recipient.as_bytes())]
    });
    lines.collect()
}

/// Returns the lines of a file's keys, of whatever kind, as they stand.
fn key_lines(file: &SealedFile) -> Vec<Vec<u8>> {
    kept_lines(file, |name| name == b"sops_shamir_threshold" || matches!(Role::of(name), Role::Key { .. }))
}

/// Returns metadata lines as they stand.
pub(super) fn kept_lines(file: &SealedFile, is_kept: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
    file.text.metadata.iter().filter(|line| is_kept(line.name())).map(|line| line.line.to_vec()).collect()
}

fn selector_line(selector: &Selector) -> Option<Vec<u8>> {
    selector.written().map(|(name, value)| line(&format!("sops_{name}"), value))
}

fn line(name: &str, value: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(name.len() + value.len() + 16);
    line.extend_from_slice(name.as_bytes());
    line.push(b'=');
    escape_into(value, &mut line);
    line
}

/// Puts items and metadata together; the metadata bytewise by name, as sops 3.11 writes it.
pub(super) fn assemble(items: &[u8], metadata: &mut [Vec<u8>]) -> Vec<u8> {
    metadata.sort_by(|a, b| name_of(a).cmp(name_of(b)));
    let size: usize = metadata.iter().map(|line| line.len() + 1).sum();
    let mut out = Vec::with_capacity(items.len() + size);
    out.extend_from_slice(items);
    for line in metadata {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out
}

fn name_of(line: &[u8]) -> &[u8] {
    line.split(|b| *b == b'=').next().unwrap_or_default()
}
