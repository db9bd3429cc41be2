//! Git, read only: what it ignores and tracks, and the versions of a file.

mod call;
mod folders;
mod merge;
mod versions;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::base::Env;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::base::printable;
use crate::disk;

pub use folders::head_files;
pub use folders::in_main_work_tree;
pub use merge::Merge;
pub use merge::Old;
pub use merge::Sides;
pub use versions::Change;
pub use versions::History;
pub use versions::Span;

/// A work tree of git.
pub struct Repository {
    git: PathBuf,
    /// The folder that paths are relative to.
    folder: PathBuf,
    env: Env,
}

impl Repository {
    /// Finds the work tree that `folder` lies in; `None` without one, or without git.
    pub fn of(world: &World, folder: &Path) -> Option<Self> {
        let git = disk::find_installed("git", &world.env)?;
        let repository = Self { git, folder: folder.to_path_buf(), env: world.env.clone() };
        repository.says_yes(&["rev-parse", "--is-inside-work-tree"]).then_some(repository)
    }

    /// Returns the whole work tree, and the way from its top to the folder: empty, or with a `/` at its end.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot say.
    pub fn whole(&self) -> Result<(Self, String)> {
        let mut top = self.output(&["rev-parse", "--show-toplevel"])?;
        top.pop_if(|last| *last == b'\n');
        let way = self.text(&["rev-parse", "--show-prefix"])?;
        Ok((Self { git: self.git.clone(), folder: PathBuf::from(OsString::from_vec(top)), env: self.env.clone() }, way))
    }

    /// Returns the folder that paths are relative to.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Tells whether a pattern of some `.gitignore` hides `path`, which is relative to the folder.
    pub fn ignores(&self, path: &str) -> bool {
        self.says_yes(&["check-ignore", "--quiet", "--no-index", "--", path])
    }

    /// Tells whether `path`, relative to the folder, is in the index.
    pub fn tracks(&self, path: &str) -> bool {
        self.says_yes(&["ls-files", "--error-unmatch", "--", path])
    }

    /// Returns the paths in the index at and below the folder, relative to it.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot say.
    pub fn tracked(&self) -> Result<Vec<String>> {
        let bytes = self.output(&["ls-files", "-z"])?;
        Ok(bytes.split(|b| *b == 0).filter(|path| !path.is_empty()).map(printable).collect())
    }

    /// Tells whether the history ends before its beginning.
    pub fn is_shallow(&self) -> bool {
        self.text(&["rev-parse", "--is-shallow-repository"]).is_ok_and(|said| said == "true")
    }

    /// Returns the commit that a word of a person names: a branch, a tag, `HEAD~2`.
    ///
    /// # Errors
    /// `Kind::Failed` if there is none.
    pub fn commit(&self, name: &str) -> Result<String> {
        let wanted = format!("{name}^{{commit}}");
        self.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).map_err(|_| {
            let shown = printable(name.as_bytes());
            Error::new(Kind::Failed, format!("git knows no commit `{shown}`"))
        })
    }

    /// Returns the last commit of `HEAD`'s history that is not younger than a moment that git understands.
    ///
    /// # Errors
    /// `Kind::Failed` if there is none.
    pub fn commit_before(&self, moment: &str) -> Result<String> {
        let found = self.text(&["rev-list", "--max-count=1", &format!("--before={moment}"), "HEAD"])?;
        if found.is_empty() {
            let shown = printable(moment.get(..10).unwrap_or(moment).as_bytes());
            return Err(Error::new(Kind::Failed, format!("there is no commit before `{shown}`")));
        }
        Ok(found)
    }

    /// Returns a file as it was in a commit; `None` if it was not there.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot say.
    pub fn file_at(&self, commit: &str, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.objects(&[format!("{commit}:./{path}")])?.pop().flatten())
    }

    /// Tells for each path whether `.gitattributes` lets git leave its bytes alone and merge it by name.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot say.
    pub fn attributes(&self, paths: &[String]) -> Result<Vec<bool>> {
        let input = paths.iter().flat_map(|path| [path.as_bytes(), b"\0"]).collect::<Vec<_>>().concat();
        let said = self.output_of(&["check-attr", "--stdin", "-z", "text", "merge"], input)?;
        let fields: Vec<&[u8]> = said.split(|b| *b == 0).collect();
        // Six fields for each path: path, attribute, value, twice.
        let is_set = |six: &[&[u8]]| six[2] == b"unset" && six[5] == b"secrets";
        Ok(fields.chunks_exact(6).map(is_set).collect())
    }

    /// Returns those of the paths that a pattern of some `.gitignore` hides.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot be started.
    pub fn ignored(&self, paths: &[String]) -> Result<Vec<String>> {
        let input = paths.iter().flat_map(|path| [path.as_bytes(), b"\0"]).collect::<Vec<_>>().concat();
        // Its exit code is 1 if none is ignored.
        let said = self.output_of(&["check-ignore", "--no-index", "--stdin", "-z"], input).unwrap_or_default();
        Ok(said.split(|b| *b == 0).filter(|path| !path.is_empty()).map(printable).collect())
    }
}
