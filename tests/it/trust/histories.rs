//! Honest histories: whatever a team does with git every day raises no alarm.

use crate::sandbox::Sandbox;

/// All of them where everything runs, and a part of them on a laptop.
fn count() -> u64 {
    if std::env::var_os("SECRETS_TEST_ALL").is_some() { 200 } else { 20 }
}

/// A small generator, so that a failing history can be run again by its number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What one history did.
#[derive(Default)]
struct Tally {
    alarms: Vec<String>,
    merges: usize,
    old: usize,
    reverts: usize,
    rekeys: usize,
}

#[test]
fn honest_histories_raise_no_alarm() {
    println!("{}", play_all(0..count() / 2));
}

#[test]
fn other_honest_histories_raise_none_either() {
    println!("{}", play_all(count() / 2..count()));
}

/// Plays histories; returns what they did.
fn play_all(numbers: std::ops::Range<u64>) -> String {
    let mut tally = Tally::default();
    for number in numbers.clone() {
        play(number, &mut tally);
    }
    let Tally { alarms, merges, old, reverts, rekeys } = tally;
    assert!(alarms.is_empty(), "{} alarms:\n{}", alarms.len(), alarms.join("\n"));
    assert!(merges > 3 && old > 3 && reverts > 1 && rekeys > 1);
    format!("histories {numbers:?}: {merges} merges, {old} old commits, {reverts} reverts, {rekeys} rekeys")
}

fn play(number: u64, tally: &mut Tally) {
    let mut dice = Dice(number + 1);
    let s = Sandbox::new().repository();
    s.set_and_commit("A", "start");
    s.git(["branch", "side"]);
    let mut steps = Vec::new();
    for step in 0..8 {
        let name = ["A", "B", "C"][dice.roll(3) as usize];
        let what = dice.roll(9);
        steps.push(what);
        match what {
            0..=2 => s.set_and_commit(name, &format!("{number}-{step}")),
            3 => drop(s.git(["switch", "--quiet", if dice.roll(2) == 0 { "side" } else { "main" }])),
            4 => merge(&s, tally),
            5 => look_back(&s, dice.roll(4), tally),
            6 => revert(&s, tally),
            7 => {
                s.run(["rekey"]).succeeds();
                s.commit("rekey");
                tally.rekeys += 1;
            }
            _ => {
                s.git(["stash", "--include-untracked", "--quiet"]);
                s.call(["set", name]).stdin(format!("stash {step}")).go().succeeds();
                s.git(["stash", "--quiet"]);
                s.git(["stash", "pop", "--quiet"]);
                s.commit("from the stash");
            }
        }
        calm(&s, tally, || format!("history {number}, after {steps:?}"));
    }
}

/// Everything that reads goes on.
fn calm(s: &Sandbox, tally: &mut Tally, what: impl Fn() -> String) {
    let outcome = s.run(["run", "--", "true"]);
    if outcome.code() != 0 || outcome.stderr().contains("warning") {
        tally.alarms.push(format!("{}: {}", what(), outcome.stderr()));
    }
}

/// Merges the other branch; what both changed is decided as a person would.
fn merge(s: &Sandbox, tally: &mut Tally) {
    let current = s.git(["branch", "--show-current"]);
    let other = if current.trim() == "main" { "side" } else { "main" };
    tally.merges += 1;
    let merged = s.program(["git", "merge", "--quiet", "--no-edit", other]).go();
    if merged.code() != 0 {
        s.run(["reseal", "--ours", "--yes"]).succeeds();
        s.commit("merged by a person");
    }
}

/// Checks an old commit out, runs, and comes back.
fn look_back(s: &Sandbox, steps: u64, tally: &mut Tally) {
    let current = s.git(["branch", "--show-current"]).trim().to_string();
    let old = s.git(["rev-list", "--max-count=1", &format!("--skip={steps}"), "HEAD"]).trim().to_string();
    if old.is_empty() {
        return;
    }
    tally.old += 1;
    s.git(["checkout", "--quiet", &old]);
    calm(s, tally, || format!("{steps} commits back"));
    s.git(["switch", "--quiet", &current]);
}

/// A revert that touches the file is refused until somebody seals it again.
fn revert(s: &Sandbox, tally: &mut Tally) {
    let before = s.sealed();
    let reverted = s.program(["git", "revert", "--no-commit", "HEAD"]).go();
    if reverted.code() != 0 {
        s.program(["git", "revert", "--abort"]).go().code();
        return;
    }
    if s.sealed() == before {
        return;
    }
    tally.reverts += 1;
    s.run(["run", "--", "true"]).exits(125).says("`secrets reseal`");
    s.run(["reseal", "--yes"]).succeeds();
    s.commit("resealed");
}
