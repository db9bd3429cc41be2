//! The document: lines in order, each with all of its bytes.

use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Value;

use super::parse;
use super::quote::quote;

/// A `.env` file.
#[derive(Default)]
pub struct Document {
    /// Whether the file began with a byte order mark.
    pub(super) has_bom: bool,
    pub(super) lines: Vec<Line>,
}

/// One line, or several where a quoted value goes over line ends.
pub enum Line {
    /// Nothing but white space; the bytes with their line end.
    Blank(Zeroizing<Vec<u8>>),
    /// A comment.
    Comment {
        /// What stands after the `#`.
        text: Value,
        /// All the bytes with their line end.
        raw: Zeroizing<Vec<u8>>,
    },
    /// A name with its value.
    Entry(Entry),
}

/// A name with its value, and how both are written.
pub struct Entry {
    /// The name.
    pub name: Name,
    /// The value, quotes and escapes resolved.
    pub value: Value,
    /// What stands after the `#` behind the value.
    pub remark: Option<Value>,
    /// The line on which the name stands, from 1.
    pub line: usize,
    /// From the line's begin to the value: indent, `export`, name, `=`, white space.
    pub(super) before: Zeroizing<Vec<u8>>,
    /// The value as it is written.
    pub(super) written: Zeroizing<Vec<u8>>,
    /// White space, inline comment and line end.
    pub(super) after: Zeroizing<Vec<u8>>,
}

impl Document {
    /// Parses a file.
    ///
    /// # Errors
    /// `Kind::Failed` with line and column, never with a value: what is broken, what the common readers disagree on, and a
    /// name that stands twice.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let document = parse::document(file)?;
        let mut seen = std::collections::HashMap::new();
        for entry in document.entries() {
            if let Some(first) = seen.insert(&entry.name, entry.line) {
                let (name, second) = (&entry.name, entry.line);
                return Err(Error::new(Kind::Failed, format!("`{name}` is set twice, on lines {first} and {second}"))
                    .hint("remove one of the two"));
            }
        }
        Ok(document)
    }

    /// Returns the lines, in order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Returns the entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().filter_map(|line| match line {
            Line::Entry(entry) => Some(entry),
            Line::Blank(_) | Line::Comment { .. } => None,
        })
    }

    /// Gives the entries away, in order.
    pub fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.lines.into_iter().filter_map(|line| match line {
            Line::Entry(entry) => Some(entry),
            Line::Blank(_) | Line::Comment { .. } => None,
        })
    }

    /// Appends an empty line.
    pub fn push_blank(&mut self) {
        self.lines.push(Line::Blank(Zeroizing::new(b"\n".to_vec())));
    }

    /// Appends a comment; each line of `text` becomes a line of its own.
    pub fn push_comment(&mut self, text: &Value) {
        for line in text.expose().split(|b| *b == b'\n') {
            let raw = Zeroizing::new([b"#", line, b"\n"].concat());
            self.lines.push(Line::Comment { text: Value::from(line), raw });
        }
    }

    /// Appends an entry, quoted only where it must be.
    pub fn push_entry(&mut self, name: Name, value: Value) {
        let quoted = quote(&value);
        let line = self.lines.len() + 1;
        self.lines.push(Line::Entry(Entry {
            before: Zeroizing::new(format!("{name}=").into_bytes()),
            written: quoted.text,
            after: Zeroizing::new(b"\n".to_vec()),
            remark: None,
            name,
            value,
            line,
        }));
    }

    /// Prints the document; what was parsed and not changed prints back to the byte.
    pub fn print(&self) -> Zeroizing<Vec<u8>> {
        let size: usize = self.lines.iter().map(Line::len).sum();
        let mut out = Zeroizing::new(Vec::with_capacity(size + parse::BOM.len()));
        if self.has_bom {
            out.extend_from_slice(parse::BOM);
        }
        for line in &self.lines {
            line.print_into(&mut out);
        }
        out
    }
}

impl Line {
    fn len(&self) -> usize {
        match self {
            Self::Blank(raw) | Self::Comment { raw, .. } => raw.len(),
            Self::Entry(entry) => entry.before.len() + entry.written.len() + entry.after.len(),
        }
    }

    fn print_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Blank(raw) | Self::Comment { raw, .. } => out.extend_from_slice(raw),
            Self::Entry(entry) => {
                for part in [&entry.before, &entry.written, &entry.after] {
                    out.extend_from_slice(part);
                }
            }
        }
    }
}
