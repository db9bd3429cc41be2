//! Whatever a person made of the shell: options, prompts, traps and functions stay as they were, and the hook works.

use super::out;
use super::shells;
use super::steps::at_prompts;
use super::steps::each;
use super::steps::front;
use super::steps::is_quiet;
use super::steps::one;
use super::steps::project;
use super::steps::said;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

#[test]
fn each_prompt_of_bash_asks_once_whatever_prompt_command_is() {
    let hook = "eval \"$($SECRETS hook bash)\"";
    let both = ["a", "b"];
    let cases: [(&str, &str, &[&str]); 12] = [
        ("string", "PROMPT_COMMAND='echo a >>$TOP/users'", &both[..1]),
        ("array", "PROMPT_COMMAND=('echo a >>$TOP/users' 'echo b >>$TOP/users')", &both),
        ("array with a blank", "PROMPT_COMMAND=('echo a >>$TOP/users' '')", &both[..1]),
        ("array with holes", "PROMPT_COMMAND=([3]='echo a >>$TOP/users' [7]='echo b >>$TOP/users')", &both),
        ("empty array", "PROMPT_COMMAND=()", &[]),
        ("empty", "PROMPT_COMMAND=", &[]),
        ("unset", "unset PROMPT_COMMAND", &[]),
        ("semicolon", "PROMPT_COMMAND='echo a >>$TOP/users;'", &both[..1]),
        ("semicolon and space", "PROMPT_COMMAND='echo a >>$TOP/users ; '", &both[..1]),
        ("spaces", "PROMPT_COMMAND=' echo a >>$TOP/users  '", &both[..1]),
        ("lines", "PROMPT_COMMAND=$'echo a >>$TOP/users\\necho b >>$TOP/users'", &both),
        ("exported", "export PROMPT_COMMAND='echo a >>$TOP/users'", &both[..1]),
    ];
    for shell in one("bash") {
        let s = front(project(), "echo ask >>$TOP/users").env("SECRETS_HOOK_IDLE", "0");
        for (case, before, users) in cases {
            s.write("../start/users", format!("PS1='P:$?> '\n{before}\n{hook}\n{hook}\nrm -f $TOP/users\n"));
            let shown = at_prompts(&s, shell, &["source $TOP/start/users", "true", "true", "true"]);
            let told = s.read("../users");
            let want: Vec<&str> = std::iter::once("ask").chain(users.iter().copied()).collect();
            let got: Vec<&str> = told.lines().collect();
            assert_eq!(got.len(), 4 * want.len(), "{case}: {got:?} {shown}");
            assert!(got.chunks(want.len()).all(|prompt| prompt == want), "{case}: {got:?} {shown}");
            is_quiet(shell, &shown);
        }
    }
}

/// What a shell is told before the hook is there, and that the line of each prompt must not fail.
const OPTIONS: [(&str, &str); 16] = [
    ("bash", "set -euo pipefail"),
    ("bash", "set -o posix"),
    ("bash", "set -eu -o posix"),
    ("bash", "shopt -s nullglob failglob extglob dotglob globstar"),
    ("bash", "set -f; IFS=/.:s"),
    ("bash", "set -o noclobber; shopt -s nocasematch lastpipe; set +m"),
    ("zsh", "setopt KSH_ARRAYS SH_WORD_SPLIT NO_UNSET ERR_EXIT WARN_CREATE_GLOBAL"),
    ("zsh", "setopt KSH_ARRAYS SH_WORD_SPLIT NO_UNSET ERR_EXIT WARN_CREATE_GLOBAL ALL_EXPORT ERR_RETURN"),
    ("zsh", "setopt GLOB_SUBST NULL_GLOB EXTENDED_GLOB CSH_NULL_GLOB"),
    ("zsh", "setopt GLOB_SUBST NOMATCH EXTENDED_GLOB RC_EXPAND_PARAM KSH_GLOB SH_GLOB"),
    ("zsh", "emulate sh; PS1='P:$?> '; setopt PROMPT_SUBST"),
    ("zsh", "emulate ksh; PS1='P:$?> '; setopt PROMPT_SUBST"),
    ("zsh", "setopt NO_CLOBBER CSH_JUNKIE_QUOTES CSH_JUNKIE_LOOPS NO_SHORT_LOOPS RC_QUOTES NO_FUNCTION_ARGZERO"),
    (
        "zsh",
        "setopt IGNORE_BRACES NO_MULTIOS POSIX_BUILTINS POSIX_IDENTIFIERS POSIX_ALIASES C_BASES OCTAL_ZEROES; IFS=/.:s",
    ),
    ("fish", "set -g IFS /.:s"),
    ("fish", "set -g fish_trace"),
];

