//! Random edits of two sides, merged and rebased in both directions.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::sandbox::Outcome;
use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;

use super::pairs::Edit;
use super::pairs::MARK;
use super::pairs::Pair;
use super::pairs::Values;
use super::pairs::merged;
use super::repository::BOTH_WAYS;
use super::repository::branch;
use super::repository::commit;
use super::repository::git;
use super::repository::has_markers;
use super::repository::is_sealed;
use super::repository::merge;
use super::repository::repository;

/// How many pairs there are; `SECRETS_TEST_PAIRS` says another number.
const PAIRS: u64 = 100;

#[test]
fn random_edits_of_two_sides_merge_and_rebase_by_name_in_both_directions() {
    let pairs = std::env::var("SECRETS_TEST_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(PAIRS);
    let (next, conflicts) = (AtomicU64::new(0), AtomicU64::new(0));
    let try_next = || {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed < pairs {
            let tried = catch_unwind(|| try_pair(&Pair::new(seed)));
            let has_conflict = tried.unwrap_or_else(|panic| {
                println!("the pair of seed {seed} fails");
                resume_unwind(panic)
            });
            conflicts.fetch_add(has_conflict.into(), Ordering::Relaxed);
        }
        seed < pairs
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| while try_next() {});
        }
    });
    let conflicts = conflicts.into_inner();
    assert!(0 < conflicts && conflicts < pairs, "{conflicts} of {pairs} pairs conflict");
}

/// Merges and rebases a pair; returns whether it conflicts.
fn try_pair(pair: &Pair) -> bool {
    let s = repository().canary("ANY", MARK);
    let s = s.script("../tmp/editor", "#!/bin/sh\neval \"$EDIT\"\n");
    let editor = s.path("../tmp/editor");
    let s = s.env("EDITOR", editor);
    s.call(["import", "-"]).stdin(pair.base.text()).go().succeeds();
    commit(&s, "base");
    for (name, side) in [("ours", &pair.ours), ("theirs", &pair.theirs)] {
        branch(&s, name, "main");
        apply(&s, &side.edits);
    }
    // Who wins where both changed a name is the same in all four.
    let (values, conflicts) = merged(&pair.base.values, &pair.ours.end.values, &pair.theirs.end.values);
    let wanted = Wanted { comments: comments(pair, &values), values, conflicts };
    for (here, there) in BOTH_WAYS {
        branch(&s, &format!("{here}-merged"), here);
        merges(&s, there, &wanted);
        branch(&s, &format!("{here}-rebased"), here);
        rebases(&s, there, &wanted);
    }
    !wanted.conflicts.is_empty()
}

/// What a merge must come to, with our value where both changed a name.
struct Wanted {
    values: Values,
    conflicts: BTreeSet<String>,
    comments: Vec<String>,
}

/// Returns the comments that must be there: those above a name that is, and those at the end.
fn comments(pair: &Pair, values: &Values) -> Vec<String> {
    let all = [&pair.ours.end, &pair.theirs.end].into_iter().flat_map(|file| &file.comments);
    let kept = all.filter(|(_, below)| below.as_ref().is_none_or(|name| values.contains_key(name)));
    kept.map(|(text, _)| format!("#{text}")).collect()
}

/// Makes every edit and commits it, in one go: each command of a scene is searched for leaks, and that takes its time.
fn apply(s: &Sandbox, edits: &[Edit]) {
    let mut script = "set -e\n".to_string();
    for (index, edit) in edits.iter().enumerate() {
        let line = match edit {
            Edit::Set { name, value } => format!("printf %s {value} | secrets set {name}"),
            Edit::Unset { name } => format!("secrets unset {name}"),
            Edit::Import { name, value, text } => {
                format!("printf '%s\\n' '#{text}' {name}={value} | secrets import -")
            }
            Edit::Comment { .. } | Edit::Move { .. } => format!("EDIT=$EDIT_{index} secrets edit"),
        };
        script.push_str(&format!("{line}\ngit commit -q -a -m edit\n"));
    }
    let call = edits
        .iter()
        .enumerate()
        .fold(s.shell(&script), |call, (index, edit)| call.env(format!("EDIT_{index}"), edit.script()));
    call.go().succeeds().never_says("nothing was changed");
}

/// Merges `there` into where we are.
fn merges(s: &Sandbox, there: &str, wanted: &Wanted) {
    let outcome = merge(s, there);
    assert_eq!(named(&outcome), wanted.conflicts, "{}", outcome.stderr());
    assert!(!has_markers(s), "a conflict on lines\n{}", s.sealed());
    if wanted.conflicts.is_empty() {
        outcome.succeeds().never_says("reseal");
    } else {
        outcome.exits(1);
        let winner = if there == "ours" { "--theirs" } else { "--ours" };
        s.shell(&format!("secrets reseal {winner} && git commit -q -a -m merge")).go().succeeds();
    }
    check(s, wanted);
}

/// Rebases where we are onto `there`, whose side is git's "ours" then.
fn rebases(s: &Sandbox, there: &str, wanted: &Wanted) {
    let mut outcome = git(s, ["rebase", there]);
    let mut conflicts = BTreeSet::new();
    while outcome.status.code() == Some(1) {
        let names = named(&outcome);
        assert!(!names.is_empty() && !has_markers(s), "{}\n{}", outcome.stderr(), s.sealed());
        conflicts.extend(names);
        let winner = if there == "ours" { "--ours" } else { "--theirs" };
        outcome = s.shell(&format!("secrets reseal {winner} && git add . && git rebase --continue")).go();
    }
    outcome.succeeds().never_says("not sealed");
    assert_eq!(conflicts, wanted.conflicts);
    check(s, wanted);
}

/// Returns the names that the driver says both sides changed.
fn named(outcome: &Outcome) -> BTreeSet<String> {
    let text = outcome.stderr();
    let lines = text.lines().filter(|line| line.contains("both sides changed"));
    let names = lines.flat_map(|line| line.split('`').skip(1).step_by(2)).filter(|name| !name.contains('/'));
    names.map(str::to_string).collect()
}

/// The merged file is sealed, a program starts with it, and it says what it must.
fn check(s: &Sandbox, wanted: &Wanted) {
    assert!(is_sealed(s));
    let outcome = s.shell(&format!("git status --porcelain && secrets run -- true && secrets decrypt {SEALED}")).go();
    outcome.succeeds().says_nothing().reveals("ANY");
    let text = outcome.stdout();
    let (comments, entries): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    let values: Values = entries
        .iter()
        .map(|line| line.split_once('=').unwrap_or_else(|| panic!("{text}")))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    assert_eq!((entries.len(), &values), (wanted.values.len(), &wanted.values));
    let lost: Vec<&String> = wanted.comments.iter().filter(|text| !comments.contains(&text.as_str())).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}
