//! Merges, rebases, diffs and `secrets reseal`, by real git.

mod diff;
mod driver;
mod hostile;
mod keys;
mod pairs;
mod random;
mod repository;
mod reseal;
mod seals;
mod strangers;

use crate::sandbox::SEALED;
use crate::sandbox::secret;

use hostile::Traps;
use hostile::trap;
use repository::git;
use repository::project;
use repository::sealed_at;
use repository::set;
use repository::set_like_sops;

#[test]
fn hostile_settings_run_nothing() {
    let s = project();
    set(&s, "A", "new");
    let traps = Traps::set(s);
    let s = &traps.s;
    traps.each_is_live();
    let set = |value: &str| s.call(["set", "B"]).stdin(secret(value)).go();
    traps.stay_shut(set("ours")).succeeds();
    for words in [
        &["run", "--", "true"][..],
        &["status"],
        &["diff"],
        &["diff", "HEAD~1..HEAD"],
        &["list"],
        &["get", "C"],
        &["member", "list"],
        &["allow"],
        &["allow", "--print"],
        &["init", "--yes"],
        &["git", "install"],
        &["git", "textconv", SEALED],
        &["reseal"],
        &["rekey"],
    ] {
        let outcome = traps.stay_shut(s.run(words));
        outcome.succeeds();
        if words[0] == "get" {
            outcome.reveals("C");
        }
    }
    // Now each of them has to look into the history.
    set_like_sops(s, "C", "theirs");
    traps.stay_shut(s.run(["status"])).succeeds().shows_part("it lost its seal");
    traps.stay_shut(s.run(["reseal", "--yes"])).succeeds().says("~ C");
    s.write(SEALED, sealed_at(s, "HEAD"));
    traps.stay_shut(s.run(["run", "--", "true"])).succeeds();
    s.forget();
    traps.stay_shut(set("theirs")).succeeds();
    traps.stay_shut(s.run(["allow"])).succeeds();
}

#[test]
fn a_folder_that_looks_like_a_repository_runs_nothing() {
    let s = project();
    set(&s, "A", "new");
    let text = s.read("secrets.toml");
    let traps = Traps::set(s);
    let s = &traps.s;
    let program = trap(s, "nested", "nested");
    // A commit can bring all of that: none of it is called `.git`.
    s.write("nested/secrets.toml", text);
    s.write("nested/secrets/development.env", s.bytes(SEALED));
    s.write("nested/HEAD", "ref: refs/heads/main\n");
    s.write("nested/objects/keep", "");
    s.write("nested/refs/keep", "");
    s.write(
        "nested/config",
        format!("[core]\nrepositoryformatversion = 0\nbare = false\nworktree = .\nfsmonitor = {program}\n"),
    );
    let plain = git(s, ["-C", "nested", "status"]);
    assert!(traps.take_fired().contains("nested"), "plain git does not run into it: {}", plain.stderr());
    let set = || traps.stay_shut(s.call(["set", "B"]).stdin(secret("ours")).cwd("nested").go());
    set().exits(5).says("new inside the project");
    for (words, code) in [(&["run", "--", "true"][..], 125), (&["status"], 0), (&["rekey"], 5), (&["allow"], 0)] {
        traps.stay_shut(s.call(words).cwd("nested").go()).exits(code);
    }
    set().succeeds();
    for words in
        [&["run", "--", "true"][..], &["status"], &["init", "--yes"], &["member", "list"], &["reseal"], &["rekey"]]
    {
        traps.stay_shut(s.call(words).cwd("nested").go()).succeeds();
    }
    traps.stay_shut(s.call(["diff"]).cwd("nested").go()).exits(1).says("in no git repository");
    traps.stay_shut(s.call(["git", "install"]).cwd("nested").go()).exits(1);
}
