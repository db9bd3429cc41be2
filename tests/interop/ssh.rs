//! SSH keys as recipients and identities, in both directions.

use super::keys::Key;
use super::needs::needs;
use super::place::Place;

const PLAIN: &str = "A=one\n# c\nB=two\n";

#[test]
fn an_ed25519_key_in_its_usual_place_opens_files_both_ways() {
    both_ways("ed25519");
}

#[cfg(feature = "ssh-rsa")]
#[test]
fn an_rsa_key_in_its_usual_place_opens_files_both_ways() {
    both_ways("rsa");
}

fn both_ways(kind: &str) {
    let (Some(sops), Some(key)) = (needs("sops"), Key::ssh(kind)) else { return };
    let place = Place::new();
    place.write_home(&format!(".ssh/id_{kind}"), &key.secret);
    place.write("plain.env", PLAIN);
    let theirs = place.call(&sops).args(["encrypt", "--age", &key.recipient, "plain.env"]).run().ok().stdout;
    place.write("theirs.env", theirs);
    let _ = place.secrets(["decrypt", "theirs.env"]).prints(PLAIN);

    let _ = place.secrets(["encrypt", "plain.env", "--to", &key.recipient, "--output", "ours.env"]).ok();
    let _ = place.call(&sops).args(["decrypt", "ours.env"]).run().prints(PLAIN);
    let text = String::from_utf8(place.read("ours.env")).unwrap();
    assert!(text.contains(&format!("_recipient={}\n", key.recipient)), "the comment of the key is lost:\n{text}");

    // Without the key nobody opens it.
    std::fs::remove_file(place.home(&format!(".ssh/id_{kind}"))).unwrap();
    let _ = place.secrets(["decrypt", "theirs.env"]).ends_with(3);
}

#[test]
fn init_takes_an_ssh_key_that_is_there_and_sops_reads_the_file() {
    let (Some(sops), Some(key)) = (needs("sops"), Key::ssh("ed25519")) else { return };
    let place = Place::new();
    place.write_home(".ssh/id_ed25519", &key.secret);
    place.write(".env", "A=one\n");
    let _ = place.secrets(["init", "--yes"]).ok();
    assert!(!place.home(".config/secrets/identity.txt").exists());
    let _ = place.call(&sops).args(["decrypt", "secrets/development.env"]).run().prints("A=one\n");
}

/// age reads a recipients file of several kinds; so do we read a file for all of them.
#[test]
fn one_file_for_three_kinds_of_keys_opens_with_each() {
    let Some(sops) = needs("sops") else { return };
    let (Some(ed25519), Some(rsa)) = (Key::ssh("ed25519"), Key::ssh("rsa")) else { return };
    let keys = [Key::new(), ed25519, rsa];
    let recipients: Vec<&str> = keys.iter().map(|key| key.recipient.as_str()).collect();
    let place = Place::new();
    place.write("plain.env", PLAIN);
    let theirs = place.call(&sops).args(["encrypt", "--age", &recipients.join(","), "plain.env"]).run().ok().stdout;
    place.write("theirs.env", theirs);
    let mut encrypt = place.call(env!("CARGO_BIN_EXE_secrets")).args(["encrypt", "plain.env"]);
    for recipient in &recipients {
        encrypt = encrypt.args(["--to", recipient]);
    }
    place.write("ours.env", encrypt.run().ok().stdout);
    for key in keys.iter().filter(|key| cfg!(feature = "ssh-rsa") || !key.recipient.starts_with("ssh-rsa")) {
        place.write_home("key", &key.secret);
        for file in ["ours.env", "theirs.env"] {
            let key = place.home("key");
            let _ = place.secrets(["decrypt", file, "--identity", key.to_str().unwrap()]).prints(PLAIN);
        }
    }
}
