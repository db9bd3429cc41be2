//! The hook in real shells: what counts is the environment of a child.

mod hook;
mod idle;
mod quote;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;

/// A shell as a person starts it, without anything of the person.
pub struct Shell {
    pub name: &'static str,
    words: &'static [&'static str],
    /// What a start-up file would have: a prompt that can be waited for, and the hook.
    pub start: &'static str,
}

pub const SHELLS: [Shell; 3] = [
    Shell {
        name: "bash",
        words: &["bash", "--norc", "--noprofile", "-i"],
        start: "PS1='P:$?> '; eval \"$(\"$SECRETS\" hook bash)\"",
    },
    Shell {
        name: "zsh",
        words: &["zsh", "-f", "-i", "-o", "no_zle"],
        start: "PROMPT='P:%?> '; eval \"$(\"$SECRETS\" hook zsh)\"",
    },
    Shell {
        name: "fish",
        words: &["fish", "--no-config", "-i"],
        start: "function fish_prompt; echo \"P:$status> \"; end; $SECRETS hook fish | source",
    },
];

/// Tells which of the shells are here.
pub fn shells() -> impl Iterator<Item = &'static Shell> {
    let _ = needs("python3");
    SHELLS.iter().filter(|shell| needs(shell.name))
}

impl Shell {
    /// Types lines at prompts, one after the other, in the project's folder; returns what the terminal showed.
    ///
    /// `$SECRETS` is the binary. What a line writes into `out` the scene reads from there.
    pub fn types(&self, s: &Sandbox, lines: &[&str]) -> String {
        self.types_with(s, crate::sandbox::SECRETS, lines)
    }

    /// As [`Self::types`], with another program as `$SECRETS`.
    pub fn types_with(&self, s: &Sandbox, program: &str, lines: &[&str]) -> String {
        let mut dialogue = vec![(String::new(), format!("{}\r", self.start))];
        dialogue.extend(lines.iter().map(|line| ("P:".to_string(), format!("{line}\r"))));
        dialogue.push(("P:".to_string(), "exit\r".to_string()));
        let dialogue: Vec<(&str, &str)> = dialogue.iter().map(|(wait, send)| (wait.as_str(), send.as_str())).collect();
        self.talks(s, program, &dialogue)
    }

    /// As [`Self::types`], with everything that is waited for.
    pub fn talks(&self, s: &Sandbox, program: &str, dialogue: &[(&str, &str)]) -> String {
        let call = s.program(self.words).env("SECRETS", program).env("TERM", "xterm").env("PS1", "");
        let outcome = call.on_terminal(dialogue).go();
        outcome.may_reveal_all();
        outcome.stdout()
    }
}

/// Returns what the lines wrote into `out`, and empties it.
pub fn out(s: &Sandbox) -> String {
    let text = s.read("../out");
    std::fs::write(s.path("../out"), "").expect("it is there");
    text
}
