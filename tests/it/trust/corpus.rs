//! Edits of a sealed file that sops itself would catch, those of comments, and a store's address in the header.

use std::net::TcpListener;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::trust::put;
use crate::trust::start;
use crate::trust::without_seal;

/// An edit, and the exit codes of `get`: of a sealed file, and of one that was never sealed.
type Row = (&'static str, fn(&str) -> String, &'static [i32], &'static [i32]);

const ROWS: [Row; 9] = [
    ("a comment is replaced by another one's ciphertext", |f| pair(f, "#", |a, _| (a.into(), a.into())), &[3], &[0]),
    ("comments change places", |f| pair(f, "#", |a, b| (b.into(), a.into())), &[3], &[0]),
    ("a comment in clear", |f| format!("# call 555-0100 for the password\n{f}"), &[3], &[0]),
    ("values change places", |f| pair(f, "K", |a, b| (with(a, b), with(b, a))), &[3], &[3]),
    ("entries change places", |f| pair(f, "K", |a, b| (b.into(), a.into())), &[3], &[3]),
    ("a value is deleted", |f| pair(f, "K", |a, _| (a.into(), "\n".into())), &[3], &[3]),
    ("the mac is another one", |f| edit(f, "sops_mac=ENC[AES256_GCM,data:", flip), &[3], &[3]),
    ("the time is another one", |f| edit(f, "sops_lastmodified=", |_| "2020-01-01T00:00:00Z".into()), &[3], &[3]),
    ("the version is another one", |f| edit(f, "sops_version=", |_| "3.8.0".into()), &[3], &[0]),
];

/// Changes the first two lines that begin so.
fn pair(file: &str, start: &str, change: fn(&str, &str) -> (String, String)) -> String {
    let mut lines: Vec<String> = file.lines().map(String::from).collect();
    let at: Vec<usize> = (0..lines.len()).filter(|index| lines[*index].starts_with(start)).take(2).collect();
    let (first, second) = change(&lines[at[0]], &lines[at[1]]);
    (lines[at[0]], lines[at[1]]) = (first, second);
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

/// The first line's name with the second one's value.
fn with(name: &str, value: &str) -> String {
    let name = name.split_once('=').expect("an entry").0;
    format!("{name}={}", value.split_once('=').expect("an entry").1)
}

/// Changes what stands behind a beginning.
fn edit(file: &str, start: &str, change: fn(&str) -> String) -> String {
    let line =
        |line: &str| line.strip_prefix(start).map_or(line.to_string(), |rest| format!("{start}{}", change(rest)));
    file.lines().map(|text| line(text) + "\n").collect()
}

fn flip(text: &str) -> String {
    format!("{}{}", if text.starts_with('A') { 'B' } else { 'A' }, &text[1..])
}

fn project(is_sealed: bool) -> Sandbox {
    let s = Sandbox::new().canary("K1", "the first value").canary("K2", "the other one");
    let s = s.file("plain.env", "# one comment\nK1=the first value\n# another comment\nK2=the other one\n");
    s.run(["import", "plain.env"]).succeeds();
    std::fs::remove_file(s.path("plain.env")).expect("the scene wrote it");
    if !is_sealed {
        s.forget();
        put(&s, without_seal(&s.sealed()));
    }
    s.run(["allow"]).succeeds();
    s.run(["get", "K1"]).succeeds().reveals("K1");
    s
}

#[test]
fn each_edit_ends_as_documented() {
    for is_sealed in [true, false] {
        for (what, change, sealed, never_sealed) in ROWS {
            let s = project(is_sealed);
            let (before, codes) = (s.sealed(), if is_sealed { sealed } else { never_sealed });
            put(&s, change(&before));
            assert_ne!(s.sealed(), before, "{what}: the edit is one");
            let outcome = s.run(["get", "K1"]);
            let code = outcome.code();
            assert!(codes.contains(&code), "{what}, sealed {is_sealed}: {code}\n{}", outcome.stderr());
            if code == 0 {
                outcome.reveals("K1");
                let says = what == "a comment in clear";
                assert_eq!(outcome.stderr().contains("comments in clear: 1"), says, "{what}");
            }
            assert_eq!(start(&s, &[]).1, code == 0, "{what}, sealed {is_sealed}");
        }
    }
}

#[test]
fn a_selector_for_names_to_come_leaves_no_new_value_in_clear() {
    let narrow = |f: &str| edit(f, "sops_unencrypted_regex=", |_| "^(?:NEW.*)$".into());
    let s = project(true);
    put(&s, narrow(&s.sealed()));
    s.run(["get", "K1"]).exits(3);
    s.call(["set", "NEWER"]).stdin("a new value").go().exits(3);
    let s = project(false).canary("NEWER", "a new value");
    put(&s, narrow(&s.sealed()));
    s.call(["set", "NEWER"]).stdin("a new value").go().succeeds();
    assert!(s.sealed().contains("\nNEWER=ENC["));
    assert!(s.sealed().contains("sops_unencrypted_regex=^$\n"), "the selector is the one of secrets.toml again");
}

#[test]
fn nothing_is_sent_to_an_address_in_the_header() {
    for is_sealed in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let vault = format!(
            "sops_hc_vault__list_0__map_created_at=2026-01-01T00:00:00Z\nsops_hc_vault__list_0__map_enc=vault:v1:x\n\
             sops_hc_vault__list_0__map_engine_path=transit\nsops_hc_vault__list_0__map_key_name=k\n\
             sops_hc_vault__list_0__map_vault_address={address}\n"
        );
        for keeps_age in [false, true] {
            let s = project(is_sealed);
            let kept = s
                .sealed()
                .lines()
                .filter(|line| keeps_age || !line.starts_with("sops_age"))
                .fold(String::new(), |text, line| text + line + "\n");
            put(&s, kept.replace("sops_lastmodified", &format!("{vault}sops_lastmodified")));
            let token = |words: &[&str]| s.call(words.iter().copied()).env("VAULT_TOKEN", "s.of-alice").go();
            let codes = [&["get", "K1"][..], &["set", "NEW", "--from-file", "secrets.toml"], &["rekey"], &["status"]]
                .map(|words| {
                    let outcome = token(words);
                    if keeps_age && !is_sealed && words[0] == "get" {
                        outcome.reveals("K1");
                    }
                    outcome.code()
                });
            assert!(keeps_age && !is_sealed || [3, 5].contains(&codes[0]), "{codes:?}");
            assert_eq!(start(&s, &[]).1, keeps_age && !is_sealed);
            let came = listener.accept().map(|_| ()).map_err(|error| error.kind());
            assert_eq!(came, Err(std::io::ErrorKind::WouldBlock), "somebody asked {address}");
        }
    }
}

#[test]
fn an_older_version_on_top_names_the_commit_to_every_command() {
    let s = Sandbox::new().repository();
    s.set_and_commit("A", "1");
    let old = s.sealed();
    s.set_and_commit("A", "2");
    let newer = s.git(["rev-parse", "HEAD"]);
    put(&s, &old);
    s.commit("back");
    for words in
        [&["get", "A"][..], &["export"], &["set", "A", "--from-file", "secrets.toml"], &["unset", "A"], &["rekey"]]
    {
        s.run(words).exits(5).says(&newer[..12]).says("`secrets reseal`");
    }
    assert_eq!(start(&s, &[]), (125, false));
    assert_eq!(s.read(SEALED), old);
}
