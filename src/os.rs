//! The one module that speaks to the operating system in `unsafe` words.
//!
//! The program must start as if we had never been: `run`'s exec keeps descriptors, signal dispositions and limits. Rust's runtime
//! would ignore SIGPIPE, open closed descriptors and set up a stack for overflows before a `main` of its own, two dozen system
//! calls that nobody needs at a prompt; so the system's `main` is ours, and [`begin`] notes how it was started.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::ffi::CString;
use std::ffi::OsStr;
use std::ffi::OsString;
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
/// Whether the command is `run`.
static IS_RUN: AtomicBool = AtomicBool::new(false);
/// Whether SIGPIPE was ignored when we were started, as some parents leave it.
static PIPE_IGNORED_AT_START: AtomicBool = AtomicBool::new(false);
/// The same for SIGXFSZ.
static SIZE_IGNORED_AT_START: AtomicBool = AtomicBool::new(false);
/// The soft limit of core files when we were started; `NO_LIMIT` where there was none.
static CORE_LIMIT_AT_START: AtomicU64 = AtomicU64::new(UNKNOWN);
const UNKNOWN: u64 = u64::MAX - 1;
const NO_LIMIT: u64 = u64::MAX;

/// Begins the process: descriptors 0 to 2 are open from here on, and a closed pipe is an error of the write. Returns the command
/// line, the program's own name first.
///
/// # Safety
/// It is called once, at the beginning of the system's `main`, with what that got.
pub unsafe fn begin(count: libc::c_int, words: *const *const libc::c_char) -> Vec<OsString> {
    let mut found = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: three structures of this array; nothing is waited for.
    let asked = unsafe { libc::poll(found.as_mut_ptr(), 3, 0) };
    let is_closed = |fd: &libc::pollfd| asked > 0 && fd.revents & libc::POLLNVAL != 0;
    for fd in found.iter().filter(|fd| is_closed(fd)) {
        CLOSED_AT_START.fetch_or(1 << fd.fd, Relaxed);
        // The lowest number that is free is this one: what is opened later is never taken for a standard stream.
        // SAFETY: a constant string; a failure leaves nothing to go on with.
        if unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } != fd.fd {
            std::process::abort();
        }
    }
    PIPE_IGNORED_AT_START.store(set_ignored(libc::SIGPIPE, true), Relaxed);
    // A limit on the size of files is an error of the write then, and not our death in the middle of it.
    SIZE_IGNORED_AT_START.store(set_ignored(libc::SIGXFSZ, true), Relaxed);
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the system gives so many pointers to strings that stay until the process ends.
    let words = (0..count).map(|index| unsafe { CStr::from_ptr(*words.add(index)) });
    let words: Vec<OsString> = words.map(|word| OsStr::from_bytes(word.to_bytes()).to_os_string()).collect();
    IS_RUN.store(words.get(1).is_some_and(|word| word == "run"), Relaxed);
    words
}

/// Ends this process after so many seconds, if it still runs then; 0 takes that back.
pub fn end_after(seconds: u32) {
    // SAFETY: the signal has its default disposition, which ends the process.
    unsafe { libc::alarm(seconds) };
}

/// Tells whether `secrets run` was called: a bug has another exit code there.
pub fn is_run() -> bool {
    IS_RUN.load(Relaxed)
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
            // SAFETY: the descriptor is the `/dev/null` that `begin` put there; nothing of ours uses it.
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

/// Tells whether it was ignored before.
fn set_ignored(signal: libc::c_int, ignored: bool) -> bool {
    let disposition = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: a standard disposition, no handler of ours.
    unsafe { libc::signal(signal, disposition) == libc::SIG_IGN }
}
