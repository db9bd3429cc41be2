//! `secrets edit`, with editors that are a few lines of shell; the real ones are in editors.rs.

mod editors;
mod families;
mod memory;
mod signals;
mod terminal;
mod together;

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use memchr::memmem;

use crate::sandbox::Outcome;
use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use terminal::Terminal;
use terminal::at_terminal;
use terminal::wait_for;

/// A text with all that a file may have; `{…}` are values that are watched.
const TEXT: &str = "# first comment

B={B}
#A={gone}
A={A}
MANY='{MANY}
  and a third line'

# last comment
";

#[test]
fn what_is_left_as_it_was_writes_nothing() {
    let s = sandbox("true");
    let before = s.tree("secrets");
    let outcome = s.call(["edit"]).env("SECRETS_TEST_NOW", "2027-01-01T00:00:00Z").go();
    outcome.succeeds().shows_nothing().says("nothing was changed");
    // Touched and written again, but the same.
    s.write("editor", script("cp \"$1\" \"$1.new\" && mv \"$1.new\" \"$1\" && touch \"$1\""));
    s.run(["edit"]).succeeds().says("nothing was changed");
    assert_eq!(s.tree("secrets"), before);
}

#[test]
fn another_way_to_write_the_same_values_writes_nothing() {
    let s = sandbox("sed -i 's/^B=\\(.*\\)$/export B = \"\\1\"  /' \"$1\"");
    let before = s.bytes(SEALED);
    s.run(["edit"]).succeeds().says("nothing was changed");
    assert_eq!(s.bytes(SEALED), before);
}

#[test]
fn a_new_value_is_one_changed_line_and_the_seal() {
    let s = sandbox(&format!("sed -i 's/^A=.*/A={}/' \"$1\"", secret("new"))).canary("A", secret("new"));
    let before = s.sealed();
    s.run(["edit"]).succeeds().shows_nothing().says("changed `development`");
    assert_eq!(changed_lines(&before, &s.sealed()), ["A", "sops_mac", "sops_secrets_seal"]);
    s.run(["get", "A"]).succeeds().shows(secret("new")).reveals("A");
    s.run(["get", "MANY"]).succeeds().shows(format!("{}\n  and a third line", secret("MANY"))).reveals("MANY");
    assert_eq!(left_in_memory(&s), [""; 0]);
}

#[test]
fn comments_blank_lines_order_and_long_values_are_there_again() {
    let s = sandbox("cp \"$1\" seen").plain_at("seen");
    s.run(["edit"]).succeeds();
    assert_eq!(s.read("seen"), with_values(TEXT));
    assert_eq!(s.run(["list"]).succeeds().stdout(), "B\nA\nMANY\n");
}

#[test]
fn a_remark_behind_a_value_moves_above_it() {
    let s = sandbox(&format!("cp \"$1\" seen; echo 'C={} # why' >>\"$1\"", secret("C"))).plain_at("seen");
    s.run(["edit"]).succeeds().says("changed `development`");
    s.run(["edit"]).exits(1).says("`C` is set twice");
    assert_eq!(s.read("seen"), format!("{}# why\nC={}\n", with_values(TEXT), secret("C")));
}

#[test]
fn names_are_added_removed_and_moved() {
    let s = sandbox("cp text \"$1\"; cp \"$1\" seen").plain_at("seen").canary("NEW", secret("NEW"));
    let text = with_values("A={A}\n\nNEW={NEW}\nB={B}\n# moved\n");
    s.write("text", &text);
    let before = s.sealed();
    s.run(["edit"]).succeeds().says("changed `development`");
    assert_eq!(s.run(["list"]).succeeds().stdout(), "A\nNEW\nB\n");
    s.run(["get", "NEW"]).succeeds().shows(secret("NEW")).reveals("NEW");
    s.run(["get", "MANY"]).exits(1);
    let line = |text: &str, name: &str| text.lines().find(|line| line.starts_with(name)).map(str::to_string);
    for name in ["A=", "B="] {
        assert_eq!(line(&before, name), line(&s.sealed(), name), "a line that moves keeps its bytes");
    }
    s.run(["edit"]).succeeds().says("nothing was changed");
    assert_eq!(s.read("seen"), text);
}

#[test]
fn every_value_may_go() {
    let s = sandbox(": >\"$1\"");
    s.run(["edit"]).succeeds().says("changed `development`");
    s.run(["list"]).succeeds().shows_nothing();
}

#[test]
fn an_environment_without_a_file_begins_empty() {
    let s = Sandbox::new().production().canary("KEY", secret("KEY"));
    let s = s.script("editor", script("true")).env("EDITOR", "./editor");
    s.run(["edit", "--env", "production"]).succeeds().says("nothing was changed");
    assert!(!s.path("secrets/production.env").exists());
    s.write("editor", script(&format!("test ! -s \"$1\" && echo KEY={} >\"$1\"", secret("KEY"))));
    s.run(["edit", "--env", "production"]).succeeds().says("changed `production`");
    s.run(["get", "KEY", "--env", "production"]).succeeds().shows(secret("KEY")).reveals("KEY");
    s.run(["get", "KEY"]).exits(1);
}

