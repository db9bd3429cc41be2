//! What of `secrets.toml` this machine remembers, and what differs from it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::base::quoted_list;
use crate::project::Environment;
use crate::project::Expose;
use crate::project::Member;
use crate::project::Project;
use crate::sops::Recipient;

use super::exposure::Exposure;
use super::record::Record;

/// What is remembered of one member.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct MemberFacts {
    /// The recipients, as the keys that they are compared by.
    pub keys: BTreeSet<String>,
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What one `secrets.toml` says.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Service {
    /// Whether a person accepted it; else it was only met.
    #[serde(default)]
    pub is_trusted: bool,
    /// The project's name.
    pub project: String,
    /// The default environment.
    pub default: String,
    /// Each environment.
    #[serde(default)]
    pub environments: BTreeMap<String, EnvironmentFacts>,
    /// The names that may run code.
    #[serde(default)]
    pub runs_code: BTreeSet<String>,
    /// The programs that rotate values, by the name that they rotate.
    #[serde(default)]
    pub programs: BTreeMap<String, String>,
    /// What hooked shells get, and for how long.
    #[serde(default, skip_serializing_if = "Exposure::is_usual")]
    pub exposure: Exposure,
}

/// What is remembered of one environment.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct EnvironmentFacts {
    /// Whether a person accepted it.
    #[serde(default)]
    pub is_trusted: bool,
    pub readers: BTreeSet<String>,
    pub plain: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    pub file: String,
    #[serde(default)]
    pub references: BTreeMap<String, String>,
    #[serde(default)]
    pub expose: Expose,
}

/// What a difference touches, and so whom it stops (`docs/trust.md`).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Matter {
    /// Who there is: stops `rekey` and `member`.
    Members,
    /// Who reads, and what stands in clear: stops every writer.
    Readers,
    /// That hooked shells could get more than before: stops nobody, and they get no more.
    Shell,
    /// Which names may run code: stops `run` where a file sets such a name.
    Code,
    /// Where values come from and what runs: stops `run` and the hook.
    Running,
    /// Which file it is: stops everybody, since what is written could go to a file that somebody else made.
    Place,
}

/// One thing that differs from the record.
#[derive(Clone, Debug)]
pub struct Difference {
    pub matter: Matter,
    /// The environment that it speaks of; `None` for the whole project.
    pub environment: Option<String>,
    /// What differs, as a person reads it.
    pub text: String,
}

impl MemberFacts {
    fn of(member: &Member) -> Self {
        Self { keys: member.recipients.iter().map(Recipient::key_text).collect(), until: member.until.clone() }
    }

    /// Tells whether a last day (none: for ever) gives no more time than this one.
    pub fn covers(&self, until: Option<&str>) -> bool {
        match (self.until.as_deref(), until) {
            (None, _) => true,
            (Some(known), Some(now)) => now <= known,
            (Some(_), None) => false,
        }
    }

    fn differences(&self, name: &str, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.keys != now.keys {
            let parts = parts(&self.keys, &now.keys);
            found.push(format!("the member `{name}` has other recipients: {parts}"));
        }
        if self.until != now.until {
            let show = |until: &Option<String>| until.clone().unwrap_or_else(|| "none".to_string());
            let (before, now) = (show(&self.until), show(&now.until));
            found.push(format!("the last day of the member `{name}` was {before}, and is {now}"));
        }
        found
    }
}

impl Service {
    /// Takes what a project says.
    pub fn of(project: &Project, is_trusted: bool) -> Self {
        let environments = project.environments.iter();
        Self {
            is_trusted,
            project: project.name.clone(),
            default: project.environments.first().map(|first| first.name.clone()).unwrap_or_default(),
            environments: environments.map(|e| (e.name.clone(), EnvironmentFacts::of(e, is_trusted))).collect(),
            runs_code: runs_code(project),
            programs: programs(project),
            exposure: Exposure::default(),
        }
    }

    /// Makes everything that was accepted something that was only met.
    pub fn take_back(&mut self) {
        self.is_trusted = false;
        self.environments.values_mut().for_each(|facts| facts.is_trusted = false);
    }
}

impl EnvironmentFacts {
    /// Takes what an environment says.
    pub fn of(environment: &Environment, is_trusted: bool) -> Self {
        let references = environment.references.iter();
        Self {
            is_trusted,
            readers: environment.readers.iter().cloned().collect(),
            plain: environment.plain.iter().map(ToString::to_string).collect(),
            extends: environment.extends.clone(),
            file: environment.file.clone(),
            references: references.map(|reference| (reference.name.to_string(), reference.text.clone())).collect(),
            expose: environment.expose,
        }
    }
}

fn runs_code(project: &Project) -> BTreeSet<String> {
    project.values.iter().filter(|(_, spec)| spec.runs_code).map(|(name, _)| name.to_string()).collect()
}

