//! Recipients of age plugins (<https://c2sp.org/age-plugin>): their names, and the seam to the program that knows them.

use std::sync::Arc;

use age_core::primitives::bech32_decode;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

use super::recipient::short;

/// What every recipient begins with; a plugin's goes on with its name.
const PREFIX: &str = "age1";
/// The longest name that a program may have.
const LONGEST: usize = 64;

/// Somebody a file can be sealed to with the help of a plugin.
#[derive(Clone)]
pub struct Recipient {
    name: String,
    text: String,
    /// What wraps for it, or why nothing does.
    program: std::result::Result<Arc<dyn age::Recipient + Send + Sync>, Arc<Error>>,
}

impl Recipient {
    /// Reads `age1NAME1…`; nothing is started.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> std::result::Result<Self, &'static str> {
        let hrp =
            |hrp: bech32::Hrp| hrp.as_str().strip_prefix(PREFIX).map(str::to_string).ok_or("it is of another kind");
        let name =
            bech32_decode(text, |_| "invalid Bech32 encoding", |found| hrp(found).map(|_| ()), |found, _| hrp(found))?;
        if !is_legal(&name) || text != text.to_ascii_lowercase() {
            return Err("it names no plugin that there can be");
        }
        let missing = Error::new(Kind::Refused, format!("`age-plugin-{name}` was not looked for"));
        Ok(Self { name, text: text.to_string(), program: Err(Arc::new(missing)) })
    }

    /// Returns the plugin's name, of which the program's is `age-plugin-NAME`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the recipient as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes what wraps for it, or the reason why nothing does, which is told when it is needed.
    pub fn connect(&mut self, program: Result<Arc<dyn age::Recipient + Send + Sync>>) {
        self.program = program.map_err(Arc::new);
    }

    /// Returns what wraps for it.
    ///
    /// # Errors
    /// Why there is nothing.
    pub fn program(&self) -> Result<&(dyn age::Recipient + Send + Sync)> {
        self.program
            .as_deref()
            .map_err(|why| why.again().in_front(format!("nothing wraps for {}: ", short(&self.text))))
    }
}

/// Tells whether a plugin may have a name: letters, digits and `+-._` (the specification), and no way to another folder.
pub fn is_legal(name: &str) -> bool {
    let is_right = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'_');
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    begins && name.len() <= LONGEST && name.bytes().all(is_right)
}

/// Tells whether a label is that of a recipient of this plugin.
pub fn is_of(label: &str, name: &str) -> bool {
    label.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with('1'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_no_names() {
        for good in ["yubikey", "se", "a-b_c.d+e", "2fa"] {
            assert!(is_legal(good), "{good}");
        }
        for bad in
            ["", ".", "..", "../x", "a/b", "/x", "-x", "_x", "A", "a b", "a\0", "a\nb", "é", "a;b", "$(x)", "a:b", "~"]
        {
            assert!(!is_legal(bad), "{bad:?}");
        }
        assert!(!is_legal(&"a".repeat(65)));
    }

    #[test]
    fn a_label_belongs_to_one_plugin() {
        assert!(is_of("age1yubikey1qqq", "yubikey"));
        assert!(
            !is_of("age1yubikey2qqq", "yubikey") && !is_of("age1qqq", "yubikey") && !is_of("age1yubi1x", "yubikey")
        );
    }
}
