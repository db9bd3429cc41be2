//! A folder in memory for plaintext that another program must see as a file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::base::Error;
use crate::base::Folders;
use crate::base::Kind;
use crate::base::Result;

const PREFIX: &str = "secrets-";

/// A private folder on a file system that lives in memory; removed when dropped.
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    /// Makes the folder, in `$XDG_RUNTIME_DIR` or `/dev/shm`, and removes those of processes that are gone.
    ///
    /// # Errors
    /// `Kind::Refused` if there is no such file system: plaintext does not go to a disk.
    pub fn new(folders: &Folders) -> Result<Self> {
        let places = [folders.runtime.clone(), Some(PathBuf::from("/dev/shm"))];
        for place in places.into_iter().flatten().filter(|place| is_in_memory(place)) {
            remove_stale(&place);
            let prefix = format!("{PREFIX}{}-", std::process::id());
            let made = tempfile::Builder::new()
                .prefix(&prefix)
                .rand_bytes(8)
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(&place);
            if let Ok(folder) = made {
                return Ok(Self { folder });
            }
        }
        Err(Error::new(Kind::Refused, "there is no folder in memory for the plain text")
            .because("neither `XDG_RUNTIME_DIR` nor /dev/shm is a tmpfs that can be written")
            .hint("change single values with `secrets set NAME`"))
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the folder and all in it.
    ///
    /// # Errors
    /// `Kind::Failed` with the path that is left.
    pub fn remove(self) -> Result<()> {
        let path = self.folder.path().to_path_buf();
        self.folder.close().map_err(|error| {
            Error::new(Kind::Failed, format!("cannot remove the plain text in `{}`", super::read::show(&path)))
                .because(error)
        })
    }
}

#[cfg(target_os = "linux")]
fn is_in_memory(path: &Path) -> bool {
    const TMPFS: u32 = 0x0102_1994;
    const RAMFS: u32 = 0x8584_58f6;
    let found = rustix::fs::statfs(path);
    found.is_ok_and(|fs| matches!(fs.f_type as u32, TMPFS | RAMFS))
}

/// macOS has no tmpfs; a private folder in the user's own temp folder is the best there is.
#[cfg(not(target_os = "linux"))]
fn is_in_memory(path: &Path) -> bool {
    path.is_dir()
}

/// Removes folders of ours whose process is gone, as after `kill -9`.
fn remove_stale(place: &Path) {
    let own = rustix::process::geteuid().as_raw();
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split_once('-'))
            .filter(|(_, random)| random.len() == 8 && random.bytes().all(|b| b.is_ascii_alphanumeric()))
            .and_then(|(process, _)| process.parse().ok())
            .and_then(rustix::process::Pid::from_raw);
        let Some(process) = process else { continue };
        let is_gone = rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH);
        let is_own =
            entry.metadata().is_ok_and(|found| found.is_dir() && std::os::unix::fs::MetadataExt::uid(&found) == own);
        if is_gone && is_own {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
