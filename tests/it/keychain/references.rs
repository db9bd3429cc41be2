//! `keychain://` references: in secrets.toml, for everybody a value of his own.

use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use super::in_time;
use super::is_here;
use super::look_up;
use super::start;

const FROM: &str = "[environments.development.from]\n";

fn set(s: &Sandbox, words: &[&str], value: impl AsRef<[u8]>) {
    s.call(["set"]).words(words).stdin(value).go().succeeds();
}

#[test]
fn a_value_is_stored_there_and_read_by_every_command() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new().secret("IN_FILE"));
    let s = s.canary("TOKEN", secret("TOKEN"));
    let stored = s.call(["set", "--keychain", "TOKEN"]).stdin(secret("TOKEN") + "\n").go();
    stored.succeeds().says("secrets.toml leads to `keychain://shop-development/TOKEN`");
    assert!(
        s.read("secrets.toml")
            .contains("[environments.development.from]\nTOKEN = \"keychain://shop-development/TOKEN\"\n")
    );
    assert_eq!(look_up(&s, "shop-development", "TOKEN").as_deref(), Some(secret("TOKEN").as_bytes()));
    // This machine wrote the reference itself, into a project that it had accepted.
    s.run(["get", "TOKEN"]).succeeds().says_nothing().shows(secret("TOKEN")).reveals("TOKEN");
    s.run(["run", "--", "printenv", "TOKEN"]).succeeds().says_nothing().shows(secret("TOKEN")).reveals("TOKEN");
    s.run(["export", "--format", "json"]).succeeds().reveals("TOKEN").reveals("IN_FILE");
    s.run(["list"]).succeeds().says_nothing().shows("IN_FILE\nTOKEN");
    assert_eq!(s.run(["list", "--json"]).succeeds().json()[1]["origin"], "reference");
    set(&s, &["--keychain", "TOKEN"], "another");
    s.run(["get", "TOKEN"]).succeeds().shows("another");
    s.run(["unset", "TOKEN"]).exits(1).says("`secrets unset --keychain TOKEN`");
    s.run(["unset", "--keychain", "TOKEN"]).succeeds().says("the reference in secrets.toml stays");
    assert_eq!(look_up(&s, "shop-development", "TOKEN"), None);
    s.run(["unset", "--keychain", "TOKEN"]).exits(1).says("has no value on this machine");
    let absent = s.run(["run", "--", "true"]);
    absent
        .exits(125)
        .says("`TOKEN`: `keychain://shop-development/TOKEN` has no value yet")
        .says("set --keychain TOKEN");
    s.run(["get", "IN_FILE"]).succeeds().reveals("IN_FILE");
    s.run(["run", "--except", "TOKEN", "--", "printenv", "IN_FILE"]).succeeds().reveals("IN_FILE");
}

#[test]
fn what_another_program_stored_is_read() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new());
    let s = s.settings(&format!(
        "{FROM}A = \"keychain://my%20app/a%2Fb\"\nB = {{ ref = \"keychain://none/b\", optional = true }}\n"
    ));
    let store = |service: &str, name: &str, value: &str| {
        s.program(["secret-tool", "store", "--label=x", "service", service, "username", name])
            .stdin(value)
            .go()
            .succeeds();
    };
    store("my app", "a/b", "of another program");
    s.run(["run", "--", "sh", "-c", "echo $A:${B-none}"]).succeeds().shows("of another program:none");
    s.call(["run", "--", "sh", "-c", "echo $B"]).env("B", "mine").go().succeeds().shows("mine");
    store("none", "b", "there");
    s.run(["run", "--", "sh", "-c", "echo $A:$B"]).succeeds().shows("of another program:there");
    let s = s.settings(
        "[values.C]\nrequired = true\n[environments.top]\nreaders = [\"dev\"]\nextends = \"development\"\n\
        from = { C = { ref = \"keychain://none/c\", optional = true } }\n",
    );
    // What is required is not optional, whatever its reference says.
    s.run(["run", "--env", "top", "--", "true"]).exits(125).says("`C`: `keychain://none/c` has no value yet");
}

#[test]
fn any_bytes_come_back() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new());
    let long: Vec<u8> = (0..65_536_u32).map(|at| u8::try_from(at % 255 + 1).unwrap()).collect();
    for (at, value) in
        [&b"a\nb\r\n\n"[..], b"'\"$`\\ ", b"\xff\xfe\x80", "größe 日本".as_bytes(), b" x ", &long].iter().enumerate()
    {
        s.write("value", value);
        s.run(["set", "--keychain", "V", "--from-file", "value"]).succeeds();
        let got = s.run(["get", "V"]);
        assert!(got.stdout == **value, "value {at} came back as {} bytes", got.stdout.len());
        let child = s.run(["run", "--", "printenv", "V"]);
        if at < 5 {
            assert_eq!(child.succeeds().stdout, [value, &b"\n"[..]].concat(), "value {at}");
        }
    }
}

#[test]
fn nothing_is_asked_before_a_person_accepted_it() {
    if !is_here() {
        return;
    }
    let (s, keychain) = start(Sandbox::new().secret("KEY"));
    s.program(["secret-tool", "store", "--label=x", "service", "bank", "username", "pin"])
        .stdin("1234567")
        .go()
        .succeeds();
    let s = s.canary("PIN", "1234567");
    let settings = s.read("secrets.toml");
    s.write("secrets.toml", format!("{settings}\n{FROM}PIN = \"keychain://bank/pin\"\n"));
    // Nobody is even asked: a locked keychain would be said.
    keychain.lock(&s);
    for command in [&["get", "PIN"][..], &["export"], &["set", "--keychain", "PIN"], &["unset", "--keychain", "PIN"]] {
        s.call(command).stdin("x").go().exits(5).says("`secrets allow`").never_says("keychain is locked");
    }
    s.run(["run", "--", "env"]).exits(125).says("`secrets allow`");
    s.run(["allow"]).succeeds().says("the reference `PIN` is new: keychain://bank/pin");
    s.run(["run", "--", "env"]).exits(125).says("the keychain is locked");
}

