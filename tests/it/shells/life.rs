//! What a person, a signal or a broken machine does to a prompt: the shell lives, and holds all of it or nothing.

use crate::sandbox::python;
use crate::sandbox::secret;

use super::out;
use super::steps::at_prompts;
use super::steps::each;
use super::steps::front;
use super::steps::inner;
use super::steps::one;
use super::steps::said;

/// Tells how much a shell holds: the number of values, and of the hook's own variable.
const COUNT: &str = "printenv KEY OTHER | wc -l | tr '\\n' ' ' >>$OUT; env | grep -c ^__SECRETS= >>$OUT; true\r";

/// Holds a load until somebody ends it.
const HOLD: &str = r#"
  if rm "$TOP/hold" 2>/dev/null; then
    [[ -p $TOP/pipe ]] || mkfifo "$TOP/pipe"
    echo HELD >&2
    read -r -t 20 <>"$TOP/pipe"
    echo LATE >&2
  fi"#;

#[test]
fn ctrl_c_during_a_load_leaves_nothing_half_and_the_next_prompt_tries_again() {
    each(|s, shell| {
        let s = front(s, HOLD);
        let steps = [
            ("P:", "cd ..\r"),
            ("P:", "touch hold; cd shop\r"),
            ("HELD", "\x03"),
            ("P:", COUNT),
            ("P:", COUNT),
            ("P:", "touch $TOP/hold; printf new | $SECRETS set OTHER\r"),
            ("HELD", "\x03"),
            ("P:", COUNT),
            ("P:", "printenv OTHER >>$OUT\r"),
            ("P:", "touch $TOP/hold; cd ..\r"),
            ("HELD", "\x03"),
            ("P:", COUNT),
            ("P:", COUNT),
            ("P:", "exit\r"),
        ];
        let shown = said(&s, shell, &steps);
        let counts = out(&s);
        let counts: Vec<&str> = counts.lines().collect();
        let is_whole = |count: &str| ["0 0", "2 1"].contains(&count);
        let [first, second, third, value, fourth, fifth] = counts[..] else { panic!("{}: {shown}", shell.name) };
        assert!(is_whole(first) && is_whole(third) && is_whole(fourth), "{}: {counts:?} {shown}", shell.name);
        assert_eq!([second, value, fifth], ["2 1", "new", "0 0"], "{}: {shown}", shell.name);
        assert!(!shown.contains("LATE"), "{}: {shown}", shell.name);
    });
}

#[test]
fn what_is_typed_during_a_slow_load_is_the_shells() {
    each(|s, shell| {
        // It waits until something was typed, and leaves it there; what its own stdin has it reads.
        let wait = format!(
            "if rm \"$TOP/hold\" 2>/dev/null; then echo HELD >&2; {} -c 'import select\nwith open(\"/dev/tty\") as t: \
             select.select([t], [], [], 20)[0] or print(\"LATE\", file=t)'; cat >/dev/null; fi",
            python()
        );
        let s = front(s, &wait);
        let steps = [
            ("P:", "cd ..\r"),
            ("P:", "touch hold; cd shop\r"),
            ("HELD", "printenv OTHER >>$OUT\r"),
            ("P:", "touch $TOP/hold secrets.toml\r"),
            ("HELD", "echo typed >>$OUT; read x; echo $x >>$OUT; echo DO''NE\ranswer\r"),
            ("DONE", ""),
            ("P:", "echo end >>$OUT\r"),
            ("P:", "exit\r"),
        ];
        let shown = said(&s, shell, &steps);
        assert_eq!(out(&s), "as it is here\ntyped\nanswer\nend\n", "{}: {shown}", shell.name);
    });
}

