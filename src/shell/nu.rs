//! nushell. What it holds is text, and a name is one variable in whatever case it is written. A name that exists in another case,
//! or that holds something else than a string (a list, as PATH does, a number, a record), is the person's, and is left alone: the
//! hook sees to it itself.
//!
//! It cannot evaluate text. The statements are JSON arrays, each with a comma behind it, and nu.nu does what they say.

use super::Holds;
use super::Kind;
use super::Saved;
use super::quote::utf16;
use super::words;

/// The row of the table.
pub const KIND: Kind = Kind {
    name: "nu",
    install: "mkdir ($nu.data-dir | path join vendor autoload); \
              secrets hook nu | save -f ($nu.data-dir | path join vendor autoload secrets.nu) in ~/.config/nushell/config.nu",
    code: include_str!("nu.nu"),
    quote,
    holds: Holds::Unicode,
    guard: words::no_guard,
    save: |Saved { name, .. }| format!("[\"save\",\"{name}\"],"),
    set: |name| format!("[\"set\",\"{name}\","),
    set_end: "],",
    restore_exported: |Saved { name, .. }| format!("[\"back\",\"{name}\"],"),
    restore_plain: |Saved { name, .. }| format!("[\"plain\",\"{name}\"],"),
    hide: words::nothing,
    forget: |Saved { name, .. }| format!("[\"forget\",\"{name}\"],"),
    unset_state: "[\"unset\",\"__SECRETS\"],",
    note_idle: words::no_idle,
    never_idle: "",
};

/// A JSON string (RFC 8259, section 7), with what is not printable as `\uXXXX`, and `'` as well: the path of the program stands
/// between such quotes.
fn quote(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' if c != '\'' => out.push(c),
            _ => utf16(out, c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = String::new();
        quote(&mut out, text.as_bytes());
        out
    }

    #[test]
    fn text_is_quoted_as_json_without_an_apostrophe() {
        let all: String = (1..=0x1_ffff).filter_map(char::from_u32).collect();
        assert!(quoted(&all).bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\''));
        assert_eq!(serde_json::from_str::<String>(&quoted(&all)).unwrap(), all);
        assert_eq!(quoted("a'b\"c\\d\n1"), "\"a\\u0027b\\\"c\\\\d\\u000a1\"");
        assert_eq!(quoted("ü\u{1f426}\u{7f}"), "\"\\u00fc\\ud83d\\udc26\\u007f\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