#[test]
fn the_private_folder_is_private_in_memory_and_has_the_file_s_name() {
    let s = sandbox("ls -ld \"${1%/*}\" \"$1\" | cut -c1-10; echo \"$1\"; stat -f -c %T \"$1\"; echo \"$TMPDIR\"");
    let outcome = s.run(["edit"]);
    let shown = outcome.succeeds().stdout();
    let lines: Vec<&str> = shown.lines().collect();
    let folder = Path::new(lines[2]).parent().expect("it lies in a folder").to_str().expect("our name");
    assert!(folder.starts_with(&format!("{}/secrets-", s.runtime().display())), "{shown}");
    let kind = if cfg!(target_os = "linux") { "tmpfs" } else { lines[3] };
    assert_eq!(lines, ["drwx------", "-rw-------", &format!("{folder}/development.env"), kind, folder]);
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    for end in ["exit 1", "exit 130", "kill -9 $$", "rm \"$1\"", "rm \"$1\"; mkdir \"$1\"", "rm \"$1\"; mkfifo \"$1\""]
    {
        let s = sandbox(&format!("echo C={} >>\"$1\"; {end}", secret("C"))).canary("C", secret("C"));
        let before = s.tree(".");
        s.run(["edit"]).exits(1).shows_nothing().says("error: ");
        assert_eq!(s.tree("."), before, "{end}");
        assert_eq!(left_in_memory(&s), [""; 0], "{end}");
    }
}

#[test]
fn a_value_with_a_nul_byte_is_refused() {
    let s = sandbox("touch opened");
    s.call(["set", "KEY"]).stdin("a\0b").go().succeeds();
    let before = s.tree(".");
    s.run(["edit"]).exits(1).shows_nothing().says("the value of `KEY` has a NUL byte").says("`secrets get KEY`");
    s.run(["unset", "KEY"]).succeeds();
    s.write("editor", script("printf 'KEY=a\\0b\\n' >>\"$1\""));
    let sealed = s.sealed();
    s.run(["edit"]).exits(1).says("there is a NUL byte");
    assert_eq!(s.sealed(), sealed);
    assert!(!before.contains_key(&s.path("opened")));
    assert_eq!(left_in_memory(&s), [""; 0]);
}

/// A project whose file has [`TEXT`], and an editor that does this; `$1` is the file.
fn sandbox(editor: &str) -> Sandbox {
    let mut s = Sandbox::new();
    for name in ["A", "B", "C", "MANY", "gone"] {
        s = s.canary(name, secret(name));
    }
    s.write("text", with_values(TEXT));
    let s = s.script("editor", script("cp text \"$1\"")).env("EDITOR", "./editor");
    s.run(["edit"]).succeeds().says("changed `development`");
    fs::remove_file(s.path("text")).expect("it was written");
    s.write("editor", script(editor));
    s
}

fn script(lines: &str) -> String {
    format!("#!/bin/sh\n{lines}\n")
}

/// Puts [`secret`] of a name where `{name}` stands.
fn with_values(text: &str) -> String {
    ["A", "B", "C", "MANY", "NEW", "gone"]
        .iter()
        .fold(text.to_string(), |text, name| text.replace(&format!("{{{name}}}"), &secret(name)))
}

/// Returns the names of the lines that differ; there are as many lines as before.
#[track_caller]
fn changed_lines<'a>(before: &'a str, after: &'a str) -> Vec<&'a str> {
    assert_eq!(before.lines().count(), after.lines().count(), "{before}\n{after}");
    let changed = before.lines().zip(after.lines()).filter(|(old, new)| old != new);
    changed.map(|(_, new)| new.split('=').next().unwrap_or_default()).collect()
}

/// Runs `secrets edit` on a terminal at which `scene` sits.
fn at(s: &Sandbox, scene: impl FnOnce(&mut Terminal)) -> Outcome {
    at_terminal(s.call(["edit"]), &s.runtime().join("terminal"), scene)
}

/// Returns the names of the private folders that are there.
fn left_in_memory(s: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(s.runtime()).expect("the sandbox is there");
    let names = entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("secrets-")).collect()
}

/// Returns the process that a private folder belongs to.
fn process_of(folder: &Path) -> rustix::process::Pid {
    let name = folder.file_name().and_then(|name| name.to_str()).expect("our name");
    let number = name.split('-').nth(1).and_then(|number| number.parse().ok()).expect("it has a number");
    rustix::process::Pid::from_raw(number).expect("not zero")
}

/// Checks that a private folder was removed, and that no editor has a file of it open.
#[track_caller]
fn is_gone(s: &Sandbox, folder: &Path) {
    assert_eq!(left_in_memory(s), [""; 0]);
    let words = |process: PathBuf| fs::read(process.join("cmdline")).unwrap_or_default();
    let is_its = |words: &[u8]| memmem::find(words, folder.as_os_str().as_encoded_bytes()).is_some();
    // Only Linux has it; elsewhere the folder must do.
    wait_for("the editor's end", || {
        let mut processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes.all(|process| !is_its(&words(process.path()))).then_some(())
    });
}
