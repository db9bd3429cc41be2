//! The strict reader: what sops would take and we refuse. It needs no key.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Pattern;
use crate::base::Result;
use crate::base::printable;

use super::cipher::Encrypted;
use super::cipher::IV_LENGTH;
use super::cipher::TAG_LENGTH;
use super::metadata::Metadata;
use super::metadata::Role;
use super::text::Content;
use super::text::Item;
use super::text::MetadataLine;
use super::text::Text;

/// How much the reader lets pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leniency {
    /// Every rule holds.
    None,
    /// `decrypt --lenient`: odd names and value types pass, for people who must get something out of an odd file.
    OddNames,
}

/// What passed with a remark: names whose state somebody without the key could have changed.
#[derive(Debug, Default)]
pub struct Notes {
    /// Values that are not encrypted.
    pub clear: Vec<String>,
    /// Empty values, which no mac of sops' covers.
    pub empty: Vec<String>,
    /// Comments in clear where ciphertext is due.
    pub clear_comments: usize,
    /// Values of `type:` int, float or bool, as `sops set` leaves them.
    pub typed: Vec<String>,
    /// Whether sops' mac covers the encrypted values only.
    pub mac_only_encrypted: bool,
}

/// Checks a file against the rules.
///
/// `plain` is given in a project: the patterns of names that may stand in clear.
///
/// # Errors
/// `Kind::Refused` with rule, line and name; never a value. `Kind::Locked` for a value that is due to be encrypted and is
/// not.
pub fn check(text: &Text, metadata: &Metadata, leniency: Leniency, plain: Option<&[Pattern]>) -> Result<Notes> {
    check_metadata(&text.metadata, metadata)?;
    let is_sealed = text.metadata.iter().any(|line| Role::of(line.name()) == Role::Seal);
    let mut notes = Notes { mac_only_encrypted: metadata.mac_only_encrypted, ..Notes::default() };
    let mut walk = metadata.selector.walk();
    let mut seen: HashMap<&[u8], usize> = HashMap::with_capacity(text.items.len());
    let mut not_encrypted = None;
    for item in &text.items {
        let encrypts = walk.encrypts(item);
        match item.content() {
            Content::Blank => {}
            Content::Comment(comment) => {
                let parsed = check_form(item.number, comment, encrypts)?;
                check_type(item.number, parsed.as_ref(), &[b"comment"], leniency)?;
                if parsed.is_none() && encrypts && !comment.is_empty() {
                    notes.clear_comments += 1;
                }
            }
            Content::Entry(name, value) => {
                check_name(item, name, leniency, &mut seen)?;
                let parsed = check_form(item.number, value, encrypts)?;
                let typed: &[&[u8]] = if is_sealed { &[b"str"] } else { &[b"str", b"int", b"float", b"bool"] };
                check_type(item.number, parsed.as_ref(), typed, leniency)?;
                let shown = || printable(name);
                if parsed.as_ref().is_some_and(|value| value.kind != b"str") {
                    notes.typed.push(shown());
                } else if value.is_empty() {
                    notes.empty.push(shown());
                } else if parsed.is_none() && encrypts {
                    not_encrypted.get_or_insert((item.number, shown()));
                } else if parsed.is_none() {
                    check_plain(item, name, plain)?;
                    notes.clear.push(shown());
                }
            }
        }
    }
    check_mac(&text.metadata)?;
    // Every rule comes before this one: a refusal by rule is 5, and this is 3.
    if let Some((line, name)) = not_encrypted {
        return Err(Error::new(Kind::Locked, format!("the value of `{name}` on line {line} is not encrypted")));
    }
    Ok(notes)
}

fn broken(rule: &'static str, line: usize, what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Refused, format!("line {line}: {what}")).rule(rule)
}

