//! Where files were before: an environment's path changes with its name or with `file`, and some go.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::rc::Rc;

use crate::base::Result;
use crate::history::Repository;
use crate::history::Span;
use crate::project;
use crate::project::FILE_NAME;

use super::exposure::PastVersion;
use super::scope::Site;

/// Returns the paths that some version of these projects' `secrets.toml` gave an environment, and the one of now does not.
///
/// A service whose own folder moved is not followed.
///
/// # Errors
/// `Kind::Failed` if git cannot say.
pub fn left_paths(sites: &[Site<'_>], repository: &Repository) -> Result<BTreeSet<String>> {
    let settings: BTreeSet<String> = sites.iter().map(|site| site.project.below_home(FILE_NAME)).collect();
    let history = repository.history(&settings.iter().map(String::as_str).collect::<Vec<_>>(), Span::Everywhere)?;
    let contents = repository.contents(&history.changes)?;
    let mut paths = BTreeSet::new();
    for change in &history.changes {
        let folder = change.path.strip_suffix(FILE_NAME).unwrap_or_default();
        let Some(content) = change.blob.as_ref().and_then(|blob| contents.get(blob)) else { continue };
        let files = project::files_in(&String::from_utf8_lossy(content));
        paths.extend(files.into_iter().map(|file| format!("{folder}{file}")));
    }
    for project in sites.iter().map(|site| site.project) {
        for environment in &project.environments {
            paths.remove(&project.below_home(&environment.file));
        }
    }
    Ok(paths)
}

/// A path that no environment has any more, and what stood there.
pub struct Left {
    pub path: String,
    pub versions: Vec<Rc<PastVersion>>,
    is_followed: bool,
}

impl Left {
    /// Takes the versions of a path.
    pub fn new(versions: Vec<Rc<PastVersion>>, path: String) -> Self {
        Self { path, versions, is_followed: false }
    }

    /// Tells whether something stood there, and no file comes from it.
    pub fn is_gone(&self) -> bool {
        !self.is_followed && !self.versions.is_empty()
    }
}

/// Adds to a file's versions those of every path that it comes from: where a version shares a data key with one of them.
pub fn follow(versions: &mut Vec<Rc<PastVersion>>, left: &mut [Left]) {
    let mut rest: Vec<&mut Left> = left.iter_mut().collect();
    let mut known: HashSet<Vec<u8>> = HashSet::new();
    let mut marked = 0;
    while !rest.is_empty() && marked < versions.len() {
        known.extend(versions[marked..].iter().flat_map(|version| version.marks()));
        marked = versions.len();
        let is_known = |version: &Rc<PastVersion>| version.marks().iter().any(|mark| known.contains(mark));
        for older in rest.extract_if(.., |left| left.versions.iter().any(is_known)) {
            older.is_followed = true;
            versions.extend(older.versions.iter().cloned());
        }
    }
}
