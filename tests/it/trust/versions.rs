//! Versions: which one this machine takes, beside what it has seen and what git's history holds (`docs/trust.md`).

use std::fs;
use std::process::Command;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::trust::put;
use crate::trust::start;
use crate::trust::vectors;
use crate::trust::without_seal;

/// A file of the vectors.
fn vector(name: &str) -> Vec<u8> {
    fs::read(vectors().join(format!("{name}.env"))).expect("a vector")
}

/// The project of the vectors, in a repository without any version of the file.
fn project() -> Sandbox {
    let settings = "version = 1\nproject = \"shop\"\n\n[members.alice]\nrecipients = [\
                    \"age1pvugvqht7rm5le7hxqweerjquntt9n948tduzys67gqjl8ymgchq8je9xx\"]\n\n\
                    [environments.development]\nreaders = [\"alice\"]\nplain = [\"*\"]\n";
    let s = Sandbox::empty().file("secrets.toml", settings);
    s.env("SECRETS_IDENTITY_FILE", vectors().join("keys/alice.txt")).repository()
}

/// The file `merged`, its seal made anew with the data key that `rekeyed` replaced, as a removed member could.
fn forged(seq: &str) -> Vec<u8> {
    let key: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    let (zeros, file) = ("00".repeat(32), vectors().join("merged.env"));
    let output = Command::new("python3")
        .arg("-B")
        .arg(vectors().join("seal_reference.py"))
        .arg("seal")
        .arg(file)
        .args([&key, "shop", SEALED, "development", seq, &zeros])
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// One row: what the record has seen, what `HEAD` and its ancestors hold, what is opened, and the exit code of `run`.
struct Row<'a> {
    seen: &'a [&'a str],
    opened: &'a str,
    history: &'a [&'a str],
    code: i32,
}

#[test]
fn each_row_of_the_tables_ends_as_it_says() {
    let rows = [
        (&["one"][..], "two", &["one", "two"][..], 0),
        (&["one", "two"], "one", &["one"], 0),
        (&["one", "two"], "one", &["one", "two", "one"], 125),
        (&["one", "two"], "two_b", &["one", "two_b"], 0),
        (&["merged"], "rekeyed", &["merged", "rekeyed"], 0),
        (&["merged", "rekeyed"], "merged", &["merged"], 0),
        (&["merged", "rekeyed"], "merged", &["merged", "rekeyed", "merged"], 125),
        (&["merged", "rekeyed"], "forged", &["merged", "rekeyed", "forged"], 125),
        (&["merged"], "forged", &["merged", "rekeyed", "forged"], 125),
        // Nothing tells: a stated limit.
        (&["merged"], "forged", &["merged", "forged"], 0),
        (&["merged", "rekeyed"], "highest", &["merged", "rekeyed", "highest"], 125),
        (&["one", "two"], "one", &["one", "two"], 125),
        (&["one", "two"], "two_b", &["one", "two_b", "merged", "two_b"], 125),
        // What was seen last is taken without a look: a stated limit.
        (&["one", "two"], "two", &["one", "two", "merged", "two"], 0),
    ];
    let count = rows.len();
    for (seen, opened, history, code) in rows {
        check(&Row { seen, opened, history, code });
    }
    assert_eq!(count, 14);
}

fn content(name: &str) -> Vec<u8> {
    match name {
        "forged" => forged("999"),
        "highest" => forged(&(1_u64 << 62).to_string()),
        name => vector(name),
    }
}

fn check(row: &Row<'_>) {
    let s = project();
    for name in row.seen {
        put(&s, content(name));
        s.run(["run", "--", "true"]).succeeds();
    }
    for name in row.history {
        put(&s, content(name));
        s.commit(name);
    }
    put(&s, content(row.opened));
    let outcome = s.run(["run", "--", "true"]);
    let case = format!("seen {:?}, opened {}, history {:?}", row.seen, row.opened, row.history);
    assert_eq!(outcome.code(), row.code, "{case}\n{}", outcome.stderr());
    if row.code == 125 {
        outcome.says("an older version that was brought back").says("`secrets reseal`");
        s.run(["get", "DOC"]).exits(5);
    }
}

#[test]
fn without_git_or_its_whole_history_an_older_version_goes_on_with_a_warning() {
    let s = project();
    fs::remove_dir_all(s.path(".git")).unwrap();
    for name in ["one", "two"] {
        put(&s, vector(name));
        s.run(["run", "--", "true"]).succeeds().never_says("does not reach far enough");
    }
    put(&s, vector("one"));
    s.run(["run", "--", "true"]).succeeds().says("does not reach far enough");
    // A clone of depth one.
    let s = project();
    for name in ["one", "two"] {
        put(&s, vector(name));
        s.run(["run", "--", "true"]).succeeds();
        s.commit(name);
    }
    put(&s, vector("one"));
    s.commit("an old branch");
    let source = format!("file://{}", s.project().display());
    s.program(["git", "-C", "..", "clone", "--quiet", "--depth", "1", &source, "clone"]).go().succeeds();
    fs::rename(s.project(), s.root().join("full")).unwrap();
    fs::rename(s.root().join("clone"), s.project()).unwrap();
    s.run(["run", "--", "true"]).succeeds().says("does not reach far enough");
}

#[test]
fn a_git_that_lies_in_the_repository_is_not_asked() {
    let s = project().script("git", "#!/bin/sh\ntouch ran\nexit 1\n");
    for name in ["one", "two", "one"] {
        put(&s, vector(name));
        s.commit(name);
    }
    let run = |file: &str| {
        put(&s, vector(file));
        s.shell("PATH=:.:$PATH; secrets run -- true").go().code()
    };
    assert_eq!([run("one"), run("two"), run("one")], [0, 0, 125]);
    assert!(!s.path("ran").exists());
}

