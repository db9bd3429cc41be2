//! PowerShell, 7.2 and later. What it holds is text; every environment variable is a string, and all are exported. Before 7.5 none
//! can be empty: one that is set to nothing is gone.
//!
//! What PowerShell evaluates may go into the system's log with all its values, as soon as one of them holds a word like `emit`
//! (script block logging). So the statements are words that pwsh.ps1 takes apart, and no code.

use super::Holds;
use super::Kind;
use super::quote::utf16;
use super::words;

/// The row of the table.
pub const KIND: Kind = Kind {
    name: "pwsh",
    install: "Invoke-Expression (& secrets hook pwsh | Out-String) at the end of the file that $PROFILE names",
    code: include_str!("pwsh.ps1"),
    quote,
    holds: Holds::Unicode,
    guard: words::no_guard,
    save: words::save,
    set: |name| format!("set {name} "),
    set_end: ";",
    restore_exported: words::back,
    restore_plain: words::plain,
    hide: words::nothing,
    forget: words::forget,
    unset_state: "unset __SECRETS;",
    note_idle: words::no_idle,
    never_idle: "",
};

/// One word without quotes, with what would end it and what is not printable as `\uXXXX`, for .NET's `Regex.Unescape`; the path of
/// the program stands between apostrophes.
fn quote(out: &mut String, bytes: &[u8]) {
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '!'..='~' if !"';\\".contains(c) => out.push(c),
            _ => utf16(out, c),
        }
    }
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
    fn text_is_one_word_without_an_apostrophe() {
        let all: String = (1..=0x1_ffff).filter_map(char::from_u32).collect();
        assert!(quoted(&all).bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b'\'' && b != b';'));
        assert_eq!(quoted("a'b\"c\\d; e\n1"), "a\\u0027b\"c\\u005cd\\u003b\\u0020e\\u000a1");
        assert_eq!(quoted("$(x)`ü\u{1f426}\u{7f}"), "$(x)`\\u00fc\\ud83d\\udc26\\u007f");
        assert_eq!(quoted(""), "");
    }
}
