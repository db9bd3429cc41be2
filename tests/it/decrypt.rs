//! `secrets decrypt`

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/sops");

#[test]
fn a_file_of_sops_is_printed_as_sops_does() {
    let s = Sandbox::empty();
    let file = format!("{VECTORS}/enc/dotenv/comments.enc.env");
    let outcome = s.run(["decrypt", &file, "--identity", &format!("{VECTORS}/keys/id01.txt")]);
    let plain = std::fs::read(format!("{VECTORS}/plain/dotenv/comments.env")).unwrap();
    // sops drops blank lines.
    let mut want: Vec<u8> = Vec::new();
    plain.split(|b| *b == b'\n').filter(|l| !l.is_empty()).for_each(|l| want.extend([l, b"\n"].concat()));
    outcome.succeeds().shows(want);
}

#[test]
fn every_way_to_name_an_identity_opens_a_file_of_sops() {
    let s = Sandbox::empty();
    let file = format!("{VECTORS}/enc/dotenv/simple.enc.env");
    let key = format!("{VECTORS}/keys/id01.txt");
    let text = std::fs::read_to_string(&key).unwrap();
    let plain = std::fs::read(format!("{VECTORS}/plain/dotenv/simple.env")).unwrap();
    s.run(["decrypt", &file]).exits(3).shows_nothing().says("`secrets identity new`");
    let command = format!("cat '{key}'");
    for (name, value) in [
        ("SECRETS_IDENTITY", text.as_str()),
        ("SECRETS_IDENTITY_FILE", &key),
        ("SOPS_AGE_KEY", &text),
        ("SOPS_AGE_KEY_FILE", &key),
        ("SOPS_AGE_KEY_CMD", &command),
    ] {
        s.call(["decrypt", &file]).env(name, value).go().succeeds().shows(&plain);
    }
    let place = "../home/.config/sops/age/keys.txt";
    s.write(place, &text);
    s.chmod(place, 0o600);
    s.run(["decrypt", &file]).succeeds().shows(&plain).says_nothing();
}

#[test]
fn an_ssh_key_opens_a_file_of_sops() {
    let s = Sandbox::empty();
    for kind in ["ssh_ed25519", "ssh_rsa"] {
        let file = format!("{VECTORS}/enc/dotenv/{kind}.enc.env");
        let plain = std::fs::read(format!("{VECTORS}/plain/dotenv/{kind}.env")).unwrap_or_default();
        let outcome = s.run(["decrypt", &file, "--identity", &format!("{VECTORS}/keys/{kind}")]);
        outcome.succeeds();
        assert!(plain.is_empty() || outcome.stdout == plain, "{kind}");
    }
}

#[test]
fn json_has_names_and_values() {
    let s = Sandbox::new().value("A", "two\nlines").secret("B");
    let outcome = s.run(["decrypt", SEALED, "--json"]);
    assert_eq!(
        outcome.succeeds().reveals("A").reveals("B").json(),
        serde_json::json!({"A": "two\nlines", "B": secret("B")})
    );
}

#[test]
fn a_changed_byte_is_noticed_and_nothing_is_printed() {
    let s = Sandbox::new().secret("KEY").secret("OTHER");
    let sealed = s.sealed();
    let (first, second) = (sealed.lines().next().unwrap(), sealed.lines().nth(1).unwrap());
    let value = |line: &str| line.split_once('=').unwrap().1.to_string();
    for changed in [
        sealed.replace(first, &format!("KEY={}", value(second))),
        sealed.replace(&format!("{first}\n{second}\n"), &format!("{second}\n{first}\n")),
        sealed.replace("KEY=ENC", "YEK=ENC"),
        sealed.replace(&format!("{first}\n"), ""),
        sealed.replace(&format!("{first}\n"), &format!("{first}\nEMPTY=\n")),
        sealed.replace("sops_lastmodified=2026-01-02", "sops_lastmodified=2026-01-03"),
        sealed.replace(";seq=3;", ";seq=4;"),
    ] {
        assert_ne!(changed, sealed);
        s.write(SEALED, &changed);
        s.run(["decrypt", SEALED]).exits(3).shows_nothing().says(SEALED);
        s.run(["get", "OTHER"]).exits(3).shows_nothing();
    }
}

#[test]
fn a_plain_file_is_said_to_be_one() {
    let s = Sandbox::new().file("plain.env", "A=1\n");
    s.run(["decrypt", "plain.env"]).exits(1).shows_nothing().says("it is not a sealed file");
    s.run(["decrypt", "nope.env"]).exits(1).shows_nothing().says("`nope.env` does not exist");
}

#[test]
fn odd_names_are_printed_when_asked_for() {
    let s = Sandbox::empty();
    let file = format!("{VECTORS}/enc/dotenv/weird_keys.enc.env");
    let key = format!("{VECTORS}/keys/id01.txt");
    s.run(["decrypt", &file, "--identity", &key]).exits(5).shows_nothing().says("--lenient");
    s.run(["decrypt", &file, "--identity", &key, "--lenient"]).succeeds();
}
