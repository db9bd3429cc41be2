//! `secrets reseal`: what it shows, when it asks, and what works after it.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

use super::repository::branch;
use super::repository::commit;
use super::repository::diverge;
use super::repository::git;
use super::repository::has_markers;
use super::repository::is_in_order;
use super::repository::like_sops;
use super::repository::merge;
use super::repository::other_machine;
use super::repository::project;
use super::repository::refuses_to_run;
use super::repository::runs_with;
use super::repository::seal_field;
use super::repository::sealed_at;
use super::repository::set;
use super::repository::set_like_sops;
use super::repository::state;
use super::repository::without_driver;

const QUESTION: &str = "Seal the file as it is? [y/N] ";

#[test]
fn a_file_in_order_stays_as_it_is() {
    let s = project();
    let before = s.tree(".");
    s.run(["reseal", "--yes"]).succeeds().says("`secrets/development.env` is sealed; nothing was changed");
    assert_eq!(s.tree("."), before);
}

#[test]
fn what_sops_wrote_is_shown_by_name_and_sealed() {
    let s = project();
    let seq: u64 = seal_field(&s.sealed(), "seq").parse().unwrap();
    set_like_sops(&s, "A", "new");
    set_like_sops(&s, "N", "ours");
    like_sops(&s, &["unset", "B", "--file", "file.env"], "");
    state(&s, &["it lost its seal", "`secrets reseal`"]);
    refuses_to_run(&s, "it lost its seal");
    s.call(["set", "C"]).stdin(secret("theirs")).go().exits(5).says("`secrets reseal`");
    let before = s.sealed();
    let outcome = s.run(["reseal"]);
    outcome.exits(1).shows_nothing().says("there is no terminal to ask on").says("hint: after a look at what changed");
    for line in ["it has no seal", "  + N\n", "  - B\n", "  ~ A\n"] {
        outcome.says(line);
    }
    outcome.never_says(" C\n").never_says("reader");
    assert_eq!(s.sealed(), before);
    s.run(["reseal", "--yes"]).succeeds().says(&format!("sealed `secrets/development.env` as version {}", seq + 1));
    is_in_order(&s);
    runs_with(&s, &[("A", "new"), ("N", "ours"), ("B", ""), ("C", "C")]);
}

#[test]
fn on_a_terminal_only_a_yes_seals() {
    if !needs("python3") {
        return;
    }
    let s = project();
    set_like_sops(&s, "A", "new");
    let before = s.sealed();
    for answer in ["n\r", "\r", "maybe\rno\r"] {
        let outcome = s.call(["reseal"]).on_terminal(&[(QUESTION, answer)]).go();
        outcome.succeeds().shows_part("~ A").shows_part("nothing was changed");
        assert_eq!(s.sealed(), before, "{answer:?}");
    }
    s.call(["reseal"]).on_terminal(&[(QUESTION, "y\r")]).go().succeeds().shows_part("sealed `secrets/development.env`");
    runs_with(&s, &[("A", "new")]);
}

#[test]
fn what_git_revert_brought_back_is_refused_until_it_is_resealed() {
    let s = project();
    set(&s, "A", "new");
    runs_with(&s, &[("A", "new")]);
    git(&s, ["revert", "--no-edit", "HEAD"]).succeeds();
    refuses_to_run(&s, "it is an older version that was brought back on top of a newer one");
    state(&s, &["an older version that was brought back", "`secrets reseal`"]);
    let before = s.sealed();
    s.run(["reseal"]).exits(1).says("~ A").says("`secrets reseal --yes`");
    assert_eq!(s.sealed(), before);
    s.run(["reseal", "--yes"]).succeeds();
    is_in_order(&s);
    runs_with(&s, &[("A", "A"), ("B", "B")]);
    commit(&s, "meant");
    runs_with(&s, &[("A", "A"), ("B", "B")]);
}

/// The driver merges then, since the file changed after the commit that is taken back.
#[test]
fn a_revert_of_an_earlier_commit_keeps_the_later_one() {
    let s = project();
    set(&s, "A", "new");
    set(&s, "D", "ours");
    git(&s, ["revert", "--no-edit", "HEAD~1"]).succeeds().says("`secrets reseal`");
    assert!(!has_markers(&s));
    refuses_to_run(&s, "`secrets reseal`");
    state(&s, &["`secrets reseal`"]);
    s.run(["reseal", "--yes"]).succeeds().says("~ A").never_says("~ D");
    runs_with(&s, &[("A", "A"), ("D", "ours")]);
}

