//! What ends us while the plain text is open, and what does not.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use rustix::process::test_kill_process;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

use super::at;
use super::is_gone;
use super::left_in_memory;
use super::process_of;
use super::sandbox;
use super::terminal::wait_for;

/// An editor that changes the text, says that it is open, and stays so until it gets a line.
const STAYS: &str = "echo C=1 >>\"$1\"; echo \"$$ $1\" >open.new; mv open.new open; read -r line";

#[test]
fn a_signal_to_us_ends_the_editor_and_removes_the_plain_text() {
    for (name, signal) in [("TERM", 15), ("HUP", 1)] {
        let s =
            sandbox(&format!("echo C=1 >>\"$1\"; echo \"$$ $1\" >open; kill -{name} $PPID; exec sleep 60 >&- 2>&-"));
        let before = s.sealed();
        s.run(["edit"]).dies_of(signal).shows_nothing();
        let (editor, folder) = open(&s);
        is_gone(&s, &folder);
        wait_for("the editor's end", || editor.is_none_or(|editor| test_kill_process(editor).is_err()).then_some(()));
        assert_eq!(s.sealed(), before, "{name}");
    }
}

#[test]
fn a_signal_as_soon_as_the_editor_runs_removes_the_plain_text() {
    let s = sandbox("kill -TERM $PPID; exec sleep 5 >&- 2>&-");
    // Whether it comes too soon is chance; where we watched too late, it did so in one of six.
    for _ in 0..30 {
        s.run(["edit"]).dies_of(15).shows_nothing();
        assert_eq!(left_in_memory(&s), [""; 0]);
    }
}

#[test]
fn an_editor_that_does_not_end_loses_its_file_all_the_same() {
    // It lets go of the scene's pipes, waits for the end of its folder, and wants to save.
    let s = sandbox(
        "exec >&- 2>&-; trap '' TERM; kill -TERM $PPID
        while [ -d \"${1%/*}\" ]; do sleep 0.01; done; echo C=1 >\"$1\"; echo \"$1\" >tried",
    );
    let before = s.sealed();
    s.run(["edit"]).dies_of(15).shows_nothing();
    wait_for("the editor", || s.path("tried").exists().then_some(()));
    assert_eq!(left_in_memory(&s), [""; 0]);
    assert_eq!(s.sealed(), before);
}

#[test]
fn ctrl_c_and_ctrl_backslash_belong_to_the_editor() {
    if !needs("python3") {
        return;
    }
    let s = sandbox(&format!(
        "trap 'echo interrupted' INT; trap 'echo quit' QUIT; echo ready
        until read -r line && [ \"$line\" = go ]; do :; done; echo C={} >>\"$1\"",
        secret("C")
    ));
    at(&s, |terminal| {
        terminal.shows("ready");
        for _ in 0..3 {
            terminal.types("\u{3}");
            terminal.shows("interrupted");
            terminal.types("\u{1c}");
            terminal.shows("quit");
        }
        terminal.types("go\r");
        terminal.shows("changed `development`");
    })
    .succeeds();
    s.run(["get", "C"]).succeeds().shows(secret("C")).reveals("C");
}

#[test]
fn an_editor_that_ctrl_c_ends_changes_nothing() {
    if !needs("python3") {
        return;
    }
    let s = sandbox(STAYS);
    let before = s.sealed();
    let outcome = at(&s, |terminal| {
        wait_for("the editor", || s.path("open").exists().then_some(()));
        terminal.types("\u{3}");
    });
    // Whether the signal or the editor's end is seen first is chance.
    assert!(outcome.status.code() == Some(1) || outcome.status.signal() == Some(2), "{}", outcome.status);
    is_gone(&s, &open(&s).1);
    assert_eq!(s.sealed(), before);
}

#[test]
fn a_signal_while_the_editor_is_open_a_second_time_removes_the_plain_text() {
    if !needs("python3") {
        return;
    }
    let s = sandbox(&format!(
        "[ -f open ] || exec sh -c 'echo $$ \"$1\" >open; echo broken >>\"$1\"' sh \"$1\"\nrm open\n{STAYS}"
    ));
    let before = s.sealed();
    at(&s, |terminal| {
        terminal.shows("Edit again?");
        let (first, _) = open(&s);
        terminal.types("\r");
        wait_for("the editor", || (s.path("open").exists() && open(&s).0 != first).then_some(()));
        kill_process(process_of(&open(&s).1), Signal::TERM).expect("it runs");
    })
    .dies_of(15);
    is_gone(&s, &open(&s).1);
    assert_eq!(s.sealed(), before);
}

#[test]
fn a_signal_at_the_question_removes_the_plain_text() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT].into_iter().filter(|_| needs("python3")) {
        let (s, before) = broken();
        at(&s, |terminal| {
            terminal.shows("Edit again?");
            kill_process(process_of(&open(&s).1), signal).expect("it runs");
        })
        .dies_of(signal.as_raw());
        is_gone(&s, &open(&s).1);
        assert_eq!(s.sealed(), before);
    }
}

