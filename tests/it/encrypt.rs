//! `secrets encrypt`

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

/// A plain file in sops' dialect, where quotes are data.
fn plain() -> String {
    format!("#comment with words\nKEY={}\nQUOTED=\"a b\"\nESCAPED=a\\nb\nEMPTY=\n", secret("KEY"))
}

fn identity() -> Sandbox {
    let s = Sandbox::empty().canary("KEY", secret("KEY")).canary("COMMENT", "comment with words");
    s.run(["identity", "new"]).succeeds();
    s.file("plain.env", plain())
}

#[test]
fn what_was_encrypted_decrypts_to_the_same_bytes() {
    let s = identity();
    let own = s.recipient();
    let outcome = s.run(["encrypt", "--to", &own, "plain.env"]);
    outcome.succeeds().says("the quotes around `QUOTED` become part of the value");
    let sealed = outcome.stdout();
    assert!(sealed.contains("\nEMPTY=\n") && sealed.contains("\nQUOTED=ENC[AES256_GCM,"));
    assert!(!sealed.contains("sops_secrets_seal"), "a plain sops file, as sops writes it");
    let opened = s.call(["decrypt", "-"]).stdin(&sealed).go();
    opened.succeeds().shows(plain()).reveals("KEY").reveals("COMMENT");
}

#[test]
fn it_goes_to_a_file_or_in_place() {
    let s = identity();
    let own = s.recipient();
    s.run(["encrypt", "--to", &own, "plain.env", "--output", "new.env"]).succeeds().shows_nothing();
    assert_eq!(s.read("plain.env"), plain());
    assert_eq!(s.mode("new.env"), 0o600);
    s.chmod("plain.env", 0o640);
    s.run(["encrypt", "--to", &own, "--in-place", "plain.env"]).succeeds().shows_nothing();
    assert_eq!(s.mode("plain.env"), 0o640);
    for file in ["new.env", "plain.env"] {
        s.run(["get", "KEY", "-f", file]).succeeds().shows(secret("KEY")).reveals("KEY");
    }
    s.run(["encrypt", "--to", &own, "-i", "-o", "x", "plain.env"]).exits(2);
}

#[test]
fn onto_a_sealed_file_it_is_an_edit() {
    let s = identity();
    let own = s.recipient();
    s.run(["encrypt", "--to", &own, "plain.env", "--output", "sealed.env"]).succeeds();
    let before = s.read("sealed.env");
    s.run(["encrypt", "plain.env", "--output", "sealed.env"]).succeeds().says("says that already");
    assert_eq!(s.read("sealed.env"), before);
    s.write("plain.env", plain().replace("\"a b\"", "changed"));
    s.run(["encrypt", "plain.env", "--output", "sealed.env"]).succeeds().says("changed `sealed.env`");
    let after = s.read("sealed.env");
    let changed: Vec<&str> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).map(|(a, _)| a).collect();
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert!(changed[0].starts_with("QUOTED=") && changed[1].starts_with("sops_mac="), "{changed:?}");
}

#[test]
fn the_readers_are_those_of_flag_variable_or_project() {
    let s = Sandbox::new().canary("KEY", secret("KEY")).file("plain.env", plain());
    let own = s.recipient();
    let other = Sandbox::empty();
    other.run(["identity", "new"]).succeeds();
    let theirs = other.recipient();
    let readers = |outcome: &crate::sandbox::Outcome| {
        let text = outcome.succeeds().stdout();
        let lines = text.lines().filter(|line| line.contains("map_recipient="));
        lines.map(|line| line.split_once('=').unwrap().1.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(readers(&s.run(["encrypt", "plain.env"])), [own.as_str()]);
    assert_eq!(readers(&s.run(["encrypt", "-e", "development", "plain.env"])), [own.as_str()]);
    assert_eq!(readers(&s.run(["encrypt", "--to", &theirs, "plain.env"])), [theirs.as_str()]);
    let both = format!("{theirs},{own}");
    assert_eq!(readers(&s.call(["encrypt", "plain.env"]).env("SOPS_AGE_RECIPIENTS", &both).go()), [theirs, own]);
    let outside = s.call(["encrypt", "shop/plain.env"]).cwd("..").go();
    outside.exits(2).shows_nothing().says("there is nobody to encrypt to").says("--to RECIPIENT");
    s.run(["encrypt", "--to", "age1nonsense", "plain.env"]).exits(1).shows_nothing();
}

#[test]
fn a_wrong_line_is_named_by_its_number_and_not_shown() {
    let s = Sandbox::new().canary("KEY", secret("KEY"));
    for (plain, says) in [
        (format!("A=1\n{}\n", secret("KEY")), "line 2"),
        (format!("A=1\nbad name={}\n", secret("KEY")), "line 2"),
        // The second line of a key in base64.
        (format!("A=1\n{}+/==\n", secret("KEY")), "line 2"),
        (format!("A={0}\nA={0}\n", secret("KEY")), "`A` is set twice, on lines 1 and 2"),
    ] {
        s.call(["encrypt", "-"]).stdin(plain).go().exits(1).shows_nothing().says("`stdin`: ").says(says);
    }
}

#[test]
fn a_file_that_is_sealed_already_is_not_encrypted_again() {
    let s = Sandbox::new().secret("KEY");
    let before = s.sealed();
    let outcome = s.run(["encrypt", "--in-place", SEALED]);
    assert!(!outcome.shows_nothing().status.success());
    assert_eq!(s.sealed(), before);
}
