//! What the record learns: from what was met, from what a person accepted, and from this machine's own changes.

use std::collections::BTreeMap;

use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Name;
use crate::base::hex;
use crate::project::Environment;
use crate::project::Project;
use crate::sops::Bytes32;
use crate::sops::Version;
use crate::sops::to_base64;

use super::Service;
use super::Trust;
use super::Wish;
use super::facts;

impl Trust {
    /// Remembers a version that was accepted, or that this machine wrote.
    pub fn learn(&mut self, path: String, version: Version) {
        self.note(move |record| record.files.entry(path.clone()).or_default().learn(&version));
    }

    /// Forgets which keys a file had and remembers this one: after `allow` or `reseal`.
    pub fn learn_anew(&mut self, path: String, version: Version) {
        self.note(move |record| {
            let file = record.files.entry(path.clone()).or_default();
            // The key that a person just accepted is the trusted one, whatever stood after it.
            let commitment = crate::sops::to_base64(&version.commitment);
            file.keys.retain(|key| key.commitment != commitment);
            file.learn(&version);
        });
    }

    /// Remembers a file without a seal that a person accepted, by the SHA-256 of its bytes; `passed` are the data keys of sealed
    /// versions in git's history that are not the file's.
    pub fn accept_unsealed(&mut self, path: String, digest: String, passed: Vec<Bytes32>) {
        self.note(move |record| {
            let file = record.files.entry(path.clone()).or_default();
            file.accepted = Some(digest.clone());
            file.passed.extend(passed.iter().map(to_base64));
        });
    }

    /// Keeps a file without a seal accepted that this machine changed, if a person accepted what it was before.
    pub fn follow_unsealed(&mut self, path: String, before: &[u8], after: &[u8]) {
        let (before, after) = (hex(&Sha256::digest(before)), hex(&Sha256::digest(after)));
        if self.file(&path).is_some_and(|file| file.accepted.as_ref() == Some(&before)) {
            self.accept_unsealed(path, after, Vec::new());
        }
    }

    /// Notes a project that was met: what is not known yet becomes *seen*.
    pub fn meet(&mut self, project: &Project) {
        if !self.is_first_meeting() && self.record.is_new_inside(&project.prefix) {
            return;
        }
        if self.is_left {
            self.note(|record| record.is_left = false);
        }
        let known = self.record.services.get(&project.prefix);
        let is_known = |name: &String| known.is_some_and(|known| known.environments.contains_key(name));
        if project.environments.iter().all(|environment| is_known(&environment.name)) {
            return;
        }
        let service = Service::of(project, false);
        let prefix = project.prefix.clone();
        let (members, groups, stores) = (facts::members(project), facts::groups(project), project.stores.clone());
        self.note(move |record| {
            if record.services.is_empty() {
                record.members.clone_from(&members);
                record.groups.clone_from(&groups);
                record.stores.clone_from(&stores);
            }
            let known = record.services.entry(prefix.clone()).or_insert_with(|| service.clone());
            for (name, facts) in &service.environments {
                known.environments.entry(name.clone()).or_insert_with(|| facts.clone());
            }
        });
    }

    /// Forgets members, recipients and places in groups that `secrets.toml` has no more: after a rekey that this machine
    /// accepted, whoever was removed is nobody whom it knows.
    pub fn forget_removed(&mut self, project: &Project) {
        let (members, groups) = (facts::members(project), facts::groups(project));
        self.note(move |record| {
            keep_common(&mut record.members, &members, |known, now| known.keys.retain(|key| now.keys.contains(key)));
            keep_common(&mut record.groups, &groups, |known, now| known.retain(|member| now.contains(member)));
        });
    }

    /// Accepts everything that `secrets.toml` says; `wish` says what hooked shells get, and for how long it counts.
    pub fn allow(&mut self, project: &Project, wish: &Wish) {
        let mut service = Service::of(project, true);
        let before = self.record.services.get(&project.prefix).map(|service| service.exposure.clone());
        service.exposure = before.unwrap_or_default().after(wish);
        // What was accepted for a time that is past was not accepted now: names, plugins, files by their bytes.
        if self.expired.take().is_some() {
            let prefix = project.prefix.clone();
            self.note(move |record| record.take_back(&prefix));
        }
        let prefix = project.prefix.clone();
        let (members, groups, stores) = (facts::members(project), facts::groups(project), project.stores.clone());
        self.misplaced = None;
        self.leaving = std::mem::take(&mut self.emptied);
        self.note(move |record| {
            record.is_left = false;
            record.members.clone_from(&members);
            record.groups.clone_from(&groups);
            record.stores.clone_from(&stores);
            record.services.insert(prefix.clone(), service.clone());
            // A folder that has the members itself is no service of another one any more.
            if prefix.is_empty() {
                record.root = None;
            }
        });
    }

