//! A terminal while a question stands on it: one command asks at a time, what is typed may be hidden, and whoever leaves or stops
//! gives it back as it was.

use std::ffi::OsStr;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;
use rustix::process::Signal;
use rustix::process::getpgrp;
use rustix::process::kill_current_process_group;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::Termios;
use rustix::termios::tcgetattr;
use rustix::termios::tcgetpgrp;
use rustix::termios::tcsetattr;
use rustix::termios::ttyname;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::launch::ending;
use crate::launch::ending::Duty;
use crate::launch::ending::Kept;

/// After so long a person is told why nothing happens.
const SOON: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);

/// Whether what is typed is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Echo {
    Off,
    On,
}

/// The right to ask on a terminal, until dropped, or until a signal ends the process. One that is stopped gives the terminal back
/// and takes it again when it goes on.
pub struct Turn {
    held: Arc<Mutex<Held>>,
    _kept: Kept,
}

/// A terminal with a question on it.
struct Held {
    terminal: File,
    /// The terminal by its own name, which is locked; its name cannot be told where neither input nor output is the terminal,
    /// and nobody waits then.
    lock: Option<File>,
    before: Termios,
    during: Termios,
    /// Whether it was given back, while this process is stopped or in the background.
    is_given_back: bool,
}

impl Turn {
    /// Waits until no other command asks on the terminal: two at once would share what is typed.
    ///
    /// Held by tests/it/identity/passphrase.rs::two_commands_ask_one_after_the_other.
    ///
    /// # Errors
    /// `Kind::Failed` if the terminal cannot be had.
    pub fn take(terminal: &File, echo: Echo) -> Result<Self> {
        let failed = |error: io::Error| Error::new(Kind::Failed, "nothing was entered").because(error);
        come_to_front(terminal)?;
        let lock = own_name().and_then(|path| open_to_lock(&path).ok());
        if let Some(lock) = &lock {
            wait(lock, terminal).map_err(failed)?;
        }
        let before = tcgetattr(terminal).map_err(|error| failed(error.into()))?;
        let mut during = before.clone();
        if echo == Echo::Off {
            during.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
        }
        let held = Held { terminal: terminal.try_clone().map_err(failed)?, lock, before, during, is_given_back: false };
        let held = Arc::new(Mutex::new(held));
        // First whoever undoes it, then what is to be undone.
        let turn = Self { _kept: ending::keep(Question(Arc::clone(&held))), held };
        let held = turn.held();
        held.set(&held.during).map_err(failed)?;
        drop(held);
        Ok(turn)
    }

    /// Waits until something was typed that is ours to read. In the background nobody reads, which would stop this process without
    /// a word to whoever waits for a signal; and a shell that calls it to the front sends none.
    ///
    /// # Errors
    /// What the terminal says.
    pub fn wait_for_a_key(&self, terminal: &File) -> io::Result<()> {
        let pause = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        loop {
            let mut watched = [PollFd::new(terminal, PollFlags::IN)];
            let ready = match poll(&mut watched, Some(&pause)) {
                Ok(ready) => ready,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let is_ours = is_in_front(terminal);
            if is_ours {
                self.held().take_again();
            }
            match (ready > 0, is_ours) {
                (true, true) => return Ok(()),
                (true, false) => std::thread::sleep(PAUSE),
                (false, _) => {}
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let held = self.held();
        if !held.is_given_back {
            let _ = held.set(&held.before);
        }
    }
}

/// Tells whether this process is in front; on a terminal that hung up nobody is, and a read says so.
fn is_in_front(terminal: &File) -> bool {
    tcgetpgrp(terminal).map_or(true, |front| front == getpgrp())
}

impl Held {
    /// Takes the terminal, if it was given back; in the background it is another's.
    fn take_again(&mut self) {
        if self.is_given_back && is_in_front(&self.terminal) {
            let _ = self.lock.as_ref().map(File::try_lock);
            self.is_given_back = self.set(&self.during).is_err();
        }
    }

    fn set(&self, modes: &Termios) -> io::Result<()> {
        tcsetattr(&self.terminal, OptionalActions::Now, modes).map_err(Into::into)
    }
}

/// The duty to give the terminal back. Held by
/// tests/it/identity/passphrase.rs::a_question_that_is_left_gives_the_terminal_back.
struct Question(Arc<Mutex<Held>>);

impl Question {
    fn give_back(&self) {
        let mut held = self.held();
        if !held.is_given_back && is_in_front(&held.terminal) {
            let _ = held.set(&held.before);
        }
        let _ = held.lock.as_ref().map(File::unlock);
        held.is_given_back = true;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Duty for Question {
    fn end(&mut self, _signal: i32) {
        self.give_back();
    }

    fn stop(&mut self) {
        self.give_back();
    }

    fn go_on(&mut self) {
        self.held().take_again();
    }
}

/// A job in the background waits to be called to the front, as one that reads from the terminal does (POSIX, 11.1.4): it must not
/// hold the terminal meanwhile.
fn come_to_front(terminal: &File) -> Result<()> {
    for _ in 0..2 {
        if is_in_front(terminal) {
            return Ok(());
        }
        // It stops here, unless the signal is ignored or nobody could call it back.
        let _ = kill_current_process_group(Signal::TTIN);
    }
    if is_in_front(terminal) {
        return Ok(());
    }
    Err(Error::new(Kind::Failed, "there is no terminal to ask on").because("this command runs in the background"))
}

fn wait(lock: &File, terminal: &File) -> io::Result<()> {
    let start = Instant::now();
    let mut is_told = false;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {
                if !is_told && start.elapsed() >= SOON {
                    is_told = true;
                    let _ = (&*terminal).write_all(b"another command asks on this terminal; this one waits for it\r\n");
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
}

fn own_name() -> Option<std::ffi::CString> {
    let name = |stream: BorrowedFd<'_>| ttyname(stream, Vec::new()).ok();
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    name(stderr.as_fd()).or_else(|| name(stdin.as_fd())).or_else(|| name(stdout.as_fd()))
}

/// A terminal that is opened to be locked becomes nobody's own.
fn open_to_lock(name: &std::ffi::CStr) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOCTTY).open(Path::new(OsStr::from_bytes(name.to_bytes())))
}
