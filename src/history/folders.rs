//! Git's own folders, found without git: gitrepository-layout(5).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::path::PathBuf;

/// Returns the files that say which commit a folder's work tree is at; none outside of one.
pub fn head_files(folder: &Path) -> Vec<PathBuf> {
    let Some((_, own)) = work_tree(folder) else { return Vec::new() };
    let mut files = vec![own.join("HEAD"), own.join("logs/HEAD")];
    // Without a log of it, a branch that moves under `HEAD` shows in its own file alone.
    let branch = path_in(&own.join("HEAD"), b"ref: ");
    let common = path_in(&own.join("commondir"), b"").map_or_else(|| own.clone(), |common| own.join(common));
    files.extend(branch.map(|branch| common.join(branch)));
    files
}

/// Returns the folder of the main work tree that has the place of this one; `None` in the main work tree, and outside.
///
/// A `.git` file that somebody packed could name any repository: git's own folder has to name the work tree, too
/// (`worktrees/<id>/gitdir`), and to lie in that repository.
pub fn in_main_work_tree(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let (top, own) = work_tree(&folder)?;
    let own = own.canonicalize().ok()?;
    let link = top.join(".git");
    if own.join(path_in(&own.join("gitdir"), b"")?).canonicalize().ok()? != link {
        return None;
    }
    let common = own.join(path_in(&own.join("commondir"), b"")?).canonicalize().ok()?;
    // A folder that was packed with it could say all of that of itself.
    if own.parent()? != common.join("worktrees") {
        return None;
    }
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
