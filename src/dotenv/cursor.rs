//! A walk over the bytes of a dotenv file.

use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Value;

/// A place in the bytes of a file, and the line that it is on.
pub struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
    pub line: usize,
    pub line_start: usize,
}

impl<'a> Cursor<'a> {
    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub fn since(&self, start: usize) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.bytes[start..self.at].to_vec())
    }

    /// Skips blanks and tabs; returns how many.
    pub fn skip_white_space(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        self.at - start
    }

    pub fn take_word(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
            self.at += 1;
        }
        &self.bytes[start..self.at]
    }

    /// Takes `#` and all up to the line's end, which it leaves.
    pub fn take_comment(&mut self) -> Result<Value> {
        let start = self.at + 1;
        while !matches!(self.peek(), None | Some(b'\n' | b'\r')) {
            self.at += 1;
        }
        Ok(Value::from(&self.bytes[start..self.at]))
    }

    /// Takes LF or CR LF; at the end of the file there may be none.
    pub fn take_line_end(&mut self) -> Result<()> {
        match (self.peek(), self.bytes.get(self.at + 1)) {
            (None, _) => return Ok(()),
            (Some(b'\n'), _) => self.at += 1,
            (Some(b'\r'), Some(b'\n')) => self.at += 2,
            // Some readers end a line there, others keep it in the value.
            _ => return Err(self.wrong("there is a carriage return that ends no line".to_string())),
        }
        self.line += 1;
        self.line_start = self.at;
        Ok(())
    }

    pub fn wrong(&self, what: String) -> Error {
        self.wrong_at(self.at, &what)
    }

    /// `at` may stand on an earlier line, where a quote was opened.
    pub fn wrong_at(&self, at: usize, what: &str) -> Error {
        let before = &self.bytes[..at];
        let (line, start) = if at >= self.line_start {
            (self.line, self.line_start)
        } else {
            let lines = memchr::memchr_iter(b'\n', before).count();
            (lines + 1, memchr::memrchr(b'\n', before).map_or(0, |lf| lf + 1))
        };
        let column = at - start + 1;
        Error::new(Kind::Failed, format!("line {line}, column {column}: {what}"))
    }
}
