//! Git's own settings and folders in a repository: nothing that they name runs through us.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;

/// Settings that make git run a program, each with what stands before and behind the program's path.
const SETTINGS: [&str; 16] = [
    "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass", "core.alternateRefsCommand",
    "core.gitProxy", "diff.external", "diff.evil.textconv", "diff.evil.command", "filter.evil.clean",
    "filter.evil.smudge", "filter.evil.process", "gpg.program", "uploadpack.packObjectsHook", "merge.evil.driver",
];

/// Every command of ours that asks git something.
const COMMANDS: [&[&str]; 17] = [
    &["run", "--", "true"],
    &["get", "KEY"],
    &["status"],
    &["list"],
    &["diff"],
    &["diff", "HEAD~1..HEAD"],
    &["access"],
    &["access", "--who", "KEY"],
    &["access", "--member", "alice"],
    &["access", "--at", "HEAD~1"],
    &["check"],
    &["check", "--ci"],
    &["allow"],
    &["rekey"],
    &["reseal", "--yes"],
    &["git", "install"],
    &["git", "textconv", SEALED],
];

/// A repository whose settings run a program that leaves a mark; the newest version in it wants a look at the history.
fn hostile() -> Sandbox {
    let s = Sandbox::new().repository().value("KEY", "watched value");
    s.commit("one");
    s.set_and_commit("KEY", "two");
    let s = s.script("evil", "#!/bin/sh\necho \"$0 $*\" >>\"$MARK\"\ncat\n");
    let mark = s.root().join("mark");
    let s = s.env("MARK", mark);
    let evil = s.path("evil").display().to_string();
    for setting in SETTINGS {
        s.git(["config", setting, &evil]);
    }
    for (setting, value) in [
        ("log.showSignature", "true"),
        ("diff.evil.cachetextconv", "true"),
        ("core.hooksPath", "hooks"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", &evil),
        ("credential.helper", &evil),
        ("alias.rev-list", "!evil"),
        ("protocol.ext.allow", "always"),
        ("include.path", "../included"),
    ] {
        s.git(["config", setting, value]);
    }
    s.git(["config", "remote.origin.url", &format!("ext::{evil}")]);
    s.write(".git/info/attributes", "* filter=evil diff=evil\n");
    s.write(".git/included", format!("[core]\n\tfsmonitor = {evil}\n"));
    for hook in ["post-index-change", "post-checkout", "pre-commit", "reference-transaction", "post-rewrite"] {
        s.program(["cp", "evil"]).words([s.path(hook)]).go().succeeds();
        std::fs::create_dir_all(s.path("hooks")).expect("a folder");
        std::fs::rename(s.path(hook), s.path("hooks").join(hook)).expect("a hook");
    }
    s
}

fn is_marked(s: &Sandbox) -> Option<String> {
    std::fs::read_to_string(s.root().join("mark")).ok()
}

#[test]
fn hostile_settings_run_nothing() {
    let s = hostile();
    for words in COMMANDS {
        // Each sees a version that the record has not seen, so that the history is asked.
        s.forget();
        let outcome = s.run(words);
        let shown = outcome.stdout().contains("watched value");
        assert!(!shown, "{words:?}");
        assert!(outcome.code() <= 5, "{words:?}: {}", outcome.stderr());
        assert_eq!(is_marked(&s), None, "{words:?}");
    }
    // The trap is one: git itself steps into it.
    s.program(["git", "status"]).go().code();
    assert!(is_marked(&s).is_some());
}

#[test]
fn an_object_that_is_missing_is_not_fetched() {
    let s = hostile();
    let blob = s.program(["git", "-c", "core.fsmonitor=false", "rev-parse", &format!("HEAD~1:./{SEALED}")]).go();
    let blob = blob.stdout().trim().to_string();
    let _ = std::fs::remove_file(s.root().join("mark"));
    std::fs::remove_file(s.path(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]))).expect("a loose object");
    for words in [&["access", "--who", "KEY"][..], &["check"], &["diff", "HEAD~1..HEAD"], &["status"]] {
        s.forget();
        s.run(words).code();
        assert_eq!(is_marked(&s), None, "{words:?}");
    }
}

#[test]
fn a_folder_that_looks_like_a_repository_is_none() {
    let s = Sandbox::new().repository().value("KEY", "watched value");
    let s = s.script("evil", "#!/bin/sh\necho \"$*\" >>\"$MARK\"\n");
    let mark = s.root().join("mark");
    let s = s.env("MARK", mark);
    // A commit can bring such a folder: it is a bare repository by its names alone.
    let inner = "inner";
    s.git(["init", "--quiet", "--bare", inner]);
    let evil = s.path("evil").display().to_string();
    s.git(["-C", inner, "config", "core.fsmonitor", &evil]);
    s.git(["-C", inner, "config", "core.worktree", "."]);
    s.git(["-C", inner, "config", "core.bare", "false"]);
    let settings = s.read("secrets.toml");
    s.write("inner/secrets.toml", settings);
    s.call(["set", "KEY"]).cwd(inner).stdin("x").go().succeeds();
    for words in
        [&["run", "--", "true"][..], &["status"], &["check"], &["access", "--who", "KEY"], &["reseal", "--yes"]]
    {
        s.call(words.iter().copied()).cwd(inner).go().code();
        assert_eq!(is_marked(&s), None, "{words:?}");
    }
}
