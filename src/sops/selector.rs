//! Which values of a file are encrypted.

use regex::bytes::Regex;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Pattern;
use crate::base::Result;

use super::cipher::Encrypted;
use super::go_pattern::compile;
use super::text::Content;
use super::text::Item;

/// The pattern that encrypts every name and every comment.
const ENCRYPT_ALL: &str = "^$";
/// What sops takes where no selector line stands.
const DEFAULT_SUFFIX: &str = "_unencrypted";

/// The selectors that sops knows, without the prefix of their metadata.
pub const SELECTORS: [&str; 6] = [
    "unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex", "unencrypted_comment_regex",
    "encrypted_comment_regex",
];

/// Decides for each name and comment whether it is encrypted.
pub struct Selector {
    rule: Rule,
    /// The metadata line without the prefix: name and value; `None` where the file has none.
    written: Option<(&'static str, Vec<u8>)>,
}

enum Rule {
    EncryptAll,
    UnencryptedSuffix(Vec<u8>),
    EncryptedSuffix(Vec<u8>),
    UnencryptedRegex(Regex),
    EncryptedRegex(Regex),
    UnencryptedCommentRegex(Regex),
    EncryptedCommentRegex(Regex),
}

impl Selector {
    /// Makes the selector that we write: `plain` names stay clear, all else and every comment is encrypted.
    ///
    /// # Errors
    /// `Kind::Failed` if the patterns together are too large.
    pub fn for_plain(plain: &[Pattern]) -> Result<Self> {
        let text = if plain.is_empty() {
            ENCRYPT_ALL.to_string()
        } else {
            let parts: Vec<String> = plain.iter().map(|p| p.as_str().replace('*', ".*")).collect();
            format!("^(?:{})$", parts.join("|"))
        };
        Self::new("unencrypted_regex", text.as_bytes())
    }

    /// Reads the selector from metadata; `get` returns a value by its name without the prefix.
    pub(super) fn parse(get: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Self> {
        let mut found = SELECTORS.iter().filter_map(|name| get(name).map(|value| (*name, value)));
        match (found.next(), found.next()) {
            (None, _) => Ok(Self { rule: Rule::UnencryptedSuffix(DEFAULT_SUFFIX.into()), written: None }),
            (Some((name, value)), None) => Self::new(name, &value),
            (Some((one, _)), Some((two, _))) => {
                Err(Error::new(Kind::Failed, format!("it has two selectors, `sops_{one}` and `sops_{two}`")))
            }
        }
    }

    fn new(name: &'static str, value: &[u8]) -> Result<Self> {
        let regex = || compile(name, value);
        let rule = match name {
            "unencrypted_regex" if value == ENCRYPT_ALL.as_bytes() => Rule::EncryptAll,
            "unencrypted_suffix" => Rule::UnencryptedSuffix(value.to_vec()),
            "encrypted_suffix" => Rule::EncryptedSuffix(value.to_vec()),
            "unencrypted_regex" => Rule::UnencryptedRegex(regex()?),
            "encrypted_regex" => Rule::EncryptedRegex(regex()?),
            "unencrypted_comment_regex" => Rule::UnencryptedCommentRegex(regex()?),
            _ => Rule::EncryptedCommentRegex(regex()?),
        };
        Ok(Self { rule, written: Some((name, value.to_vec())) })
    }

    pub(super) fn is_metadata_name(rest: &str) -> bool {
        SELECTORS.contains(&rest)
    }

    /// Returns the metadata line's name, without prefix, and its value; `None` where the file has none.
    pub fn written(&self) -> Option<(&str, &[u8])> {
        self.written.as_ref().map(|(name, value)| (*name, value.as_slice()))
    }

    /// Starts at the top of a file. The comments above an item count for two of the selectors, so ask in file order.
    pub(super) fn walk(&self) -> Walk<'_> {
        Walk { selector: self, marked: false }
    }
}

/// A walk down a file.
pub(super) struct Walk<'a> {
    selector: &'a Selector,
    /// Whether a comment of the run above matched.
    marked: bool,
}

