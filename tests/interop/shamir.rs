//! A data key in shares: sops made the file, and enough groups open it.

use super::keys::Key;
use super::needs::needs;
use super::place::Place;

const PLAIN: &str = "A=one\n# c\nB=two\n";

/// Writes `sealed.env` for three groups, of which the first has two keys.
fn sealed(threshold: Option<u32>, keys: &[Key; 4]) -> Option<Place> {
    let sops = needs("sops")?;
    let place = Place::new();
    let [a, b, c, d] = keys.each_ref().map(|key| &key.recipient);
    let threshold = threshold.map_or_else(String::new, |threshold| format!("    shamir_threshold: {threshold}\n"));
    place.write(
        ".sops.yaml",
        format!(
            "creation_rules:\n  - path_regex: env$\n{threshold}    key_groups:\n      \
             - age: ['{a}', '{b}']\n      - age: ['{c}']\n      - age: ['{d}']\n"
        ),
    );
    place.write("plain.env", PLAIN);
    place.write("sealed.env", place.call(sops).args(["encrypt", "plain.env"]).run().ok().stdout);
    Some(place)
}

fn open(place: &Place, keys: &[&Key]) -> super::place::Outcome {
    let text: String = keys.iter().map(|key| key.secret.as_str()).collect();
    place.call(env!("CARGO_BIN_EXE_secrets")).args(["decrypt", "sealed.env"]).env("SOPS_AGE_KEY", text).run()
}

#[test]
fn two_groups_of_three_open_a_file_with_threshold_two() {
    let keys = [Key::new(), Key::new(), Key::new(), Key::new()];
    let Some(place) = sealed(Some(2), &keys) else { return };
    let [a, b, c, d] = keys.each_ref();
    for enough in [[a, c], [b, c], [c, d], [d, a], [d, b]] {
        let _ = open(&place, &enough).prints(PLAIN);
    }
    let _ = open(&place, &[a, b, c, d]).prints(PLAIN);
    // Two keys of one group are one share.
    for too_few in [&[a][..], &[d], &[a, b]] {
        let _ = open(&place, too_few).ends_with(3);
    }
}

#[test]
fn all_groups_are_needed_where_no_threshold_is_set() {
    let keys = [Key::new(), Key::new(), Key::new(), Key::new()];
    let Some(place) = sealed(None, &keys) else { return };
    let [a, b, c, d] = keys.each_ref();
    let _ = open(&place, &[d, b, c]).prints(PLAIN);
    let _ = open(&place, &[a, b, d]).ends_with(3);
}

#[test]
fn a_file_in_shares_that_we_changed_opens_in_sops() {
    let keys = [Key::new(), Key::new(), Key::new(), Key::new()];
    let (Some(sops), Some(place)) = (needs("sops"), sealed(Some(2), &keys)) else { return };
    let place = place.with("SOPS_AGE_KEY", [keys[0].secret.as_str(), &keys[2].secret].concat());
    let set = place.call(env!("CARGO_BIN_EXE_secrets")).args(["set", "A", "--file", "sealed.env"]);
    let _ = set.stdin("new").run().ok();
    let _ = place.call(sops).args(["decrypt", "sealed.env"]).run().prints("A=new\n# c\nB=two\n");
}