#[test]
fn what_was_brought_back_from_before_a_rekey_gets_a_new_data_key() {
    let s = project();
    s.run(["rekey"]).succeeds();
    commit(&s, "rekey");
    git(&s, ["checkout", "HEAD~1", "--", SEALED]).succeeds();
    refuses_to_run(&s, "it is an older version that was brought back");
    state(&s, &["`secrets reseal`"]);
    s.run(["reseal"]).exits(1).says("its data key was replaced, so it gets a new one").says("`secrets reseal --yes`");
    s.run(["reseal", "--yes"]).succeeds();
    let keys = [s.sealed(), sealed_at(&s, "HEAD"), sealed_at(&s, "HEAD~1")].map(|file| seal_field(&file, "kc"));
    assert!(keys[0] != keys[1] && keys[0] != keys[2]);
    is_in_order(&s);
    runs_with(&s, &[("A", "A")]);
}

#[test]
fn a_merge_that_a_web_editor_made_is_made_again_by_name() {
    for side in ["-Xours", "-Xtheirs"] {
        let s = project();
        without_driver(&s);
        diverge(&s, |s| set(s, "A", "ours"), |s| set(s, "E", "theirs"));
        git(&s, ["merge", "--no-edit", side, "theirs"]).succeeds();
        assert!(!has_markers(&s));
        s.run(["run", "--", "touch", "started"]).exits(125);
        assert!(!s.path("started").exists());
        state(&s, &["merged elsewhere, line by line", "`secrets reseal` redoes the merge by name"]);
        s.run(["reseal"]).succeeds().says("the merge is made again by name");
        is_in_order(&s);
        runs_with(&s, &[("A", "ours"), ("E", "theirs"), ("C", "C")]);
        commit(&s, "resealed");
        runs_with(&s, &[("A", "ours"), ("E", "theirs"), ("C", "C")]);
    }
}

#[test]
fn a_web_editor_that_chose_for_both_is_asked_again_by_name() {
    for (flag, word) in [("--ours", "ours"), ("--theirs", "theirs")] {
        let s = project();
        without_driver(&s);
        let ours = |s: &Sandbox| {
            set(s, "A", "new");
            set(s, "C", "ours");
        };
        diverge(&s, ours, |s| set(s, "C", "theirs"));
        git(&s, ["merge", "--no-edit", "-Xtheirs", "theirs"]).succeeds();
        state(&s, &["`secrets reseal`"]);
        let before = s.sealed();
        s.run(["reseal", "--yes"]).exits(1).says("both sides changed `C`").says("`secrets reseal --ours`");
        assert_eq!(s.sealed(), before);
        s.run(["reseal", flag]).succeeds();
        runs_with(&s, &[("A", "new"), ("C", word)]);
    }
}

#[test]
fn a_merge_without_the_driver_that_waits_is_ended_by_name() {
    let s = project();
    without_driver(&s);
    diverge(&s, |s| set(s, "A", "ours"), |s| set(s, "E", "theirs"));
    merge(&s, "theirs").exits(1);
    assert!(has_markers(&s));
    state(&s, &["waits for a merge", "`secrets reseal`"]);
    let outcome = s.run(["reseal"]);
    outcome.succeeds().says("the merge changes `secrets/development.env`").says("  ~ E\n").never_says("~ A");
    outcome.says("`git add secrets/development.env`");
    commit(&s, "merge");
    is_in_order(&s);
    runs_with(&s, &[("A", "ours"), ("E", "theirs")]);
}

/// Whoever was removed holds the old data key, and can make a new one that follows it.
#[test]
fn a_data_key_that_this_machine_does_not_trust_does_not_come_in_by_a_merge() {
    let s = project();
    let former = other_machine(&s, "former");
    branch(&s, "trunk", "main");
    s.run(["rekey"]).succeeds();
    commit(&s, "the rekey that this machine trusts");
    without_driver(&s);
    let forge = |s: &Sandbox| {
        s.call(["rekey"]).env("XDG_STATE_HOME", &former).go().succeeds();
        s.call(["set", "E"]).stdin(secret("theirs")).env("XDG_STATE_HOME", &former).go().succeeds();
        commit(s, "another rekey of the same old key");
    };
    diverge(&s, |s| set(s, "A", "ours"), forge);
    merge(&s, "theirs").exits(1);
    let before = s.sealed();
    s.run(["reseal"]).exits(1).says("~ E").says("there is no terminal to ask on");
    assert_eq!(s.sealed(), before);
    s.run(["reseal", "--yes"]).succeeds();
    let key = seal_field(&s.sealed(), "kc");
    assert!(["ours", "theirs", "trunk"].iter().all(|commit| seal_field(&sealed_at(&s, commit), "kc") != key));
    commit(&s, "merge");
    runs_with(&s, &[("A", "ours"), ("E", "theirs")]);
}

