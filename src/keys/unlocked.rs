//! Identities that `identity unlock` opened: on Linux in the kernel's keyring of this user, which forgets them by itself.
//!
//! No process of ours keeps them, and they are on no disk. Every process of this user can read them until then, as it can read
//! an identity file without a passphrase.

use std::path::Path;
use std::path::PathBuf;

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

/// Returns the file whose presence says that every hooked shell is to hold nothing.
pub fn lock_file(state: &Path) -> PathBuf {
    state.join("secrets/locked")
}

/// Returns the file that every `identity unlock` writes anew, so that hooked shells look again.
pub fn unlock_file(state: &Path) -> PathBuf {
    state.join("secrets/unlocked")
}

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
            let refused = Error::new(Kind::Unreachable, "the kernel's keyring does not take the identity");
            match error {
                KeyError::QuotaExceeded => refused
                    .because("it is full: the kernel gives a user so many bytes, 20,000 where nobody changed it")
                    .hint("`keyctl show @u` lists what lies there, and `sysctl kernel.keys.maxbytes` says how much it takes"),
                other => refused
                    .because(format!("{other:?}"))
                    .hint("a container may forbid it; without it the passphrase is asked for by every command"),
            }
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

/// Where the system has no keyring that forgets, the keychain keeps the text with the time when it ends: whoever reads it later
/// takes it away.
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", expect(dead_code, reason = "built here to be checked, used elsewhere"))]
mod elsewhere {
    use std::time::SystemTime;

    use zeroize::Zeroizing;

    use crate::base::Result;
    use crate::base::Value;
    use crate::keys::keychain;
    use crate::keys::keychain::Item;

    pub fn keep(name: &str, text: &[u8], seconds: u32) -> Result<()> {
        keychain::write(&item(name), Value::from(stamped(text, now() + u64::from(seconds))))
    }

    pub fn read(name: &str) -> Option<Zeroizing<Vec<u8>>> {
        let kept = keychain::read_one(&item(name)).ok()??;
        let text = still_valid(kept.expose(), now());
        if text.is_none() {
            let _ = keychain::remove(&item(name));
        }
        text
    }

    pub fn forget(name: &str) -> Result<bool> {
        keychain::remove(&item(name))
    }

    fn item(name: &str) -> Item {
        Item::own("unlocked", name)
    }

    fn now() -> u64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs())
    }

    /// Puts the end, in seconds since 1970, on a line in front.
    pub fn stamped(text: &[u8], until: u64) -> Zeroizing<Vec<u8>> {
        let head = format!("{until}\n");
        let mut stamped = Zeroizing::new(Vec::with_capacity(head.len() + text.len()));
        stamped.extend_from_slice(head.as_bytes());
        stamped.extend_from_slice(text);
        stamped
    }

    /// Returns the text, if its end is not past.
    pub fn still_valid(kept: &[u8], now: u64) -> Option<Zeroizing<Vec<u8>>> {
        let at = kept.iter().position(|b| *b == b'\n')?;
        let until: u64 = std::str::from_utf8(&kept[..at]).ok()?.parse().ok()?;
        (now < until).then(|| Zeroizing::new(kept[at + 1..].to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::elsewhere::stamped;
    use super::elsewhere::still_valid;

    #[test]
    fn a_text_is_valid_until_its_end_and_no_longer() {
        let kept = stamped(b"a\nb", 100);
        assert_eq!(still_valid(&kept, 99).as_deref().map(Vec::as_slice), Some(&b"a\nb"[..]));
        for (kept, now) in [(&kept[..], 100), (&kept[..], u64::MAX), (b"a\nb", 0), (b"", 0), (b"-1\nx", 0), (b"99", 0)]
        {
            assert!(still_valid(kept, now).is_none());
        }
    }
}