#[test]
fn of_fifty_versions_each_older_one_is_refused_at_the_tip() {
    let s = Sandbox::new().repository();
    let mut versions = Vec::new();
    for index in 0..50 {
        s.set_and_commit("COUNT", &index.to_string());
        versions.push(s.sealed());
    }
    let newest = versions.pop().unwrap();
    let mut refused = 0;
    for (index, old) in versions.iter().enumerate() {
        put(&s, old);
        let outcome = s.run(["run", "--", "true"]);
        outcome.exits(125).says("brought back").says(&format!("it is version {}", index + 2));
        refused += 1;
    }
    assert_eq!(refused, 49);
    put(&s, newest);
    s.run(["run", "--", "true"]).succeeds();
}

#[test]
fn what_git_does_every_day_goes_on() {
    let s = Sandbox::new().repository();
    s.set_and_commit("A", "1");
    s.git(["tag", "v1"]);
    s.set_and_commit("A", "2");
    s.git(["switch", "--quiet", "--create", "side", "v1"]);
    s.run(["run", "--", "true"]).succeeds().says_nothing();
    s.set_and_commit("B", "1");
    s.git(["switch", "--quiet", "main"]);
    s.run(["run", "--", "true"]).succeeds().says_nothing();
    s.git(["checkout", "--quiet", "v1"]);
    s.run(["run", "--", "printenv", "A"]).succeeds().shows("1").says_nothing();
    s.run(["status"]).succeeds().shows_part("state        older than what this machine has seen elsewhere");
    s.git(["switch", "--quiet", "main"]);
    s.git(["worktree", "add", "--quiet", "../other", "side"]);
    s.call(["run", "--", "printenv", "B"]).cwd("../other").go().succeeds().shows("1");
    for index in 0..4 {
        s.set_and_commit("A", &format!("x{index}"));
    }
    s.git(["bisect", "start", "HEAD", "v1"]);
    let bisect = s.shell("export PATH; git bisect run \"$0\" run -- sh -c 'test \"$A\" != x1'");
    let binary = crate::sandbox::SECRETS;
    bisect.words([binary]).go().succeeds().shows_part("is the first bad commit");
}

#[test]
fn a_revert_is_refused_until_it_is_sealed_again() {
    let s = Sandbox::new().repository();
    s.set_and_commit("A", "good");
    s.set_and_commit("A", "bad");
    s.git(["revert", "--no-edit", "HEAD"]);
    assert_eq!(start(&s, &[]), (125, false));
    s.run(["status"]).succeeds().shows_part("brought back on top of a newer one; if that was meant");
    s.run(["reseal", "--yes"]).succeeds().says("~ A");
    s.run(["run", "--", "printenv", "A"]).succeeds().shows("good");
    // An older file in the work tree alone is the same.
    s.commit("resealed");
    s.git(["checkout", "HEAD~2", "--", SEALED]);
    assert_eq!(start(&s, &[]), (125, false));
}

#[test]
fn a_file_that_lost_its_seal_is_refused_and_an_old_commit_from_before_it_is_not() {
    let s = Sandbox::new().secret("A");
    // Never sealed: this machine has seen it so.
    s.forget();
    put(&s, without_seal(&s.sealed()));
    let s = s.repository();
    s.run(["run", "--", "true"]).succeeds();
    s.run(["allow"]).succeeds();
    s.run(["reseal", "--yes"]).succeeds();
    s.commit("sealed");
    put(&s, without_seal(&s.sealed()));
    s.run(["run", "--", "true"]).exits(125).says("it lost its seal");
    for command in [&["get", "A"][..], &["set", "A", "--from-file", "secrets.toml"], &["rekey"], &["unset", "A"]] {
        s.run(command).exits(5).says("it lost its seal");
    }
    // A machine that never met the project asks the last commit.
    s.forget();
    s.run(["run", "--", "true"]).exits(125).says("it lost its seal");
}

/// This machine met the file before anybody sealed it, and not since.
#[test]
fn a_seal_that_a_colleague_made_and_somebody_took_away_is_missed() {
    let s = project();
    put(&s, without_seal(&String::from_utf8(vector("one")).expect("text")));
    s.commit("a plain sops file");
    for _ in 0..2 {
        s.run(["run", "--", "true"]).succeeds();
    }
    s.run(["allow"]).succeeds();
    put(&s, vector("one"));
    s.commit("sealed elsewhere");
    put(&s, without_seal(&String::from_utf8(vector("two")).expect("text")));
    for committed in [false, true] {
        if committed {
            s.commit("stripped");
        }
        assert_eq!(start(&s, &[]), (125, false));
        s.call(["set", "NEW"]).stdin("x").go().exits(5).says("it lost its seal");
    }
}

#[test]
fn a_tag_from_before_the_first_seal_goes_on() {
    let s = Sandbox::new().secret("A");
    let sealed = s.sealed();
    put(&s, without_seal(&sealed));
    s.forget();
    let s = s.repository();
    s.run(["run", "--", "true"]).succeeds();
    s.git(["tag", "before"]);
    s.run(["allow"]).succeeds();
    s.run(["reseal", "--yes"]).succeeds();
    s.commit("sealed");
    s.run(["run", "--", "true"]).succeeds();
    s.git(["checkout", "--quiet", "before"]);
    s.run(["run", "--", "printenv", "A"]).succeeds().reveals("A");
    s.git(["switch", "--quiet", "main"]);
    put(&s, without_seal(&s.sealed()));
    s.commit("somebody takes the seal away");
    s.run(["run", "--", "true"]).exits(125).says("it lost its seal");
}
