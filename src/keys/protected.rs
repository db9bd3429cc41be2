//! Identities under a passphrase: an identity file in age's scrypt form (<https://c2sp.org/age>), and encrypted SSH keys.

use std::io::Write as _;

use age::armor::ArmoredWriter;
use age::armor::Format;
use age::secrecy::ExposeSecret as _;
use age::secrecy::SecretString;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Value;
use crate::disk::Limit;
use crate::sops::age_file;

use super::identity::Identity;
use super::identity::Parsed;

/// What age's own tools take at most: four seconds, four gigabytes.
const MOST_WORK_FACTOR: u8 = 22;
/// What age's own tools write.
const WORK_FACTOR: u8 = 18;
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Identities that a passphrase opens.
pub enum Protected {
    /// An age file.
    File(Vec<u8>),
    /// An SSH private key, and its public half.
    Ssh(Box<age::ssh::EncryptedKey>, String),
}

impl Protected {
    /// Takes an age file, armored or not; `None` for any other text, one that is damaged, or one that no passphrase opens.
    pub fn file(text: &[u8]) -> Option<Self> {
        let is_age = text.starts_with(b"age-encryption.org/") || text.trim_ascii().starts_with(ARMOR);
        let file = is_age.then(|| age_file::without_armor(text)).flatten()?;
        let is_scrypt = file.split(|b| *b == b'\n').nth(1).is_some_and(|line| line.starts_with(b"-> scrypt "));
        is_scrypt.then_some(Self::File(file))
    }

    /// Makes what opens a file; a work factor that no tool of age's writes is refused, since it could stop a machine.
    pub fn identity(passphrase: SecretString) -> age::scrypt::Identity {
        let mut identity = age::scrypt::Identity::new(passphrase);
        identity.set_max_work_factor(MOST_WORK_FACTOR);
        identity
    }

    /// Returns the recipient, where it can be told without the passphrase.
    pub fn recipient(&self) -> Option<&str> {
        match self {
            Self::File(_) => None,
            Self::Ssh(_, recipient) => Some(recipient),
        }
    }

    /// Tells whether it could open a file with these recipients.
    pub fn could_open(&self, recipients: &[&str]) -> bool {
        self.recipient().is_none_or(|own| recipients.iter().any(|label| label.starts_with(own)))
    }

    /// Opens it; `None` if the passphrase is wrong.
    pub fn open(&self, passphrase: &Value) -> Option<Parsed> {
        let passphrase = secret(passphrase)?;
        match self {
            Self::File(file) => {
                let most = usize::try_from(Limit::IDENTITY.0).unwrap_or(usize::MAX);
                let text = age_file::decrypt(file, &Self::identity(passphrase), most)?;
                Some(Identity::parse_all(&text))
            }
            Self::Ssh(key, _) => {
                let key = age::ssh::Identity::from(key.decrypt(passphrase).ok()?);
                Some(Parsed { identities: vec![Identity::ssh(key)], ..Parsed::default() })
            }
        }
    }
}

/// Encrypts the text of an identity file under a passphrase; returns an armored age file.
///
/// # Errors
/// `Kind::Failed` if the passphrase is no text; `Kind::Bug` if age refuses, which it has no reason to.
pub fn protect(text: &[u8], passphrase: &Value) -> Result<Zeroizing<Vec<u8>>> {
    let passphrase = secret(passphrase).ok_or_else(|| Error::new(Kind::Failed, "the passphrase is not UTF-8"))?;
    let failed = || Error::new(Kind::Bug, "cannot encrypt the identity");
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(WORK_FACTOR);
    let recipient: &dyn age::Recipient = &recipient;
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(recipient)).map_err(|error| failed().because(error))?;
    let write = || -> std::io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(text)?;
        writer.finish()?.finish()
    };
    write().map(Zeroizing::new).map_err(|error| failed().because(error))
}

/// Tells whether a passphrase is text without control characters: others are lost on the way from some keyboards.
pub fn is_typed_alike(passphrase: &Value) -> bool {
    secret(passphrase).is_some_and(|text| !text.expose_secret().chars().any(char::is_control))
}

fn secret(passphrase: &Value) -> Option<SecretString> {
    std::str::from_utf8(passphrase.expose()).ok().map(|text| SecretString::from(text.to_string()))
}
