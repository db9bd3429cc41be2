//! Writing a value so that every common reader gets the same bytes back.
//!
//! The readers are a POSIX shell (`set -a; . ./.env`), python-dotenv and node's dotenv; `tests/interop.rs` asks all three.

use zeroize::Zeroizing;

use crate::base::Value;

/// A value as it stands in a file.
pub struct Quoted {
    /// The bytes, quotes and escapes included.
    pub text: Zeroizing<Vec<u8>>,
    /// Whether every common reader reads them the same way. If not, a shell and we do.
    pub is_portable: bool,
}

impl Quoted {
    /// Returns what belongs behind the value in a file for other readers: mostly nothing.
    ///
    /// python-dotenv and node take `\"` for an escaped quote whatever stands before it, and would read on into the next
    /// entries; a quote in a comment stops them.
    pub fn guard(&self) -> &'static [u8] {
        if self.text.ends_with(b"\\\"") { b" #\"" } else { b"" }
    }
}

/// Quotes a value only where it must be quoted.
///
/// Back quotes are never written: in a shell they run a command.
pub fn quote(value: &Value) -> Quoted {
    let bytes = value.expose();
    // python-dotenv expands `${NAME}` whatever the quotes, unless it is told not to, and reads UTF-8 only.
    let is_portable = memchr::memmem::find(bytes, b"${").is_none() && std::str::from_utf8(bytes).is_ok();
    if fits_bare(bytes) {
        return Quoted { text: Zeroizing::new(bytes.to_vec()), is_portable: true };
    }
    if fits_single(bytes) {
        return Quoted { text: wrapped(b'\'', bytes), is_portable };
    }
    if fits_double(bytes) {
        return Quoted { text: wrapped(b'"', bytes), is_portable };
    }
    if !has_special_control(bytes) && !bytes.contains(&b'\'') {
        // Backslashes that python-dotenv would halve; everybody else takes them as they are.
        if bytes.last() != Some(&b'\\') {
            return Quoted { text: wrapped(b'\'', bytes), is_portable: false };
        }
    }
    Quoted { text: escaped(bytes), is_portable: false }
}

/// Fits without quotes: nothing that a shell, a comment or a trimming reader could take for something else. zsh takes a
/// `=` at the start, or behind a `:`, for the path of a program.
fn fits_bare(bytes: &[u8]) -> bool {
    let is_safe = |b: &u8| b.is_ascii_alphanumeric() || b"_-./:@%+,=".contains(b);
    bytes.iter().all(is_safe) && !bytes.starts_with(b"=") && memchr::memmem::find(bytes, b":=").is_none()
}

/// In single quotes all is literal, but python-dotenv reads `\\` and `\'` there and node sees `\'` as no end.
fn fits_single(bytes: &[u8]) -> bool {
    !bytes.contains(&b'\'')
        && !has_special_control(bytes)
        && bytes.last() != Some(&b'\\')
        && memchr::memmem::find(bytes, b"\\\\").is_none()
}

/// In double quotes nothing may be left that any reader treats specially.
fn fits_double(bytes: &[u8]) -> bool {
    !bytes.iter().any(|b| matches!(b, b'"' | b'\\' | b'$' | b'`' | b'!')) && !has_special_control(bytes)
}

/// A CR in quotes becomes LF in half of the readers.
fn has_special_control(bytes: &[u8]) -> bool {
    bytes.contains(&b'\r')
}

fn wrapped(quote: u8, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() + 2));
    out.push(quote);
    out.extend_from_slice(bytes);
    out.push(quote);
    out
}

/// Double quotes with the escapes that a shell knows, and `\r`, which it does not.
fn escaped(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() * 2 + 2));
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' | b'$' | b'`' => out.extend([b'\\', *byte]),
            b'\r' => out.extend(b"\\r"),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dotenv::Document;

    #[test]
    fn quotes_only_where_it_must() {
        for (value, want, portable) in [
            ("abc", "abc", true),
            ("", "", true),
            ("postgres://u:p@h:5432/d", "postgres://u:p@h:5432/d", true),
            ("a b", "'a b'", true),
            ("a#b", "'a#b'", true),
            ("$HOME", "'$HOME'", true),
            ("it's", "\"it's\"", true),
            ("a\nb", "'a\nb'", true),
            ("C:\\dir", "'C:\\dir'", true),
            ("it's $5", "\"it's \\$5\"", false),
            ("a\r\nb", "\"a\\r\nb\"", false),
            ("x\\", "\"x\\\\\"", false),
            ("\\\\host", "'\\\\host'", false),
            ("${A}", "'${A}'", false),
        ] {
            let quoted = quote(&Value::from(value.to_string()));
            assert_eq!(String::from_utf8_lossy(&quoted.text), want);
            assert_eq!(quoted.is_portable, portable, "{value:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_quoted_reads_back(bytes in proptest::collection::vec(1u8.., 0..40)) {
            let file = [b"A=".as_slice(), &quote(&Value::from(bytes.as_slice())).text, b"\n"].concat();
            let document = Document::parse(&file).unwrap();
            let entry = document.entries().next().unwrap();
            assert_eq!(entry.value.expose(), bytes);
        }

        #[test]
        fn what_parses_prints_back(text in "(?s)([A-C]=[ab'\"`\\\\#$ \n\r]{0,12}\n|#x\n|\n){0,6}") {
            if let Ok(document) = Document::parse(text.as_bytes()) {
                assert_eq!(document.print().as_slice(), text.as_bytes());
            }
        }
    }
}
