//! `SECRETS_TRUST`: what a digest covers, and that nothing turns it off.

use std::fs;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::trust::put;
use crate::trust::vectors;
use crate::trust::without_seal;

fn project() -> Sandbox {
    Sandbox::new()
        .settings(
            "\n[environments.development.from]\nDB = \"vault://a/b#c\"\n\n[environments.production]\n\
             extends = \"development\"\nreaders = [\"dev\"]\n\n[stores.vault]\naddress = \"https://vault.example.com\"\n\
             \n[stores.azure-kv]\naddress = \"https://azure.example.com\"\n\n[values.RUBYOPT]\nruns_code = true\n",
        )
        .value("RUBYOPT", "-w")
}

fn digest(s: &Sandbox, env: &str) -> String {
    s.run(["allow", "--print", "--env", env]).succeeds().stdout().trim().to_string()
}

/// The exit code of `run` where `SECRETS_TRUST` is all that there is.
fn in_ci(s: &Sandbox, digest: &str) -> i32 {
    s.forget();
    s.call(["run", "--except", "DB", "--", "true"]).env("SECRETS_TRUST", digest).go().code()
}

#[test]
fn a_digest_that_fits_stands_for_allow() {
    let s = project();
    let fits = digest(&s, "development");
    assert_eq!(in_ci(&s, &fits), 0, "with a reference, and a name that runs code");
    assert_eq!(in_ci(&s, ""), 125, "what a misspelt variable of a pipeline becomes");
    let plain = Sandbox::new().secret("KEY");
    plain
        .call(["run", "--", "true"])
        .env("SECRETS_TRUST", "")
        .go()
        .exits(125)
        .says("no digest in `SECRETS_TRUST` fits");
    // It is not learned: the next call has to bring it again.
    s.run(["run", "--except", "DB", "--", "true"]).exits(125);
}

#[test]
fn a_digest_covers_which_layer_lies_over_which() {
    let layers = |order: [&str; 3]| {
        let extends = |index: usize| match index {
            0 => String::new(),
            _ => format!("extends = \"{}\"\n", order[index - 1]),
        };
        let own = |index: usize| format!("[environments.{}]\nreaders = [\"dev\"]\n{}", order[index], extends(index));
        format!("{}\n{}\n{}", own(0), own(1), own(2))
    };
    let s = Sandbox::new();
    let text = s.read("secrets.toml");
    let head = &text[..text.find("[environments").expect("it has one")];
    s.write("secrets.toml", head.to_string() + &layers(["development", "stage", "production"]));
    for name in ["stage", "production"] {
        s.call(["set", "URL", "--env", name]).stdin(name).go().succeeds();
    }
    let fits = digest(&s, "production");
    s.forget();
    let run = || s.call(["run", "--env", "production", "--", "true"]).env("SECRETS_TRUST", &fits).go().code();
    assert_eq!(run(), 0);
    s.write("secrets.toml", head.to_string() + &layers(["stage", "development", "production"]));
    assert_eq!(run(), 125);
}

#[test]
fn a_digest_covers_which_environment_is_the_default() {
    let s = Sandbox::new().secret("KEY").production();
    s.call(["set", "P", "--env", "production"]).stdin("p").go().succeeds();
    let both = format!("{},{}", digest(&s, "development"), digest(&s, "production"));
    s.forget();
    let run = || s.call(["run", "--", "true"]).env("SECRETS_TRUST", &both).go().code();
    assert_eq!(run(), 0);
    let text = s.read("secrets.toml");
    let (head, tables) = text.split_once("[environments.development]").expect("it is declared");
    let (first, second) = tables.split_once("[environments.production]").expect("it is declared");
    s.write("secrets.toml", format!("{head}[environments.production]{second}\n[environments.development]{first}"));
    assert_eq!(run(), 125);
}

#[test]
fn a_digest_covers_what_run_depends_on_and_nothing_else() {
    let changes: [(&str, &str, &str, bool); 7] = [
        ("the address of a store that a reference uses", "vault.example.com", "evil.example.com", true),
        ("the address of a store that none uses", "azure.example.com", "evil.example.com", false),
        ("a reference", "vault://a/b#c", "vault://a/b#d", true),
        ("a name that runs code", "[values.RUBYOPT]", "[values.PERL5OPT]\nruns_code = true\n[values.RUBYOPT]", true),
        ("a group", "dev = [\"alice\"]", "dev = [\"alice\"]\nops = [\"alice\"]", false),
        ("a plain name", "readers = [\"dev\"]", "plain = [\"LOG_*\"]\nreaders = [\"dev\"]", false),
        ("another environment's layers", "extends = \"development\"\n", "", false),
    ];
    for (what, from, to, is_covered) in changes {
        let s = project();
        let before = digest(&s, "development");
        s.write("secrets.toml", s.read("secrets.toml").replacen(from, to, 1));
        assert_eq!(digest(&s, "development") != before, is_covered, "{what}");
        assert_eq!(in_ci(&s, &before), if is_covered { 125 } else { 0 }, "{what}");
    }
}

#[test]
fn a_digest_covers_each_layer() {
    let s = project();
    s.call(["set", "P", "--env", "production"]).stdin("p").go().succeeds();
    let before = digest(&s, "production");
    let same = |s: &Sandbox| digest(s, "production") == before;
    s.write("secrets.toml", s.read("secrets.toml").replace("extends = \"development\"\n", ""));
    assert!(!same(&s), "without the layer below");
    s.write(
        "secrets.toml",
        s.read("secrets.toml")
            .replace("[environments.production]", "[environments.production]\nextends = \"development\""),
    );
    assert!(same(&s));
    s.run(["rekey", "--env", "development"]).succeeds();
    assert!(!same(&s), "the layer below has another data key");
}

#[test]
fn no_digest_fits_a_file_that_no_project_declares() {
    let s = project();
    let fits = digest(&s, "development");
    fs::create_dir(s.path("../elsewhere")).expect("a folder");
    // In the project's folder, and where there is no project.
    for folder in [".", "../elsewhere"] {
        fs::copy(s.path(SEALED), s.path(folder).join("copy.env")).expect("a copy");
        let started = s.path(folder).join("started");
        let run = || s.call(["run", "--file", "copy.env", "--except", "RUBYOPT", "--", "touch", "started"]).cwd(folder);
        run().go().succeeds();
        fs::remove_file(&started).expect("it was started");
        run().env("SECRETS_TRUST", &fits).go().exits(125).says("SECRETS_TRUST");
        assert!(!started.exists(), "{folder}");
        s.call(["get", "RUBYOPT", "--file", "copy.env"]).cwd(folder).env("SECRETS_TRUST", &fits).go().exits(5);
    }
}

#[test]
fn the_digest_of_a_file_without_a_seal_wants_an_identity() {
    let s = Sandbox::new().value("A", "1");
    put(&s, without_seal(&s.sealed()));
    s.forget();
    let fits = digest(&s, "development");
    s.forget();
    let run = |digest: &str| s.call(["run", "--", "true"]).env("SECRETS_TRUST", digest).go().code();
    assert_eq!(run(&fits), 0);
    assert_eq!(run(&"A".repeat(43)), 125);
    let other = vectors().join("keys/ci.txt");
    s.call(["allow", "--print", "--identity"]).words([other]).go().exits(3);
    // Somebody without a key makes a new one from the recipients.
    s.write("plain", "A=2\n");
    let words = ["encrypt", "plain", "--to", &s.recipient(), "--output", "new.env"];
    s.run(words).succeeds();
    put(&s, s.bytes("new.env"));
    assert_eq!(run(&fits), 125);
}
