//! The versions of a file: which ones this machine takes.

use std::collections::HashSet;

use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::hex;
use crate::history::Repository;
use crate::history::Span;
use crate::project::Environment;
use crate::project::Project;
use crate::sops::Bytes32;
use crate::sops::DataKey;
use crate::sops::Leniency;
use crate::sops::Opened;
use crate::sops::Seal;
use crate::sops::SealedFile;
use crate::sops::Version;
use crate::sops::to_base64;

use super::Trust;
use super::VARIABLE;
use super::accept;
use super::accept::Claims;
use super::accept::Verdict;
use super::digest::digest_of;

impl Trust {
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
        self.opened.insert(path.clone(), opened.commitment());
        let Some(version) = opened.version() else { return Ok(Verdict::First) };
        let is_known_key = self.file(&path).is_some_and(|file| file.position(&version.commitment).is_some());
        match self.accept_version(project, environment, version, opened.data_key(), repository) {
            // The digests that a pipeline was given name the data keys; `check_digest` compares them.
            Err(_) if self.is_digest_demanded() && !is_known_key => Ok(Verdict::Rekeyed),
            judged => judged,
        }
    }

    /// As [`Self::accept`], for a sealed version that was opened with `key` and proved elsewhere.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub fn accept_version(
        &mut self,
        project: &Project,
        environment: &Environment,
        version: Version,
        key: &DataKey,
        repository: impl FnOnce() -> Option<Repository>,
    ) -> Result<Verdict> {
        let path = project.below_home(&environment.file);
        let record = self.record.files.get(&path).cloned().unwrap_or_default();
        let mut asked = false;
        let verdict = accept::judge(&record, &version, || {
            asked = true;
            let (git, paths) = (repository(), git_paths(project, environment));
            let mut claims = claims(git.as_ref(), &paths)?;
            // Whoever can write to the repository can invent a seal: of the same data key it is proved before it counts.
            let is_newer = |seal: &Seal| seal.commitment == version.commitment && seal.seq > version.seq;
            let content = |commit: &str| contents_at(git.as_ref(), commit, &paths);
            claims.seals.retain(|(commit, seal)| !is_newer(seal) || content(commit).iter().any(|c| is_right(c, key)));
            Ok(claims)
        });
        self.asked_history |= asked;
        let verdict = verdict?;
        let mut after = record.clone();
        after.learn(&version);
        if !matches!(verdict, Verdict::Older { .. }) && after != record {
            self.learn(path, version);
        }
        Ok(verdict)
    }

    /// Checks that a file without a seal never had one, as far as this machine or the last commit knows.
    ///
    /// `could_be` tells of a version in git's history whether its seal is right, as far as an identity here can tell: whoever can
    /// write to the repository can invent one.
    ///
    /// # Errors
    /// `Kind::Refused` if it had.
    pub fn check_unsealed(
        &mut self,
        project: &Project,
        environment: &Environment,
        file: &SealedFile,
        could_be: &dyn Fn(&[u8]) -> bool,
        repository: impl FnOnce() -> Option<Repository>,
    ) -> Result<()> {
        if file.seal().is_some() {
            return Ok(());
        }
        let path = project.below_home(&environment.file);
        let known = self.record.files.get(&path);
        let digest = hex(&Sha256::digest(file.bytes()));
        // What git was asked about stays what it is: git costs more than all the rest of `run`.
        if known.is_some_and(|known| known.keys.is_empty() && known.asked.as_ref() == Some(&digest)) {
            return Ok(());
        }
        let passed = known.map(|known| known.passed.clone()).unwrap_or_default();
        self.asked_history = true;
        let is_meant =
            |seal: &Seal, content: &[u8]| !passed.contains(&to_base64(&seal.commitment)) && could_be(content);
        let had_seal = match (known, had_seal(repository().as_ref(), &git_paths(project, environment), &is_meant)) {
            (_, Some(had_seal)) => had_seal,
            // Nothing tells, but for this machine, which may have seen one.
            (known, None) => known.is_some_and(|known| !known.keys.is_empty()),
        };
        if had_seal {
            return Err(Error::new(Kind::Refused, "it lost its seal")
                .because("`sops`, or somebody, wrote it since it was sealed")
                .hint("`secrets reseal` shows what changed, and seals it again")
                .short("lost its seal; `secrets reseal` shows what changed"));
        }
        if known.is_none_or(|known| known.keys.is_empty()) {
            self.note(move |record| record.files.entry(path.clone()).or_default().asked = Some(digest.clone()));
        }
        Ok(())
    }

    /// Compares an environment with the digests that are demanded, if any are; `files` as [`Self::digest`] takes them.
    ///
    /// # Errors
    /// `Kind::Refused` if none fits.
    pub fn check_digest(&self, project: &Project, environment: &Environment, files: &[Option<Bytes32>]) -> Result<()> {
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

    /// Returns the digest of what `run` in an environment depends on; `files` has what the seal of each layer's file says
    /// of its data key.
    ///
    /// # Errors
    /// `Kind::Locked` if a file without a seal was not opened: its data key is not known.
    pub fn digest(&self, project: &Project, environment: &Environment, files: &[Option<Bytes32>]) -> Result<String> {
        let layers = project.layers(environment)?;
        let commitment = |(layer, claimed): (&&Environment, &Option<Bytes32>)| {
            let path = project.below_home(&layer.file);
            let known = self.opened.get(&path).copied().or(*claimed);
            // References alone have no data key.
            let has_none = !layer.references.is_empty() && project.path_of(layer).symlink_metadata().is_err();
            let known = known.or(has_none.then_some(Bytes32::default()));
            known.map(|known| (path.clone(), known)).ok_or_else(|| {
                Error::new(Kind::Locked, format!("`{path}` has no seal, and no identity here opens it"))
                    .because("the digest names its data key")
            })
        };
        let commitments = layers.iter().zip(files).map(commitment).collect::<Result<Vec<_>>>()?;
        digest_of(project, environment, &commitments)
    }
}

