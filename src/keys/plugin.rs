//! Age plugins (<https://c2sp.org/age-plugin>): programs `age-plugin-NAME` that hold keys which never leave a device.
//!
//! Which program is started is decided here and not by age: only in absolute folders of `PATH` that belong to root or this
//! user, outside the project, and only after a person allowed it. Held by tests/it/identity/plugin/tricks.rs.

mod program;
mod programs;
mod talk;

use age_core::primitives::bech32_decode;
use zeroize::Zeroizing;

use crate::sops::Recipient;
use crate::sops::plugin::is_legal;
use crate::sops::plugin::is_of;

use super::identity::PUBLIC_KEY;

pub use program::Program;
pub use programs::Finder;
pub use programs::Programs;
pub use programs::Word;
pub use talk::Opener;
pub use talk::Wrapper;

const PREFIX: &str = "AGE-PLUGIN-";

/// An identity of a plugin, as an identity file has it: what the plugin needs to find the key.
pub struct Held {
    name: String,
    text: Zeroizing<String>,
    recipient: Option<String>,
}

impl Held {
    /// Reads a line; `comments` are those above it, in which plugins write the recipient.
    pub fn parse(line: &str, comments: &[&str]) -> Option<Self> {
        let name_of = |hrp: bech32::Hrp| {
            let upper = hrp.as_str().to_ascii_uppercase();
            let name = upper.strip_prefix(PREFIX)?.strip_suffix('-')?.to_ascii_lowercase();
            is_legal(&name).then_some(name)
        };
        let decoded =
            bech32_decode(line, |_| (), |hrp| name_of(hrp).map(|_| ()).ok_or(()), |hrp, _| name_of(hrp).ok_or(()));
        let name = decoded.ok()?;
        // Some write one of another kind, which the plugin opens all the same.
        let mut words = comments.iter().flat_map(|comment| comment.split_whitespace());
        let recipient =
            words.rfind(|word| word.starts_with("age1") && Recipient::parse(word).is_ok()).map(str::to_string);
        Some(Self { name, text: Zeroizing::new(line.to_string()), recipient })
    }

    /// Returns the plugin's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the recipient, if the file tells it.
    pub fn recipient(&self) -> Option<&str> {
        self.recipient.as_deref()
    }

    /// Returns the lines of an identity file.
    pub fn to_file(&self) -> Zeroizing<Vec<u8>> {
        let comment = self.recipient.as_ref().map(|recipient| format!("{PUBLIC_KEY}{recipient}\n")).unwrap_or_default();
        Zeroizing::new([comment.as_bytes(), self.text.as_bytes(), b"\n"].concat())
    }

    /// Returns the text that the plugin gets.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether it could open a wrap that is labelled so.
    pub fn could_open(&self, label: &str) -> bool {
        match &self.recipient {
            Some(own) => label == own,
            None => is_of(label, &self.name),
        }
    }
}
