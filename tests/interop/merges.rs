//! The same random edits of two sides, merged line by line in plain sops files, and by name in ours.

use std::path::Path;

use super::keys::Key;
use super::needs::needs;
use super::place::Outcome;
use super::place::Place;

#[path = "../it/git/pairs.rs"]
mod pairs;

use pairs::Branch;
use pairs::Pair;
use pairs::merged;

/// How many pairs there are.
const PAIRS: u64 = 100;
const OURS: &str = "secrets/development.env";
const PLAIN: &str = "plain.env";

/// What became of the merges.
#[derive(Default)]
struct Figures {
    /// Those that git left to a person.
    conflicts: usize,
    /// Among them those where both sides changed a value to different ones.
    values: usize,
    /// Those with a line of metadata between markers.
    metadata: usize,
}

#[test]
fn what_a_person_has_to_settle_is_values_alone() {
    let Some(sops) = needs("sops") else { return };
    let (mut lines, mut names, mut wanted) = (Figures::default(), Figures::default(), 0);
    for seed in 0..PAIRS {
        let pair = Pair::new(seed);
        let is_conflict = !merged(&pair.base.values, &pair.ours.end.values, &pair.theirs.end.values).1.is_empty();
        wanted += 2 * usize::from(is_conflict);
        println!("the pair of seed {seed}");
        merge_lines(&sops, &pair, is_conflict, &mut lines);
        merge_names(&pair, is_conflict, &mut names);
    }
    let merges = 2 * PAIRS;
    for (how, figures) in [("plain sops, by line", &lines), ("ours, by name", &names)] {
        let Figures { conflicts, values, metadata } = figures;
        println!("{how}: {conflicts} of {merges} merges conflict, {values} over a value; {metadata} over metadata");
    }
    assert_eq!((names.conflicts, names.values, names.metadata), (wanted, wanted, 0));
    assert!(lines.metadata > 0, "then there would be no need for a driver");
}

#[test]
fn what_sops_wrote_in_a_project_is_shown_by_name_and_sealed_again() {
    let Some(sops) = needs("sops") else { return };
    let set = ["set", OURS, "[\"A\"]", "\"new\""];
    for (arguments, shown, value) in [
        (&set[..], "~ A", "new"),
        (&["unset", OURS, "[\"B\"]"], "- B", "one"),
        (&["edit", OURS], "+ C", "one"),
        (&["rotate", "--in-place", OURS], "* a new data key", "one"),
    ] {
        let key = Key::new();
        let place = place().with("SOPS_AGE_KEY", &key.secret).with("EDIT", "echo C=three >>\"$1\"");
        place.write(".env", "A=one\nB=two\n");
        let _ = place.secrets(["init", "--yes"]).ok();
        let _ = git(&place, ["add", "--all"]).ok();
        let _ = git(&place, ["commit", "-q", "-m", "init"]).ok();
        let _ = place.call(&sops).args(arguments).run().ok();
        let status = place.secrets(["status"]).ok().text();
        assert!(status.contains("\nstate        it lost its seal; `secrets reseal`"), "{status}");
        let _ = place.secrets(["run", "--", "true"]).ends_with(125).says("it lost its seal");
        let before = place.read(OURS);
        let _ = place.secrets(["reseal"]).ends_with(1).says(shown).says("`secrets reseal --yes`");
        assert!(before == place.read(OURS));
        let _ = place.secrets(["reseal", "--yes"]).ok();
        let _ = place.secrets(["run", "--", "printenv", "A"]).prints(format!("{value}\n"));
        let _ = place.call(&sops).args(["decrypt", "--extract", "[\"A\"]", OURS]).run().prints(value);
    }
}

/// Merges both directions of a pair in a file that only sops wrote.
fn merge_lines(sops: &Path, pair: &Pair, is_conflict: bool, figures: &mut Figures) {
    let key = Key::new();
    let place = place().with("SOPS_AGE_KEY", &key.secret);
    place.write(PLAIN, pair.base.text());
    let _ = place.call(sops).args(["encrypt", "--in-place", "--age", &key.recipient, PLAIN]).run().ok();
    let edit = |side: &Branch| {
        let outcome = place.call(sops).args(["edit", PLAIN]).env("EDIT", script(side)).run();
        // Several edits may come to nothing, which sops tells with a code of its own.
        assert!(matches!(outcome.code, Some(0 | 200)), "{}", outcome.stderr);
    };
    merge(&place, pair, PLAIN, edit, is_conflict, figures);
}

/// Merges both directions of a pair in a sealed file, with the driver.
fn merge_names(pair: &Pair, is_conflict: bool, figures: &mut Figures) {
    let place = place();
    place.write(".env", pair.base.text());
    let _ = place.secrets(["init", "--yes"]).ok();
    let edit = |side: &Branch| {
        let _ = place.call(env!("CARGO_BIN_EXE_secrets")).arg("edit").env("EDIT", script(side)).run().ok();
    };
    merge(&place, pair, OURS, edit, is_conflict, figures);
}

fn merge(place: &Place, pair: &Pair, file: &str, edit: impl Fn(&Branch), is_conflict: bool, figures: &mut Figures) {
    let commit = |message| {
        let _ = git(place, ["add", "--all"]).ok();
        let _ = git(place, ["commit", "-q", "--allow-empty", "-m", message]).ok();
    };
    commit("base");
    for (name, side) in [("ours", &pair.ours), ("theirs", &pair.theirs)] {
        let _ = git(place, ["checkout", "-q", "-b", name, "main"]).ok();
        edit(side);
        commit(name);
    }
    for (here, there) in [("ours", "theirs"), ("theirs", "ours")] {
        let _ = git(place, ["checkout", "-q", "--force", here]).ok();
        let merge = git(place, ["merge", "--no-edit", "--no-commit", there]);
        assert!(matches!(merge.code, Some(0 | 1)), "{}", merge.stderr);
        let text = String::from_utf8(place.read(file)).unwrap();
        if merge.code == Some(1) {
            figures.conflicts += 1;
            figures.values += usize::from(is_conflict);
            figures.metadata += usize::from(has_metadata_between_markers(&text));
        }
        let _ = git(place, ["reset", "-q", "--hard", here]).ok();
    }
}

fn has_metadata_between_markers(text: &str) -> bool {
    let mut is_between = false;
    text.lines().any(|line| {
        is_between = (is_between || line.starts_with("<<<<<<<")) && !line.starts_with(">>>>>>>");
        is_between && line.starts_with("sops_")
    })
}

fn script(side: &Branch) -> String {
    side.edits.iter().map(|edit| edit.script() + "\n").collect()
}

/// A repository of git, with an editor that does what `EDIT` says.
fn place() -> Place {
    let place = Place::new();
    let editor = place.home("editor");
    place.write_home("editor", "#!/bin/sh\nset -eu\neval \"$EDIT\"\n");
    let place = place.with("EDITOR", format!("sh {}", editor.display()));
    let place = place.with("GIT_CONFIG_GLOBAL", "/dev/null").with("GIT_CONFIG_NOSYSTEM", "1");
    let place = place.with("GIT_AUTHOR_NAME", "alice").with("GIT_AUTHOR_EMAIL", "alice@example.com");
    let place = place.with("GIT_COMMITTER_NAME", "alice").with("GIT_COMMITTER_EMAIL", "alice@example.com");
    let _ = git(&place, ["init", "-q", "-b", "main"]).ok();
    place
}

fn git<const N: usize>(place: &Place, arguments: [&str; N]) -> Outcome {
    place.call("git").args(arguments).run()
}
