//! Bytes through each shell's quoting and back.

use std::process::Command;

use secrets::shell::KINDS;

use crate::sandbox::Sandbox;

use super::shells;

const COUNT: usize = 100_000;

/// Returns a string of bytes without NUL: random ones, and such as shells stumble over.
fn text(state: &mut u64) -> Vec<u8> {
    const ODD: [&[u8]; 16] = [
        b"'", b"\\'", b"$(touch pwned)", b"`touch pwned`", b"; touch pwned;", b"!!", b"\n", b"\n\n", b"\xff\xfe",
        b"\x1b[31m", b"\\", b"$'", b"\r\n", b" ", b"\xf0\x9f\x90\xa6", b"\\x41",
    ];
    let mut next = || {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from(*state >> 16).unwrap_or(0)
    };
    let mut bytes = Vec::new();
    for _ in 0..next() % 12 {
        if next() % 3 == 0 {
            bytes.extend_from_slice(ODD[next() % ODD.len()]);
        } else {
            bytes.push(u8::try_from(next() % 255 + 1).expect("a byte"));
        }
    }
    bytes
}

#[test]
fn any_bytes_come_back_from_every_shell() {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let all: Vec<u8> = (1..=255).collect();
    let texts: Vec<Vec<u8>> = std::iter::once(all).chain((1..COUNT).map(|_| text(&mut state))).collect();
    let want: Vec<u8> = texts.iter().flat_map(|text| text.iter().copied().chain([0])).collect();
    for shell in shells() {
        let s = Sandbox::empty();
        let kind = KINDS.iter().find(|kind| kind.name == shell.name).expect("a row of the table");
        let lines: Vec<String> = texts.iter().map(|text| format!("printf '%s\\0' {}", kind.quoted(text))).collect();
        s.write("script", lines.join("\n"));
        for locale in ["C", "C.UTF-8"] {
            let words = if shell.name == "fish" { ["--no-config", "script"] } else { ["-f", "script"] };
            let words = if shell.name == "bash" { ["--norc", "script"] } else { words };
            let output = Command::new(shell.name)
                .args(words)
                .current_dir(s.project())
                .env_clear()
                .envs(s.variables())
                .env("LC_ALL", locale)
                .output()
                .expect("the shell is here");
            assert!(output.stdout == want, "{} in {locale}: {}", shell.name, String::from_utf8_lossy(&output.stderr));
            assert!(!s.path("pwned").exists());
        }
    }
}
