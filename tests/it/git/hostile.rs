//! A repository whose settings run programs wherever git lets them.

use std::collections::BTreeSet;
use std::fs;

use crate::sandbox::Outcome;
use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;

use super::repository::git;

/// Settings that run a program: the trap, the setting, and what stands before and behind the program there.
const SETTINGS: [(&str, &str, &str, &str); 16] = [
    ("alternates", "core.alternateRefsCommand", "", ""),
    ("askpass", "core.askPass", "", ""),
    ("clean", "filter.other.clean", "", ""),
    ("editor", "core.editor", "", ""),
    ("external", "diff.external", "", ""),
    ("fsmonitor", "core.fsmonitor", "", ""),
    ("gpg", "gpg.program", "", ""),
    ("merge", "merge.other.driver", "", " %O %A %B"),
    ("pager", "core.pager", "", ""),
    ("promisor", "remote.origin.url", "ext::", ""),
    ("ssh", "core.sshCommand", "", ""),
    ("textconv", "diff.other.textconv", "", ""),
    // Git knows these words itself, so far.
    ("alias", "alias.cat-file", "!", ""),
    ("alias", "alias.ls-files", "!", ""),
    ("alias", "alias.rev-list", "!", ""),
    ("alias", "alias.rev-parse", "!", ""),
];

/// Settings that make those matter.
const OTHERS: [(&str, &str); 5] = [
    ("log.showSignature", "true"),
    ("protocol.ext.allow", "always"),
    ("remote.origin.promisor", "true"),
    ("core.repositoryFormatVersion", "1"),
    ("extensions.partialClone", "origin"),
];

const HOOKS: [&str; 4] = ["post-checkout", "post-index-change", "pre-commit", "reference-transaction"];

/// What runs into each trap with plain git; `MISSING` is an object that is not there.
const LIVE: [(&str, &[&str]); 10] = [
    ("fsmonitor", &["status"]),
    ("hooks", &["update-ref", "refs/heads/live", "HEAD"]),
    ("ssh", &["fetch", "ssh://nowhere/x"]),
    ("alternates", &["rev-list", "--alternate-refs", "--max-count=1"]),
    ("clean", &["add", "scratch"]),
    ("external", &["diff", "HEAD~1", "HEAD"]),
    ("textconv", &["diff", "--no-ext-diff", "HEAD~1", "HEAD"]),
    ("merge", &["merge-tree", "side", "HEAD"]),
    ("gpg", &["log", "-1"]),
    ("promisor", &["cat-file", "-p", "MISSING"]),
];

/// A project in such a repository.
pub struct Traps {
    pub s: Sandbox,
    /// An old version of the sealed file that was removed: git would fetch it.
    missing: String,
}

impl Traps {
    /// Sets them all in a repository of at least three commits.
    pub fn set(s: Sandbox) -> Self {
        fs::create_dir_all(s.path("../ran")).expect("a path of the scene");
        add_branch(&s);
        sign_head(&s);
        git(&s, ["init", "-q", "../elsewhere"]).succeeds();
        s.write(".git/objects/info/alternates", "../../../elsewhere/.git/objects\n");
        let missing = remove_object(&s, &format!("HEAD~2:{SEALED}"));
        for (name, setting, before, behind) in SETTINGS {
            let program = trap(&s, name, name);
            git(&s, ["config", "--local", setting, &format!("{before}{program}{behind}")]).succeeds();
        }
        HOOKS.iter().for_each(|hook| drop(trap(&s, &format!("hooks/{hook}"), "hooks")));
        let hooks = s.root().join("traps/hooks").display().to_string();
        for (name, value) in OTHERS.iter().chain(&[("core.hooksPath", hooks.as_str())]) {
            git(&s, ["config", "--local", name, value]).succeeds();
        }
        s.write(".git/info/attributes", "* diff=other filter=other merge=other\n");
        let variable = trap(&s, "variable", "variable");
        let s = s.env("GIT_EXTERNAL_DIFF", &variable).env("GIT_SSH_COMMAND", &variable);
        let traps = Self { s, missing };
        traps.take_fired();
        traps
    }

