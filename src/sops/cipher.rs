//! One value in a sealed file: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.

use aes_gcm::AesGcm;
use aes_gcm::KeyInit as _;
use aes_gcm::aead::AeadInPlace as _;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::consts::U16;
use aes_gcm::aead::consts::U32;
use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aes::Aes256;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memchr;
use memchr::memrchr;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Value;
use crate::base::random;

/// The bytes of an IV that sops writes, and the only length that the strict reader takes.
pub(super) const IV_LENGTH: usize = 32;
/// The bytes of a tag.
pub(super) const TAG_LENGTH: usize = 16;
const HEAD: &[u8] = b"ENC[AES256_GCM,data:";

/// The 32 bytes that encrypt one file's values. Wiped when dropped; no `Debug`, no copy.
pub struct DataKey {
    bytes: Zeroizing<[u8; 32]>,
    cipher: AesGcm<Aes256, U32>,
}

impl DataKey {
    /// Makes a new random key.
    ///
    /// # Errors
    /// As [`random`].
    pub fn generate() -> Result<Self> {
        Ok(Self::from(Zeroizing::new(random()?)))
    }

    /// Takes the bytes that were wrapped for a recipient.
    ///
    /// # Errors
    /// `Kind::Refused` (rule `key-length`) if they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let Ok(bytes) = <[u8; 32]>::try_from(bytes) else {
            let length = bytes.len();
            return Err(
                Error::new(Kind::Refused, format!("the data key has {length} bytes instead of 32")).rule("key-length")
            );
        };
        Ok(Self::from(Zeroizing::new(bytes)))
    }

    /// Copies the key, to open another version that has it.
    pub fn duplicate(&self) -> Self {
        Self::from(self.bytes.clone())
    }

    /// Returns the bytes, to be wrapped or derived from.
    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Encrypts `plain` and appends the text to `out`; the empty string stays the empty string.
    ///
    /// # Errors
    /// As [`random`].
    pub(super) fn encrypt(&self, plain: &[u8], label: &[u8], kind: &str, out: &mut Vec<u8>) -> Result<()> {
        if plain.is_empty() {
            return Ok(());
        }
        let iv: [u8; IV_LENGTH] = random()?;
        let mut data = Zeroizing::new(plain.to_vec());
        let tag = self
            .cipher
            .encrypt_in_place_detached(GenericArray::from_slice(&iv), label, &mut data)
            .map_err(|_| Error::new(Kind::Failed, "a value is too long to encrypt"))?;
        out.extend_from_slice(HEAD);
        append_base64(&data, out);
        out.extend_from_slice(b",iv:");
        append_base64(&iv, out);
        out.extend_from_slice(b",tag:");
        append_base64(&tag, out);
        out.extend_from_slice(b",type:");
        out.extend_from_slice(kind.as_bytes());
        out.push(b']');
        Ok(())
    }

    /// Decrypts a value; `None` if it does not authenticate under `label`.
    pub(super) fn decrypt(&self, value: &Encrypted<'_>, label: &[u8]) -> Option<Value> {
        let mut plain = Zeroizing::new(value.data()?);
        let mut iv = [0; 64];
        let iv_length = decode_slice(value.iv, &mut iv)?;
        let iv = &iv[..iv_length];
        let mut tag = [0; 64];
        let tag_length = decode_slice(value.tag, &mut tag)?;
        // sops joins ciphertext and tag before it opens them, so the border between the two is free.
        let tag: [u8; TAG_LENGTH] = if tag_length == TAG_LENGTH {
            tag[..TAG_LENGTH].try_into().ok()?
        } else {
            plain.extend_from_slice(&tag[..tag_length]);
            let cut = plain.len().checked_sub(TAG_LENGTH)?;
            plain.split_off(cut).try_into().ok()?
        };
        let tag = GenericArray::from_slice(&tag);
        let opened = match iv.len() {
            IV_LENGTH => self.cipher.decrypt_in_place_detached(GenericArray::from_slice(iv), label, &mut plain, tag),
            16 => {
                let cipher = AesGcm::<Aes256, U16>::new(GenericArray::from_slice(&*self.bytes));
                cipher.decrypt_in_place_detached(GenericArray::from_slice(iv), label, &mut plain, tag)
            }
            12 => {
                let cipher = AesGcm::<Aes256, U12>::new(GenericArray::from_slice(&*self.bytes));
                cipher.decrypt_in_place_detached(GenericArray::from_slice(iv), label, &mut plain, tag)
            }
            _ => return None,
        };
        opened.is_ok().then(|| Value::from(plain))
    }
}

impl From<Zeroizing<[u8; 32]>> for DataKey {
    fn from(bytes: Zeroizing<[u8; 32]>) -> Self {
        let cipher = AesGcm::new(GenericArray::from_slice(&*bytes));
        Self { bytes, cipher }
    }
}

/// The parts of an encrypted value, still in base64.
pub struct Encrypted<'a> {
    data: &'a [u8],
    iv: &'a [u8],
    tag: &'a [u8],
    /// What the plaintext is: `str`, `comment`, `int` … sops does not authenticate it.
    pub kind: &'a [u8],
    /// Whether nothing follows the closing bracket.
    pub is_exact: bool,
}

