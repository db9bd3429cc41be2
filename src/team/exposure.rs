//! Who has seen what: from the versions of a file in git, and the data key of each.
//!
//! Somebody could read a version if he has been able to open its *data key*, not merely if its header lists him: a removed
//! member keeps the key that he had, and a new one reads back to the last rekey (`docs/access.md`).

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::rc::Rc;

use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::history::Repository;
use crate::history::Span;
use crate::keys::Keyring;
use crate::sops::Bytes32;
use crate::sops::DataKey;
use crate::sops::Seal;
use crate::sops::SealedFile;
use crate::sops::key_of;
use crate::sops::unescape;

use super::kin;
use super::kin::Kin;
use super::kin::same_keys;
use super::scope::Site;
use super::trail::Trail;

/// The pasts of several files.
pub struct Pasts {
    /// One for each file that was asked for, in that order.
    pub files: Vec<Past>,
    /// Files that no environment has any more, and that none of the others comes from, by path.
    pub gone: Vec<(String, Past)>,
    /// Whether there are versions that git does not have here: a shallow clone.
    pub is_cut: bool,
}

/// All versions of one file that any ref, reflog or stash leads to, and the one in the work tree.
pub struct Past {
    versions: Vec<Rc<PastVersion>>,
    /// Versions with the same number have the same data key.
    groups: Vec<usize>,
}

pub struct PastVersion {
    file: SealedFile,
    /// What its seal says of the data key.
    claimed: Option<Bytes32>,
    readers: HashSet<String>,
}

/// What somebody has seen of one file, and what of it still works.
pub struct Exposure {
    /// Every name that stood in a version whose data key he had.
    pub seen: Vec<Name>,
    /// The names whose current value he has seen, in file order.
    pub current: Vec<Name>,
}

/// Reads the past of each of these files, wherever it was before; without a repository it is the version of now alone.
///
/// # Errors
/// `Kind::Failed` if git cannot say.
pub fn pasts(sites: &[Site<'_>], now: &[Option<Vec<u8>>], repository: Option<&Repository>) -> Result<Pasts> {
    let Some(repository) = repository else {
        let files = now.iter().map(|now| Past::new(parsed(now))).collect();
        return Ok(Pasts { files, gone: Vec::new(), is_cut: false });
    };
    let (repository, home) = repository.whole()?;
    let own: Vec<String> = sites.iter().map(|site| format!("{home}{}", site.path())).collect();
    let mut trail = Trail::of(&repository, &home)?;
    trail.current.extend(own.iter().cloned());
    let asked: HashSet<&String> = own.iter().collect();
    let others = trail.paths.iter().filter(|path| !asked.contains(path));
    let paths: Vec<String> = own.iter().chain(others).cloned().collect();
    let history = repository.history(&paths.iter().map(String::as_str).collect::<Vec<_>>(), Span::Everywhere)?;
    let contents = repository.contents(&history.changes)?;
    let mut old: HashMap<&str, Vec<&Vec<u8>>> = HashMap::new();
    let mut seen = HashSet::new();
    for change in &history.changes {
        let content = change.blob.as_ref().filter(|blob| seen.insert((&change.path, *blob)));
        old.entry(&change.path).or_default().extend(content.and_then(|blob| contents.get(blob)));
    }
    let versions = paths.iter().enumerate().map(|(index, path)| {
        let now = now.get(index).and_then(Option::as_ref);
        parsed(now.into_iter().chain(old.get(path.as_str()).into_iter().flatten().copied()))
    });
    let kin = Kin::of(versions.collect());
    let files = (0..own.len()).map(|path| kin.past(path)).collect();
    let living: HashSet<usize> = (0..paths.len()).filter(|p| trail.current.contains(&paths[*p])).collect();
    let is_gone = |path: &usize| {
        trail.own.contains(&paths[*path]) && kin.is_first_path(*path) && kin.is_apart_from(*path, &living)
    };
    let shown = |path: usize| paths[path].strip_prefix(&home).unwrap_or(&paths[path]).to_string();
    let gone = (own.len()..paths.len()).filter(is_gone).map(|path| (shown(path), kin.past(path))).collect();
    Ok(Pasts { files, gone, is_cut: history.is_cut })
}

/// Takes the versions that can be understood; others, as a conflict that was committed, have no values.
fn parsed<'b>(versions: impl IntoIterator<Item = &'b Vec<u8>>) -> Vec<Rc<PastVersion>> {
    let parse = |bytes: &Vec<u8>| {
        let file = SealedFile::parse(bytes).ok()?;
        let readers = file.recipients().into_iter().map(key_of).collect();
        let claimed = Seal::claimed(bytes).map(|seal| seal.commitment);
        Some(Rc::new(PastVersion { file, claimed, readers }))
    };
    versions.into_iter().filter_map(parse).collect()
}

