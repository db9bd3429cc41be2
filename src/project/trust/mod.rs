//! Trust: what this machine has seen and accepted of a project, and what it refuses because of that.
//!
//! The rules: `docs/trust.md`.

mod accept;
mod changes;
mod checks;
mod digest;
mod exposure;
mod facts;
mod interrupted;
mod record;
mod store;
mod versions;
mod worktree;

use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;

use crate::base::Name;
use crate::base::Result;
use crate::base::World;
use crate::disk;
use crate::disk::Lock;
use crate::sops::Bytes32;
use crate::sops::LinkKey;
use crate::sops::Recipient;

use super::Environment;
use super::Member;
use super::Project;

use facts::MemberFacts;
use facts::Service;
use record::Record;
use store::Emptied;

pub use accept::Verdict;
pub use exposure::Limit;
pub use exposure::Wish;
pub use facts::Difference;
pub use facts::Matter;
pub use interrupted::Touched;
pub use record::FileRecord;
pub use versions::claims;

/// The variable that holds digests where there is no record: in CI.
pub const VARIABLE: &str = "SECRETS_TRUST";

/// A change that is made on whatever the record holds by the time it is written.
type Note = Box<dyn Fn(&mut Record)>;

/// The trust record of one project, as it was found and as it will be written.
pub struct Trust {
    path: Option<PathBuf>,
    /// Where the record of this very folder would be: another work tree may share its own.
    own_path: Option<PathBuf>,
    record: Record,
    notes: Vec<Note>,
    /// The services of which anything was recorded before this call.
    known: HashSet<String>,
    /// Where other records are on which the answer hangs: of the main work tree, of a service's own folder.
    other_paths: Vec<PathBuf>,
    /// How the place of the settings differs from what is known.
    misplaced: Option<Difference>,
    /// Folders between the working directory and the project that had settings of their own.
    emptied: Vec<Emptied>,
    /// Those whose going this call accepts.
    leaving: Vec<Emptied>,
    /// Whether the project's own folder is one that was left.
    is_left: bool,
    /// The span of an acceptance that has ended.
    expired: Option<String>,
    /// Whether git's history had a say in what was decided.
    asked_history: bool,
    /// The digests of [`VARIABLE`].
    digests: Option<Vec<String>>,
    /// The data keys of the files that this call opened, by path.
    opened: HashMap<String, Bytes32>,
}

impl Trust {
    /// Reads the record of a project; one that was never met has an empty one.
    ///
    /// # Errors
    /// `Kind::Refused` for a state folder or record that others could have written.
    pub fn load(world: &World, project: &Project) -> Result<Self> {
        let own_path = store::path_of(world, &project.home);
        let mut other_paths = Vec::new();
        let (path, found) = match own_path.as_deref().map(store::read).transpose()?.flatten() {
            Some(found) => (own_path.clone(), Some(found)),
            None => {
                let main = worktree::main_record(world, project);
                other_paths.extend(main.clone());
                worktree::shared(project, own_path.clone(), main)?
            }
        };
        // A service's own folder has a record that says where its `root` led.
        let is_service = !project.prefix.is_empty();
        let pointer = if is_service { store::path_of(world, &project.folder) } else { None };
        other_paths.extend(pointer.clone());
        let pointer = pointer.as_deref().map(store::read).transpose()?.flatten();
        let own = if is_service { pointer.as_ref() } else { found.as_ref() };
        let emptied = store::emptied(world, project);
        other_paths.extend(emptied.iter().map(|emptied| emptied.record().to_path_buf()));
        let misplaced = store::misplaced(world, project, found.as_ref(), own, &emptied);
        let is_left = own.is_some_and(|record| record.is_left);
        let mut record = match found {
            Some(record) => record,
            None => store::new_record(&project.home)?,
        };
        let expired = record.expire(&project.prefix, world.now);
        let digests = world.env.get_even_empty(VARIABLE).map(|text| {
            let text = text.to_string_lossy();
            text.split(',').map(|digest| digest.trim().to_string()).filter(|digest| !digest.is_empty()).collect()
        });
        let known = record.services.keys().cloned().collect();
        Ok(Self {
            path,
            own_path,
            record,
            notes: Vec::new(),
            known,
            other_paths,
            misplaced,
            emptied,
            leaving: Vec::new(),
            is_left,
            expired,
            asked_history: false,
            digests,
            opened: HashMap::new(),
        })
    }

