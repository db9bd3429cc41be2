//! One writer at a time.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::fs::TryLockError;
use std::os::unix::fs::MetadataExt as _;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use rustix::fs::Mode;
use rustix::fs::OFlags;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

use super::read::leaves_project;
use super::read::show;

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(3);

/// The right to write one file, until dropped.
///
/// The lock is on the file's folder and not on the file, since a write replaces the file and with it what is locked. It
/// needs no file of its own, and holds between users who share a folder. Links are followed once, here; the write works
/// in the folder that was opened, so a folder that is swapped for a link meanwhile leads nowhere.
#[derive(Clone, Debug)]
pub struct Lock {
    pub(super) folder: Rc<File>,
    pub(super) name: OsString,
    /// The path as messages show it.
    pub(super) shown: String,
}

impl Lock {
    /// Waits for the right to write a file, wherever links lead: a person named the path.
    ///
    /// # Errors
    /// `Kind::Failed` if the folder cannot be opened, or another process holds the lock for 30 seconds.
    pub fn for_file(path: &Path) -> Result<Self> {
        let (folder, name) = resolve(path)?;
        let opened = File::open(&folder).map_err(|error| cannot_open(&folder, error))?;
        Self::wait(opened, name, show(path))
    }

    /// Waits for the right to write a file below `root`; folders that are missing are made.
    ///
    /// # Errors
    /// As [`Self::for_file`]; `Kind::Refused` if a link leads out of `root`.
    pub fn beneath(root: &Path, below: &Path) -> Result<Self> {
        let (folder, name, shown) = open_beneath(root, below)?;
        Self::wait(folder, name, shown)
    }

    /// Waits for the right to write several files below `root`; each folder is locked once, and everybody takes folders in
    /// the same order, so that two who want the same ones do not wait for each other.
    ///
    /// # Errors
    /// As [`Self::beneath`].
    pub fn all_beneath<P: AsRef<Path>>(root: &Path, below: &[P]) -> Result<Vec<Self>> {
        let mut parents: HashMap<&Path, Rc<File>> = HashMap::new();
        let mut folders: BTreeMap<(u64, u64), Rc<File>> = BTreeMap::new();
        let mut locks = Vec::with_capacity(below.len());
        for path in below.iter().map(AsRef::as_ref) {
            let parent = path.parent().unwrap_or(Path::new(""));
            // A link leads to a folder of its own; all other files of a folder share what was found out once.
            let is_link = root.join(path).is_symlink();
            if let (false, Some(folder), Some(name)) = (is_link, parents.get(parent), path.file_name()) {
                locks.push(Self { folder: Rc::clone(folder), name: name.to_os_string(), shown: show(path) });
                continue;
            }
            let (folder, name, shown) = open_beneath(root, path)?;
            let key = folder.metadata().map(|found| (found.dev(), found.ino()));
            let key = key.map_err(|error| cannot_open(path, error))?;
            let folder = Rc::clone(folders.entry(key).or_insert_with(|| Rc::new(folder)));
            if !is_link {
                parents.insert(parent, Rc::clone(&folder));
            }
            locks.push(Self { folder, name, shown });
        }
        for folder in folders.values() {
            wait(folder, &show(root))?;
        }
        Ok(locks)
    }

    fn wait(folder: File, name: OsString, shown: String) -> Result<Self> {
        wait(&folder, &shown)?;
        Ok(Self { folder: Rc::new(folder), name, shown })
    }
}

fn wait(folder: &File, shown: &str) -> Result<()> {
    let start = Instant::now();
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(Kind::Failed, format!("another process is writing `{shown}`"))
                    .hint("try again when it has ended"));
            }
            Err(TryLockError::Error(error)) => {
                return Err(Error::new(Kind::Failed, format!("cannot lock the folder of `{shown}`")).because(error));
            }
        }
    }
}

/// Makes the folders that are missing, and opens the one that `below` lies in.
fn open_beneath(root: &Path, below: &Path) -> Result<(File, OsString, String)> {
    let path = root.join(below);
    let root = root.canonicalize().map_err(|error| cannot_open(root, error))?;
    make_folders(&root, below)?;
    let (folder, name) = resolve(&path)?;
    let inside = folder.strip_prefix(&root).map_err(|_| leaves_project(&path))?;
    let opened = open_folder(&root, inside).map_err(|error| cannot_open(&folder, error))?;
    Ok((opened, name, show(&path)))
}

/// Follows links to the folder and the name that are really written.
fn resolve(path: &Path) -> Result<(PathBuf, OsString)> {
    let real = path.canonicalize();
    let (path, is_there) = match &real {
        Ok(real) => (real.as_path(), true),
        Err(_) => (path, false),
    };
    let Some(name) = path.file_name() else {
        return Err(Error::new(Kind::Failed, format!("`{}` is a folder", show(path))));
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = if is_there { Ok(folder.to_path_buf()) } else { folder.canonicalize() };
    Ok((folder.map_err(|error| cannot_open(path, error))?, name.to_os_string()))
}

/// Makes the folders of `below` that are missing, one by one, and none behind a link that leads out of `root`.
fn make_folders(root: &Path, below: &Path) -> Result<()> {
    let mut folder = root.to_path_buf();
    let parent = below.parent().unwrap_or(Path::new(""));
    for part in parent.components() {
        let Component::Normal(part) = part else { continue };
        folder.push(part);
        if let Err(error) = std::fs::create_dir(&folder)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(Error::new(Kind::Failed, format!("cannot make the folder `{}`", show(&folder))).because(error));
        }
        folder = folder.canonicalize().map_err(|error| cannot_open(&folder, error))?;
        if !folder.starts_with(root) {
            return Err(leaves_project(&root.join(below)));
        }
    }
    Ok(())
}

/// Opens a folder below `root` without following any link: they were followed before.
fn open_folder(root: &Path, inside: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut folder = rustix::fs::open(root, flags, Mode::empty())?;
    for part in inside.components() {
        let flags = flags | OFlags::NOFOLLOW;
        folder = rustix::fs::openat(&folder, part.as_os_str(), flags, Mode::empty())?;
    }
    Ok(File::from(folder))
}

fn cannot_open(folder: &Path, error: std::io::Error) -> Error {
    Error::new(Kind::Failed, format!("cannot open the folder `{}`", show(folder))).because(error)
}
