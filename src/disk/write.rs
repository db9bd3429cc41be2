//! Writes that leave the old file or the new one, never half of one.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::AtFlags;
use rustix::fs::FileType;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::Stat;
use rustix::io::Errno;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::hex;
use crate::base::random;

use super::lock::Lock;
use super::read::show;

const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;
/// What our temporary files end with; between the file's name and this stand the process and eight random characters.
const TEMP_SUFFIX: &[u8] = b".tmp";

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
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(|error| cannot_write(&show(path), error))?;
    // The umask may have taken bits away that were asked for.
    let written = file
        .set_permissions(Permissions::from_mode(mode))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_folder_of(path));
    written.map_err(|error| {
        let _ = fs::remove_file(path);
        cannot_write(&show(path), error)
    })
}

/// Replaces the file of `lock`, or makes it, in one step: temp file in the same folder, fsync, rename, fsync of the folder.
///
/// Mode and owner stay as they were; a new file is for this user alone, unless `mode` says otherwise.
///
/// # Errors
/// `Kind::Failed`; the old file is as it was, but for the one message that says otherwise.
pub fn write_over(lock: &Lock, bytes: &[u8], mode: Option<u32>) -> Result<()> {
    let shown = &lock.shown;
    let failed = |error: io::Error| cannot_write(shown, error);
    remove_stale_temps(&lock.folder, &[&lock.name]);
    let temp = stage(lock, bytes, mode)?;
    temp.file.sync_all().map_err(failed)?;
    temp.rename().map_err(failed)?;
    lock.folder.sync_all().map_err(|error| {
        Error::new(Kind::Failed, format!("`{shown}` is written, but may not survive a power loss")).because(error)
    })
}

/// Writes the temp file, with the mode and owner of the file that it will replace.
fn stage<'a>(lock: &'a Lock, bytes: &[u8], mode: Option<u32>) -> Result<Temp<'a>> {
    let shown = &lock.shown;
    let failed = |error: io::Error| cannot_write(shown, error);
    let before = match rustix::fs::statat(&*lock.folder, &lock.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Some(found),
        Err(Errno::NOENT) => None,
        Err(error) => return Err(failed(error.into())),
    };
    if before.as_ref().is_some_and(|found| FileType::from_raw_mode(found.st_mode) != FileType::RegularFile) {
        return Err(Error::new(Kind::Failed, format!("`{shown}` is not a regular file")));
    }
    if before.as_ref().is_some_and(|found| found.st_mode & 0o222 == 0) {
        return Err(Error::new(Kind::Failed, format!("`{shown}` is read-only"))
            .hint(format!("to allow it: `chmod u+w {shown}`")));
    }
    let mut temp = Temp::new(lock).map_err(failed)?;
    temp.file.write_all(bytes).map_err(failed)?;
    keep_mode_and_owner(&temp.file, before.as_ref(), mode).map_err(failed)?;
    Ok(temp)
}

/// The first half of [`write_over`], for writes of several files: what is staged is placed later, or removed when dropped.
pub(super) struct Staged<'a>(Temp<'a>);

impl<'a> Staged<'a> {
    pub(super) fn write(lock: &'a Lock, bytes: &[u8]) -> Result<Self> {
        stage(lock, bytes, None).map(Self)
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.0.file.sync_all().map_err(|error| cannot_write(&self.0.lock.shown, error))
    }

    pub(super) fn place(self) -> Result<()> {
        let shown = self.0.lock.shown.clone();
        self.0.rename().map_err(|error| cannot_write(&shown, error))
    }
}

/// A file beside the one that is replaced; removed when dropped, unless it took its place.
struct Temp<'a> {
    lock: &'a Lock,
    name: Vec<u8>,
    file: File,
    is_placed: bool,
}

