//! `secrets diff`, and what `git diff` and `git log -p` show of a sealed file.

use std::collections::BTreeMap;

use serde_json::json;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use super::repository::branch;
use super::repository::commit;
use super::repository::git;
use super::repository::locked;
use super::repository::other_machine;
use super::repository::project;
use super::repository::set;
use super::repository::with_bob;

#[test]
fn the_work_tree_is_compared_with_the_last_commit_by_name() {
    let s = project();
    s.run(["diff"]).succeeds().shows_nothing();
    changes(&s);
    s.run(["diff"]).succeeds().shows("development\n  + N\n  - B\n  ~ A\n");
    s.run(["diff", "HEAD"]).succeeds().shows("development\n  + N\n  - B\n  ~ A\n");
    commit(&s, "changes");
    s.run(["diff"]).succeeds().shows_nothing();
    s.run(["diff", "HEAD~1"]).succeeds().shows("development\n  + N\n  - B\n  ~ A\n");
}

#[test]
fn two_commits_are_compared_in_both_directions() {
    let s = project();
    changes(&s);
    commit(&s, "changes");
    branch(&s, "later", "main");
    set(&s, "C", "theirs");
    for (range, want) in [
        ("main~1..main", "development\n  + N\n  - B\n  ~ A\n"),
        ("main..main~1", "development\n  + B\n  - N\n  ~ A\n"),
        ("main..later", "development\n  ~ C\n"),
        ("main..", "development\n  ~ C\n"),
        ("..main~1", "development\n  + B\n  - N\n  ~ A\n  ~ C\n"),
        ("main..main", ""),
    ] {
        assert_eq!(s.run(["diff", range]).succeeds().stdout(), want, "{range}");
    }
    s.run(["diff", "main..nowhere"]).exits(1).shows_nothing().says("git knows no commit `nowhere`");
    s.run(["diff", "--", "--output=here"]).exits(1).shows_nothing();
    assert!(!s.path("here").exists());
}

#[test]
fn a_rekey_alone_shows_no_changed_name() {
    let s = project();
    s.run(["rekey"]).succeeds();
    s.run(["diff"]).succeeds().shows("development\n  * a new data key\n");
    s.call(["set", "A"]).stdin(secret("new")).go().succeeds();
    s.run(["diff"]).succeeds().shows("development\n  ~ A\n  * a new data key\n");
    let names = ["A", "B", "C", "D", "E", "F"].map(|n| format!("  ? {n} (rekeyed; no identity here compares it)\n"));
    let want = format!("development\n{}  * a new data key\n", names.concat());
    let outcome = locked(&s, || s.run(["diff"]));
    outcome.succeeds().shows(want);
}

#[test]
fn without_an_identity_lines_are_compared() {
    let s = project();
    changes(&s);
    let outcome = locked(&s, || s.run(["diff"]));
    outcome.succeeds().shows("development\n  + N\n  - B\n  ~ A\n");
}

#[test]
fn readers_and_layout_are_told() {
    let (s, bob) = with_bob(project());
    s.run(["member", "add", "bob", &bob, "--to", "dev"]).succeeds();
    s.run(["diff"]).succeeds().shows("development\n  + reader bob\n");
    commit(&s, "bob");
    let s = s.script("../tmp/editor", "#!/bin/sh\nsed -i '/^A=/i # why' \"$1\"\n");
    let editor = s.path("../tmp/editor");
    s.call(["edit"]).env("EDITOR", editor).go().succeeds();
    s.run(["diff"]).succeeds().shows("development\n  * comments or order\n");
    commit(&s, "comment");
    s.run(["member", "remove", "bob", "--yes"]).succeeds();
    // He is no member any more, so he has no name.
    let shown = s.run(["diff"]).succeeds().stdout();
    assert!(shown.contains("\n  - reader ") && shown.contains("\n  * a new data key\n"), "{shown}");
    assert!(!shown.contains('~') && !shown.contains('?'), "{shown}");
}

