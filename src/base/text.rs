//! Foreign bytes, made fit to be shown.

/// Returns `bytes` as text in which nothing can steer a terminal or hide its order.
///
/// Escaped are C0, C1 and DEL, the marks that reverse or hide text (Unicode's `Bidi_Control` and zero-width
/// characters), and bytes that are not UTF-8.
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_unsafe(c) {
                out.extend(c.escape_unicode());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Returns bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Joins names as `` `A`, `B` and `C` ``; beyond ten it counts the rest.
pub fn quoted_list<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 10;
    let mut shown: Vec<String> =
        names.iter().take(SHOWN).map(|n| format!("`{}`", printable(n.as_ref().as_bytes()))).collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    match shown.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// Tells whether a character could steer a terminal, or hide or reverse text: what [`printable`] escapes.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(printable(b"a\x1b[31mb\x07"), "a\\u{1b}[31mb\\u{7}");
        assert_eq!(printable("x\u{202e}y\u{9b}".as_bytes()), "x\\u{202e}y\\u{9b}");
        assert_eq!(printable(b"\xff\xfeA"), "\\xff\\xfeA");
        assert_eq!(printable("größe".as_bytes()), "größe");
    }

    #[test]
    fn long_lists_are_counted() {
        let names: Vec<String> = (0..12).map(|i| format!("N{i}")).collect();
        assert!(quoted_list(&names).ends_with("`N9` and 2 more"));
        assert_eq!(quoted_list(&["A", "B"]), "`A` and `B`");
    }
}
