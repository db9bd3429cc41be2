//! The record and a change of several files that was interrupted: it follows whichever way the files went.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::project::Project;

use super::FileRecord;
use super::Trust;
use super::facts;
use super::facts::MemberFacts;
use super::record::Record;

/// What a change of this machine is about, and what the record said of it before. It stands in the change's journal.
#[derive(Deserialize, Serialize)]
pub struct Touched {
    /// Members, groups, and environments by their [`Project::label`].
    names: BTreeSet<String>,
    members: BTreeMap<String, MemberFacts>,
    groups: BTreeMap<String, BTreeSet<String>>,
    /// The readers, by the environment's label.
    readers: BTreeMap<String, BTreeSet<String>>,
    /// The files, by path; `None` for one that was not recorded.
    files: BTreeMap<String, Option<FileRecord>>,
}

impl Trust {
    /// Notes what the record says of these names and files.
    pub fn touched(&self, projects: &[Project], names: &[String], paths: impl Iterator<Item = String>) -> Touched {
        let record = &self.record;
        let names: BTreeSet<String> = names.iter().cloned().collect();
        let (members, groups) = (only(&record.members, &names), only(&record.groups, &names));
        let mut readers = BTreeMap::new();
        for (project, environment) in environments(projects) {
            let service = record.services.get(&project.prefix);
            let facts = service.and_then(|service| service.environments.get(&environment.name));
            let label = project.label(environment);
            if let Some(facts) = facts.filter(|_| names.contains(&label)) {
                readers.insert(label, facts.readers.clone());
            }
        }
        let files = paths.map(|path| (path.clone(), record.files.get(&path).cloned())).collect();
        Touched { names, members, groups, readers, files }
    }

    /// Takes what a change says that was finished: whoever went is not known any more.
    ///
    /// Whoever came was not accepted by the record of then, and `allow` shows him.
    pub fn adopt_finished(&mut self, projects: &[Project], touched: &Touched) {
        let Some(home) = projects.first() else { return };
        let (members, groups) = (facts::members(home), facts::groups(home));
        let names = touched.names.clone();
        let now =
            readers_of(projects, |label, readers| names.contains(label).then(|| readers.iter().cloned().collect()));
        self.note(move |record| {
            record.members.retain(|name, _| !names.contains(name) || members.contains_key(name));
            for (name, known) in record.groups.iter_mut().filter(|(name, _)| names.contains(*name)) {
                known.retain(|member| groups.get(name).is_some_and(|now| now.contains(member)));
            }
            each_reader_list(record, &now, |known, now| known.retain(|reader| now.contains(reader)));
        });
    }

    /// Takes back what was learned of a change that was undone.
    pub fn adopt_undone(&mut self, projects: &[Project], touched: Touched) {
        let before = readers_of(projects, |label, _| touched.readers.get(label).cloned());
        self.note(move |record| {
            for name in &touched.names {
                put_back(&mut record.members, name, touched.members.get(name));
                put_back(&mut record.groups, name, touched.groups.get(name));
            }
            each_reader_list(record, &before, |known, before| known.clone_from(before));
            touched.files.iter().for_each(|(path, file)| put_back(&mut record.files, path, file.as_ref()));
        });
    }
}

fn environments(projects: &[Project]) -> impl Iterator<Item = (&Project, &crate::project::Environment)> {
    projects.iter().flat_map(|project| project.environments.iter().map(move |environment| (project, environment)))
}

/// Lists of readers by service and environment, as the record has them.
type Readers = Vec<(String, String, BTreeSet<String>)>;

fn readers_of(projects: &[Project], wanted: impl Fn(&str, &[String]) -> Option<BTreeSet<String>>) -> Readers {
    let list = |(project, environment): (&Project, &crate::project::Environment)| {
        let readers = wanted(&project.label(environment), &environment.readers)?;
        Some((project.prefix.clone(), environment.name.clone(), readers))
    };
    environments(projects).filter_map(list).collect()
}

fn each_reader_list(record: &mut Record, lists: &Readers, change: impl Fn(&mut BTreeSet<String>, &BTreeSet<String>)) {
    for (prefix, name, list) in lists {
        let service = record.services.get_mut(prefix);
        if let Some(known) = service.and_then(|service| service.environments.get_mut(name)) {
            change(&mut known.readers, list);
        }
    }
}

fn only<T: Clone>(known: &BTreeMap<String, T>, names: &BTreeSet<String>) -> BTreeMap<String, T> {
    let named = known.iter().filter(|(name, _)| names.contains(*name));
    named.map(|(name, parts)| (name.clone(), parts.clone())).collect()
}

fn put_back<T: Clone>(known: &mut BTreeMap<String, T>, name: &str, before: Option<&T>) {
    match before {
        Some(before) => known.insert(name.to_string(), before.clone()),
        None => known.remove(name),
    };
}