/// Tells whether the history of `HEAD` has a version with a seal that counts; `None` where it does not reach far enough to tell.
/// A commit from before anybody sealed the file is like any other old one: nothing was taken away from it.
fn had_seal(repository: Option<&Repository>, paths: &[String], counts: &dyn Fn(&Seal, &[u8]) -> bool) -> Option<bool> {
    let claims = claims(repository, paths).ok()?;
    let counts =
        |(commit, seal): &(String, Seal)| contents_at(repository, commit, paths).iter().any(|c| counts(seal, c));
    if claims.seals.iter().any(counts) {
        return Some(true);
    }
    let is_committed = || repository?.file_at("HEAD", paths.last()?).ok()?;
    (!claims.is_cut && is_committed().is_some()).then_some(false)
}

/// Returns what a commit has at any of these paths.
fn contents_at(repository: Option<&Repository>, commit: &str, paths: &[String]) -> Vec<Vec<u8>> {
    let at = |path: &String| repository?.file_at(commit, path).ok()?;
    paths.iter().filter_map(at).collect()
}

/// Tells whether a version is right under a data key, its seal and all.
fn is_right(content: &[u8], key: &DataKey) -> bool {
    let read = SealedFile::read(content, Leniency::None, None);
    read.is_ok_and(|(file, _)| file.seal().is_some() && file.open(key.duplicate()).is_ok())
}

/// Returns where git keeps an environment's file: its own path, and where that is a link the path that it leads to.
fn git_paths(project: &Project, environment: &Environment) -> Vec<String> {
    let mut paths = vec![environment.file.clone()];
    let real = project.path_of(environment).canonicalize().ok();
    let root = project.folder.canonicalize().ok();
    if let (Some(real), Some(root)) = (real, root)
        && let Some(below) = real.strip_prefix(root).ok().and_then(std::path::Path::to_str)
        && below != environment.file
    {
        paths.push(below.to_string());
    }
    paths
}

/// Reads what the history of `HEAD` claims of the file that had these paths, newest commit first.
///
/// # Errors
/// `Kind::Failed` if git cannot say.
pub fn claims(repository: Option<&Repository>, paths: &[String]) -> Result<Claims> {
    /// So many versions of the largest file still fit into memory.
    const AT_ONCE: usize = 64;
    let Some(repository) = repository else { return Ok(Claims { seals: Vec::new(), is_cut: true }) };
    let mut history =
        repository.history(&paths.iter().map(String::as_str).collect::<Vec<_>>(), Span::Ancestors("HEAD"))?;
    let mut seen = HashSet::new();
    history.changes.retain(|change| change.blob.as_ref().is_some_and(|blob| seen.insert(blob.clone())));
    let mut seals = Vec::new();
    for part in history.changes.chunks(AT_ONCE) {
        let contents = repository.contents(part)?;
        for change in part {
            let content = change.blob.as_ref().and_then(|blob| contents.get(blob));
            seals.extend(content.and_then(|content| Seal::claimed(content)).map(|seal| (change.commit.clone(), seal)));
        }
    }
    Ok(Claims { seals, is_cut: history.is_cut })
}
