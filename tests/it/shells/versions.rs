//! Which version of a sealed file a shell takes, beside what was seen and what git's history holds.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;

use super::play::keep;
use super::play::plays;
use super::play::project;
use super::play::told;
use super::shells;

const BROUGHT_BACK: &str = "secrets/development.env was put back (";

/// Three versions, of which the first has a tag and a branch.
fn repository() -> Sandbox {
    let s = project().repository();
    s.git(["tag", "v1"]);
    s.git(["branch", "side"]);
    s.set_and_commit("A", "2");
    s.set_and_commit("A", "3");
    s
}

/// Case 13.
#[test]
fn a_branch_a_tag_a_work_tree_and_a_bisect_load() {
    for shell in shells() {
        let s = repository();
        let steps = [
            ("true", "3"),
            ("git checkout -q v1", "1"),
            ("git switch -q main", "3"),
            ("git switch -q side", "1"),
            ("git switch -q main", "3"),
            ("git bisect start HEAD v1", "2"),
            ("git bisect reset", "3"),
            ("git worktree add -q ../tree side; cd ../tree", "1"),
            ("git merge -q main", "3"),
            ("cd ../shop", "3"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 0, "older");
        told(shell, &shown, 8, "secrets: reloaded (~A)");
    }
}

/// Case 13.
#[test]
fn an_old_file_under_a_newer_history_unloads_until_it_is_sealed_again() {
    for shell in shells() {
        let s = repository();
        let steps = [
            ("true", "3"),
            ("git checkout -q v1 -- $FILE", "-"),
            ("true", "-"),
            ("git checkout -q HEAD -- $FILE", "3"),
            ("git revert --no-edit HEAD", "-"),
            ("$SECRETS reseal --yes", "2"),
            ("git commit -qam resealed", "2"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 2, BROUGHT_BACK);
        told(shell, &shown, 2, "secrets: unloaded 2");
    }
}

/// Case 13: the file is what it was, and another `HEAD` has another history.
#[test]
fn a_soft_reset_is_seen_at_the_next_prompt() {
    for shell in shells() {
        let s = repository();
        let steps = [
            ("git checkout -q v1", "1"),
            ("git reset -q --soft main", "-"),
            ("true", "-"),
            ("git reset -q --soft v1", "1"),
            ("git checkout -q -f main", "3"),
            ("git checkout -q v1 -- $FILE", "-"),
            ("git reset -q --soft v1", "1"),
            ("git reset -q --soft ORIG_HEAD", "-"),
            ("git reset -q --hard", "3"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 3, BROUGHT_BACK);
    }
}

/// Case 13: where git keeps no log of what `HEAD` was.
#[test]
fn a_soft_reset_without_a_log_is_seen_at_the_next_prompt() {
    for shell in shells() {
        let s = repository();
        s.git(["config", "core.logAllRefUpdates", "false"]);
        std::fs::remove_dir_all(s.path(".git/logs")).expect("git made it");
        let steps = [("git checkout -q v1 -- $FILE", "-"), ("true", "-"), ("git reset -q --soft v1", "1")];
        plays(&s, shell, "A", &steps);
    }
}

/// Case 13.
#[test]
fn without_git_an_older_version_loads_and_is_told_once() {
    for shell in shells() {
        let s = project();
        keep(&s, "one", s.sealed());
        s.call(["set", "A"]).stdin("2").go().succeeds();
        keep(&s, "two", s.sealed());
        let steps = [("true", "2"), ("cp $T/one $FILE", "1"), ("touch $FILE", "1"), ("cp $T/two $FILE", "2")];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 1, "`secrets/development.env` is older than what this machine has seen");
    }
}

/// Case 21.
#[test]
fn a_file_that_is_gone_unloads_and_comes_back() {
    for shell in shells() {
        let s = project().repository();
        s.git(["switch", "--quiet", "--create", "without"]);
        std::fs::remove_file(s.path(SEALED)).expect("it is there");
        s.commit("without");
        s.git(["switch", "--quiet", "main"]);
        let steps = [
            ("true", "1"),
            ("mv $FILE away", "-"),
            ("mv away $FILE", "1"),
            ("git switch -q without", "-"),
            ("true", "-"),
            ("git switch -q main", "1"),
            ("rm $FILE; git checkout -q -- $FILE", "1"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 2, "secrets: unloaded 2");
        told(shell, &shown, 2, "secrets/development.env` does not exist");
    }
}
