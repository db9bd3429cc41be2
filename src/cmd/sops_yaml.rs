//! The `.sops.yaml` that is rendered from secrets.toml and follows it; a foreign one is never touched.

use std::path::Path;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::disk;
use crate::disk::Limit;
use crate::disk::Lock;
use crate::project;
use crate::project::Project;
use crate::project::SOPS_YAML;

use super::context::Context;

/// The mode of a file that is meant for git.
const MODE: u32 = 0o644;

/// Checks that there is no `.sops.yaml`, or one of ours.
///
/// # Errors
/// `Kind::Failed` if there is a foreign one; as [`disk::read_beneath`].
pub fn check_is_ours(folder: &Path) -> Result<()> {
    if read(folder)?.is_none_or(|text| project::is_our_sops_yaml(&text)) {
        return Ok(());
    }
    Err(Error::new(Kind::Failed, "there is a .sops.yaml that `secrets` did not write, and does not touch")
        .hint("leave `--sops-yaml` away, or move that file"))
}

/// Renders a project's `.sops.yaml`; returns whether it changed.
///
/// # Errors
/// As [`check_is_ours`]; `Kind::Failed` if it cannot be written.
pub fn write(context: &Context<'_>, project: &Project) -> Result<bool> {
    let lock = Lock::beneath(&project.folder, Path::new(SOPS_YAML))?;
    check_is_ours(&project.folder)?;
    let text = project::sops_yaml(project, context.world.now)?;
    let is_same = read(&project.folder)?.is_some_and(|old| old == text.as_bytes());
    if !is_same {
        disk::write_over(&lock, text.as_bytes(), Some(MODE))?;
    }
    Ok(!is_same)
}

/// Renders it anew if it is one of ours, after secrets.toml was changed by hand, and says so; a failure is a warning.
pub fn follow(context: &Context<'_>, project: &Project) {
    let is_ours = |text: Option<Vec<u8>>| text.is_some_and(|text| project::is_our_sops_yaml(&text));
    match read(&project.folder).and_then(|text| if is_ours(text) { write(context, project) } else { Ok(false) }) {
        Ok(true) => context.ui.done(format!("`{SOPS_YAML}` follows secrets.toml")),
        Ok(false) => {}
        Err(error) => context.ui.warn(format!("`{SOPS_YAML}` does not follow secrets.toml: {}", error.message())),
    }
}

fn read(folder: &Path) -> Result<Option<Vec<u8>>> {
    if folder.join(SOPS_YAML).symlink_metadata().is_err() {
        return Ok(None);
    }
    disk::read_beneath(folder, Path::new(SOPS_YAML), Limit::SETTINGS).map(|text| Some(text.to_vec()))
}