    /// Lets a name pass that runs code.
    pub fn allow_name(&mut self, name: &Name) {
        let name = name.to_string();
        self.note(move |record| {
            record.names.insert(name.clone());
        });
    }

    /// Takes back what was accepted; what was seen of the files stays.
    pub fn deny(&mut self, project: &Project) {
        let prefix = project.prefix.clone();
        self.note(move |record| {
            record.take_back(&prefix);
            if let Some(service) = record.services.get_mut(&prefix) {
                service.take_back();
                service.exposure.deny();
            }
        });
    }

    /// Takes this machine's own change of members, groups and readers: only of those that are named here, an environment by
    /// its [`Project::label`].
    ///
    /// What differed from the record before (`before`) was somebody else's, and waits for `allow`.
    pub fn adopt(&mut self, before: &Project, project: &Project, names: &[String]) {
        let (old_members, old_groups) = (facts::members(before), facts::groups(before));
        let old_service = Service::of(before, false);
        let (members, groups) = (facts::members(project), facts::groups(project));
        let service = Service::of(project, false);
        let prefix = project.prefix.clone();
        let labels: BTreeMap<String, String> =
            project.environments.iter().map(|e| (e.name.clone(), project.label(e))).collect();
        let names = names.to_vec();
        self.note(move |record| {
            for name in &names {
                put(&mut record.members, &old_members, &members, name);
                put(&mut record.groups, &old_groups, &groups, name);
            }
            let Some(known) = record.services.get_mut(&prefix) else { return };
            for (name, now) in service.environments.iter().filter(|(name, _)| names.contains(&labels[*name])) {
                let was = old_service.environments.get(name).map(|facts| &facts.readers);
                if let Some(known) = known.environments.get_mut(name).filter(|known| Some(&known.readers) == was) {
                    known.readers.clone_from(&now.readers);
                }
            }
        });
    }

    /// Lets age plugins be started for this project on this machine.
    pub fn allow_plugins(&mut self, names: Vec<String>) {
        self.note(move |record| record.plugins.extend(names.iter().cloned()));
    }

    /// Notes whether this person keeps a value of his own of a name, in an environment.
    pub fn keep_personal(&mut self, label: String, name: &Name, is_kept: bool) {
        let name = name.to_string();
        self.note(move |record| {
            let names = record.personal.entry(label.clone()).or_default();
            if is_kept {
                names.insert(name.clone());
            } else {
                names.remove(&name);
            }
            record.personal.retain(|_, names| !names.is_empty());
        });
    }

    /// Forgets the values that a person kept for himself: the folder has a project that was made anew.
    pub fn forget_personal(&mut self) {
        if !self.record.personal.is_empty() {
            self.note(|record| record.personal.clear());
        }
    }

    /// Takes this machine's own reference: what it says of a name was not changed by anybody else.
    pub fn adopt_reference(&mut self, project: &Project, environment: &Environment, name: &Name) {
        let prefix = project.prefix.clone();
        let environment_name = environment.name.clone();
        let own = environment.references.iter().find(|own| own.name == *name);
        let Some((name, text)) = own.map(|own| (own.name.to_string(), own.text.clone())) else { return };
        self.note(move |record| {
            let service = record.services.get_mut(&prefix);
            let facts = service.and_then(|service| service.environments.get_mut(&environment_name));
            if let Some(facts) = facts {
                facts.references.insert(name.clone(), text.clone());
            }
        });
    }

    /// Takes this machine's own declaration of names that run code.
    pub fn adopt_code(&mut self, project: &Project, names: &[Name]) {
        let prefix = project.prefix.clone();
        let names: Vec<String> = names.iter().map(Name::to_string).collect();
        self.note(move |record| {
            if let Some(service) = record.services.get_mut(&prefix) {
                service.runs_code.extend(names.iter().cloned());
            }
        });
    }
}

fn put<T: Clone + PartialEq>(
    known: &mut BTreeMap<String, T>,
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    name: &str,
) {
    if known.get(name) != before.get(name) {
        return;
    }
    match now.get(name) {
        Some(value) => known.insert(name.to_string(), value.clone()),
        None => known.remove(name),
    };
}

/// Keeps what both have, and of that what `keep` leaves.
fn keep_common<T>(known: &mut BTreeMap<String, T>, now: &BTreeMap<String, T>, keep: impl Fn(&mut T, &T)) {
    known.retain(|name, _| now.contains_key(name));
    for (name, parts) in known {
        keep(parts, &now[name]);
    }
}
