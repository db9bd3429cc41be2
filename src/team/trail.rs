//! Where files were before: an environment's path changes with its name, with `file` and with its folder, and some go.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use crate::base::Result;
use crate::disk;
use crate::disk::Limit;
use crate::history::Repository;
use crate::history::Span;
use crate::project;
use crate::project::FILE_NAME;

/// Every path that some version of some settings in the repository gave an environment, below its top.
#[derive(Default)]
pub struct Trail {
    pub paths: BTreeSet<String>,
    /// Those of the settings in the work tree.
    pub current: BTreeSet<String>,
    /// Those of this team: of the folder of its members, and of services whose `root` ever led to it.
    pub own: BTreeSet<String>,
}

impl Trail {
    /// Follows all settings of a repository; `home` is the way from its top to the folder of the members.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot say.
    pub fn of(repository: &Repository, home: &str) -> Result<Self> {
        let history = repository.history_of_name(FILE_NAME, Span::Everywhere)?;
        let contents = repository.contents(&history.changes)?;
        let mut texts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for change in &history.changes {
            let content = change.blob.as_ref().and_then(|blob| contents.get(blob));
            let text = content.map(|content| String::from_utf8_lossy(content).into_owned());
            texts.entry(&change.path).or_default().extend(text);
        }
        let mut trail = Self::default();
        for (settings, texts) in texts {
            let folder = settings.strip_suffix(FILE_NAME).unwrap_or_default();
            let now = disk::read_beneath(repository.folder(), Path::new(settings), Limit::SETTINGS).ok();
            let now = project::declared_in(&String::from_utf8_lossy(now.as_ref().map_or(&[], |now| now.as_slice())));
            let before: Vec<_> = texts.iter().map(|text| project::declared_in(text)).collect();
            let paths = |declared: &project::Declared| -> Vec<String> {
                declared.files.iter().map(|file| format!("{folder}{file}")).collect()
            };
            // A member's folder is as many steps above its service as `root` says.
            let depth = folder.strip_prefix(home).map(|below| below.matches('/').count());
            let is_own = |declared: &&project::Declared| depth == Some(declared.steps);
            trail.own.extend(before.iter().chain([&now]).filter(is_own).flat_map(paths));
            trail.current.extend(paths(&now));
            trail.paths.extend(before.iter().chain([&now]).flat_map(paths));
        }
        Ok(trail)
    }
}
