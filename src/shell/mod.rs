//! The shells: a row of the table and a file of shell code for each.

mod bash;
mod bourne;
pub mod change;
mod fish;
pub mod idle;
pub mod quote;
pub mod state;
mod zsh;

use std::path::PathBuf;

use crate::base::Name;

use idle::Idle;

/// A shell that the hook knows.
pub struct Kind {
    /// Its name, as `secrets hook` takes it.
    pub name: &'static str,
    /// The line that a person puts into the start-up file, and which file that is.
    pub install: &'static str,
    /// The code of the hook, with `@BIN@` where the path of this program goes.
    pub code: &'static str,
    /// Appends bytes, quoted so that the shell reads them as they are; the text is printable ASCII.
    pub quote: fn(&mut String, &[u8]),
    /// What stands around statements that run only where a name is a plain variable, exported or not.
    pub guard: fn(&Name) -> (String, &'static str),
    /// Keeps the former value of a name in a variable of the shell that no child gets.
    pub save: fn(&Saved) -> String,
    /// What exports a name with the quoted value that follows.
    pub set: fn(&Name) -> String,
    /// Gives a name back: it was exported before.
    pub restore_exported: fn(&Saved) -> String,
    /// Gives a name back: it was no variable, or one of the shell alone.
    pub restore_plain: fn(&Saved) -> String,
    /// Forgets a former value.
    pub forget: fn(&Saved) -> String,
    /// Takes the hook's own variable away.
    pub unset_state: &'static str,
    /// Notes what the shell itself compares at its next prompts; the paths are quoted: files, their stamps, absent files.
    pub note_idle: fn(&[String], &[String], &[String]) -> String,
    /// Notes that it has to ask at the next prompt.
    pub never_idle: &'static str,
}

impl Kind {
    /// Returns bytes as [`Self::quote`] appends them.
    pub fn quoted(&self, bytes: &[u8]) -> String {
        let mut out = String::new();
        (self.quote)(&mut out, bytes);
        out
    }

    /// Appends the statement that exports a name with a value; the value is nowhere else.
    pub fn export(&self, out: &mut String, name: &Name, value: &[u8]) {
        out.push_str(&(self.set)(name));
        (self.quote)(out, value);
        out.push(';');
    }
}

/// Every shell that this build knows.
pub const KINDS: &[Kind] = &[bash::KIND, zsh::KIND, fish::KIND];

/// The variable that holds the hook's state.
pub const STATE: &str = "__SECRETS";
/// What ends the text: a text without it was cut, and nothing of it is evaluated.
pub const END: &str = "\n: end\n";

/// Returns the row of a shell.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Returns the statements by which a shell notes what it can compare itself; `None` if it has to ask.
pub fn note_idle(kind: &Kind, idle: Option<&Idle>) -> String {
    let Some(idle) = idle else { return kind.never_idle.to_string() };
    let quote = |path: &PathBuf| kind.quoted(path.as_os_str().as_encoded_bytes());
    let files: Vec<String> = idle.watched.iter().map(|(file, _)| quote(file)).collect();
    let stamps: Vec<String> = idle.watched.iter().map(|(_, stamp)| quote(stamp)).collect();
    let absent: Vec<String> = idle.absent.iter().map(quote).collect();
    (kind.note_idle)(&files, &stamps, &absent)
}

/// A name, and the variable that holds what it was before.
pub struct Saved {
    name: String,
    old: String,
}

impl Saved {
    /// Takes a name.
    pub fn of(name: &Name) -> Self {
        Self { name: name.to_string(), old: format!("__secrets_old_{name}") }
    }
}
