//! One writer at a time.

use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

use super::read::show;

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(3);

/// The right to write in one folder, until dropped.
///
/// The lock is on the folder and not on the file, since a write replaces the file and with it what is locked. It needs no
/// file of its own, and holds between users who share a folder.
#[derive(Debug)]
pub struct Lock {
    _folder: File,
}

impl Lock {
    /// Waits for the right to write in the folder of `path`.
    ///
    /// # Errors
    /// `Kind::Failed` if the folder cannot be opened, or another process holds the lock for 30 seconds.
    pub fn for_file(path: &Path) -> Result<Self> {
        let folder = folder_of(path);
        let opened = File::open(folder).map_err(|error| {
            Error::new(Kind::Failed, format!("cannot open the folder `{}`", show(folder))).because(error)
        })?;
        let start = Instant::now();
        loop {
            match opened.try_lock() {
                Ok(()) => return Ok(Self { _folder: opened }),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let shown = show(path);
                    return Err(Error::new(Kind::Failed, format!("another process is writing `{shown}`"))
                        .hint("try again when it has ended"));
                }
                Err(TryLockError::Error(error)) => {
                    let shown = show(folder);
                    return Err(Error::new(Kind::Failed, format!("cannot lock `{shown}`")).because(error));
                }
            }
        }
    }
}

/// Returns the folder that holds `path`.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
