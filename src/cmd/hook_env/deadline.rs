//! A prompt is not kept waiting: what is not there after two seconds is nothing.

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;
use std::time::SystemTime;

use zeroize::Zeroizing;

/// A prompt waits no longer, in seconds.
pub const SECONDS: u32 = 2;

/// What is printed then.
static LAST_TEXT: Mutex<Option<Zeroizing<String>>> = Mutex::new(None);

/// Says what is printed at the deadline: it gives back what another project loaded, since at no prompt are both there.
pub fn prints(text: Zeroizing<String>) {
    if let Ok(mut kept) = LAST_TEXT.lock() {
        *kept = Some(text);
    }
}

/// Ends the process at the deadline, which is counted from `since`.
#[expect(clippy::exit, reason = "whatever hangs cannot be called off, and nothing was printed yet")]
pub fn begin(since: SystemTime) {
    crate::os::end_after(0);
    let passed = since.elapsed().unwrap_or_default();
    let is_shown = std::io::stderr().is_terminal();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(u64::from(SECONDS)).saturating_sub(passed));
        if let Some(text) = LAST_TEXT.lock().ok().and_then(|mut text| text.take()) {
            let _ = std::io::stdout().write_all(text.as_bytes());
        }
        if is_shown {
            crate::term::tell("secrets: nothing loaded: it took longer than two seconds");
        }
        std::process::exit(0);
    });
}
