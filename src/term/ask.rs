//! Questions: on the terminal, never on stdin, and erased when they are answered.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;

use zeroize::Zeroizing;

use crate::base::Ask;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Value;

use super::turn::Echo;
use super::turn::Turn;

const TERMINAL: &str = "/dev/tty";
/// As a value may be.
const MOST_TYPED: usize = 1 << 20;
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
        // Before the question stands there: who types at once is not shown, and loses nothing.
        let turn = Turn::take(&terminal, Echo::Off)?;
        terminal.write_all(format!("{question}: ").as_bytes()).map_err(failed)?;
        let answer = read_hidden(&mut terminal, &turn).map_err(failed);
        let _ = terminal.write_all(b"\r\n").and_then(|()| terminal.write_all(ERASE));
        drop(turn);
        answer.map(Value::from)
    }

    fn tell(&mut self, text: &str) {
        let _ = open().and_then(|mut terminal| {
            terminal
                .write_all(format!("{text}\r\n").as_bytes())
                .map_err(|error| Error::new(Kind::Failed, "cannot write to the terminal").because(error))
        });
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

/// Reads a line byte by byte, since a terminal's own line ends at 4 KiB; backspace, `^U` and `^D` work as there.
///
/// Not a crate: the one that is common for this leaves the terminal silent when a signal ends the process meanwhile.
/// Held by tests/it/identity/passphrase.rs::a_question_that_is_left_gives_the_terminal_back.
fn read_hidden(terminal: &mut File, turn: &Turn) -> io::Result<Zeroizing<Vec<u8>>> {
    const ERASE_ONE: [u8; 2] = [0x7f, 0x08];
    const ERASE_ALL: u8 = 0x15;
    const END: u8 = 0x04;
    let ended = || io::Error::new(io::ErrorKind::UnexpectedEof, "the question was left");
    // Growing would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(MOST_TYPED));
    loop {
        let mut byte = [0];
        turn.wait_for_a_key(terminal)?;
        match (terminal.read(&mut byte)?, byte[0]) {
            (0, _) => return Err(ended()),
            (_, END) if line.is_empty() => return Err(ended()),
            (_, b'\n' | b'\r') => return Ok(line),
            (_, ERASE_ALL) => line.clear(),
            (_, one) if ERASE_ONE.contains(&one) => {
                // A whole character of UTF-8.
                while line.pop().is_some_and(|last| last & 0xc0 == 0x80) {}
            }
            (_, END) => {}
            (_, _) if line.len() == MOST_TYPED => return Err(io::Error::other("the line is too long")),
            (_, other) => line.push(other),
        }
    }
}

/// Asks until the answer is understood, and erases the question.
fn ask<T>(question: &str, understand: impl Fn(&str) -> Option<T>) -> Result<T> {
    let failed = |error: io::Error| Error::new(Kind::Failed, "cannot ask on the terminal").because(error);
    let mut terminal = open()?;
    let turn = Turn::take(&terminal, Echo::On)?;
    let mut reader = BufReader::new(terminal.try_clone().map_err(failed)?);
    loop {
        terminal.write_all(question.as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        turn.wait_for_a_key(&terminal).map_err(failed)?;
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
