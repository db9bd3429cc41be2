//! An edit that is not a `.env`, and one while somebody else writes the file.

use crate::sandbox::Outcome;
use crate::sandbox::SEALED;
use crate::sandbox::SECRETS;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

use super::at;
use super::left_in_memory;
use super::sandbox;
use super::script;

/// What is not a `.env`, and what is said of it.
const BROKEN: [(&str, &str); 4] = [
    ("no-equals-sign", "line 10, column 1: here should be a name and `=`"),
    ("C=\"never closed", "line 10, column 3: the quote around `C` is never closed"),
    ("A=twice", "`A` is set twice, on lines 5 and 10"),
    ("1C=x", "line 10, column 1: here should be a name and `=`"),
];

#[test]
fn a_broken_edit_without_a_terminal_changes_nothing() {
    for (line, want) in BROKEN {
        let s = sandbox(&format!("echo '{line}' >>\"$1\""));
        let before = s.tree(".");
        let outcome = s.run(["edit"]);
        outcome.exits(1).shows_nothing().says(&format!("error: `development.env`: {want}"));
        outcome.says("hint: there is no terminal to ask on, so nothing was changed");
        assert_eq!(s.tree("."), before);
        assert_eq!(left_in_memory(&s), [""; 0]);
    }
}

#[test]
fn a_broken_edit_is_offered_again_and_mended() {
    for (line, want) in BROKEN.iter().filter(|_| needs("python3")) {
        // Breaks the text, sees it again as it left it, breaks it in another way, and mends it.
        let s = sandbox(&format!(
            "case $(cat round) in
            1) echo '{line}' >>\"$1\" && cp \"$1\" 1 ;;
            2) cmp \"$1\" 1 && echo '=' >>\"$1\" && cp \"$1\" 2 ;;
            3) cmp \"$1\" 2 && sed -i '10,$d' \"$1\" && echo C={} >>\"$1\" ;;
            esac; echo $(($(cat round) + 1)) >round",
            secret("C")
        ));
        let s = s.file("round", "1\n").plain_at("1").plain_at("2");
        let before = s.sealed();
        at(&s, |terminal| {
            terminal.shows(want);
            terminal.shows("Edit again? `n` throws the changes away. [Y/n] ");
            assert_eq!(s.sealed(), before);
            terminal.types("\r");
            terminal.shows("Edit again?");
            terminal.types("y\r");
            terminal.shows("changed `development`");
        })
        .succeeds();
        assert_eq!(s.read("round"), "4\n");
        s.run(["get", "C"]).succeeds().shows(secret("C")).reveals("C");
        assert_eq!(left_in_memory(&s), [""; 0]);
    }
}

#[test]
fn a_broken_edit_that_is_given_up_changes_nothing() {
    if !needs("python3") {
        return;
    }
    // The end of the input is no answer.
    for answer in ["n\r", "no\r", "\u{4}"] {
        let s = sandbox("echo broken >>\"$1\"; echo x >>rounds");
        let before = s.sealed();
        at(&s, |terminal| {
            terminal.shows("Edit again?");
            terminal.types(answer);
            terminal.shows("error:");
        })
        .exits(1);
        assert_eq!((s.sealed(), s.read("rounds")), (before, "x\n".to_string()), "{answer:?}");
        assert_eq!(left_in_memory(&s), [""; 0]);
    }
}

#[test]
fn a_broken_edit_that_is_put_back_is_no_change() {
    if !needs("python3") {
        return;
    }
    let s = sandbox("if [ -f 1 ]; then cp 1 \"$1\"; else cp \"$1\" 1; echo broken >>\"$1\"; fi").plain_at("1");
    let before = s.sealed();
    at(&s, |terminal| {
        terminal.shows("Edit again?");
        terminal.types("\r");
        terminal.shows("nothing was changed");
    })
    .succeeds();
    assert_eq!(s.sealed(), before);
}

#[test]
fn another_name_that_somebody_changes_meanwhile_stays_changed() {
    let s = sandbox("").canary("A", secret("ours")).canary("B", secret("theirs"));
    let outcome = edit_while(&s, &format!("set B <{}", s.path("theirs").display()), &replaces_a(&s));
    outcome.succeeds().says("changed `development`");
    s.run(["get", "A"]).succeeds().shows(secret("ours")).reveals("A");
    s.run(["get", "B"]).succeeds().shows(secret("theirs")).reveals("B");
    assert_eq!(s.run(["list"]).succeeds().stdout(), "B\nA\nMANY\n");
    s.run(["status"]).succeeds().shows_part("nothing was changed without the key");
}

