//! `set --local`: a value for one person on one machine, laid over the environment.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use super::in_time;
use super::is_here;
use super::start;

fn set_local(s: &Sandbox, name: &str, value: impl AsRef<[u8]>) {
    s.call(["set", "--local", name]).stdin(value).go().succeeds();
}

#[test]
fn it_lies_over_the_file_for_this_person_alone() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new().value("URL", "of us").value("OTHER", "o"));
    let s = s.canary("OWN", secret("OWN"));
    let sealed = s.sealed();
    let settings = s.read("secrets.toml");
    set_local(&s, "URL", secret("OWN") + "\n");
    set_local(&s, "MINE", "only here");
    assert_eq!((s.sealed(), s.read("secrets.toml")), (sealed, settings), "nothing of it is in the repository");
    s.run(["run", "--", "printenv", "URL", "OTHER", "MINE"]).succeeds().says_nothing().reveals("OWN");
    s.run(["get", "URL"]).succeeds().shows(secret("OWN")).reveals("OWN");
    s.run(["export", "--only", "URL"]).succeeds().reveals("OWN");
    s.run(["list"]).succeeds().shows("URL\nOTHER\nMINE").says("`URL` and `MINE` on this machine: your own");
    let listed = s.run(["list", "--json"]).succeeds().json();
    assert_eq!((&listed[0]["origin"], &listed[1]["origin"]), (&"personal".into(), &SEALED.into()));
    s.run(["status"]).succeeds().shows_part("personal     MINE, URL, yours on this machine");
    assert_eq!(s.run(["status", "--json"]).succeeds().json()["personal"], serde_json::json!(["MINE", "URL"]));
    // The file itself is as it was for everybody else.
    s.run(["get", "URL", "--file", SEALED]).succeeds().reveals("OWN");
    s.run(["decrypt", SEALED]).succeeds().shows_part("URL=of us");
    s.run(["unset", "--local", "URL"]).succeeds();
    s.run(["get", "URL"]).succeeds().shows("of us");
    s.run(["unset", "--local", "URL"]).exits(1).says("has no value of your own");
    s.run(["unset", "MINE"]).exits(1).says("`secrets unset --local MINE`");
    s.run(["unset", "--local", "MINE"]).succeeds();
    s.run(["list"]).succeeds().shows("URL\nOTHER").says_nothing();
}

#[test]
fn it_belongs_to_one_environment() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new().value("URL", "of us").production());
    s.call(["set", "X", "--env", "production"]).stdin("x").go().succeeds();
    set_local(&s, "URL", "mine");
    s.run(["run", "--env", "production", "--", "printenv", "URL"]).succeeds().shows("of us");
    s.call(["set", "--local", "URL", "--env", "production"]).stdin("mine there").go().succeeds();
    s.run(["run", "--env", "production", "--", "printenv", "URL"]).succeeds().shows("mine there");
    s.run(["run", "--", "printenv", "URL"]).succeeds().shows("mine");
}

/// Nothing that a repository says leads to what a person keeps for another one.
#[test]
fn another_project_of_the_same_name_sees_nothing_of_it() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new().value("URL", "of us"));
    set_local(&s, "URL", "mine");
    let toml = s.read("secrets.toml");
    // A copy of the whole project, elsewhere on the same machine.
    s.program(["cp", "-r", ".", "../copy"]).go().succeeds();
    s.call(["run", "--", "printenv", "URL"]).cwd("../copy").go().succeeds().shows("of us");
    s.call(["set", "--local", "URL"]).cwd("../copy").stdin("of the copy").go().succeeds();
    s.call(["get", "URL"]).cwd("../copy").go().succeeds().shows("of the copy");
    s.run(["get", "URL"]).succeeds().shows("mine");
    // A project that is renamed keeps its own.
    s.write("secrets.toml", toml.replace("project = \"shop\"", "project = \"store\""));
    s.run(["allow"]).exits(5).says("if the file was moved on purpose: `secrets reseal`");
    s.run(["reseal", "--yes"]).succeeds();
    s.run(["get", "URL"]).succeeds().shows("mine");
}

#[test]
fn a_value_of_ones_own_may_have_a_name_that_programs_obey() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new());
    set_local(&s, "NODE_OPTIONS", "--trace-warnings");
    s.run(["run", "--", "printenv", "NODE_OPTIONS"]).succeeds().shows("--trace-warnings");
    s.call(["set", "--local", "LD_PRELOAD"]).stdin("x.so").go().succeeds().says("`run` refuses `LD_PRELOAD`");
    s.run(["run", "--", "true"]).exits(125).says("must not set `LD_PRELOAD`");
}

