//! The one module that speaks to the operating system in `unsafe` words.
//!
//! The program must start as if we had never been (`run`'s exec keeps descriptors, signal dispositions and limits), but
//! Rust's runtime ignores SIGPIPE and opens closed descriptors before `main`. So a constructor notes both before it.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use rustix::process::DumpableBehavior;
use rustix::process::Resource;
use rustix::process::Rlimit;

/// Bit n is set if descriptor n (0 to 2) was closed when we were started.
static CLOSED_AT_START: AtomicU8 = AtomicU8::new(0);
/// Whether SIGPIPE was ignored when we were started, as some parents leave it.
static PIPE_IGNORED_AT_START: AtomicBool = AtomicBool::new(false);
/// The same for SIGXFSZ.
static SIZE_IGNORED_AT_START: AtomicBool = AtomicBool::new(false);
/// The soft limit of core files when we were started; `NO_LIMIT` where there was none.
static CORE_LIMIT_AT_START: AtomicU64 = AtomicU64::new(UNKNOWN);
const UNKNOWN: u64 = u64::MAX - 1;
const NO_LIMIT: u64 = u64::MAX;

// SAFETY: run by the loader before `main`, on one thread; it calls two async-signal-safe functions and stores atomics.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static NOTE_THE_START: extern "C" fn() = note_the_start;

extern "C" fn note_the_start() {
    let mut closed = 0;
    for fd in 0..=2 {
        // SAFETY: F_GETFD reads a flag of a descriptor number; a closed one gives an error and nothing else.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
            closed |= 1 << fd;
        }
    }
    CLOSED_AT_START.store(closed, Relaxed);
    PIPE_IGNORED_AT_START.store(is_ignored(libc::SIGPIPE), Relaxed);
    SIZE_IGNORED_AT_START.store(is_ignored(libc::SIGXFSZ), Relaxed);
}

/// Tells whether a signal is ignored, as `nohup` and a shell's `trap ''` leave it.
pub fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: an all-zero `sigaction` is a valid value of this plain C struct.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: with no new action given this only fills the local struct.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Tells whether descriptor `fd` (0 to 2) was closed when we were started.
pub fn was_closed(fd: u8) -> bool {
    CLOSED_AT_START.load(Relaxed) & (1 << fd) != 0
}

/// Keeps this process' memory from other processes of the same user and from core files, as far as the system lets it.
///
/// A refusal is not an error: the promise is best effort.
pub fn harden() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let limit = rustix::process::getrlimit(Resource::Core);
    CORE_LIMIT_AT_START.store(limit.current.unwrap_or(NO_LIMIT), Relaxed);
    let none = Rlimit { current: Some(0), maximum: limit.maximum };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    // A limit on the size of files is an error of the write then, and not our death in the middle of it.
    set_ignored(libc::SIGXFSZ, true);
}

/// Replaces this process by `program`; returns only if that failed.
///
/// `arguments` has the program's own name first; `environment` has `NAME=value` strings. Descriptors, signal mask and
/// dispositions, limits and umask are those we were started with.
pub fn execve(program: &Path, arguments: &[CString], environment: &[CString]) -> io::Error {
    let Ok(program) = CString::new(program.as_os_str().as_bytes()) else {
        return io::Error::from(io::ErrorKind::InvalidInput);
    };
    let argv = pointers(arguments);
    let envp = pointers(environment);
    restore_the_start();
    // SAFETY: the three hold NUL-terminated strings that outlive the call, the two lists end with a null pointer.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    let error = io::Error::last_os_error();
    // We live on to report it, and a report into a closed pipe must not kill us.
    set_ignored(libc::SIGPIPE, true);
    error
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|s| s.as_ptr()).chain(std::iter::once(std::ptr::null())).collect()
}

fn restore_the_start() {
    set_ignored(libc::SIGPIPE, PIPE_IGNORED_AT_START.load(Relaxed));
    set_ignored(libc::SIGXFSZ, SIZE_IGNORED_AT_START.load(Relaxed));
    let soft = CORE_LIMIT_AT_START.load(Relaxed);
    if soft != UNKNOWN {
        let maximum = rustix::process::getrlimit(Resource::Core).maximum;
        let current = (soft != NO_LIMIT).then_some(soft);
        let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current, maximum });
    }
    for fd in 0..=2 {
        if was_closed(fd) {
            // SAFETY: the descriptor is the `/dev/null` that the runtime put there; nothing of ours uses it.
            unsafe { libc::close(i32::from(fd)) };
        }
    }
}

/// Lets no terminal stop this process any more: it is about to end, and has something to put right before.
pub fn stop_for_no_terminal() {
    for signal in [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU] {
        set_ignored(signal, true);
    }
}

/// Whether a terminal stops this process for what another of its group does in the background: an editor that puts the terminal
/// right when it ends would stop us before we have removed its file.
pub fn stops_with_its_group(stops: bool) {
    for signal in [libc::SIGTTIN, libc::SIGTTOU] {
        set_ignored(signal, !stops);
    }
}

/// Stops this process as its terminal's key does; returns when it goes on. Where nobody could call it back, in an orphaned
/// process group, the kernel does not stop it (POSIX, 2.4.3).
pub fn stop() {
    // SAFETY: all-zero `sigaction`s are valid values of this plain C struct; the default disposition has no handler, and the one
    // before is put back as it was.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        if libc::sigaction(libc::SIGTSTP, &raw const default, &raw mut before) == 0 {
            libc::raise(libc::SIGTSTP);
            libc::sigaction(libc::SIGTSTP, &raw const before, std::ptr::null_mut());
        }
    }
}

fn set_ignored(signal: libc::c_int, ignored: bool) {
    let disposition = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: a standard disposition, no handler of ours.
    unsafe { libc::signal(signal, disposition) };
}
