//! Git's own folders, found without git: gitrepository-layout(5).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::path::PathBuf;

/// Returns the files that say which commit a folder's work tree is at; none outside of one.
pub fn head_files(folder: &Path) -> Vec<PathBuf> {
    let own = work_tree(folder).map(|(_, own)| own);
    own.map_or_else(Vec::new, |own| vec![own.join("HEAD"), own.join("logs/HEAD")])
}

/// Returns the folder of the main work tree that has the place of this one; `None` in the main work tree, and outside.
///
/// A `.git` file that somebody packed could name any repository: git's own folder has to name the work tree, too
/// (`worktrees/<id>/gitdir`).
pub fn in_main_work_tree(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let (top, own) = work_tree(&folder)?;
    let link = top.join(".git");
    if path_in(&own.join("gitdir"), b"")?.canonicalize().ok()? != link {
        return None;
    }
    let common = own.join(path_in(&own.join("commondir"), b"")?).canonicalize().ok()?;
    let main = common.parent().filter(|_| common.file_name() == Some(OsStr::new(".git")))?;
    Some(main.join(folder.strip_prefix(top).ok()?))
}

/// Finds the work tree that a folder lies in: its top, and git's own folder for it.
fn work_tree(folder: &Path) -> Option<(&Path, PathBuf)> {
    let top = folder.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok())?;
    let own = top.join(".git");
    if own.is_dir() { Some((top, own)) } else { Some((top, top.join(path_in(&own, b"gitdir: ")?))) }
}

/// Reads a file of one line: a path, behind `before`.
fn path_in(file: &Path, before: &[u8]) -> Option<PathBuf> {
    let is_small = |found: &fs::Metadata| found.is_file() && found.len() <= 8 << 10;
    file.symlink_metadata().ok().filter(is_small)?;
    let bytes = fs::read(file).ok()?;
    let line = bytes.strip_prefix(before)?;
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    Some(PathBuf::from(OsStr::from_bytes(line)))
}
