//! Branches of somebody who can write to the repository and has no key: what he makes is never merged into his key.

use std::collections::HashSet;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use super::repository::BOTH_WAYS;
use super::repository::branch;
use super::repository::checkout;
use super::repository::commit;
use super::repository::diverge;
use super::repository::merge;
use super::repository::project;
use super::repository::refuses_to_run;
use super::repository::runs_with;
use super::repository::sealed_at;
use super::repository::set;
use super::repository::state;

const PRODUCTION: &str = "secrets/production.env";

#[test]
fn a_file_that_is_new_under_another_data_key_is_never_merged_into_it() {
    for (here, there) in BOTH_WAYS {
        let s = project();
        let stranger = stranger(&s);
        let replace = |s: &Sandbox| {
            s.write(SEALED, stranger.bytes(SEALED));
            commit(s, "his");
        };
        diverge(&s, |s| set(s, "A", "ours"), replace);
        checkout(&s, here);
        let outcome = merge(&s, there);
        outcome.exits(1).says("one side has a data key without proof of the other's").says("`secrets reseal`");
        holds_only_lines_of(&s, SEALED, &["ours", "theirs"]);
        state(&s, &["waits for a merge", "`secrets reseal`"]);
        let before = s.sealed();
        let side = if here == "ours" { "--ours" } else { "--theirs" };
        s.run(["reseal", side]).exits(1).says("without proof").says("`secrets reseal --yes`");
        assert_eq!(s.sealed(), before);
        s.run(["reseal", "--yes", side]).succeeds();
        is_closed_to(&stranger, &s, SEALED);
        commit(&s, "merge");
        runs_with(&s, &[("A", "ours")]);
    }
}

#[test]
fn a_file_that_both_sides_made_is_never_merged_into_his_key() {
    let s = project().production();
    commit(&s, "production");
    let stranger = stranger(&s);
    let ours = |s: &Sandbox| {
        s.call(["set", "A", "-e", "production"]).stdin(secret("ours")).go().succeeds();
        commit(s, "ours");
    };
    let his = |s: &Sandbox| {
        s.write(PRODUCTION, stranger.bytes(PRODUCTION));
        commit(s, "his");
    };
    diverge(&s, ours, his);
    merge(&s, "theirs").exits(1).says("without proof");
    holds_only_lines_of(&s, PRODUCTION, &["ours", "theirs"]);
    s.run(["reseal", "-e", "production", "--yes", "--ours"]).succeeds();
    is_closed_to(&stranger, &s, PRODUCTION);
    s.run(["get", "A", "-e", "production"]).succeeds().shows(secret("ours")).reveals("ours");
}

#[test]
fn a_branch_that_brings_him_as_a_member_too_makes_nothing_readable_to_him() {
    let s = project();
    let stranger = stranger(&s);
    let his = |s: &Sandbox| {
        s.write(SEALED, stranger.bytes(SEALED));
        let alice = s.recipient();
        let toml = s.read("secrets.toml");
        let text = toml.replace(&format!("\"{alice}\""), &format!("\"{alice}\", \"{}\"", stranger.recipient()));
        assert_ne!(toml, text);
        s.write("secrets.toml", text);
        commit(s, "his");
    };
    diverge(&s, |s| set(s, "A", "ours"), his);
    merge(&s, "theirs").exits(1).says("without proof");
    let before = s.sealed();
    let outcome = s.run(["reseal", "--yes", "--ours"]);
    outcome.exits(5).says("whom this machine has not accepted").says("`secrets allow`");
    assert_eq!(s.sealed(), before);
}

#[test]
fn a_file_without_a_seal_under_another_data_key_is_not_merged_either() {
    let s = project();
    let stranger = stranger(&s);
    let his = |s: &Sandbox| {
        let text = stranger.sealed();
        let unsealed: String = text.lines().filter(|l| !l.contains("_seal=")).map(|l| format!("{l}\n")).collect();
        s.write(SEALED, unsealed);
        commit(s, "his");
    };
    diverge(&s, |s| set(s, "A", "ours"), his);
    merge(&s, "theirs").exits(1).says("without proof");
    holds_only_lines_of(&s, SEALED, &["ours", "theirs"]);
}

/// Git asks no driver where only one side changed a file.
#[test]
fn a_file_of_his_that_git_takes_as_it_is_gets_nothing_from_us() {
    let s = project();
    let stranger = stranger(&s);
    branch(&s, "theirs", "main");
    s.write(SEALED, stranger.bytes(SEALED));
    commit(&s, "his");
    branch(&s, "ours", "main");
    s.write("other", "ours\n");
    commit(&s, "another file");
    merge(&s, "theirs").succeeds();
    refuses_to_run(&s, "it is sealed under a data key that this machine does not know");
    state(&s, &["data key that this machine does not know", "`secrets allow`"]);
    for arguments in [&["set", "A"][..], &["unset", "A"], &["rekey"], &["import", "-"]] {
        s.call(arguments).stdin(format!("A={}\n", secret("ours"))).go().exits(5).shows_nothing().says("does not know");
    }
    assert_eq!(s.sealed(), stranger.sealed());
}

/// A stranger's own project of the same name, with the same files and names, sealed to himself and to alice.
fn stranger(s: &Sandbox) -> Sandbox {
    let mut stranger = Sandbox::new();
    stranger.run(["member", "add", "friend", &s.recipient(), "--to", "dev"]).succeeds();
    stranger = stranger.production();
    for name in ["A", "B"] {
        for environment in ["development", "production"] {
            let value = secret(&format!("trap {name}"));
            stranger.call(["set", name, "-e", environment]).stdin(value).go().succeeds();
        }
    }
    stranger
}

/// Nothing of the file in the work tree was encrypted anew.
#[track_caller]
fn holds_only_lines_of(s: &Sandbox, path: &str, commits: &[&str]) {
    let show = |commit: &str| match path {
        SEALED => sealed_at(s, commit),
        _ => super::repository::git(s, ["show", "--no-textconv", &format!("{commit}:{path}")]).stdout(),
    };
    let texts: Vec<String> = commits.iter().map(|commit| show(commit)).collect();
    let known: HashSet<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    for line in s.read(path).lines().filter(|line| line.contains("ENC[")) {
        assert!(known.contains(line), "{line}");
    }
}

/// The stranger's identity does not open the file.
#[track_caller]
fn is_closed_to(stranger: &Sandbox, s: &Sandbox, path: &str) {
    stranger.write("copy.env", s.bytes(path));
    stranger.run(["decrypt", "copy.env"]).exits(3).shows_nothing();
}