impl<'a> Temp<'a> {
    fn new(lock: &'a Lock) -> io::Result<Self> {
        let random = hex(&random::<4>().map_err(io::Error::other)?);
        let middle = format!("{}.{random}", std::process::id());
        let name = [&stem(&lock.name), middle.as_bytes(), TEMP_SUFFIX].concat();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*lock.folder, &name[..], flags, Mode::from_raw_mode(PRIVATE_FILE))?;
        Ok(Self { lock, name, file: File::from(file), is_placed: false })
    }

    fn rename(mut self) -> io::Result<()> {
        let folder = &*self.lock.folder;
        rustix::fs::renameat(folder, &self.name[..], folder, &self.lock.name)?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = rustix::fs::unlinkat(&*self.lock.folder, &self.name[..], AtFlags::empty());
        }
    }
}

fn keep_mode_and_owner(file: &File, before: Option<&Stat>, mode: Option<u32>) -> io::Result<()> {
    let kept = before.map(|found| found.st_mode & 0o7777);
    file.set_permissions(Permissions::from_mode(kept.or(mode).unwrap_or(PRIVATE_FILE)))?;
    if let Some(found) = before
        && rustix::process::geteuid().is_root()
    {
        std::os::unix::fs::fchown(file, Some(found.st_uid), Some(found.st_gid))?;
    }
    Ok(())
}

/// `.<name>.`, what each temp file begins with.
fn stem(name: &OsStr) -> Vec<u8> {
    [b".", name.as_encoded_bytes(), b"."].concat()
}

/// Removes what a writer of these files left that was killed. Best effort; the lock is held, so none of them is alive.
pub(super) fn remove_stale_temps<N: AsRef<OsStr>>(folder: &File, names: &[N]) {
    let stems: HashSet<Vec<u8>> = names.iter().map(|name| stem(name.as_ref())).collect();
    let Ok(entries) = rustix::fs::Dir::read_from(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(head) = name.to_bytes().strip_suffix(TEMP_SUFFIX) else { continue };
        // Behind the name stand the process and eight random characters, each after a dot.
        let mut dots = head.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
        let Some(at) = dots.nth(1) else { continue };
        let (own, middle) = head.split_at(at + 1);
        if stems.contains(own) && is_process_and_random(middle) {
            let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
        }
    }
}

fn is_process_and_random(middle: &[u8]) -> bool {
    let Some(dot) = middle.iter().position(|b| *b == b'.') else { return false };
    let (process, random) = (&middle[..dot], &middle[dot + 1..]);
    !process.is_empty()
        && process.iter().all(u8::is_ascii_digit)
        && random.len() == 8
        && random.iter().all(u8::is_ascii_alphanumeric)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn cannot_write(shown: &str, error: io::Error) -> Error {
    let message = match error.kind() {
        io::ErrorKind::AlreadyExists => format!("`{shown}` exists already"),
        _ => format!("cannot write `{shown}`"),
    };
    Error::new(Kind::Failed, message).because(error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_mode_and_leaves_no_temp_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.env");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        fs::write(folder.path().join(".a.env.123.abcdefgh.tmp"), "stale").unwrap();
        fs::write(folder.path().join(".a.env.swp"), "not ours").unwrap();
        write_over(&Lock::for_file(&path).unwrap(), b"new", None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".a.env.swp", "a.env"]);
    }

    #[test]
    fn a_link_stays_a_link_and_its_target_is_what_is_locked() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let (real, link) = (other.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let lock = Lock::for_file(&link).unwrap();
        assert!(File::open(other.path()).unwrap().try_lock().is_err());
        write_over(&lock, b"new", None).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let victim = tempfile::tempdir().unwrap();
        fs::write(victim.path().join("a.env"), "victim").unwrap();
        let lock = Lock::beneath(root.path(), Path::new("s/a.env")).unwrap();
        fs::rename(root.path().join("s"), root.path().join("t")).unwrap();
        std::os::unix::fs::symlink(victim.path(), root.path().join("s")).unwrap();
        write_over(&lock, b"new", None).unwrap();
        assert_eq!(fs::read(victim.path().join("a.env")).unwrap(), b"victim");
        assert_eq!(fs::read(root.path().join("t/a.env")).unwrap(), b"new");
        let refused = Lock::beneath(root.path(), Path::new("s/deep/a.env")).err().unwrap();
        assert_eq!(refused.kind(), Kind::Refused);
        assert!(!victim.path().join("deep").exists());
    }
}
