//! Finding a program as `execvp` would, and saying why it is not found.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::base::Env;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;

/// What the C library searches where `PATH` is not set.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Finds `program` on the caller's `PATH`; with a slash in it, it is a path.
///
/// The `which` crate passes over what cannot be executed, but `env(1)` and `run` answer 126 to that and 127 to what does
/// not exist.
///
/// # Errors
/// `Kind::NotFound` if there is none; `Kind::NotExecutable` if there is one that cannot be executed.
pub fn find_program(program: &OsStr, env: &Env) -> Result<PathBuf> {
    let shown = printable(program.as_bytes());
    let not_found = || Error::new(Kind::NotFound, format!("`{shown}` was not found"));
    if program.is_empty() {
        return Err(not_found());
    }
    if program.as_bytes().contains(&b'/') {
        let path = PathBuf::from(program);
        return match look(&path) {
            Look::Absent => Err(not_found()),
            Look::Executable => Ok(path),
            Look::NotExecutable(why) => Err(not_executable(&shown, why)),
        };
    }
    let mut found = None;
    for folder in folders(env) {
        // An empty part of PATH means the working directory (POSIX, 8.3).
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let path = folder.join(program);
        match look(&path) {
            Look::Absent => {}
            Look::Executable => return Ok(path),
            Look::NotExecutable(why) => found = found.or(Some(why)),
        }
    }
    match found {
        Some(why) => Err(not_executable(&shown, why)),
        None => Err(not_found().hint("`PATH` has no such program; is it spelled right?")),
    }
}

/// Finds a program of the system: only in the absolute folders of `PATH`. A relative one, as an empty part, lies wherever the
/// command was called, and so in a repository.
pub fn find_installed(program: &str, env: &Env) -> Option<PathBuf> {
    let mut paths = folders(env).filter(|folder| folder.is_absolute()).map(|folder| folder.join(program));
    paths.find(|path| matches!(look(path), Look::Executable))
}

/// Finds a program that nobody but root and this user could have put there: in an absolute folder of `PATH` that belongs to one of
/// them and where not everybody writes, or by an absolute path of such a folder; not below `outside`, wherever links lead. The path
/// that comes back has no link.
///
/// # Errors
/// `Kind::Failed` if there is none; the hint tells of one that was passed over.
pub fn find_guarded(program: &str, env: &Env, outside: &[PathBuf]) -> Result<PathBuf> {
    if Path::new(program).is_absolute() {
        let why =
            |why| Error::new(Kind::Failed, format!("`{}` is not started", printable(program.as_bytes()))).because(why);
        return guarded(Path::new(program), outside).map_err(why);
    }
    let mut passed = None;
    // A way through folders begins where the command was called.
    for folder in folders(env).filter(|folder| folder.is_absolute() && !program.contains('/')) {
        let path = folder.join(program);
        if !matches!(look(&path), Look::Executable) {
            continue;
        }
        match guarded(&path, outside) {
            Ok(real) => return Ok(real),
            Err(why) => passed = passed.or(Some((path, why))),
        }
    }
    let error = Error::new(Kind::Failed, format!("`{program}` was not found"));
    Err(match passed {
        Some((path, why)) => error.hint(format!("`{}` was passed over: {why}", printable(path.as_os_str().as_bytes()))),
        None => error.hint("install it into a folder of `PATH`"),
    })
}

fn folders(env: &Env) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(env.get_even_empty("PATH").unwrap_or(OsStr::new(DEFAULT_PATH)))
}

fn guarded(path: &Path, outside: &[PathBuf]) -> std::result::Result<PathBuf, &'static str> {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok()).ok_or("its folder cannot be read")?;
    let real = path.canonicalize().map_err(|_| "it cannot be read")?;
    let real_folder = real.parent().ok_or("it cannot be read")?;
    for place in outside {
        // A link in the project leads wherever its author likes.
        let is_below = |place: &Path| [path, &folder, &real].iter().any(|found| found.starts_with(place));
        if is_below(place) || place.canonicalize().is_ok_and(|place| is_below(&place)) {
            return Err("it lies in the project");
        }
    }
    let own = rustix::process::geteuid().as_raw();
    for part in [folder.as_path(), real_folder, &real] {
        let found = fs::metadata(part).map_err(|_| "it cannot be read")?;
        if found.uid() != own && found.uid() != 0 {
            return Err("it belongs to another user");
        }
        if found.mode() & 0o002 != 0 {
            return Err("everybody could have written it");
        }
    }
    Ok(real)
}

enum Look {
    Absent,
    Executable,
    NotExecutable(&'static str),
}

fn look(path: &Path) -> Look {
    let Ok(found) = fs::metadata(path) else { return Look::Absent };
    if found.is_dir() {
        return Look::NotExecutable("it is a folder");
    }
    // What this user may execute, not whether anybody may: `execvp` goes on to the next folder, too.
    if rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_err() {
        return Look::NotExecutable("it may not be executed");
    }
    Look::Executable
}

fn not_executable(shown: &str, why: &'static str) -> Error {
    Error::new(Kind::NotExecutable, format!("`{shown}` cannot be started")).because(why)
}
