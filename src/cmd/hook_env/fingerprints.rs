//! Fingerprints tell a value that the hook gave from one that a person gave, and hold neither.

use std::path::PathBuf;

use hmac::Hmac;
use hmac::Mac as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::World;
use crate::base::random;
use crate::disk;
use crate::disk::Limit;
use crate::shell::state::Fingerprint;
use crate::shell::state::State;

/// What makes fingerprints.
pub enum Fingerprints<'a> {
    /// The key, which only this user can read.
    Key(Zeroizing<Vec<u8>>),
    /// The key is gone: nothing tells a person's change from ours, and a value that stayed would be worse.
    Lost(Option<&'a State>),
}

impl<'a> Fingerprints<'a> {
    /// Reads the key; `before` is what was marked with it. One that is gone is not made.
    pub fn of(world: &World, before: Option<&'a State>) -> Self {
        match key_path(world).and_then(|path| disk::read(&path, Limit(64))) {
            Ok(key) => Self::Key(key),
            Err(_) => Self::Lost(before),
        }
    }

    /// Makes a key where there is none, and reads it.
    ///
    /// # Errors
    /// `Kind::Failed` where there is no folder for it, or it cannot be written.
    pub fn make(world: &World) -> Result<Self> {
        let path = key_path(world)?;
        if let Some(folder) = path.parent() {
            disk::make_private_folder(folder)?;
        }
        // Another shell may be first.
        let made = disk::write_new(&path, &random::<32>()?, 0o600);
        if !path.exists() {
            made?;
        }
        disk::read(&path, Limit(64)).map(Self::Key)
    }

    /// Tells whether the key is gone.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }

    /// Returns the fingerprint of a value.
    pub fn print(&self, name: &Name, value: &[u8]) -> Fingerprint {
        let key = match self {
            Self::Key(key) => key,
            Self::Lost(before) => {
                let held = before.and_then(|before| before.held.iter().find(|held| held.name == *name));
                return held.map_or_else(|| Fingerprint::of(&[0; 32]), |held| held.fingerprint.clone());
            }
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(value);
        Fingerprint::of(&mac.finalize().into_bytes())
    }
}

fn key_path(world: &World) -> Result<PathBuf> {
    let state = world.folders.state.as_ref();
    let state = state.ok_or_else(|| Error::new(Kind::Failed, "there is no state folder for the hook"))?;
    Ok(state.join("secrets/hook.key"))
}
