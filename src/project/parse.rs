//! From what is written in `secrets.toml` to types that cannot be wrong.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Pattern;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::printable;
use crate::base::seconds;
use crate::sops::Recipient;

use super::config::Environment;
use super::config::Referenced;
use super::config::ValueSpec;
use super::raw::RawEnvironment;
use super::raw::RawFormer;
use super::raw::RawFrom;
use super::raw::RawMember;
use super::raw::RawValue;
use super::team::Former;
use super::team::Member;

pub fn member(name: String, raw: RawMember) -> Result<Member> {
    check_word("a member", &name)?;
    let recipients = raw.recipients.iter().map(|text| Recipient::parse(text)).collect::<Result<Vec<_>>>()?;
    if let Some(until) = &raw.until {
        check_day(until, &format!("`until` of `{name}`"))?;
    }
    Ok(Member { name, recipients, kind: raw.kind, until: raw.until })
}

/// Takes somebody who was a member: no recipient is too old to be named.
pub fn former(name: String, raw: RawFormer) -> Result<Former> {
    check_word("a member", &name)?;
    check_day(&raw.removed, &format!("`removed` of `{name}`"))?;
    let names = |names: Vec<String>| names.iter().map(Name::parse).collect::<Result<Vec<_>>>();
    let rotate = raw.rotate.into_iter().map(|(environment, list)| Ok((environment, names(list)?)));
    let keys = raw.recipients.iter().map(|text| Recipient::parse(text).map_or(text.clone(), |found| found.key_text()));
    Ok(Former { name, keys: keys.collect(), removed: raw.removed, rotate: rotate.collect::<Result<_>>()? })
}

/// A string as it is; anything else as JSON.
pub fn as_text(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

fn check_day(day: &str, what: &str) -> Result<()> {
    Timestamp::parse(format!("{day}T00:00:00Z").as_bytes())
        .map(|_| ())
        .map_err(|_| Error::new(Kind::Failed, format!("{what} is not a day such as 2027-01-31")))
}

/// Takes a span of whole days or hours, `90d` or `36h`; returns seconds.
pub fn span(text: &str, what: &str) -> Result<i64> {
    let failed = || Error::new(Kind::Failed, format!("{what} is not a span such as `90d` or `36h`"));
    seconds(text, &["d", "h"]).ok_or_else(failed)
}

/// Takes the way to the folder whose members a service has: `..` parts and nothing else. Returns how many.
pub fn steps_up(root: &str) -> Result<usize> {
    let parts: Vec<&str> = root.split('/').collect();
    if parts.iter().all(|part| *part == "..") && parts.len() <= 16 {
        return Ok(parts.len());
    }
    let shown = printable(root.as_bytes());
    Err(Error::new(Kind::Refused, format!("`root` in secrets.toml is `{shown}`"))
        .because("it leads upward, in the same repository, such as `../..`"))
}

pub fn environment(name: String, raw: RawEnvironment) -> Result<Environment> {
    check_word("an environment", &name)?;
    let file = match raw.file {
        Some(file) => path_below(&file)?,
        None => default_file(&name),
    };
    let in_from = |error: Error| error.in_front(format!("[environments.{name}.from]: "));
    let references = raw.from.0.into_iter().map(|(name, from)| referenced(name, from).map_err(in_from));
    let references = references.collect::<Result<Vec<_>>>()?;
    let plain = raw.plain.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>>>()?;
    Ok(Environment { name, extends: raw.extends, file, readers: raw.readers, plain, references, expose: raw.expose })
}

fn referenced(name: String, from: serde_json::Value) -> Result<Referenced> {
    let name = Name::parse(name)?;
    let text = as_text(from.clone());
    let raw = match from {
        serde_json::Value::String(reference) => RawFrom { reference, ..RawFrom::default() },
        other => serde_json::from_value(other)
            .map_err(|error| Error::new(Kind::Failed, format!("`{name}` is not understood")).because(error))?,
    };
    if let Some(ttl) = &raw.ttl {
        let wrong = || Error::new(Kind::Failed, format!("`ttl` of `{name}` is not a span such as `15m` or `1h`"));
        seconds(ttl, &["d", "h", "m", "s"]).ok_or_else(wrong)?;
    }
    let reference = Reference::parse(&raw.reference).map_err(|error| error.in_front(format!("`{name}`: ")))?;
    Ok(Referenced { name, text, reference, is_optional: raw.optional })
}

/// What some version of a `secrets.toml` declared, as far as it can be understood.
#[derive(Default)]
pub struct Declared {
    /// The environments' files, below its folder.
    pub files: Vec<String>,
    /// How many folders up `root` leads; 0 without one.
    pub steps: usize,
}

/// Reads what some version of a `secrets.toml` declared.
pub fn declared_in(text: &str) -> Declared {
    let Ok(table) = text.parse::<toml::Table>() else { return Declared::default() };
    let environments = table.get("environments").and_then(toml::Value::as_table);
    let file = |(name, environment): (&String, &toml::Value)| match environment.get("file") {
        Some(file) => path_below(file.as_str()?).ok(),
        None => path_below(&default_file(name)).ok(),
    };
    let steps = table.get("root").and_then(toml::Value::as_str).and_then(|root| steps_up(root).ok());
    Declared { files: environments.into_iter().flatten().filter_map(file).collect(), steps: steps.unwrap_or(0) }
}

fn default_file(name: &str) -> String {
    format!("secrets/{name}.env")
}

pub fn value(name: String, raw: RawValue) -> Result<(Name, ValueSpec)> {
    let name = Name::parse(name)?;
    let max_age = raw.max_age.as_deref().map(|text| span(text, &format!("`max_age` of `{name}`"))).transpose()?;
    let rotator = raw.rotator.map(as_text);
    Ok((name, ValueSpec { required: raw.required, runs_code: raw.runs_code, max_age, rotator }))
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
    fn a_span_is_whole_days_or_hours() {
        assert_eq!(span("90d", "it").unwrap(), 90 * 86_400);
        assert_eq!(span("36h", "it").unwrap(), 36 * 3_600);
        for bad in ["", "d", "9", "9é", "é", "+9d", "9.5d", "99999999999d", "9 d"] {
            assert!(span(bad, "it").is_err(), "{bad:?}");
        }
    }

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
