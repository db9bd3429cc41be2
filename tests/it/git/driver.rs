//! The merge driver: whose data key, whose seal, and when it leaves the work to a person.

use std::path::Path;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

use super::repository::as_bob;
use super::repository::bare;
use super::repository::branch;
use super::repository::commit;
use super::repository::diverge;
use super::repository::git;
use super::repository::has_markers;
use super::repository::is_in_order;
use super::repository::is_sealed;
use super::repository::locked;
use super::repository::merge;
use super::repository::other_machine;
use super::repository::project;
use super::repository::refuses_to_run;
use super::repository::reset;
use super::repository::runs_with;
use super::repository::seal_field;
use super::repository::sealed_at;
use super::repository::set;
use super::repository::set_like_sops;
use super::repository::state;
use super::repository::with_bob;

/// From here into there, and from there into here.
const BOTH_WAYS: [(&str, &str); 2] = [("ours", "theirs"), ("theirs", "ours")];

#[test]
fn without_an_identity_it_is_an_ordinary_conflict_that_a_key_holder_finishes() {
    let s = project();
    diverge(&s, |s| set(s, "A", "ours"), |s| set(s, "D", "theirs"));
    locked(&s, || {
        let outcome = merge(&s, "theirs");
        outcome.exits(1).says("`secrets/development.env` is left as an ordinary conflict: no identity");
        outcome.says("hint: whoever has a key finishes it with `secrets reseal`");
        assert!(has_markers(&s));
        state(&s, &["waits for a merge", "`secrets reseal`"]);
        let before = s.sealed();
        s.run(["reseal"]).exits(3).says("no identity on this machine opens");
        assert_eq!(s.sealed(), before);
    });
    state(&s, &["waits for a merge", "`secrets reseal`"]);
    s.run(["reseal"]).succeeds().says("hint: to end the merge: `git add secrets/development.env`");
    commit(&s, "merge");
    is_in_order(&s);
    runs_with(&s, &[("A", "ours"), ("D", "theirs"), ("B", "B")]);
}

#[test]
fn what_run_says_of_an_ordinary_conflict_is_how_to_end_it() {
    let s = project();
    diverge(&s, |s| set(s, "A", "ours"), |s| set(s, "D", "theirs"));
    let outcome = locked(&s, || merge(&s, "theirs"));
    outcome.exits(1).says("ordinary conflict");
    // One side of the whole file would throw the other side's values away.
    refuses_to_run(&s, "`secrets reseal`");
}

#[test]
fn a_name_that_both_changed_is_told_by_name_and_decided_by_a_flag() {
    for (flag, word) in [("--ours", "ours"), ("--theirs", "theirs")] {
        let s = conflicting();
        let outcome = merge(&s, "theirs");
        outcome.exits(1).says("both sides changed `B` in `secrets/development.env`").says("`secrets reseal`");
        assert!(!has_markers(&s) && !is_sealed(&s));
        state(&s, &["`secrets reseal`"]);
        refuses_to_run(&s, "`secrets reseal`");
        let before = s.sealed();
        let outcome = s.run(["reseal"]);
        outcome
            .exits(1)
            .says("both sides changed `B`, and there is no terminal to ask on")
            .says("`secrets reseal --ours`");
        // That is an answer to another question.
        s.run(["reseal", "--yes"]).exits(1).says("both sides changed `B`");
        assert_eq!(s.sealed(), before);
        s.run(["reseal", flag]).succeeds().says("sealed `secrets/development.env` as version");
        commit(&s, "merge");
        is_in_order(&s);
        runs_with(&s, &[("A", "new"), ("B", word), ("F", "F")]);
    }
}

#[test]
fn a_name_that_both_changed_is_asked_for_on_a_terminal() {
    if !needs("python3") {
        return;
    }
    let question = "B: ours (a new value) or theirs (a new value)? [ours/theirs] ";
    for (dialogue, word) in [
        (&[(question, "ours\r")][..], "ours"),
        (&[(question, "t\r")], "theirs"),
        (&[(question, "yes\r"), (question, "\r"), (question, "theirs\r")], "theirs"),
    ] {
        let s = conflicting();
        merge(&s, "theirs").exits(1).says("`B`");
        s.call(["reseal"]).on_terminal(dialogue).go().succeeds().shows_part("sealed `secrets/development.env`");
        commit(&s, "merge");
        runs_with(&s, &[("A", "new"), ("B", word)]);
    }
}

