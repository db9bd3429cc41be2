//! Git, read only: what it ignores and what it tracks.

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use crate::base::Env;
use crate::base::World;
use crate::disk;

/// A work tree of git.
pub struct Repository {
    git: PathBuf,
    folder: PathBuf,
    env: Env,
}

impl Repository {
    /// Finds the work tree that `folder` lies in; `None` without one, or without git.
    pub fn of(world: &World, folder: &Path) -> Option<Self> {
        // A relative part of PATH would find a `git` that lies in the repository.
        let git = disk::find_program(OsStr::new("git"), &world.env).ok().filter(|git| git.is_absolute())?;
        let repository = Self { git, folder: folder.to_path_buf(), env: world.env.clone() };
        repository.says_yes(&["rev-parse", "--is-inside-work-tree"]).then_some(repository)
    }

    /// Tells whether a pattern of some `.gitignore` hides `path`, which is relative to the folder.
    pub fn ignores(&self, path: &str) -> bool {
        self.says_yes(&["check-ignore", "--quiet", "--no-index", "--", path])
    }

    /// Tells whether `path`, relative to the folder, is in the index.
    pub fn tracks(&self, path: &str) -> bool {
        self.says_yes(&["ls-files", "--error-unmatch", "--", path])
    }

    /// Runs git so that neither the caller's environment nor the repository's settings make it run a program.
    fn says_yes(&self, arguments: &[&str]) -> bool {
        // Neither git's own variables, which can name programs, nor an identity.
        let is_foreign = |name: &OsStr| {
            let name = name.as_encoded_bytes();
            name.starts_with(b"GIT_") || name.starts_with(b"SECRETS_") || name.starts_with(b"SOPS_AGE_")
        };
        let clean = self.env.iter().filter(|(name, _)| !is_foreign(name));
        Command::new(&self.git)
            .env_clear()
            .envs(clean)
            .current_dir(&self.folder)
            .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}