fn check_metadata(lines: &[MetadataLine], metadata: &Metadata) -> Result<()> {
    let mut seen = HashSet::with_capacity(lines.len());
    let mut indexes: HashMap<(Option<usize>, &str), HashSet<usize>> = HashMap::new();
    let mut groups = HashSet::new();
    for line in lines {
        let name = line.name();
        let shown = printable(name);
        if !seen.insert(name) {
            return Err(broken("duplicate-metadata", line.number, format!("`{shown}` stands twice")));
        }
        match Role::of(name) {
            Role::Unknown => {
                return Err(broken("unknown-metadata", line.number, format!("`{shown}` is not known")));
            }
            Role::Key { group, kind, index, .. } => {
                indexes.entry((group, kind)).or_default().insert(index);
                groups.extend(group);
            }
            Role::Single | Role::Seal => {}
        }
    }
    if metadata.shamir_threshold == Some(0) {
        return Err(Error::new(Kind::Refused, "`sops_shamir_threshold` is below 1").rule("unknown-metadata"));
    }
    let is_flat = |(group, _): &(Option<usize>, &str)| group.is_none();
    if !groups.is_empty() && indexes.keys().any(is_flat) {
        return Err(
            Error::new(Kind::Refused, "it has recipients both in groups and outside of them").rule("unknown-metadata")
        );
    }
    // Without gaps the highest index is one less than their number.
    let has_gap = |set: &HashSet<usize>| set.iter().max().is_some_and(|max| max + 1 != set.len());
    if has_gap(&groups) || indexes.values().any(has_gap) {
        return Err(
            Error::new(Kind::Refused, "the indexes of its recipients are not 0, 1, 2, …").rule("metadata-index")
        );
    }
    if metadata.wraps().next().is_none() {
        let kinds = metadata.foreign_kinds().join(", ");
        return Err(Error::new(Kind::Refused, format!("it has no age recipient, only keys of {kinds}"))
            .rule("foreign-key")
            .hint("where its keys are at hand: `sops rotate --in-place --add-age RECIPIENT FILE`"));
    }
    Ok(())
}

fn check_name<'a>(item: &Item, name: &'a [u8], leniency: Leniency, seen: &mut HashMap<&'a [u8], usize>) -> Result<()> {
    if leniency == Leniency::OddNames {
        return Ok(());
    }
    if name.is_empty() {
        return Err(broken("empty-name", item.number, "the name is empty"));
    }
    if !Name::is_legal(name) {
        let shown = printable(name);
        let mut error = broken("illegal-name", item.number, format!("`{shown}` is not a legal name"));
        if let Some(bare) = shown.strip_prefix("export ") {
            error = error.hint(format!("sops keeps `export` as part of the name; rename it to `{bare}`"));
        }
        return Err(error.hint("to get the values out all the same: `secrets decrypt --lenient FILE`"));
    }
    match seen.insert(name, item.number) {
        None => Ok(()),
        Some(first) => {
            let shown = printable(name);
            Err(broken("duplicate-name", item.number, format!("`{shown}` stands twice, first on line {first}")))
        }
    }
}

/// sops' mac has the form of a value. Text behind it would hide our seal: one flipped bit can make a line end of two lines
/// into one.
fn check_mac(lines: &[MetadataLine]) -> Result<()> {
    let Some(mac) = lines.iter().find(|line| line.name() == b"sops_mac") else { return Ok(()) };
    let parsed = check_form(mac.number, mac.value(), true)?;
    check_type(mac.number, parsed.as_ref(), &[b"str"], Leniency::None)
}

/// Checks how a value or comment is written; `None` if it is in clear.
fn check_form<'a>(line: usize, text: &'a [u8], encrypts: bool) -> Result<Option<Encrypted<'a>>> {
    if !Encrypted::is_meant(text) {
        return Ok(None);
    }
    if !encrypts {
        return Err(broken("encrypted-but-clear", line, "it is encrypted, but the selector says clear"));
    }
    let malformed = || broken("value-form", line, "the encrypted value is not in sops' form");
    let parsed = Encrypted::parse(text).filter(|value| value.is_exact).ok_or_else(malformed)?;
    let (iv, tag) = parsed.lengths().ok_or_else(malformed)?;
    if iv != IV_LENGTH {
        return Err(broken("iv-length", line, format!("the IV has {iv} bytes instead of {IV_LENGTH}")));
    }
    if tag != TAG_LENGTH {
        return Err(broken("tag-length", line, format!("the tag has {tag} bytes instead of {TAG_LENGTH}")));
    }
    Ok(Some(parsed))
}

fn check_type(line: usize, value: Option<&Encrypted<'_>>, allowed: &[&[u8]], leniency: Leniency) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    if leniency == Leniency::OddNames || allowed.contains(&value.kind) {
        return Ok(());
    }
    let shown = printable(value.kind);
    Err(broken("value-type", line, format!("`type:{shown}` does not belong there")))
}

fn check_plain(item: &Item, name: &[u8], plain: Option<&[Pattern]>) -> Result<()> {
    let Some(plain) = plain else { return Ok(()) };
    let shown = printable(name);
    if plain.iter().any(|pattern| pattern.matches(&shown)) {
        return Ok(());
    }
    Err(broken("selector", item.number, format!("`{shown}` stands in clear, and `plain` does not name it"))
        .hint(format!("if it is no secret, add `{shown}` to `plain` in secrets.toml")))
}
