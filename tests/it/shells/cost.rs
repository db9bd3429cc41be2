//! What a prompt costs, counted and not timed: `scripts/bench-hook` measures.

use crate::sandbox::Sandbox;
use crate::sandbox::needs;

use super::shells;

/// A project with as many names as people have.
fn project() -> Sandbox {
    let s = Sandbox::new();
    s.write("../fifty", (0..50).map(|n| format!("NAME_{n}=value-{n}\n")).collect::<String>());
    s.run(["import", "../fifty"]).succeeds();
    s
}

/// As many as the issue allows for the release, of which the system's start of a program takes the first.
#[test]
fn a_prompt_that_asks_where_nothing_changed_needs_few_system_calls() {
    const MOST: usize = 26;
    if !needs("strace") {
        return;
    }
    let s = project().env("SECRETS", crate::sandbox::SECRETS).env("SECRETS_HOOK_IDLE", "0");
    let script = "eval \"$($SECRETS hook-env bash $$)\"; strace -f -o ../trace $SECRETS hook-env bash $$ >/dev/null";
    s.program(["bash", "-c", script]).go().succeeds();
    let trace = s.read("../trace");
    // Our own first call; a debug build is linked by the loader before that.
    let own: Vec<&str> = trace.lines().skip_while(|line| !line.contains(" poll([{fd=0")).collect();
    let own: Vec<&str> = own.into_iter().filter(|line| !line.contains("+++")).collect();
    assert!((10..=MOST).contains(&own.len()), "{} calls: {}", own.len(), own.join("\n"));
    assert!(!trace.contains("CLONE_THREAD") && !own.iter().any(|line| line.contains("open")), "{trace}");
}

/// The commands that are typed are the shell's own, so whatever starts is the hook's.
#[test]
fn a_prompt_where_nothing_changed_starts_no_process() {
    if !needs("strace") {
        return;
    }
    for shell in shells() {
        let count = |lines: usize| {
            let s = project().env("SECRETS", crate::sandbox::SECRETS).env("TERM", "xterm").env("PS1", "");
            let mut dialogue = vec![("", format!("{}\r", shell.start))];
            dialogue.extend((0..lines).map(|_| ("P:", "true\r".to_string())));
            dialogue.push(("P:", "exit\r".to_string()));
            let dialogue: Vec<(&str, &str)> = dialogue.iter().map(|(wait, send)| (*wait, send.as_str())).collect();
            let trace = s.path("../trace").display().to_string();
            let calls = "trace=clone,clone3,fork,vfork,execve";
            let call = s.program(shell.words).under(["strace", "-f", "-qq", "-e", calls, "-o", &trace]);
            call.on_terminal(&dialogue).go().may_reveal_all();
            let trace = s.read("../trace");
            // A thread is no process: fish has some.
            trace.lines().filter(|line| !line.contains("CLONE_THREAD") && !line.contains("resumed")).count()
        };
        // The first prompts may ask, as long as files are younger than a few moments.
        let (few, many) = (count(30), count(60));
        assert!(many <= few + 3, "{}: {few} for 30 prompts, {many} for 60", shell.name);
    }
}

/// What hangs is a call of the system, held up by the tracer: where the folder is looked at, and where a file is opened.
#[test]
fn what_hangs_is_ended_and_what_another_project_gave_goes_back() {
    if !needs("strace") {
        return;
    }
    let s = super::project();
    s.write("../third/one.env", "THIRD=3\n");
    s.call(["init", "--yes", "--no-git"]).cwd("../third").go().succeeds();
    s.call(["import", "one.env"]).cwd("../third").go().succeeds();
    let there = s.call(["hook-env", "bash", "7"]).cwd("../third").go().stdout();
    let state =
        there.split("__SECRETS=$'").nth(1).and_then(|rest| rest.split('\'').next()).expect("a state").to_string();
    let held = |call: &str| {
        let inject = format!("inject={call}:delay_enter=5000000:when=1");
        let traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
        let call = s.call(["hook-env", "bash", "7"]).env("__SECRETS", &state).env("THIRD", "3").under(traced);
        let outcome = call.go();
        outcome.may_reveal_all();
        outcome.stdout()
    };
    assert_eq!(held("statx"), "", "it is ended before it knows anything");
    let text = held("openat2");
    assert!(text.contains("unset THIRD") && text.ends_with("\n: end\n") && !text.contains("of the file"), "{text}");
}
