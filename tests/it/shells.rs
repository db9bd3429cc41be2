//! The hook in real shells: what counts is the environment of a child.

mod beside;
mod copies;
mod cost;
mod exposure;
mod folders;
mod hook;
mod idioms;
mod idle;
mod life;
mod limits;
mod lint;
mod names;
mod odd;
mod pair;
mod places;
mod play;
mod powershell;
mod quote;
mod shape;
mod state;
mod steps;
mod trust;
mod versions;

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

/// Those that are spoken to in another way.
pub const OTHERS: [Shell; 2] = [
    Shell {
        name: "elvish",
        words: &["elvish", "-norc"],
        start: "var st = 0; set edit:after-command = [{|m| set st = 0; if (not-eq $m[error] $nil) { set st = 1; \
                try { set st = $m[error][reason][exit-status] } catch _ { } } }]; set edit:prompt = { }; \
                set edit:rprompt = { }; set edit:before-readline = [{ print P(put :)$st'> ' }]; \
                eval ($E:SECRETS hook elvish | slurp)",
    },
    Shell {
        name: "nu",
        // It reads what it sources before it runs anything.
        words: &["sh", "-c", "$SECRETS hook nu >~/hook.nu; exec nu --no-config-file"],
        start: "$env.config.show_banner = false; $env.PROMPT_COMMAND = ''; $env.PROMPT_COMMAND_RIGHT = ''; \
                $env.PROMPT_INDICATOR = ''; \
                $env.config.hooks.pre_prompt = [{|| print -n $\"P(':')($env.LAST_EXIT_CODE)> \" }]; source ~/hook.nu",
    },
];

/// Tells which shells of both kinds are here.
pub fn everywhere() -> impl Iterator<Item = &'static Shell> {
    shells().chain(OTHERS.iter().filter(|shell| needs(shell.name)))
}

/// Tells which of the shells are here.
pub fn shells() -> impl Iterator<Item = &'static Shell> {
    let _ = needs("python3");
    SHELLS.iter().filter(|shell| needs(shell.name))
}

impl Shell {
    /// Returns what starts another one inside, as a person types it.
    pub fn inner(&self) -> &'static str {
        match self.name {
            "bash" => "bash --norc --noprofile -i",
            "zsh" => "zsh -f -i -o no_zle",
            _ => "fish --no-config -i",
        }
    }

    /// Types lines at prompts, one after the other, in the project's folder; returns what the terminal showed.
    ///
    /// `$SECRETS` is the binary. What a line writes into `out` the scene reads from there.
    pub fn types(&self, s: &Sandbox, lines: &[&str]) -> String {
        self.types_with(s, crate::sandbox::SECRETS, lines)
    }

    /// As [`Self::types`], with another program as `$SECRETS`.
    pub fn types_with(&self, s: &Sandbox, program: &str, lines: &[&str]) -> String {
        self.converses(s, program, self.start, lines)
    }

    /// As [`Self::types`], with another line for a start-up file.
    pub fn starts_with(&self, s: &Sandbox, start: &str, lines: &[&str]) -> String {
        self.converses(s, crate::sandbox::SECRETS, start, lines)
    }

    fn converses(&self, s: &Sandbox, program: &str, start: &str, lines: &[&str]) -> String {
        let mut dialogue = vec![(String::new(), format!("{start}\r"))];
        dialogue.extend(lines.iter().map(|line| ("P:".to_string(), format!("{}\r", idioms::say(self.name, line)))));
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

/// A project with two values, which this machine has accepted, and a file `out` in which a scene may have them.
pub fn project() -> Sandbox {
    let s = Sandbox::new().secret("KEY").value("OTHER", "of the file");
    s.write("../out", "");
    let out = s.path("../out").canonicalize().expect("it was written");
    s.plain_at(out)
}

/// Returns what the lines wrote into `out`, and empties it.
pub fn out(s: &Sandbox) -> String {
    let text = s.read("../out");
    std::fs::write(s.path("../out"), "").expect("it is there");
    text
}
