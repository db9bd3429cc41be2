//! Recipients: whom a data key is wrapped for, in one armored age file each.

use std::io::Write as _;
use std::sync::Arc;

use age::armor::ArmoredWriter;
use age::armor::Format;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;

use super::cipher::DataKey;
use super::hybrid;
use super::metadata::Wrap;
use super::plugin;

/// The public half of an identity: somebody a file can be sealed to.
#[derive(Clone)]
pub struct Recipient {
    label: String,
    key_text: String,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Hybrid(Box<hybrid::Recipient>),
    Plugin(Box<plugin::Recipient>),
    Ssh(age::ssh::Recipient),
    X25519(age::x25519::Recipient),
}

impl Recipient {
    /// Parses `age1…`, `ssh-ed25519 …` or `ssh-rsa …`; an SSH key keeps its comment as part of the label. No plugin is started.
    ///
    /// # Errors
    /// `Kind::Failed` with what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let label = text.trim().to_string();
        let shown = printable(label.as_bytes());
        if label.contains(['\n', '\r']) {
            return Err(Error::new(Kind::Failed, format!("`{shown}` is more than one line")));
        }
        let key = if label.starts_with("ecdsa-") || label.starts_with("sk-") {
            return Err(Error::new(Kind::Failed, format!("`{shown}` is not a recipient"))
                .because("an SSH key of that kind signs, and cannot encrypt")
                .hint("an `ssh-ed25519` or `ssh-rsa` key can"));
        } else if label.starts_with(hybrid::RECIPIENT_PREFIX) {
            Key::Hybrid(Box::new(label.parse().map_err(|why: &str| not_a_recipient(&shown, why))?))
        } else if label.starts_with("ssh-") {
            Key::Ssh(ssh_recipient(&label, &shown)?)
        } else {
            match label.parse() {
                Ok(key) => Key::X25519(key),
                Err(why) => match plugin::Recipient::parse(&label) {
                    Ok(key) => Key::Plugin(Box::new(key)),
                    Err(_) => return Err(not_a_recipient(&shown, why)),
                },
            }
        };
        let key_text = match &key {
            Key::Hybrid(key) => key.to_string(),
            Key::Plugin(key) => key.text().to_string(),
            Key::Ssh(key) => key.to_string(),
            Key::X25519(key) => key.to_string(),
        };
        Ok(Self { label, key_text, key })
    }

    /// Returns the recipient as it was given.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns the key alone, which is what recipients are compared by: for SSH type and key, without the comment.
    pub fn key_text(&self) -> String {
        self.key_text.clone()
    }

    /// Returns the plugin that wraps for it, if it is one's.
    pub fn plugin(&self) -> Option<&str> {
        match &self.key {
            Key::Plugin(key) => Some(key.name()),
            Key::Hybrid(_) | Key::Ssh(_) | Key::X25519(_) => None,
        }
    }

    /// Gives a plugin's recipient what wraps for it, or the reason why nothing does.
    pub fn connect(&mut self, program: Result<Arc<dyn age::Recipient + Send + Sync>>) {
        if let Key::Plugin(key) = &mut self.key {
            key.connect(program);
        }
    }

    /// Wraps the data key.
    ///
    /// # Errors
    /// `Kind::Bug` if age refuses, which it has no reason to; `Kind::Failed` if a plugin does, and why there is none.
    pub(super) fn wrap(&self, key: &DataKey) -> Result<Wrap> {
        let recipient: &dyn age::Recipient = match &self.key {
            Key::Hybrid(key) => key.as_ref(),
            Key::Plugin(key) => key.program()?,
            Key::Ssh(key) => key,
            Key::X25519(key) => key,
        };
        let kind = if self.plugin().is_some() { Kind::Failed } else { Kind::Bug };
        let failed = || Error::new(kind, format!("cannot wrap the data key for {}", short(&self.label)));
        let encryptor =
            age::Encryptor::with_recipients(std::iter::once(recipient)).map_err(|error| failed().because(error))?;
        let write = || -> std::io::Result<Vec<u8>> {
            let armor = ArmoredWriter::wrap_output(Vec::with_capacity(512), Format::AsciiArmor)?;
            let mut writer = encryptor.wrap_output(armor)?;
            writer.write_all(key.expose())?;
            writer.finish()?.finish()
        };
        let armor = write().map_err(|error| failed().because(error))?;
        Ok(Wrap { recipient: self.label.clone(), armor })
    }
}

fn not_a_recipient(shown: &str, why: &str) -> Error {
    Error::new(Kind::Failed, format!("`{shown}` is not a recipient"))
        .because(why)
        .hint("a recipient is `age1…`, `age1pq1…`, `ssh-ed25519 …` or `ssh-rsa …`")
}

/// Returns the key that a label is compared by; a label that is no recipient stands as it is.
pub fn key_of(label: &str) -> String {
    // The text of an X25519 recipient has one spelling, so it is its own key.
    if label.starts_with("age1") {
        return label.trim().to_string();
    }
    Recipient::parse(label).map_or_else(|_| label.to_string(), |recipient| recipient.key_text())
}

/// Returns enough of a recipient to tell it from others in a message: its first characters, or the kind of an SSH key.
pub fn short(label: &str) -> String {
    const SHORT: usize = 12;
    match label.char_indices().nth(SHORT) {
        Some((end, _)) if label.starts_with("age1") => format!("{}…", &label[..end]),
        _ => label.split(' ').next().unwrap_or_default().to_string(),
    }
}

fn ssh_recipient(label: &str, shown: &str) -> Result<age::ssh::Recipient> {
    use age::ssh::ParseRecipientKeyError as Why;
    let why = match label.parse::<age::ssh::Recipient>() {
        Ok(age::ssh::Recipient::SshRsa(..)) if !cfg!(feature = "ssh-rsa") => "this build has no `ssh-rsa`".to_string(),
        Ok(key) => return Ok(key),
        Err(Why::RsaModulusTooLarge) => "its RSA modulus is too large".to_string(),
        Err(Why::RsaModulusTooSmall) => "an RSA key needs 2048 bits".to_string(),
        Err(Why::Unsupported(kind)) => {
            format!("keys of type `{}` cannot encrypt", printable(kind.as_bytes()))
        }
        Err(_) => "it is not an SSH public key".to_string(),
    };
    Err(Error::new(Kind::Failed, format!("`{shown}` cannot be a recipient"))
        .because(why)
        .hint("use an `ssh-ed25519` key, or make an identity with `secrets identity new`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_compared_without_its_comment() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJTRS5O6NRWmTDnGTz4BLWCh8Lyxa8HcEEQg2BgcOjLE";
        let Ok(one) = Recipient::parse(&format!("{key} alice@laptop")) else { return };
        assert_eq!(one.key_text(), key);
        assert_eq!(one.label(), format!("{key} alice@laptop"));
    }

    #[test]
    fn what_is_no_recipient_is_refused() {
        for bad in ["", "age1", "alice", "ssh-dss AAAA", "age1x\nage1y", "AGE-SECRET-KEY-1QQ"] {
            assert!(Recipient::parse(bad).is_err(), "{bad}");
        }
    }
}
