//! Data keys: which one may follow another, and what a proof is worth (`docs/trust.md`, "Versions").

use std::fs;
use std::io::Read as _;
use std::process::Command;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::python;
use crate::trust::put;
use crate::trust::start;
use crate::trust::vectors;

/// The data key of `one` to `merged`, and the one that `rekeyed` replaced it by.
const FIRST: u8 = 0;
const SECOND: u8 = 32;
/// What the reference is told where a proof is to be one in name alone.
const JUNK: &str = "reference.link_tag = lambda *_: bytes(32)";

/// A file of the vectors.
pub fn vector(name: &str) -> Vec<u8> {
    fs::read(vectors().join(format!("{name}.env"))).expect("a vector")
}

/// The project of the vectors, in a repository without any version of the file.
pub fn project() -> Sandbox {
    let settings = "version = 1\nproject = \"shop\"\n\n[members.alice]\nrecipients = [\
                    \"age1pvugvqht7rm5le7hxqweerjquntt9n948tduzys67gqjl8ymgchq8je9xx\"]\n\n\
                    [environments.development]\nreaders = [\"alice\"]\nplain = [\"*\"]\n";
    let s = Sandbox::empty().file("secrets.toml", settings);
    s.env("SECRETS_IDENTITY_FILE", vectors().join("keys/alice.txt")).repository()
}

fn key(first: u8) -> String {
    (first..first + 32).map(|byte| format!("{byte:02x}")).collect()
}

/// Seals a file anew with the second implementation: under a data key, with proofs under older ones.
fn seal(s: &Sandbox, file: &[u8], key: &str, seq: u64, old: &[&str], before: &str) -> Vec<u8> {
    let path = s.root().join("tmp/to-seal");
    fs::write(&path, file).expect("a file in the sandbox");
    let program = format!("import sys, seal_reference as reference\n{before}\nreference.main(sys.argv[1:])");
    let output = Command::new(python())
        .args(["-B", "-c", &program, "seal"])
        .arg(path)
        .args([key, "shop", SEALED, "development", &seq.to_string(), &"00".repeat(32)])
        .args(old)
        .env("PYTHONPATH", vectors())
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A file for the same reader under a data key of its own, and that key.
fn stranger(s: &Sandbox) -> (Vec<u8>, String) {
    s.call(["set", "API_KEY"]).stdin("of somebody").go().succeeds();
    let file = s.bytes(SEALED);
    fs::remove_file(s.path(SEALED)).expect("it was written");
    s.forget();
    let text = String::from_utf8(file.clone()).expect("a text file");
    let wrap = text.lines().find_map(|line| line.strip_prefix("sops_age__list_0__map_enc=")).expect("a wrap");
    let identity = fs::read_to_string(vectors().join("keys/alice.txt")).expect("an identity");
    let identity = identity.lines().last().expect("a key").parse::<age::x25519::Identity>().expect("an age key");
    let armor = wrap.replace("\\n", "\n");
    let opened = age::Decryptor::new(age::armor::ArmoredReader::new(armor.as_bytes())).expect("an age file");
    let mut bytes = Vec::new();
    let identity: &dyn age::Identity = &identity;
    opened.decrypt(std::iter::once(identity)).expect("alice's").read_to_end(&mut bytes).expect("it is whole");
    (file, bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn see(s: &Sandbox, names: &[&str]) {
    for name in names {
        put(s, vector(name));
        s.run(["run", "--", "true"]).succeeds();
        s.commit(name);
    }
}

#[test]
fn a_proof_under_the_trusted_key_is_enough_whatever_the_number() {
    let s = project();
    see(&s, &["merged"]);
    put(&s, seal(&s, &vector("rekeyed"), &key(SECOND), 1, &[&key(FIRST)], ""));
    s.commit("rekeyed, with a lower number");
    assert_eq!(start(&s, &[]), (0, true));
    // From then on the first key is the older one, although its number is higher.
    put(&s, vector("merged"));
    assert_eq!(start(&s, &[]), (125, false));
    s.run(["get", "API_KEY"]).exits(5).says("its data key was replaced").says("`secrets reseal`");
}

#[test]
fn a_data_key_without_a_proof_that_holds_is_refused_until_allow() {
    for (what, old, before) in [
        ("no proof", &[][..], ""),
        ("a proof under a key that was replaced", &[&key(FIRST)], ""),
        ("a proof that names the trusted key and is none", &[&key(SECOND)], JUNK),
    ] {
        let s = project();
        let (file, own) = stranger(&s);
        see(&s, &["merged", "rekeyed"]);
        let old: Vec<&str> = old.iter().map(|key: &&String| key.as_str()).collect();
        put(&s, seal(&s, &file, &own, 9, &old, before));
        s.commit(what);
        assert_eq!(start(&s, &[]), (125, false), "{what}");
        s.run(["get", "API_KEY"]).exits(5).says("a data key that this machine does not know").says("`secrets allow`");
        s.call(["set", "NEW"]).stdin("x").go().exits(5);
        s.run(["status"]).succeeds();
        assert_eq!(start(&s, &[]), (125, false), "{what}: a look at the state accepts nothing");
        s.run(["allow"]).succeeds().says("has another data key");
        s.run(["run", "--", "printenv", "API_KEY"]).succeeds().shows("of somebody");
    }
}

#[test]
fn what_was_said_to_be_without_a_proof_starts_with_one() {
    let s = project();
    let (file, own) = stranger(&s);
    see(&s, &["merged", "rekeyed"]);
    put(&s, seal(&s, &file, &own, 9, &[&key(SECOND), &key(FIRST)], ""));
    s.run(["run", "--", "printenv", "API_KEY"]).succeeds().shows("of somebody");
}

#[test]
fn a_successor_in_history_counts_by_its_proof_alone() {
    for (before, code) in [("", 125), (JUNK, 0)] {
        let s = project();
        see(&s, &["merged"]);
        put(&s, seal(&s, &vector("rekeyed"), &key(SECOND), 4, &[&key(FIRST)], before));
        s.commit("claims to follow");
        put(&s, seal(&s, &vector("merged"), &key(FIRST), 999, &[], ""));
        s.commit("under the first key again");
        assert_eq!(s.run(["run", "--", "true"]).code(), code, "{before:?}");
    }
}

#[test]
fn who_writes_on_a_branch_from_before_a_rekey_is_warned() {
    let s = project();
    see(&s, &["merged"]);
    s.git(["branch", "before"]);
    see(&s, &["rekeyed"]);
    s.git(["switch", "--quiet", "before"]);
    s.run(["run", "--", "true"]).succeeds().never_says("older");
    s.call(["set", "NEW"]).stdin("x").go().succeeds().says("from before a rekey");
    s.run(["run", "--", "printenv", "NEW"]).succeeds().shows("x");
    s.git(["checkout", "--quiet", "--force", "main"]);
    assert_eq!(start(&s, &[]), (0, true), "the branch did not become the trusted one");
}