/// Ours prints all of it, and what the shell gets ends at every 64th byte, and at each of the last ones.
#[test]
fn a_text_that_was_cut_is_not_evaluated() {
    each(|s, shell| {
        let s = front(
            s,
            r#"
  text=$("$REAL" "$@" 2>/dev/null)
  n=$(cat "$TOP/at" 2>/dev/null || echo 0)
  if ((n < ${#text})); then
    ((n < ${#text} - 72)) && next=$((n + 64)) || next=$((n < ${#text} - 8 ? ${#text} - 8 : n + 1))
    echo $next >"$TOP/at"
    echo $n >>"$TOP/cuts"
    printf %s "${text:0:n}"
    kill -9 $$
  fi
  printf '%s\n' "$text"
  exit"#,
        );
        let lines = vec![COUNT.trim_end(); 90];
        let shown = at_prompts(&s, shell, &lines);
        let (counts, cuts) = (out(&s), s.read("../cuts").lines().count());
        let (before, after): (Vec<_>, Vec<_>) = counts.lines().partition(|count| *count == "0 0");
        assert!(before.len() >= 24 && cuts >= before.len(), "{}: {} of {cuts} {shown}", shell.name, before.len());
        assert!(after.len() > 2 && after.iter().all(|count| *count == "2 1"), "{}: {after:?} {shown}", shell.name);
        assert!(counts.starts_with(&"0 0\n".repeat(before.len())), "{}: {counts}", shell.name);
    });
}

#[test]
fn ctrl_c_at_a_command_does_not_end_bash() {
    for shell in one("bash") {
        let s = super::steps::project();
        let steps = [
            ("P:", "read -p RE''AD x\r"),
            ("READ", "\x03"),
            ("P:130", "x=$(sh -c \"echo CAT''CH >&2; exec cat\")\r"),
            ("CATCH", "\x03"),
            ("P:130", COUNT),
            ("P:", "exit\r"),
        ];
        let shown = said(&s, shell, &steps);
        assert_eq!(out(&s), "2 1\n", "{shown}");
    }
}

#[test]
fn a_program_that_is_gone_is_told_of_once() {
    each(|s, shell| {
        let s = front(s, ":");
        let shown = at_prompts(
            &s,
            shell,
            &[
                "mv $TOP/front $TOP/away; cd ..",
                "printenv OTHER >>$OUT; echo kept >>$OUT; cd shop",
                "cd ..",
                "mv away front; true",
                "printenv OTHER >>$OUT; echo gone >>$OUT; cd shop",
                "printenv OTHER >>$OUT; mv $TOP/front $TOP/away; cd ..",
                "true",
                "mv away front",
                "printenv OTHER >>$OUT; echo end >>$OUT",
            ],
        );
        let value = "as it is here\n";
        assert_eq!(out(&s), format!("{value}kept\ngone\n{value}end\n"), "{}: {shown}", shell.name);
        let line = "front is gone; nothing will be loaded or unloaded here";
        assert_eq!(shown.matches(line).count(), 2, "{}: {shown}", shell.name);
    });
}

#[test]
fn two_edits_in_the_same_second_are_both_seen() {
    each(|s, shell| {
        let edit =
            |n: usize| format!("printf v{n} | $SECRETS set OTHER; touch -d @1700000000.{n} secrets/development.env");
        let (first, second) = (edit(1), edit(2));
        let see = "printenv OTHER >>$OUT";
        let shown = at_prompts(&s, shell, &["true", &first, see, &second, see]);
        assert_eq!(out(&s), "v1\nv2\n", "{}: {shown}", shell.name);
    });
}

#[test]
fn shells_in_shells_unload_for_themselves() {
    for (outer, middle, last) in [("bash", "zsh", "fish"), ("zsh", "fish", "bash"), ("fish", "bash", "zsh")] {
        for shell in one(outer) {
            let s = super::steps::project();
            let shown = at_prompts(
                &s,
                shell,
                &[
                    "true",
                    inner(middle),
                    "printenv OTHER >>$OUT; true",
                    inner(last),
                    "printenv OTHER >>$OUT; cd ..",
                    "printenv OTHER KEY >>$OUT; env | grep -c ^__SECRETS >>$OUT; exit",
                    "echo middle >>$OUT; printenv OTHER >>$OUT; cd ..",
                    "printenv OTHER KEY >>$OUT; env | grep -c ^__SECRETS >>$OUT; exit",
                    "echo outer >>$OUT; printenv OTHER >>$OUT; cd ..",
                    "printenv OTHER KEY >>$OUT; env | grep -c ^__SECRETS >>$OUT; true",
                ],
            );
            let value = "as it is here\n";
            let want = format!("{value}{value}0\nmiddle\n{value}0\nouter\n{value}0\n");
            assert_eq!(out(&s), want, "{outer}: {shown}");
            assert!(!shown.contains(&secret("KEY")), "{outer}: {shown}");
        }
    }
}

#[test]
fn a_shell_that_takes_the_place_of_another_one_unloads() {
    each(|s, shell| {
        for name in ["bash", "zsh", "fish"] {
            let shown = at_prompts(
                &s,
                shell,
                &[
                    "true",
                    &format!("exec {}", inner(name)),
                    "printenv OTHER >>$OUT; cd ..",
                    "printenv OTHER KEY >>$OUT; env | grep -c ^__SECRETS >>$OUT; cd shop",
                    "printenv OTHER >>$OUT; true",
                ],
            );
            assert_eq!(out(&s), "as it is here\n0\nas it is here\n", "{} {name}: {shown}", shell.name);
        }
    });
}
