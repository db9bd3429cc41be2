//! `root`, and the folder in which the record lies.

use std::fs;
use std::path::Path;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::trust::RECIPIENT;
use crate::trust::put;
use crate::trust::start;
use crate::trust::without_seal;

const SERVICE: &str =
    "version = 1\nproject = \"api\"\nroot = \"..\"\n\n[environments.development]\nreaders = [\"dev\"]\n";

/// A trusted service below the project, whose members it has.
fn service() -> Sandbox {
    let s = Sandbox::new().file("api/secrets.toml", SERVICE);
    s.call(["allow"]).cwd("api").go().succeeds();
    s.call(["set", "A"]).stdin("1").cwd("api").go().succeeds();
    s.call(["run", "--", "true"]).cwd("api").go().succeeds();
    s
}

/// The service with a file that was never sealed: its place says nothing, so that only the record can tell.
fn unsealed_service() -> Sandbox {
    let s = service();
    let path = format!("api/{SEALED}");
    s.write(&path, without_seal(&s.read(&path)));
    s.forget();
    s.call(["allow"]).cwd("api").go().succeeds();
    s.call(["run", "--", "true"]).cwd("api").go().succeeds();
    s
}

/// The service's settings with members of its own and no `root`.
fn alone(s: &Sandbox) -> String {
    let team = s.read("secrets.toml");
    let own = team.lines().skip_while(|line| !line.starts_with("[members")).map(|line| format!("{line}\n"));
    format!("version = 1\nproject = \"api\"\n\n{}", own.collect::<String>())
}

#[test]
fn a_root_that_is_gone_stops_readers_and_writers() {
    let s = unsealed_service();
    s.write("api/secrets.toml", alone(&s));
    s.call(["run", "--", "true"]).cwd("api").go().exits(125).says("`root` led to");
    s.call(["get", "A"]).cwd("api").go().exits(5).says("and leads nowhere");
    let before = s.read(format!("api/{SEALED}"));
    s.call(["set", "B"]).stdin("x").cwd("api").go().exits(5).says("and leads nowhere");
    assert_eq!(s.read(format!("api/{SEALED}")), before);
}

#[test]
fn a_root_that_is_gone_is_accepted_by_allow_once_and_for_all() {
    let s = unsealed_service();
    s.write("api/secrets.toml", alone(&s));
    s.call(["allow"]).cwd("api").go().succeeds().says("`root` led to");
    s.call(["run", "--", "true"]).cwd("api").go().succeeds();
}

#[test]
fn a_root_that_is_new_stops_every_reader_until_allow() {
    let s = unsealed_service();
    s.write("api/secrets.toml", alone(&s));
    s.forget();
    s.call(["allow"]).cwd("api").go().succeeds();
    s.call(["run", "--", "true"]).cwd("api").go().succeeds();
    s.write("api/secrets.toml", SERVICE);
    s.call(["run", "--", "true"]).cwd("api").go().exits(125).says("`root` led nowhere");
    s.call(["get", "A"]).cwd("api").go().exits(5);
    s.call(["allow"]).cwd("api").go().succeeds();
    s.call(["run", "--", "true"]).cwd("api").go().succeeds();
}

#[test]
fn services_of_one_root_cannot_exchange_their_files() {
    let s = service();
    let other = SERVICE.replace("\"api\"", "\"web\"");
    s.write("web/secrets.toml", other);
    s.call(["allow"]).cwd("web").go().succeeds();
    s.call(["set", "A"]).stdin("2").cwd("web").go().succeeds();
    s.write(format!("web/{SEALED}"), s.read(format!("api/{SEALED}")));
    s.call(["get", "A"]).cwd("web").go().exits(5).says("sealed for another place");
    s.call(["run", "--", "true"]).cwd("api").go().succeeds();
}

