//! A project whose `.sops.yaml` is rendered from `secrets.toml`: plain sops in the same folder.

use std::path::PathBuf;

use super::keys::Key;
use super::needs::needs;
use super::place::Place;

const FILE: &str = "secrets/development.env";

struct Scene {
    place: Place,
    sops: PathBuf,
    key: Key,
}

impl Scene {
    fn new() -> Option<Self> {
        let sops = needs("sops")?;
        let key = Key::new();
        let place = Place::new().with("SOPS_AGE_KEY", &key.secret);
        place.write(".env", "# ours\nA=one\nPORT=8080\n");
        let _ = place.secrets(["init", "--yes", "--sops-yaml"]).ok();
        Some(Self { place, sops, key })
    }

    fn sealed(&self) -> String {
        String::from_utf8(self.place.read(FILE)).unwrap()
    }
}

#[test]
fn sops_encrypts_a_new_file_by_our_rules() {
    let Some(scene) = Scene::new() else { return };
    scene.place.write(FILE, "# theirs\nB_unencrypted=two\nEMPTY=\n");
    let _ = scene.place.call(&scene.sops).args(["encrypt", "--in-place", FILE]).run().ok();
    let sealed = scene.sealed();
    assert!(sealed.contains("\nsops_unencrypted_regex=^$\n"), "{sealed}");
    assert!(sealed.contains(&format!("_recipient={}\n", scene.key.recipient)), "{sealed}");
    assert!(sealed.contains("\nB_unencrypted=ENC[") && sealed.starts_with("#ENC["), "{sealed}");
    let _ = scene.place.secrets(["decrypt", FILE]).prints("# theirs\nB_unencrypted=two\nEMPTY=\n");
}

#[test]
fn sops_finds_no_rule_for_another_file() {
    let Some(scene) = Scene::new() else { return };
    scene.place.write("other.env", "A=b\n");
    let refused = scene.place.call(&scene.sops).args(["encrypt", "other.env"]).run();
    assert_ne!(refused.code, Some(0));
}

#[test]
fn sops_edits_our_file_with_our_rules() {
    let Some(scene) = Scene::new() else { return };
    let editor = scene.place.script("editor", "echo 'C=three' >>\"$1\"");
    let _ = scene.place.call(&scene.sops).args(["edit", FILE]).env("EDITOR", editor).run().ok();
    assert!(!scene.sealed().contains("sops_secrets_seal"));
    let _ = scene.place.secrets(["decrypt", FILE]).prints("# ours\nA=one\nPORT=8080\nC=three\n");
}

#[test]
fn sops_updatekeys_takes_our_readers() {
    let Some(scene) = Scene::new() else { return };
    let other = Key::new();
    let toml = String::from_utf8(scene.place.read("secrets.toml")).unwrap();
    let own = format!("\"{}\"", scene.key.recipient);
    scene.place.write("secrets.toml", toml.replace(&own, &format!("{own}, \"{}\"", other.recipient)));
    let _ = scene.place.secrets(["init", "--sops-yaml"]).ok();
    let _ = scene.place.call(&scene.sops).args(["updatekeys", "--yes", FILE]).run().ok();
    let call = scene.place.call(env!("CARGO_BIN_EXE_secrets")).args(["decrypt", FILE]);
    let _ = call.env("SOPS_AGE_KEY", &other.secret).run().prints("# ours\nA=one\nPORT=8080\n");
}

/// `plain` and sops' selector mean the same names.
#[test]
fn plain_names_are_clear_for_both() {
    let Some(scene) = Scene::new() else { return };
    let toml = String::from_utf8(scene.place.read("secrets.toml")).unwrap();
    let with_plain = toml.replace("# plain = [\"PORT\", \"LOG_*\"]", "plain = [\"PORT\", \"LOG_*\"]");
    assert_ne!(toml, with_plain);
    scene.place.write("secrets.toml", with_plain);
    let _ = scene.place.secrets(["allow"]).ok();
    let _ = scene.place.secrets(["init", "--sops-yaml"]).ok();
    scene.place.write(FILE, "A=one\nPORT=8080\nLOG_LEVEL=debug\nMY_PORT=1\nLOG=2\n");
    let _ = scene.place.call(&scene.sops).args(["encrypt", "--in-place", FILE]).run().ok();
    let clear = |sealed: &str| -> Vec<String> {
        let lines = sealed.lines().filter(|line| !line.starts_with("sops_") && !line.contains("=ENC["));
        lines.map(ToString::to_string).collect()
    };
    assert_eq!(clear(&scene.sealed()), ["PORT=8080", "LOG_LEVEL=debug"]);
    let _ = scene.place.secrets(["decrypt", FILE]).prints("A=one\nPORT=8080\nLOG_LEVEL=debug\nMY_PORT=1\nLOG=2\n");

    // And what we write, sops reads.
    std::fs::remove_file(scene.place.path(FILE)).unwrap();
    scene.place.write("again.env", "A=one\nPORT=8080\nLOG_LEVEL=debug\nMY_PORT=1\nLOG=2\n");
    let _ = scene.place.secrets(["import", "again.env"]).ok();
    assert_eq!(clear(&scene.sealed()), ["PORT=8080", "LOG_LEVEL=debug"]);
    let decrypt = scene.place.call(&scene.sops).args(["decrypt", FILE]).run();
    let _ = decrypt.prints("A=one\nPORT=8080\nLOG_LEVEL=debug\nMY_PORT=1\nLOG=2\n");
}

#[test]
fn sops_runs_a_program_with_our_values() {
    let Some(scene) = Scene::new() else { return };
    let call = scene.place.call(&scene.sops).args(["exec-env", FILE, "printf %s \"$A:$PORT\""]);
    let _ = call.run().prints("one:8080");
}
