//! elvish, 0.19 and later. Every environment variable is a string of bytes there, and every one is exported: there is no name that
//! is left alone, and none that comes back as a variable of the shell alone.
//!
//! The text is elvish code; what it calls beside builtin functions is in elvish.elv.

use std::fmt::Write as _;

use super::Holds;
use super::Kind;
use super::words;

/// The row of the table.
pub const KIND: Kind = Kind {
    name: "elvish",
    install: "eval (secrets hook elvish | slurp) at the end of ~/.config/elvish/rc.elv",
    code: include_str!("elvish.elv"),
    quote,
    holds: Holds::Bytes,
    guard: words::no_guard,
    save: words::save,
    set: |name| format!("set-env {name} "),
    set_end: ";",
    restore_exported: words::back,
    restore_plain: words::plain,
    hide: words::nothing,
    forget: words::forget,
    unset_state: "unset-env __SECRETS;",
    note_idle: words::no_idle,
    never_idle: "",
};

/// `"…"`, with what is not printable as `\xHH`, which stands for a byte; the semicolon as well, so that it ends a statement wherever
/// it is.
fn quote(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b' '..=b'~' if *byte != b';' => out.push(char::from(*byte)),
            other => {
                let _ = write!(out, "\\x{other:02x}");
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(bytes: &[u8]) -> String {
        let mut out = String::new();
        quote(&mut out, bytes);
        out
    }

    #[test]
    fn bytes_are_quoted_one_by_one() {
        let all: Vec<u8> = (1..=255).collect();
        assert!(quoted(&all).bytes().all(|b| (b' '..=b'~').contains(&b)));
        assert_eq!(quoted(b"a'b\"c\\d\n\xff1"), "\"a'b\\\"c\\\\d\\x0a\\xff1\"");
        assert_eq!(quoted("ü;$x".as_bytes()), "\"\\xc3\\xbc\\x3b$x\"");
        assert_eq!(quoted(b""), "\"\"");
    }
}
