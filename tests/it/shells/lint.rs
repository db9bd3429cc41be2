//! Each shell's own look at our code, and at what it is given to evaluate.

use std::process::Command;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;

/// A shell, or direnv, and what reads its code without running it. elvish knows its editor on a terminal only.
/// Beyond what shellcheck says: our variables are used by what is evaluated, and PROMPT_COMMAND is a string or an array.
const READERS: [(&str, &[&str]); 7] = [
    ("bash", &["bash", "-n"]),
    ("zsh", &["zsh", "-f", "-n"]),
    ("fish", &["fish", "--no-config", "-n"]),
    ("nu", &["nu", "--ide-check", "100"]),
    ("direnv", &["bash", "-n"]),
    ("bash", &["shellcheck", "--shell=bash", "--severity=style", "--exclude=SC1007,SC2034,SC2053,SC2128,SC2178"]),
    ("direnv", &["shellcheck", "--shell=bash", "--severity=style", "--exclude=SC2154"]),
];

fn read_by(s: &Sandbox, words: &[&str], file: &str) {
    let output = Command::new(words[0]).args(&words[1..]).arg(s.path(file)).output().expect("it is here");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && !said.contains("\"severity\":\"Error\""), "{words:?}: {said}");
}

#[test]
fn the_code_is_right_by_each_shells_own_rules() {
    let s = Sandbox::new();
    for (shell, words) in READERS.iter().filter(|(_, words)| needs(words[0])) {
        s.write("code", s.run(["hook", shell]).succeeds().stdout());
        read_by(&s, words, "code");
    }
}

#[test]
fn what_is_evaluated_is_right_by_each_shells_own_rules() {
    let all: Vec<u8> = (1..=255).collect();
    let s = Sandbox::new().canary("ALL", &all).value("OTHER", "of the file");
    s.write("all", &all);
    s.run(["set", "ALL", "--from-file", "all"]).succeeds();
    for (shell, words) in READERS[..3].iter().filter(|(_, words)| needs(words[0])) {
        let text = s.run(["hook-env", shell, "1"]);
        text.may_reveal_all();
        assert!(text.stdout().contains("ALL") && text.stdout().ends_with("\n: end\n"), "{}", text.stdout());
        s.write("text", &text.stdout);
        read_by(&s, words, "text");
    }
}