impl Past {
    /// Takes the versions of one file, the one of now first.
    fn new(versions: Vec<Rc<PastVersion>>) -> Self {
        let groups = same_keys(&versions);
        Self { versions, groups }
    }

    /// Takes versions with the number of each one's data key, the one of now first.
    pub fn numbered(versions: Vec<Rc<PastVersion>>, groups: Vec<usize>) -> Self {
        Self { versions, groups }
    }

    /// Returns what the holder of any of these keys has seen, and what of it is still current in the first version.
    ///
    /// With an identity that opens both, values are compared; otherwise a name that he has seen counts as current: the
    /// answer may be too long, never too short.
    pub fn exposure(&self, keys: &HashSet<String>, keyring: &mut Keyring) -> Exposure {
        let held = self.held(keys);
        let mut seen: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
        for (index, version) in
            self.versions.iter().enumerate().filter(|(index, _)| held.contains(&self.groups[*index]))
        {
            for (name, text) in version.file.lines() {
                if let Ok(name) = Name::parse(name)
                    && SealedFile::is_encrypted(text)
                {
                    seen.entry(name).or_default().push(index);
                }
            }
        }
        let current = self.versions.first().map_or_else(Vec::new, |now| self.still_current(now, &held, &seen, keyring));
        Exposure { seen: seen.into_keys().collect(), current }
    }

    /// Tells whether the holder of any of these keys has had the data key of the first version.
    pub fn is_key_held(&self, keys: &HashSet<String>) -> bool {
        self.groups.first().is_some_and(|now| self.held(keys).contains(now))
    }

    /// Returns the data keys that stood in a version whose header lists one of these.
    fn held(&self, keys: &HashSet<String>) -> HashSet<usize> {
        let versions = self.versions.iter().zip(&self.groups);
        versions.filter(|(version, _)| !version.readers.is_disjoint(keys)).map(|(_, group)| *group).collect()
    }

    fn still_current(
        &self,
        now: &PastVersion,
        held: &HashSet<usize>,
        seen: &BTreeMap<Name, Vec<usize>>,
        keyring: &mut Keyring,
    ) -> Vec<Name> {
        let has_key_of_now = held.contains(&self.groups[0]);
        let mut keys: HashMap<usize, Option<DataKey>> = HashMap::new();
        let mut current = Vec::new();
        for (name, text) in now.file.lines() {
            let Ok(name) = Name::parse(name) else { continue };
            let Some(places) = seen.get(&name) else { continue };
            // A value that stands in clear now may be the one that was seen.
            let is_same = (has_key_of_now && SealedFile::is_encrypted(text)) || {
                let value = self.value(0, &name, &mut keys, keyring);
                places.iter().any(|index| match (&value, self.value(*index, &name, &mut keys, keyring)) {
                    (Some(value), Some(old)) => value.same_as(&old),
                    _ => true,
                })
            };
            if is_same {
                current.push(name);
            }
        }
        current
    }

    /// Opens one value of one version; `None` where no identity here does.
    fn value(
        &self,
        index: usize,
        name: &Name,
        keys: &mut HashMap<usize, Option<DataKey>>,
        keyring: &mut Keyring,
    ) -> Option<Value> {
        let group = self.groups[index];
        let key = keys.entry(group).or_insert_with(|| self.data_key(group, keyring));
        let (_, text) = self.versions[index].file.lines().find(|(found, _)| *found == name.as_bytes())?;
        if !SealedFile::is_encrypted(text) {
            return Some(Value::from(&*unescape(text)));
        }
        key.as_ref()?.open_entry(name, text)
    }

    fn data_key(&self, group: usize, keyring: &mut Keyring) -> Option<DataKey> {
        let versions = self.versions.iter().zip(&self.groups).filter(|(_, own)| **own == group);
        versions.map(|(version, _)| version).find_map(|version| keyring.open(&version.file, "", &[]).ok())
    }

    /// Returns the keys of everybody who could read some value of a name, now or ever.
    pub fn ever(&self, name: &Name) -> HashSet<String> {
        let has_name = |version: &&Rc<PastVersion>| version.file.names().any(|found| found == name.as_bytes());
        let versions = || self.versions.iter().zip(&self.groups);
        let groups: HashSet<usize> =
            versions().filter(|(version, _)| has_name(version)).map(|(_, group)| *group).collect();
        let readers = versions().filter(|(_, group)| groups.contains(group)).flat_map(|(version, _)| &version.readers);
        readers.cloned().collect()
    }
}

impl PastVersion {
    /// Returns what only versions of one data key share: the commitment, and what [`kin::marks`] finds.
    pub fn marks(&self) -> Vec<Vec<u8>> {
        let claimed = self.claimed.map(|commitment| commitment.to_vec());
        claimed.into_iter().chain(kin::marks(&self.file)).collect()
    }
}