/// A project whose path has what a shell expands.
fn starred() -> Sandbox {
    let s = project();
    s.write("../od*d [a] ~x/in ?/one.env", "STAR=star\n");
    for words in [&["init", "--yes", "--no-git"][..], &["import", "one.env"]] {
        s.call(words).cwd("../od*d [a] ~x/in ?").go().succeeds();
    }
    s
}

/// Before the hook's code is read, and after it: zsh takes some options at the one time, and some at the other.
#[test]
fn options_of_a_person_change_nothing_and_make_no_noise() {
    for shell in shells() {
        let s = starred();
        for (_, options) in OPTIONS.iter().filter(|(name, _)| *name == shell.name) {
            s.write("../start/options", format!("{options}; true\n"));
            let walk = [
                "printenv OTHER >>\"$OUT\"; cd ..",
                "printenv OTHER >>\"$OUT\" || echo none >>\"$OUT\"",
                "cd 'od*d [a] ~x'; cd 'in ?'",
                "printenv STAR >>\"$OUT\"",
                "touch secrets.toml; true",
                "printenv STAR >>\"$OUT\"; cd ..; cd ..; cd shop",
            ];
            let again = format!("source \"$TOP/start/start.{}\"", shell.name);
            let lines = [&[". \"$TOP/start/options\""][..], &walk, &[again.as_str()], &walk].concat();
            let shown = at_prompts(&s, shell, &lines);
            assert_eq!(out(&s), "as it is here\nnone\nstar\nstar\n".repeat(2), "{options}: {shown}");
            is_quiet(shell, &shown);
        }
    }
}

/// Words that a person made aliases or functions of: what the hook says is for the shell's own alone, values above all.
#[test]
fn words_that_a_person_changed_are_not_what_the_hook_says() {
    let words = ["export", "unset", "eval", "local", "printf"];
    for shell in shells().filter(|shell| shell.name != "fish") {
        let (s, mut failed) = (project(), Vec::new());
        for (word, is_alias) in words.iter().flat_map(|word| [(word, true), (word, false)]) {
            let define = if is_alias {
                format!("alias {word}='echo HIJACKED'")
            } else {
                format!("{word}() {{ echo HIJACKED; }}")
            };
            let start = shell.start.replace("eval ", "\\builtin eval ");
            s.write("../start/words", format!("{define}\n{start}\n"));
            let shown = at_prompts(
                &s,
                shell,
                &[
                    "cd ..",
                    "OTHER=before",
                    ". $TOP/start/words",
                    "cd shop",
                    "env | grep ^OTHER= >>$OUT; cd ..",
                    "env | grep ^OTHER= >>$OUT; echo $OTHER >>$OUT",
                ],
            );
            if out(&s) != "OTHER=as it is here\nbefore\n" || shown.contains("HIJACKED") {
                failed.push(define);
            }
        }
        assert!(failed.is_empty(), "{}: {failed:#?}", shell.name);
    }
}

/// Returns a line that writes what several commands print.
fn into(shell: &str, commands: &str, file: &str) -> String {
    let (begin, end) = if shell == "fish" { ("begin;", "end") } else { ("{", "}") };
    format!("{begin} {commands}; {end} >{file}")
}

