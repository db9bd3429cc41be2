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

/// Every path that some version of a team's settings gave an environment, below the folder of the members.
#[derive(Default)]
pub struct Trail {
    pub paths: BTreeSet<String>,
    /// Those of the settings in the work tree.
    pub current: BTreeSet<String>,
}

impl Trail {
    /// Follows the settings of a team's folder and of all services whose `root` ever led to it.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot say.
    pub fn of(repository: &Repository) -> Result<Self> {
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
            let depth = folder.matches('/').count();
            let now = disk::read_beneath(repository.folder(), Path::new(settings), Limit::SETTINGS).ok();
            let now = project::declared_in(&String::from_utf8_lossy(now.as_ref().map_or(&[], |now| now.as_slice())));
            let before: Vec<_> = texts.iter().map(|text| project::declared_in(text)).collect();
            if before.iter().chain([&now]).all(|declared| declared.steps != depth) {
                continue;
            }
            let below = |file: &String| format!("{folder}{file}");
            trail.current.extend(now.files.iter().map(below));
            trail.paths.extend(before.iter().flat_map(|declared| &declared.files).map(below));
        }
        trail.paths.extend(trail.current.iter().cloned());
        Ok(trail)
    }
}
