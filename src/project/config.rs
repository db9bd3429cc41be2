//! What `secrets.toml` means, in types that cannot be wrong.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Pattern;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::printable;
use crate::base::quoted_list;
use crate::sops::Place;
use crate::sops::Recipient;
use crate::sops::key_of;
use crate::sops::short;

use super::parse::check_word;
use super::parse::environment;
use super::parse::span;
use super::parse::value;
use super::raw::Expose;
use super::raw::RawProject;
use super::team::Former;
use super::team::Home;
use super::team::Member;
use super::team::Team;
use super::team::check_count;

/// The most environments: the file comes from the repository and costs time before any trust.
const MOST_ENVIRONMENTS: usize = 100;
/// How long the values that a former member has seen may stay, where `[policy]` says nothing.
const FORMER_GRACE: i64 = 14 * 86_400;

/// A project that was read and found consistent.
pub struct Project {
    /// The folder of `secrets.toml`.
    pub folder: PathBuf,
    /// The folder whose members these are: the same, or the one that `root` names.
    pub home: PathBuf,
    /// The way from there to the folder, `/` between parts; empty where both are one.
    pub prefix: String,
    /// Its name.
    pub name: String,
    /// Everybody who may be a reader, in order.
    pub members: Vec<Member>,
    /// The environments, in order; the first is the default. Never empty.
    pub environments: Vec<Environment>,
    /// Members by the name of their group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Who was a member, in order.
    pub former: Vec<Former>,
    /// What is known of the stores, as text, by the store's name.
    pub stores: BTreeMap<String, String>,
    /// What is known of each name.
    pub values: BTreeMap<Name, ValueSpec>,
    /// How long the values that a former member has seen may stay, in seconds.
    pub former_grace: i64,
}

/// A name whose value lives in a store.
pub struct Referenced {
    /// The name.
    pub name: Name,
    /// What secrets.toml says of it, as text.
    pub text: String,
    /// Where the value is.
    pub reference: Reference,
    /// Whether a program starts without it.
    pub is_optional: bool,
}

/// A named set of values.
pub struct Environment {
    /// Its name.
    pub name: String,
    /// The environment below this one, whose values it lays over.
    pub extends: Option<String>,
    /// The sealed file, below the project's folder, `/` between parts.
    pub file: String,
    /// Members and groups.
    pub readers: Vec<String>,
    /// Names that stand in clear.
    pub plain: Vec<Pattern>,
    /// Names that are references to a store.
    pub references: Vec<Referenced>,
    /// Whether hooked shells may have its values.
    pub expose: Expose,
}

/// What is known of a name, in every environment.
#[derive(Clone, Debug, Default)]
pub struct ValueSpec {
    /// `run` fails without it.
    pub required: bool,
    /// It can make programs run code, and this project wants that.
    pub runs_code: bool,
    /// How old a value may become, in seconds.
    pub max_age: Option<i64>,
    /// What rotates it, as text.
    pub rotator: Option<String>,
}

impl Project {
    /// Puts a project together; `home` is what `root` names, if it does.
    pub(super) fn new(folder: &Path, raw: RawProject, home: Option<Home>) -> Result<Self> {
        if raw.version != 1 {
            let version = raw.version;
            return Err(Error::new(Kind::Refused, format!("secrets.toml has version {version}"))
                .hint("a newer version of `secrets` wrote it; install that one"));
        }
        check_word("a project", &raw.project)?;
        check_count(raw.environments.0.len(), MOST_ENVIRONMENTS, "environments")?;
        let environments = raw.environments.0.into_iter().map(|(name, e)| environment(name, e));
        let environments = environments.collect::<Result<Vec<_>>>()?;
        let values = raw.values.into_iter().map(|(name, raw)| value(name, raw)).collect::<Result<_>>()?;
        let own = Team::new(raw.members, raw.groups, raw.former, raw.stores)?;
        let (home, prefix, team) = match home {
            None => (folder.to_path_buf(), String::new(), own),
            Some(_) if !own.is_empty() => {
                return Err(Error::new(
                    Kind::Failed,
                    "secrets.toml has a `root`, and members, groups or stores of its own",
                )
                .hint("they stand in the secrets.toml that `root` leads to"));
            }
            Some(home) => (home.folder, home.prefix, home.team),
        };
        let grace = raw.policy.former_grace.as_deref().map(|text| span(text, "`former_grace`")).transpose()?;
        let project = Self {
            folder: folder.to_path_buf(),
            home,
            prefix,
            name: raw.project,
            members: team.members,
            environments,
            groups: team.groups,
            former: team.former,
            stores: team.stores,
            values,
            former_grace: grace.unwrap_or(FORMER_GRACE),
        };
        project.check()?;
        Ok(project)
    }

