//! Identities that wait to be opened: an identity file under a passphrase in age's scrypt form (<https://c2sp.org/age>),
//! encrypted SSH keys, and the keychain.

use std::io::Write as _;

use age::armor::ArmoredWriter;
use age::armor::Format;
use age::secrecy::ExposeSecret as _;
use age::secrecy::SecretString;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Value;
use crate::disk::Limit;
use crate::sops::age_file;

use super::identity::Identity;
use super::identity::PUBLIC_KEY;
use super::identity::Parsed;
use super::keychain;
use super::keychain::Item;
use super::place::Asker;

/// What age's own tools take at most: four seconds, four gigabytes.
const MOST_WORK_FACTOR: u8 = 22;
/// What age's own tools write.
const WORK_FACTOR: u8 = 18;
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Identities that something else than reading them opens.
pub enum Protected {
    /// An age file, which a passphrase opens.
    File(Vec<u8>),
    /// An item of the keychain, and the recipients that the file with its reference names.
    Keychain(Item, Vec<String>),
    /// An SSH private key, which a passphrase opens, and its public half.
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

    /// Takes an identity file whose one line leads to the keychain: what `identity new --keychain` writes.
    pub fn keychain(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        let item = Item::of(&Reference::parse(line).ok()?).ok()?;
        let recipients = text.lines().filter_map(|line| line.strip_prefix(PUBLIC_KEY)).map(str::to_string).collect();
        Some(Self::Keychain(item, recipients))
    }

    /// Makes what opens a file; a work factor that no tool of age's writes is refused, since it could stop a machine.
    pub fn identity(passphrase: SecretString) -> age::scrypt::Identity {
        let mut identity = age::scrypt::Identity::new(passphrase);
        identity.set_max_work_factor(MOST_WORK_FACTOR);
        identity
    }

    /// Returns the recipients, as far as they can be told before it is opened.
    pub fn recipients(&self) -> &[String] {
        match self {
            Self::File(_) => &[],
            Self::Keychain(_, recipients) => recipients,
            Self::Ssh(_, recipient) => std::slice::from_ref(recipient),
        }
    }

    /// Tells whether a person is asked for a passphrase.
    pub fn needs_passphrase(&self) -> bool {
        !matches!(self, Self::Keychain(..))
    }

    /// Tells whether it holds age's own kind, and not an SSH key.
    pub fn is_native(&self) -> bool {
        !matches!(self, Self::Ssh(..))
    }

    /// Tells how it is kept.
    pub fn kept(&self) -> &'static str {
        match self {
            Self::File(_) | Self::Ssh(..) => "under a passphrase",
            Self::Keychain(..) => "in the keychain",
        }
    }

    /// Tells whether it could open a file with these recipients.
    pub fn could_open(&self, recipients: &[&str]) -> bool {
        let own = self.recipients();
        own.is_empty() || own.iter().any(|own| recipients.iter().any(|label| label.starts_with(own.as_str())))
    }

    /// Opens it, with a passphrase that is asked for as that of `shown`, or from the keychain.
    ///
    /// # Errors
    /// `Kind::Locked` if the passphrase is wrong or nobody is there to be asked; as [`keychain::read_one`].
    pub fn open(&self, shown: &str, ask: Asker) -> Result<Parsed> {
        let locked = |why: &str| Error::new(Kind::Locked, why);
        if let Self::Keychain(item, _) = self {
            let text = keychain::read_one(item)?.ok_or_else(|| {
                Error::new(Kind::Locked, format!("the keychain has no item `{item}`"))
                    .hint("`secrets identity import` takes a copy of the identity over")
            })?;
            let parsed = Identity::parse_all(text.expose());
            return if parsed.identities.is_empty() && parsed.plugins.is_empty() {
                Err(locked("the item is no identity"))
            } else {
                Ok(parsed)
            };
        }
        let ask = ask.ok_or_else(|| locked("it needs a passphrase"))?;
        let passphrase = ask()
            .secret(&format!("Passphrase of {shown}"))
            .map_err(|error| locked(&format!("it needs a passphrase: {}", error.message())))?;
        self.open_with(&passphrase).ok_or_else(|| locked("the passphrase is wrong"))
    }

    /// Opens what a passphrase opens; `None` if it is wrong.
    pub fn open_with(&self, passphrase: &Value) -> Option<Parsed> {
        let passphrase = secret(passphrase)?;
        match self {
            Self::File(file) => {
                let most = usize::try_from(Limit::IDENTITY.0).unwrap_or(usize::MAX);
                let text = age_file::decrypt(file, &Self::identity(passphrase), most)?;
                Some(Identity::parse_all(&text))
            }
            Self::Keychain(..) => None,
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
