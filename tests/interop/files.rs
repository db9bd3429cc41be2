//! Random files, in both directions: what one program wrote, the other prints byte for byte.

use std::path::Path;
use std::path::PathBuf;

use super::keys::Key;
use super::needs::is_complete;
use super::needs::needs;
use super::place::Place;
use super::place::shown;
use super::random::Dice;
use super::random::Row;
use super::random::Taste;
use super::random::as_sops_prints;
use super::random::our_file;
use super::random::rows;
use super::random::sops_file;

/// How many files each way: `SECRETS_INTEROP_COUNT`, else 200 in CI and 40 elsewhere.
fn count() -> u64 {
    let asked = std::env::var("SECRETS_INTEROP_COUNT").ok();
    asked.map_or(if is_complete() { 200 } else { 40 }, |text| text.parse().unwrap())
}

#[test]
fn what_encrypt_writes_sops_prints() {
    let Some(sops) = needs("sops") else { return };
    let scene = Scene::new();
    for seed in 0..count() {
        let mut dice = Dice::new(seed);
        let rows = rows(&mut dice, Taste { nul: true, sealed_look: true });
        let keys = scene.choose(&mut dice);
        scene.place.write("plain.env", sops_file(&rows, dice.one_in(2)));
        let mut call = scene.place.call(env!("CARGO_BIN_EXE_secrets")).args(["encrypt", "plain.env"]);
        for key in &keys {
            call = call.args(["--to", &key.recipient]);
        }
        scene.place.write("sealed.env", call.run().ok().stdout);
        let key = *dice.pick(&keys);
        let printed = scene.open(&sops, key);
        same(seed, "sops", &printed, &as_sops_prints(&rows));
    }
    println!("{} files that `secrets encrypt` wrote, printed by sops", count());
}

#[test]
fn what_we_seal_sops_prints() {
    let Some(sops) = needs("sops") else { return };
    let key = Key::new();
    let place = Place::new().with("SOPS_AGE_KEY", &key.secret);
    let _ = place.secrets(["init", "--no-import"]).ok();
    for seed in 0..count() {
        let mut dice = Dice::new(seed);
        let mut rows = rows(&mut dice, Taste { nul: false, sealed_look: true });
        for row in &mut rows {
            match row {
                // A line of its own: only LF and CR LF end one.
                Row::Comment(text) => text.retain(|byte| *byte != b'\r'),
                // Real lines; sops' dialect has them as escapes only.
                Row::Entry(_, value) if dice.one_in(4) => value.extend(b"\nline two\n"),
                Row::Blank | Row::Entry(..) => {}
            }
        }
        std::fs::remove_file(place.path("secrets/development.env")).unwrap();
        let import = place.call(env!("CARGO_BIN_EXE_secrets")).args(["import", "-"]).stdin(our_file(&rows));
        let _ = import.run().ok();
        if dice.one_in(3) {
            let set = place.call(env!("CARGO_BIN_EXE_secrets")).args(["set", "LAST_ONE"]).stdin("second version");
            let _ = set.run().ok();
            rows.push(Row::Entry("LAST_ONE".to_string(), b"second version".to_vec()));
        }
        let file = place.read("secrets/development.env");
        assert!(String::from_utf8_lossy(&file).contains("\nsops_secrets_seal=v1;"));
        let printed = place.call(&sops).args(["decrypt", "secrets/development.env"]).run().ok().stdout;
        same(seed, "sops", &printed, &as_sops_prints(&rows));
    }
    println!("{} files that `secrets import` sealed, printed by sops", count());
}

#[test]
fn what_sops_encrypts_we_print() {
    let Some(sops) = needs("sops") else { return };
    let scene = Scene::new();
    let mut met = std::collections::BTreeMap::new();
    for seed in 0..count() {
        let mut dice = Dice::new(seed);
        let rows = rows(&mut dice, Taste { nul: true, sealed_look: false });
        let keys = scene.choose(&mut dice);
        let recipients: Vec<&str> = keys.iter().map(|key| key.recipient.as_str()).collect();
        scene.place.write("plain.env", sops_file(&rows, dice.one_in(2)));
        // The old form of the command: it alone has every selector.
        let mut call = scene.place.call(&sops).args(["--encrypt", "--age", &recipients.join(",")]);
        let selector = dice.pick(SELECTORS);
        *met.entry(selector.first().unwrap_or(&"none")).or_insert(0) += 1;
        call = call.args(*selector);
        if dice.one_in(4) {
            call = call.arg("--mac-only-encrypted");
        }
        scene.place.write("sealed.env", call.arg("plain.env").run().ok().stdout);
        let key = *dice.pick(&keys);
        let theirs = scene.open(&sops, key);
        same(seed, "sops", &theirs, &as_sops_prints(&rows));
        let ours = scene.open(env!("CARGO_BIN_EXE_secrets"), key);
        same(seed, "we", &ours, &theirs);
    }
    println!("{} files that sops wrote, printed by `secrets decrypt`; selectors {met:?}", count());
}