#[test]
fn traps_are_as_they_were_and_still_fire() {
    for (name, set, list, fires) in [
        (
            "bash",
            "trap 'echo INT >>$OUT' INT; trap 'echo EXIT >>$OUT' EXIT; trap 'echo ERR >>$OUT' ERR; \
             trap 'echo $BASH_COMMAND >>$TOP/debug' DEBUG",
            "trap -p",
            "kill -INT $$; false; true",
        ),
        (
            "zsh",
            "TRAPINT() { echo INT >>$OUT }; trap 'echo EXIT >>$OUT' EXIT; trap 'echo ERR >>$OUT' ZERR",
            "trap; functions TRAPINT",
            "kill -INT $$; false; true",
        ),
        (
            "zsh",
            "trap 'echo INT >>$OUT' INT; TRAPEXIT() { echo EXIT >>$OUT }; TRAPZERR() { echo ERR >>$OUT }",
            "trap; \
          functions TRAPEXIT TRAPZERR",
            "kill -INT $$; false; true",
        ),
        (
            "fish",
            "function on_int --on-signal INT; echo INT >>$OUT; end; function on_end --on-event fish_exit; echo EXIT \
             >>$OUT; end",
            "functions --handlers; functions on_int on_end",
            "kill -INT $fish_pid; echo ERR >>$OUT",
        ),
    ] {
        for shell in one(name) {
            let s = project();
            let lines = [
                "cd ..; true",
                set,
                &into(name, list, "before"),
                "cd shop",
                "cd ..",
                "cd shop",
                &into(name, list, "../after"),
                "printenv OTHER >>$OUT",
                fires,
                "true",
            ];
            let shown = at_prompts(&s, shell, &lines);
            assert_eq!(out(&s), "as it is here\nINT\nERR\nEXIT\n", "{name}: {shown}");
            assert!(
                s.read("../before").contains("INT") && s.read("../before") == s.read("../after"),
                "{name}: {shown}"
            );
            let debug = std::fs::read_to_string(s.path("../debug")).unwrap_or_default();
            assert!(!debug.contains("as it is here") && !debug.contains(&secret("KEY")), "{name}: {debug}");
        }
    }
}

#[test]
fn the_prompt_and_the_next_line_see_what_the_command_left() {
    each(|s, shell| {
        let all = match shell.name {
            "bash" => "${PIPESTATUS[*]}",
            _ => "$pipestatus",
        };
        let see = format!("echo {all} >>$OUT");
        let pipe = "sh -c 'exit 4' | true | sh -c 'exit 3'";
        let steps = [
            ("P:", "sh -c 'exit 7'\r"),
            ("P:7> ", "true | sh -c 'exit 3'\r"),
            ("P:3> ", &format!("{pipe}\r")),
            ("P:3> ", &format!("{see}\r")),
            ("P:0> ", "cd ..\r"),
            ("P:0> ", &format!("cd shop; {pipe}\r")),
            ("P:3> ", &format!("{see}\r")),
            ("P:", "exit\r"),
        ];
        let s = s.env("SECRETS_HOOK_IDLE", "0");
        let shown = said(&s, shell, &steps);
        assert_eq!(out(&s), "4 0 3\n4 0 3\n", "{}: {shown}", shell.name);
    });
}

#[test]
fn a_trace_shows_no_value_and_goes_on() {
    let cases: [(&str, &str, &str); 7] = [
        ("bash", "set -x", "echo $- >>$OUT"),
        ("bash", "set -xv", "echo $- >>$OUT"),
        ("bash", "set -xT", "echo $- >>$OUT"),
        ("zsh", "set -x", "[[ -o xtrace ]] && echo x >>$OUT"),
        ("zsh", "setopt xtrace verbose", "[[ -o xtrace ]] && echo xv >>$OUT"),
        ("zsh", "setopt xtrace; functions -t __secrets_hook __secrets_idle", "[[ -o xtrace ]] && echo x >>$OUT"),
        ("fish", "set -g fish_trace 1", "echo x$fish_trace >>$OUT"),
    ];
    for (name, trace, is_on) in cases {
        for shell in one(name) {
            let s = project();
            let lines = [
                "true", trace, "cd ..", "cd shop", "touch secrets.toml", "printf new | $SECRETS set OTHER", is_on,
                "cd ..; true",
            ];
            let shown = at_prompts(&s, shell, &lines);
            assert!(out(&s).contains('x'), "{trace}: {shown}");
            assert!(shown.contains("secrets: reloaded") && shown.contains("secrets: unloaded"), "{trace}: {shown}");
            assert!(!shown.contains(&secret("KEY")) && !shown.contains("as it is here"), "{trace}: {shown}");
            assert!(!shown.contains("__SECRETS="), "{trace}: {shown}");
        }
    }
}
