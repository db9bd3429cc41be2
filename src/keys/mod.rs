//! Identities: what they are, where they come from, and which one opens a file.

mod found;
mod identity;
pub mod keychain;
mod keyring;
mod place;
mod plugin;
mod protected;
mod source;
pub mod unlocked;

pub use found::Keys;
pub use identity::Identity;
pub use identity::PUBLIC_KEY;
pub use keyring::Keyring;
pub use place::Tried;
pub use plugin::Word;
pub use protected::Protected;
pub use protected::is_typed_alike;
pub use protected::protect;
pub use source::MayRun;
pub use source::Source;
pub use source::default_identity_path;
