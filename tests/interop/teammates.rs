//! A teammate uses plain sops on a sealed file of the project: what `status` says of it, and the command that mends it.

use super::keys::Key;
use super::needs::needs;
use super::place::Place;

const FILE: &str = "secrets/development.env";

/// What sops does to the file: its words, and the value of `A` afterwards.
const EDITS: [(&[&str], &str); 5] = [
    (&["edit", FILE], "edited"),
    (&["set", FILE, "[\"A\"]", "\"set\""], "set"),
    (&["unset", FILE, "[\"B\"]"], "one"),
    (&["rotate", "--in-place", FILE], "one"),
    (&["updatekeys", "--yes", FILE], "one"),
];

#[test]
fn each_edit_by_sops_is_told_in_one_line_and_mended_by_one_command() {
    let Some(sops) = needs("sops") else { return };
    for (words, value) in EDITS {
        let key = Key::new();
        let place = Place::new().with("SOPS_AGE_KEY", &key.secret);
        place.write(".env", "A=one\nB=two\n");
        let _ = place.secrets(["init", "--yes", "--sops-yaml"]).ok();
        let editor = place.script("editor", "sed -i 's/^A=.*/A=edited/' \"$1\"");
        if words[0] == "updatekeys" {
            // It writes only if somebody came or went.
            let rules = String::from_utf8(place.read(".sops.yaml")).unwrap();
            place.write(
                ".sops.yaml",
                rules.replace("    age:\n", &format!("    age:\n      - {}\n", Key::new().recipient)),
            );
        }
        let _ = place.call(&sops).args(words.iter().copied()).env("EDITOR", &editor).run().ok();
        let _ = place.secrets(["run", "--", "true"]).ends_with(125).says("it lost its seal");
        let status = place.secrets(["status"]).ok().text();
        let line = "state        it lost its seal; `secrets reseal` shows what changed, and seals it again\n";
        assert!(status.contains(line), "{words:?}: {status}");
        let _ = place.secrets(["reseal", "--yes"]).ok();
        let _ = place.secrets(["get", "A"]).prints(value);
        let _ = place.secrets(["run", "--", "true"]).ok();
        let access = place.secrets(["access", "--json"]).ok().text();
        assert!(!access.contains("unknown"), "{words:?}: nobody came in that way: {access}");
    }
}
