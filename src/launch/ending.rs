//! What is put right before a signal ends or stops this process: one watch for all of it, so that nobody dies before another is
//! done.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::Once;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

use signal_hook::consts::SIGCONT;
use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGQUIT;
use signal_hook::consts::SIGTERM;
use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Something that must not be left as it is.
pub trait Duty: Send {
    /// Tells whether a signal is not meant for us at this moment.
    fn passes_over(&self, _signal: i32) -> bool {
        false
    }

    /// Puts it right; this process ends next.
    fn end(&mut self, signal: i32);

    /// Puts it right; this process stops next.
    fn stop(&mut self) {}

    /// Takes it up again, if it was put right; this process goes on, in the background it may be.
    fn go_on(&mut self) {}
}

/// A duty that is kept until dropped.
pub struct Kept(u64);

static DUTIES: Mutex<Vec<(u64, Box<dyn Duty>)>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
static WATCH: Once = Once::new();
/// How often SIGCONT was heard.
static HEARD: AtomicU64 = AtomicU64::new(0);
/// Longer than that nobody waits for it.
const LONGEST: Duration = Duration::from_secs(1);

/// Keeps a duty. Where the system does not let us wait for signals it is kept until dropped and no longer.
pub fn keep(duty: impl Duty + 'static) -> Kept {
    WATCH.call_once(watch);
    let number = NEXT.fetch_add(1, Relaxed);
    duties().push((number, Box::new(duty)));
    Kept(number)
}

impl Drop for Kept {
    fn drop(&mut self) {
        duties().retain(|(number, _)| *number != self.0);
    }
}

/// Waits until every signal that came so far was heard. SIGCONT is the last of the watched ones, and asks for nothing.
pub fn settle() {
    if crate::os::is_ignored(SIGCONT) {
        return;
    }
    let before = HEARD.load(Relaxed);
    let deadline = Instant::now() + LONGEST;
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::CONT);
    while HEARD.load(Relaxed) == before && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn duties() -> MutexGuard<'static, Vec<(u64, Box<dyn Duty>)>> {
    DUTIES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch() {
    // What was ignored when we were started stays so, for us and for the program that `run` becomes.
    let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT];
    let wanted = wanted.into_iter().filter(|signal| !crate::os::is_ignored(*signal));
    let Ok(mut signals) = Signals::new(wanted) else { return };
    std::thread::spawn(move || {
        for signal in &mut signals {
            // Whoever gives a duty up waits here until we are gone, so that nobody reports or exits in between.
            let mut duties = duties();
            if duties.iter().any(|(_, duty)| duty.passes_over(signal)) {
                continue;
            }
            match signal {
                SIGTSTP => {
                    duties.iter_mut().rev().for_each(|(_, duty)| duty.stop());
                    crate::os::stop();
                    duties.iter_mut().for_each(|(_, duty)| duty.go_on());
                }
                // Also after a stop that nobody can wait for: SIGSTOP, a read in the background.
                SIGCONT => {
                    duties.iter_mut().for_each(|(_, duty)| duty.go_on());
                    HEARD.fetch_add(1, Relaxed);
                }
                _ => {
                    crate::os::stop_for_no_terminal();
                    duties.iter_mut().rev().for_each(|(_, duty)| duty.end(signal));
                    let _ = emulate_default_handler(signal);
                }
            }
        }
    });
}
