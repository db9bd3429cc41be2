//! How the fields of a seal are spelled: there is one way to write each.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::link::Bytes32;

/// Sequence numbers end where a signed 64-bit integer does.
pub const MOST_SEQ: u64 = i64::MAX as u64;

/// Writes 32 bytes as 43 characters: base64url without padding.
pub fn to_base64(bytes: &Bytes32) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/')
}

pub fn percent_into(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}

pub fn from_percent(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|b| char::from(*b).to_digit(16));
        out.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    let decoded = String::from_utf8(out).ok()?;
    let mut again = Vec::with_capacity(text.len());
    percent_into(&decoded, &mut again);
    (again == text).then_some(decoded)
}

pub fn from_decimal(text: &[u8]) -> Option<u64> {
    let number: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    ((1..=MOST_SEQ).contains(&number) && number.to_string().as_bytes() == text).then_some(number)
}

pub fn from_base64(text: &[u8]) -> Option<Bytes32> {
    // The engine refuses set bits behind the last byte, so there is one spelling.
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

pub fn from_link(text: &[u8]) -> Option<(Bytes32, Bytes32)> {
    let at = text.iter().position(|b| *b == b':')?;
    Some((from_base64(&text[..at])?, from_base64(&text[at + 1..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_one_spelling() {
        assert_eq!(from_decimal(b"12"), Some(12));
        for bad in [&b"0"[..], b"012", b"+1", b"", b"9223372036854775808"] {
            assert_eq!(from_decimal(bad), None);
        }
        assert_eq!(from_percent(b"a%20b").as_deref(), Some("a b"));
        for bad in [&b"a b"[..], b"%41", b"%2f", b"%C3", b"%2"] {
            assert_eq!(from_percent(bad), None, "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(from_base64(to_base64(&[7; 32]).as_bytes()), Some([7; 32]));
    }
}
