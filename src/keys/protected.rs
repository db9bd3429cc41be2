//! An identity file under a passphrase: age's scrypt form (<https://c2sp.org/age>).

use age::secrecy::SecretString;

/// What age's own tools take at most: four seconds, four gigabytes.
const MOST_WORK_FACTOR: u8 = 22;

/// An identity file that a passphrase opens.
pub struct Protected;

impl Protected {
    /// Makes what opens the file; a work factor that no tool of age's writes is refused, since it could stop a machine.
    pub fn identity(passphrase: SecretString) -> age::scrypt::Identity {
        let mut identity = age::scrypt::Identity::new(passphrase);
        identity.set_max_work_factor(MOST_WORK_FACTOR);
        identity
    }
}
