//! The trust record: what this machine has reviewed of a project. It depends on nothing that stands in the repository.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::base::Timestamp;
use crate::sops::Bytes32;
use crate::sops::LinkKey;
use crate::sops::MOST_LINKS;
use crate::sops::Version;
use crate::sops::from_base64;
use crate::sops::to_base64;

use super::facts::MemberFacts;
use super::facts::Service;

/// What is remembered of a project, or of all services under one `root`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    /// 1.
    pub version: u32,
    /// Random; names the project for everything else that this machine keeps of it.
    pub id: String,
    /// The folder, for a person who looks at this file.
    pub folder: String,
    /// The folder that `root` leads to, in the record of a service: everything else stands in that folder's record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The members.
    #[serde(default)]
    pub members: BTreeMap<String, MemberFacts>,
    /// Each group's members.
    #[serde(default)]
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// Whether a person accepted that the folder has no settings any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_left: bool,
    /// Each store's settings.
    #[serde(default)]
    pub stores: BTreeMap<String, String>,
    /// What each secrets.toml says beside that, by the way to it from the folder.
    #[serde(default)]
    pub services: BTreeMap<String, Service>,
    /// The sealed files, by their path below the folder.
    #[serde(default)]
    pub files: BTreeMap<String, FileRecord>,
    /// Names that may run code on this machine whatever the repository says: `allow --name`.
    #[serde(default)]
    pub names: BTreeSet<String>,
    /// The age plugins that may be started for this project.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub plugins: BTreeSet<String>,
    /// Names of which this person keeps a value of his own, by environment ([`crate::project::Project::label`]); the values are
    /// in the keychain.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub personal: BTreeMap<String, BTreeSet<String>>,
}

impl Record {
    /// Takes back what was accepted for a time that is past, as `deny` would; returns the span that a person gave.
    pub fn expire(&mut self, prefix: &str, now: Timestamp) -> Option<String> {
        let service = self.services.get_mut(prefix)?;
        let span = service.exposure.past(now)?.span.clone();
        service.take_back();
        self.take_back(prefix);
        Some(span)
    }

    /// Takes back what was accepted beside what the settings say: names and plugins, which count for the whole folder, and a
    /// service's files by their bytes.
    pub fn take_back(&mut self, prefix: &str) {
        self.names.clear();
        self.plugins.clear();
        let is_below = |path: &str, prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        let others: Vec<&String> = self.services.keys().filter(|other| !other.is_empty() && *other != prefix).collect();
        let is_its_own = |path: &str| match prefix {
            "" => !others.iter().any(|other| is_below(path, other)),
            _ => is_below(path, prefix),
        };
        for (_, file) in self.files.iter_mut().filter(|(path, _)| is_its_own(path)) {
            file.accepted = None;
        }
    }

    /// Makes everything that was accepted something that was only met.
    pub fn take_all_back(&mut self) {
        self.services.values_mut().for_each(Service::take_back);
        self.names.clear();
        self.plugins.clear();
        self.files.values_mut().for_each(|file| file.accepted = None);
    }

    /// Tells whether a service, by its prefix, is one that was never met, and lies inside one that was.
    pub fn is_new_inside(&self, prefix: &str) -> bool {
        let holds = |outer: &String| outer.is_empty() || prefix.strip_prefix(outer).is_some_and(|r| r.starts_with('/'));
        !self.services.contains_key(prefix) && self.services.keys().any(holds)
    }
}

/// What is remembered of one file.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileRecord {
    /// The data keys that were accepted, oldest first; the last one is trusted. Empty for a file that was never sealed.
    #[serde(default)]
    pub keys: Vec<KeyRecord>,
    /// SHA-256 of the last file without a seal of which git was asked whether it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// Data keys of sealed versions in git's history that `allow` passed over, when it accepted the file without a seal.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub passed: BTreeSet<String>,
    /// SHA-256 of a file that was never sealed, if `allow` accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

/// What is remembered of one data key of a file.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct KeyRecord {
    /// The commitment, as in the seal.
    pub commitment: String,
    /// The link key; known only by the claims of a later version's links where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The highest sequence number that was seen.
    #[serde(default)]
    pub seq: u64,
    /// The digest of that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl std::fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRecord({} at {})", self.commitment, self.seq)
    }
}

impl KeyRecord {
    /// Takes what is remembered of a version.
    pub fn of(version: &Version) -> Self {
        Self {
            commitment: to_base64(&version.commitment),
            link: Some(to_base64(version.link.bytes())),
            seq: version.seq,
            digest: Some(to_base64(&version.digest)),
        }
    }

    /// Returns the commitment; `None` if the record is damaged.
    pub fn commitment(&self) -> Option<Bytes32> {
        from_base64(self.commitment.as_bytes())
    }

    /// Returns the link key.
    pub fn link(&self) -> Option<LinkKey> {
        self.link.as_deref().and_then(|text| from_base64(text.as_bytes())).map(LinkKey::from_bytes)
    }
}

impl FileRecord {
    /// Returns the data key that is trusted.
    pub fn trusted(&self) -> Option<&KeyRecord> {
        self.keys.last()
    }

    /// Returns the place of a data key among those that are known, oldest first.
    pub fn position(&self, commitment: &Bytes32) -> Option<usize> {
        let commitment = to_base64(commitment);
        self.keys.iter().position(|key| key.commitment == commitment)
    }

    /// Remembers a version that was accepted: a higher number of the trusted key, or a key that becomes the trusted one.
    ///
    /// An older version changes nothing.
    pub fn learn(&mut self, version: &Version) {
        match self.position(&version.commitment) {
            Some(at) if at + 1 == self.keys.len() => {
                let key = &mut self.keys[at];
                if version.seq > key.seq || key.link.is_none() {
                    *key = KeyRecord { seq: version.seq.max(key.seq), ..KeyRecord::of(version) };
                }
            }
            Some(_) => {}
            None => {
                self.name_older(version);
                self.keys.push(KeyRecord::of(version));
                let spare = self.keys.len().saturating_sub(MOST_LINKS);
                self.keys.drain(..spare);
            }
        }
        self.accepted = None;
    }

    /// Puts the older keys that the version's links name in their places, without a link key.
    fn name_older(&mut self, version: &Version) {
        let mut place = 0;
        for (old, _) in version.links.iter().rev() {
            match self.position(old) {
                Some(known) => place = known + 1,
                None => {
                    let key = KeyRecord { commitment: to_base64(old), link: None, seq: 0, digest: None };
                    self.keys.insert(place, key);
                    place += 1;
                }
            }
        }
    }

    /// Returns the older keys whose successors this machine can vouch for, newest first: commitment and link key.
    pub fn links(&self) -> Vec<(Bytes32, LinkKey)> {
        self.keys.iter().rev().filter_map(|key| Some((key.commitment()?, key.link()?))).collect()
    }
}