fn is_refused_while_others_can_write(s: &Sandbox, state: &Path) {
    for mode in [0o777, 0o770] {
        s.chmod(state, mode);
        assert_eq!(start(s, &[]), (125, false), "{mode:o}");
        s.run(["get", "A"]).exits(5).says("others could have written");
        s.run(["allow"]).exits(5);
    }
    s.chmod(state, 0o700);
    s.run(["run", "--", "true"]).succeeds();
}

#[test]
fn a_state_folder_that_others_can_write_is_refused() {
    let s = Sandbox::new().value("A", "1");
    is_refused_while_others_can_write(&s, &s.root().join("home/.local/state/secrets"));
}

#[test]
fn a_state_folder_that_others_can_write_is_refused_without_a_record_too() {
    let s = Sandbox::new().value("A", "1");
    let state = s.root().join("home/.local/state/secrets");
    // Who can write there can take a record away, and an old file would be the first one that was ever seen.
    fs::remove_dir_all(state.join("projects")).expect("there is a record");
    is_refused_while_others_can_write(&s, &state);
}

#[test]
fn a_record_that_cannot_be_read_is_no_project_that_was_never_met() {
    let s = Sandbox::new().value("A", "1");
    let record = crate::sandbox::find(&s.root().join("home/.local/state/secrets"), "trust.json");
    let text = fs::read_to_string(&record).expect("a record");
    for damaged in ["", "{", &text[..text.len() / 2], &text.replace("\"version\": 1", "\"version\": 2")] {
        fs::write(&record, damaged).expect("a record");
        assert_eq!(start(&s, &[]), (125, false), "{damaged:.20}");
    }
    fs::write(&record, &text).expect("a record");
    assert_eq!(start(&s, &[]), (0, true));
}

#[test]
fn a_project_that_was_never_met_is_seen_and_not_trusted() {
    let s = Sandbox::new().value("A", "1");
    s.forget();
    assert_eq!(start(&s, &[]), (0, true));
    assert_eq!(s.run(["status", "--json"]).succeeds().json()["trust"], "seen");
    // What was seen is what the next version is compared with.
    let before = s.sealed();
    put(&s, without_seal(&before));
    assert_eq!(start(&s, &[]), (125, false));
    put(&s, before);
    s.run(["allow"]).succeeds();
    assert_eq!(s.run(["status", "--json"]).succeeds().json()["trust"], "trusted");
}

/// Settings that lie inside the project and name readers of their own.
fn nested(s: &Sandbox) -> String {
    alone(s).replace("\"api\"", "\"nested\"")
}

#[test]
fn a_project_that_is_new_inside_a_known_one_stops_everybody_until_allow() {
    let s = Sandbox::new().secret("OUTER");
    s.write("api/secrets.toml", nested(&s));
    for _ in 0..2 {
        s.call(["run", "--", "true"]).cwd("api").go().exits(125).says("it is new inside the project in `");
        s.call(["set", "A"]).stdin("1").cwd("api").go().exits(5).says("which this machine knows");
        s.call(["member", "add", "bob", RECIPIENT, "--to", "dev"]).cwd("api").go().exits(5);
        s.call(["status"]).cwd("api").go().succeeds().shows_part("it is new inside the project");
    }
    assert!(!s.path(format!("api/{SEALED}")).exists());
    s.call(["allow"]).cwd("api").go().succeeds().says("it is new inside the project in `");
    s.call(["set", "A"]).stdin("1").cwd("api").go().succeeds();
    s.call(["run", "--", "true"]).cwd("api").go().succeeds();
}

#[test]
fn a_repository_inside_a_known_project_is_its_own() {
    let s = Sandbox::new().secret("OUTER").repository();
    s.write("vendored/secrets.toml", nested(&s));
    s.git(["-C", "vendored", "init", "--quiet"]);
    s.call(["set", "A"]).stdin("1").cwd("vendored").go().succeeds();
    s.call(["run", "--", "true"]).cwd("vendored").go().succeeds();
    s.git(["worktree", "add", "--quiet", "trees/other"]);
    s.call(["list"]).cwd("trees/other").go().succeeds();
}

