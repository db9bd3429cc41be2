//! The test by which a shell sees for itself, without starting anything, that nothing changed.
//!
//! A file is unchanged where it is neither newer nor older than its stamp: an empty file whose time was set to what was seen. A
//! stamp never changes, so all shells share it.

use std::fs;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

use rustix::fs::OFlags;
use sha2::Digest as _;
use sha2::Sha256;

use crate::base::hex;
use crate::disk;

/// A file that was written so lately may be written again in the same moment: it is looked at once more.
const RACY: Duration = Duration::from_millis(20);
/// The oldest stamp that is kept.
const OLDEST: Duration = Duration::from_secs(30 * 86_400);

/// What a shell compares.
#[derive(Default)]
pub struct Idle {
    /// Files, each with its stamp.
    pub watched: Vec<(PathBuf, PathBuf)>,
    /// Files that must not be there.
    pub absent: Vec<PathBuf>,
    /// When what is loaded goes by itself, in seconds since 1970, and a file whose time is that.
    pub expiry: Option<(u64, PathBuf)>,
}

impl Idle {
    /// Makes the stamps in `folder` for files, each with the time of its last change when it was looked at, not before
    /// `looked_at`; those without one were not there, and must not appear. `None` where a shell cannot tell, and has to ask.
    pub fn of<'a>(
        folder: &Path,
        files: impl Iterator<Item = (&'a Path, Option<SystemTime>)>,
        looked_at: SystemTime,
        absent: Vec<PathBuf>,
        expires: Option<u64>,
    ) -> Option<Self> {
        let mut idle = Self { absent, ..Self::default() };
        let mut stamps = Stamps { folder, is_ready: false };
        if let Some(moment) = expires {
            let stamp = folder.join(format!("until-{moment}"));
            stamps.ensure(&stamp, SystemTime::UNIX_EPOCH + Duration::from_secs(moment))?;
            idle.expiry = Some((moment, stamp));
        }
        for (file, modified) in files {
            let Some(modified) = modified else {
                idle.absent.push(file.to_path_buf());
                continue;
            };
            if looked_at.duration_since(modified).ok()? < RACY {
                return None;
            }
            let stamp = stamp_path(folder, file, modified)?;
            stamps.ensure(&stamp, modified)?;
            idle.watched.push((file.to_path_buf(), stamp));
        }
        Some(idle)
    }
}

/// The folder of the stamps; a new one is the occasion to take old ones away, once.
struct Stamps<'a> {
    folder: &'a Path,
    is_ready: bool,
}

impl Stamps<'_> {
    fn ensure(&mut self, stamp: &Path, time: SystemTime) -> Option<()> {
        if has_time(stamp, time) {
            return Some(());
        }
        if !std::mem::replace(&mut self.is_ready, true) {
            disk::make_private_folder(self.folder).ok()?;
            sweep(self.folder);
        }
        make(stamp, time)
    }
}

/// Returns where the stamp of a file is.
fn stamp_path(folder: &Path, file: &Path, modified: SystemTime) -> Option<PathBuf> {
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let hash = Sha256::digest(file.as_os_str().as_encoded_bytes());
    Some(folder.join(format!("{}-{}", hex(&hash[..16]), since.as_nanos())))
}

fn has_time(stamp: &Path, modified: SystemTime) -> bool {
    fs::symlink_metadata(stamp).is_ok_and(|found| found.is_file() && found.modified().ok() == Some(modified))
}

/// Makes a stamp; `None` in a file system that rounds times.
fn make(stamp: &Path, modified: SystemTime) -> Option<()> {
    // Another shell may be first, and what it wrote is the same; one whose time was changed is mended.
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let made = File::options().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(stamp);
    let _ = made.and_then(|file| file.set_modified(modified));
    has_time(stamp, modified).then_some(())
}

/// Removes stamps that were made long ago: their own times are those of other files, so the system's count.
fn sweep(folder: &Path) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let is_old = |entry: &fs::DirEntry| {
        let made = entry.metadata().map_or(i64::MAX, |found| found.ctime());
        u64::try_from(made).is_ok_and(|made| made.saturating_add(OLDEST.as_secs()) < now)
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(is_old) {
        let _ = fs::remove_file(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_the_files_time_and_a_file_of_just_now_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let (file, stamps) = (folder.path().join("file"), folder.path().join("stamps"));
        let old = SystemTime::now() - Duration::from_secs(5);
        File::create(&file).unwrap().set_modified(old).unwrap();
        let missing = folder.path().join("missing");
        let now = SystemTime::now();
        let files = [(file.as_path(), Some(old)), (missing.as_path(), None)];
        let idle = Idle::of(&stamps, files.into_iter(), now, Vec::new(), None).unwrap();
        assert_eq!((idle.watched[0].0.clone(), idle.absent), (file.clone(), vec![missing]));
        let stamp = fs::metadata(&idle.watched[0].1).unwrap();
        assert_eq!((stamp.modified().unwrap(), stamp.mode() & 0o777), (old, 0o600));
        let fresh = [(file.as_path(), Some(now - Duration::from_millis(5)))];
        assert!(Idle::of(&stamps, fresh.into_iter(), now, Vec::new(), None).is_none());
        // A stamp that does not keep the time, as in a file system that rounds it, is none.
        let stamp = stamp_path(&stamps, &file, old - Duration::from_secs(2)).unwrap();
        fs::create_dir(stamp).unwrap();
        let rounded = [(file.as_path(), Some(old - Duration::from_secs(2)))];
        assert!(Idle::of(&stamps, rounded.into_iter(), now, Vec::new(), None).is_none());
        let later = [(file.as_path(), Some(now + Duration::from_secs(5)))];
        assert!(Idle::of(&stamps, later.into_iter(), now, Vec::new(), None).is_none());
    }
}
