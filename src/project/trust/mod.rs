//! Trust: what this machine has seen and accepted of a project, and what it refuses because of that.
//!
//! The rules: `docs/trust.md`.

mod accept;
mod digest;
mod facts;
mod record;
mod store;

use std::collections::HashMap;
use std::collections::HashSet;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::World;
use crate::history::Repository;
use crate::history::Span;
use crate::sops::Bytes32;
use crate::sops::Opened;
use crate::sops::Recipient;
use crate::sops::Seal;
use crate::sops::SealedFile;
use crate::sops::Version;

use super::Environment;
use super::Project;

use accept::Claims;
pub use accept::Verdict;
use digest::digest_of;
pub use facts::Difference;
pub use facts::EnvironmentFacts;
pub use facts::Matter;
pub use facts::Service;
pub use record::FileRecord;
pub use record::Record;

/// The variable that holds digests where there is no record: in CI.
pub const VARIABLE: &str = "SECRETS_TRUST";

/// A change that is made on whatever the record holds by the time it is written.
type Note = Box<dyn Fn(&mut Record)>;

/// The trust record of one project, as it was found and as it will be written.
pub struct Trust {
    path: Option<PathBuf>,
    record: Record,
    notes: Vec<Note>,
    /// The services of which anything was recorded before this call.
    known: HashSet<String>,
    /// Where `root` leads somewhere else than before.
    moved: Option<Difference>,
    /// The digests of [`VARIABLE`].
    digests: Option<Vec<String>>,
    /// The data keys of files without a seal that this call opened, by path.
    unsealed: HashMap<String, Bytes32>,
}

impl Trust {
    /// Reads the record of a project; one that was never met has an empty one.
    ///
    /// # Errors
    /// `Kind::Refused` for a state folder or record that others could have written.
    pub fn load(world: &World, project: &Project) -> Result<Self> {
        let path = store::path_of(world, &project.home);
        let found = path.as_deref().map(store::read).transpose()?.flatten();
        let moved = store::moved(world, project, found.as_ref())?;
        let record = match found {
            Some(record) => record,
            None => store::new_record(&project.home)?,
        };
        let digests = world.env.get(VARIABLE).map(|text| {
            let text = text.to_string_lossy();
            text.split(',').map(|digest| digest.trim().to_string()).filter(|digest| !digest.is_empty()).collect()
        });
        let known = record.services.keys().cloned().collect();
        Ok(Self { path, record, notes: Vec::new(), known, moved, digests, unsealed: HashMap::new() })
    }

    /// Returns the random id under which this machine keeps everything of the project.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Returns where the journal of a change of several files lies; `None` without a state folder.
    pub fn journal(&self) -> Option<PathBuf> {
        self.path.as_ref().and_then(|path| path.parent()).map(|folder| folder.join("transaction"))
    }

    /// Tells whether anything was recorded of this project before this call.
    pub fn is_known(&self, project: &Project) -> bool {
        self.known.contains(&project.prefix)
    }

    /// Tells whether digests stand for the record, as in CI.
    pub fn is_digest_demanded(&self) -> bool {
        self.digests.is_some()
    }

    /// Returns what is recorded of a file, by its path below the project's home.
    pub fn file(&self, path: &str) -> Option<&FileRecord> {
        self.record.files.get(path)
    }

    /// Tells whether a person accepted an environment on this machine.
    pub fn is_trusted(&self, project: &Project, environment: &Environment) -> bool {
        let service = self.record.services.get(&project.prefix);
        service.and_then(|service| service.environments.get(&environment.name)).is_some_and(|facts| facts.is_trusted)
    }

    /// Returns everything in which `secrets.toml` differs from the record; nothing for a project never met.
    pub fn differences(&self, project: &Project) -> Vec<Difference> {
        let mut found = facts::differences(project, &self.record);
        if !self.is_known(project) {
            // The members of a service's home may be known from another service.
            found.retain(|difference| difference.matter == Matter::Members && !self.record.members.is_empty());
        }
        found.extend(self.moved.clone());
        found
    }