impl Walk<'_> {
    /// Tells whether the next item is to be encrypted. A blank line is not, and does not end a run of comments, since sops
    /// does not keep it.
    pub(super) fn encrypts(&mut self, item: &Item) -> bool {
        match item.content() {
            Content::Blank => false,
            Content::Comment(text) => self.encrypts_comment(text),
            Content::Entry(name, _) => self.encrypts_name(name),
        }
    }

    /// Tells whether a comment with this text in the file is to be encrypted.
    pub(super) fn encrypts_comment(&mut self, text: &[u8]) -> bool {
        match &self.selector.rule {
            Rule::EncryptAll | Rule::UnencryptedSuffix(_) | Rule::UnencryptedRegex(_) => true,
            Rule::EncryptedSuffix(_) | Rule::EncryptedRegex(_) => false,
            Rule::UnencryptedCommentRegex(regex) => {
                self.marked |= !Encrypted::is_meant(text) && regex.is_match(text);
                !self.marked
            }
            Rule::EncryptedCommentRegex(regex) => {
                let encrypted = self.marked;
                self.marked |= !Encrypted::is_meant(text) && regex.is_match(text);
                encrypted
            }
        }
    }

    /// Tells whether the value of `name` is to be encrypted; the run of comments ends here.
    pub(super) fn encrypts_name(&mut self, name: &[u8]) -> bool {
        let marked = std::mem::take(&mut self.marked);
        match &self.selector.rule {
            Rule::EncryptAll => true,
            Rule::UnencryptedSuffix(suffix) => !name.ends_with(suffix),
            Rule::EncryptedSuffix(suffix) => name.ends_with(suffix),
            Rule::UnencryptedRegex(regex) => !regex.is_match(name),
            Rule::EncryptedRegex(regex) => regex.is_match(name),
            Rule::UnencryptedCommentRegex(_) => !marked,
            Rule::EncryptedCommentRegex(_) => marked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encrypts(name: &'static str, value: &str, entry: &str) -> bool {
        Selector::new(name, value.as_bytes()).unwrap().walk().encrypts_name(entry.as_bytes())
    }

    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        for (pattern, name, matches) in [
            (r"^\d+$", "12", true),
            (r"^\w+$", "größe", false),
            (r"^[\w-]+$", "a-b", true),
            (r"^[\w-]+$", "ö", false),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            ("a{b", "a{b", true),
            ("^a{2}$", "aa", true),
            ("^[]a]+$", "]a", true),
            ("^[a&&b]+$", "&", true),
            ("^[[:alpha:]]+$", "ab", true),
            ("(?i)^ä$", "Ä", true),
            ("^.$", "ä", true),
        ] {
            assert_eq!(encrypts("encrypted_regex", pattern, name), matches, "{pattern} {name}");
        }
        assert!(Selector::new("encrypted_regex", b"(").is_err());
    }

    #[test]
    fn what_we_write_covers_the_plain_names_only() {
        let plain = [Pattern::parse("PORT").unwrap(), Pattern::parse("LOG_*").unwrap()];
        let selector = Selector::for_plain(&plain).unwrap();
        assert_eq!(selector.written().unwrap(), ("unencrypted_regex", &b"^(?:PORT|LOG_.*)$"[..]));
        let mut walk = selector.walk();
        assert!(!walk.encrypts_name(b"PORT"));
        assert!(!walk.encrypts_name(b"LOG_LEVEL"));
        assert!(walk.encrypts_name(b"PORTS"));
        assert!(walk.encrypts_comment(b" note"));
        assert_eq!(Selector::for_plain(&[]).unwrap().written().unwrap().1, b"^$");
    }

    #[test]
    fn a_suffix_or_pattern_decides_over_names() {
        assert!(!encrypts("unencrypted_suffix", "_pub", "KEY_pub"));
        assert!(encrypts("unencrypted_suffix", "_pub", "KEY"));
        assert!(encrypts("encrypted_suffix", "_SECRET", "A_SECRET"));
        assert!(!encrypts("encrypted_suffix", "_SECRET", "A"));
        assert!(encrypts("unencrypted_regex", "^$", "X_unencrypted"));
    }
}
