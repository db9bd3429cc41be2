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
    stored.succeeds().says("secrets.toml leads to `keychain://shop/development/TOKEN`");
    assert!(
        s.read("secrets.toml")
            .contains("[environments.development.from]\nTOKEN = \"keychain://shop/development/TOKEN\"\n")
    );
    assert_eq!(look_up(&s, "shop", "development/TOKEN").as_deref(), Some(secret("TOKEN").as_bytes()));
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
    assert_eq!(look_up(&s, "shop", "development/TOKEN"), None);
    s.run(["unset", "--keychain", "TOKEN"]).exits(1).says("has no value on this machine");
    let absent = s.run(["run", "--", "true"]);
    absent
        .exits(125)
        .says("`TOKEN`: `keychain://shop/development/TOKEN` has no value yet")
        .says("set --keychain TOKEN --env development");
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
    // Left out is left out, unless the caller says otherwise.
    s.call(["run", "--", "sh", "-c", "echo ${B-none}"]).env("B", "mine").go().succeeds().shows("none");
    s.call(["run", "--preserve-env=B", "--", "sh", "-c", "echo $B"]).env("B", "mine").go().succeeds().shows("mine");
    s.run(["get", "B"]).exits(1).says("`B` may be absent in `development`, and is");
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
    s.run(["identity", "new", "--keychain"]).succeeds();
    s.run(["init", "--yes"]).succeeds();
    let name = crate::identity::keychain::item(&s);
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

/// A digest says what a job may read; it is nobody who stores a value, and it is asked before a store is.
#[test]
fn where_a_digest_stands_for_a_person_nothing_is_written_and_nothing_read_before_it_fits() {
    if !is_here() {
        return;
    }
    let (s, keychain) = start(Sandbox::new().value("KEY", "v"));
    let s = s.settings(&format!("{FROM}PIN = \"keychain://bank/pin\"\n"));
    s.program(["secret-tool", "store", "--label=x", "service", "bank", "username", "pin"])
        .stdin("precious")
        .go()
        .succeeds();
    let digest = s.run(["allow", "--print"]).succeeds().stdout();
    let right = s.call(["get", "PIN"]).env("SECRETS_TRUST", digest.trim()).go();
    right.succeeds().shows("precious");
    for command in [&["set", "--keychain", "PIN"][..], &["unset", "--keychain", "PIN"]] {
        for digest in ["junk", digest.trim()] {
            s.call(command).stdin("x").env("SECRETS_TRUST", digest).go().exits(5).says("`SECRETS_TRUST` is set");
        }
    }
    assert_eq!(look_up(&s, "bank", "pin").as_deref(), Some(&b"precious"[..]));
    keychain.lock(&s);
    s.call(["get", "PIN"]).env("SECRETS_TRUST", "junk").go().exits(5).never_says("locked");
    s.call(["run", "--", "true"]).env("SECRETS_TRUST", "junk").go().exits(125).says("no digest").never_says("locked");
}

#[test]
fn references_alone_have_a_digest_too() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new());
    let s = s.settings(
        "[environments.base]\nreaders = [\"dev\"]\n[environments.top]\nreaders = [\"dev\"]\nextends = \"base\"\n",
    );
    s.call(["set", "--keychain", "A", "--env", "base"]).stdin("a").go().succeeds();
    s.call(["set", "B", "--env", "top"]).stdin("b").go().succeeds();
    let mut digests = Vec::new();
    for environment in ["base", "top"] {
        let digest = s.run(["allow", "--print", "--env", environment]).succeeds().stdout().trim().to_string();
        let run = s.call(["run", "--env", environment, "--", "printenv", "A"]).env("SECRETS_TRUST", &digest);
        run.go().succeeds().shows("a");
        digests.push(digest);
    }
    assert_ne!(digests[0], digests[1]);
    // A file that appears is another thing than none.
    s.call(["set", "C", "--env", "base"]).stdin("c").go().succeeds();
    let run = s.call(["run", "--env", "base", "--", "true"]).env("SECRETS_TRUST", &digests[0]);
    run.go().exits(125).says("no digest");
}

/// What is there already may be another program's, or another service's of the same name.
#[test]
fn a_new_reference_leads_to_nothing_that_is_there() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new());
    let other = ["secret-tool", "store", "--label=x", "service", "shop", "username", "development/TOKEN"];
    s.program(other).stdin("of another").go().succeeds();
    let toml = s.read("secrets.toml");
    s.call(["set", "--keychain", "TOKEN"])
        .stdin("x")
        .go()
        .exits(1)
        .says("has something as `keychain://shop/development/TOKEN` already");
    assert_eq!(look_up(&s, "shop", "development/TOKEN").as_deref(), Some(&b"of another"[..]));
    assert_eq!(s.read("secrets.toml"), toml);
    // Two services of one repository, both named alike.
    let service = "version = 1\nproject = \"shop\"\nroot = \"..\"\n[environments.development]\nreaders = [\"dev\"]\n";
    for folder in ["a", "b"] {
        s.write(format!("{folder}/secrets.toml"), service);
        s.call(["allow", "--no-git"]).cwd(folder).go().succeeds();
        s.call(["set", "--keychain", "T"]).cwd(folder).stdin(format!("of {folder}")).go().succeeds();
    }
    for folder in ["a", "b"] {
        s.call(["run", "--", "printenv", "T"]).cwd(folder).go().succeeds().shows(format!("of {folder}"));
    }
}

#[test]
fn a_name_never_stands_in_both_places() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new());
    set(&s, &["--keychain", "A"], "a");
    s.write("plain.env", "A=1\nB=2\n");
    s.run(["import", "plain.env"]).exits(1).says("`A` is a reference in `development`");
    s.call(["set", "--keychain", "C"]).stdin("c").after("ulimit -f 0").go().exits(1);
    assert!(!s.read("secrets.toml").contains("C = "));
    assert_eq!(look_up(&s, "shop", "development/C"), None);
    for round in 0..5 {
        let script = format!(
            "printf 1 | secrets set X{round} 2>/dev/null & printf 2 | secrets set --keychain X{round} 2>/dev/null & wait"
        );
        s.shell(&script).go().succeeds();
        s.run(["get", &format!("X{round}")]).succeeds();
    }
    // Where it happened all the same, the one in the file can be taken away.
    set(&s, &["D"], "d");
    let toml = s.read("secrets.toml");
    s.write("secrets.toml", toml.replace("A = \"keychain", "D = \"keychain://x/d\"\nA = \"keychain"));
    s.run(["allow"]).succeeds();
    s.run(["run", "--", "true"]).exits(125).says("`D` stands in").says("`secrets unset D --env development`");
    s.run(["unset", "D", "--env", "development"]).succeeds();
    s.run(["list"]).succeeds();
    s.call(["set", "--keychain", "LD_AUDIT"]).stdin("x").go().succeeds().says("`run` refuses `LD_AUDIT`");
}

/// A bus address can start a program, and another keychain would give other values.
#[test]
fn no_file_says_where_the_bus_is() {
    let s = Sandbox::new();
    for name in ["DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "DBUS_STARTER_ADDRESS"] {
        s.call(["set", name]).stdin("unixexec:path=/bin/sh").go().succeeds().says("`run` refuses");
        s.run(["run", "--", "true"]).exits(125).says(&format!("must not set `{name}`"));
        s.run(["unset", name]).succeeds();
    }
}
