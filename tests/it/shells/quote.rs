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
        let kind = row(shell.name);
        let lines: Vec<String> = texts.iter().map(|text| format!("printf '%s\\0' {}", kind.quoted(text))).collect();
        s.write("script", lines.join("\n"));
        for locale in ["C", "C.UTF-8"] {
            let words = if shell.name == "fish" { ["--no-config", "script"] } else { ["-f", "script"] };
            let words = if shell.name == "bash" { ["--norc", "script"] } else { words };
            let words = [&[shell.name], &words[..]].concat();
            let output = printed(&s, &words, locale);
            assert!(output == want, "{} in {locale}", shell.name);
            assert!(!s.path("pwned").exists());
        }
    }
}

fn row(name: &str) -> &'static secrets::shell::Kind {
    KINDS.iter().find(|kind| kind.name == name).expect("a row of the table")
}

/// Gives a script to a shell and returns what it printed.
fn printed(s: &Sandbox, words: &[&str], locale: &str) -> Vec<u8> {
    let output = Command::new(words[0])
        .args(&words[1..])
        .current_dir(s.project())
        .env_clear()
        .envs(s.variables())
        .env("LC_ALL", locale)
        .output()
        .expect("the shell is here");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn any_bytes_come_back_from_elvish_and_any_text_from_nu() {
    let mut state = 0x2545_f491_4f6c_dd1d;
    let texts: Vec<Vec<u8>> = (0..COUNT).map(|_| text(&mut state)).collect();
    let joined = |texts: &[Vec<u8>]| texts.iter().flat_map(|text| text.iter().copied().chain([0])).collect::<Vec<u8>>();
    let s = Sandbox::empty();
    if crate::sandbox::needs("elvish") {
        // Its parser takes quadratic time over one script.
        for part in texts.chunks(COUNT / 10) {
            let lines: Vec<String> =
                part.iter().map(|text| format!("print {}\"\\x00\"", row("elvish").quoted(text))).collect();
            s.write("script", lines.join("\n"));
            assert!(printed(&s, &["elvish", "-norc", "script"], "C.UTF-8") == joined(part), "elvish");
            assert!(!s.path("pwned").exists());
        }
    }
    if crate::sandbox::needs("nu") {
        let texts: Vec<Vec<u8>> =
            texts.iter().map(|text| String::from_utf8_lossy(text).into_owned().into_bytes()).collect();
        let lines: Vec<String> = texts.iter().map(|text| row("nu").quoted(text)).collect();
        s.write("quoted", lines.join("\n"));
        let script =
            "open --raw quoted | lines | each {|l| $\"($l | from json --strict)\\u{0}\" } | str join | print -n";
        assert!(printed(&s, &["nu", "--no-config-file", "-c", script], "C.UTF-8") == joined(&texts), "nu");
    }
}

/// PowerShell cannot be had for these tests: its words are taken apart here as .NET's `Regex.Unescape` does it.
#[test]
fn any_text_comes_back_from_the_words_for_powershell() {
    let mut state = 0x1234_5678_9abc_def1;
    for _ in 0..COUNT {
        let text = String::from_utf8_lossy(&text(&mut state)).into_owned();
        let word = row("pwsh").quoted(text.as_bytes());
        assert!(word.bytes().all(|b| b.is_ascii_graphic() && !b"';".contains(&b)), "{word}");
        let mut parts = word.split('\\');
        let mut units: Vec<u16> = parts.next().unwrap_or_default().encode_utf16().collect();
        for part in parts {
            let (unit, rest) = part.split_at(5);
            units.push(u16::from_str_radix(unit.strip_prefix('u').expect("nothing else is escaped"), 16).expect("hex"));
            units.extend(rest.encode_utf16());
        }
        assert_eq!(String::from_utf16(&units).expect("pairs stay together"), text);
    }
}
