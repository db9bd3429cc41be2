//! What `allow` shows before it accepts, and what `deny` takes back.

use crate::sandbox::Sandbox;
use crate::trust::start;

const MALLORY: &str = "age1pvugvqht7rm5le7hxqweerjquntt9n948tduzys67gqjl8ymgchq8je9xx";
const BOB: &str = "age1kd232uu8ww8gvptlvh0j5xs72uuuuda5yr236mkzmx70hdqtmqjqu57kyg";
const REFERENCE: &str = "\n[environments.development.from]\nDB = \"vault://a/b#c\"\n";

/// A project that somebody else made, with a reference, on a machine that never met it.
fn cloned() -> Sandbox {
    let s = Sandbox::new().value("PORT", "8080").settings(REFERENCE);
    s.forget();
    s
}

#[test]
fn a_reference_is_shown_before_it_is_accepted_whatever_met_the_project_first() {
    for first in [&["list"][..], &["run", "--except", "DB", "--", "true"]] {
        let s = cloned();
        s.run(first).code();
        assert_eq!(start(&s, &["--except", "DB"]), (125, false), "after {first:?}");
        let allowed = s.run(["allow"]);
        assert!(allowed.succeeds().stderr().contains("vault://a/b#c"), "after {first:?}: {}", allowed.stderr());
        assert_eq!(start(&s, &["--except", "DB"]), (0, true), "after {first:?}");
    }
}

#[test]
fn what_was_only_seen_is_shown_before_it_is_accepted() {
    let mut unshown = Vec::new();
    for first in ["status", "set", "deny"] {
        let s = cloned();
        s.call(if first == "set" { vec!["set", "NEW"] } else { vec![first] }).stdin("x").go().succeeds();
        assert_eq!(start(&s, &["--except", "DB"]), (125, false), "after {first}");
        let allowed = s.run(["allow"]);
        if !allowed.succeeds().stderr().contains("vault://a/b#c") {
            unshown.push(first);
        }
    }
    assert!(unshown.is_empty(), "after {unshown:?} `allow` accepts a reference without a word");
}

#[test]
fn an_environment_that_is_new_is_shown_before_it_is_accepted() {
    let s = Sandbox::new();
    let text = s.read("secrets.toml");
    let more = format!(
        "{text}\n[environments.staging]\nreaders = [\"dev\"]\n\n[environments.staging.from]\nDB = \"vault://x/y#z\"\n"
    );
    s.write("secrets.toml", more);
    s.run(["allow"]).succeeds().says("staging").says("vault://x/y#z");
}

#[test]
fn deny_takes_references_and_names_back_and_keeps_what_was_seen() {
    let s = Sandbox::new().value("LD_WARN", "yes").settings(REFERENCE);
    s.run(["allow", "--name", "LD_WARN"]).succeeds();
    let flags = ["--except", "DB"];
    assert_eq!(start(&s, &flags), (0, true));
    let old = s.sealed();
    s.call(["set", "PORT"]).stdin("8080").go().succeeds();
    let s = s.repository();
    s.run(["deny"]).succeeds().says("is not trusted any more");
    assert_eq!(start(&s, &flags), (125, false));
    s.run(["status"]).succeeds().shows_part("seen on this machine");
    s.run(["allow"]).succeeds();
    s.run(["run", "--except", "DB", "--", "true"]).exits(125).says("a file or a store must not set `LD_WARN`");
    s.write(crate::sandbox::SEALED, old);
    s.run(["run", "--except", "DB,LD_WARN", "--", "true"]).exits(125).says("brought back");
}

/// A change of secrets.toml, and the words with which `allow` names it.
type Change = (&'static str, fn(&str) -> String, &'static str);

const CHANGES: [Change; 11] = [
    ("a member", |t| format!("{t}\n[members.eve]\nrecipients = [\"{MALLORY}\"]\n"), "`eve`"),
    ("a recipient", |t| t.replacen("recipients = [", &format!("recipients = [\"{MALLORY}\", "), 1), "`alice`"),
    ("a group", |t| t.replace("dev = [\"alice\"]", "dev = [\"alice\", \"bob\"]"), "`dev`"),
    ("a reader", |t| t.replacen("readers = [\"dev\"]", "readers = [\"dev\", \"bob\"]", 1), "`bob`"),
    ("a plain name", |t| t.replacen("plain = [\"PORT\"]", "plain = [\"PORT\", \"K*\"]", 1), "`K*`"),
    ("a reference", |t| t.replace("vault://a/b#c", "vault://evil#c"), "vault://evil#c"),
    ("a store's address", |t| t.replace("https://vault.example.com", "https://evil.example.com"), "evil.example.com"),
    ("a program", |t| t.replace("rotator = \"postgres\"", "rotator = \"evil\""), "evil"),
    ("a name that runs code", |t| format!("{t}\n[values.RUBYOPT]\nruns_code = true\n"), "`RUBYOPT`"),
    ("what it extends", |t| t.replace("extends = \"development\"\n", ""), "extended"),
    ("a file", |t| t.replace("file = \"prod.env\"", "file = \"other.env\""), "other.env"),
];

