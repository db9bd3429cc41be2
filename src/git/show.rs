//! A sealed file as a diff shows it: one line for each name, and a mark that changes when the value does.

use hmac::Hmac;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Result;
use crate::base::hex;
use crate::base::printable;
use crate::keys::Keyring;
use crate::sops::Leniency;
use crate::sops::SealedFile;

/// Renders a file. Values in clear stand as they are; others as a mark.
///
/// With an identity the mark is keyed by `secret`, which never leaves this machine: it stays the same across a rekey, and
/// says nothing of the value to whom sees it. Without one it is a digest of the line.
///
/// # Errors
/// As [`SealedFile::read`].
pub fn show(file: &[u8], keyring: &mut Keyring, secret: &str, who: impl Fn(&[&str]) -> Vec<String>) -> Result<String> {
    let (sealed, _) = SealedFile::read(file, Leniency::OddNames, None)?;
    let mut readers = who(&sealed.recipients());
    readers.dedup();
    let mut text = format!("# readers: {}\n", printable(readers.join(", ").as_bytes()));
    if let Some(seal) = sealed.seal() {
        text.push_str(&format!("# version {}\n", seal.seq));
    } else {
        text.push_str("# not sealed\n");
    }
    let key = keyring.open(&sealed, "", &[]).ok();
    for (name, value) in sealed.lines() {
        let shown = printable(name);
        let opened =
            crate::base::Name::parse(name).ok().zip(key.as_ref()).and_then(|(name, key)| key.open_entry(&name, value));
        let mark = match opened {
            _ if !SealedFile::is_encrypted(value) => printable(value),
            // Without a secret the mark could be guessed from.
            Some(value) if !secret.is_empty() => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
                mac.update(name);
                mac.update(&[0]);
                mac.update(value.expose());
                format!("(value {})", hex(&mac.finalize().into_bytes()))
            }
            Some(_) | None => format!("(sealed {})", hex(&Sha256::digest(value)[..5])),
        };
        text.push_str(&format!("{shown}={mark}\n"));
    }
    Ok(text)
}
