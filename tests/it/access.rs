//! `secrets access`

use std::collections::BTreeMap;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::team::Person;
use crate::trust::without_seal;

/// A project with two environments; bob reads one of them.
fn project() -> (Sandbox, Person) {
    let s = Sandbox::new().settings("[environments.production]\nreaders = [\"alice\"]\n").value("KEY", "1");
    s.call(["set", "KEY", "--env", "production"]).stdin("2").go().succeeds();
    let bob = Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    let s = s.repository();
    (s, bob)
}

/// Returns what each reader is to each environment.
fn matrix(s: &Sandbox, flags: &[&str]) -> BTreeMap<(String, String), String> {
    let words = ["access", "--json"].iter().chain(flags);
    let told = s.run(words.copied().collect::<Vec<_>>()).succeeds().json();
    let mut cells = BTreeMap::new();
    for row in told["readers"].as_array().expect("rows") {
        let name = row["name"].as_str().expect("a name");
        for (environment, cell) in row["environments"].as_object().expect("cells") {
            cells.insert((name.to_string(), environment.clone()), cell.as_str().expect("a word").to_string());
        }
    }
    cells
}

fn cell(cells: &BTreeMap<(String, String), String>, name: &str, environment: &str) -> String {
    cells.get(&(name.to_string(), environment.to_string())).cloned().unwrap_or_else(|| "absent".to_string())
}

#[test]
fn the_files_say_who_can_read_and_what_differs_is_marked() {
    let (s, bob) = project();
    let cells = matrix(&s, &[]);
    assert_eq!(cell(&cells, "alice", "production"), "yes");
    assert_eq!(cell(&cells, "bob", "development"), "yes");
    assert_eq!(cell(&cells, "bob", "production"), "no");
    let settings = s.read("secrets.toml");
    // A reader whom the file does not have, and one whom it has still.
    s.write("secrets.toml", settings.replace("readers = [\"alice\"]", "readers = [\"alice\", \"bob\"]"));
    assert_eq!(cell(&matrix(&s, &[]), "bob", "production"), "missing");
    s.write("secrets.toml", settings.replace("dev = [\"alice\", \"bob\"]", "dev = [\"alice\"]"));
    assert_eq!(cell(&matrix(&s, &[]), "bob", "development"), "extra");
    let text = s.run(["access"]).succeeds().stdout();
    assert!(text.contains("bob"), "{text}");
    // A recipient whom secrets.toml does not name.
    let (head, tail) = settings.split_once("[members.bob]").expect("bob");
    let (_, tail) = tail.split_once("\n\n").expect("what follows");
    s.write("secrets.toml", format!("{head}{tail}").replace(", \"bob\"", ""));
    let short = format!("{}…", &bob.recipient[..12]);
    assert_eq!(cell(&matrix(&s, &[]), &short, "development"), "extra");
}

#[test]
fn no_key_is_needed_and_a_header_without_a_seal_is_a_claim() {
    let (s, _) = project();
    std::fs::remove_file(s.identity()).expect("`init` made it");
    s.run(["access"]).succeeds().says_nothing();
    s.write(SEALED, without_seal(&s.sealed()));
    s.run(["access"]).succeeds().shows_part("development*").shows_part("* not sealed: what its header says is a claim");
}

#[test]
fn twenty_moments_of_a_history_are_told_as_they_were() {
    let (s, bob) = project();
    let mut moments = Vec::new();
    for step in 0..20 {
        match step % 4 {
            0 => drop(s.run(["member", "add", "bob", "--to", "production"]).succeeds().code()),
            1 => drop(s.run(["member", "remove", "bob", "--yes"]).succeeds().code()),
            2 => drop(s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds().code()),
            _ => drop(s.call(["set", "KEY"]).stdin(format!("{step}")).go().succeeds().code()),
        }
        s.commit(&format!("step {step}"));
        moments.push((s.git(["rev-parse", "HEAD"]).trim().to_string(), matrix(&s, &[])));
    }
    for (commit, then) in &moments {
        assert_eq!(&matrix(&s, &["--at", commit]), then, "{commit}");
    }
    s.run(["access", "--at", "no-such-commit-1999"]).exits(1);
}