impl<'a> Encrypted<'a> {
    /// Takes a value apart; `None` if it is not in the encrypted form at all.
    ///
    /// Like sops' reader it takes text after the closing bracket; [`Self::is_exact`] tells.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let body = text.strip_prefix(HEAD)?;
        let end = memrchr(b']', body)?;
        let is_exact = end + 1 == body.len();
        let (data, rest) = cut_at_comma(&body[..end])?;
        let (iv, rest) = cut_at_comma(rest.strip_prefix(b"iv:")?)?;
        let (tag, rest) = cut_at_comma(rest.strip_prefix(b"tag:")?)?;
        let kind = rest.strip_prefix(b"type:")?;
        let whole = ![data, iv, tag, kind].iter().any(|part| part.is_empty());
        whole.then_some(Self { data, iv, tag, kind, is_exact })
    }

    /// Tells whether a text begins like an encrypted value.
    pub fn is_meant(text: &[u8]) -> bool {
        text.starts_with(b"ENC[")
    }

    /// Returns the lengths of IV and tag in bytes; `None` if any part is not base64 in its one spelling.
    pub fn lengths(&self) -> Option<(usize, usize)> {
        base64_length(self.data)?;
        Some((base64_length(self.iv)?, base64_length(self.tag)?))
    }

    fn data(&self) -> Option<Vec<u8>> {
        // Sized once: the buffer becomes the plaintext, and growing would leave a copy behind.
        let mut out = Vec::with_capacity(self.data.len() / 4 * 3 + 2 * TAG_LENGTH);
        BASE64_STANDARD.decode_vec(self.data, &mut out).ok()?;
        Some(out)
    }
}

fn cut_at_comma(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(b',', text)?;
    Some((&text[..at], &text[at + 1..]))
}

fn decode_slice(text: &[u8], buffer: &mut [u8; 64]) -> Option<usize> {
    BASE64_STANDARD.decode_slice(text, buffer).ok()
}

/// Returns how many bytes a text decodes to, without decoding it; `None` if it is not base64 with padding and clear unused
/// bits. Each value of a file passes here before any key is at hand.
fn base64_length(text: &[u8]) -> Option<usize> {
    const IN_ALPHABET: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            let b = byte as u8;
            table[byte] = b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
            byte += 1;
        }
        table
    };
    let last = text.len().checked_sub(4).filter(|_| text.len().is_multiple_of(4))?;
    let is_plain = text[..last].iter().fold(true, |plain, byte| plain & IN_ALPHABET[usize::from(*byte)]);
    let end = BASE64_STANDARD.decode_slice(&text[last..], &mut [0; 3]).ok()?;
    is_plain.then_some(last / 4 * 3 + end)
}

fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    out.resize(from + bytes.len().div_ceil(3) * 4, 0);
    let written = BASE64_STANDARD.encode_slice(bytes, &mut out[from..]).expect("the buffer has the encoded length");
    debug_assert_eq!(from + written, out.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> DataKey {
        DataKey::from_bytes(&[7; 32]).unwrap()
    }

    #[test]
    fn what_was_encrypted_opens_under_its_label_only() {
        let mut text = Vec::new();
        key().encrypt(b"hunter2", b"KEY:", "str", &mut text).unwrap();
        let value = Encrypted::parse(&text).unwrap();
        assert!(value.is_exact);
        assert_eq!(value.lengths(), Some((32, 16)));
        assert_eq!(key().decrypt(&value, b"KEY:").unwrap().expose(), b"hunter2");
        assert!(key().decrypt(&value, b"OTHER:").is_none());
        assert!(DataKey::from_bytes(&[8; 32]).unwrap().decrypt(&value, b"KEY:").is_none());
    }

    #[test]
    fn the_same_value_gets_a_fresh_iv_each_time() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..2_000 {
            let mut text = Vec::new();
            key().encrypt(b"x", b"K:", "str", &mut text).unwrap();
            assert!(seen.insert(Encrypted::parse(&text).unwrap().iv.to_vec()));
        }
    }

    #[test]
    fn the_empty_string_is_never_encrypted() {
        let mut text = Vec::new();
        key().encrypt(b"", b"K:", "str", &mut text).unwrap();
        assert!(text.is_empty());
        assert!(Encrypted::parse(b"ENC[AES256_GCM,data:,iv:AA==,tag:AA==,type:str]").is_none());
    }

    #[test]
    fn base64_has_one_spelling() {
        for (text, want) in [
            (&b"QUJD"[..], Some(3)),
            (b"QUJDQUI=", Some(5)),
            (b"QQ==", Some(1)),
            (b"QR==", None),
            (b"QQ=", None),
            (b"QQ", None),
            (b"Q-_D", None),
            (b"QQ==QUJD", None),
            (b"QUJD\n", None),
            (b"", None),
        ] {
            assert_eq!(base64_length(text), want, "{}", String::from_utf8_lossy(text));
        }
    }
}
