//! What is derived from a data key: the seal's key, the commitment, and the proof that one data key follows another.
//!
//! The rules: `docs/format.md`, "Keys" and "Rekey".

use hkdf::Hkdf;
use hmac::Hmac;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::cipher::DataKey;
use super::seal::Place;

/// 32 bytes: a digest, a commitment or a tag.
pub type Bytes32 = [u8; 32];

/// The most proofs that a seal carries, and the most data keys that anybody remembers of a file.
pub const MOST_LINKS: usize = 8;

pub(super) const MAC_INFO: &[u8] = b"secrets/seal/v1/mac";
const COMMIT_INFO: &[u8] = b"secrets/seal/v1/commit";
const LINK_INFO: &[u8] = b"secrets/seal/v1/link";
const MERGE_DOMAIN: &[u8] = b"secrets/seal/v1/merge";

/// Lets its holder vouch for, and check, the data key that replaces the one that it was derived from. Wiped when dropped.
#[derive(Clone)]
pub struct LinkKey(Zeroizing<Bytes32>);

impl LinkKey {
    /// Derives it from a data key.
    pub fn of(key: &DataKey) -> Self {
        Self(derive(key, LINK_INFO))
    }

    /// Takes one that was remembered.
    pub fn from_bytes(bytes: Bytes32) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the bytes, to be remembered in a private place.
    pub fn bytes(&self) -> &Bytes32 {
        &self.0
    }

    /// Makes the proof that at `place` the data key committed to as `new` follows `old`, the one of this link key.
    pub fn tag(&self, place: &Place, old: &Bytes32, new: &Bytes32) -> Bytes32 {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        for part in [LINK_INFO, place.project.as_bytes(), place.path.as_bytes(), place.environment.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.update(old);
        mac.update(new);
        mac.finalize().into_bytes().into()
    }

    /// Tells, in constant time, whether `tag` is that proof.
    pub fn proves(&self, place: &Place, old: &Bytes32, new: &Bytes32, tag: &Bytes32) -> bool {
        bool::from(self.tag(place, old, new).ct_eq(tag))
    }
}

/// Returns the commitment to a data key: public, and different for every key.
pub fn commitment(key: &DataKey) -> Bytes32 {
    *derive(key, COMMIT_INFO)
}

/// Returns what a merge puts in the place of the digest that it replaces: the same for both directions.
pub fn merged_digest(one: &Bytes32, other: &Bytes32) -> Bytes32 {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let mut hash = Sha256::new();
    hash.update((MERGE_DOMAIN.len() as u64).to_be_bytes());
    hash.update(MERGE_DOMAIN);
    hash.update(low);
    hash.update(high);
    hash.finalize().into()
}

pub(super) fn derive(key: &DataKey, info: &[u8]) -> Zeroizing<Bytes32> {
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, key.expose()).expand(info, &mut *out).expect("32 bytes are within HKDF's limit");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hex;

    fn key(from: u8) -> DataKey {
        DataKey::from_bytes(&std::array::from_fn::<u8, 32, _>(|i| from + i as u8)).unwrap()
    }

    #[test]
    fn the_keys_are_those_of_the_vectors() {
        let one = key(0);
        assert_eq!(hex(&commitment(&one)), "bc6eaefb4a9b8c9288994ae36bcdf16dba217e0c2a398f895c300e291b558079");
        assert_eq!(hex(&*derive(&one, MAC_INFO)), "0d5fce6b37f9eed234374e547af480cc7fdc45112bb4ff543c816dc71d5ee0b2");
        assert_eq!(hex(LinkKey::of(&one).bytes()), "08b7898d03b5633320b0bad3b3f656ad24f70937dbd3d44ad629cbb9ab87a206");
    }

    #[test]
    fn the_proof_is_that_of_the_vectors_and_of_no_other_place() {
        let place =
            Place { project: "shop".into(), path: "secrets/development.env".into(), environment: "development".into() };
        let (old, new) = (commitment(&key(0)), commitment(&key(32)));
        let link = LinkKey::of(&key(0));
        let tag = link.tag(&place, &old, &new);
        assert_eq!(hex(&tag), "70b6f18585a4a62e954b724115e2fa3026fb3f56a002f132c27cac9d5a0895e8");
        assert!(link.proves(&place, &old, &new, &tag));
        let elsewhere = Place { path: "secrets/production.env".into(), ..place.clone() };
        assert!(!link.proves(&elsewhere, &old, &new, &tag));
        assert!(!LinkKey::of(&key(32)).proves(&place, &old, &new, &tag));
    }
}
