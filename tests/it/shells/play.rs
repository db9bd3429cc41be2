//! A play: lines that are typed, and after each what a child of the shell has.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;
use crate::team::Person;

use super::Shell;
use super::out;

/// A trusted project in which `A` is 1.
pub fn project() -> Sandbox {
    prepared(Sandbox::new().secret("KEY").value("A", "1"))
}

/// Adds what [`plays`] needs: `$SEE` writes what a child has of names; `$T` has what is put in the place of `$FILE`.
pub fn prepared(s: Sandbox) -> Sandbox {
    let see = "#!/bin/sh\nfor name; do line=\"$line $(printenv \"$name\" || echo -)\"; done\n\
               printf '%s\\n' \"${line# }\" >>\"$OUT\"\n";
    s.write("../out", "");
    let s = s.script("../t/see", see);
    let root = s.root();
    s.env("FILE", SEALED)
        .env("T", root.join("t"))
        .env("SEE", root.join("t/see"))
        .env("OUT", root.join("out"))
        .plain_at(root.join("out"))
}

/// Keeps a text in `$T` for later.
pub fn keep(s: &Sandbox, name: &str, text: impl AsRef<[u8]>) {
    s.write(format!("../t/{name}"), text);
}

/// Keeps other settings in `$T`, and those of now as `toml`.
pub fn keep_settings(s: &Sandbox, name: &str, change: impl Fn(&str) -> String) {
    let (now, changed) = (s.read("secrets.toml"), change(&s.read("secrets.toml")));
    assert_ne!(now, changed, "{name}: the change is one");
    keep(s, "toml", now);
    keep(s, name, changed);
}

/// Adds the member `bob`; `$T/bob` is `secrets` as he calls it, on the machine `$MACHINE`.
pub fn with_bob(s: Sandbox) -> (Sandbox, Person) {
    let bob = Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    let (env, secrets) = (bob.env(), crate::sandbox::SECRETS);
    let script = format!("#!/bin/sh\nexec {env} XDG_STATE_HOME=\"$T/${{MACHINE:-one}}\" {secrets} \"$@\"\n");
    (s.script("../t/bob", script), bob)
}

/// Types lines one after the other; after each a child has this of the names, `-` for none. Returns what the terminal showed.
pub fn plays(s: &Sandbox, shell: &Shell, names: &str, steps: &[(&str, &str)]) -> String {
    let look = format!("$SEE {names}\r");
    // A narrow terminal cuts what is told.
    let mut dialogue = vec![("", format!("stty cols 300; {}\r", shell.start))];
    dialogue.extend(steps.iter().flat_map(|(line, _)| [("P:", format!("{line}\r")), ("P:", look.clone())]));
    dialogue.push(("P:", "exit\r".to_string()));
    let dialogue: Vec<(&str, &str)> = dialogue.iter().map(|(wait, send)| (*wait, send.as_str())).collect();
    let shown = shell.talks(s, crate::sandbox::SECRETS, &dialogue);
    let seen = out(s);
    let played: Vec<(&str, &str)> = steps.iter().map(|(line, _)| *line).zip(seen.lines()).collect();
    assert_eq!(played, steps, "{}: {shown}", shell.name);
    assert!(!shown.contains(&secret("KEY")), "{}: {shown}", shell.name);
    shown
}

/// Says what was told, if it was not told so often.
#[track_caller]
pub fn told(shell: &Shell, shown: &str, count: usize, text: &str) {
    assert_eq!(shown.matches(text).count(), count, "{}: {text:?} in {shown}", shell.name);
}
