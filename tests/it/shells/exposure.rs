//! Who gets values and for how long: `allow --mode`, `--only`, `--for`, `expose`, `unload`, `deny`.

use crate::sandbox::secret;

use super::everywhere;
use super::out;
use super::project;
use super::shells;

#[test]
fn with_mode_run_a_shell_gets_nothing_and_the_repository_raises_nothing() {
    for shell in everywhere() {
        let s = project();
        let toml = s.read("secrets.toml");
        s.write("run.toml", toml.replacen("readers =", "expose = \"run\"\nreaders =", 1));
        s.write("shell.toml", toml.replacen("readers =", "expose = \"shell\"\nreaders =", 1));
        let shown = shell.types(
            &s,
            &[
                "$SECRETS allow --no-git --mode run",
                "printenv OTHER >>../out; $SECRETS run -- printenv OTHER >>../out",
                "cp shell.toml secrets.toml",
                "echo nothing >>../out; printenv OTHER >>../out; true",
                "$SECRETS allow --no-git",
                "echo still >>../out; printenv OTHER >>../out; $SECRETS allow --no-git --mode shell",
                "printenv OTHER >>../out; cp run.toml secrets.toml",
                "echo lowered >>../out; printenv OTHER >>../out; $SECRETS allow --no-git",
                "printenv OTHER >>../out; cp shell.toml secrets.toml",
                "echo not raised >>../out; printenv OTHER >>../out; $SECRETS run -- printenv OTHER >>../out",
                "$SECRETS allow --no-git",
                "printenv OTHER >>../out; true",
            ],
        );
        let value = "of the file\n";
        let want = format!("{value}nothing\nstill\n{value}lowered\nnot raised\n{value}{value}");
        assert_eq!(out(&s), want, "{}: {shown}", shell.name);
        assert!(shown.contains("secrets: 2 ready with `secrets run` (development)"), "{}: {shown}", shell.name);
    }
    let s = project();
    s.run(["allow", "--no-git", "--mode", "run"]).succeeds();
    s.run(["status"]).shows_part("shell        nothing: for `secrets run` alone");
    s.write("secrets.toml", s.read("secrets.toml").replacen("readers =", "expose = \"all\"\nreaders =", 1));
    s.run(["list"]).exits(1).says("secrets.toml` cannot be understood");
}

#[test]
fn only_some_names_are_for_the_shell() {
    for shell in everywhere() {
        let s = project();
        let shown = shell.types(
            &s,
            &[
                "$SECRETS allow --no-git --only 'OTH*,NONE'",
                "printenv OTHER KEY >>../out; $SECRETS run -- printenv KEY >>../out",
                "$SECRETS allow --no-git",
                "printenv KEY >>../out; $SECRETS allow --no-git --only '*'",
                "printenv KEY >>../out; true",
            ],
        );
        assert_eq!(out(&s), format!("of the file\n{0}\n{0}\n", secret("KEY")), "{}: {shown}", shell.name);
        assert!(shown.contains("secrets: 1 with `secrets run` only (KEY)"), "{}: {shown}", shell.name);
    }
}

#[test]
fn what_was_accepted_for_an_hour_goes_after_it() {
    for shell in everywhere() {
        let s = project();
        let later = if shell.name == "fish" {
            "set -gx SECRETS_TEST_NOW 2026-01-02T04:04:05Z"
        } else {
            "export SECRETS_TEST_NOW=2026-01-02T04:04:05Z"
        };
        let shown = shell.types(
            &s,
            &[
                "$SECRETS allow --no-git --for 1h",
                "printenv OTHER >>../out; true",
                &format!("printenv OTHER >>../out; {later}"),
                "printenv OTHER >>../out; echo gone >>../out",
                "true",
                "$SECRETS allow --no-git",
                "printenv OTHER >>../out; true",
            ],
        );
        let value = "of the file\n";
        assert_eq!(out(&s), format!("{value}{value}gone\n{value}"), "{}: {shown}", shell.name);
        let line = "secrets: expired after 1h; `secrets allow`";
        assert_eq!(shown.matches(line).count(), 1, "{}: {shown}", shell.name);
    }
}

