//! How far a look back reaches, and what it leaves in the record.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::trust::put;
use crate::trust::replaced::project;
use crate::trust::replaced::vector;
use crate::trust::start;

/// What this machine remembers, as bytes.
fn record(s: &Sandbox) -> Vec<u8> {
    let path = crate::sandbox::find(&s.root().join("home/.local/state/secrets"), "trust.json");
    std::fs::read(path).expect("a record")
}

/// What a teammate writes whom this machine has not heard of yet.
fn teammate(s: &Sandbox, value: &str) {
    let state = tempfile::tempdir().expect("a folder");
    s.call(["set", "A"]).stdin(value).env("XDG_STATE_HOME", state.path()).go().succeeds();
    s.commit(value);
}

#[test]
fn a_version_that_is_new_here_is_refused_under_a_newer_one() {
    let s = Sandbox::new().repository();
    s.set_and_commit("A", "1");
    teammate(&s, "2");
    let second = s.sealed();
    teammate(&s, "3");
    let newer = s.git(["rev-parse", "HEAD"]);
    put(&s, second);
    s.commit("the second one again");
    assert_eq!(start(&s, &[]), (125, false));
    let refused = s.run(["get", "A"]);
    refused.exits(5).says("it is version 3, and commit ").says(&newer[..12]).says("has version 4");
}

#[test]
fn what_a_teammate_wrote_is_accepted_and_raises_the_record() {
    let s = Sandbox::new().repository();
    s.set_and_commit("A", "1");
    let before = record(&s);
    teammate(&s, "2");
    s.run(["run", "--", "printenv", "A"]).succeeds().shows("2").says_nothing();
    assert_ne!(record(&s), before);
    // Without the raise the first one would be no older version.
    s.git(["checkout", "--quiet", "HEAD~1", "--", SEALED]);
    assert_eq!(start(&s, &[]), (125, false));
}

#[test]
fn an_older_version_that_goes_on_changes_nothing_in_the_record() {
    let s = Sandbox::new().repository();
    s.set_and_commit("A", "1");
    s.set_and_commit("A", "2");
    let before = record(&s);
    s.git(["checkout", "--quiet", "HEAD~1"]);
    s.run(["run", "--", "printenv", "A"]).succeeds().shows("1").says_nothing();
    s.run(["status"]).succeeds().shows_part("older than what this machine has seen elsewhere");
    assert_eq!(record(&s), before);
    // A branch that was thrown away, too.
    s.git(["switch", "--quiet", "main"]);
    s.git(["reset", "--quiet", "--hard", "HEAD~1"]);
    s.run(["run", "--", "printenv", "A"]).succeeds().shows("1");
    assert_eq!(record(&s), before);
}

#[test]
fn a_version_of_another_branch_with_the_same_number_is_told() {
    let s = project();
    for name in ["one", "two"] {
        put(&s, vector(name));
        s.run(["run", "--", "true"]).succeeds();
    }
    put(&s, vector("two_b"));
    s.run(["status"]).succeeds().shows_part("a version of another branch: this machine has seen its sibling");
}

#[test]
fn a_second_worktree_has_the_same_fences() {
    let s = Sandbox::new().repository();
    s.set_and_commit("A", "1");
    s.set_and_commit("A", "2");
    s.git(["worktree", "add", "--quiet", "--detach", "../other"]);
    let there = |words: &[&str]| s.call(words.iter().copied()).cwd("../other").go();
    there(&["run", "--", "printenv", "A"]).succeeds().shows("2");
    s.git(["-C", "../other", "checkout", "--quiet", "HEAD~1"]);
    there(&["run", "--", "printenv", "A"]).succeeds().shows("1").says_nothing();
    s.git(["-C", "../other", "checkout", "--quiet", "main", "--detach"]);
    s.git(["-C", "../other", "checkout", "--quiet", "HEAD~1", "--", SEALED]);
    there(&["run", "--", "true"]).exits(125).says("brought back");
    assert_eq!(start(&s, &[]), (0, true));
}

/// Puts that many commits on top that touch another file.
fn pass(s: &Sandbox, commits: usize) {
    let parent = s.git(["rev-parse", "HEAD"]);
    let mut stream = String::new();
    for index in 0..commits {
        let from = if index == 0 { format!("from {parent}") } else { String::new() };
        stream += &format!(
            "commit refs/heads/main\ncommitter alice <alice@example.com> 1767323045 +0000\ndata 0\n\
             {from}M 100644 inline other\ndata <<END\n{index}\nEND\n\n"
        );
    }
    s.program(["git", "fast-import", "--quiet", "--force"]).stdin(stream).go().succeeds();
    s.git(["reset", "--quiet", "--hard", "main"]);
}

#[test]
fn a_look_back_ends_after_ten_thousand_commits_and_says_so() {
    let s = Sandbox::new().repository();
    s.set_and_commit("A", "1");
    let old = s.sealed();
    s.set_and_commit("A", "2");
    pass(&s, 9_998);
    put(&s, &old);
    s.run(["run", "--", "true"]).exits(125).says("brought back").never_says("does not reach far enough");
    s.git(["checkout", "--quiet", "--force", "main"]);
    pass(&s, 10);
    put(&s, &old);
    s.run(["run", "--", "printenv", "A"]).succeeds().shows("1").says("does not reach far enough");
}