#[test]
fn names_that_both_add_and_remove_are_all_seen() {
    let s = sandbox("").canary("THEIRS", secret("theirs")).canary("OURS", secret("ours"));
    let theirs = format!("unset B && {SECRETS} set THEIRS <{}", s.path("theirs").display());
    let ours = format!("sed -i '/^A=/d' \"$1\"; echo OURS={} >>\"$1\"", secret("ours"));
    edit_while(&s, &theirs, &ours).succeeds().says("changed `development`");
    assert_eq!(s.run(["list"]).succeeds().stdout(), "MANY\nOURS\nTHEIRS\n");
}

#[test]
fn the_same_name_that_somebody_changes_meanwhile_is_theirs() {
    for theirs in ["set A <theirs", "unset A"] {
        for ours in [format!("sed -i 's/^A=.*/A={}/' \"$1\"", secret("ours")), "sed -i '/^A=/d' \"$1\"".to_string()] {
            if theirs == "unset A" && ours.contains("/d'") {
                continue;
            }
            let s = sandbox("").canary("A", secret("ours")).canary("A", secret("theirs"));
            let ours = format!("{ours}; cp {} theirs.sealed", SEALED);
            let outcome = edit_while(&s, theirs, &ours);
            outcome
                .exits(1)
                .shows_nothing()
                .says("another process changed `A` in `development` while you were editing");
            outcome.says("hint: `secrets edit` again, on what is there now");
            assert_eq!(s.sealed(), s.read("theirs.sealed"));
            assert_eq!(left_in_memory(&s), [""; 0]);
        }
    }
}

#[test]
fn the_same_name_that_both_add_is_theirs() {
    let s = sandbox("").canary("C", secret("theirs"));
    let ours = format!("echo C={} >>\"$1\"", secret("C"));
    edit_while(&s, "set C <theirs", &ours).exits(1).says("another process changed `C`");
    s.run(["get", "C"]).succeeds().shows(secret("theirs")).reveals("C");
}

#[test]
fn the_same_value_from_both_is_no_conflict() {
    let s = sandbox("").canary("A", secret("theirs"));
    let ours = format!("sed -i 's/^A=.*/A={}/' \"$1\"", secret("theirs"));
    edit_while(&s, "set A <theirs", &ours).succeeds();
}

#[test]
fn a_comment_of_ours_outlives_a_value_of_theirs() {
    let s = sandbox("").canary("B", secret("theirs"));
    edit_while(&s, "set B <theirs", "echo '# ours' >>\"$1\"").succeeds().never_says("nothing was changed");
    assert!(plain(&s).contains("# ours\n"));
}

#[test]
fn a_comment_of_theirs_outlives_a_value_of_ours() {
    let s = sandbox("").canary("A", secret("ours"));
    let s = s.script("other", "#!/bin/sh\necho '# theirs' >>\"$1\"\n");
    edit_while(&s, "edit 2>/dev/null", &replaces_a(&s)).succeeds();
    assert!(plain(&s).contains("# theirs\n"));
}

#[test]
fn comments_of_both_are_kept() {
    let s = sandbox("").script("other", "#!/bin/sh\necho '# theirs' >>\"$1\"\n");
    edit_while(&s, "edit 2>/dev/null", "echo '# ours' >>\"$1\"").succeeds();
    let plain = plain(&s);
    assert!(plain.contains("# theirs\n") && plain.contains("# ours\n"));
}

#[test]
fn an_order_of_ours_outlives_a_value_of_theirs() {
    let s = sandbox("").canary("MANY", secret("theirs"));
    edit_while(&s, "set MANY <theirs", MOVES_B).succeeds().never_says("nothing was changed");
    assert_eq!(s.run(["list"]).succeeds().stdout(), "A\nMANY\nB\n");
}

#[test]
fn an_order_of_theirs_outlives_a_value_of_ours() {
    let s = sandbox("").canary("A", secret("ours")).script("other", script(MOVES_B));
    edit_while(&s, "edit 2>/dev/null", &replaces_a(&s)).succeeds();
    assert_eq!(s.run(["list"]).succeeds().stdout(), "A\nMANY\nB\n");
}

/// Moves a line to the end.
const MOVES_B: &str = "grep '^B=' \"$1\" >\"$1.b\"; sed -i '/^B=/d' \"$1\"; cat \"$1.b\" >>\"$1\"";

/// Edits with `ours` after somebody else ran `secrets` with `theirs`; the file `theirs` holds a value.
fn edit_while(s: &Sandbox, theirs: &str, ours: &str) -> Outcome {
    s.write("theirs", secret("theirs"));
    s.write("editor", script(&format!("EDITOR=./other {SECRETS} {theirs} 2>/dev/null || exit 9\n{ours}")));
    s.run(["edit"])
}

fn replaces_a(s: &Sandbox) -> String {
    assert!(s.path("editor").exists());
    format!("sed -i 's/^A=.*/A={}/' \"$1\"", secret("ours"))
}

/// Returns what an editor gets to see.
fn plain(s: &Sandbox) -> String {
    s.run(["decrypt", SEALED]).succeeds().reveals("A").reveals("B").reveals("MANY").reveals("gone").stdout()
}
