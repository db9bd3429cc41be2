//! The drivers, in the repository's own configuration: a `.gitattributes` names them, and only this says what they run.

use std::ffi::OsStr;
use std::path::Path;

use crate::base::Result;
use crate::base::World;
use crate::disk;
use crate::history::Repository;

/// Sets the drivers up; returns whether anything changed.
///
/// # Errors
/// `Kind::Failed` if git cannot write its configuration.
pub fn install(world: &World, repository: &Repository) -> Result<bool> {
    let program = program(world);
    let settings = [
        ("diff.secrets.textconv", format!("{program} git textconv")),
        ("diff.secrets.cachetextconv", "false".to_string()),
        ("merge.secrets.name", "sealed files, by name".to_string()),
        ("merge.secrets.driver", format!("{program} git merge %O %A %B %P")),
    ];
    let mut is_changed = false;
    for (name, value) in settings {
        let before = repository.output(&["config", "--local", "--get", name]).unwrap_or_default();
        if before.strip_suffix(b"\n") != Some(value.as_bytes()) {
            repository.output(&["config", "--local", name, &value])?;
            is_changed = true;
        }
    }
    Ok(is_changed)
}

/// Returns the words with which git's shell starts us: by name where `PATH` leads here, else by the whole path.
fn program(world: &World) -> String {
    let own = std::env::current_exe().unwrap_or_else(|_| Path::new("secrets").to_path_buf());
    let found = disk::find_program(OsStr::new("secrets"), &world.env).ok();
    let is_found =
        found.and_then(|path| path.canonicalize().ok()).is_some_and(|path| Some(path) == own.canonicalize().ok());
    if is_found { "secrets".to_string() } else { shell_words::quote(&own.to_string_lossy()).into_owned() }
}