#[test]
fn who_reads_a_value_now_and_who_could_ever() {
    let (s, _) = project();
    let now = s.run(["access", "--who", "KEY"]).succeeds().stdout();
    assert!(now.contains("development: alice, bob\n") && now.contains("production: alice\n"), "{now}");
    s.run(["member", "remove", "bob", "--yes"]).succeeds();
    s.commit("bob left");
    let after = s.run(["access", "--who", "KEY"]).succeeds().stdout();
    assert!(after.contains("development: alice\ndevelopment, some version in git: bob\n"), "{after}");
    s.run(["access", "--who", "NOTHING"]).exits(1).says("no file has, or had, `NOTHING`");
    s.run(["access", "--member", "bob"]).succeeds().shows_part("development: 1 name seen; still work: KEY");
    s.call(["set", "KEY"]).stdin("new").go().succeeds();
    s.run(["access", "--member", "bob"]).succeeds().shows_part("development: 1 name seen; none of them still works");
    s.run(["access", "--member", "nobody"]).exits(1).says("is and was no member");
}

#[test]
fn nothing_that_a_header_says_steers_the_terminal() {
    let (s, _) = project();
    let sealed = without_seal(&s.sealed());
    s.forget();
    for label in ["ssh-ed25519 AAAA \u{1b}[31m", "age1\u{202e}x", "\u{9b}2J", "a\tb\u{7}"] {
        let lines = sealed.lines().map(|line| match line.split_once("list_1__map_recipient=") {
            Some((head, _)) => format!("{head}list_1__map_recipient={label}\n"),
            None => format!("{line}\n"),
        });
        s.write(SEALED, lines.collect::<String>());
        for words in [&["access"][..], &["access", "--who", "KEY"], &["check"], &["status"], &["member", "list"]] {
            let outcome = s.run(words);
            let text = outcome.stdout() + &outcome.stderr();
            let is_raw = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!text.contains(is_raw), "{words:?}: {text:?}");
        }
    }
}

#[test]
fn a_history_that_is_cut_is_told() {
    let (s, _) = project();
    s.commit("more");
    s.run(["access", "--member", "bob"]).succeeds().never_says("only the end of the history");
    s.call(["set", "KEY"]).stdin("3").go().succeeds();
    s.commit("most");
    let source = format!("file://{}", s.project().display());
    s.program(["git", "-C", "..", "clone", "--quiet", "--depth", "1", &source, "clone"]).go().succeeds();
    for words in
        [&["access", "--member", "bob"][..], &["access", "--who", "KEY"], &["member", "remove", "bob", "--yes"]]
    {
        s.call(words).cwd("../clone").go().succeeds().says("only the end of the history").says("--unshallow");
    }
}

/// Git brings folders with any name.
#[test]
fn a_services_folder_does_not_steer_the_terminal() {
    let s = Sandbox::new();
    let folder = "services/a\u{1b}[31m\u{9b}\u{202e}";
    let settings =
        "version = 1\nproject = \"a\"\nroot = \"../..\"\n\n[environments.development]\nreaders = [\"dev\"]\n";
    let s = s.file(format!("{folder}/secrets.toml"), settings);
    s.call(["allow"]).cwd(folder).go().succeeds();
    s.call(["set", "KEY"]).cwd(folder).stdin("value").go().succeeds();
    for words in [&["access"][..], &["access", "--who", "KEY"], &["access", "--member", "alice"], &["check"]] {
        for from in [".", folder] {
            let outcome = s.call(words).cwd(from).go();
            let is_raw = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!outcome.stdout().contains(is_raw), "{words:?} in {from:?}: {:?}", outcome.stdout());
        }
    }
}

/// A person looks at JSON on a terminal too.
#[test]
fn json_has_no_raw_control_character() {
    let s = Sandbox::new();
    let text = s.read("secrets.toml").replace("[groups]\n", "[groups]\n\"\\u007f\\u009b2J\" = [\"alice\"]\n");
    let s = s.file("secrets.toml", text);
    let stdout = s.run(["member", "list", "--json"]).succeeds().stdout();
    assert!(!stdout.contains(|c: char| c.is_control() && c != '\n'), "{stdout:?}");
}
