//! A change of the team: settings and every file that follows from them, as one transaction.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;
use crate::disk;
use crate::disk::Change;
use crate::disk::Limit;
use crate::disk::Lock;
use crate::disk::Placed;
use crate::history::Repository;
use crate::project;
use crate::project::FILE_NAME;
use crate::project::Project;
use crate::project::SOPS_YAML;
use crate::project::Trust;
use crate::sops::Recipient;
use crate::team::Job;
use crate::team::Prepared;
use crate::team::Scope;
use crate::team::Site;
use crate::team::prepare;

use super::context::Context;
use super::judge;
use super::transaction;

/// The team of a project, with every right to write that a change of it may need.
pub struct Team<'c> {
    context: &'c Context<'c>,
    /// What this machine knew before the change.
    pub trust: Trust,
    locks: BTreeMap<String, Lock>,
}

/// What is to be written beside the sealed files, and who was named.
#[derive(Default)]
pub struct Edits {
    /// The new text of each `secrets.toml`, by the project's prefix.
    pub texts: BTreeMap<String, String>,
    /// Recipients that the person named in this call: no record has to know them.
    pub newcomers: Vec<Recipient>,
    /// Whether the settings of the members come after those of the services: a reader goes before the member does.
    pub home_last: bool,
    /// Members, groups and environments (by their labels) whose change is this machine's own.
    pub own: Vec<String>,
}

impl<'c> Team<'c> {
    /// Locks a team's files, and returns them as they are from then on.
    ///
    /// # Errors
    /// As [`Scope::of`], [`Trust::load`], [`Trust::check_place`] and [`Lock::all_beneath`]; `Kind::Failed` if a change was interrupted.
    pub fn lock(context: &'c Context<'c>) -> Result<(Self, Scope)> {
        let before = Scope::of(context.project()?)?;
        let home = before.projects[0].home.clone();
        let mut paths: Vec<String> = before.sites().map(|site| site.path()).collect();
        for project in &before.projects {
            paths.push(project.below_home(FILE_NAME));
            paths.push(project.below_home(SOPS_YAML));
        }
        let home_settings = FILE_NAME.to_string();
        if !paths.contains(&home_settings) {
            paths.push(home_settings);
        }
        let locks = Lock::all_beneath(&home, &paths)?;
        let locks = paths.into_iter().zip(locks).collect();
        // What was read before the lock may have changed since.
        let scope = Scope::of(context.project()?)?;
        let trust = Trust::load(context.world, &scope.projects[0])?;
        trust.check_place()?;
        transaction::check_none_waits(&trust)?;
        Ok((Self { context, trust, locks }, scope))
    }

    /// Returns the projects as they will be.
    ///
    /// # Errors
    /// As [`project::parse`].
    fn edited(scope: &Scope, edits: &Edits) -> Result<Vec<Project>> {
        let home_text = edits.texts.get("").map(String::as_str);
        let parse = |old: &Project| match edits.texts.get(&old.prefix) {
            Some(text) => project::parse_with_home(&old.folder, text, home_text),
            None => project::parse_with_home(&old.folder, &project::text(&old.folder)?, home_text),
        };
        scope.projects.iter().map(parse).collect()
    }

    /// Prepares every file of `jobs`, checks them against what this machine trusts, writes all or nothing, and remembers.
    ///
    /// # Errors
    /// `Kind::Refused` for a reader whom this machine has not accepted, and as every reader of a file; `Kind::Locked` if no
    /// identity here opens one of them; `Kind::Failed` if something cannot be written. Nothing was written then, but where
    /// the message says so.
    pub fn commit(&mut self, scope: &Scope, what: &str, edits: &Edits, mut jobs: Vec<Job<'_>>) -> Result<usize> {
        jobs.iter_mut().for_each(|job| self.context.keyring().connect(job.rewrap.recipients_mut()));
        let after = Self::edited(scope, edits)?;
        let wraps: Vec<Vec<Recipient>> = jobs.iter().map(|job| job.rewrap.recipients().to_vec()).collect();
        let prepared = prepare(jobs, &mut self.context.keyring(), self.context.world.now)?;
        self.context.warn_of_identities();
        for (prepared, wraps) in prepared.iter().zip(&wraps) {
            self.check(prepared, wraps, &edits.newcomers)?;
        }
        let count = prepared.iter().filter(|prepared| prepared.written.is_some()).count();
        let mut changes = self.settings_changes(edits, &after)?;
        let mut learned = Vec::new();
        for prepared in prepared {
            let Some(written) = prepared.written else { continue };
            let below = prepared.site.path();
            match written.version {
                Some(version) => learned.push((below.clone(), version)),
                None => self.trust.follow_unsealed(below.clone(), &prepared.before, &written.bytes),
            }
            changes.push(self.change(below, Some(prepared.before), written.bytes)?);
        }
        let mut placed = None;
        if !changes.is_empty() {
            let journal = self.trust.journal().ok_or_else(|| {
                Error::new(Kind::Failed, "there is no state folder for the journal")
                    .because("neither `HOME` nor `XDG_STATE_HOME` is set")
            })?;
            let paths = learned.iter().map(|(path, _)| path.clone());
            let note = transaction::note(&self.trust.touched(&scope.projects, &edits.own, paths))?;
            placed = Some(disk::commit(&journal, what, &note, &changes)?);
        }
        for (path, version) in learned {
            self.trust.learn(path, version);
        }
        for project in &scope.projects {
            self.trust.meet(project);
        }
        for (before, project) in scope.projects.iter().zip(&after) {
            self.trust.adopt(before, project, &edits.own);
        }
        if let Err(error) = self.trust.save(&scope.projects[0]) {
            self.context.ui.warn(format!("what this machine trusts cannot be remembered: {}", error.message()));
        }
        placed.map_or(Ok(()), Placed::end)?;
        Ok(count)
    }

