//! Merges of sides whose data keys or readers differ.

use std::path::Path;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use super::repository::BOTH_WAYS;
use super::repository::as_bob;
use super::repository::commit;
use super::repository::diverge;
use super::repository::git;
use super::repository::is_in_order;
use super::repository::merge;
use super::repository::other_machine;
use super::repository::project;
use super::repository::runs_with;
use super::repository::seal_field;
use super::repository::sealed_at;
use super::repository::set;
use super::repository::state;
use super::repository::with_bob;

#[test]
fn a_side_that_was_rekeyed_gives_its_data_key_and_proves_it() {
    for (here, there) in BOTH_WAYS {
        let s = project();
        let other = other_machine(&s, "other");
        diverge(&s, |s| set(s, "A", "ours"), rekey);
        let old = seal_field(&sealed_at(&s, "main"), "kc");
        let new = seal_field(&sealed_at(&s, "theirs"), "kc");
        git(&s, ["checkout", "-q", here]).succeeds();
        merge(&s, there).succeeds().never_says("not sealed");
        assert_ne!(old, new);
        assert_eq!(seal_field(&s.sealed(), "kc"), new);
        is_in_order(&s);
        runs_with(&s, &[("A", "ours"), ("D", "D")]);
        // It has seen nothing but the old key.
        s.call(["run", "--", "true"]).env("XDG_STATE_HOME", other).go().succeeds().says_nothing();
    }
}

#[test]
fn two_sides_that_were_rekeyed_wait_for_a_person_and_get_a_third_data_key() {
    let s = project();
    let other = other_machine(&s, "other");
    let changes = |s: &Sandbox| {
        rekey(s);
        set(s, "A", "ours");
    };
    let rekey_elsewhere = |s: &Sandbox| {
        s.call(["rekey"]).env("XDG_STATE_HOME", &other).go().succeeds();
        commit(s, "rekey");
    };
    diverge(&s, changes, rekey_elsewhere);
    let other = other_machine(&s, "third");
    merge(&s, "theirs").exits(1).says("both sides were rekeyed").says("`secrets reseal`");
    state(&s, &["waits for a merge", "`secrets reseal`"]);
    let before = s.sealed();
    s.run(["reseal"]).exits(1).says("`secrets reseal --yes`");
    assert_eq!(s.sealed(), before);
    s.run(["reseal", "--yes"]).succeeds();
    let new = seal_field(&s.sealed(), "kc");
    assert!(["ours", "theirs", "main"].iter().all(|side| seal_field(&sealed_at(&s, side), "kc") != new));
    commit(&s, "merge");
    is_in_order(&s);
    runs_with(&s, &[("A", "ours"), ("D", "D")]);
    s.call(["run", "--", "true"]).env("XDG_STATE_HOME", other).go().succeeds().says_nothing();
}

#[test]
fn two_sides_that_both_made_the_file_wait_for_a_person() {
    let s = project().production();
    commit(&s, "production");
    let other = other_machine(&s, "other");
    let here = s.root().join("home/.local/state");
    let make = |s: &Sandbox, machine: &Path, name: &str, word: &str| {
        let set = s.call(["set", name, "-e", "production"]).env("XDG_STATE_HOME", machine);
        set.stdin(secret(word)).go().succeeds();
        commit(s, "made");
    };
    diverge(&s, |s| make(s, &here, "A", "ours"), |s| make(s, &other, "B", "theirs"));
    let outcome = merge(&s, "theirs");
    outcome.exits(1).says("one side has a data key without proof of the other's").says("`secrets reseal`");
    s.run(["reseal", "-e", "production", "--yes"]).succeeds();
    commit(&s, "merge");
    for (name, word) in [("A", "ours"), ("B", "theirs")] {
        s.run(["get", name, "-e", "production"]).succeeds().shows(secret(word)).reveals(word);
    }
}

#[test]
fn a_member_that_one_side_added_reads_what_the_other_side_set() {
    for (here, there) in BOTH_WAYS {
        let (s, bob) = with_bob(project());
        let add = |s: &Sandbox| add_bob(s, &bob);
        diverge(&s, |s| set(s, "A", "ours"), add);
        git(&s, ["checkout", "-q", here]).succeeds();
        merge(&s, there).succeeds().never_says("not sealed");
        is_in_order(&s);
        runs_with(&s, &[("A", "ours")]);
        as_bob(&s, &["get", "A"]).go().succeeds().shows(secret("ours")).reveals("ours");
    }
}

#[test]
fn a_member_that_one_side_removed_does_not_read_what_the_other_side_set() {
    for (here, there) in BOTH_WAYS {
        let (s, bob) = with_bob(project());
        add_bob(&s, &bob);
        diverge(&s, |s| set(s, "A", "ours"), remove_bob);
        git(&s, ["checkout", "-q", here]).succeeds();
        merge(&s, there).succeeds().never_says("not sealed");
        runs_with(&s, &[("A", "ours")]);
        as_bob(&s, &["decrypt", SEALED]).go().exits(3).shows_nothing();
        assert!(!s.sealed().contains(&bob));
    }
}

#[test]
fn a_rekey_gives_nobody_the_new_key_because_the_other_side_added_him() {
    for (here, there) in BOTH_WAYS {
        let (s, bob) = with_bob(project());
        let add = |s: &Sandbox| add_bob(s, &bob);
        diverge(&s, rekey, add);
        git(&s, ["checkout", "-q", here]).succeeds();
        merge(&s, there).succeeds();
        runs_with(&s, &[("A", "A")]);
        as_bob(&s, &["decrypt", SEALED]).go().exits(3).shows_nothing();
    }
}

#[test]
fn a_member_that_one_side_removed_stays_out_although_the_other_side_was_rekeyed_too() {
    for (here, there) in BOTH_WAYS {
        let (s, bob) = with_bob(project());
        add_bob(&s, &bob);
        // This machine knows the key of the other side when it makes this one.
        diverge(&s, rekey, remove_bob);
        set(&s, "A", "new");
        git(&s, ["checkout", "-q", here]).succeeds();
        // Whether it asks a person or not.
        if merge(&s, there).status.code() == Some(1) {
            s.run(["reseal", "--yes"]).succeeds();
            commit(&s, "merge");
        }
        runs_with(&s, &[("A", "new")]);
        as_bob(&s, &["decrypt", SEALED]).go().exits(3).shows_nothing();
    }
}

fn rekey(s: &Sandbox) {
    s.run(["rekey"]).succeeds();
    commit(s, "rekey");
}

fn add_bob(s: &Sandbox, bob: &str) {
    s.run(["member", "add", "bob", bob, "--to", "dev"]).succeeds();
    commit(s, "bob");
}

fn remove_bob(s: &Sandbox) {
    s.run(["member", "remove", "bob", "--yes"]).succeeds();
    commit(s, "no bob");
}
