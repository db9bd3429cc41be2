//! Identities that `identity unlock` opened: in the kernel's keyring of this user, which forgets them by itself.
//!
//! No process of ours keeps them, and they are on no disk. Every process of this user can read them until then, as it can read
//! an identity file without a passphrase.

use std::path::Path;

use sha2::Digest as _;
use sha2::Sha256;

use crate::base::hex;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::forget;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::keep;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::read;
#[cfg(target_os = "linux")]
pub use linux::forget;
#[cfg(target_os = "linux")]
pub use linux::keep;
#[cfg(target_os = "linux")]
pub use linux::read;

/// The largest text that fits beside others into the quota of a user, 20,000 bytes.
pub const MOST_BYTES: usize = 16 << 10;

/// Returns the name under which the identities of a configuration folder are kept: two of one user, as tests have them, do not
/// share theirs.
pub fn name(config: &Path) -> String {
    let config = config.canonicalize().unwrap_or_else(|_| config.components().collect());
    format!("secrets:identity:{}", hex(&Sha256::digest(config.as_os_str().as_encoded_bytes())[..8]))
}

#[cfg(target_os = "linux")]
mod linux {
    use linux_keyutils::Key;
    use linux_keyutils::KeyError;
    use linux_keyutils::KeyPermissionsBuilder;
    use linux_keyutils::KeyRing;
    use linux_keyutils::KeyRingIdentifier;
    use linux_keyutils::Permission;
    use zeroize::Zeroizing;

    use crate::base::Error;
    use crate::base::Kind;
    use crate::base::Result;

    /// Keeps a text for so many seconds.
    ///
    /// # Errors
    /// `Kind::Unreachable` if the kernel has no keyring for this user, or it is full.
    pub fn keep(name: &str, text: &[u8], seconds: u32) -> Result<()> {
        let refused = |error: KeyError| {
            Error::new(Kind::Unreachable, "the kernel's keyring does not take the identity")
                .because(format!("{error:?}"))
                .hint("a container may forbid it; without it the passphrase is asked for by every command")
        };
        let keep = || {
            // This process possesses what lies in its own keyring, and so may set who reads it and when it ends; the user's
            // keyring is often reached without being possessed: in containers, under systemd, over SSH.
            let own = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
            let users = KeyRing::from_special_id(KeyRingIdentifier::User, true)?;
            let key = own.add_key(name, text)?;
            key.set_timeout(usize::try_from(seconds).unwrap_or(usize::MAX))?;
            let user = Permission::VIEW | Permission::READ | Permission::SEARCH | Permission::SETATTR;
            key.set_perms(KeyPermissionsBuilder::builder().posessor(Permission::ALL).user(user).build())?;
            forget(name)?;
            users.link_key(key)
        };
        keep().map_err(refused)
    }

    /// Returns what is kept; `None` if nothing is, or it expired.
    pub fn read(name: &str) -> Option<Zeroizing<Vec<u8>>> {
        find(name)?.read_to_vec().ok().map(Zeroizing::new)
    }

    /// Takes it away; returns whether there was something.
    pub fn forget(name: &str) -> std::result::Result<bool, KeyError> {
        let users = KeyRing::from_special_id(KeyRingIdentifier::User, true)?;
        let is_gone =
            |error: &KeyError| matches!(error, KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked);
        let key = match users.search(name) {
            Ok(key) => key,
            Err(error) if is_gone(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        // Whoever reads at this moment finds nothing any more; the place is given back by the unlinking.
        let revoked = key.revoke().or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) });
        users.unlink_key(key).or(revoked)?;
        Ok(true)
    }

    fn find(name: &str) -> Option<Key> {
        KeyRing::from_special_id(KeyRingIdentifier::User, false).ok()?.search(name).ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use zeroize::Zeroizing;

    use crate::base::Error;
    use crate::base::Kind;
    use crate::base::Result;

    pub fn keep(_name: &str, _text: &[u8], _seconds: u32) -> Result<()> {
        Err(Error::new(Kind::Unreachable, "this system has no place that forgets an identity by itself"))
    }

    pub fn read(_name: &str) -> Option<Zeroizing<Vec<u8>>> {
        None
    }

    pub fn forget(_name: &str) -> std::result::Result<bool, std::convert::Infallible> {
        Ok(false)
    }
}
