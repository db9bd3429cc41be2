//! HPKE in base mode for one message, with HKDF-SHA-256 and ChaCha20-Poly1305 (RFC 9180, sections 5.1 and 6.1).

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::aead::KeyInit as _;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

const HKDF_SHA256: u16 = 1;
const CHACHA20_POLY1305: u16 = 3;
const MODE_BASE: u8 = 0;

/// The key and nonce of the one message that a shared secret encrypts.
pub struct Context {
    cipher: ChaCha20Poly1305,
    nonce: [u8; 12],
}

impl Context {
    /// Derives the context from the secret of a KEM.
    pub fn new(kem: u16, shared_secret: &[u8], info: &[u8]) -> Self {
        let suite =
            [b"HPKE".as_slice(), &kem.to_be_bytes(), &HKDF_SHA256.to_be_bytes(), &CHACHA20_POLY1305.to_be_bytes()];
        let suite = suite.concat();
        let extract = |salt: &[u8], label: &[u8], input: &[u8]| {
            let labeled = Zeroizing::new([b"HPKE-v1", suite.as_slice(), label, input].concat());
            Hkdf::<Sha256>::extract(Some(salt), &labeled)
        };
        let (psk_id_hash, _) = extract(b"", b"psk_id_hash", b"");
        let (info_hash, _) = extract(b"", b"info_hash", info);
        let schedule = [&[MODE_BASE], psk_id_hash.as_slice(), &info_hash].concat();
        let (_, secret) = extract(shared_secret, b"secret", b"");
        let expand = |label: &[u8], out: &mut [u8]| {
            let length = u16::try_from(out.len()).expect("a key is short").to_be_bytes();
            let labeled = [&length, b"HPKE-v1".as_slice(), &suite, label, &schedule].concat();
            secret.expand(&labeled, out).expect("a key is short");
        };
        let (mut key, mut nonce) = (Zeroizing::new([0; 32]), [0; 12]);
        expand(b"key", &mut *key);
        expand(b"base_nonce", &mut nonce);
        Self { cipher: ChaCha20Poly1305::new((&*key).into()), nonce }
    }

    /// Encrypts the message.
    pub fn seal(&self, message: &[u8]) -> Vec<u8> {
        self.cipher.encrypt((&self.nonce).into(), message).expect("a message is short")
    }

    /// Decrypts the message; `None` if it was encrypted under another secret, or changed.
    pub fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.cipher.decrypt((&self.nonce).into(), sealed).ok().map(Zeroizing::new)
    }
}
