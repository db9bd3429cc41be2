//! The names that may enter an environment.

use std::fmt;

use super::Error;
use super::Kind;
use super::Result;
use super::printable;

/// A legal name: `[A-Za-z_][A-Za-z0-9_]*`, and not one that sops keeps for its metadata.
///
/// A `Name` that exists is legal; nobody checks again.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Box<str>);

impl Name {
    /// Parses a name.
    ///
    /// # Errors
    /// `Kind::Failed` if it is not legal (IEEE Std 1003.1, 3.216, without lower-case restriction), or
    /// starts with `sops_`, which is reserved in sops' dotenv format.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self> {
        let bytes = text.as_ref();
        if !Self::is_legal(bytes) {
            // What follows may be a value that was typed by mistake.
            let end = bytes.iter().position(|b| matches!(b, b'=' | b' ' | b'\t' | b'\n')).unwrap_or(bytes.len());
            let shown = printable(&bytes[..end]) + if end < bytes.len() { "…" } else { "" };
            return Err(Error::new(Kind::Failed, format!("`{shown}` is not a legal name"))
                .hint("a name has letters, digits and `_`, and does not begin with a digit"));
        }
        if bytes.starts_with(b"sops_") {
            let shown = printable(bytes);
            return Err(Error::new(
                Kind::Failed,
                format!("`{shown}`: names that begin with `sops_` are reserved by the file format"),
            ));
        }
        Ok(Self(String::from_utf8_lossy(bytes).into()))
    }

    /// Tells whether `bytes` have the form of a name, reserved or not.
    pub fn is_legal(bytes: &[u8]) -> bool {
        let Some((first, rest)) = bytes.split_first() else { return false };
        let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        word(first) && !first.is_ascii_digit() && rest.iter().all(word)
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A pattern over names: letters, digits, `_`, and `*` for any text, the empty one too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// `Kind::Failed` if it is empty or holds anything but `[A-Za-z0-9_*]`.
    pub fn parse(text: &str) -> Result<Self> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'*';
        if text.is_empty() || !text.bytes().all(legal) {
            let shown = printable(text.as_bytes());
            return Err(Error::new(
                Kind::Failed,
                format!("`{shown}` is not a name or a pattern of letters, digits, `_` and `*`"),
            ));
        }
        Ok(Self(text.into()))
    }

    /// Tells whether the whole of `name` fits the pattern.
    pub fn matches(&self, name: &str) -> bool {
        glob(self.0.as_bytes(), name.as_bytes())
    }

    /// Returns the pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Matches with one point to come back to, so the time is at most the product of the lengths.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            back = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = back {
            p = star + 1;
            t = from + 1;
            back = Some((star, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_posix_names_are_legal() {
        for legal in ["A", "_", "a1", "DATABASE_URL", "SOPS_X", "sops"] {
            assert!(Name::parse(legal).is_ok(), "{legal}");
        }
        for illegal in ["", "1A", "A B", "A-B", "A.B", "А", "A\n", "A=B", "export A", "sops_x"] {
            assert!(Name::parse(illegal).is_err(), "{illegal}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        let cases = [
            ("DB_*", "DB_URL", true),
            ("DB_*", "DB_", true),
            ("DB_*", "XDB_URL", false),
            ("*_KEY", "API_KEY", true),
            ("*_KEY", "API_KEYS", false),
            ("A*B*C", "AxxBxBxC", true),
            ("A*B*C", "AxxBxBx", false),
            ("*", "", true),
            ("PORT", "PORT", true),
            ("PORT", "PORTS", false),
        ];
        for (pattern, name, want) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(name), want, "{pattern} {name}");
        }
        assert!(Pattern::parse("A.B").is_err());
        assert!(Pattern::parse("").is_err());
    }
}