    /// Checks what reading an environment depends on; returns what to warn of.
    ///
    /// # Errors
    /// `Kind::Refused` where values would come from elsewhere, or other code would run, than what was accepted.
    pub fn check_reading(&self, project: &Project, environment: &Environment) -> Result<Vec<String>> {
        if self.is_digest_demanded() {
            return Ok(Vec::new());
        }
        let layers = project.layers(environment)?;
        let concerns = |difference: &Difference| match &difference.environment {
            None => true,
            Some(name) => layers.iter().any(|layer| layer.name == *name),
        };
        let found: Vec<Difference> = self.differences(project).into_iter().filter(concerns).collect();
        let stops = |difference: &&Difference| difference.matter == Matter::Running;
        refuse(found.iter().filter(stops), "depends on something that this machine has not accepted")?;
        let unmet = layers.iter().find(|layer| !layer.references.is_empty() && !self.is_trusted(project, layer));
        if let Some(layer) = unmet {
            let name = &layer.name;
            return Err(Error::new(
                Kind::Refused,
                format!("`{name}` has references to stores, and this machine has not accepted them"),
            )
            .because("with a reference somebody could send a store's token, or another value, elsewhere")
            .hint("`secrets allow` shows them and accepts them"));
        }
        Ok(found
            .iter()
            .filter(|d| d.matter == Matter::Readers)
            .map(|d| format!("{}; `secrets allow` accepts it", d.text))
            .collect())
    }

    /// Checks what writing an environment's file depends on.
    ///
    /// # Errors
    /// `Kind::Refused` if readers or plain names changed: the next write would leak.
    pub fn check_writing(&self, project: &Project, environment: &Environment) -> Result<()> {
        let found = self.differences(project);
        let concerns =
            |d: &&Difference| d.matter == Matter::Readers && d.environment.as_ref() == Some(&environment.name);
        refuse(found.iter().filter(concerns), "changed, and the next write would follow it")
    }

    /// Returns the members and groups that differ from the record.
    pub fn changed_members(&self, project: &Project) -> Vec<Difference> {
        self.differences(project).into_iter().filter(|d| d.matter == Matter::Members).collect()
    }

    /// Tells whether a recipient is one that this machine knows of a member. Of a project never met it knows all.
    pub fn knows(&self, recipient: &Recipient) -> bool {
        let key = recipient.key_text();
        self.record.members.is_empty() || self.record.members.values().any(|keys| keys.contains(&key))
    }

    /// Tells whether a name may run code here: accepted with the project, or by itself.
    pub fn lets_run_code(&self, project: &Project, name: &Name) -> bool {
        let service = self.record.services.get(&project.prefix);
        let is_accepted = service.is_some_and(|s| s.is_trusted && s.runs_code.contains(name.as_str()));
        project.value(name).runs_code && (is_accepted || self.is_digest_demanded())
    }

    /// Tells whether `allow --name` let a name pass on this machine.
    pub fn lets_pass(&self, name: &Name) -> bool {
        self.record.names.contains(name.as_str())
    }

    /// Decides over a file that was opened and proved, and notes what was learned.
    ///
    /// `repository` gives git, where there is one.
    ///
    /// # Errors
    /// `Kind::Refused` as [`accept::judge`], and for a file that lost its seal.
    pub fn accept(
        &mut self,
        project: &Project,
        environment: &Environment,
        opened: &Opened,
        repository: impl FnOnce() -> Option<Repository>,
    ) -> Result<Verdict> {
        let path = project.below_home(&environment.file);
        let Some(version) = opened.version() else {
            self.unsealed.insert(path, opened.commitment());
            return Ok(Verdict::First);
        };
        let is_known_key = self.file(&path).is_some_and(|file| file.position(&version.commitment).is_some());
        match self.accept_version(project, environment, version, repository) {
            // The digests that a pipeline was given name the data keys; `check_digest` compares them.
            Err(_) if self.is_digest_demanded() && !is_known_key => Ok(Verdict::Rekeyed),
            judged => judged,
        }
    }