    /// Plain git runs into each of them, so a command of ours that runs into none has avoided them.
    pub fn each_is_live(&self) {
        self.s.write("scratch", "scratch\n");
        // The caller's variables come before the settings.
        let plain = || self.s.program(["env", "-u", "GIT_EXTERNAL_DIFF", "-u", "GIT_SSH_COMMAND", "git"]);
        for (name, words) in LIVE {
            let words = words.iter().map(|word| if *word == "MISSING" { &self.missing } else { *word });
            let outcome = plain().words(words).go();
            assert!(self.take_fired().contains(name), "{name} is not live: {}", outcome.stderr());
        }
        git(&self.s, ["diff", "HEAD~1", "HEAD"]).exits(128);
        assert!(self.take_fired().contains("variable"));
        if needs("python3") {
            let shown = plain().words(["log", "-1"]).on_terminal(&[]).go();
            assert!(self.take_fired().contains("pager"), "{}", shown.stdout());
        }
        fs::remove_file(self.s.path("scratch")).expect("a path of the scene");
    }

    /// The command ran into no trap.
    #[track_caller]
    pub fn stay_shut(&self, outcome: Outcome) -> Outcome {
        let fired = self.take_fired();
        assert!(fired.is_empty(), "{fired:?} ran\n{}\n{}", outcome.stdout(), outcome.stderr());
        outcome
    }

    /// Returns the traps that something ran into since it was asked last.
    pub fn take_fired(&self) -> BTreeSet<String> {
        let ran = self.s.root().join("ran");
        let entries = fs::read_dir(&ran).expect("a path of the scene");
        let fired: BTreeSet<String> = entries
            .map(|entry| entry.expect("a path of the scene").file_name().into_string().expect("a name of ours"))
            .collect();
        fired.iter().for_each(|name| fs::remove_file(ran.join(name)).expect("a path of the scene"));
        fired
    }
}

/// Makes a program that leaves a mark and fails; returns its path.
pub fn trap(s: &Sandbox, name: &str, mark: &str) -> String {
    let path = s.root().join("traps").join(name);
    s.write("../tmp/trap", format!("#!/bin/sh\n: >{}\nexit 1\n", s.root().join("ran").join(mark).display()));
    // Another process writes it: this one's threads start programs, which would hold it open.
    let script = "mkdir -p \"${2%/*}\" && cp \"$1\" \"$2\" && chmod 755 \"$2\"";
    s.program(["sh", "-c", script, "sh", "../tmp/trap"]).words([&path]).go().succeeds();
    path.display().to_string()
}

/// Makes a branch `side` that changed the same file as `HEAD`, for a driver to merge.
fn add_branch(s: &Sandbox) {
    let was = s.sealed();
    git(s, ["checkout", "-q", "-b", "side", "HEAD~1"]).succeeds();
    s.write(SEALED, s.sealed().replacen("A=ENC", "Z=ENC", 1));
    git(s, ["commit", "-q", "-a", "-m", "side"]).succeeds();
    git(s, ["checkout", "-q", "main"]).succeeds();
    assert_eq!(s.sealed(), was);
}

/// Puts something like a signature into the last commit.
fn sign_head(s: &Sandbox) {
    const SIGNATURE: &str = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n";
    let commit = git(s, ["cat-file", "commit", "HEAD"]).succeeds().stdout();
    let signed = commit.replacen("\n\n", &format!("\n{SIGNATURE}\n"), 1);
    let hash = s.program(["git", "hash-object", "-t", "commit", "-w", "--stdin"]).stdin(signed).go();
    git(s, ["update-ref", "refs/heads/main", hash.succeeds().stdout().trim_end()]).succeeds();
}

/// Takes an object out of the repository; returns its name.
fn remove_object(s: &Sandbox, name: &str) -> String {
    let hash = git(s, ["rev-parse", name]).succeeds().stdout().trim_end().to_string();
    let (folder, file) = hash.split_at(2);
    fs::remove_file(s.path(format!(".git/objects/{folder}/{file}"))).expect("a path of the scene");
    hash
}