#[test]
fn a_rebase_without_the_driver_is_ended_by_name_commit_by_commit() {
    let s = project();
    without_driver(&s);
    let ours = |s: &Sandbox| {
        set(s, "A", "ours");
        set(s, "B", "new");
    };
    diverge(&s, ours, |s| set(s, "E", "theirs"));
    let mut outcome = git(&s, ["rebase", "theirs"]);
    let mut stops = 0;
    while outcome.status.code() == Some(1) {
        stops += 1;
        assert!(has_markers(&s), "{}", outcome.stderr());
        state(&s, &["waits for a merge", "`secrets reseal`"]);
        s.run(["reseal"]).succeeds();
        git(&s, ["add", SEALED]).succeeds();
        outcome = git(&s, ["rebase", "--continue"]);
    }
    outcome.succeeds();
    assert_eq!(stops, 2);
    is_in_order(&s);
    runs_with(&s, &[("A", "ours"), ("B", "new"), ("E", "theirs")]);
}

/// No commit has both sides as its parents then, so nobody can make the merge again.
#[test]
fn a_rebase_that_put_lines_of_both_together_is_never_sealed() {
    let s = project();
    without_driver(&s);
    diverge(&s, |s| set(s, "A", "ours"), |s| set(s, "E", "theirs"));
    git(&s, ["rebase", "-Xtheirs", "theirs"]).succeeds();
    assert!(!has_markers(&s));
    s.run(["run", "--", "true"]).exits(125);
    let mend = "brings the last right version back";
    state(&s, &["the seal does not fit the file", mend]);
    let before = s.sealed();
    s.run(["reseal", "--yes"]).exits(3).shows_nothing();
    assert_eq!(s.sealed(), before);
    // What each side had is still there.
    let status = s.run(["status"]).succeeds().stdout();
    let command = status.split('`').find(|part| part.starts_with("git checkout ")).expect("a command that mends it");
    s.shell(command).go().succeeds();
    runs_with(&s, &[("A", "A"), ("E", "theirs")]);
}

#[test]
fn a_wrong_seal_is_told_first() {
    let s = project();
    let (first, rest) = s.sealed().split_once('\n').map(|(a, b)| (a.to_string(), b.to_string())).unwrap();
    // A line that sops' own check does not cover.
    s.write(SEALED, format!("{first}\n#ours\n{rest}"));
    refuses_to_run(&s, "the seal does not fit the file");
    state(&s, &["the seal does not fit the file"]);
    let before = s.sealed();
    let outcome = s.run(["reseal"]);
    outcome.exits(1).says("its seal is wrong: somebody without the key, or another program, changed it");
    assert!(outcome.stderr().starts_with("warning: "), "{}", outcome.stderr());
    assert_eq!(s.sealed(), before);
    s.run(["reseal", "--yes"]).succeeds();
    runs_with(&s, &[("A", "A")]);
}

#[test]
fn values_that_were_tampered_with_are_never_sealed() {
    let s = project();
    let (a, b) = ("A=ENC", "B=ENC");
    s.write(SEALED, s.sealed().replacen(a, "X=ENC", 1).replacen(b, a, 1).replacen("X=ENC", b, 1));
    let before = s.sealed();
    s.run(["reseal", "--yes"]).exits(3).shows_nothing();
    assert_eq!(s.sealed(), before);
    s.run(["run", "--", "true"]).exits(125);
}

#[test]
fn a_file_that_was_never_sealed_is_sealed_when_it_is_asked_for() {
    let s = project();
    set_like_sops(&s, "A", "new");
    git(&s, ["checkout", "-q", "--orphan", "first"]).succeeds();
    commit(&s, "sops");
    git(&s, ["branch", "-q", "-D", "main"]).succeeds();
    branch(&s, "main", "first");
    s.forget();
    s.run(["run", "--", "true"]).succeeds();
    s.run(["reseal"]).exits(1).says("no sealed version of it is known; it has 6 names");
    s.run(["reseal", "--yes"]).exits(5).says("has not accepted who reads `development`");
    s.run(["allow"]).succeeds();
    s.run(["reseal", "--yes"]).succeeds().says("as version 1");
    is_in_order(&s);
    runs_with(&s, &[("A", "new")]);
}

#[test]
fn all_of_them_at_once() {
    let s = project().production().canary("P", secret("P"));
    s.call(["set", "P", "-e", "production"]).stdin(secret("P")).go().succeeds();
    commit(&s, "production");
    set_like_sops(&s, "A", "new");
    s.run(["reseal", "--all", "--env", "production"]).exits(2);
    let outcome = s.run(["reseal", "--all", "--yes"]);
    outcome.succeeds().says("sealed `secrets/development.env`").says("`secrets/production.env` is sealed; nothing");
    runs_with(&s, &[("A", "new")]);
}