    /// Returns the environment of that name, or the first one.
    ///
    /// # Errors
    /// `Kind::Failed` if there is none of that name.
    pub fn environment(&self, name: Option<&str>) -> Result<&Environment> {
        let Some(name) = name else {
            return self.environments.first().ok_or_else(|| Error::new(Kind::Bug, "a project without environments"));
        };
        self.environments.iter().find(|environment| environment.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.environments.iter().map(|e| e.name.as_str()).collect();
            let shown = printable(name.as_bytes());
            Error::new(Kind::Failed, format!("there is no environment `{shown}`"))
                .hint(format!("there is {}", quoted_list(&known)))
        })
    }

    /// Returns an environment and all that it lays over, lowest first.
    ///
    /// # Errors
    /// As [`Self::environment`].
    pub fn layers<'a>(&'a self, top: &'a Environment) -> Result<Vec<&'a Environment>> {
        let mut layers = vec![top];
        let mut next = top.extends.as_deref();
        while let Some(name) = next {
            let below = self.environment(Some(name))?;
            layers.push(below);
            next = below.extends.as_deref();
        }
        layers.reverse();
        Ok(layers)
    }

    /// Returns the absolute path of an environment's sealed file.
    pub fn path_of(&self, environment: &Environment) -> PathBuf {
        self.folder.join(&environment.file)
    }

    /// Returns where an environment's file belongs, as its seal says it.
    pub fn place_of(&self, environment: &Environment) -> Place {
        Place {
            project: self.name.clone(),
            path: self.below_home(&environment.file),
            environment: environment.name.clone(),
        }
    }

    /// Returns a path of this folder as it is below the folder that `root` names.
    pub fn below_home(&self, path: &str) -> String {
        if self.prefix.is_empty() { path.to_string() } else { format!("{}/{path}", self.prefix) }
    }

    /// Returns what tells an environment from those of all services under one `root`.
    pub fn label(&self, environment: &Environment) -> String {
        self.below_home(&environment.name)
    }

    /// Returns the recipients of an environment's readers, each key once, in the order of `secrets.toml`.
    ///
    /// A member whose last day is past is left out.
    ///
    /// # Errors
    /// `Kind::Failed` if nobody is left.
    pub fn recipients(&self, environment: &Environment, now: Timestamp) -> Result<Vec<Recipient>> {
        let mut recipients: Vec<Recipient> = Vec::new();
        for member in self.readers(environment).filter(|member| member.is_current(now)) {
            for recipient in &member.recipients {
                if !recipients.iter().any(|known| known.key_text() == recipient.key_text()) {
                    recipients.push(recipient.clone());
                }
            }
        }
        if recipients.is_empty() {
            let name = &environment.name;
            return Err(Error::new(
                Kind::Failed,
                format!("the environment `{name}` has no reader who may read it today"),
            ));
        }
        Ok(recipients)
    }

    /// Returns the members who read an environment, in the order of `secrets.toml`.
    pub fn readers<'a>(&'a self, environment: &'a Environment) -> impl Iterator<Item = &'a Member> {
        let names: Vec<&str> = environment
            .readers
            .iter()
            .flat_map(|reader| match self.groups.get(reader) {
                Some(group) => group.iter().map(String::as_str).collect(),
                None => vec![reader.as_str()],
            })
            .collect();
        self.members.iter().filter(move |member| names.contains(&member.name.as_str()))
    }

    /// Returns the keys of somebody who was a member, without those that a member has now: who came back reads anyway.
    pub fn keys_of_former(&self, former: &Former) -> HashSet<String> {
        let members = self.members.iter().flat_map(|member| &member.recipients);
        let current: HashSet<String> = members.map(Recipient::key_text).collect();
        former.keys.iter().filter(|key| !current.contains(*key)).cloned().collect()
    }

    /// Returns who the recipients in a file are: members by name, others by their first characters.
    pub fn who(&self, labels: &[&str]) -> Vec<String> {
        let mut names: BTreeMap<String, &str> = BTreeMap::new();
        for member in &self.members {
            names.extend(member.recipients.iter().map(|recipient| (recipient.key_text(), member.name.as_str())));
        }
        for former in &self.former {
            for key in &former.keys {
                names.entry(key.clone()).or_insert(&former.name);
            }
        }
        let who = |label: &&str| {
            let name = names.get(&key_of(label)).copied();
            name.map_or_else(|| short(label), str::to_string)
        };
        labels.iter().map(who).collect()
    }

    /// Returns what is known of a name.
    pub fn value(&self, name: &Name) -> ValueSpec {
        self.values.get(name).cloned().unwrap_or_default()
    }

    /// Returns the names that every environment must have.
    pub fn required(&self) -> impl Iterator<Item = &Name> {
        self.values.iter().filter(|(_, spec)| spec.required).map(|(name, _)| name)
    }
}
