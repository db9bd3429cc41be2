//! What elvish and PowerShell are told alike: words, which their code takes apart; and what those two and nushell, whose variables
//! of the environment are all plain and exported, have no use for. fish has nothing to hide either.

use crate::base::Name;

use super::Noted;
use super::Saved;

/// [`super::Kind::save`]
pub fn save(Saved { name, .. }: &Saved) -> String {
    format!("save {name};")
}

/// [`super::Kind::restore_exported`]
pub fn back(Saved { name, .. }: &Saved) -> String {
    format!("back {name};")
}

/// [`super::Kind::restore_plain`]
pub fn plain(Saved { name, .. }: &Saved) -> String {
    format!("plain {name};")
}

/// [`super::Kind::forget`]
pub fn forget(Saved { name, .. }: &Saved) -> String {
    format!("forget {name};")
}

/// [`super::Kind::guard`]: their code sees to it itself.
pub fn no_guard(_: &Name) -> (String, &'static str) {
    (String::new(), "")
}

/// [`super::Kind::hide`]
pub fn nothing(_: &Name) -> String {
    String::new()
}

/// [`super::Kind::note_idle`]: they ask at every prompt.
pub fn no_idle(_: &Noted) -> String {
    String::new()
}
