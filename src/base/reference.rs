//! A reference: `scheme://path?option=…#field`, a value that lives in a store.

use std::fmt;

use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::percent_decode_str;
use percent_encoding::utf8_percent_encode;

use super::Error;
use super::Kind;
use super::Result;
use super::printable;

/// What stands as it is in a part of a path (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The most bytes; the longest name of a store, an Azure or AWS address, is far below.
const LONGEST: usize = 2048;

/// A reference whose form is right; whether its store exists is another question.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Reference {
    text: String,
    scheme: String,
    path: Vec<String>,
    options: Vec<(String, String)>,
    field: Option<String>,
}

impl Reference {
    /// Reads a reference. Each part of the path is percent-decoded once.
    ///
    /// # Errors
    /// `Kind::Failed` for anything that is not one, `Kind::Refused` for one with a user in it, which would look like another
    /// address.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::new(Kind::Failed, format!("`{}` {why}", printable(text.as_bytes())));
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("is no reference: it has no `scheme://`"))?;
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !scheme.starts_with(|c: char| c.is_ascii_lowercase()) || !scheme.bytes().all(is_word) {
            return Err(wrong("is no reference: its scheme is not a word of small letters"));
        }
        if text.len() > LONGEST || text.chars().any(|c| c.is_control() || c == ' ') {
            return Err(wrong("is no reference: it is too long, or has a blank or a control character"));
        }
        let (rest, field) = split_end(rest, '#');
        let (path, query) = split_end(rest, '?');
        if path.split('/').next().is_some_and(|first| first.contains('@')) {
            return Err(wrong("has a `@` in its address")
                .as_kind(Kind::Refused)
                .hint("write `%40` where a name has one"));
        }
        let decoded = |part: &str| decode(part).ok_or_else(|| wrong("has a part that is empty, `.`, `..` or no text"));
        let path = path.split('/').map(decoded).collect::<Result<Vec<_>>>()?;
        let option = |pair: &str| {
            let (name, value) = pair.split_once('=').ok_or_else(|| wrong("has an option without a value"))?;
            Ok((decoded(name)?, decoded(value)?))
        };
        let options = query.into_iter().flat_map(|query| query.split('&')).map(option).collect::<Result<Vec<_>>>()?;
        let field = field.map(decoded).transpose()?;
        Ok(Self { text: text.to_string(), scheme: scheme.to_string(), path, options, field })
    }

    /// Makes the reference whose path has these parts.
    pub fn new(scheme: &str, path: &[&str]) -> Self {
        let parts: Vec<String> = path.iter().map(|part| utf8_percent_encode(part, ENCODED).to_string()).collect();
        Self {
            text: format!("{scheme}://{}", parts.join("/")),
            scheme: scheme.to_string(),
            path: path.iter().map(ToString::to_string).collect(),
            options: Vec::new(),
            field: None,
        }
    }

    /// Returns the word in front: which store it is.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the parts of the path, decoded; never empty, and none of them is.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Tells whether it has a version, a stage or anything else behind a `?`.
    pub fn has_options(&self) -> bool {
        !self.options.is_empty()
    }

    /// Returns the part of the value that is meant; `None` for all of it.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn split_end(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn decode(part: &str) -> Option<String> {
    let is_hex = |pair: Option<&[u8]>| pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
    let bytes = part.as_bytes();
    let is_whole = |(at, _): (usize, &u8)| is_hex(bytes.get(at + 1..at + 3));
    if !bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(is_whole) {
        return None;
    }
    let text = percent_decode_str(part).decode_utf8().ok()?;
    let is_right = !matches!(&*text, "" | "." | "..") && !text.chars().any(char::is_control);
    is_right.then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_parts() {
        let found = Reference::parse("vault://secret/my%2Fapp/d%20b?version=3&stage=x#url").unwrap();
        assert_eq!((found.scheme(), found.field()), ("vault", Some("url")));
        assert_eq!(found.path(), ["secret", "my/app", "d b"]);
        assert_eq!(found.options, [("version".into(), "3".into()), ("stage".into(), "x".into())]);
        assert_eq!(Reference::new("vault", &["secret", "my/app", "d b"]).to_string(), "vault://secret/my%2Fapp/d%20b");
    }

    #[test]
    fn what_is_printed_is_read_again() {
        for part in ["a", "größe", "a/b", "%41", "a@b", "#?&=", "~._-", "日本"] {
            let made = Reference::new("keychain", &["s", part]);
            assert_eq!(Reference::parse(&made.to_string()).unwrap(), made);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for bad in [
            "", "x", "keychain", "keychain:/a/b", "Keychain://a/b", "://a/b", "1k://a/b", "k://", "k:///a", "k://a//b",
            "k://a/", "k://a/.", "k://a/..", "k://a/%2e%2E", "k://a/%", "k://a/%4", "k://a/%zz", "k://a/%00",
            "k://a/%0a", "k://a/%ff", "k://a/b\n", "k://a/b c", "k://a/b?", "k://a/b?x", "k://a/b?x=", "k://a/b#",
            "k://a/\u{9b}",
        ] {
            assert!(Reference::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Reference::parse(&format!("k://a/{}", "b".repeat(3000))).is_err());
        assert_eq!(Reference::parse("k://good@evil/a").unwrap_err().kind(), Kind::Refused);
    }
}