#[test]
fn a_service_that_is_new_inside_a_known_project_stops_everybody_until_allow() {
    let s = Sandbox::new().secret("OUTER");
    s.write("api/secrets.toml", SERVICE.replace("[\"dev\"]", "[\"alice\"]\nplain = [\"*\"]"));
    s.run(["member", "list"]).succeeds();
    s.run(["rekey", "--all"]).succeeds();
    for _ in 0..2 {
        s.call(["run", "--", "true"]).cwd("api").go().exits(125).says("it is new inside the project in `");
        s.call(["set", "A"]).stdin("1").cwd("api").go().exits(5);
    }
    s.call(["allow"]).cwd("api").go().succeeds();
    s.call(["set", "A"]).stdin("1").cwd("api").go().succeeds();
    s.call(["run", "--", "true"]).cwd("api").go().succeeds();
}

/// Without the key somebody declares a file a second time, with readers of his own.
#[test]
fn a_file_that_two_environments_declare_is_rekeyed_for_neither() {
    let s = Sandbox::new().secret("KEY").production();
    let bob = crate::team::Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    s.call(["set", "KEY", "--env", "production"]).stdin("1").go().succeeds();
    let hostile = "version = 1\nproject = \"shop\"\nroot = \"..\"\n\n[environments.production]\n\
                   file = \"production.env\"\nreaders = [\"bob\"]\nplain = [\"*\"]\n";
    s.write("secrets/secrets.toml", hostile);
    let before = s.read("secrets/production.env");
    for words in [&["rekey", "--all"][..], &["rekey", "--env", "production"], &["member", "remove", "bob", "--yes"]] {
        s.run(words).exits(5).says("have the same file, `secrets/production.env`");
    }
    s.call(["set", "KEY"]).stdin("2").cwd("secrets").go().exits(5).says("it is new inside");
    s.call(["run", "--", "true"]).cwd("secrets").go().exits(125);
    assert_eq!(s.read("secrets/production.env"), before);
}

/// The settings are gone from the folder, and others stand above it.
#[test]
fn a_project_that_moved_above_stops_everybody_until_allow() {
    let s = Sandbox::new().secret("OUTER").repository();
    let own = s.read("secrets.toml");
    s.write("../secrets.toml", own.replace("project = \"shop\"", "project = \"other\""));
    std::fs::remove_file(s.path("secrets.toml")).expect("it is there");
    for _ in 0..2 {
        s.run(["run", "--", "true"]).exits(125).says("`shop` had a secrets.toml of its own, and has none");
        s.call(["set", "A"]).stdin("1").go().exits(5);
    }
    s.run(["allow"]).succeeds().says("`shop` had a secrets.toml of its own");
    s.call(["set", "A"]).stdin("1").go().succeeds();
    s.run(["run", "--", "true"]).succeeds();
    // The old branch again, and back.
    s.write("secrets.toml", own);
    s.run(["run", "--", "true"]).succeeds();
    std::fs::remove_file(s.path("secrets.toml")).expect("it is there");
    s.run(["run", "--", "true"]).exits(125).says("`shop` had a secrets.toml of its own, and has none");
}

#[test]
fn a_service_whose_settings_are_gone_does_not_follow_its_root_before_allow() {
    let s = service();
    // Accepted for an old branch, it counts until the settings are there again.
    for _ in 0..2 {
        std::fs::remove_file(s.path("api/secrets.toml")).expect("it is there");
        s.call(["run", "--", "true"]).cwd("api").go().exits(125).says("`api` had a secrets.toml of its own");
        s.run(["run", "--", "true"]).succeeds();
        s.call(["allow"]).cwd("api").go().succeeds();
        s.call(["run", "--", "true"]).cwd("api").go().succeeds();
        s.write("api/secrets.toml", SERVICE);
        s.call(["run", "--", "true"]).cwd("api").go().succeeds();
    }
}
