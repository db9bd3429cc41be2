//! A change of many files, killed at every step: all of them are new, or all of them are old.

use tempfile::TempDir;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::team::Person;
use crate::team::commitment;
use crate::team::environments;

const FILES: usize = 20;

/// Each system call that changes something, and how many of its ordinals are passed over between two kills.
const CALLS: [(&str, usize); 7] =
    [("rename", 1), ("renameat", 1), ("fsync", 1), ("unlink", 1), ("write", 2), ("openat", 7), ("fchmod", 2)];

struct Scene {
    s: Sandbox,
    bob: Person,
    names: Vec<String>,
    old: Vec<String>,
    /// Project and home as they were; not in the sandbox, where an identity is a leak.
    saved: TempDir,
}

impl Scene {
    fn new() -> Self {
        let names: Vec<String> = (0..FILES).map(|index| format!("e{index:02}")).collect();
        let s = Sandbox::new().settings(&environments(&names));
        let bob = Person::new(&s);
        for name in &names {
            s.call(["set", "KEY", "--env", name]).stdin(name.as_str()).go().succeeds();
        }
        std::fs::remove_file(s.path("secrets/development.env")).expect("`init` made it");
        s.run(["member", "add", "bob", &bob.recipient, "--to", "dev", "--to", &names[0]]).succeeds();
        let saved = tempfile::tempdir().expect("a folder");
        s.program(["cp", "-a", ".", "../home"]).words([saved.path()]).go().succeeds();
        let mut scene = Self { s, bob, names, old: Vec::new(), saved };
        scene.old = scene.commitments();
        scene
    }

    fn restore(&self) {
        let script = "rm -rf ./secrets ../home && cp -a \"$0\"/secrets \"$0\"/secrets.toml . && cp -a \"$0\"/home ..";
        self.s.program(["sh", "-c", script]).words([self.saved.path()]).go().succeeds();
    }

    fn commitments(&self) -> Vec<String> {
        self.names.iter().map(|name| commitment(&self.s.read(format!("secrets/{name}.env")))).collect()
    }

    /// Kills the removal at one call; returns whether it was.
    fn kill(&self, call: &str, ordinal: usize) -> bool {
        let inject = format!("inject={call}:signal=KILL:when={ordinal}");
        let removal = self.s.call(["member", "remove", "bob", "--yes"]);
        let outcome =
            removal.under(["strace", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
        outcome.go().was_killed()
    }

    /// All new or all old, whatever was done to finish.
    fn check(&self, case: &str) -> bool {
        let now = self.commitments();
        let changed = now.iter().zip(&self.old).filter(|(now, old)| now != old).count();
        assert!(changed == 0 || changed == FILES, "{case}: {changed} of {FILES} files are new");
        let is_new = changed == FILES;
        assert_eq!(self.s.read("secrets.toml").contains("[members.bob]"), !is_new, "{case}: secrets.toml agrees");
        for name in [&self.names[0], &self.names[FILES / 2], &self.names[FILES - 1]] {
            self.s.run(["run", "--env", name, "--", "true"]).succeeds();
            let code = self.bob.code(&self.s, &["get", "KEY", "--env", name]);
            assert_eq!(code, if is_new { 3 } else { 0 }, "{case}: bob and {name}");
        }
        // Whatever was done is this machine's own, and remembered as that.
        self.s.call(["set", "KEY", "--env", &self.names[0]]).stdin(self.names[0].as_str()).go().succeeds();
        is_new
    }
}

#[test]
fn a_removal_that_is_killed_is_finished_or_undone_whole() {
    if !needs("strace") {
        return;
    }
    let scene = Scene::new();
    let (mut kills, mut new, mut old, mut waited) = (0, 0, 0, 0);
    for (call, step) in CALLS {
        for ordinal in (1..).step_by(step) {
            scene.restore();
            if !scene.kill(call, ordinal) {
                break;
            }
            kills += 1;
            let case = format!("{call} {ordinal}");
            waited += usize::from(scene.s.run(["status", "--env", "e00"]).succeeds().stdout().contains("interrupted"));
            let way = if (ordinal / step) % 2 == 0 { "--resume" } else { "--abort" };
            scene.s.run(["rekey", way]).succeeds();
            if scene.check(&case) {
                new += 1
            } else {
                old += 1
            }
            // Nothing stands in the way of the next try.
            if ordinal % 8 == 1 && scene.s.read("secrets.toml").contains("[members.bob]") {
                scene.s.run(["member", "remove", "bob", "--yes"]).succeeds();
                assert!(scene.check(&case), "{case}: the next try");
            }
        }
    }
    println!("{kills} kills: {waited} left a journal, {new} ended all new, {old} all old");
    assert!(kills > 80 && waited > 15 && new > 10 && old > 10, "{kills} {waited} {new} {old}");
}

#[test]
fn while_a_change_waits_nobody_writes_and_everybody_reads() {
    if !needs("strace") {
        return;
    }
    let scene = Scene::new();
    // The third file is placed, and the rest is not.
    assert!(scene.kill("renameat", 3));
    let s = &scene.s;
    for name in &scene.names {
        s.run(["run", "--env", name, "--", "true"]).succeeds();
    }
    let refused = s.call(["set", "NEW", "--env", "e19"]).stdin("x").go();
    refused.exits(1).says("`member remove bob` was interrupted").says("`secrets rekey --resume` finishes it");
    s.run(["rekey", "--all"]).exits(1).says("was interrupted");
    // A file that somebody changed since is not overwritten.
    let file = s.read("secrets/e19.env");
    s.write("secrets/e19.env", format!("#\n{file}"));
    s.run(["rekey", "--resume"]).exits(1).says("`secrets/e19.env` was changed after");
    s.write("secrets/e19.env", file);
    s.run(["rekey", "--resume"]).succeeds().says("finished `member remove bob`: 21 files");
    assert!(scene.check("resumed"));
    s.run(["status", "--env", "e00"]).succeeds().shows_part("rotate       bob has seen `KEY` of e00");
}
