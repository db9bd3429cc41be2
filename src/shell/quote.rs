//! Quoting by each shell's own rules. What comes out is printable ASCII on one line, whatever the bytes and the locale.
//!
//! Held by tests/it/shells.rs, through the real shells.

use std::fmt::Write as _;

/// `$'…'` of bash and zsh: what is not printable, as `\xHH` of two digits.
pub fn dollar(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 3);
    out.push_str("$'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => out.push(char::from(*byte)),
            other => hex(&mut out, 'x', *other),
        }
    }
    out.push('\'');
    out
}

/// `'…'` of fish, with what is not printable outside of the quotes as `\XHH`, which stands for a byte.
pub fn fish(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('\'');
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => out.push(char::from(*byte)),
            other => {
                out.push('\'');
                hex(&mut out, 'X', *other);
                out.push('\'');
            }
        }
    }
    out.push('\'');
    out
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
        for quote in [dollar, fish] {
            assert!(quote(&all).bytes().all(|b| (b' '..=b'~').contains(&b)));
        }
        assert_eq!(dollar(b"a'b\\c\n\xff"), "$'a\\'b\\\\c\\x0a\\xff'");
        assert_eq!(fish(b"a'b\n1"), "'a\\'b'\\X0a'1'");
        assert_eq!((dollar(b""), fish(b"")), ("$''".to_string(), "''".to_string()));
    }
}
