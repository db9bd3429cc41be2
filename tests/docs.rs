//! The documents are true: every `console` block of the README runs, and the lists are the program's.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

const README: &str = include_str!("../README.md");
const NAMES: &str = include_str!("../docs/names.md");

/// One command of a `console` block and the lines below it.
struct Step<'a> {
    command: &'a str,
    expected: Vec<&'a str>,
}

fn blocks<'a>(document: &'a str, kind: &str) -> Vec<&'a str> {
    let open = format!("```{kind}\n");
    document.split(&open).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

fn steps(block: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push(Step { command, expected: Vec::new() }),
            None => steps.last_mut().expect("a block begins with a command").expected.push(line),
        }
    }
    steps
}

/// Compares lines; a line that is `…` stands for any lines, a `…` inside a line for any text.
fn fits(expected: &[&str], printed: &[&str]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => (0..=printed.len()).any(|skip| fits(rest, &printed[skip..])),
        (Some((line, rest)), Some((got, more))) => line_fits(line, got) && fits(rest, more),
        _ => false,
    }
}

fn line_fits(expected: &str, printed: &str) -> bool {
    let parts: Vec<&str> = expected.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return expected == printed };
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Runs the steps in one shell, so that `cd` and files last; returns what each printed.
fn run(steps: &[&Step<'_>], home: &Path) -> Vec<String> {
    const BORDER: &str = "--- next step ---";
    let script: String =
        steps.iter().map(|step| format!("{{ {}\n}} 2>&1; printf '%s\\n' '{BORDER}'\n", step.command)).collect();
    let binary = Path::new(env!("CARGO_BIN_EXE_secrets"));
    let path = format!(
        "{}:{}",
        binary.parent().expect("the binary lies in a folder").display(),
        std::env::var("PATH").expect("PATH is set")
    );
    let start = home.join("start");
    fs::create_dir_all(&start).expect("a folder to start in");
    let output = Command::new("setsid")
        .args(["--wait", "bash", "-c", &script])
        .env_clear()
        .envs([
            ("HOME", home.as_os_str()),
            ("PATH", path.as_ref()),
            ("USER", "alice".as_ref()),
            ("TERM", "dumb".as_ref()),
        ])
        .env("SECRETS_CEILING", home)
        .current_dir(&start)
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    let text = String::from_utf8(output.stdout).expect("the blocks print text");
    let border = format!("{BORDER}\n");
    text.split(&border).take(steps.len()).map(str::to_string).collect()
}

#[test]
fn every_console_block_of_the_readme_is_true() {
    let home = tempfile::tempdir().expect("a temp folder");
    let steps: Vec<Step<'_>> = blocks(README, "console").into_iter().flat_map(steps).collect();
    assert!(steps.len() >= 20, "only {} commands were found", steps.len());
    let printed = run(&steps.iter().collect::<Vec<_>>(), home.path());
    assert_eq!(printed.len(), steps.len());
    for (step, printed) in steps.iter().zip(&printed) {
        let lines: Vec<&str> = printed.lines().collect();
        assert!(
            fits(&step.expected, &lines),
            "$ {}\nshould print:\n{}\nprinted:\n{printed}",
            step.command,
            step.expected.join("\n")
        );
    }
}

#[test]
fn the_first_command_of_the_readme_runs_the_quickstart() {
    let command = blocks(README, "sh").into_iter().find_map(|block| block.strip_prefix("cargo run --quiet -- "));
    let arguments = command.expect("the README begins with `cargo run`");
    let binary = env!("CARGO_BIN_EXE_secrets");
    let home = tempfile::tempdir().expect("a temp folder");
    // A bare machine: what this one has seen of the example before is none of the test's business.
    let output = Command::new("bash")
        .args(["-c", &format!("{binary} {arguments}")])
        .env("HOME", home.path())
        .env_remove("XDG_STATE_HOME")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello from a sealed file\n", "{output:?}");
}

#[test]
fn the_lists_of_names_are_the_programs() {
    use secrets::resolve::policy::Danger;
    use secrets::resolve::policy::danger;
    for (kind, want) in [("never", Danger::Never), ("declared", Danger::Declared), ("warn", Danger::Warn)] {
        let list = blocks(NAMES, kind);
        let names: Vec<&str> = list.iter().flat_map(|block| block.split_whitespace()).collect();
        assert!(names.len() > 30, "{kind} has only {} names", names.len());
        for name in names {
            assert_eq!(danger(&name.replace('*', "X")), Some(want), "{name}");
        }
    }
}

#[test]
fn an_ellipsis_stands_for_any_text_and_no_more() {
    assert!(fits(&["a…c", "…", "z"], &["abc", "x", "y", "z"]));
    assert!(!fits(&["a…c"], &["abd"]));
    assert!(!fits(&["a"], &["a", "b"]));
    assert!(!fits(&["…", "q"], &["a", "b"]));
}

#[test]
fn every_rule_of_check_is_documented() {
    let documented = include_str!("../docs/check.md");
    for (id, what) in secrets::check::RULES {
        let row = format!("| `{id}` | ");
        let found = documented.lines().find(|line| line.starts_with(&row));
        assert!(
            found.is_some_and(|line| line.ends_with(&format!("| {what} |"))),
            "docs/check.md has no row for `{id}`"
        );
    }
}