/// A trusted project that has each thing which can change.
fn project() -> Sandbox {
    let settings = format!(
        "plain = [\"PORT\"]\n{REFERENCE}\n[environments.production]\nextends = \"development\"\nfile = \"prod.env\"\n\
         readers = [\"dev\"]\n\n[members.bob]\nrecipients = [\"{BOB}\"]\nuntil = \"2025-12-31\"\n\n\
         [stores.vault]\naddress = \"https://vault.example.com\"\n\n[values.DB_PASSWORD]\nrotator = \"postgres\"\n"
    );
    Sandbox::new().settings(&settings).value("KEY", "value of the key")
}

#[test]
fn each_changed_field_is_named_by_status_and_allow() {
    let mut unnamed = Vec::new();
    for (what, change, words) in CHANGES {
        let s = project();
        let before = s.read("secrets.toml");
        let after = change(&before);
        assert_ne!(before, after, "{what}: the change is one");
        s.write("secrets.toml", after);
        let changed = s.run(["status", "--json"]).succeeds().json()["changed"].to_string();
        let allowed = s.run(["allow"]).stderr();
        if !changed.contains(words) || !allowed.contains(words) {
            unnamed.push(format!("{what}: status {changed}, allow {allowed}"));
        }
        let after = s.run(["status", "--json"]).succeeds().json()["changed"].to_string();
        assert_eq!(after, "[]", "{what}: accepted once is accepted");
    }
    assert!(unnamed.is_empty(), "{} not named:\n{}", unnamed.len(), unnamed.join("\n"));
}

#[test]
fn a_store_a_reference_or_a_program_that_changed_stops_readers_and_no_writer() {
    for (what, change, _) in
        CHANGES.iter().filter(|(what, _, _)| ["a reference", "a store's address", "a program"].contains(what))
    {
        let s = project();
        s.write("secrets.toml", change(&s.read("secrets.toml")));
        assert_eq!(start(&s, &["--except", "DB"]), (125, false), "{what}");
        s.run(["get", "KEY"]).exits(5).says("that this machine has not accepted");
        s.run(["export", "--only", "KEY"]).exits(5);
        s.call(["set", "NEW"]).stdin("x").go().succeeds();
        assert_eq!(start(&s, &["--except", "DB"]), (125, false), "{what}: `set` accepts nothing");
        s.run(["allow"]).succeeds();
        assert_eq!(start(&s, &["--except", "DB"]), (0, true), "{what}");
    }
}

/// Writes the first file of production; tells whether bob is among its readers.
fn wraps_for_bob(s: &Sandbox) -> bool {
    s.call(["set", "P", "--env", "production"]).stdin("p").go().succeeds();
    let is_reader = s.read("prod.env").contains(BOB);
    std::fs::remove_file(s.path("prod.env")).expect("it was written");
    is_reader
}

/// Accepts a change of the settings, lets somebody make another one, and asks for whom the first file is wrapped.
fn is_wrapped_only_after_allow(accepted: [&str; 2], changed: [&str; 2]) {
    let s = project();
    s.write("secrets.toml", s.read("secrets.toml").replace(accepted[0], accepted[1]));
    s.run(["allow"]).succeeds();
    assert!(!wraps_for_bob(&s), "before {changed:?}");
    s.write("secrets.toml", s.read("secrets.toml").replace(changed[0], changed[1]));
    assert!(!wraps_for_bob(&s), "this machine has not accepted {changed:?}");
    s.run(["allow"]).succeeds();
    assert!(wraps_for_bob(&s), "accepted: {changed:?}");
}

const GROUP: [&str; 2] = ["dev = [\"alice\"]", "dev = [\"alice\", \"bob\"]"];

#[test]
fn a_first_file_is_not_sealed_to_a_member_who_is_new_in_a_group() {
    is_wrapped_only_after_allow(["until = \"2025-12-31\"\n", ""], GROUP);
}

#[test]
fn a_first_file_is_not_sealed_to_a_member_whose_last_day_was_moved() {
    is_wrapped_only_after_allow(GROUP, ["2025-12-31", "2027-12-31"]);
}

#[test]
fn a_last_day_that_was_moved_is_named_by_status_and_allow() {
    let s = project();
    s.write("secrets.toml", s.read("secrets.toml").replace("2025-12-31", "2027-12-31"));
    s.run(["status"]).succeeds().shows_part("`bob`");
    s.run(["allow"]).succeeds().says("`bob`");
}
