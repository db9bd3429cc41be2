//! Opening an age file (<https://c2sp.org/age>): a wrap, or an identity under a passphrase.

use std::io::Read as _;

use age::armor::ArmoredReader;
use zeroize::Zeroizing;

/// Armor is a third longer than what it holds; of what is longer than this nothing is read.
const MOST_ARMORED: u64 = 1 << 20;

const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
/// How long each line of a stanza's body is, but for the last one, which is shorter.
const BODY_LINE: usize = 64;

/// Opens a file with one identity; `None` if it does not fit, the file was changed, or it holds more than `most` bytes.
///
/// Held by tests/vectors/age.rs, over the whole test kit of the format.
pub fn decrypt(file: &[u8], identity: &dyn age::Identity, most: usize) -> Option<Zeroizing<Vec<u8>>> {
    if !has_whole_stanzas(file) {
        return None;
    }
    let decryptor = age::Decryptor::new(file).ok()?;
    let reader = decryptor.decrypt(std::iter::once(identity)).ok()?;
    let mut secret = Zeroizing::new(Vec::with_capacity(most.min(file.len()) + 1));
    reader.take(most as u64 + 1).read_to_end(&mut secret).ok()?;
    (secret.len() <= most).then_some(secret)
}

/// Takes the armor off, if there is one; `None` if it is damaged.
pub fn without_armor(armor: &[u8]) -> Option<Vec<u8>> {
    // Blanks around the armor are nobody's; inside they are refused.
    let trimmed = armor.trim_ascii();
    let armor = if trimmed.starts_with(ARMOR) { trimmed } else { armor };
    let mut file = Vec::with_capacity(armor.len());
    ArmoredReader::new(armor).take(MOST_ARMORED).read_to_end(&mut file).ok()?;
    Some(file)
}

/// Tells whether each stanza's body ends with a short line. The library takes a header without it, which the format forbids: two
/// readers could see two different files.
fn has_whole_stanzas(file: &[u8]) -> bool {
    let mut is_open = false;
    for line in file.split(|b| *b == b'\n') {
        let is_next = line.starts_with(b"-> ") || line.starts_with(b"---");
        match (is_open, is_next) {
            (true, true) => return false,
            (true, false) => is_open = line.len() >= BODY_LINE,
            (false, true) if line.starts_with(b"---") => return true,
            (false, is_stanza) => is_open = is_stanza,
        }
    }
    true
}
