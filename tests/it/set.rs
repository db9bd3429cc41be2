//! `secrets set`

use std::thread;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

#[test]
fn one_line_end_is_taken_off_stdin() {
    let s = Sandbox::new();
    for (stdin, want) in
        [("v\n", "v"), ("v\r\n", "v"), ("v\n\n", "v\n"), ("v", "v"), ("\n", ""), ("", ""), (" v ", " v ")]
    {
        s.call(["set", "KEY"]).stdin(stdin).go().succeeds().shows_nothing();
        let outcome = s.run(["get", "KEY"]);
        assert_eq!(outcome.succeeds().stdout(), want, "{stdin:?}");
    }
}

#[test]
fn a_file_is_taken_with_all_its_bytes() {
    let every_byte: Vec<u8> = (0..=255).chain(*b"\r\n\n").collect();
    let s = Sandbox::new().canary("KEY", &every_byte).file("value.bin", &every_byte);
    s.run(["set", "KEY", "--from-file", "value.bin"]).succeeds().says("added `KEY`");
    let outcome = s.run(["get", "KEY"]);
    assert_eq!(outcome.succeeds().reveals("KEY").stdout, every_byte);
}

#[test]
fn a_value_on_the_command_line_is_refused_and_not_shown() {
    let s = Sandbox::new().canary("KEY", secret("KEY"));
    let before = s.tree(".");
    let value = &secret("KEY");
    let joined = &format!("KEY={value}");
    for words in [
        &["set", joined][..],
        &["set", "KEY", value],
        &["set", "KEY", "=", value],
        &["set", "KEY", "--", value],
        &["set", "KEY", "--value", value],
        &["set", "KEY", "--value", joined],
        &["set", "KEY", &format!("--value={value}")],
        &["set", "-e", "development", joined],
        &["set", "-e", "development", "KEY", value],
        &["set", "KEY", value, "-e", "development"],
        &["set", &format!("bad name={value}")],
        &["set", &format!("={value}")],
        &["set", "--value", value, "KEY"],
        &["set", &format!("--value={value}"), "KEY"],
        &["set", &format!("--KEY={value}")],
    ] {
        s.call(words).stdin("other").go().exits(2).shows_nothing();
    }
    s.run(["set", joined]).exits(2).says("`secrets set KEY` asks for the value");
    assert_eq!(s.tree("."), before);
}

#[test]
fn a_name_that_is_not_legal_is_refused() {
    let s = Sandbox::new();
    // More than a word may be a value that was typed.
    for name in ["A B", "A\nB"] {
        s.call(["set", name]).stdin("v").go().exits(2).shows_nothing();
    }
    for name in ["A-B", "A.B", "1A", "", "É", "sops_mac", "sops_x"] {
        s.call(["set", name]).stdin("v").go().exits(1).shows_nothing();
        s.call(["set", "--", name]).stdin("v").go().exits(1);
    }
    s.run(["list"]).succeeds().shows_nothing();
}

#[test]
fn the_same_value_again_writes_nothing() {
    let s = Sandbox::new().secret("KEY");
    let before = s.tree(".");
    let call = s.call(["set", "KEY"]).stdin(secret("KEY")).env("SECRETS_TEST_NOW", "2027-01-01T00:00:00Z");
    call.go().succeeds().says("`KEY` has that value already in `development`");
    assert_eq!(s.tree("."), before);
}

#[test]
fn one_changed_value_is_one_changed_line_and_the_seal() {
    let s = Sandbox::new().secret("A").secret("B").secret("C").canary("B", secret("new"));
    let before = s.sealed();
    let call = s.call(["set", "B"]).stdin(secret("new")).env("SECRETS_TEST_NOW", "2026-03-03T03:03:03Z");
    call.go().succeeds().says("changed `B`");
    let after = s.sealed();
    assert_eq!(before.lines().count(), after.lines().count());
    let changed = before.lines().zip(after.lines()).filter(|(old, new)| old != new);
    let names: Vec<&str> = changed.map(|(_, new)| new.split('=').next().unwrap_or_default()).collect();
    assert_eq!(names, ["B", "sops_lastmodified", "sops_mac", "sops_secrets_seal"]);
    assert!(after.contains("sops_lastmodified=2026-03-03T03:03:03Z\n"));
    s.run(["get", "B"]).succeeds().shows(secret("new")).reveals("B");
}

