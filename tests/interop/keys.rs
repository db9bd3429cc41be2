//! Identities for one scene.

use age::secrecy::ExposeSecret as _;

use super::needs::needs;
use super::place::Place;

/// A key pair of age, or of ssh.
pub struct Key {
    pub recipient: String,
    /// The text of an identity file, or of an SSH private key.
    pub secret: String,
}

impl Key {
    /// Makes an X25519 key.
    pub fn new() -> Self {
        let key = age::x25519::Identity::generate();
        Self { recipient: key.to_public().to_string(), secret: format!("{}\n", key.to_string().expose_secret()) }
    }

    /// Makes an SSH key: `ed25519` or `rsa`; `None` where there is no `ssh-keygen`.
    pub fn ssh(kind: &str) -> Option<Self> {
        let keygen = needs("ssh-keygen")?;
        let place = Place::new();
        let bits: &[&str] = if kind == "rsa" { &["-b", "2048"] } else { &[] };
        let make = place.call(keygen).args(["-q", "-t", kind, "-N", "", "-C", "alice@laptop", "-f", "key"]);
        let _ = make.args(bits).run().ok();
        let text = |name| String::from_utf8(place.read(name)).unwrap();
        Some(Self { recipient: text("key.pub").trim().to_string(), secret: text("key") })
    }

    pub fn is_ssh(&self) -> bool {
        self.recipient.starts_with("ssh-")
    }
}
