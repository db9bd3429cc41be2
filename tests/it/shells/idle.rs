//! A prompt where nothing changed starts nothing, and is never wrong.

use crate::sandbox::Sandbox;

use super::Shell;
use super::out;
use super::shells;

/// A project, and a program in front of ours that counts its starts.
pub fn counted() -> Sandbox {
    let s = Sandbox::new().value("OTHER", "o").value("KEY", "k");
    s.write("../out", "");
    let real = crate::sandbox::SECRETS;
    let script = format!("#!/bin/bash\necho \"$1\" >>{}/starts\nexec -a \"$0\" {real} \"$@\"\n", s.root().display());
    s.script("../bin/secrets", script)
}

pub fn starts(s: &Sandbox) -> usize {
    let text = std::fs::read_to_string(s.root().join("starts")).unwrap_or_default();
    text.lines().filter(|line| *line == "hook-env").count()
}

pub fn types(s: &Sandbox, shell: &Shell, lines: &[&str]) -> String {
    let own = s.path("../bin/secrets").canonicalize().expect("it was written").display().to_string();
    shell.types_with(s, &own, lines)
}

#[test]
fn nothing_is_started_while_nothing_changed() {
    for shell in shells() {
        for place in ["true", "cd .."] {
            let s = counted();
            types(&s, shell, &[place, "true", "true"]);
            let few = starts(&s);
            let _ = std::fs::remove_file(s.root().join("starts"));
            let shown = types(&s, shell, &[place, "true", "true", "true", "true", "true", "true", "true", "true"]);
            assert_eq!(starts(&s), few, "{} {place}: {shown}", shell.name);
            assert!((1..=4).contains(&few), "{} {place}: {few}", shell.name);
        }
        // What changes is seen at the next prompt.
        let s = counted();
        let lines = [
            "true",
            "true",
            "printf new | $SECRETS set OTHER",
            "printenv OTHER >>../out; mv secrets.toml away",
            "printenv OTHER >>../out; mv away secrets.toml",
            "printenv OTHER >>../out; true",
        ];
        let shown = types(&s, shell, &lines);
        assert_eq!(out(&s), "new\nnew\n", "{}: {shown}", shell.name);
    }
}