fn programs(project: &Project) -> BTreeMap<String, String> {
    project.values.iter().filter_map(|(name, spec)| Some((name.to_string(), spec.rotator.clone()?))).collect()
}

/// Returns what is to be remembered of each member.
pub fn members(project: &Project) -> BTreeMap<String, MemberFacts> {
    project.members.iter().map(|member| (member.name.clone(), MemberFacts::of(member))).collect()
}

/// Returns each group's members.
pub fn groups(project: &Project) -> BTreeMap<String, BTreeSet<String>> {
    project.groups.iter().map(|(group, names)| (group.clone(), names.iter().cloned().collect())).collect()
}

/// Returns everything that differs from the record, in the order in which it matters.
pub fn differences(project: &Project, record: &Record) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut whole = |matter, text: String| found.push(Difference { matter, environment: None, text });
    for text in changed("member", &record.members, &members(project), MemberFacts::differences) {
        whole(Matter::Members, text);
    }
    for text in changed("group", &record.groups, &groups(project), group_differences) {
        whole(Matter::Members, text);
    }
    for text in changed_texts("the store", &record.stores, &project.stores) {
        whole(Matter::Running, text);
    }
    let Some(service) = record.services.get(&project.prefix) else { return found };
    let now = Service::of(project, false);
    if service.project != now.project {
        whole(Matter::Place, format!("the project's name was `{}`, and is `{}`", service.project, now.project));
    }
    if service.default != now.default {
        whole(Matter::Running, format!("the default environment was `{}`, and is `{}`", service.default, now.default));
    }
    for text in changed_texts("what rotates", &service.programs, &now.programs) {
        whole(Matter::Running, text);
    }
    let new: Vec<&String> = now.runs_code.difference(&service.runs_code).collect();
    if !new.is_empty() {
        whole(Matter::Code, format!("{} may run code now", quoted_list(&new)));
    }
    for (name, now) in &now.environments {
        if let Some(before) = service.environments.get(name) {
            found.extend(before.differences(now).into_iter().map(|(matter, text)| Difference {
                matter,
                environment: Some(name.clone()),
                text: format!("`{name}`: {text}"),
            }));
        }
    }
    found
}

impl EnvironmentFacts {
    fn differences(&self, now: &Self) -> Vec<(Matter, String)> {
        let mut found = Vec::new();
        for (what, before, after) in [("reader", &self.readers, &now.readers), ("plain name", &self.plain, &now.plain)]
        {
            found.extend(after.difference(before).map(|new| (Matter::Readers, format!("the {what} `{new}` is new"))));
            found.extend(before.difference(after).map(|old| (Matter::Readers, format!("the {what} `{old}` is gone"))));
        }
        if self.extends != now.extends {
            let show = |extends: &Option<String>| extends.as_ref().map_or("nothing".into(), |name| format!("`{name}`"));
            let text = format!("it extended {}, and extends {}", show(&self.extends), show(&now.extends));
            found.push((Matter::Running, text));
        }
        if self.expose < now.expose {
            found.push((Matter::Shell, "it was for `secrets run` alone, and is for the shell".to_string()));
        }
        if self.file != now.file {
            found.push((Matter::Place, format!("its file was `{}`, and is `{}`", self.file, now.file)));
        }
        let references = changed_texts("the reference", &self.references, &now.references);
        found.extend(references.into_iter().map(|text| (Matter::Running, text)));
        found
    }
}

/// Tells what is new, what is gone, and how the rest differs.
fn changed<T>(
    what: &str,
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    differences: impl Fn(&T, &str, &T) -> Vec<String>,
) -> Vec<String> {
    let mut texts = Vec::new();
    for (name, now) in now {
        match before.get(name) {
            None => texts.push(format!("the {what} `{name}` is new")),
            Some(before) => texts.extend(differences(before, name, now)),
        }
    }
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    texts.extend(gone.map(|name| format!("the {what} `{name}` is gone")));
    texts
}

fn group_differences(before: &BTreeSet<String>, name: &str, now: &BTreeSet<String>) -> Vec<String> {
    if before == now {
        return Vec::new();
    }
    vec![format!("the group `{name}` has other members: {}", parts(before, now))]
}

/// Tells what came to a set and what went.
fn parts(before: &BTreeSet<String>, now: &BTreeSet<String>) -> String {
    let new = now.difference(before).map(|part| format!("`{part}` is new"));
    let gone = before.difference(now).map(|part| format!("`{part}` is gone"));
    new.chain(gone).collect::<Vec<_>>().join(", ")
}

fn changed_texts(what: &str, before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let mut texts = Vec::new();
    for (name, now) in now {
        match before.get(name) {
            None => texts.push(format!("{what} `{name}` is new: {now}")),
            Some(before) if before != now => texts.push(format!("{what} `{name}` was {before}, and is {now}")),
            Some(_) => {}
        }
    }
    // What is gone cannot lead anywhere.
    texts
}
