//! The shells: a row of the table and a file of shell code for each.

mod bash;
mod bourne;
pub mod change;
mod elvish;
mod fish;
pub mod idle;
mod nu;
mod pwsh;
pub mod quote;
pub mod state;
pub mod unloaded;
mod words;
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
    /// What its variables can hold.
    pub holds: Holds,
    /// What stands around statements that run only where a name is a plain variable, exported or not.
    pub guard: fn(&Name) -> (String, &'static str),
    /// Keeps the former value of a name in a variable of the shell that no child gets.
    pub save: fn(&Saved) -> String,
    /// What exports a name with the quoted value that follows.
    pub set: fn(&Name) -> String,
    /// What stands behind that value.
    pub set_end: &'static str,
    /// Gives a name back: it was exported before.
    pub restore_exported: fn(&Saved) -> String,
    /// Gives a name back: it was no variable, or one of the shell alone.
    pub restore_plain: fn(&Saved) -> String,
    /// What else is done, behind [`Self::restore_exported`] and inside of the guard, so that no child gets a name that is no
    /// plain variable any more.
    pub hide: fn(&Name) -> String,
    /// Forgets a former value.
    pub forget: fn(&Saved) -> String,
    /// Takes the hook's own variable away.
    pub unset_state: &'static str,
    /// Notes what the shell itself compares at its next prompts.
    pub note_idle: fn(&Noted) -> String,
    /// Notes that it has to ask at the next prompt.
    pub never_idle: &'static str,
}

/// What a shell's variables can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holds {
    /// Any bytes but NUL.
    Bytes,
    /// Text: a value that is not UTF-8 is left out.
    Unicode,
}

/// What a shell compares, quoted by its own rules.
pub struct Noted {
    /// Files that must be as they were.
    pub files: Vec<String>,
    /// The stamp of each.
    pub stamps: Vec<String>,
    /// Files that must not be there.
    pub absent: Vec<String>,
    /// When what is loaded goes by itself, in seconds since 1970; empty for never.
    pub expiry: String,
    /// A file whose time is that moment, for a shell that has no clock; empty for never.
    pub expiry_stamp: String,
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
        out.push_str(self.set_end);
    }
}

/// Every shell that this build knows.
pub const KINDS: &[Kind] = &[bash::KIND, zsh::KIND, fish::KIND, nu::KIND, elvish::KIND, pwsh::KIND];

/// What direnv takes the place of the hook with: a function of its library, in bash.
pub mod direnv {
    /// Its name, beside those of the shells.
    pub const NAME: &str = "direnv";
    /// Where a person puts it.
    pub const INSTALL: &str = "secrets hook direnv >~/.config/direnv/lib/secrets.sh, and `use secrets` in .envrc";
    /// The function, with `@BIN@` where the path of this program goes.
    pub const CODE: &str = include_str!("direnv.bash");
}

/// The variable that holds the hook's state.
pub const STATE: &str = "__SECRETS";
/// What ends the text: a text without it was cut, and nothing of it is evaluated.
pub const END: &str = "\n: end\n";

/// Returns the name of that variable: one like any other.
pub fn state_name() -> Name {
    Name::parse(STATE).expect("it is a legal name")
}

/// Returns the row of a shell.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Returns the statements by which a shell notes what it can compare itself; `None` if it has to ask.
pub fn note_idle(kind: &Kind, idle: Option<&Idle>) -> String {
    let Some(idle) = idle else { return kind.never_idle.to_string() };
    let quote = |path: &PathBuf| kind.quoted(path.as_os_str().as_encoded_bytes());
    let expiry = idle.expiry.as_ref();
    (kind.note_idle)(&Noted {
        files: idle.watched.iter().map(|(file, _)| quote(file)).collect(),
        stamps: idle.watched.iter().map(|(_, stamp)| quote(stamp)).collect(),
        absent: idle.absent.iter().map(quote).collect(),
        expiry: expiry.map_or_else(String::new, |(moment, _)| moment.to_string()),
        expiry_stamp: expiry.map_or_else(String::new, |(_, stamp)| quote(stamp)),
    })
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
