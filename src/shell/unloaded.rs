//! Marks of `secrets unload`: a shell that is to hold nothing of a project until it leaves it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::disk;

/// Returns where the mark of a shell is; `None` where there is no folder for it.
pub fn path(world: &World, shell: u32) -> Option<PathBuf> {
    folder(world).map(|folder| folder.join(shell.to_string()))
}

/// Marks a shell, for the project in `root`.
///
/// # Errors
/// `Kind::Failed` if it cannot be written.
pub fn mark(world: &World, shell: u32, root: &Path) -> Result<()> {
    let path = path(world, shell).ok_or_else(|| Error::new(Kind::Failed, "there is no folder for marks of shells"))?;
    if let Some(folder) = path.parent() {
        disk::make_private_folder(folder)?;
    }
    let _ = fs::remove_file(&path);
    let text = [start_of(shell).as_bytes(), b" ", root.as_os_str().as_bytes()].concat();
    disk::write_new(&path, &text, 0o600)
}

/// Tells whether a shell is marked for the project in `root`; the mark of another process that had its number counts nothing.
pub fn is_marked(world: &World, shell: u32, root: &Path) -> bool {
    path(world, shell)
        .and_then(|path| read(&path))
        .is_some_and(|(start, marked)| start == start_of(shell) && marked == root)
}

/// Takes the mark of a shell away.
pub fn forget(world: &World, shell: u32) {
    if let Some(path) = path(world, shell) {
        let _ = fs::remove_file(path);
    }
}

/// Takes the marks of all shells away that are for the project in `root`.
pub fn forget_all(world: &World, root: &Path) {
    let entries = folder(world).and_then(|folder| fs::read_dir(folder).ok());
    for path in entries.into_iter().flatten().flatten().map(|entry| entry.path()) {
        if read(&path).is_some_and(|(_, marked)| marked == root) {
            let _ = fs::remove_file(path);
        }
    }
}

fn folder(world: &World) -> Option<PathBuf> {
    let place = world.folders.runtime.as_ref().or(world.folders.state.as_ref())?;
    Some(place.join("secrets/unloaded"))
}

fn read(path: &Path) -> Option<(String, PathBuf)> {
    let bytes = fs::read(path).ok()?;
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let start = String::from_utf8(bytes[..space].to_vec()).ok()?;
    Some((start, PathBuf::from(OsStr::from_bytes(&bytes[space + 1..]))))
}

/// Returns what tells a process from a later one of its number, where the system says it: proc_pid_stat(5), field 22.
fn start_of(process: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The program's name is in parentheses, and can have spaces and parentheses itself.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_ascii_whitespace().nth(19).unwrap_or_default().to_string()
}
