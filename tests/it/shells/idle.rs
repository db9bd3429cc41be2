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

/// If a shell is idle, asking would have changed nothing.
#[test]
fn after_random_steps_asking_changes_nothing() {
    const STEPS: [&str; 14] = [
        "true",
        "printf $RANDOM_STEP | $SECRETS set OTHER",
        "touch $TOP/shop/secrets.toml",
        "cd sub",
        "cd $TOP",
        "cd shop",
        "$SECRETS deny",
        "$SECRETS allow --no-git",
        "$SECRETS identity lock",
        "$SECRETS identity unlock",
        "mv $TOP/shop/secrets.toml $TOP/away",
        "mv $TOP/away $TOP/shop/secrets.toml",
        "export SECRETS_ENV=development",
        "touch -d 2001-01-01 $TOP/shop/secrets/development.env",
    ];
    for (seed, shell) in shells().enumerate() {
        let s = counted();
        std::fs::create_dir(s.path("sub")).expect("a folder");
        let top = s.root();
        let s = s.env("TOP", top);
        let mut state = 0x2545_f491_4f6c_dd1d_u64.wrapping_add(seed as u64);
        let mut lines = Vec::new();
        for number in 0..60 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let step = STEPS[usize::try_from(state >> 20).unwrap_or(0) % STEPS.len()];
            lines.push(step.replace("$RANDOM_STEP", &number.to_string()));
            lines.push("printenv KEY OTHER >>$TOP/idle; echo end >>$TOP/idle".to_string());
            lines.push(if shell.name == "fish" { "set -g __secrets_at" } else { "__secrets_at=" }.to_string());
            lines.push("printenv KEY OTHER >>$TOP/asked; echo end >>$TOP/asked".to_string());
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let shown = types(&s, shell, &lines);
        let read = |name: &str| std::fs::read_to_string(s.root().join(name)).expect("it was written");
        assert_eq!(read("idle"), read("asked"), "{}: {shown}", shell.name);
        assert!(read("idle").matches("end\n").count() == 60 && read("idle").contains('k'), "{}: {shown}", shell.name);
    }
}