    fn check(&mut self, prepared: &Prepared<'_>, wraps: &[Recipient], newcomers: &[Recipient]) -> Result<()> {
        let Site { project, environment } = prepared.site;
        let shown = prepared.site.path();
        let in_file = |error: Error| error.in_file(&shown);
        self.trust.check_writing(project, environment)?;
        let repository = || Repository::of(self.context.world, &project.folder);
        match &prepared.version {
            Some(version) => {
                let version = version.clone();
                let key = &prepared.key;
                self.trust.accept_version(project, environment, version, key, repository).map_err(in_file)?;
            }
            None => {
                self.trust.check_accepted(project, environment).map_err(in_file)?;
                let (file, _) = crate::sops::SealedFile::read(&prepared.before, crate::sops::Leniency::None, None)
                    .map_err(in_file)?;
                let could_be = |content: &[u8]| judge::could_be(self.context, content);
                self.trust.check_unsealed(project, environment, &file, &could_be, repository).map_err(in_file)?;
            }
        }
        let is_accepted = |recipient: &&Recipient| {
            let key = recipient.key_text();
            let is_in_seal = prepared.version.is_some() && prepared.readers.contains(&key);
            self.trust.knows_reader(project, environment, recipient)
                || is_in_seal
                || newcomers.iter().any(|new| new.key_text() == key)
        };
        let unknown: Vec<&str> = wraps.iter().filter(|r| !is_accepted(r)).map(Recipient::label).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let names = project.who(&unknown).join(", ");
        Err(Error::new(
            Kind::Refused,
            format!("`{shown}` would be sealed to {names}, whom this machine has not accepted"),
        )
        .because("whoever can write to the repository can add a recipient to secrets.toml")
        .hint("`secrets allow` shows who is new and accepts them"))
    }

    /// Returns the changes of `secrets.toml` and of each `.sops.yaml` that was rendered from it.
    fn settings_changes(&self, edits: &Edits, after: &[Project]) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let Some(home) = after.first().map(|project| &project.home) else { return Ok(changes) };
        // Whatever was placed when a change is interrupted can be understood.
        let mut texts: Vec<(&String, &String)> = edits.texts.iter().collect();
        if edits.home_last {
            texts.reverse();
        }
        for (prefix, text) in texts {
            let below = if prefix.is_empty() { FILE_NAME.to_string() } else { format!("{prefix}/{FILE_NAME}") };
            let before = disk::read_beneath(home, Path::new(&below), Limit::SETTINGS)?.to_vec();
            if before != text.as_bytes() {
                changes.push(self.change(below, Some(before), text.clone().into_bytes())?);
            }
        }
        for project in after {
            let below = project.below_home(SOPS_YAML);
            let Ok(before) = disk::read_beneath(home, Path::new(&below), Limit::SETTINGS) else { continue };
            if project::is_our_sops_yaml(&before) {
                let text = project::sops_yaml(project, self.context.world.now)?;
                if *before != *text.as_bytes() {
                    changes.push(self.change(below, Some(before.to_vec()), text.into_bytes())?);
                }
            }
        }
        Ok(changes)
    }

    fn change(&self, below: String, before: Option<Vec<u8>>, after: Vec<u8>) -> Result<Change> {
        let lock = self.locks.get(&below).ok_or_else(|| {
            let shown = printable(below.as_bytes());
            Error::new(Kind::Failed, format!("`{shown}` came while the command ran")).hint("try again")
        })?;
        Ok(Change { lock: lock.clone(), below, before, after })
    }
}