#[test]
fn a_name_that_one_removed_and_the_other_changed_is_a_conflict() {
    for (here, there) in BOTH_WAYS {
        for (winner, word) in [("ours", "ours"), ("theirs", "")] {
            let s = project();
            let remove = |s: &Sandbox| {
                s.run(["unset", "B"]).succeeds();
                commit(s, "unset");
            };
            diverge(&s, |s| set(s, "B", "ours"), remove);
            git(&s, ["checkout", "-q", here]).succeeds();
            merge(&s, there).exits(1).says("both sides changed `B`");
            s.run(["list"]).succeeds().shows("A\nB\nC\nD\nE\nF");
            let flag = if winner == here { "--ours" } else { "--theirs" };
            s.run(["reseal", flag]).succeeds();
            commit(&s, "merge");
            runs_with(&s, &[("A", "A"), ("B", word)]);
        }
    }
}

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
fn a_member_that_one_side_added_reads_what_the_other_side_set() {
    for (here, there) in BOTH_WAYS {
        let (s, bob) = with_bob(project());
        let add = |s: &Sandbox| {
            s.run(["member", "add", "bob", &bob, "--to", "dev"]).succeeds();
            commit(s, "bob");
        };
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
        s.run(["member", "add", "bob", &bob, "--to", "dev"]).succeeds();
        commit(&s, "bob");
        let remove = |s: &Sandbox| {
            s.run(["member", "remove", "bob", "--yes"]).succeeds();
            commit(s, "no bob");
        };
        diverge(&s, |s| set(s, "A", "ours"), remove);
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
        let add = |s: &Sandbox| {
            s.run(["member", "add", "bob", &bob, "--to", "dev"]).succeeds();
            commit(s, "bob");
        };
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
        s.run(["member", "add", "bob", &bob, "--to", "dev"]).succeeds();
        commit(&s, "bob");
        let remove = |s: &Sandbox| {
            s.run(["member", "remove", "bob", "--yes"]).succeeds();
            commit(s, "no bob");
        };
        // This machine knows the key of the other side when it makes this one.
        diverge(&s, rekey, remove);
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

#[test]
fn sides_that_were_never_sealed_stay_so() {
    for (here, there) in BOTH_WAYS {
        let s = never_sealed();
        diverge(&s, |s| set(s, "A", "ours"), |s| set(s, "B", "theirs"));
        git(&s, ["checkout", "-q", here]).succeeds();
        merge(&s, there).succeeds().never_says("reseal");
        assert!(!is_sealed(&s) && !has_markers(&s));
        runs_with(&s, &[("A", "ours"), ("B", "theirs"), ("C", "C")]);
    }
}

#[test]
fn a_side_without_a_seal_merges_by_name_into_a_file_without_one() {
    for (here, there) in BOTH_WAYS {
        let s = project();
        let like_sops = |s: &Sandbox| {
            set_like_sops(s, "B", "theirs");
            commit(s, "sops");
        };
        diverge(&s, |s| set(s, "A", "ours"), like_sops);
        git(&s, ["checkout", "-q", here]).succeeds();
        let outcome = merge(&s, there);
        outcome.succeeds().says("is merged by name, but not sealed: a side has no seal").says("`secrets reseal`");
        assert!(!is_sealed(&s) && !has_markers(&s));
        refuses_to_run(&s, "it lost its seal");
        s.run(["reseal", "--yes"]).succeeds().says("~ B");
        runs_with(&s, &[("A", "ours"), ("B", "theirs")]);
    }
}

#[test]
fn an_old_version_that_was_put_back_on_a_branch_does_not_come_out_sealed() {
    for (here, there) in BOTH_WAYS {
        let s = project();
        let put_back = |s: &Sandbox| {
            s.write(SEALED, sealed_at(s, "main~1"));
            let commit = s.program(["git", "commit", "-q", "-a", "-m", "an old version"]);
            // The youngest commit of all, so that it comes first in the history.
            commit.env("GIT_COMMITTER_DATE", "2090-01-01T00:00:00Z").go().succeeds();
        };
        set(&s, "B", "new");
        diverge(&s, |s| set(s, "E", "ours"), put_back);
        git(&s, ["checkout", "-q", here]).succeeds();
        merge(&s, there).succeeds().says("but not sealed: a side has version").says("`secrets reseal`");
        assert!(!is_sealed(&s));
        refuses_to_run(&s, "it lost its seal");
        state(&s, &["`secrets reseal`"]);
        // Whoever seals it has seen what it does.
        let outcome = s.run(["reseal"]);
        outcome.exits(1).says("~ B");
        s.run(["reseal", "--yes"]).succeeds();
        commit(&s, "meant");
        runs_with(&s, &[("B", "B"), ("E", "ours")]);
    }
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
fn a_cherry_pick_and_a_stash_merge_by_name_too() {
    let s = project();
    diverge(&s, |s| set(s, "A", "ours"), |s| set(s, "B", "theirs"));
    git(&s, ["cherry-pick", "theirs"]).succeeds().never_says("reseal");
    runs_with(&s, &[("A", "ours"), ("B", "theirs")]);
    reset(&s, "HEAD~1");
    s.call(["set", "C"]).stdin(secret("new")).go().succeeds();
    git(&s, ["stash"]).succeeds();
    git(&s, ["merge", "-q", "--no-edit", "theirs"]).succeeds();
    git(&s, ["stash", "pop"]).succeeds().never_says("reseal");
    runs_with(&s, &[("A", "ours"), ("B", "theirs"), ("C", "new")]);
}

#[test]
fn a_project_in_a_folder_of_the_repository_merges_too() {
    let s = bare();
    std::fs::remove_dir_all(s.path(".git")).unwrap();
    s.program(["git", "init", "-q", "-b", "main"]).cwd("..").go().succeeds();
    s.write("../.gitignore", "/home/\n/tmp/\n");
    s.run(["init", "--yes"]).succeeds();
    let mut s = s;
    for name in ["A", "B", "C"] {
        s = s.secret(name);
    }
    let s = s.canary("ours", secret("ours")).canary("theirs", secret("theirs"));
    commit(&s, "base");
    diverge(&s, |s| set(s, "A", "ours"), |s| set(s, "B", "theirs"));
    merge(&s, "theirs").succeeds().never_says("reseal");
    runs_with(&s, &[("A", "ours"), ("B", "theirs"), ("C", "C")]);
    reset(&s, "HEAD~1");
    let outcome = locked(&s, || merge(&s, "theirs"));
    outcome.exits(1).says("`shop/secrets/development.env` is left as an ordinary conflict");
    state(&s, &["waits for a merge"]);
    s.run(["reseal"]).succeeds();
    runs_with(&s, &[("A", "ours"), ("B", "theirs"), ("C", "C")]);
}

#[test]
fn it_is_set_up_once_and_by_hand_where_init_left_it() {
    let s = bare();
    s.run(["init", "--yes", "--no-git"]).succeeds().never_says("git merges");
    let configured = || git(&s, ["config", "--local", "--get-regexp", "secrets"]).stdout();
    assert_eq!(configured(), "");
    s.run(["git", "install"]).succeeds().says("git merges and compares sealed files by name in this repository");
    let before = configured();
    assert!(before.contains("merge.secrets.driver") && before.contains("diff.secrets.textconv"), "{before}");
    s.run(["git", "install"]).succeeds().says("already");
    s.run(["allow"]).succeeds().never_says("git merges");
    assert_eq!(configured(), before);
    // A clone has none; the first `allow` sets them up there.
    git(&s, ["config", "--local", "--unset", "merge.secrets.driver"]).succeeds();
    s.run(["allow", "--no-git"]).succeeds();
    assert_ne!(configured(), before);
    s.run(["allow"]).succeeds().says("git merges and compares sealed files by name from now on");
    assert_eq!(sorted(&configured()), sorted(&before));
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// Both sides changed `B`, and ours changed `A` too.
fn conflicting() -> Sandbox {
    let s = project();
    let changes = |s: &Sandbox| {
        set(s, "A", "new");
        set(s, "B", "ours");
    };
    diverge(&s, changes, |s| set(s, "B", "theirs"));
    s
}

fn rekey(s: &Sandbox) {
    s.run(["rekey"]).succeeds();
    commit(s, "rekey");
}

/// A project whose file sops made, in a history that never had a sealed one.
fn never_sealed() -> Sandbox {
    let s = project();
    let text: String = ["A", "B", "C"].iter().map(|name| format!("{name}={}\n", secret(name))).collect();
    s.write("plain", text);
    std::fs::remove_file(s.path(SEALED)).expect("a file of the scene");
    s.run(["encrypt", "plain", "--env", "development", "--output", SEALED]).succeeds();
    std::fs::remove_file(s.path("plain")).expect("a file of the scene");
    s.forget();
    git(&s, ["checkout", "-q", "--orphan", "first"]).succeeds();
    commit(&s, "sops");
    git(&s, ["branch", "-q", "-D", "main"]).succeeds();
    branch(&s, "main", "first");
    s.run(["allow"]).succeeds();
    s
}
