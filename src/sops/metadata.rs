//! The `sops_…` lines as types: recipients, selector, mac, times, and our seal.

use std::collections::BTreeMap;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::printable;

use super::selector::Selector;
use super::text::MetadataLine;
use super::text::unescape;

/// The name of our one metadata line.
pub(super) const SEAL_NAME: &[u8] = b"sops_secrets_seal";
/// What we write as `sops_version`, so that sops takes the file as its own.
pub(super) const VERSION_WRITTEN: &str = "3.11.0";

/// Fields of each kind of key that sops knows, without the list's prefix.
const KEY_KINDS: [(&str, &[&str]); 7] = [
    ("age", &["recipient", "enc"]),
    ("pgp", &["created_at", "enc", "fp"]),
    ("kms", &["arn", "role", "context", "created_at", "enc", "aws_profile"]),
    ("gcp_kms", &["resource_id", "created_at", "enc"]),
    ("azure_kv", &["vault_url", "name", "version", "created_at", "enc"]),
    ("hc_vault", &["vault_address", "engine_path", "key_name", "created_at", "enc"]),
    ("hckms", &["key_id", "created_at", "enc"]),
];

/// The names that stand alone, beside the selectors.
const SINGLE_NAMES: [&str; 5] = ["lastmodified", "mac", "version", "mac_only_encrypted", "shamir_threshold"];

/// The data key, wrapped for one age recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrap {
    /// The recipient as it was given. A label: nothing checks it when opening.
    pub recipient: String,
    /// The armored age file.
    pub armor: Vec<u8>,
}

/// A set of recipients, each of which holds the same share.
#[derive(Default)]
pub struct KeyGroup {
    /// The age recipients, in the order of their indexes.
    pub wraps: Vec<Wrap>,
    /// Kinds of keys that we keep and cannot open: `pgp`, `kms` …
    pub foreign: Vec<String>,
}

/// What the metadata says.
pub struct Metadata {
    /// One group, or several with Shamir's scheme.
    pub groups: Vec<KeyGroup>,
    /// How many shares are needed; `None` or 0 means all.
    pub shamir_threshold: Option<u32>,
    /// When the file was last written.
    pub last_modified: Timestamp,
    /// sops' mac, still encrypted.
    pub mac: Vec<u8>,
    /// Which values are encrypted.
    pub selector: Selector,
    /// Whether sops' mac covers the encrypted values only.
    pub mac_only_encrypted: bool,
}

impl Metadata {
    /// Reads the metadata as sops does; for a name that stands twice the last line counts.
    ///
    /// # Errors
    /// `Kind::Failed`, with what is missing or wrong: no metadata, no time or a wrong one, no recipient, two selectors, a
    /// selector that does not compile, a version without digits.
    pub(super) fn parse(lines: &[MetadataLine]) -> Result<Self> {
        let failed = |message: &str| Error::new(Kind::Failed, message);
        if lines.is_empty() {
            return Err(failed("it has no `sops_` lines: it is not a sealed file, or it was cut short"));
        }
        let single: BTreeMap<&[u8], &MetadataLine> = lines.iter().map(|line| (line.name(), line)).collect();
        let get = |name: &str| {
            let line = single.get(format!("sops_{name}").as_bytes())?;
            Some(unescape(line.value()).into_owned()).filter(|value| !value.is_empty())
        };
        let time = get("lastmodified").ok_or_else(|| failed("it has no `sops_lastmodified`"))?;
        let last_modified = Timestamp::parse(&time).map_err(|error| {
            failed("`sops_lastmodified` is not a time; were the file's line ends converted?").because(error)
        })?;
        let groups = key_groups(lines);
        if groups.iter().all(|group| group.wraps.is_empty() && group.foreign.is_empty()) {
            return Err(failed("it has no recipients"));
        }
        let selector = Selector::parse(|name| get(name))?;
        let version = get("version").unwrap_or_default();
        if !version.iter().any(u8::is_ascii_digit) {
            return Err(failed("`sops_version` is missing or not a version"));
        }
        Ok(Self {
            groups,
            shamir_threshold: get("shamir_threshold").map(|text| threshold(&text)).transpose()?,
            last_modified,
            mac: get("mac").unwrap_or_default(),
            selector,
            mac_only_encrypted: get("mac_only_encrypted").is_some_and(|text| text == b"true"),
        })
    }

    /// Returns every age wrap, group by group.
    pub fn wraps(&self) -> impl Iterator<Item = &Wrap> {
        self.groups.iter().flat_map(|group| &group.wraps)
    }

