//! Quoting by each shell's own rules. What comes out is printable ASCII on one line, whatever the bytes and the locale.
//!
//! Held by tests/it/shells.rs, through the real shells.

use std::fmt::Write as _;

/// `$'…'` of bash and zsh: what is not printable, as `\xHH` of two digits.
pub fn dollar(out: &mut String, bytes: &[u8]) {
    out.push_str("$'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => out.push(char::from(*byte)),
            other => hex(out, 'x', *other),
        }
    }
    out.push('\'');
}

/// `'…'` of fish, with what is not printable outside of the quotes as `\XHH`, which stands for a byte.
pub fn fish(out: &mut String, bytes: &[u8]) {
    out.push('\'');
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => out.push(char::from(*byte)),
            other => {
                out.push('\'');
                hex(out, 'X', *other);
                out.push('\'');
            }
        }
    }
    out.push('\'');
}

/// `\uXXXX` for each UTF-16 unit of a character, as JSON (RFC 8259, section 7) and .NET read it.
pub fn utf16(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

fn hex(out: &mut String, letter: char, byte: u8) {
    let _ = write!(out, "\\{letter}{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_is_one_line_of_printable_text() {
        let all: Vec<u8> = (1..=255).collect();
        let text = |quote: fn(&mut String, &[u8]), bytes: &[u8]| {
            let mut out = String::new();
            quote(&mut out, bytes);
            out
        };
        for quote in [dollar, fish] {
            assert!(text(quote, &all).bytes().all(|b| (b' '..=b'~').contains(&b)));
        }
        assert_eq!(text(dollar, b"a'b\\c\n\xff"), "$'a\\'b\\\\c\\x0a\\xff'");
        assert_eq!(text(fish, b"a'b\n1"), "'a\\'b'\\X0a'1'");
        assert_eq!((text(dollar, b""), text(fish, b"")), ("$''".to_string(), "''".to_string()));
    }
}
