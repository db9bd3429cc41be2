//! A prompt is not kept waiting: what is not there after two seconds is nothing.

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use zeroize::Zeroizing;

const DEADLINE: Duration = Duration::from_secs(2);

/// What is printed then.
static LAST_TEXT: Mutex<Option<Zeroizing<String>>> = Mutex::new(None);

/// Says what is printed at the deadline: it gives back what another project loaded, since at no prompt are both there.
pub fn prints(text: Zeroizing<String>) {
    if let Ok(mut kept) = LAST_TEXT.lock() {
        *kept = Some(text);
    }
}

/// Ends the process at the deadline.
#[expect(clippy::exit, reason = "whatever hangs cannot be called off, and nothing was printed yet")]
pub fn begin() {
    let is_shown = std::io::stderr().is_terminal();
    std::thread::spawn(move || {
        std::thread::sleep(DEADLINE);
        if let Some(text) = LAST_TEXT.lock().ok().and_then(|mut text| text.take()) {
            let _ = std::io::stdout().write_all(text.as_bytes());
        }
        if is_shown {
            crate::term::tell("secrets: nothing loaded: it took longer than two seconds");
        }
        std::process::exit(0);
    });
}
