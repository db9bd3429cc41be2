//! Post-quantum hybrid recipients and identities: ML-KEM-768 with X25519.
//!
//! Source: age's specification, "The mlkem768x25519 recipient type" (<https://c2sp.org/age>): HPKE (RFC 9180) in base mode with
//! X-Wing, HKDF-SHA-256 and ChaCha20-Poly1305. What is committed to git can be stored until X25519 falls.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use age::DecryptError;
use age::EncryptError;
use age_core::format::FILE_KEY_BYTES;
use age_core::format::FileKey;
use age_core::format::Stanza;
use age_core::primitives::bech32_decode;
use age_core::primitives::bech32_encode;
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bech32::Hrp;
use zeroize::Zeroizing;

use crate::base::Result;
use crate::base::random;

use super::hpke::Context;
use super::xwing::KEM_ID;
use super::xwing::PrivateKey;
use super::xwing::PublicKey;
use super::xwing::SEED_BYTES;

/// What a recipient begins with.
pub const RECIPIENT_PREFIX: &str = "age1pq1";

/// The first word of a stanza.
pub const TAG: &str = "mlkem768x25519";

const RECIPIENT_HRP: Hrp = Hrp::parse_unchecked("age1pq");
const IDENTITY_HRP: Hrp = Hrp::parse_unchecked("age-secret-key-pq-");
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
/// What marks recipients that may share one age file.
const LABEL: &str = "postquantum";
/// The file key and the tag of the cipher.
const BODY_BYTES: usize = FILE_KEY_BYTES + 16;

/// A public key.
#[derive(Clone)]
pub struct Recipient(PublicKey);

/// A private key: the seed of both halves, wiped when dropped.
pub struct Identity(Zeroizing<[u8; SEED_BYTES]>);

impl FromStr for Recipient {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let is_ours = |hrp| (hrp == RECIPIENT_HRP).then_some(()).ok_or("it is no post-quantum recipient");
        bech32_decode(
            text,
            |_| "invalid Bech32 encoding",
            is_ours,
            |_, bytes| {
                let bytes: Vec<u8> = bytes.collect();
                PublicKey::parse(&bytes).map(Self).ok_or("it is no post-quantum key")
            },
        )
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32_encode(RECIPIENT_HRP, &self.0.to_bytes()))
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> std::result::Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let (secret, encapsulated) = self
            .0
            .encapsulate()
            .map_err(|error| EncryptError::Io(std::io::Error::other(error.message().to_string())))?;
        let body = Context::new(KEM_ID, &*secret, INFO).seal(file_key.expose_secret());
        let stanza = Stanza { tag: TAG.to_string(), args: vec![BASE64_STANDARD_NO_PAD.encode(encapsulated)], body };
        Ok((vec![stanza], HashSet::from([LABEL.to_string()])))
    }
}

impl FromStr for Identity {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let is_ours = |hrp| (hrp == IDENTITY_HRP).then_some(()).ok_or("it is no post-quantum identity");
        bech32_decode(
            text,
            |_| "invalid Bech32 encoding",
            is_ours,
            |_, bytes| {
                let mut seed = Zeroizing::new([0; SEED_BYTES]);
                let mut count = 0;
                for byte in bytes {
                    *seed.get_mut(count).ok_or("it is too long")? = byte;
                    count += 1;
                }
                if count == SEED_BYTES { Ok(Self(seed)) } else { Err("it is too short") }
            },
        )
    }
}

impl Identity {
    /// Makes a new one.
    ///
    /// # Errors
    /// As [`random`].
    pub fn generate() -> Result<Self> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// Returns the text of the private key, as an identity file holds it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = bech32_encode(IDENTITY_HRP, &*self.0);
        text.make_ascii_uppercase();
        Zeroizing::new(text)
    }

    /// Returns the public half.
    pub fn to_public(&self) -> Recipient {
        Recipient(PrivateKey::expand(&self.0).public().clone())
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<std::result::Result<FileKey, DecryptError>> {
        if stanza.tag != TAG {
            return None;
        }
        let [argument] = stanza.args.as_slice() else { return Some(Err(DecryptError::InvalidHeader)) };
        let encapsulated = BASE64_STANDARD_NO_PAD.decode(argument).ok().filter(|_| stanza.body.len() == BODY_BYTES);
        let secret = encapsulated.and_then(|bytes| PrivateKey::expand(&self.0).decapsulate(&bytes));
        let Some(secret) = secret else { return Some(Err(DecryptError::InvalidHeader)) };
        let opened = Context::new(KEM_ID, &*secret, INFO).open(&stanza.body)?;
        Some(Ok(FileKey::init_with_mut(|key| key.copy_from_slice(&opened))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back_and_a_wrap_opens_for_its_identity_alone() {
        let (own, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let read: Identity = own.to_text().parse().unwrap();
        let recipient: Recipient = own.to_public().to_string().parse().unwrap();
        let file = age::encrypt(&recipient, b"data key").unwrap();
        assert_eq!(age::decrypt(&read, &file).unwrap(), b"data key");
        assert!(age::decrypt(&other, &file).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let text = Identity::generate().unwrap().to_text();
        let public = Identity::generate().unwrap().to_public().to_string();
        for bad in [&text[..text.len() - 1], &text.to_lowercase()[1..], "AGE-SECRET-KEY-PQ-1", &public, ""] {
            assert!(bad.parse::<Identity>().is_err(), "{bad}");
        }
        assert!(public[..public.len() - 1].parse::<Recipient>().is_err());
        assert!(text.parse::<Recipient>().is_err());
    }
}
