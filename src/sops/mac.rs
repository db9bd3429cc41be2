//! sops' own mac: over the plaintexts in order, and nothing else. Our seal covers the rest.

use sha2::Digest as _;
use sha2::Sha256;
use sha2::Sha512;
use subtle::ConstantTimeEq as _;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Timestamp;

use super::cipher::DataKey;
use super::cipher::Encrypted;
use super::metadata::Metadata;

/// sops' own check: SHA-512 over the plaintexts in file order, without names, lengths or comments.
pub struct SopsMac {
    hash: Sha512,
    only_encrypted: bool,
}

impl SopsMac {
    pub fn new(only_encrypted: bool) -> Self {
        let mut hash = Sha512::new();
        if only_encrypted {
            hash.update(Sha256::digest(b"sops"));
        }
        Self { hash, only_encrypted }
    }

    pub fn feed(&mut self, plain: &[u8], is_encrypted: bool) {
        if is_encrypted || !self.only_encrypted {
            self.hash.update(plain);
        }
    }

    /// Returns the digest as 128 upper-case hex digits.
    fn finish(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// Compares with the mac that stands in the file.
    ///
    /// # Errors
    /// `Kind::Locked` if it does not fit, does not authenticate, or is not there.
    pub fn verify(self, metadata: &Metadata, key: &DataKey) -> Result<()> {
        let mismatch = || {
            Error::new(Kind::Locked, "sops' mac does not fit the values")
                .because("a value was added, removed, moved or changed without the key")
                .hint("compare it with the last commit: `git diff`")
        };
        let stored = Encrypted::parse(&metadata.mac).ok_or_else(mismatch)?;
        let label = label(metadata.last_modified);
        let stored = key.decrypt(&stored, label.as_bytes()).ok_or_else(mismatch)?;
        let fits = stored.expose().ct_eq(self.finish().as_bytes());
        if bool::from(fits) { Ok(()) } else { Err(mismatch()) }
    }

    /// Encrypts the mac as it stands in a file that was written at `last_modified`.
    ///
    /// # Errors
    /// As [`DataKey::encrypt`].
    pub fn encrypt(self, last_modified: Timestamp, key: &DataKey) -> Result<Vec<u8>> {
        let mut encrypted = Vec::new();
        key.encrypt(self.finish().as_bytes(), label(last_modified).as_bytes(), "str", &mut encrypted)?;
        Ok(encrypted)
    }
}

/// What sops' mac is bound to: the time as it prints it, without a colon behind.
fn label(last_modified: Timestamp) -> String {
    last_modified.to_string()
}