    /// As [`Self::accept`], for a sealed version that was opened and proved elsewhere.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub fn accept_version(
        &mut self,
        project: &Project,
        environment: &Environment,
        version: Version,
        repository: impl FnOnce() -> Option<Repository>,
    ) -> Result<Verdict> {
        let path = project.below_home(&environment.file);
        let record = self.record.files.get(&path).cloned().unwrap_or_default();
        let verdict = accept::judge(&record, &version, || claims(repository(), &environment.file))?;
        let mut after = record.clone();
        after.learn(&version);
        if !matches!(verdict, Verdict::Older { .. }) && after != record {
            self.learn(path, version);
        }
        Ok(verdict)
    }

    /// Checks that a file without a seal never had one, as far as this machine or the last commit knows.
    ///
    /// # Errors
    /// `Kind::Refused` if it had.
    pub fn check_unsealed(
        &mut self,
        project: &Project,
        environment: &Environment,
        file: &SealedFile,
        repository: impl FnOnce() -> Option<Repository>,
    ) -> Result<()> {
        if file.seal().is_some() {
            return Ok(());
        }
        let path = project.below_home(&environment.file);
        if self.record.files.get(&path).is_some_and(|known| known.keys.is_empty()) {
            return Ok(());
        }
        let git = repository();
        let committed = || git.as_ref().and_then(|git| git.file_at("HEAD", &environment.file).ok().flatten());
        let is_sealed = |bytes: Option<Vec<u8>>| bytes.as_deref().map(|bytes| Seal::claimed(bytes).is_some());
        let had_seal = match self.record.files.get(&path) {
            // A commit from before anybody sealed the file is like any other old one: nothing was taken away from it.
            Some(_) => {
                let is_from_before = is_sealed(committed()) == Some(false)
                    && claims(git, &environment.file).is_ok_and(|claims| !claims.is_cut && claims.seals.is_empty());
                if is_from_before {
                    return Ok(());
                }
                true
            }
            None => is_sealed(committed()) == Some(true),
        };
        if had_seal {
            return Err(Error::new(Kind::Refused, "it lost its seal")
                .because("`sops`, or somebody, wrote it since it was sealed")
                .hint("`secrets reseal` shows what changed, and seals it again"));
        }
        if !self.record.files.contains_key(&path) {
            self.note(move |record| {
                record.files.entry(path.clone()).or_default();
            });
        }
        Ok(())
    }

    /// Compares an environment with the digests that are demanded, if any are; `files` has the seal of each layer's file.
    ///
    /// # Errors
    /// `Kind::Refused` if none fits.
    pub fn check_digest(&self, project: &Project, environment: &Environment, files: &[Option<&Seal>]) -> Result<()> {
        let Some(digests) = &self.digests else { return Ok(()) };
        let found = self.digest(project, environment, files)?;
        if digests.contains(&found) {
            return Ok(());
        }
        let name = &environment.name;
        Err(Error::new(Kind::Refused, format!("no digest in `{VARIABLE}` fits the environment `{name}`"))
            .because("what `run` depends on is not what was reviewed: data keys, references, stores, programs")
            .hint(format!("after a review: `secrets allow --print --env {name}` prints the new one")))
    }

    /// Returns the digest of what `run` in an environment depends on.
    ///
    /// # Errors
    /// `Kind::Locked` if a file without a seal was not opened: its data key is not known.
    pub fn digest(&self, project: &Project, environment: &Environment, files: &[Option<&Seal>]) -> Result<String> {
        let layers = project.layers(environment)?;
        let commitment = |(layer, seal): (&&Environment, &Option<&Seal>)| {
            let path = project.below_home(&layer.file);
            let known = seal.map(|seal| seal.commitment).or_else(|| self.unsealed.get(&path).copied());
            known.map(|known| (path.clone(), known)).ok_or_else(|| {
                Error::new(Kind::Locked, format!("`{path}` has no seal, and no identity here opens it"))
                    .because("the digest names its data key")
            })
        };
        let commitments = layers.iter().zip(files).map(commitment).collect::<Result<Vec<_>>>()?;
        digest_of(project, environment, &commitments)
    }

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

    /// Remembers a file that was never sealed, by the SHA-256 of its bytes.
    pub fn accept_unsealed(&mut self, path: String, digest: String) {
        self.note(move |record| record.files.entry(path.clone()).or_default().accepted = Some(digest.clone()));
    }

    /// Notes a project that was met: what is not known yet becomes *seen*.
    pub fn meet(&mut self, project: &Project) {
        let service = Service::of(project, false);
        let prefix = project.prefix.clone();
        let (members, groups, stores) = (facts::members(project), facts::groups(project), project.stores.clone());
        let is_new = |known: &Service| service.environments.keys().any(|name| !known.environments.contains_key(name));
        if self.record.services.get(&prefix).is_some_and(|known| !is_new(known)) {
            return;
        }
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

    /// Accepts everything that `secrets.toml` says.
    pub fn allow(&mut self, project: &Project) {
        let service = Service::of(project, true);
        let prefix = project.prefix.clone();
        let (members, groups, stores) = (facts::members(project), facts::groups(project), project.stores.clone());
        self.moved = None;
        self.note(move |record| {
            record.members.clone_from(&members);
            record.groups.clone_from(&groups);
            record.stores.clone_from(&stores);
            record.services.insert(prefix.clone(), service.clone());
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
            record.names.clear();
            if let Some(service) = record.services.get_mut(&prefix) {
                service.is_trusted = false;
                service.environments.values_mut().for_each(|facts| facts.is_trusted = false);
            }
            record.files.values_mut().for_each(|file| file.accepted = None);
        });
    }

    /// Takes this machine's own change of members, groups and readers: only what these names say in `project`.
    pub fn adopt(&mut self, project: &Project, names: &[String]) {
        let (members, groups) = (facts::members(project), facts::groups(project));
        let service = Service::of(project, false);
        let prefix = project.prefix.clone();
        let names = names.to_vec();
        self.note(move |record| {
            for name in &names {
                put(&mut record.members, &members, name);
                put(&mut record.groups, &groups, name);
                let known = record.services.get_mut(&prefix).and_then(|known| known.environments.get_mut(name));
                if let (Some(known), Some(now)) = (known, service.environments.get(name)) {
                    known.readers.clone_from(&now.readers);
                }
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

    /// Writes what was noted; without a place to write it, nothing.
    ///
    /// # Errors
    /// `Kind::Failed` if the record cannot be written: worth a warning and nothing else.
    pub fn save(&mut self, project: &Project) -> Result<()> {
        let notes = std::mem::take(&mut self.notes);
        let Some(path) = self.path.as_deref().filter(|_| !notes.is_empty()) else { return Ok(()) };
        store::update(path, &self.record, |record| notes.iter().for_each(|note| note(record)))?;
        store::point_home(path, project, &self.record.id)
    }

    fn note(&mut self, change: impl Fn(&mut Record) + 'static) {
        change(&mut self.record);
        self.notes.push(Box::new(change));
    }
}

fn put<T: Clone>(
    known: &mut std::collections::BTreeMap<String, T>,
    now: &std::collections::BTreeMap<String, T>,
    name: &str,
) {
    match now.get(name) {
        Some(value) => known.insert(name.to_string(), value.clone()),
        None => known.remove(name),
    };
}

fn refuse<'a>(differences: impl Iterator<Item = &'a Difference>, what: &str) -> Result<()> {
    let texts: Vec<&str> = differences.map(|difference| difference.text.as_str()).collect();
    let Some(first) = texts.first() else { return Ok(()) };
    let more = if texts.len() > 1 { format!(" (and {} more)", texts.len() - 1) } else { String::new() };
    Err(Error::new(Kind::Refused, format!("secrets.toml {what}: {first}{more}"))
        .because("whoever can write to the repository can change secrets.toml")
        .hint("`secrets allow` shows all of it and accepts it"))
}

/// Reads what the history of `HEAD` claims of a file.
fn claims(repository: Option<Repository>, path: &str) -> Result<Claims> {
    /// So many versions of the largest file still fit into memory.
    const AT_ONCE: usize = 64;
    let Some(repository) = repository else { return Ok(Claims { seals: Vec::new(), is_cut: true }) };
    let history = repository.history(&[path], Span::Head)?;
    let mut seen = HashSet::new();
    let versions: Vec<(String, String)> = history
        .changes
        .into_iter()
        .filter_map(|change| Some((change.commit, change.blob?)))
        .filter(|(_, blob)| seen.insert(blob.clone()))
        .collect();
    let mut seals = Vec::new();
    for part in versions.chunks(AT_ONCE) {
        let blobs: Vec<String> = part.iter().map(|(_, blob)| blob.clone()).collect();
        for ((commit, _), content) in part.iter().zip(repository.contents(&blobs)?) {
            let seal = content.as_deref().and_then(Seal::claimed);
            seals.extend(seal.map(|seal| (commit.clone(), seal)));
        }
    }
    Ok(Claims { seals, is_cut: history.is_cut })
}