#[test]
fn without_a_keychain_nothing_is_kept_or_left_out() {
    if !is_here() {
        return;
    }
    let (s, keychain) = start(Sandbox::new().value("URL", "of us"));
    set_local(&s, "URL", "mine");
    s.program(["secret-tool", "clear", "username", "development/URL"]).go().succeeds();
    s.run(["run", "--", "true"]).exits(125).says("your own value is gone from the keychain").says("unset --local URL");
    set_local(&s, "URL", "mine");
    keychain.lock(&s);
    s.run(["run", "--", "true"]).exits(125).says("`URL`: the keychain is locked");
    s.call(["set", "--local", "NEW"]).stdin("x").go().exits(3).says("the keychain is locked");
    // Where the keychain does not open any more the project's value can be had again.
    s.run(["unset", "--local", "URL"])
        .exits(3)
        .says("your value is still in the keychain")
        .says("the keychain is locked");
    s.run(["run", "--", "printenv", "URL"]).succeeds().shows("of us");
    drop(keychain);
    let (s, keychain) = start(s);
    s.run(["unset", "--local", "URL"]).succeeds().says("removed your own value of `URL`");
    s.run(["unset", "--local", "URL"]).exits(1).says("has no value of your own");
    set_local(&s, "URL", "mine");
    drop(keychain);
    in_time(|| s.call(["set", "--local", "NEW"]).stdin("x").go()).exits(4).says("no keychain that answers");
    in_time(|| s.run(["run", "--", "true"])).exits(125).says("`URL`: there is no keychain that answers");
    s.run(["list"]).succeeds().shows("URL");
    // In CI, where a digest stands for what this machine knows, a job is the same everywhere.
    let digest = s.run(["allow", "--print"]).succeeds().stdout();
    let s = s.env("SECRETS_TRUST", digest.trim());
    s.run(["run", "--", "printenv", "URL"]).succeeds().shows("of us");
    for command in [&["set", "--local", "URL"][..], &["unset", "--local", "URL"]] {
        s.call(command).stdin("x").go().exits(5).says("`SECRETS_TRUST` is set");
    }
    Sandbox::empty().call(["set", "--local", "X"]).stdin("x").go().exits(1).says("there is no project here");
}

#[test]
fn what_cannot_be_remembered_is_not_kept() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new());
    // No file can be written, and the keychain is no file.
    let set = s.call(["set", "--local", "X"]).stdin("x").after("ulimit -f 0").go();
    set.exits(1).says("cannot remember that it keeps a value of your own");
    s.program(["secret-tool", "search", "--all", "username", "development/X"]).go().shows_nothing();
    s.run(["list"]).succeeds().shows("");
}

/// What fails changes nothing: neither the value that was kept nor what is remembered of it.
#[test]
fn a_value_that_was_kept_survives_what_fails_after_it() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new().value("URL", "of us"));
    set_local(&s, "URL", "mine");
    // Over a value that is there nothing has to be noted; taking it away has to be.
    s.call(["set", "--local", "URL"]).stdin("other").after("ulimit -f 0").go().succeeds();
    s.run(["get", "URL"]).succeeds().shows("other");
    s.call(["unset", "--local", "URL"]).after("ulimit -f 0").go().exits(1).says("cannot remember");
    s.run(["get", "URL"]).succeeds().shows("other");
    s.run(["unset", "--local", "URL", "NONE"]).exits(1).says("`NONE` has no value of your own");
    s.run(["get", "URL"]).succeeds().shows("other");
    s.call(["set", "URL"]).stdin("new").go().succeeds().says("your own value of `URL` is laid over it");
    let script = "for n in 1 2 3 4 5 6 7 8; do (printf $n | secrets set --local N 2>$n.log || cat $n.log) & done; wait";
    s.shell(script).go().succeeds().shows_nothing();
    s.run(["get", "N"]).succeeds();
}

/// A folder says nothing of who was there before.
#[test]
fn a_project_that_is_made_anew_begins_without() {
    if !is_here() {
        return;
    }
    let (s, _keychain) = start(Sandbox::new().value("URL", "of us"));
    set_local(&s, "URL", "mine");
    let toml = s.read("secrets.toml");
    std::fs::remove_file(s.path("secrets.toml")).unwrap();
    std::fs::remove_dir_all(s.path("secrets")).unwrap();
    // Another project in its place, which a person accepts: what is laid over it is shown.
    s.write("secrets.toml", toml.replace("project = \"shop\"", "project = \"other\""));
    s.call(["set", "--local", "URL"]).stdin("x").go().exits(5).says("`secrets allow`");
    s.run(["allow"]).succeeds().says("`development` has values of your own from before: `URL`");
    std::fs::remove_file(s.path("secrets.toml")).unwrap();
    s.run(["init", "--yes"]).succeeds();
    let s = s.value("URL", "fresh");
    s.run(["get", "URL"]).succeeds().shows("fresh");
    s.run(["list"]).succeeds().says_nothing();
}
