//! Every place in which sops finds an identity, and ours beside them.

use super::keys::Key;
use super::needs::needs;
use super::place::Call;
use super::place::Place;

const PLAIN: &str = "A=one\n";

/// A file that sops encrypted to `key`.
fn sealed(key: &Key) -> Option<Place> {
    let sops = needs("sops")?;
    let place = Place::new();
    place.write("plain.env", PLAIN);
    let call = place.call(sops).args(["encrypt", "--age", &key.recipient, "plain.env"]);
    place.write("sealed.env", call.run().ok().stdout);
    let _ = decrypt(&place).run().ends_with(3);
    Some(place)
}

fn decrypt(place: &Place) -> Call {
    place.call(env!("CARGO_BIN_EXE_secrets")).args(["decrypt", "sealed.env"])
}

#[test]
fn variables_that_hold_a_key() {
    let key = Key::new();
    let Some(place) = sealed(&key) else { return };
    let others = format!("# a comment\n\n{}{}", Key::new().secret, key.secret);
    for variable in ["SOPS_AGE_KEY", "SECRETS_IDENTITY"] {
        let _ = decrypt(&place).env(variable, &key.secret).run().prints(PLAIN);
        let _ = decrypt(&place).env(variable, key.secret.trim()).run().prints(PLAIN);
        let _ = decrypt(&place).env(variable, &others).run().prints(PLAIN);
        let _ = decrypt(&place).env(variable, Key::new().secret).run().ends_with(3).says(variable);
    }
}

#[test]
fn variables_that_name_a_file() {
    let key = Key::new();
    let Some(place) = sealed(&key) else { return };
    place.write_home("key.txt", format!("# created: today\r\n{}\r\n", key.secret.trim()));
    for variable in ["SOPS_AGE_KEY_FILE", "SECRETS_IDENTITY_FILE"] {
        let _ = decrypt(&place).env(variable, place.home("key.txt")).run().prints(PLAIN);
        let _ = decrypt(&place).env(variable, place.home("missing.txt")).run().ends_with(3).says("missing.txt");
    }
}

#[test]
fn a_variable_with_a_command() {
    let key = Key::new();
    let Some(place) = sealed(&key) else { return };
    place.write_home("with blank/key.txt", &key.secret);
    let file = place.home("with blank/key.txt");
    let line = format!("cat '{}'", file.display());
    let _ = decrypt(&place).env("SOPS_AGE_KEY_CMD", line).run().prints(PLAIN);
    let _ = decrypt(&place).env("SOPS_AGE_KEY_CMD", "false").run().ends_with(3).says("SOPS_AGE_KEY_CMD");
}

#[test]
fn files_in_their_usual_places() {
    let key = Key::new();
    for usual in [".config/sops/age/keys.txt", ".config/secrets/identity.txt"] {
        let Some(place) = sealed(&key) else { return };
        place.write_home(usual, &key.secret);
        let _ = decrypt(&place).run().prints(PLAIN);
    }
}

#[test]
fn without_xdg_config_home_the_usual_place_is_below_home() {
    let key = Key::new();
    let Some(place) = sealed(&key) else { return };
    place.write_home(".config/sops/age/keys.txt", &key.secret);
    let _ = decrypt(&place).env("XDG_CONFIG_HOME", "").run().prints(PLAIN);
}

#[test]
fn the_flag_and_an_ssh_key_by_name() {
    let (key, Some(ssh)) = (Key::new(), Key::ssh("ed25519")) else { return };
    let Some(place) = sealed(&key) else { return };
    place.write_home("key.txt", &key.secret);
    let _ = decrypt(&place).arg("--identity").arg(place.home("key.txt")).run().prints(PLAIN);
    // With the flag nothing else is tried.
    place.write_home("other.txt", Key::new().secret);
    let other = decrypt(&place).arg("--identity").arg(place.home("other.txt"));
    let _ = other.env("SOPS_AGE_KEY", &key.secret).run().ends_with(3);

    let Some(place) = sealed(&ssh) else { return };
    place.write_home("elsewhere", &ssh.secret);
    let file = place.home("elsewhere");
    let _ = decrypt(&place).env("SOPS_AGE_SSH_PRIVATE_KEY_FILE", file).run().prints(PLAIN);
}

/// sops gives up a source with one bad line; we pass over the line.
#[test]
fn one_bad_line_does_not_hide_the_good_one() {
    let key = Key::new();
    let Some(place) = sealed(&key) else { return };
    let text = format!("AGE-SECRET-KEY-1OOPS\n{}", key.secret);
    let _ = decrypt(&place).env("SOPS_AGE_KEY", text).run().prints(PLAIN).says("line 1 is not an identity");
}
