//! Merges of sides of which one or both have no seal that counts.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use super::repository::BOTH_WAYS;
use super::repository::branch;
use super::repository::checkout;
use super::repository::commit;
use super::repository::diverge;
use super::repository::git;
use super::repository::has_markers;
use super::repository::is_sealed;
use super::repository::merge;
use super::repository::other_machine;
use super::repository::project;
use super::repository::refuses_to_run;
use super::repository::runs_with;
use super::repository::sealed_at;
use super::repository::set;
use super::repository::set_like_sops;
use super::repository::state;
use super::repository::without_driver;

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
fn a_conflict_of_sides_that_were_never_sealed_is_ended_without_a_seal() {
    for (flag, word) in [("--ours", "ours"), ("--theirs", "theirs")] {
        let s = never_sealed();
        diverge(&s, |s| set(s, "A", "ours"), |s| set(s, "A", "theirs"));
        merge(&s, "theirs").exits(1).says("both sides changed `A`");
        s.run(["reseal"]).exits(1).says("both sides changed `A`");
        s.run(["reseal", flag]).succeeds();
        commit(&s, "merge");
        assert!(!is_sealed(&s));
        runs_with(&s, &[("A", word), ("B", "B")]);
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
fn an_old_version_from_after_the_fork_does_not_come_out_sealed() {
    for (here, there) in BOTH_WAYS {
        let s = project();
        branch(&s, "ours", "main");
        set(&s, "A", "new");
        set(&s, "B", "new");
        let old = s.sealed();
        // Back to what the common version has: by value alone that side did not change it.
        set(&s, "A", "A");
        branch(&s, "theirs", "main");
        s.write(SEALED, old);
        commit(&s, "an old version");
        git(&s, ["checkout", "-q", here]).succeeds();
        merge(&s, there).succeeds().says("side is an old version, and with it the merge would change `A`");
        refuses_to_run(&s, "it lost its seal");
        s.run(["reseal"]).exits(1).says("~ A").never_says("~ B");
    }
}

#[test]
fn an_old_version_from_after_the_fork_is_told_by_reseal_and_after_a_rebase_too() {
    let s = project();
    branch(&s, "ours", "main");
    set(&s, "A", "new");
    let old = s.sealed();
    set(&s, "A", "A");
    set(&s, "B", "ours");
    branch(&s, "theirs", "main");
    s.write(SEALED, old);
    commit(&s, "an old version");
    git(&s, ["branch", "-q", "old"]).succeeds();
    git(&s, ["checkout", "-q", "-b", "rebased"]).succeeds();
    // Git leaves out what was applied already.
    git(&s, ["rebase", "ours"]).succeeds();
    runs_with(&s, &[("A", "A"), ("B", "ours")]);
    git(&s, ["rebase", "--reapply-cherry-picks", "--onto", "ours", "main", "theirs"])
        .succeeds()
        .says("would change `A`");
    refuses_to_run(&s, "it lost its seal");
    checkout(&s, "ours");
    without_driver(&s);
    merge(&s, "old").exits(1);
    s.run(["reseal"]).exits(1).says("their side is an old version").says("~ A").never_says("~ B");
}

/// A branch tried the main one's file and went back: its old version brings nothing, and takes nothing away.
#[test]
fn what_a_branch_tried_and_took_back_is_not_lost_on_the_other() {
    for (here, there) in BOTH_WAYS {
        let s = project();
        branch(&s, "theirs", "main");
        set(&s, "E", "theirs");
        branch(&s, "ours", "main");
        set(&s, "A", "ours");
        checkout(&s, "theirs");
        git(&s, ["checkout", "-q", "ours", "--", SEALED]).succeeds();
        commit(&s, "try it");
        git(&s, ["revert", "--no-edit", "HEAD"]).succeeds();
        git(&s, ["checkout", "-q", here]).succeeds();
        merge(&s, there).succeeds().says("but not sealed");
        s.run(["reseal", "--yes"]).succeeds();
        commit(&s, "merged");
        runs_with(&s, &[("A", "ours"), ("E", "theirs")]);
    }
}

/// Two branches that merged each other have two common versions, and git merges those first.
#[test]
fn a_criss_cross_merge_takes_back_what_one_side_took_back() {
    let s = project();
    branch(&s, "theirs", "main");
    set(&s, "E", "theirs");
    branch(&s, "ours", "main");
    set(&s, "A", "new");
    set(&s, "N", "new");
    let heads = ["ours", "theirs"].map(|name| git(&s, ["rev-parse", name]).succeeds().stdout().trim().to_string());
    merge(&s, &heads[1]).succeeds();
    checkout(&s, "theirs");
    merge(&s, &heads[0]).succeeds();
    set(&s, "F", "theirs");
    checkout(&s, "ours");
    s.run(["unset", "N"]).succeeds();
    set(&s, "A", "A");
    merge(&s, "theirs").succeeds().never_says("not sealed");
    runs_with(&s, &[("A", "A"), ("E", "theirs"), ("F", "theirs"), ("N", "")]);
}

/// Cherry-picked, taken back and picked again: what a person asked for is there, after a look.
#[test]
fn what_is_picked_a_second_time_comes_again() {
    let s = project();
    branch(&s, "theirs", "main");
    set(&s, "E", "theirs");
    branch(&s, "ours", "main");
    git(&s, ["cherry-pick", "theirs"]).succeeds();
    git(&s, ["revert", "--no-edit", "HEAD"]).succeeds();
    s.run(["reseal", "--yes"]).succeeds();
    commit(&s, "taken back");
    git(&s, ["cherry-pick", "theirs"]).succeeds().says("would change `E`");
    s.run(["reseal", "--yes"]).succeeds().says("~ E");
    runs_with(&s, &[("E", "theirs")]);
}

/// With public keys alone anybody can make a file; the names that it would change are shown before anybody says yes.
#[test]
fn a_stranger_s_file_shows_what_it_would_change_before_anybody_says_yes() {
    let s = project();
    let evil = |s: &Sandbox| {
        let settings = s.read("secrets.toml");
        std::fs::remove_file(s.path(SEALED)).expect("it is there");
        let set = s.call(["set", "A"]).stdin(secret("theirs")).env("XDG_STATE_HOME", s.root().join("stranger"));
        set.go().succeeds();
        assert_eq!(s.read("secrets.toml"), settings);
        commit(s, "a feature");
    };
    diverge(&s, |s| set(s, "N", "ours"), evil);
    merge(&s, "theirs").exits(1).says("could have made that side");
    let shown = s.run(["reseal"]);
    shown.exits(1).says("whoever can write to the repository could have made that side").says("~ A").says("- B");
}

#[test]
fn a_side_that_went_back_to_a_replaced_data_key_does_not_come_out_sealed() {
    for (here, there) in BOTH_WAYS {
        let s = project();
        let (old, former) = (s.sealed(), other_machine(&s, "former"));
        s.run(["rekey"]).succeeds();
        commit(&s, "rekey");
        let forge = |s: &Sandbox| {
            s.write(SEALED, &old);
            s.call(["set", "A"]).stdin(secret("theirs")).env("XDG_STATE_HOME", &former).go().succeeds();
            commit(s, "under the old data key");
        };
        diverge(&s, |s| set(s, "E", "ours"), forge);
        git(&s, ["checkout", "-q", here]).succeeds();
        merge(&s, there).succeeds().says("a side went back to a data key that was replaced");
        assert!(!is_sealed(&s));
        refuses_to_run(&s, "it lost its seal");
        s.run(["reseal"]).exits(1).says("~ A");
    }
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