#[test]
fn a_new_name_goes_to_the_end() {
    let s = Sandbox::new().value("B", "1").value("A", "2");
    s.run(["list"]).succeeds().shows("B\nA");
}

#[test]
fn an_environment_without_a_file_gets_one() {
    let s = Sandbox::new().production().value_in("production", "KEY", secret("KEY"));
    assert!(s.read("secrets/production.env").contains("path=secrets/production.env;env=production;seq=1;"));
    s.run(["get", "KEY", "-e", "production"]).succeeds().shows(secret("KEY")).reveals("KEY");
    s.run(["get", "KEY"]).exits(1);
}

#[test]
fn a_reference_is_not_covered_by_a_value() {
    let s = Sandbox::new().settings("[environments.development.from]\nKEY = \"vault://a/b#c\"\n");
    let before = s.sealed();
    s.call(["set", "KEY"]).stdin("v").go().exits(1).says("`KEY` is a reference in `development`");
    assert_eq!(s.sealed(), before);
}

#[test]
fn names_that_run_refuses_are_warned_of() {
    let s = Sandbox::new();
    s.call(["set", "LD_PRELOAD"]).stdin("x").go().succeeds().says("warning: `run` refuses `LD_PRELOAD`");
    s.call(["set", "NODE_OPTIONS"]).stdin("x").go().succeeds().says("[values.NODE_OPTIONS] runs_code = true");
    s.call(["set", "HTTPS_PROXY"]).stdin("x").go().succeeds().says("warning: `HTTPS_PROXY` steers where programs talk");
}

#[test]
fn a_value_is_at_most_a_mebibyte() {
    let s = Sandbox::new();
    s.call(["set", "KEY"]).stdin(vec![b'a'; 1 << 20]).go().succeeds();
    let before = s.sealed();
    s.call(["set", "KEY"]).stdin(vec![b'b'; (1 << 20) + 1]).go().exits(5).says("too large");
    assert_eq!(s.sealed(), before);
}

#[test]
fn two_hundred_writers_at_once_lose_nothing() {
    let s = Sandbox::new();
    thread::scope(|scope| {
        for number in 0..200 {
            let s = &s;
            scope.spawn(move || {
                let call = s.call(["set", &format!("N{number}")]).stdin(format!("value {number}"));
                call.go().succeeds();
            });
        }
    });
    let exported = s.run(["export", "--json"]);
    let exported = exported.succeeds().json();
    for number in 0..200 {
        assert_eq!(exported[format!("N{number}")], format!("value {number}"));
    }
    s.run(["status"]).succeeds().shows_part("version 201").shows_part("nothing was changed without the key");
    let names: Vec<_> = s.tree("secrets").into_keys().collect();
    assert_eq!(names, [s.path(SEALED)], "no temp file is left");
}

#[test]
fn a_prompt_hides_the_value_and_is_erased() {
    if !needs("python3") {
        return;
    }
    let s = Sandbox::new().canary("KEY", secret("KEY"));
    let answer = format!("hidden:{}\r", secret("KEY"));
    let outcome = s.call(["set", "KEY"]).on_terminal(&[("value of KEY in development: ", &answer)]).go();
    outcome.succeeds().shows_part("\u{1b}[A\r\u{1b}[K").shows_part("added `KEY` to `development`");
    s.run(["get", "KEY"]).succeeds().shows(secret("KEY")).reveals("KEY");
}

#[test]
fn a_prompt_that_is_left_changes_nothing() {
    if !needs("python3") {
        return;
    }
    let s = Sandbox::new().secret("KEY");
    let before = s.sealed();
    let outcome = s.call(["set", "KEY"]).on_terminal(&[("value of KEY", "hidden:\u{4}")]).go();
    outcome.exits(1).shows_part("nothing was entered");
    assert_eq!(s.sealed(), before);
}
