//! A second work tree of a repository: what this machine accepted in the main one counts there too.

use std::path::PathBuf;

use crate::base::Result;
use crate::base::World;
use crate::history::in_main_work_tree;
use crate::project::Project;

use super::facts;
use super::facts::Service;
use super::record::Record;
use super::store;

/// Returns where the record of the main work tree is, for a project in another one.
pub fn main_record(world: &World, project: &Project) -> Option<PathBuf> {
    in_main_work_tree(&project.home).and_then(|folder| store::path_of(world, &folder))
}

/// Reads the record of the main work tree, for a project that has none of its own; returns it with the path where what is
/// learned goes: the same record while `secrets.toml` says what it says, else one of its own, which begins with what was seen.
///
/// # Errors
/// As [`store::read`].
pub fn shared(
    project: &Project,
    own: Option<PathBuf>,
    main: Option<PathBuf>,
) -> Result<(Option<PathBuf>, Option<Record>)> {
    let Some(main) = main else { return Ok((own, None)) };
    let Some(mut record) = store::read(&main)? else { return Ok((own, None)) };
    let has_same_environments = |service: &Service| {
        let names = project.environments.iter().map(|environment| &environment.name);
        names.clone().count() == service.environments.len()
            && names.into_iter().all(|name| service.environments.contains_key(name))
    };
    let is_known = record.services.get(&project.prefix).is_some_and(has_same_environments);
    if is_known && facts::differences(project, &record).is_empty() {
        return Ok((Some(main), Some(record)));
    }
    // What was seen is seen; what was accepted was accepted of other settings, and may be denied there later.
    record.take_all_back();
    Ok((own, Some(record)))
}
