//! The program replaces this process: same PID, terminal, signals and exit code.

use std::convert::Infallible;
use std::ffi::CString;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;

use super::environ::Environ;

/// Starts `program`; comes back only with an error.
///
/// `arguments` has the program's name as it was typed first, then its arguments, all untouched.
///
/// # Errors
/// `Kind::NotExecutable` if the system refuses to start it; `Kind::Failed` if arguments and environment are too long.
pub fn exec(program: &Path, arguments: &[OsString], environ: &Environ) -> Result<Infallible> {
    let arguments = arguments
        .iter()
        .map(|argument| CString::new(argument.as_bytes()))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| Error::new(Kind::Usage, "an argument has a NUL byte").because(error))?;
    environ.check_size(&arguments)?;
    let why = crate::os::execve(program, &arguments, environ.strings());
    let shown = printable(program.as_os_str().as_bytes());
    Err(Error::new(Kind::NotExecutable, format!("`{shown}` cannot be started")).because(why))
}