#[test]
fn ctrl_c_at_the_question_gives_the_edit_up() {
    if !needs("python3") {
        return;
    }
    let (s, before) = broken();
    let outcome = at(&s, |terminal| {
        terminal.shows("Edit again?");
        terminal.types("\u{3}");
    });
    assert!(!outcome.status.success());
    is_gone(&s, &open(&s).1);
    assert_eq!(s.sealed(), before);
}

#[test]
fn a_window_that_is_closed_at_the_question_removes_the_plain_text() {
    if !needs("python3") {
        return;
    }
    let (s, before) = broken();
    let outcome = at(&s, |terminal| {
        terminal.shows("Edit again?");
        terminal.hangs_up();
    });
    assert!(!outcome.status.success());
    is_gone(&s, &open(&s).1);
    assert_eq!(s.sealed(), before);
}

#[test]
fn what_a_sudden_end_leaves_lies_in_memory_and_the_next_edit_removes_it() {
    let s = sandbox("echo \"$$ $1\" >open; echo C=1 >>\"$1\"; kill -9 $PPID");
    let before = s.sealed();
    // In one line of shell, so that the leak check comes when it is over.
    let outcome = s
        .shell(&format!(
            "secrets edit; echo $?
            grep -rlF {} {} {} | sed 's|secrets-[0-9]*-[A-Za-z0-9]*|secrets-PID-RANDOM|'
            read -r pid file <open; stat -f -c %T \"$file\"; ls -d \"${{file%/*}}\" | wc -l
            EDITOR=true secrets edit 2>&1; ls {}",
            secret("A"),
            s.root().display(),
            s.runtime().display(),
            s.runtime().display(),
        ))
        .go();
    let file = format!("{}/secrets-PID-RANDOM/development.env", s.runtime().display());
    outcome.succeeds().shows(format!("137\n{file}\ntmpfs\n1\ndone: nothing was changed"));
    assert_eq!(s.sealed(), before);
}

#[test]
fn only_folders_of_ours_whose_process_is_gone_are_removed() {
    let s = sandbox("true");
    // No process has so high a number; 1 is always there, and so is the scene's own.
    let gone = 2_000_000_000;
    let folder = s.runtime().to_path_buf();
    let own = std::process::id();
    let kept = [
        "it-is-not-ours-1".into(),
        format!("secrets-{own}-abcd1234"),
        "secrets-1-abcd1234".into(),
        "secrets-x-abcd1234".into(),
        format!("secrets-{gone}-backup"),
    ];
    for name in kept.iter().chain([&format!("secrets-{gone}-abcd1234"), &"outside".to_string()]) {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("file"), "").unwrap();
    }
    fs::write(folder.join(format!("secrets-{gone}-file")), "").unwrap();
    std::os::unix::fs::symlink("outside", folder.join(format!("secrets-{gone}-link"))).unwrap();
    s.run(["edit"]).succeeds();
    assert!(!folder.join(format!("secrets-{gone}-abcd1234")).exists());
    for name in kept.iter().map(String::as_str).chain(["outside"]) {
        assert!(folder.join(name).join("file").exists(), "{name}");
    }
}

/// An editor that breaks the text.
fn broken() -> (Sandbox, String) {
    let s = sandbox("echo broken >>\"$1\"; echo \"$$ $1\" >open");
    let before = s.sealed();
    (s, before)
}

/// Returns the editor that wrote `open`, and its private folder.
fn open(s: &Sandbox) -> (Option<Pid>, PathBuf) {
    let text = s.read("open");
    let (process, file) = text.trim_end().split_once(' ').expect("a number and a path");
    let folder = Path::new(file).parent().expect("it lies in a folder").to_path_buf();
    (process.parse().ok().and_then(Pid::from_raw), folder)
}
