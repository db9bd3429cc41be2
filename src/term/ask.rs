//! Questions: on the terminal, never on stdin, and erased when they are answered.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;

use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::Termios;
use rustix::termios::tcgetattr;
use rustix::termios::tcsetattr;

use crate::base::Ask;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Value;

const TERMINAL: &str = "/dev/tty";
/// Up one line, clear it.
const ERASE: &[u8] = b"\x1b[A\r\x1b[K";

/// The terminal that this process belongs to.
pub struct Terminal;

impl Terminal {
    /// Tells whether there is one to ask on.
    pub fn is_there(&self) -> bool {
        open().is_ok()
    }
}

impl Ask for Terminal {
    fn secret(&mut self, question: &str) -> Result<Value> {
        let mut terminal = open()?;
        let failed = |error: io::Error| Error::new(Kind::Failed, "nothing was entered").because(error);
        // As the prompt does it, but before the question stands there: who types at once is not shown, and loses nothing.
        let _silent = Silent::new(&terminal);
        let answer = rpassword::prompt_password(format!("{question}: ")).map_err(failed)?;
        let _ = terminal.write_all(ERASE);
        Ok(Value::from(answer))
    }

    fn confirm(&mut self, question: &str, default: bool) -> Result<bool> {
        let choice = if default { "[Y/n]" } else { "[y/N]" };
        ask(&format!("{question} {choice} "), |answer| match answer {
            "" => Some(default),
            "y" | "yes" => Some(true),
            "n" | "no" => Some(false),
            _ => None,
        })
    }

    fn choose(&mut self, question: &str, words: &[&str]) -> Result<usize> {
        ask(&format!("{question} [{}] ", words.join("/")), |answer| {
            let is_meant = |word: &&str| !answer.is_empty() && word.starts_with(answer);
            words.iter().position(is_meant)
        })
    }
}

/// A terminal that shows nothing of what is typed, until dropped.
struct Silent(File, Termios);

impl Silent {
    fn new(terminal: &File) -> Option<Self> {
        let before = tcgetattr(terminal).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
        tcsetattr(terminal, OptionalActions::Now, &silent).ok()?;
        Some(Self(terminal.try_clone().ok()?, before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.0, OptionalActions::Now, &self.1);
    }
}

/// Asks until the answer is understood, and erases the question.
fn ask<T>(question: &str, understand: impl Fn(&str) -> Option<T>) -> Result<T> {
    let failed = |error: io::Error| Error::new(Kind::Failed, "cannot ask on the terminal").because(error);
    let mut terminal = open()?;
    let mut reader = BufReader::new(terminal.try_clone().map_err(failed)?);
    loop {
        terminal.write_all(question.as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        if reader.read_line(&mut answer).map_err(failed)? == 0 {
            return Err(Error::new(Kind::Failed, "the question was not answered"));
        }
        let _ = terminal.write_all(ERASE);
        if let Some(understood) = understand(answer.trim().to_ascii_lowercase().as_str()) {
            return Ok(understood);
        }
    }
}

fn open() -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(TERMINAL)
        .map_err(|error| Error::new(Kind::Failed, "there is no terminal to ask on").because(error))
}
