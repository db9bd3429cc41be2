//! X-Wing: a key encapsulation that holds as long as one of ML-KEM-768 (FIPS 203) and X25519 (RFC 7748) does.
//!
//! Source: draft-connolly-cfrg-xwing-kem, section 5; HPKE knows it as 0x647a. Newer releases of the `hpke` crate have it, on
//! another `ml-kem` than the one that `age` is bound to, and cargo links one of them.

use ml_kem::EncapsulateDeterministic as _;
use ml_kem::Encoded;
use ml_kem::EncodedSizeUser as _;
use ml_kem::KemCore as _;
use ml_kem::MlKem768;
use ml_kem::kem::Decapsulate as _;
use sha3::Digest as _;
use sha3::Sha3_256;
use sha3::Shake256;
use sha3::digest::ExtendableOutput as _;
use sha3::digest::Update as _;
use x25519_dalek::X25519_BASEPOINT_BYTES;
use x25519_dalek::x25519;
use zeroize::Zeroize as _;
use zeroize::Zeroizing;

use crate::base::Result;
use crate::base::random;

/// HPKE's number of this KEM.
pub const KEM_ID: u16 = 0x647a;
pub const SEED_BYTES: usize = 32;

const LABEL: &[u8] = br"\.//^\";
const SHARE_BYTES: usize = 32;
const PUBLIC_BYTES: usize = 1184 + SHARE_BYTES;
const ENCAPSULATED_BYTES: usize = 1088 + SHARE_BYTES;

type MlPrivate = <MlKem768 as ml_kem::KemCore>::DecapsulationKey;
type MlPublic = <MlKem768 as ml_kem::KemCore>::EncapsulationKey;

pub type SharedSecret = Zeroizing<[u8; 32]>;

/// A public key.
#[derive(Clone)]
pub struct PublicKey {
    ml: MlPublic,
    share: [u8; SHARE_BYTES],
}

/// A private key, expanded from its seed.
pub struct PrivateKey {
    ml: MlPrivate,
    scalar: Zeroizing<[u8; SHARE_BYTES]>,
    public: PublicKey,
}

impl PublicKey {
    /// Reads a key; `None` if it is none: another length, a number that is not reduced (FIPS 203, 7.2), a share of low order.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; PUBLIC_BYTES] = bytes.try_into().ok()?;
        let (ml_bytes, share) = bytes.split_last_chunk::<SHARE_BYTES>()?;
        let ml = MlPublic::from_bytes(&Encoded::<MlPublic>::try_from(ml_bytes).ok()?);
        let is_reduced = ml.as_bytes().as_slice() == ml_bytes;
        (is_reduced && !has_low_order(share)).then_some(Self { ml, share: *share })
    }

    /// Returns the bytes of the key.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.ml.as_bytes().as_slice(), &self.share].concat()
    }

    /// Makes a secret for the holder of the private key; returns it, and what he needs to find it.
    ///
    /// # Errors
    /// As [`random`].
    pub fn encapsulate(&self) -> Result<(SharedSecret, Vec<u8>)> {
        let (scalar, message) = (Zeroizing::new(random::<SHARE_BYTES>()?), Zeroizing::new(random::<32>()?));
        let (ml_share, mut ml_secret) =
            self.ml.encapsulate_deterministic(&(*message).into()).expect("it fails for no key that was parsed");
        let share = x25519(*scalar, X25519_BASEPOINT_BYTES);
        let secret = Zeroizing::new(x25519(*scalar, self.share));
        let combined = combine(&ml_secret, &*secret, &share, &self.share);
        ml_secret.as_mut_slice().zeroize();
        Ok((combined, [ml_share.as_slice(), &share].concat()))
    }
}

impl PrivateKey {
    /// Expands a seed.
    pub fn expand(seed: &[u8; SEED_BYTES]) -> Self {
        let mut expanded = Zeroizing::new([0; 96]);
        Shake256::default().chain(seed).finalize_xof_into(&mut *expanded);
        let part = |at: usize| {
            let mut part = Zeroizing::new([0; 32]);
            part.copy_from_slice(&expanded[at..at + 32]);
            part
        };
        let (ml, ml_public) = MlKem768::generate_deterministic(&(*part(0)).into(), &(*part(32)).into());
        let scalar = part(64);
        let share = x25519(*scalar, X25519_BASEPOINT_BYTES);
        Self { ml, scalar, public: PublicKey { ml: ml_public, share } }
    }

    /// Returns the public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Finds the secret that [`PublicKey::encapsulate`] made; another one if it was made for somebody else. `None` if these
    /// bytes are no encapsulated key.
    pub fn decapsulate(&self, encapsulated: &[u8]) -> Option<SharedSecret> {
        let bytes: &[u8; ENCAPSULATED_BYTES] = encapsulated.try_into().ok()?;
        let (ml_share, share) = bytes.split_last_chunk::<SHARE_BYTES>()?;
        if has_low_order(share) {
            return None;
        }
        let mut ml_secret = self.ml.decapsulate(&ml_share.try_into().ok()?).ok()?;
        let secret = Zeroizing::new(x25519(*self.scalar, *share));
        let combined = combine(&ml_secret, &*secret, share, &self.public.share);
        ml_secret.as_mut_slice().zeroize();
        Some(combined)
    }
}

fn combine(ml_secret: &[u8], secret: &[u8], share: &[u8], public_share: &[u8]) -> SharedSecret {
    let hash = Sha3_256::new().chain(ml_secret).chain(secret).chain(share).chain(public_share).chain(LABEL);
    Zeroizing::new(hash.finalize().into())
}

/// Tells whether a share makes every secret zero, whoever's: X-Wing itself does not look, and age forbids it.
fn has_low_order(share: &[u8; SHARE_BYTES]) -> bool {
    x25519([1; SHARE_BYTES], *share) == [0; SHARE_BYTES]
}
