//! Moments and options in which a shell is not what it seems to be.

use crate::sandbox::secret;

use super::out;
use super::project;
use super::shells;

/// A local variable or an assignment before `cd` hides what the hook gave; it is there again when the line is over.
#[test]
fn a_name_that_is_shadowed_while_the_folder_changes_is_still_the_hooks() {
    for shell in shells() {
        let s = project();
        let (function, call) = match shell.name {
            "fish" => ("function f; set -lx OTHER x; cd $argv; end", "begin; set -lx OTHER x; cd ..; end"),
            _ => ("f() { local OTHER=x; cd $1; }", "f .."),
        };
        let shown = shell.types(
            &s,
            &[
                function,
                "printenv OTHER >>../out; OTHER=tmp cd ..",
                "echo first >>out; printenv KEY OTHER >>out; cd shop",
                call,
                "echo second >>out; printenv KEY OTHER >>out; OTHER=tmp cd shop",
                "printenv OTHER >>../out; cd ..",
                "echo third >>out; printenv KEY OTHER >>out; env | grep -c __SECRETS >>out; true",
            ],
        );
        let value = "of the file\n";
        assert_eq!(out(&s), format!("{value}first\nsecond\n{value}third\n0\n"), "{}: {shown}", shell.name);
        assert!(!shown.contains("kept"), "{}: {shown}", shell.name);
    }
}

#[test]
fn a_subshell_that_goes_elsewhere_says_nothing_and_changes_nothing() {
    for shell in shells().filter(|shell| shell.name != "fish") {
        let s = project();
        let shown = shell.types(
            &s,
            &[
                "(cd ..; true); (cd ..; true); x=$(cd .. && pwd)",
                "printenv OTHER >>../out; $SECRETS unload",
                "x=$(cd .. && pwd)",
                "printenv OTHER >>../out; echo empty >>../out",
            ],
        );
        assert_eq!(out(&s), "of the file\nempty\n", "{}: {shown}", shell.name);
        assert_eq!(shown.matches("secrets: ").count(), 2, "{}: {shown}", shell.name);
    }
}

/// What a shell says of the text would show values, and so would a trap that it inherits.
#[test]
fn neither_traps_nor_errors_of_the_shell_show_a_value() {
    for shell in shells().filter(|shell| shell.name != "fish") {
        for line in [
            "set -T; trap 'echo DBG $BASH_COMMAND $ZSH_DEBUG_CMD' DEBUG",
            "shopt -s extdebug; trap 'echo DBG $BASH_COMMAND' DEBUG",
            "alias if=false",
            "alias -g then=oops",
            "setopt debug_before_cmd; trap 'echo DBG $ZSH_DEBUG_CMD' DEBUG",
            "set -k",
        ] {
            let s = project();
            let shown = shell.types(&s, &["cd ..; true", line, "cd shop", "touch secrets.toml", "cd ..", "true"]);
            assert!(!shown.contains(&secret("KEY")), "{} {line}: {shown}", shell.name);
        }
    }
}

#[test]
fn a_folder_whose_name_differs_in_case_is_another_one() {
    let Some(bash) = shells().find(|shell| shell.name == "bash") else { return };
    let s = project();
    s.write("../SHOP/file", "");
    let lines = ["shopt -s nocasematch", "true", "true", "cd ../SHOP", "printenv OTHER >>../out; echo end >>../out"];
    let shown = bash.types(&s, &lines);
    assert_eq!(out(&s), "end\n", "{shown}");
}

/// Its value cannot be taken away; but no child gets it any more.
#[test]
fn a_name_that_became_read_only_reaches_no_child_outside() {
    let Some(bash) = shells().find(|shell| shell.name == "bash") else { return };
    let s = project();
    let shown =
        bash.types(&s, &["readonly OTHER; declare -i KEY", "cd ..", "printenv KEY OTHER >>out; echo end >>out"]);
    assert_eq!(out(&s), "end\n", "{shown}");
}

#[test]
fn what_was_accepted_for_a_time_that_is_past_does_not_come_back_with_something_else() {
    let s = project().value("LD_WARN", "yes");
    let allow = |moment: &str, words: &[&str]| {
        let call = s.call(["allow", "--no-git"]).words(words).env("SECRETS_TEST_NOW", moment);
        call.go()
    };
    let (before, after) = ("2026-01-02T03:04:05Z", "2026-01-02T05:04:05Z");
    allow(before, &["--name", "LD_WARN"]).succeeds();
    allow(before, &["--for", "1h"]).succeeds();
    allow(after, &["--name", "LD_WARN"]).exits(5).says("has expired after 1h").says("`secrets allow` first");
    allow(after, &[]).succeeds();
    s.call(["run", "--", "true"]).env("SECRETS_TEST_NOW", after).go().exits(125).says("LD_WARN");
    allow(after, &["--for", "4000d"]).exits(2);
}

#[test]
fn what_is_said_of_one_project_is_said_of_the_next() {
    for shell in shells() {
        let s = project();
        s.forget();
        s.write("../there/shop/secrets.toml", s.read("secrets.toml"));
        s.write("../there/shop/secrets/development.env", s.sealed());
        let shown = shell.types(&s, &["true", "cd ../there/shop", "true"]);
        assert_eq!(shown.matches("secrets: shop is new here").count(), 2, "{}: {shown}", shell.name);
    }
}
