//! Random bytes of the operating system.

use super::Error;
use super::Kind;
use super::Result;

/// Fills an array with random bytes.
///
/// # Errors
/// `Kind::Bug` if the system has none to give, which no supported system does after boot.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::getrandom(&mut bytes)
        .map_err(|error| Error::new(Kind::Bug, "the system gives no random bytes").because(error))?;
    Ok(bytes)
}
