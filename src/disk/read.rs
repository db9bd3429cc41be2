//! Reading files that somebody else may have put there.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;

use rustix::fs::Mode;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;

const PIPE_BUFFER: usize = 64 << 10;

/// The most bytes of one file.
#[derive(Clone, Copy, Debug)]
pub struct Limit(pub u64);

impl Limit {
    /// A sealed file or a plain `.env`.
    pub const SEALED_FILE: Self = Self(crate::sops::MOST_FILE as u64);
    /// `secrets.toml` and other settings.
    pub const SETTINGS: Self = Self(1 << 20);
    /// A journal: the files of a hundred environments in a thousand services.
    pub const JOURNAL: Self = Self(4 << 30);
    /// An identity file.
    pub const IDENTITY: Self = Self(256 << 10);
    /// One value.
    pub const VALUE: Self = Self(1 << 20);
}

/// Reads a regular file, following links: the caller was told this path by a person.
///
/// # Errors
/// `Kind::Failed` if it is missing, unreadable or not a regular file; `Kind::Refused` beyond the limit.
pub fn read(path: &Path, limit: Limit) -> Result<Zeroizing<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    let file = File::from(opened.map_err(|error| cannot_read(path, error.into()))?);
    read_open(file, path, limit)
}

/// Reads a regular file below `root`; a link may lead elsewhere below `root`, never out of it.
///
/// # Errors
/// As [`read`]; `Kind::Refused` if the path leaves `root`.
pub fn read_beneath(root: &Path, below: &Path, limit: Limit) -> Result<Zeroizing<Vec<u8>>> {
    let path = root.join(below);
    let file = open_beneath(root, below, &path)?;
    read_open(file, &path, limit)
}

/// Reads standard input to its end.
///
/// # Errors
/// `Kind::Failed` if it cannot be read or was closed; `Kind::Refused` beyond the limit.
pub fn read_stdin(limit: Limit) -> Result<Zeroizing<Vec<u8>>> {
    if crate::os::was_closed(0) {
        return Err(Error::new(Kind::Failed, "standard input is closed"));
    }
    read_bounded(io::stdin().lock(), 0, limit, "standard input")
}

#[cfg(target_os = "linux")]
fn open_beneath(root: &Path, below: &Path, path: &Path) -> Result<File> {
    use rustix::fs::ResolveFlags;
    use rustix::io::Errno;
    let folder = rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| cannot_read(path, error.into()))?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(&folder, below, flags, Mode::empty(), resolve) {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::XDEV) => Err(leaves_project(path)),
        // A kernel before 5.6, or a sandbox without the call.
        Err(Errno::NOSYS | Errno::PERM) => open_checked(root, path),
        Err(error) => Err(cannot_read(path, error.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(root: &Path, _below: &Path, path: &Path) -> Result<File> {
    open_checked(root, path)
}

fn open_checked(root: &Path, path: &Path) -> Result<File> {
    let root = root.canonicalize().map_err(|error| cannot_read(path, error))?;
    let real = path.canonicalize().map_err(|error| cannot_read(path, error))?;
    if !real.starts_with(&root) {
        return Err(leaves_project(path));
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let opened = rustix::fs::open(&real, flags, Mode::empty());
    opened.map(File::from).map_err(|error| cannot_read(path, error.into()))
}

fn read_open(file: File, path: &Path, limit: Limit) -> Result<Zeroizing<Vec<u8>>> {
    let found = file.metadata().map_err(|error| cannot_read(path, error))?;
    if !found.is_file() {
        let what = if found.is_dir() { "a folder" } else { "not a regular file" };
        return Err(Error::new(Kind::Failed, format!("`{}` is {what}", show(path))));
    }
    read_bounded(file, found.len(), limit, &format!("`{}`", show(path)))
}

fn read_bounded(reader: impl io::Read, expected: u64, limit: Limit, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    let too_large = || {
        let kib = limit.0 >> 10;
        Error::new(Kind::Refused, format!("{what} is too large; the limit is {kib} KiB"))
    };
    if expected > limit.0 {
        return Err(too_large());
    }
    // One byte more than expected, so that the end is seen without growing: growing would leave a copy behind. Of a pipe
    // nothing is known; what fits into its buffer is read without growing.
    let size = if expected == 0 { PIPE_BUFFER } else { expected as usize + 1 };
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    reader
        .take(limit.0 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(Kind::Failed, format!("cannot read {what}")).because(error))?;
    if bytes.len() as u64 > limit.0 { Err(too_large()) } else { Ok(bytes) }
}

fn cannot_read(path: &Path, error: io::Error) -> Error {
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!("`{}` does not exist", show(path)),
        _ => format!("cannot read `{}`", show(path)),
    };
    Error::new(Kind::Failed, message).because(error)
}

pub(super) fn leaves_project(path: &Path) -> Error {
    Error::new(Kind::Refused, format!("`{}` is a link that leads out of the project", show(path)))
        .hint("a sealed file lies below the folder of secrets.toml; put the file itself there")
}

/// Returns a path fit to be shown.
pub(super) fn show(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}