    /// Returns the random id under which this machine keeps everything of the project.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Returns where the record lies; `None` without a state folder.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the files that tell what is trusted: the record, where one would be that comes before it, and others that say where
    /// the settings belong.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let own = self.own_path.as_deref().filter(|own| Some(*own) != self.path.as_deref());
        let others = self.other_paths.iter().map(PathBuf::as_path).filter(|other| Some(*other) != self.path.as_deref());
        self.path.as_deref().into_iter().chain(own).chain(others)
    }

    /// Returns where the journal of a change of several files lies; `None` without a state folder.
    pub fn journal(&self) -> Option<PathBuf> {
        self.own_path.as_deref().and_then(journal_beside)
    }

    /// As [`Self::journal`], by the folder that has the members.
    pub fn journal_of(world: &World, home: &Path) -> Option<PathBuf> {
        store::path_of(world, home).as_deref().and_then(journal_beside)
    }

    /// Tells whether anything was recorded of this project before this call.
    pub fn is_known(&self, project: &Project) -> bool {
        self.known.contains(&project.prefix)
    }

    /// Tells whether nothing was recorded of the project, nor of any that shares its members, before this call.
    pub fn is_first_meeting(&self) -> bool {
        self.known.is_empty() && self.path.is_some()
    }

    /// Tells whether git's history had a say in what was decided: another `HEAD` may lead to another answer.
    pub fn asked_history(&self) -> bool {
        self.asked_history
    }

    /// Tells whether digests stand for the record, as in CI.
    pub fn is_digest_demanded(&self) -> bool {
        self.digests.is_some()
    }

    /// Returns what is recorded of a file, by its path below the project's home.
    pub fn file(&self, path: &str) -> Option<&FileRecord> {
        self.record.files.get(path)
    }

    /// Returns what lets a new data key of a file prove that it follows those that this machine knows, newest first.
    pub fn links(&self, path: &str) -> Vec<(Bytes32, LinkKey)> {
        self.file(path).map_or_else(Vec::new, FileRecord::links)
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
        found.extend(self.misplaced.clone());
        found
    }

    /// Tells whether this machine knows a recipient as one of an environment's readers: by member, last day, group and reader
    /// as the record has them, and not as secrets.toml says now. Of a project never met it knows all.
    pub fn knows_reader(&self, project: &Project, environment: &Environment, recipient: &Recipient) -> bool {
        let key = recipient.key_text();
        let members = &self.record.members;
        let until = |name: &str| project.members.iter().find(|member| member.name == name)?.until.as_deref();
        let is_of = |(name, facts): (&String, &MemberFacts)| facts.keys.contains(&key) && facts.covers(until(name));
        let service = self.record.services.get(&project.prefix);
        let Some(facts) = service.and_then(|service| service.environments.get(&environment.name)) else {
            // A file that is known under another name has the readers of that one.
            if self.file(&project.below_home(&environment.file)).is_some_and(|file| !file.keys.is_empty()) {
                return false;
            }
            return members.is_empty() || members.iter().any(is_of);
        };
        let is_of = |member: &String| members.get_key_value(member).is_some_and(is_of);
        facts.readers.iter().any(|reader| match self.record.groups.get(reader) {
            Some(group) => group.iter().any(is_of),
            None => is_of(reader),
        })
    }

    /// Returns the keys that this machine knows of a member, whatever secrets.toml says now.
    pub fn keys_of_member(&self, member: &str) -> Vec<String> {
        self.record.members.get(member).into_iter().flat_map(|facts| facts.keys.clone()).collect()
    }

    /// Tells whether this machine knows a recipient as one of this member. Of a project never met it knows all.
    pub fn knows_member(&self, member: &str, recipient: &Recipient) -> bool {
        let members = &self.record.members;
        members.is_empty() || members.get(member).is_some_and(|facts| facts.keys.contains(&recipient.key_text()))
    }

    /// Tells whether secrets.toml gives a member no more time than this machine knows of.
    pub fn knows_last_day(&self, member: &Member) -> bool {
        self.record.members.get(&member.name).is_none_or(|facts| facts.covers(member.until.as_deref()))
    }

    /// Tells whether a person accepted a project on this machine.
    pub fn is_accepted(&self, project: &Project) -> bool {
        self.record.services.get(&project.prefix).is_some_and(|service| service.is_trusted)
    }

    /// Tells whether a name may run code here: accepted with the project, or by itself.
    pub fn lets_run_code(&self, project: &Project, name: &Name) -> bool {
        let service = self.record.services.get(&project.prefix);
        let is_accepted = service.is_some_and(|s| s.is_trusted && s.runs_code.contains(name.as_str()));
        project.value(name).runs_code && (is_accepted || self.is_digest_demanded())
    }

    /// Tells whether a person let an age plugin be started for this project on this machine.
    pub fn lets_plugin(&self, name: &str) -> bool {
        self.record.plugins.contains(name)
    }

    /// Returns the names of which this person keeps a value of his own, in order; none where digests stand for the record, so
    /// that a job is the same on every machine.
    pub fn personal(&self, project: &Project, environment: &Environment) -> Vec<Name> {
        let names = self.record.personal.get(&project.label(environment)).filter(|_| !self.is_digest_demanded());
        names.into_iter().flatten().filter_map(|name| Name::parse(name).ok()).collect()
    }

    /// Waits for the right to change the values that this person keeps for himself; `None` without a record.
    ///
    /// # Errors
    /// As [`Lock::for_file`].
    pub fn lock_personal(&self) -> Result<Option<Lock>> {
        // A folder of its own: the record's is locked by each of its writes.
        let Some(folder) = self.path.as_deref().and_then(Path::parent).map(|folder| folder.join("personal")) else {
            return Ok(None);
        };
        disk::make_private_folder(&folder)?;
        Lock::for_file(&folder.join("lock")).map(Some)
    }

    /// Tells whether `allow --name` let a name pass on this machine.
    pub fn lets_pass(&self, name: &Name) -> bool {
        self.record.names.contains(name.as_str())
    }

    /// Writes what was noted; without a place to write it, nothing.
    ///
    /// # Errors
    /// `Kind::Failed` if the record cannot be written: worth a warning and nothing else.
    pub fn save(&mut self, project: &Project) -> Result<()> {
        std::mem::take(&mut self.leaving).iter().try_for_each(store::leave)?;
        let notes = std::mem::take(&mut self.notes);
        let Some(path) = self.path.as_deref().filter(|_| !notes.is_empty()) else { return Ok(()) };
        // A project in a place that nobody accepted stays one that was never met.
        if self.misplaced.is_some() && !self.is_known(project) {
            return Ok(());
        }
        store::update(path, &self.record, |record| notes.iter().for_each(|note| note(record)))?;
        // Where `root` led before stays known until a person accepts that it leads elsewhere.
        if self.misplaced.is_some() {
            return Ok(());
        }
        store::point_home(path, project, &self.record.id)
    }

    fn note(&mut self, change: impl Fn(&mut Record) + 'static) {
        change(&mut self.record);
        self.notes.push(Box::new(change));
    }
}

fn journal_beside(record: &Path) -> Option<PathBuf> {
    record.parent().map(|folder| folder.join("transaction"))
}
