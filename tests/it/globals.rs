//! What every command has: -C, --json, --quiet, --color, --version, help.

use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

const COMMANDS: [&str; 13] = [
    "init", "run", "set", "get", "unset", "list", "edit", "import", "export", "encrypt", "decrypt", "status",
    "identity",
];

#[test]
fn another_folder_is_gone_to_first() {
    let s = Sandbox::new().secret("KEY").file("a/b/x", "");
    let project = s.project();
    let outcome = s.call(["-C", "shop/a/b", "run", "--", "pwd"]).cwd("..").go();
    outcome.succeeds().shows(project.join("a/b").display().to_string());
    s.call(["get", "KEY", "-C", "shop"]).cwd("..").go().succeeds().shows(secret("KEY")).reveals("KEY");
    s.run(["-C", "nope", "list"]).exits(1).says("cannot go to `nope`");
    s.run(["-C", "nope", "run", "--", "true"]).exits(125).says("cannot go to `nope`");
}

#[test]
fn a_program_named_by_a_path_is_looked_for_in_the_other_folder() {
    let s = Sandbox::new().script("a/tool", "#!/bin/sh\necho here\n");
    s.run(["-C", "a", "run", "--", "./tool"]).succeeds().shows("here");
}

#[test]
fn errors_are_json_when_asked_for() {
    let s = Sandbox::new();
    let error = s.run(["--json", "get", "NOPE"]);
    insta::assert_snapshot!(error.snapshot(), @r#"
    exit: 1
    -- stdout
    -- stderr
    {"error":{"code":1,"message":"`NOPE` is not set in `development`","cause":[],"hints":["`secrets list` shows the names"],"rule":null}}
    "#);
    let error = s.run(["list", "-e", "nope", "--json"]);
    assert_eq!(error.exits(1).shows_nothing().json_error()["hints"][0], "there is `development`");
}

#[test]
fn usage_errors_are_json_too() {
    let s = Sandbox::new();
    for words in [&["--json", "no-such-command"][..], &["get", "--json"], &["--json", "list", "--no-such-flag"]] {
        let error = s.run(words);
        assert_eq!(error.exits(2).shows_nothing().json_error()["code"], 2);
    }
}

#[test]
fn an_error_names_the_broken_rule_for_programs() {
    let s = Sandbox::new().secret("KEY");
    s.write(crate::sandbox::SEALED, s.sealed().replace("KEY=", "1KEY="));
    let error = s.run(["get", "KEY", "--json"]);
    assert_eq!(error.exits(5).json_error()["rule"], "illegal-name");
}

#[test]
fn quiet_leaves_data_warnings_and_errors() {
    let s = Sandbox::empty();
    s.run(["init", "--yes", "--quiet"]).succeeds().shows_nothing().says_nothing();
    s.call(["set", "KEY", "-q"]).stdin("v").go().succeeds().says_nothing();
    s.call(["set", "LD_PRELOAD", "-q"]).stdin("v").go().succeeds().says("warning: `run` refuses `LD_PRELOAD`");
    s.run(["-q", "get", "KEY"]).succeeds().shows("v");
    s.run(["-q", "get", "NOPE"]).exits(1).says("error: ");
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let s = Sandbox::new();
    s.run(["get", "NOPE"]).exits(1).never_says("\u{1b}");
    s.run(["get", "NOPE", "--color", "always"]).exits(1).says("\u{1b}[1;31merror:\u{1b}[0m `NOPE`");
    s.run(["status", "--color", "always"]).succeeds();
    s.run(["get", "NOPE", "--color", "sometimes"]).exits(2);
    if !needs("python3") {
        return;
    }
    let terminal = |flags: &[&str], name: &str, value: &str| {
        let call = s.call(["get", "NOPE"]).words(flags).env("TERM", "xterm").env(name, value);
        call.on_terminal(&[]).go().exits(1).stdout().contains('\u{1b}')
    };
    assert!(terminal(&[], "X", ""));
    assert!(terminal(&[], "NO_COLOR", ""), "empty is unset, https://no-color.org");
    assert!(!terminal(&[], "NO_COLOR", "1"));
    assert!(!terminal(&[], "TERM", "dumb"));
    assert!(!terminal(&["--color", "never"], "X", ""));
    assert!(terminal(&["--color", "always"], "NO_COLOR", "1"));
}

#[test]
fn the_version_is_data() {
    let s = Sandbox::empty();
    for flag in ["--version", "-V"] {
        s.run([flag]).succeeds().shows(format!("secrets {}", env!("CARGO_PKG_VERSION"))).says_nothing();
    }
}

#[test]
fn help_is_data_and_a_missing_command_is_a_usage_error() {
    let s = Sandbox::empty();
    s.run(["--help"]).succeeds().shows_part("Usage: secrets [OPTIONS] <COMMAND>").says_nothing();
    for command in COMMANDS {
        s.run(["--help"]).succeeds().shows_part(&format!("\n  {command} "));
        s.run([command, "--help"]).succeeds().shows_part(&format!("Usage: secrets {command}")).says_nothing();
        s.run([command, "-h"]).succeeds().shows_part(&format!("Usage: secrets {command}")).says_nothing();
        s.run([command, "--no-such-flag"]).exits(2).shows_nothing();
    }
    s.run::<&str>([]).exits(2).shows_nothing().says("Usage:");
    s.run(["no-such-command"]).exits(2).shows_nothing().says("no-such-command");
}

#[test]
fn the_help_has_no_line_wider_than_a_terminal() {
    let s = Sandbox::empty().env("COLUMNS", "80");
    for command in COMMANDS {
        let help = s.run([command, "--help"]);
        for line in help.succeeds().stdout().lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
    }
}

#[test]
fn a_working_directory_that_is_gone_is_said() {
    let s = Sandbox::new();
    let outcome = s.shell("mkdir gone && cd gone && rmdir ../gone && secrets list").go();
    outcome.exits(1).shows_nothing().says("the working directory does not exist any more");
}
