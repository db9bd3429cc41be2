//! Data goes to stdout; news, warnings, hints and errors to stderr.

use std::cell::RefCell;
use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;

use crate::base::Env;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::is_unsafe;
use crate::base::printable;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum ColorChoice {
    /// Always
    Always,
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Never
    Never,
}

/// The output of one call.
pub struct Ui {
    is_colored: bool,
    is_quiet: bool,
    is_json: bool,
    /// Warnings that are kept for whoever says them in his own way.
    gathered: Option<RefCell<Vec<String>>>,
}

/// The standard colours of a terminal, by what they say.
#[derive(Clone, Copy)]
enum Tone {
    Done = 32,
    Error = 31,
    Hint = 36,
    Warning = 33,
}

impl Ui {
    /// Sets the output up.
    pub fn new(env: &Env, color: ColorChoice, is_quiet: bool, is_json: bool) -> Self {
        let is_colored = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let is_dumb = env.get("TERM").is_none_or(|term| term == "dumb");
                io::stderr().is_terminal() && env.get("NO_COLOR").is_none() && !is_dumb
            }
        };
        Self { is_colored, is_quiet, is_json, gathered: None }
    }

    /// Keeps warnings instead of showing them, and says nothing else but data and errors.
    #[must_use]
    pub fn gathering(self) -> Self {
        Self { is_quiet: true, gathered: Some(RefCell::default()), ..self }
    }

    /// Returns the warnings that were kept since the last call.
    pub fn gathered(&self) -> Vec<String> {
        self.gathered.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// Tells whether a program is to read the output.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// Tells whether stdout is a terminal.
    pub fn shows_a_person(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Writes data to stdout.
    ///
    /// # Errors
    /// `Kind::PipeClosed` if the reader went away; `Kind::Failed` for anything else, a closed stdout too.
    pub fn data(&self, bytes: &[u8]) -> Result<()> {
        if crate::os::was_closed(1) {
            return Err(Error::new(Kind::Failed, "standard output is closed"));
        }
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::BrokenPipe => Kind::PipeClosed,
                _ => Kind::Failed,
            };
            Error::new(kind, "cannot write to standard output").because(error)
        })
    }

    /// Writes one line of data to stdout.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub fn line(&self, text: impl AsRef<str>) -> Result<()> {
        self.data(format!("{}\n", text.as_ref()).as_bytes())
    }

    /// Writes lines that a person reads to stdout; whatever foreign text got into one, it stays one, and steers no terminal.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub fn lines<L: AsRef<str>>(&self, lines: impl IntoIterator<Item = L>) -> Result<()> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&printable(line.as_ref().as_bytes()));
            text.push('\n');
        }
        self.data(text.as_bytes())
    }

    /// Writes a JSON document to stdout.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub fn json(&self, document: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| Error::new(Kind::Bug, "cannot write JSON").because(error))?;
        self.line(harmless(text))
    }

    /// Says that something was done.
    pub fn done(&self, text: impl AsRef<str>) {
        self.news(Tone::Done, "done", text.as_ref());
    }

    /// Says what to do next.
    pub fn hint(&self, text: impl AsRef<str>) {
        self.news(Tone::Hint, "hint", text.as_ref());
    }

    /// Warns; a warning is shown with `--quiet` as well.
    pub fn warn(&self, text: impl AsRef<str>) {
        if let Some(gathered) = &self.gathered {
            gathered.borrow_mut().push(text.as_ref().to_string());
            return;
        }
        self.say(Tone::Warning, "warning", text.as_ref());
    }

    /// Reports an error, as lines or as JSON; a reader that went away is told nothing.
    pub fn error(&self, error: &Error) {
        if error.kind() == Kind::PipeClosed {
            return;
        }
        if self.is_json {
            let document = json!({"error": {
                "code": error.kind().code(),
                "message": error.message(),
                "cause": error.causes(),
                "hints": error.hints(),
                "rule": error.broken_rule(),
            }});
            to_stderr(&format!("{}\n", harmless(document.to_string())));
            return;
        }
        self.say(Tone::Error, "error", error.message());
        for cause in error.causes() {
            to_stderr(&format!("  cause: {}\n", printable(cause.trim_end().as_bytes())));
        }
        for hint in error.hints() {
            self.say(Tone::Hint, "hint", hint);
        }
    }

    /// Passes on a usage error, which has lines of its own and may repeat what was typed.
    pub fn usage(&self, text: &str) {
        let lines: Vec<String> = text.lines().map(|line| printable(line.as_bytes())).collect();
        to_stderr(&(lines.join("\n") + "\n"));
    }

    /// Writes bytes to stderr that a service reads there.
    pub fn command(&self, bytes: &[u8]) {
        let _ = io::stderr().lock().write_all(bytes);
    }

    fn news(&self, tone: Tone, word: &str, text: &str) {
        if !self.is_quiet {
            self.say(tone, word, text);
        }
    }

    /// Whatever foreign text got into a message, nothing in it steers the terminal.
    fn say(&self, tone: Tone, word: &str, text: &str) {
        let text = printable(text.as_bytes());
        if self.is_colored {
            to_stderr(&format!("\x1b[1;{}m{word}:\x1b[0m {text}\n", tone as u8));
        } else {
            to_stderr(&format!("{word}: {text}\n"));
        }
    }
}

/// How wide a terminal is taken for that does not say it.
const USUAL_COLUMNS: usize = 80;

/// Writes one line to stderr, whatever foreign text got into it, not wider than the terminal.
pub fn tell(text: &str) {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
    // Some terminals do not know.
    let columns = if columns == 0 { USUAL_COLUMNS } else { columns };
    let line: String = printable(text.as_bytes()).chars().take(columns).collect();
    to_stderr(&format!("{line}\n"));
}

/// Escapes in JSON what could steer a terminal: its own rules (RFC 8259, section 7) ask for C0 alone.
fn harmless(json: String) -> String {
    let is_raw = |c: char| c != '\n' && is_unsafe(c);
    if !json.contains(is_raw) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_raw(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// A stderr that cannot be written has nobody to tell.
fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
