//! Private keys that are taken somewhere else: into a file, a keyring, a safe.

use zeroize::Zeroizing;

use crate::base::Result;

use super::identity::Identity;
use super::plugin::Held;

/// Keys of one or several places.
#[derive(Default)]
pub struct Keys<'a> {
    /// Those of age's own kinds; an SSH key is a file of its own.
    pub identities: Vec<&'a Identity>,
    /// Those that plugins hold.
    pub plugins: Vec<&'a Held>,
}

impl<'a> Keys<'a> {
    /// Takes those that an identity file can hold.
    pub fn of(identities: &'a [Identity], plugins: &'a [Held]) -> Self {
        Self {
            identities: identities.iter().filter(|identity| identity.is_native()).collect(),
            plugins: plugins.iter().collect(),
        }
    }

    /// Takes those of another place too.
    pub fn extend(&mut self, other: Self) {
        self.identities.extend(other.identities);
        self.plugins.extend(other.plugins);
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty() && self.plugins.is_empty()
    }

    /// Returns their recipients, as far as they can be told.
    pub fn recipients(&self) -> Vec<String> {
        let own = self.identities.iter().filter_map(|identity| identity.recipient());
        own.chain(self.plugins.iter().filter_map(|held| held.recipient().map(str::to_string))).collect()
    }

    /// Returns the text of an identity file.
    ///
    /// # Errors
    /// As [`Identity::to_file`].
    pub fn to_file(&self, created: impl std::fmt::Display) -> Result<Zeroizing<Vec<u8>>> {
        let files = self.identities.iter().map(|identity| identity.to_file(&created)).collect::<Result<Vec<_>>>()?;
        let files: Vec<_> = files.into_iter().chain(self.plugins.iter().map(|held| held.to_file())).collect();
        // Growing would leave copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(files.iter().map(|file| file.len()).sum()));
        files.iter().for_each(|file| text.extend_from_slice(file));
        Ok(text)
    }
}
