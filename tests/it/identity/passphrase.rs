//! Identities under a passphrase, asked for on the terminal once.

use std::fs;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

const PASSPHRASE: &str = "correct horse";
/// What clears the line of a question.
const ERASED: &str = "\u{1b}[A\r\u{1b}[K";

/// A person whose only identity is under a passphrase.
pub fn new_one() -> Sandbox {
    let s = Sandbox::empty();
    let typed = format!("{PASSPHRASE}\r");
    let made = s.call(["identity", "new", "--passphrase"]);
    made.on_terminal(&[("New passphrase", &typed), ("The same again", &typed)]).go().succeeds().shows_part("age1");
    s
}

/// The passphrase, as it is typed.
pub fn answer() -> String {
    format!("{PASSPHRASE}\r")
}

/// A project of such a person, with a value.
fn with_a_value() -> Sandbox {
    let s = new_one();
    for script in ["secrets init --yes", "printf 1 | secrets set KEY"] {
        s.shell(script).on_terminal(&[("Passphrase of", &answer())]).go().succeeds();
    }
    s
}

#[test]
fn it_is_asked_for_once_by_each_command_and_erased() {
    if !needs("python3") {
        return;
    }
    let s = new_one();
    let file = fs::read_to_string(s.identity()).expect("an identity");
    assert!(file.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !file.contains("AGE-SECRET-KEY"), "{file}");
    assert_eq!(s.mode(s.identity()), 0o600);
    let asked = |words: &[&str]| s.call(words.iter().copied()).on_terminal(&[("Passphrase of", &answer())]).go();
    asked(&["init", "--yes"]).succeeds();
    let s = s.canary("KEY", secret("KEY"));
    let set = s.shell(&format!("printf %s '{}' | secrets set KEY", secret("KEY")));
    set.on_terminal(&[("Passphrase of", &answer())]).go().succeeds();
    let asked = |words: &[&str]| s.call(words.iter().copied()).on_terminal(&[("Passphrase of", &answer())]).go();
    s.write(
        "secrets.toml",
        s.read("secrets.toml") + "\n[environments.top]\nreaders = [\"alice\"]\nextends = \"development\"\n",
    );
    asked(&["set", "OTHER", "--env", "top", "--from-file", "secrets.toml"]).succeeds();
    // Two files, one question; what was typed is not shown, and the question goes.
    let ran = asked(&["run", "--env", "top", "--", "printenv", "KEY"]);
    ran.succeeds().reveals("KEY").shows_part(&secret("KEY"));
    let shown = ran.stdout();
    assert!(shown.matches("Passphrase of").count() == 1 && shown.contains(ERASED), "{shown:?}");
    assert!(!shown.contains(PASSPHRASE));
    s.call(["run", "--", "true"])
        .on_terminal(&[("Passphrase of", "wrong\r")])
        .go()
        .exits(125)
        .shows_part("the passphrase is wrong");
    s.run(["run", "--", "true"]).exits(125).says("it needs a passphrase: there is no terminal to ask on");
    s.run(["get", "KEY"]).exits(3).says("it needs a passphrase");
    // What needs no key asks for nothing.
    s.run(["list"]).succeeds();
    s.run(["check", "--ci"]).succeeds();
}

#[test]
fn two_commands_ask_one_after_the_other() {
    if !needs("python3") {
        return;
    }
    let s = with_a_value();
    // Both begin at once; each gets a whole answer, whoever comes first.
    let script = "secrets run -- echo first & secrets run -- echo second & wait $! && wait";
    for _ in 0..5 {
        let both = s.shell(script).on_terminal(&[("Passphrase of", &answer()), ("Passphrase of", &answer())]).go();
        both.succeeds().shows_part("first").shows_part("second");
        assert!(!both.stdout().contains("wrong"), "{}", both.stdout());
    }
}

#[test]
fn the_programs_own_input_is_left_alone() {
    if !needs("python3") {
        return;
    }
    let s = with_a_value();
    let piped = s.shell("printf 'from a pipe' | secrets run -- cat").on_terminal(&[("Passphrase of", &answer())]);
    piped.go().succeeds().shows_part("from a pipe");
}

