//! The merge driver: what it leaves to a person, and how that ends.

use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

use super::repository::BOTH_WAYS;
use super::repository::bare;
use super::repository::commit;
use super::repository::diverge;
use super::repository::git;
use super::repository::has_markers;
use super::repository::is_in_order;
use super::repository::is_sealed;
use super::repository::locked;
use super::repository::merge;
use super::repository::project;
use super::repository::refuses_to_run;
use super::repository::reset;
use super::repository::runs_with;
use super::repository::set;
use super::repository::state;

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
