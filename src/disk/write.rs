//! Writes that leave the old file or the new one, never half of one.

use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

use super::lock::Lock;
use super::lock::folder_of;
use super::read::show;
use super::read::sibling;

const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;
/// What our temporary files end with; between the file's name and this stand the process and eight random characters.
const TEMP_SUFFIX: &str = ".tmp";

/// Makes a folder and those above it that are missing, for this user alone whatever the umask.
///
/// # Errors
/// `Kind::Failed` if it cannot be made.
pub fn make_private_folder(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_FOLDER)
        .create(folder)
        .map_err(|error| Error::new(Kind::Failed, format!("cannot make the folder `{}`", show(folder))).because(error))
}

/// Writes a file that must not exist yet, with `mode`.
///
/// # Errors
/// `Kind::Failed` if it exists or cannot be written; nothing is left behind then.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let failed = |error| cannot_write(path, error);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    // The umask may have taken bits away that were asked for.
    let written = file
        .set_permissions(Permissions::from_mode(mode))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_folder(path));
    written.map_err(|error| {
        let _ = fs::remove_file(path);
        cannot_write(path, error)
    })
}

/// Replaces a file, or makes it, in one step: temp file in the same folder, fsync, rename, fsync of the folder.
///
/// The lock shows that nobody else writes there. A link at `path` keeps being one; its target is replaced. Mode and owner
/// stay as they were; a new file is for this user alone, unless `mode` says otherwise.
///
/// # Errors
/// `Kind::Failed`; the old file is as it was, but for the one message that says otherwise.
pub fn write_over(_lock: &Lock, path: &Path, bytes: &[u8], mode: Option<u32>) -> Result<()> {
    let failed = |error| cannot_write(path, error);
    let path = &match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_path_buf(),
        Err(error) => return Err(failed(error)),
    };
    let before = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Some(found),
        Ok(_) => {
            return Err(Error::new(Kind::Failed, format!("`{}` is not a regular file", show(path))));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    if before.as_ref().is_some_and(|found| found.permissions().readonly()) {
        return Err(Error::new(Kind::Failed, format!("`{}` is read-only", show(path)))
            .hint(format!("to allow it: `chmod u+w {}`", show(path))));
    }
    let stem = temp_stem(path);
    remove_stale_temps(path, &stem);
    let prefix = joined(&stem, &format!("{}.", std::process::id()));
    let mut temp = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(TEMP_SUFFIX)
        .rand_bytes(8)
        .tempfile_in(folder_of(path))
        .map_err(failed)?;
    temp.write_all(bytes).map_err(failed)?;
    keep_mode_and_owner(temp.as_file(), before.as_ref(), mode).map_err(failed)?;
    temp.as_file().sync_all().map_err(failed)?;
    temp.persist(path).map_err(|error| failed(error.error))?;
    sync_folder(path).map_err(|error| {
        let shown = show(path);
        Error::new(Kind::Failed, format!("`{shown}` is written, but may not survive a power loss")).because(error)
    })
}

fn keep_mode_and_owner(file: &File, before: Option<&fs::Metadata>, mode: Option<u32>) -> io::Result<()> {
    let kept = before.map(|found| found.mode() & 0o7777);
    file.set_permissions(Permissions::from_mode(kept.or(mode).unwrap_or(PRIVATE_FILE)))?;
    if let Some(found) = before
        && rustix::process::geteuid().is_root()
    {
        std::os::unix::fs::fchown(file, Some(found.uid()), Some(found.gid()))?;
    }
    Ok(())
}

/// `.<name>.`, what each temp file of `path` begins with.
fn temp_stem(path: &Path) -> OsString {
    let mut stem = OsString::from(".");
    stem.push(path.file_name().unwrap_or_default());
    stem.push(".");
    stem
}

fn joined(stem: &OsString, more: &str) -> OsString {
    let mut whole = stem.clone();
    whole.push(more);
    whole
}

/// Removes what a writer left that was killed. Best effort; the lock is held, so none of them is alive.
fn remove_stale_temps(path: &Path, stem: &OsString) {
    let Ok(entries) = fs::read_dir(folder_of(path)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let text = name.as_encoded_bytes();
        let is_ours = text
            .strip_prefix(stem.as_encoded_bytes())
            .and_then(|rest| rest.strip_suffix(TEMP_SUFFIX.as_bytes()))
            .is_some_and(is_process_and_random);
        if is_ours {
            let _ = fs::remove_file(sibling(path, &name));
        }
    }
}

fn is_process_and_random(rest: &[u8]) -> bool {
    let Some(dot) = rest.iter().position(|b| *b == b'.') else { return false };
    let (process, random) = (&rest[..dot], &rest[dot + 1..]);
    !process.is_empty()
        && process.iter().all(u8::is_ascii_digit)
        && random.len() == 8
        && random.iter().all(u8::is_ascii_alphanumeric)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    let message = match error.kind() {
        io::ErrorKind::AlreadyExists => format!("`{}` exists already", show(path)),
        _ => format!("cannot write `{}`", show(path)),
    };
    Error::new(Kind::Failed, message).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_mode_and_leaves_no_temp_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.env");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        fs::write(folder.path().join(".a.env.123.abcdefgh.tmp"), "stale").unwrap();
        fs::write(folder.path().join(".a.env.swp"), "not ours").unwrap();
        let lock = Lock::for_file(&path).unwrap();
        write_over(&lock, &path, b"new", None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".a.env.swp", "a.env"]);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        write_over(&Lock::for_file(&link).unwrap(), &link, b"new", None).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }
}