#[test]
fn passphrases_that_differ_or_are_empty_make_nothing() {
    if !needs("python3") {
        return;
    }
    let s = Sandbox::empty();
    for (first, second, why) in [("one\r", "two\r", "the passphrases differ"), ("\r", "", "an empty passphrase")] {
        let made = s.call(["identity", "new", "--passphrase"]);
        let dialogue = [("New passphrase", first), ("The same again", second)];
        let asked = if second.is_empty() { &dialogue[..1] } else { &dialogue[..] };
        made.on_terminal(asked).go().exits(1).shows_part(why);
        assert!(!s.identity().exists());
    }
    s.run(["identity", "new", "--passphrase"]).exits(1).says("there is no terminal to ask on");
}

#[test]
fn an_export_opens_on_a_new_machine_and_for_age() {
    if !needs("python3") || !needs("age") {
        return;
    }
    let s = Sandbox::new().secret("KEY");
    let typed = answer();
    let twice = [("New passphrase", typed.as_str()), ("The same again", typed.as_str())];
    s.call(["identity", "export", "--output", "safe.age"]).on_terminal(&twice).go().succeeds();
    assert_eq!(s.mode("safe.age"), 0o600);
    let recipient = s.recipient();
    let opened = s.program(["age", "-d", "safe.age"]).on_terminal(&[("Enter passphrase", &typed)]).go();
    opened.succeeds().shows_part(&recipient).reveals("IDENTITY");
    fs::remove_file(s.identity()).expect("it was there");
    s.run(["get", "KEY"]).exits(3);
    s.run(["identity", "import", "safe.age"]).exits(1).says("there is no terminal to ask on");
    let import =
        |phrase: &str| s.call(["identity", "import", "safe.age"]).on_terminal(&[("Passphrase of", phrase)]).go();
    import("wrong\r").exits(3).shows_part("the passphrase is wrong");
    import(&typed).succeeds().shows_part(&recipient);
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    import(&typed).exits(1).shows_part("exists already");
}

#[test]
fn an_ssh_key_with_a_passphrase_is_asked_for_only_where_it_could_open_the_file() {
    if !needs("python3") || !needs("ssh-keygen") {
        return;
    }
    let s = Sandbox::new().secret("KEY");
    let key = s.root().join("home/.ssh/id_ed25519");
    fs::create_dir_all(key.parent().expect("a folder")).expect("a folder");
    s.program(["ssh-keygen", "-q", "-t", "ed25519", "-N", PASSPHRASE, "-C", "alice@laptop", "-f"])
        .words([&key])
        .go()
        .succeeds();
    let public = fs::read_to_string(key.with_extension("pub")).expect("a key");
    let identity = fs::read(s.identity()).expect("an identity");
    fs::remove_file(s.identity()).expect("it was read");
    // Not sealed to it: nobody is asked.
    s.call(["get", "KEY"]).on_terminal(&[]).go().exits(3);
    fs::write(s.identity(), &identity).expect("its folder is there");
    s.chmod(s.identity(), 0o600);
    s.run(["member", "recipient", "add", "alice", public.trim()]).succeeds();
    s.run(["run", "--", "true"]).succeeds();
    fs::remove_file(s.identity()).expect("it was there");
    let got = s.call(["get", "KEY"]).on_terminal(&[("Passphrase of", &answer())]).go();
    got.succeeds().reveals("KEY").shows_part(&secret("KEY"));
    s.call(["get", "KEY"])
        .on_terminal(&[("Passphrase of", "wrong\r")])
        .go()
        .exits(3)
        .shows_part("the passphrase is wrong");
}

#[test]
fn a_service_gets_its_identity_from_the_credentials_folder() {
    let s = Sandbox::new().secret("KEY");
    let folder = s.root().join("credentials");
    let s = s.plain_at(folder.join("secrets-identity"));
    fs::create_dir(&folder).expect("a folder");
    fs::rename(s.identity(), folder.join("secrets-identity")).expect("it is there");
    s.run(["get", "KEY"]).exits(3);
    s.call(["get", "KEY"]).env("CREDENTIALS_DIRECTORY", &folder).go().succeeds().reveals("KEY");
    fs::rename(folder.join("secrets-identity"), s.identity()).expect("it is there");
}