/// What is accepted for a while ends for `run` as well: references wait, and names that may run code.
#[test]
fn an_acceptance_that_ended_is_as_one_that_was_denied() {
    let s = project().value("NODE_OPTIONS", "--no-warnings").settings("[values.NODE_OPTIONS]\nruns_code = true\n");
    let print = |moment: &str| s.call(["run", "--", "printenv", "NODE_OPTIONS"]).env("SECRETS_TEST_NOW", moment).go();
    s.run(["allow", "--no-git", "--for", "1h"]).succeeds().says("for 1h");
    print("2026-01-02T04:04:04Z").succeeds().reveals("NODE_OPTIONS");
    print("2026-01-02T04:04:05Z").exits(125).says("has not accepted");
    s.call(["status"]).env("SECRETS_TEST_NOW", "2026-01-02T05:00:00Z").go().shows_part("expired after 1h");
    s.run(["status"]).shows_part("until 2026-01-02T04:04:05Z");
    s.run(["allow", "--for", "soon"]).exits(2).says("`8h` or `30m`");
    s.run(["allow", "--for", "0h"]).exits(2);
    s.run(["allow", "--for", "1h", "--print"]).exits(2);
}

/// A shell sees by its own clock, or by a stamp, that the time is over.
#[test]
fn an_idle_shell_sees_that_the_time_is_over() {
    for shell in shells() {
        let s = super::idle::counted().without("SECRETS_TEST_NOW");
        s.run(["allow", "--no-git", "--for", "1h"]).succeeds();
        let few = ["true", "true", "true"];
        super::idle::types(&s, shell, &few);
        let before = super::idle::starts(&s);
        let past = match shell.name {
            "fish" => "touch -d 2001-01-01 $__secrets_x; true",
            _ => "__secrets_x=978307200; true",
        };
        let shown = super::idle::types(&s, shell, &["true", "true", past, "true", "true"]);
        assert_eq!(super::idle::starts(&s), 2 * before + 1, "{}: {shown}", shell.name);
    }
}

#[test]
fn unload_empties_this_shell_alone_until_it_leaves() {
    for shell in shells() {
        let s = project();
        let shown = shell.types(
            &s,
            &[
                "$SECRETS unload",
                "printenv OTHER >>../out; echo empty >>../out; mkdir sub; cd sub",
                "printenv OTHER >>../../out; cd ..; touch secrets.toml",
                "printenv OTHER >>../out; echo still >>../out",
                shell.inner(),
                shell.start,
                "printenv OTHER >>../out; echo inner >>../out; exit",
                "printenv OTHER >>../out; cd ..",
                "cd shop",
                "printenv OTHER >>../out; $SECRETS unload",
                "printenv OTHER >>../out; $SECRETS allow --no-git",
                "printenv OTHER >>../out; true",
            ],
        );
        let value = "of the file\n";
        assert_eq!(out(&s), format!("empty\nstill\n{value}inner\n{value}{value}"), "{}: {shown}", shell.name);
        assert_eq!(shown.matches("secrets: unloaded 2").count(), 2, "{}: {shown}", shell.name);
    }
    let s = project();
    s.run(["unload"]).exits(1).says("this shell holds nothing of a project");
    // The number of a shell that is gone can be another one's: its mark counts nothing.
    let state = "1/rL3RtcA/edevelopment/s1";
    s.call(["unload"]).env("__SECRETS", state).go().succeeds();
    s.run(["hook-env", "bash", "1"]).succeeds().reveals("KEY").reveals("OTHER");
}

#[test]
fn a_denied_project_is_silent() {
    for shell in everywhere() {
        let s = project();
        s.forget();
        let shown = shell.types(&s, &["$SECRETS deny", "touch secrets.toml", "printenv OTHER >>../out; true"]);
        assert_eq!(out(&s), "", "{}: {shown}", shell.name);
        assert_eq!(shown.matches("is new here").count(), 1, "{}: {shown}", shell.name);
        s.run(["status"]).shows_part("denied: hooked shells get nothing");
    }
}
