//! The dotenv layout of sops: lines, names, values, and the metadata among them.
//!
//! Bytes, not text: nothing is trimmed, quotes are data, and only LF ends a line.

use std::borrow::Cow;
use std::ops::Deref;
use std::ops::Range;
use std::rc::Rc;

use memchr::memchr;
use memchr::memmem;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

/// The most lines: ten for each entry that a file may have would be a strange file, and each costs memory.
const MOST_LINES: usize = 50_000;
/// What a metadata name begins with.
pub(super) const METADATA_PREFIX: &[u8] = b"sops_";

/// A piece of the file that it came from, which is kept once for all of them.
#[derive(Clone)]
pub struct Slice {
    file: Rc<Vec<u8>>,
    range: Range<usize>,
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.file[self.range.clone()]
    }
}

/// One line that is not metadata, as it stands in the file.
pub struct Item {
    /// The line's number, from 1.
    pub number: usize,
    /// The bytes without the LF.
    pub line: Slice,
    shape: Shape,
}

enum Shape {
    Blank,
    Comment,
    /// Where the first `=` stands.
    Entry(usize),
}

/// What an item says.
pub enum Content<'a> {
    /// An empty line.
    Blank,
    /// The text after the `#`.
    Comment(&'a [u8]),
    /// The name, and the value with LF written as `\n`.
    Entry(&'a [u8], &'a [u8]),
}

impl Item {
    /// Returns what the line says.
    pub fn content(&self) -> Content<'_> {
        match self.shape {
            Shape::Blank => Content::Blank,
            Shape::Comment => Content::Comment(&self.line[1..]),
            Shape::Entry(at) => Content::Entry(&self.line[..at], &self.line[at + 1..]),
        }
    }

    /// Returns the name, if this is an entry.
    pub fn name(&self) -> Option<&[u8]> {
        match self.content() {
            Content::Entry(name, _) => Some(name),
            _ => None,
        }
    }
}

/// One `sops_…` line.
pub struct MetadataLine {
    /// The line's number, from 1.
    pub number: usize,
    /// The bytes without the LF.
    pub line: Slice,
    name_length: usize,
}

impl MetadataLine {
    /// Returns the name, prefix and all.
    pub fn name(&self) -> &[u8] {
        &self.line[..self.name_length]
    }

    /// Returns the value as it stands, LF written as `\n`.
    pub fn value(&self) -> &[u8] {
        &self.line[self.name_length + 1..]
    }
}

/// A whole file, in order.
pub struct Text {
    /// Every line that is not metadata.
    pub items: Vec<Item>,
    /// Every metadata line.
    pub metadata: Vec<MetadataLine>,
    /// Whether the file ends with LF and has its metadata in one block at the end, sorted by name, none twice.
    pub is_in_sealed_form: bool,
    /// The whole file.
    bytes: Rc<Vec<u8>>,
}

impl Text {
    /// Returns the file as it was read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Splits a file into its lines.
    ///
    /// # Errors
    /// `Kind::Failed` with the line's number, never the line: at a conflict marker (rule `merge-conflict`), and at a line
    /// that is neither empty, nor a comment, nor has a `=`.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let file = Rc::new(file.to_vec());
        let bytes = Rc::clone(&file);
        let mut text = Self { items: Vec::new(), metadata: Vec::new(), is_in_sealed_form: true, bytes };
        let mut start = 0;
        let mut number = 0;
        while start < file.len() {
            number += 1;
            if number > MOST_LINES {
                return Err(Error::new(Kind::Refused, format!("it has more than {MOST_LINES} lines")));
            }
            let end = memchr(b'\n', &file[start..]).map_or(file.len(), |length| start + length);
            text.is_in_sealed_form &= end < file.len();
            text.take(Slice { file: Rc::clone(&file), range: start..end }, number)?;
            start = end + 1;
        }
        Ok(text)
    }

    fn take(&mut self, line: Slice, number: usize) -> Result<()> {
        if is_conflict_marker(&line) {
            return Err(Error::new(Kind::Failed, format!("line {number} is a conflict marker of a merge"))
                .rule("merge-conflict")
                .hint("`secrets reseal` merges both sides by name"));
        }
        let shape = match (line.first(), memchr(b'=', &line)) {
            (None, _) => Shape::Blank,
            (Some(b'#'), _) => Shape::Comment,
            (_, Some(at)) => Shape::Entry(at),
            (_, None) => {
                return Err(Error::new(Kind::Failed, format!("line {number} is neither a comment nor has a `=`")));
            }
        };
        match shape {
            Shape::Entry(name_length) if line.starts_with(METADATA_PREFIX) => {
                let name = &line[..name_length];
                self.is_in_sealed_form &= self.metadata.last().is_none_or(|last| last.name() < name);
                self.metadata.push(MetadataLine { number, line, name_length });
            }
            shape => {
                self.is_in_sealed_form &= self.metadata.is_empty();
                self.items.push(Item { number, line, shape });
            }
        }
        Ok(())
    }
}

/// A plain file in sops' own dialect, where quotes are data: the input of `encrypt` and the output of `decrypt`.
pub struct PlainFile {
    /// The lines, in order.
    pub items: Vec<Item>,
}

impl PlainFile {
    /// Parses a plain file.
    ///
    /// # Errors
    /// `Kind::Failed` with a line number: as [`Text::parse`], and at a name that is reserved for metadata.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let text = Text::parse(file)?;
        if let Some(line) = text.metadata.first() {
            let number = line.number;
            return Err(Error::new(
                Kind::Failed,
                format!("line {number} has a name that begins with `sops_`: is the file encrypted already?"),
            ));
        }
        Ok(Self { items: text.items })
    }
}

/// Turns each two-byte `\n` into LF.
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memmem::find(text, b"\\n") else { return Cow::Borrowed(text) };
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    let mut next = Some(first);
    while let Some(at) = next {
        out.extend_from_slice(&text[from..at]);
        out.push(b'\n');
        from = at + 2;
        next = memmem::find(&text[from..], b"\\n").map(|found| from + found);
    }
    out.extend_from_slice(&text[from..]);
    Cow::Owned(out)
}

/// Appends `text` to `out` with each LF as the two bytes `\n`.
pub fn escape_into(text: &[u8], out: &mut Vec<u8>) {
    for (index, part) in text.split(|b| *b == b'\n').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\\n");
        }
        out.extend_from_slice(part);
    }
}

fn is_conflict_marker(line: &[u8]) -> bool {
    line.starts_with(b"<<<<<<< ") || line.starts_with(b">>>>>>> ") || line == b"======="
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslash_backslash_n_is_backslash_and_newline() {
        assert_eq!(unescape(b"a\\nb\\\\nc\\").as_ref(), b"a\nb\\\nc\\");
        let mut out = Vec::new();
        escape_into(b"a\nb\n", &mut out);
        assert_eq!(out, b"a\\nb\\n");
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_only() {
        let error = Text::parse(b"A=1\nhunter2\n").err().unwrap();
        assert_eq!(error.message(), "line 2 is neither a comment nor has a `=`");
        for bad in [&b"  # indented\n"[..], b"\r\n", b" \n"] {
            assert!(Text::parse(bad).is_err());
        }
        assert_eq!(Text::parse(b"=======\n").err().unwrap().broken_rule(), Some("merge-conflict"));
    }
}