#[test]
fn json_has_all_of_it() {
    let s = project().production();
    commit(&s, "production");
    changes(&s);
    let want = json!({
        "environment": "development", "readable": true, "added": ["N"], "removed": ["B"], "changed": ["A"],
        "unknown": [], "readers_added": [], "readers_removed": [], "rekeyed": false, "selector": false, "layout": false,
    });
    assert_eq!(s.run(["diff", "--json"]).succeeds().json(), json!([want]));
    s.call(["set", "P", "-e", "production"]).stdin(secret("ours")).go().succeeds();
    let all = s.run(["diff", "--json"]).succeeds().json();
    assert_eq!((&all[0], &all[1]["added"]), (&want, &json!(["P"])));
    assert_eq!(s.run(["diff", "--json", "-e", "production"]).succeeds().json(), json!([all[1]]));
    s.run(["diff", "--json", "-e", "nowhere"]).exits(1).shows_nothing();
    s.write(SEALED, "not a sealed file\n");
    let broken = s.run(["diff", "--json", "-e", "development"]).succeeds().json();
    assert_eq!(broken, json!([{ "environment": "development", "readable": false }]));
}

#[test]
fn outside_a_repository_it_says_so() {
    let s = Sandbox::new();
    s.run(["diff"]).exits(1).shows_nothing().says("this folder is in no git repository");
}

#[test]
fn git_diff_shows_marks_and_no_value() {
    let s = project();
    changes(&s);
    let diff = git(&s, ["diff"]).succeeds().stdout();
    let changed: Vec<&str> = diff.lines().filter(|l| l.starts_with(['+', '-'])).collect();
    let names: Vec<&str> = changed.iter().filter_map(|line| Some(line.split_once("=(value ")?.0)).collect();
    assert_eq!(names, ["-A", "-B", "+A", "+N"], "{diff}");
    assert!(!diff.contains("ENC[") && !diff.contains("sops_"), "{diff}");
    commit(&s, "changes");
    let log = git(&s, ["log", "-p", "--", SEALED]).succeeds().stdout();
    assert!(log.contains("\n+N=(value ") && !log.contains("ENC["), "{log}");
}

#[test]
fn a_value_keeps_its_mark_through_a_rekey_and_back() {
    let s = project();
    let before = marks(&s);
    s.run(["rekey"]).succeeds();
    assert_eq!(marks(&s), before);
    let diff = git(&s, ["diff"]).succeeds().stdout();
    let changed: Vec<&str> = diff.lines().skip(4).filter(|line| line.starts_with(['+', '-'])).collect();
    assert_eq!(changed, ["-# version 7", "+# version 8"], "{diff}");
    s.call(["set", "A"]).stdin(secret("new")).go().succeeds();
    let changed = marks(&s);
    assert_ne!(changed["A"], before["A"]);
    s.call(["set", "A"]).stdin(secret("A")).go().succeeds();
    assert_eq!(marks(&s), before);
}

#[test]
fn a_mark_says_nothing_to_who_sees_it() {
    let s = project();
    s.call(["set", "B"]).stdin(secret("A")).go().succeeds();
    let here = marks(&s);
    assert_ne!(here["A"], here["B"], "the same value under two names");
    let elsewhere = other_machine(&s, "other");
    let status = s.call(["git", "textconv", SEALED]).env("XDG_STATE_HOME", elsewhere.join("empty")).go();
    assert_ne!(parse(&status.succeeds().stdout())["A"], here["A"], "the same value on another machine");
    let sealed = locked(&s, || marks(&s));
    assert!(sealed.values().all(|mark| mark.starts_with("(sealed ")), "{sealed:?}");
}

#[test]
fn textconv_prints_whatever_it_is_given() {
    let s = project();
    s.write("broken", "<<<<<<< HEAD\nA=ENC[]\n");
    s.run(["git", "textconv", "broken"]).succeeds().shows_part("# cannot be read: ");
    s.write("empty", "");
    s.run(["git", "textconv", "empty"]).succeeds();
    s.run(["git", "textconv", SEALED]).succeeds().shows_part("# readers: alice\n# version 7\n");
}

/// Changes A, removes B, adds N.
fn changes(s: &Sandbox) {
    s.call(["set", "A"]).stdin(secret("new")).go().succeeds();
    s.run(["unset", "B"]).succeeds();
    s.call(["set", "N"]).stdin(secret("ours")).go().succeeds();
}

/// Returns the mark of each name.
fn marks(s: &Sandbox) -> BTreeMap<String, String> {
    parse(&s.run(["git", "textconv", SEALED]).succeeds().stdout())
}

fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(name, mark)| (name.to_string(), mark.to_string())).collect()
}
