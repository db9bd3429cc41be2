//! A private key that opens files.

use age::secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::sops::Recipient;
use crate::sops::hybrid;

use super::plugin::Held;
use super::protected::Protected;

/// What stands before a recipient in the comment of an identity file, as age's own tools write it.
pub const PUBLIC_KEY: &str = "# public key: ";

/// One private key. No `Debug`, no `Clone`; the library that holds it wipes it.
pub struct Identity(Key);

enum Key {
    Hybrid(hybrid::Identity),
    Ssh(Box<age::ssh::Identity>),
    X25519(age::x25519::Identity),
}

/// What the text of one source holds.
#[derive(Default)]
pub struct Parsed {
    /// The keys that were understood.
    pub identities: Vec<Identity>,
    /// What was passed over, without any part of a key.
    pub skipped: Vec<String>,
    /// The keys that plugins hold.
    pub plugins: Vec<Held>,
    /// What is to be opened first.
    pub protected: Option<Protected>,
}

impl Identity {
    /// Makes a new X25519 identity.
    pub fn generate() -> Self {
        Self(Key::X25519(age::x25519::Identity::generate()))
    }

    /// Makes a new hybrid post-quantum identity.
    ///
    /// # Errors
    /// As [`hybrid::Identity::generate`].
    pub fn generate_hybrid() -> Result<Self> {
        hybrid::Identity::generate().map(|key| Self(Key::Hybrid(key)))
    }

    /// Reads the text of an identity file: one key per line, blank and `#` lines skipped; or one SSH private key.
    pub fn parse_all(text: &[u8]) -> Parsed {
        if let Some(protected) = Protected::file(text).or_else(|| Protected::keychain(text)) {
            return Parsed { protected: Some(protected), ..Parsed::default() };
        }
        if text.starts_with(b"-----BEGIN") {
            return parse_ssh(text);
        }
        let mut parsed = Parsed::default();
        let mut comments: Vec<&str> = Vec::new();
        for (index, line) in text.split(|b| *b == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line = std::str::from_utf8(line).unwrap_or("?");
            if line.is_empty() || line.starts_with('#') {
                comments.push(line);
                continue;
            }
            if let Some(key) = parse_line(line) {
                parsed.identities.push(Self(key));
            } else if let Some(held) = Held::parse(line, &comments) {
                parsed.plugins.push(held);
            } else {
                parsed.skipped.push(format!("line {} is not an identity", index + 1));
            }
            comments.clear();
        }
        parsed
    }

    /// Tells whether it is age's own kind, and not an SSH key.
    pub fn is_native(&self) -> bool {
        matches!(self.0, Key::Hybrid(_) | Key::X25519(_))
    }

    pub(super) fn ssh(key: age::ssh::Identity) -> Self {
        Self(Key::Ssh(Box::new(key)))
    }

    /// Returns the public half as text; `None` for an SSH key whose public half cannot be told.
    pub fn recipient(&self) -> Option<String> {
        match &self.0 {
            Key::Hybrid(key) => Some(key.to_public().to_string()),
            Key::X25519(key) => Some(key.to_public().to_string()),
            Key::Ssh(key) => age::ssh::Recipient::try_from((**key).clone()).ok().map(|key| key.to_string()),
        }
    }

    /// Returns the public half, to seal files to.
    ///
    /// # Errors
    /// `Kind::Failed` for an SSH key whose public half cannot be told.
    pub fn to_recipient(&self) -> Result<Recipient> {
        let text = self.recipient().ok_or_else(|| {
            Error::new(Kind::Failed, "the public half of the identity cannot be told from its private half")
        })?;
        Recipient::parse(&text)
    }

    /// Returns the text of a native key as an identity file holds it, with its recipient in a comment.
    ///
    /// # Errors
    /// `Kind::Bug` for an SSH key, which has a file of its own.
    pub fn to_file(&self, created: impl std::fmt::Display) -> Result<Zeroizing<Vec<u8>>> {
        let (secret, public) = match &self.0 {
            Key::Hybrid(key) => (key.to_text(), key.to_public().to_string()),
            Key::X25519(key) => {
                (Zeroizing::new(key.to_string().expose_secret().to_string()), key.to_public().to_string())
            }
            Key::Ssh(_) => return Err(Error::new(Kind::Bug, "an SSH key is not written as an identity file")),
        };
        let head = format!("# created: {created}\n{PUBLIC_KEY}{public}\n");
        let mut file = Zeroizing::new(Vec::with_capacity(head.len() + secret.len() + 1));
        file.extend_from_slice(head.as_bytes());
        file.extend_from_slice(secret.as_bytes());
        file.push(b'\n');
        Ok(file)
    }

    pub(super) fn as_age(&self) -> &dyn age::Identity {
        match &self.0 {
            Key::Hybrid(key) => key,
            Key::Ssh(key) => key.as_ref(),
            Key::X25519(key) => key,
        }
    }
}

fn parse_line(line: &str) -> Option<Key> {
    line.parse().map(Key::X25519).ok().or_else(|| line.parse().map(Key::Hybrid).ok())
}

fn parse_ssh(text: &[u8]) -> Parsed {
    let skipped = |why: &str| Parsed { skipped: vec![why.to_string()], ..Parsed::default() };
    let Ok(key) = age::ssh::Identity::from_buffer(text, None) else {
        return skipped("it is not an SSH private key");
    };
    let public = age::ssh::Recipient::try_from(key.clone()).ok().map(|key| key.to_string());
    if public.as_ref().is_some_and(|text| text.starts_with("ssh-rsa ")) && !cfg!(feature = "ssh-rsa") {
        return skipped("this build has no `ssh-rsa`");
    }
    match (key, public) {
        (age::ssh::Identity::Encrypted(key), Some(public)) => {
            Parsed { protected: Some(Protected::Ssh(Box::new(key), public)), ..Parsed::default() }
        }
        (key @ age::ssh::Identity::Unencrypted(_), _) => {
            Parsed { identities: vec![Identity::ssh(key)], ..Parsed::default() }
        }
        _ => skipped("it is an SSH key of a type that cannot decrypt"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_skipped_and_never_shown() {
        let identity = Identity::generate();
        let mut text = identity.to_file("now").unwrap().to_vec();
        text.extend_from_slice(b"AGE-SECRET-KEY-1OOPS\r\n");
        let parsed = Identity::parse_all(&text);
        assert_eq!(parsed.identities.len(), 1);
        assert_eq!(parsed.identities[0].recipient(), identity.recipient());
        assert_eq!(parsed.skipped, ["line 4 is not an identity"]);
    }
}