    /// Returns the kinds of keys that we cannot open, each once.
    pub fn foreign_kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = self.groups.iter().flat_map(|group| &group.foreign).map(String::as_str).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

/// An integer; old writers stored a float that is integral.
fn threshold(text: &[u8]) -> Result<u32> {
    let shown = std::str::from_utf8(text).unwrap_or_default();
    let whole = shown.split_once('.').map_or(
        shown,
        |(whole, fraction)| {
            if fraction.bytes().all(|b| b == b'0') { whole } else { shown }
        },
    );
    whole.parse().map_err(|_| Error::new(Kind::Failed, "`sops_shamir_threshold` is not a number"))
}

/// Where a metadata line belongs.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Role<'a> {
    /// A field of a key: group, kind, position in the list, field.
    Key { group: Option<usize>, kind: &'a str, index: usize, field: &'a str },
    /// A name that stands alone.
    Single,
    /// Our seal.
    Seal,
    /// None of these.
    Unknown,
}

impl<'a> Role<'a> {
    /// Finds out by the name alone.
    pub(super) fn of(name: &'a [u8]) -> Self {
        if name == SEAL_NAME {
            return Self::Seal;
        }
        let Ok(name) = std::str::from_utf8(name) else { return Self::Unknown };
        let Some(rest) = name.strip_prefix("sops_") else { return Self::Unknown };
        if SINGLE_NAMES.contains(&rest) || Selector::is_metadata_name(rest) {
            return Self::Single;
        }
        key_field(rest).unwrap_or(Self::Unknown)
    }
}

fn key_field(rest: &str) -> Option<Role<'_>> {
    let (group, rest) = match rest.strip_prefix("key_groups__list_") {
        Some(rest) => {
            let (group, rest) = rest.split_once("__map_")?;
            (Some(list_index(group)?), rest)
        }
        None => (None, rest),
    };
    let (kind, rest) = rest.split_once("__list_")?;
    let (index, field) = rest.split_once("__map_")?;
    let index = list_index(index)?;
    let (kind, fields) = KEY_KINDS.iter().find(|(known, _)| *known == kind)?;
    // `context` of an AWS key is a map of its own.
    let head = field.split_once("__map_").map_or(field, |(head, _)| head);
    fields.contains(&head).then_some(Role::Key { group, kind, index, field })
}

/// A decimal from 0, without leading zeros.
fn list_index(text: &str) -> Option<usize> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn key_groups(lines: &[MetadataLine]) -> Vec<KeyGroup> {
    let mut groups: BTreeMap<usize, BTreeMap<usize, Wrap>> = BTreeMap::new();
    let mut foreign: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    // sops does not look at groups where a recipient stands outside of them.
    let is_flat = lines.iter().any(|line| matches!(Role::of(line.name()), Role::Key { group: None, .. }));
    for line in lines {
        let Role::Key { group, kind, index, field } = Role::of(line.name()) else { continue };
        if is_flat && group.is_some() {
            continue;
        }
        let group = group.unwrap_or(0);
        let wraps = groups.entry(group).or_default();
        if kind != "age" {
            foreign.entry(group).or_default().push(kind.to_string());
            continue;
        }
        let wrap = wraps.entry(index).or_insert_with(|| Wrap { recipient: String::new(), armor: Vec::new() });
        let value = unescape(line.value());
        match field {
            "enc" => wrap.armor = value.into_owned(),
            _ => wrap.recipient = printable(&value).trim().to_string(),
        }
    }
    groups
        .into_iter()
        .map(|(group, wraps)| KeyGroup {
            wraps: wraps.into_values().collect(),
            foreign: foreign.remove(&group).unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_role() {
        let key = |group, kind, index, field| Role::Key { group, kind, index, field };
        for (name, want) in [
            ("sops_age__list_0__map_enc", key(None, "age", 0, "enc")),
            ("sops_age__list_10__map_recipient", key(None, "age", 10, "recipient")),
            ("sops_key_groups__list_1__map_age__list_0__map_enc", key(Some(1), "age", 0, "enc")),
            ("sops_kms__list_0__map_context__map_app", key(None, "kms", 0, "context__map_app")),
            ("sops_mac", Role::Single),
            ("sops_unencrypted_regex", Role::Single),
            ("sops_secrets_seal", Role::Seal),
            ("sops_age__list_00__map_enc", Role::Unknown),
            ("sops_age__list_0__map_other", Role::Unknown),
            ("sops_x", Role::Unknown),
            ("sops_", Role::Unknown),
        ] {
            assert_eq!(Role::of(name.as_bytes()), want, "{name}");
        }
    }

    #[test]
    fn an_integral_float_is_a_threshold() {
        assert_eq!(threshold(b"2.000000").unwrap(), 2);
        assert_eq!(threshold(b"3").unwrap(), 3);
        assert!(threshold(b"2.5").is_err());
        assert!(threshold(b"x").is_err());
    }
}
