//! From what is written in `secrets.toml` to types that cannot be wrong.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Pattern;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::printable;
use crate::sops::Recipient;

use super::config::Environment;
use super::config::Member;
use super::raw::RawEnvironment;
use super::raw::RawMember;

pub fn member(name: String, raw: RawMember) -> Result<Member> {
    check_word("a member", &name)?;
    let recipients = raw.recipients.iter().map(|text| Recipient::parse(text)).collect::<Result<Vec<_>>>()?;
    if let Some(until) = &raw.until {
        Timestamp::parse(format!("{until}T00:00:00Z").as_bytes())
            .map_err(|_| Error::new(Kind::Failed, format!("`until` of `{name}` is not a day such as 2027-01-31")))?;
    }
    Ok(Member { name, recipients, until: raw.until })
}

pub fn environment(name: String, raw: RawEnvironment) -> Result<Environment> {
    check_word("an environment", &name)?;
    let file = match raw.file {
        Some(file) => path_below(&file)?,
        None => format!("secrets/{name}.env"),
    };
    let references = raw.from.0.into_iter().map(|(name, _)| Name::parse(name)).collect::<Result<Vec<_>>>()?;
    let plain = raw.plain.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>>>()?;
    Ok(Environment { name, extends: raw.extends, file, readers: raw.readers, plain, references })
}

/// A word that may stand in paths, messages and the seal.
pub fn check_word(what: &str, word: &str) -> Result<()> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let first = word.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    if first && word.len() <= 64 && word.bytes().all(legal) {
        return Ok(());
    }
    let shown = printable(word.as_bytes());
    Err(Error::new(Kind::Failed, format!("`{shown}` cannot name {what}"))
        .hint("use letters, digits, `_`, `-` and `.`, at most 64"))
}

/// Takes a path below the project's folder, without its `.` parts.
fn path_below(path: &str) -> Result<String> {
    let shown = printable(path.as_bytes());
    let refused = |why: &str| Err(Error::new(Kind::Refused, format!("the path `{shown}` {why}")));
    if path.starts_with('/') || path.starts_with('~') || path.contains('\\') || path.contains(':') {
        return refused("must be relative, with `/` between its parts");
    }
    if path.len() > 1024 || path.chars().any(char::is_control) {
        return refused("is too long or holds control characters");
    }
    // What a shell, git's patterns or a terminal read as more than a character has no place in a file's name.
    if !path.chars().all(|c| c.is_alphanumeric() || "._-+@, /".contains(c)) {
        return refused("has a character that is not a letter, a digit or one of `._-+@,`");
    }
    let parts: Vec<&str> = path.split('/').filter(|part| *part != ".").collect();
    if parts.iter().any(|part| part.is_empty() || *part == "..") {
        return refused("leaves the project's folder");
    }
    if parts.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
        return refused("leads into git's own folder");
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_project_are_refused() {
        for bad in [
            "../a", "a/../../b", "/etc/x", "C:\\x", "//x", "~/x", "a//b", "", "a\0b", "a/..", ".git/hooks/x",
            "a$(b).env", "a*.env",
        ] {
            assert!(path_below(bad).is_err(), "{bad:?}");
        }
        assert_eq!(path_below("./secrets/./a.env").unwrap(), "secrets/a.env");
    }
}
