//! Moving over from sops: `init` in a repository that has sops' files, and a team that uses both.

use super::keys::Key;
use super::needs::needs;
use super::place::Place;

const PRODUCTION: &str = "secrets/production.env";
const STAGING: &str = "deploy/staging/secrets.env";

/// A repository as a team with sops has it: two files, three readers, names in clear.
fn place(sops: &std::path::Path, own: &Key, others: &[&Key]) -> Place {
    let place = Place::new().with("SOPS_AGE_KEY", &own.secret);
    place.write("plain.env", "# port\nPORT=80\nA=one\n");
    let all: Vec<&str> = std::iter::once(own).chain(others.iter().copied()).map(|key| key.recipient.as_str()).collect();
    for (path, recipients, selector) in [
        (PRODUCTION, all.join(","), &["--unencrypted-regex", "^PORT$"][..]),
        (STAGING, own.recipient.clone(), &["--unencrypted-suffix", "_PUBLIC"][..]),
    ] {
        let types = ["--input-type", "dotenv", "--output-type", "dotenv"];
        let encrypt = place.call(sops).args(["encrypt", "--age", &recipients]).args(types).args(selector);
        place.write(path, encrypt.arg("plain.env").run().ok().stdout);
    }
    std::fs::remove_file(place.path("plain.env")).unwrap();
    place
}

#[test]
fn environments_readers_and_plain_names_are_those_of_the_files() {
    let Some(sops) = needs("sops") else { return };
    let (own, other) = (Key::new(), Key::new());
    let place = place(&sops, &own, &[&other]);
    let before = [PRODUCTION, STAGING].map(|path| place.read(path));
    let init = place.secrets(["init", "--yes"]).ok();
    let _ = init.says("`secrets/production.env` is `production`, read by alice, reader-1; in clear: PORT");
    assert_eq!([PRODUCTION, STAGING].map(|path| place.read(path)), before, "no file is changed");
    let settings = String::from_utf8(place.read("secrets.toml")).unwrap();
    for part in [
        &format!("[members.alice]\nrecipients = [\"{}\"]\n", own.recipient),
        &format!("[members.reader-1]\nrecipients = [\"{}\"]\n", other.recipient),
        "[environments.staging]\nfile = \"deploy/staging/secrets.env\"\nreaders = [\"alice\"]\nplain = [\"*_PUBLIC\"]\n",
        "[environments.production]\nreaders = [\"alice\", \"reader-1\"]\nplain = [\"PORT\"]\n",
    ] {
        assert!(settings.contains(part), "{settings}");
    }
    let _ = place.secrets(["run", "--env", "production", "--", "printenv", "A"]).prints("one\n");
    let _ = place.secrets(["check"]).ok();
}

#[test]
fn a_member_whom_only_a_comment_names_is_told() {
    let Some(sops) = needs("sops") else { return };
    let own = Key::new();
    let place = place(&sops, &own, &[]);
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJTRS5O6NRWmTDnGTz4BLWCh8Lyxa8HcEEQg2BgcOjLE carol@laptop";
    let _ = place.call(&sops).args(["rotate", "--in-place", "--add-age", ssh, PRODUCTION]).run().ok();
    let init = place.secrets(["init", "--yes"]).ok();
    let _ = init.says("read by alice, carol").says("hint: `carol`: so the comments of SSH keys say");
}

#[test]
fn both_tools_write_until_the_team_seals() {
    let Some(sops) = needs("sops") else { return };
    let (own, other) = (Key::new(), Key::new());
    let place = place(&sops, &own, &[&other]);
    let _ = place.secrets(["init", "--yes"]).ok();
    let is_sealed = || String::from_utf8(place.read(PRODUCTION)).unwrap().contains("sops_secrets_seal=");
    for round in 0..3 {
        let (ours, theirs) = (format!("ours {round}"), format!("theirs {round}"));
        let set = place.call(env!("CARGO_BIN_EXE_secrets")).args(["set", "A", "--env", "production"]);
        let _ = set.stdin(&ours).run().ok();
        assert!(!is_sealed());
        let _ = place.call(&sops).args(["set", PRODUCTION, "[\"B\"]", &format!("\"{theirs}\"")]).run().ok();
        let decrypted = place.call(&sops).args(["decrypt", PRODUCTION]).run().ok().text();
        assert_eq!(decrypted, format!("# port\nPORT=80\nA={ours}\nB={theirs}\n"));
        let _ = place.secrets(["get", "B", "--env", "production"]).prints(&theirs);
        assert!(!is_sealed());
    }
    let _ = place.secrets(["reseal", "--all", "--yes"]).ok();
    assert!(is_sealed());
    let _ = place.secrets(["status", "--env", "production"]).ok();
    let _ = place.call(&sops).args(["decrypt", PRODUCTION]).run().ok();
    // The other reader opens it still.
    let theirs = place.call(env!("CARGO_BIN_EXE_secrets")).args(["get", "A", "--env", "production"]);
    let _ = theirs.env("SOPS_AGE_KEY", &other.secret).run().prints("ours 2");
}

#[test]
fn a_file_with_other_keys_than_age_says_how_to_convert_it() {
    let Some(sops) = needs("sops") else { return };
    let own = Key::new();
    let place = place(&sops, &own, &[]);
    std::fs::remove_file(place.path(STAGING)).unwrap();
    let file = String::from_utf8(place.read(PRODUCTION)).unwrap();
    let lines = file.lines().filter(|line| !line.starts_with("sops_age__")).map(|line| format!("{line}\n"));
    let kms = "sops_kms__list_0__map_arn=arn:aws:kms:eu-west-1:1:key/1\nsops_kms__list_0__map_enc=x\n\
               sops_kms__list_0__map_created_at=2026-01-01T00:00:00Z\n";
    place.write(PRODUCTION, lines.collect::<String>() + kms);
    let init = place.secrets(["init", "--yes"]).ends_with(5);
    let _ = init.says("it has no age recipient, only keys of kms").says("sops rotate --in-place --add-age RECIPIENT");
    assert!(!place.path("secrets.toml").exists());
}