/// Whoever leaves a question gets the terminal back as it was.
#[test]
fn a_question_that_is_left_gives_the_terminal_back() {
    if !needs("python3") {
        return;
    }
    let s = new_one();
    let state = |text: &str| {
        let words = ["echo", "icanon", "isig"];
        words.map(|word| text.split([' ', ';', '\r', '\n']).any(|found| found == word))
    };
    for leave in ["\u{3}", "kill"] {
        let script = if leave == "kill" {
            "(until stty -a </dev/tty | grep -q -e '-echo '; do :; done; kill -TERM $(cat pid)) &
             sh -c 'echo $$ > pid; exec \"$0\" identity show' \"$SECRETS\"; stty -a"
        } else {
            "trap : INT; sh -c 'trap - INT; exec \"$0\" identity show' \"$SECRETS\"; stty -a"
        };
        let call = s.shell(script).env("SECRETS", crate::sandbox::SECRETS);
        let dialogue: &[(&str, &str)] =
            if leave == "kill" { &[("Passphrase of", "")] } else { &[("Passphrase of", leave)] };
        let left = call.on_terminal(dialogue).go().stdout();
        let after = left.rsplit("speed").next().unwrap_or_default();
        assert_eq!(state(after), [true; 3], "{leave:?}: {left}");
    }
}

/// Job control as an interactive shell does it: whoever is stopped gives the terminal back, and hides what is typed when it goes on.
#[test]
fn a_question_that_is_stopped_lets_others_ask_and_goes_on_hidden() {
    if !needs("python3") || !needs("bash") {
        return;
    }
    let s = with_a_value();
    let shell = s
        .program(["bash", "--norc", "--noprofile", "-i"])
        .env("SECRETS", crate::sandbox::SECRETS)
        .env("PS1", "ready> ");
    let typed = answer();
    let done = shell
        .on_terminal(&[
            ("ready> ", "\"$SECRETS\" run -- echo fir''st\r"),
            ("Passphrase of", "hidden:\u{1a}"),
            // A second one asks while the first is stopped.
            ("ready> ", "\"$SECRETS\" run -- echo sec''ond\r"),
            ("Passphrase of", &format!("hidden:{typed}")),
            ("second", ""),
            ("ready> ", "fg\r"),
            ("echo fir", &format!("hidden:{typed}")),
            ("first", ""),
            // In the background it waits to be called, and holds nothing.
            ("ready> ", "\"$SECRETS\" run -- echo thi''rd &\r"),
            ("ready> ", "\"$SECRETS\" run -- echo fou''rth\r"),
            ("Passphrase of", &format!("hidden:{typed}")),
            ("fourth", ""),
            ("ready> ", "fg\r"),
            ("Passphrase of", &format!("hidden:{typed}")),
            ("third", ""),
            // Sent to the background while it asks, and called back by a shell that sends no signal then.
            ("ready> ", "\"$SECRETS\" run -- echo fif''th\r"),
            ("Passphrase of", "hidden:\u{1a}"),
            ("ready> ", "bg\r"),
            ("ready> ", "\"$SECRETS\" run -- echo six''th\r"),
            ("Passphrase of", &format!("hidden:{typed}")),
            ("sixth", ""),
            ("ready> ", "fg\r"),
            ("echo fif", &format!("hidden:{typed}")),
            ("fifth", ""),
            ("ready> ", "stty\r"),
            ("ready> ", "exit\r"),
        ])
        .go();
    let shown = done.stdout();
    assert!(!shown.contains(typed.trim()), "{shown}");
    assert!(!shown.contains("-echo") && !shown.contains("-icanon"), "{shown}");
}

#[test]
fn init_does_not_pass_over_an_identity_that_stays_closed() {
    if !needs("python3") {
        return;
    }
    let s = new_one();
    s.run(["init", "--yes"]).exits(3).says("stays closed").says("there is no terminal to ask on");
    let init = s.call(["init", "--yes"]).on_terminal(&[("Passphrase of", "wrong\r")]);
    init.go().exits(3).shows_part("the passphrase is wrong");
    assert!(!s.path("secrets.toml").exists());
}

/// An unprotected key beside it is not all that this person is.
#[test]
fn nobody_removes_himself_beside_another_key() {
    if !needs("python3") || !needs("ssh-keygen") {
        return;
    }
    let s = new_one();
    let asked = |words: &[&str]| s.call(words.iter().copied()).on_terminal(&[("Passphrase of", &answer())]).go();
    asked(&["init", "--yes"]).succeeds();
    let bob = crate::team::Person::new(&s);
    asked(&["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    let key = s.root().join("home/.ssh/id_ed25519");
    fs::create_dir_all(key.parent().expect("a folder")).expect("a folder");
    s.program(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "x", "-f"]).words([&key]).go().succeeds();
    asked(&["member", "remove", "alice", "--yes"]).exits(5).shows_part("`--yes-me`");
    s.run(["member", "remove", "alice", "--yes"]).exits(3).says("stays closed").says("`--yes-me`");
}
