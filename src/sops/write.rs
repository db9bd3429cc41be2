//! Writing a sealed file: lines that did not change keep their bytes, everything else is encrypted anew.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::Value;

use super::cipher::DataKey;
use super::cipher::Encrypted;
use super::codec::Opened;
use super::codec::Plain;
use super::codec::SealedFile;
use super::draft::Draft;
use super::draft::Row;
use super::mac::SopsMac;
use super::metadata::Role;
use super::metadata::VERSION_WRITTEN;
use super::metadata::Wrap;
use super::seal::Bytes32;
use super::seal::Place;
use super::seal::Seal;
use super::selector::Selector;
use super::strict::Leniency;
use super::text::Text;
use super::text::escape_into;
use super::text::unescape;
use super::wrap::Recipient;

/// Whether the written file carries our seal.
pub enum Sealing {
    /// As the file that is replaced: a sealed one is sealed again, a plain sops file stays one.
    AsBefore,
    /// A new file, sealed for its place.
    New(Place),
    /// A plain sops file.
    None,
}

/// A file that is ready to be stored.
pub struct Written {
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Draft {
    /// Writes a file for `recipients` under a new data key.
    ///
    /// # Errors
    /// As [`Self::rewrite`]; `Kind::Failed` without recipients.
    pub fn write(
        &self,
        recipients: &[Recipient],
        selector: &Selector,
        sealing: Sealing,
        now: Timestamp,
    ) -> Result<Written> {
        if recipients.is_empty() {
            return Err(Error::new(Kind::Failed, "there is nobody to seal the file to"));
        }
        let key = DataKey::generate()?;
        let mut keys: Vec<String> = Vec::new();
        let mut wraps = Vec::new();
        for recipient in recipients {
            if !keys.contains(&recipient.key_text()) {
                keys.push(recipient.key_text());
                wraps.push(recipient.wrap(&key)?);
            }
        }
        let mut metadata = Vec::new();
        for (index, Wrap { recipient, armor }) in wraps.iter().enumerate() {
            let prefix = format!("sops_age__list_{index}__map_");
            metadata.push(line(&format!("{prefix}enc"), armor));
            metadata.push(line(&format!("{prefix}recipient"), recipient.as_bytes()));
        }
        metadata.extend(selector_line(selector));
        let sealed = match sealing {
            Sealing::New(place) => Some(NextSeal { place, seq: 1, prev: [0; 32], links: Vec::new() }),
            Sealing::AsBefore | Sealing::None => None,
        };
        Job { draft: self, key: &key, selector, mac_only_encrypted: false, now }.write(metadata, None, sealed)
    }

    /// Writes the next version of an opened file: same data key, same recipients.
    ///
    /// In a project `selector` is the one that `secrets.toml` asks for; without it the file keeps its own.
    ///
    /// # Errors
    /// `Kind::Failed` for a value that the format cannot hold, and a name that stands twice. `Kind::Bug` if what was
    /// written does not read back.
    pub fn rewrite(&self, opened: &Opened, selector: Option<&Selector>, now: Timestamp) -> Result<Written> {
        let file = &opened.file;
        let keeps_mac_rule = selector.is_none() && file.metadata.mac_only_encrypted;
        let selector = selector.unwrap_or(&file.metadata.selector);
        let kept = |line: &&super::text::MetadataLine| {
            let name = line.name();
            name == b"sops_shamir_threshold"
                || (name == b"sops_mac_only_encrypted" && keeps_mac_rule)
                || matches!(Role::of(name), Role::Key { .. })
        };
        let mut metadata: Vec<Vec<u8>> =
            file.text.metadata.iter().filter(kept).map(|line| line.line.to_vec()).collect();
        metadata.extend(selector_line(selector));
        let sealed = file.seal.as_ref().map(|seal| NextSeal {
            place: seal.place.clone(),
            seq: seal.seq.saturating_add(1),
            prev: seal.digest(&file.text),
            links: seal.links.clone(),
        });
        let job = Job {
            draft: self,
            key: &opened.key,
            selector,
            mac_only_encrypted: keeps_mac_rule,
            now: now.later_of(file.metadata.last_modified),
        };
        job.write(metadata, Some(opened), sealed)
    }
}

struct NextSeal {
    place: Place,
    seq: u64,
    prev: Bytes32,
    links: Vec<(Bytes32, Bytes32)>,
}

struct Job<'a> {
    draft: &'a Draft,
    key: &'a DataKey,
    selector: &'a Selector,
    mac_only_encrypted: bool,
    now: Timestamp,
}

impl Job<'_> {
    fn write(&self, mut metadata: Vec<Vec<u8>>, before: Option<&Opened>, seal: Option<NextSeal>) -> Result<Written> {
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
            let seal = Seal::make(&text, self.key, next.place, next.seq, next.prev, next.links)?;
            metadata.push(seal.to_line());
        }
        let bytes = assemble(&out, &mut metadata);
        self.verify(&bytes)?;
        Ok(Written { bytes })
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

    /// Reads back what was written, with the key in hand. Only a file that opens may replace one.
    fn verify(&self, bytes: &[u8]) -> Result<()> {
        let (file, _) = SealedFile::read(bytes, Leniency::None, None)?;
        let opened = file.open(DataKey::from_bytes(self.key.expose())?)?;
        if self.draft.says_the_same_as(&opened) {
            return Ok(());
        }
        Err(Error::new(Kind::Bug, "the file that was written does not read back; nothing was stored"))
    }
}

/// The lines of the version that is replaced, by what they say. Two equal comments share their label, so each line is
/// given out once: equal plaintexts must not become equal lines.
struct KeptLines<'a> {
    index: HashMap<(&'a [u8], &'a [u8]), usize>,
    lines: Vec<VecDeque<&'a [u8]>>,
}

impl<'a> KeptLines<'a> {
    fn of(before: Option<&'a Opened>) -> Self {
        let mut kept = Self { index: HashMap::new(), lines: Vec::new() };
        for (item, plain) in before.into_iter().flat_map(Opened::items) {
            let (head, value) = match plain {
                Plain::Blank => continue,
                Plain::Comment(text) => (&item.line[..1], text),
                Plain::Entry(value) => (&item.line[..=item.name().map_or(0, <[u8]>::len)], value),
            };
            // A number or bool that `sops set` left becomes a string, so its line changes.
            let is_typed = item.name().is_some() && !item.line.ends_with(b",type:str]");
            if is_typed || !Encrypted::is_meant(&item.line[head.len()..]) {
                continue;
            }
            let at = *kept.index.entry((head, value.expose())).or_insert(kept.lines.len());
            if at == kept.lines.len() {
                kept.lines.push(VecDeque::new());
            }
            kept.lines[at].push_back(&item.line);
        }
        kept
    }

    fn take(&mut self, head: &[u8], value: &Value) -> Option<&'a [u8]> {
        let at = *self.index.get(&(head, value.expose()))?;
        self.lines[at].pop_front()
    }
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
fn assemble(items: &[u8], metadata: &mut [Vec<u8>]) -> Vec<u8> {
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