#[test]
fn our_own_items_are_nobodys_to_name() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::empty());
    let recipient = s.run(["identity", "new", "--keychain"]).succeeds().stdout();
    s.run(["init", "--yes"]).succeeds();
    let name = &recipient[..20];
    let before = s.read("secrets.toml");
    for reference in [format!("keychain://secrets%2Fidentity/{name}"), format!("keychain://secrets%2fidentity/{name}")]
    {
        s.write("secrets.toml", format!("{before}\n{FROM}ID = \"{reference}\"\n"));
        s.run(["allow"]).succeeds();
        s.run(["run", "--", "env"]).exits(125).says("leads to what `secrets` keeps for itself");
        s.run(["get", "ID"]).exits(5).says("leads to what `secrets` keeps for itself");
        s.call(["set", "--keychain", "ID"]).stdin("x").go().exits(5);
        s.run(["unset", "--keychain", "ID"]).exits(5);
    }
    s.write("secrets.toml", before);
    s.run(["status"]).succeeds().shows_part("opens        yes");
}

#[test]
fn a_reference_that_cannot_be_is_told() {
    let s = Sandbox::new();
    let before = s.read("secrets.toml");
    for (reference, code, why) in [
        ("\"keychain://only-a-service\"", 1, "does not name a service and an item"),
        ("\"keychain://a/b/c\"", 1, "does not name a service and an item"),
        ("\"keychain://a/b#c\"", 1, "an item of a keychain is one value"),
        ("\"keychain://a/b?version=1\"", 1, "an item of a keychain is one value"),
        ("\"attic://a/b\"", 5, "this version knows no store `attic`"),
        ("\"nothing\"", 1, "it has no `scheme://`"),
        ("\"keychain://me@a/b\"", 5, "has a `@` in its address"),
        ("{ ref = \"keychain://a/b\", colour = \"red\" }", 1, "is not understood"),
        ("{ optional = true }", 1, "is not understood"),
        ("{ ref = \"keychain://a/b\", ttl = \"soon\" }", 1, "is not a span"),
        ("17", 1, "is not understood"),
    ] {
        s.write("secrets.toml", format!("{before}\n{FROM}X = {reference}\n"));
        let _ = s.run(["allow"]);
        s.run(["get", "X"]).exits(code).says(why).says("X");
    }
    s.write("secrets.toml", format!("{before}\n{FROM}X = \"keychain://a/b\"\n"));
    s.run(["allow"]).succeeds();
    s.call(["set", "Y"]).stdin("1").go().succeeds();
    s.write("secrets.toml", format!("{before}\n{FROM}Y = \"keychain://a/b\"\n"));
    s.run(["allow"]).succeeds();
    s.run(["run", "--", "true"]).exits(125).says("`Y` stands in `secrets/development.env` and among the references");
    s.call(["set", "--keychain", "Z", "--file", "x.env"]).stdin("1").go().exits(2);
}

#[test]
fn all_that_cannot_be_had_is_told_at_once() {
    if !is_here() {
        return;
    }
    let (s, keychain) = start(Sandbox::new().value("KEY", "v"));
    let s = s.settings(&format!("{FROM}A = \"keychain://x/a\"\nB = \"keychain://x/b\"\nC = \"keychain://x/c\"\n"));
    set(&s, &["--keychain", "C"], "c");
    let ran = s.run(["run", "--", "true"]);
    ran.exits(125).says("2 values cannot be had from their stores").says("cause: `A`: ").says("cause: `B`: ");
    keychain.lock(&s);
    s.run(["export"]).exits(3).says("3 values cannot be had").says("the keychain is locked");
    drop(keychain);
    in_time(|| s.run(["export"])).exits(4).says("`A`, `B` and `C`: there is no keychain that answers");
    in_time(|| s.run(["run", "--", "true"])).exits(125).says("no keychain that answers");
    // A file needs no keychain.
    s.run(["run", "--only", "KEY", "--", "printenv", "KEY"]).succeeds().says_nothing().shows("v");
    let (s, _listener) = super::silent(s);
    in_time(|| s.run(["run", "--", "true"])).exits(125).says("did not answer within 5 seconds");
}

#[test]
fn names_that_run_code_are_refused_from_a_store_as_well() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new());
    let s = s.settings(&format!("{FROM}LD_PRELOAD = \"keychain://x/a\"\n"));
    s.run(["run", "--", "true"]).exits(125).says("a file or a store must not set");
    let s = Sandbox::new().settings(&format!("{FROM}NODE_OPTIONS = \"keychain://x/a\"\n"));
    s.run(["run", "--", "true"]).exits(125).says("can make programs run code, and is not declared");
}

/// An environment may consist of references alone; one whose file was taken away is missed.
#[test]
fn an_environment_needs_no_file_for_references() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new());
    let s = s.settings("[environments.cloud]\nreaders = [\"dev\"]\n");
    s.call(["set", "--keychain", "A", "--env", "cloud"]).stdin("a").go().succeeds();
    s.run(["run", "--env", "cloud", "--", "printenv", "A"]).succeeds().shows("a");
    s.call(["set", "B", "--env", "cloud"]).stdin("b").go().succeeds();
    s.run(["run", "--env", "cloud", "--", "printenv", "A", "B"]).succeeds().shows("a\nb");
    std::fs::remove_file(s.path("secrets/cloud.env")).unwrap();
    s.run(["run", "--env", "cloud", "--", "true"]).exits(125).says("does not exist");
}
