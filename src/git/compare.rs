//! What changed between two versions, by name; never a value.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::base::Name;
use crate::base::printable;
use crate::keys::Keyring;
use crate::sops::DataKey;
use crate::sops::Opened;
use crate::sops::SealedFile;

/// One version, with its data key if an identity here opens it.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    file: &'a SealedFile,
    key: Option<&'a DataKey>,
}

/// What changed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<String>,
    /// Names whose line changed with the data key, and that nobody here can compare.
    pub unknown: Vec<String>,
    /// Labels of recipients.
    pub readers_added: Vec<String>,
    pub readers_removed: Vec<String>,
    /// Whether other names than before stand in clear.
    pub selector: bool,
    /// Whether comments or the order of names changed.
    pub layout: bool,
    /// Whether the data key changed, as far as that can be told.
    pub rekeyed: bool,
}

/// Reads a version as far as it can be read; `None` if it is no sealed file.
pub fn read(bytes: &[u8], keyring: &mut Keyring) -> Option<(SealedFile, Option<DataKey>)> {
    let file = SealedFile::parse(bytes).ok()?;
    let key = keyring.open(&file, "", &[]).ok();
    Some((file, key))
}

impl<'a> Side<'a> {
    /// Takes what [`read`] returned.
    pub fn new(read: &'a (SealedFile, Option<DataKey>)) -> Self {
        Self { file: &read.0, key: read.1.as_ref() }
    }

    /// Takes a version that was opened.
    pub fn of(opened: &'a Opened) -> Self {
        Self { file: opened.file(), key: Some(opened.data_key()) }
    }
}

impl Changes {
    /// Tells whether nothing changed that a person would see.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares two versions. With both data keys values are compared, else their lines.
pub fn compare(before: &Side<'_>, after: &Side<'_>) -> Changes {
    let old: HashMap<&[u8], &[u8]> = before.file.lines().collect();
    let new: HashMap<&[u8], &[u8]> = after.file.lines().collect();
    let mut changes = Changes { rekeyed: is_rekeyed(before, after), ..Changes::default() };
    for (name, text) in after.file.lines() {
        match old.get(name) {
            None => changes.added.push(printable(name)),
            Some(old) if *old == text => {}
            Some(old) => match is_same_value(before, after, name, old, text) {
                Some(true) => {}
                Some(false) => changes.changed.push(printable(name)),
                None if changes.rekeyed => changes.unknown.push(printable(name)),
                None => changes.changed.push(printable(name)),
            },
        }
    }
    changes.removed =
        before.file.lines().filter(|(name, _)| !new.contains_key(name)).map(|(name, _)| printable(name)).collect();
    let labels = |side: &Side<'_>| side.file.recipients().into_iter().map(str::to_string).collect::<Vec<_>>();
    let keys = |side: &Side<'_>| side.file.recipient_keys();
    let (old_keys, new_keys): (HashSet<_>, HashSet<_>) =
        (keys(before).into_iter().collect(), keys(after).into_iter().collect());
    let lost = |side: &Side<'_>, other: &HashSet<String>| {
        labels(side)
            .into_iter()
            .zip(keys(side))
            .filter(|(_, key)| !other.contains(key))
            .map(|(label, _)| label)
            .collect()
    };
    changes.readers_added = lost(after, &old_keys);
    changes.readers_removed = lost(before, &new_keys);
    changes.selector = before.file.metadata().selector.written() != after.file.metadata().selector.written();
    changes.layout = layout(before, &new) != layout(after, &old);
    changes
}

/// Tells whether two texts of a name say the same; `None` if that cannot be told here.
fn is_same_value(before: &Side<'_>, after: &Side<'_>, name: &[u8], old: &[u8], new: &[u8]) -> Option<bool> {
    let open = |side: &Side<'_>, text: &[u8]| {
        if SealedFile::is_encrypted(text) {
            side.key?.open_entry(&Name::parse(name).ok()?, text)
        } else {
            Some(crate::base::Value::from(text))
        }
    };
    Some(open(before, old)?.same_as(&open(after, new)?))
}

fn is_rekeyed(before: &Side<'_>, after: &Side<'_>) -> bool {
    let commitment = |side: &Side<'_>| side.key.map(crate::sops::commitment);
    match (commitment(before), commitment(after)) {
        (Some(one), Some(other)) => one != other,
        _ => {
            let wraps =
                |side: &Side<'_>| side.file.metadata().wraps().map(|wrap| wrap.armor.clone()).collect::<HashSet<_>>();
            wraps(before).is_disjoint(&wraps(after))
        }
    }
}

/// The names that both have, in order, with how many comments stand above each.
fn layout<'a>(side: &Side<'a>, other: &HashMap<&[u8], &[u8]>) -> Vec<(&'a [u8], usize)> {
    let mut comments = 0;
    let mut layout = Vec::new();
    for (name, count) in side.file.comments_above() {
        comments += count;
        match name {
            Some(name) if other.contains_key(name) => layout.push((name, std::mem::take(&mut comments))),
            Some(_) => {}
            None => layout.push((&[][..], std::mem::take(&mut comments))),
        }
    }
    layout
}
