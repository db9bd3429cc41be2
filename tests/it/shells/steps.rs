//! What scenes of the hook share: prompts that are waited for, a program in front of ours, shells inside of shells.

use crate::sandbox::SECRETS;
use crate::sandbox::Sandbox;

use super::Shell;
use super::shells;

/// A project with two values, which this machine has accepted; what lines find they write into `$OUT`, or `env`.
pub fn project() -> Sandbox {
    let s = Sandbox::new().secret("KEY").value("OTHER", "as it is here");
    s.write("../out", "");
    let top = s.root();
    let (out, env) = (top.join("out"), top.join("env"));
    s.plain_at(&out).plain_at(env).env("OUT", out).env("TOP", top)
}

/// Plays a scene in a project of its own for every shell.
pub fn each(scene: impl Fn(Sandbox, &Shell)) {
    shells().for_each(|shell| scene(project(), shell));
}

/// Returns the shell of that name, if it is here.
pub fn one(name: &str) -> impl Iterator<Item = &'static Shell> {
    shells().filter(move |shell| shell.name == name)
}

/// Types lines, each at a prompt of its own; returns what the terminal showed.
pub fn at_prompts(s: &Sandbox, shell: &Shell, lines: &[&str]) -> String {
    let mut steps: Vec<(&str, String)> = lines.iter().map(|line| ("P:", format!("{line}\r"))).collect();
    steps.push(("P:", "exit\r".to_string()));
    let steps: Vec<(&str, &str)> = steps.iter().map(|(wait, send)| (*wait, send.as_str())).collect();
    said(s, shell, &steps)
}

/// As [`at_prompts`], with everything that is waited for. The hook is in a file: what is typed for it would pose as a prompt.
pub fn said(s: &Sandbox, shell: &Shell, steps: &[(&str, &str)]) -> String {
    start_files(s);
    let own = s.root().join("front");
    let program = if own.exists() { own.display().to_string() } else { SECRETS.to_string() };
    let source = format!("source $TOP/start/start.{}\r", shell.name);
    let mut dialogue = vec![("", source.as_str())];
    dialogue.extend(steps);
    shell.talks(s, &program, &dialogue)
}

/// Writes what each shell starts with, for those inside of others as well.
pub fn start_files(s: &Sandbox) {
    for shell in &super::SHELLS {
        s.write(format!("../start/start.{}", shell.name), format!("{}\n", shell.start));
    }
    s.write("../start/.zshrc", format!("{}\n", super::SHELLS[1].start));
}

/// Returns the words that start a hooked shell inside of another one.
pub fn inner(name: &str) -> &'static str {
    match name {
        "bash" => "bash --noprofile --rcfile $TOP/start/start.bash -i",
        "zsh" => "env ZDOTDIR=$TOP/start zsh -d -i -o no_zle",
        _ => "fish --no-config -i -C 'source $TOP/start/start.fish'",
    }
}

/// Puts a program in front of ours: this script of bash at each `hook-env`, with `$REAL` for what is ours.
pub fn front(s: Sandbox, script: &str) -> Sandbox {
    let text = format!(
        "#!/bin/bash\nREAL={SECRETS}\nif [[ $1 == hook-env ]]; then\n{script}\nfi\nexec -a \"$0\" \"$REAL\" \"$@\"\n"
    );
    s.script("../front", text)
}

/// Fails where a shell complained of something.
#[track_caller]
pub fn is_quiet(shell: &Shell, shown: &str) {
    let words = ["bash: ", "zsh: ", "fish: ", "__secrets", "unbound", "not set", "created global", "not found", "rror"];
    let noise = words.iter().find(|word| shown.contains(*word));
    assert!(noise.is_none(), "{}: {noise:?} in {shown}", shell.name);
}

/// Writes a value and whether there is a state.
pub const SEE: &str = "printenv OTHER >>$OUT; env | grep -c ^__SECRETS= >>$OUT; true";

/// As [`at_prompts`], of a user who is not root and has no home of the system's.
pub fn as_nobody(s: &Sandbox, shell: &Shell, lines: &[&str], without: &[&str]) -> Option<String> {
    start_files(s);
    let call = s.call_as_nobody(["--version"])?;
    call.go().succeeds();
    let binary = s.root().join("secrets");
    let mut under = vec!["env"];
    under.extend(without.iter().flat_map(|name| ["-u", name]));
    if rustix::process::geteuid().is_root() {
        under.extend(["setpriv", "--reuid=64123", "--regid=64123", "--clear-groups", "--"]);
    }
    let source = format!("source $TOP/start/start.{}\r", shell.name);
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\r")).collect();
    let mut steps = vec![("", source.as_str())];
    steps.extend(lines.iter().map(|line| ("P:", line.as_str())));
    steps.push(("P:", "exit\r"));
    let call = s.program(shell.words).under(under).env("SECRETS", binary).env("TERM", "xterm").env("PS1", "");
    let outcome = call.on_terminal(&steps).go();
    outcome.may_reveal_all();
    Some(outcome.stdout())
}