/// In a comment sops takes these two bytes as they are, and compares patterns with them as they are.
#[test]
fn a_comment_with_a_backslash_and_an_n_stays_one_line() {
    let Some(sops) = needs("sops") else { return };
    let key = Key::new();
    let place = Place::new().with("SOPS_AGE_KEY", &key.secret);
    let plain = "#-a\\n-z\nA=one\n";
    place.write("plain.env", plain);
    let _ = place.secrets(["encrypt", "plain.env", "--to", &key.recipient, "--output", "ours.env"]).ok();
    let _ = place.secrets(["decrypt", "ours.env"]).prints(plain);
    let _ = place.call(&sops).args(["decrypt", "ours.env"]).run().prints(plain);
    let theirs = place.call(&sops).args(["--encrypt", "--age", &key.recipient]);
    let theirs = theirs.args(["--encrypted-comment-regex", "^-a.*-z$", "plain.env"]).run().ok().stdout;
    place.write("theirs.env", theirs);
    let _ = place.secrets(["decrypt", "theirs.env"]).prints(plain);
}

/// Selectors over the names and comments that `random.rs` makes.
///
/// sops refuses a pattern of comments that fits `ENC[…]` by chance, so these need a byte that base64 does not have.
const SELECTORS: &[&[&str]] = &[
    &[],
    &["--unencrypted-suffix", "_PORT"],
    &["--unencrypted-suffix", "_"],
    &["--encrypted-suffix", "_secret"],
    &["--encrypted-suffix", "t"],
    &["--encrypted-regex", "^(LOG_|SOPS)"],
    &["--encrypted-regex", r"(?i)\d|x$"],
    &["--unencrypted-regex", "^LOG_.*$"],
    &["--unencrypted-regex", r"\w_\w|[[:digit:]]{2}"],
    &["--encrypted-comment-regex", "seal this"],
    &["--encrypted-comment-regex", r"^\s|[$-]"],
    &["--unencrypted-comment-regex", "keep in"],
    &["--unencrypted-comment-regex", r"^\s|[$-]"],
];

/// A working folder and a few keys.
struct Scene {
    place: Place,
    keys: Vec<Key>,
}

impl Scene {
    fn new() -> Self {
        let mut keys = vec![Key::new(), Key::new(), Key::new()];
        keys.extend(Key::ssh("ed25519"));
        let place = Place::new();
        for (index, key) in keys.iter().enumerate() {
            place.write_home(&format!("keys/{index}"), &key.secret);
        }
        Self { place, keys }
    }

    /// Takes one to three keys, in random order.
    fn choose(&self, dice: &mut Dice) -> Vec<&Key> {
        let mut keys: Vec<&Key> = self.keys.iter().collect();
        for index in (1..keys.len()).rev() {
            keys.swap(index, dice.below(index + 1));
        }
        keys.truncate(1 + dice.below(3));
        keys
    }

    /// Prints `sealed.env` with one of the two programs and one key.
    fn open(&self, program: impl AsRef<std::ffi::OsStr>, key: &Key) -> Vec<u8> {
        let variable = if key.is_ssh() { "SOPS_AGE_SSH_PRIVATE_KEY_FILE" } else { "SOPS_AGE_KEY_FILE" };
        let call = self.place.call(program).args(["decrypt", "sealed.env"]).env(variable, self.file_of(key));
        call.run().ok().stdout
    }

    fn file_of(&self, key: &Key) -> PathBuf {
        let index = self.keys.iter().position(|other| other.recipient == key.recipient).unwrap();
        self.place.home(Path::new("keys").join(index.to_string()).to_str().unwrap())
    }
}

#[track_caller]
fn same(seed: u64, who: &str, got: &[u8], want: &[u8]) {
    assert!(got == want, "seed {seed}: {who} printed\n{}\ninstead of\n{}", shown(got), shown(want));
}
