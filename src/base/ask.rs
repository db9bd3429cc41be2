//! What a lower room may ask a person.

use super::Result;
use super::Value;

/// Questions on the terminal; the answer never passes through stdin.
pub trait Ask {
    /// Asks for a value without showing it.
    ///
    /// # Errors
    /// `Kind::Failed` if there is no terminal to ask on.
    fn secret(&mut self, question: &str) -> Result<Value>;

    /// Shows a line to the person at the terminal, if there is one.
    fn tell(&mut self, text: &str);

    /// Asks yes or no; an empty answer is `default`.
    ///
    /// # Errors
    /// `Kind::Failed` if there is no terminal to ask on.
    fn confirm(&mut self, question: &str, default: bool) -> Result<bool>;

    /// Asks for one of several words, each by its first letter; returns its place.
    ///
    /// # Errors
    /// `Kind::Failed` if there is no terminal to ask on.
    fn choose(&mut self, question: &str, words: &[&str]) -> Result<usize>;
}
