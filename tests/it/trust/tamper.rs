//! Tampering by somebody who can write to the repository and has no key: every way that sops takes.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::trust::put;
use crate::trust::start;
use crate::trust::without_seal;

const MALLORY: &str = "age1pvugvqht7rm5le7hxqweerjquntt9n948tduzys67gqjl8ymgchq8je9xx";

/// What becomes of one tampering: of a sealed file, and of one that was never sealed.
struct Row {
    what: &'static str,
    edit: fn(&str) -> String,
    sealed: &'static [i32],
    never_sealed: &'static [i32],
}

/// The exit codes are those of `get`; `run` says 125, or starts the program where it is 0.
const ROWS: [Row; 14] = [
    Row {
        what: "a clear name becomes LD_PRELOAD",
        edit: |f| f.replace("DOC=", "LD_PRELOAD="),
        sealed: &[3, 5],
        never_sealed: &[3, 5],
    },
    Row {
        what: "the same, and the selector fits",
        edit: |f| f.replace("DOC=", "LD_PRELOAD=").replace("DOC|", "DOC|LD_PRELOAD|"),
        sealed: &[3, 5],
        never_sealed: &[5],
    },
    Row {
        what: "bytes move between clear values",
        edit: |f| f.replace("DOC=ab", "DOC=a").replace("PORT=80", "PORT=b80"),
        sealed: &[3],
        never_sealed: &[0],
    },
    Row {
        what: "a name with an empty value is added",
        edit: |f| format!("NEW=\n{f}"),
        sealed: &[3],
        never_sealed: &[0],
    },
    Row {
        what: "a name with an empty value is deleted",
        edit: |f| f.replace("EMPTY=\n", ""),
        sealed: &[3],
        never_sealed: &[0],
    },
    Row { what: "an empty duplicate", edit: |f| format!("{f}KEY=\n"), sealed: &[3, 5], never_sealed: &[5] },
    Row { what: "an empty duplicate on top", edit: |f| format!("KEY=\n{f}"), sealed: &[5], never_sealed: &[5] },
    Row {
        what: "a comment is deleted",
        edit: |f| f.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect(),
        sealed: &[3],
        never_sealed: &[0],
    },
    Row {
        what: "a comment's ciphertext under an empty name",
        edit: |f| f.replacen("#ENC[", "=ENC[", 1),
        sealed: &[5],
        never_sealed: &[5],
    },
    Row {
        what: "the selector is narrowed",
        edit: |f| f.replace("sops_unencrypted_regex=^(?:DOC|PORT)$", "sops_unencrypted_regex=^(?:DOC|PORT|SECOND)$"),
        sealed: &[3, 5],
        never_sealed: &[5],
    },
    Row {
        what: "a recipient is added with a junk wrap",
        edit: |f| {
            let line = f.lines().find(|line| line.starts_with("sops_age__list_0__map_enc=")).expect("a wrap");
            let junk = line.replace("list_0", "list_1");
            f.replace(line, &format!("{line}\n{junk}"))
                .replace("sops_lastmodified", &format!("sops_age__list_1__map_recipient={MALLORY}\nsops_lastmodified"))
        },
        sealed: &[3],
        never_sealed: &[0],
    },
    Row {
        what: "metadata of another kind",
        edit: |f| f.replace("sops_version=", "sops_shamir_threshold=0\nsops_version="),
        sealed: &[5],
        never_sealed: &[5],
    },
    Row {
        what: "a Vault entry with an address, and no age entry",
        edit: |f| {
            let lines = f.lines().filter(|line| !line.starts_with("sops_age"));
            let kept: String = lines.map(|line| format!("{line}\n")).collect();
            let vault = "sops_hc_vault__list_0__map_vault_address=http://127.0.0.1:9\n\
                         sops_hc_vault__list_0__map_engine_path=transit\nsops_hc_vault__list_0__map_key_name=k\n\
                         sops_hc_vault__list_0__map_created_at=2026-01-01T00:00:00Z\nsops_hc_vault__list_0__map_enc=x\n";
            kept.replace("sops_lastmodified", &format!("{vault}sops_lastmodified"))
        },
        sealed: &[3, 5],
        never_sealed: &[5],
    },
    Row { what: "the seal is removed", edit: without_seal, sealed: &[5], never_sealed: &[0] },
];

/// A trusted project whose file has clear, empty and secret values, and a comment.
fn project() -> Sandbox {
    let s = Sandbox::new().settings("plain = [\"DOC\", \"PORT\"]\n").canary("KEY", "the value of the key");
    let plain = "# a comment\nDOC=ab\nPORT=80\nEMPTY=\nKEY=the value of the key\nSECOND=another value\n";
    let s = s.file("plain.env", plain);
    s.run(["import", "plain.env"]).succeeds();
    std::fs::remove_file(s.path("plain.env")).expect("the scene wrote it");
    s.run(["allow"]).succeeds();
    s
}

#[test]
fn each_way_to_change_a_sealed_file_is_refused() {
    for row in &ROWS {
        let s = project();
        let (before, edited) = (s.sealed(), (row.edit)(&s.sealed()));
        assert_ne!(before, edited, "{}: the edit is one", row.what);
        put(&s, &edited);
        let code = s.run(["get", "KEY"]).code();
        assert!(row.sealed.contains(&code), "{}: {code}", row.what);
        assert_eq!(start(&s, &[]), (125, false), "{}", row.what);
        // Nobody who writes takes it over either.
        assert_ne!(s.call(["set", "NEW"]).stdin("x").go().code(), 0, "{}", row.what);
        assert_ne!(s.run(["rekey"]).code(), 0, "{}", row.what);
        assert_eq!(s.sealed(), edited, "{}: nothing was written", row.what);
    }
}

#[test]
fn each_way_to_change_a_file_that_was_never_sealed_ends_as_documented() {
    for row in &ROWS {
        let s = project();
        s.forget();
        put(&s, without_seal(&s.sealed()));
        s.run(["allow"]).succeeds();
        put(&s, (row.edit)(&s.sealed()));
        let outcome = s.run(["get", "KEY"]);
        assert!(row.never_sealed.contains(&outcome.code()), "{}: {}", row.what, outcome.stderr());
        let outcome = if outcome.code() == 0 { outcome.reveals("KEY").code() } else { outcome.code() };
        assert_eq!(start(&s, &[]).1, outcome == 0, "{}", row.what);
        // What is written next follows secrets.toml: nothing new in clear, nobody new among the readers.
        if s.call(["set", "ADDED"]).stdin("x").go().code() == 0 {
            assert!(s.sealed().contains("\nADDED=ENC["), "{}", row.what);
        }
        if s.run(["rekey"]).code() == 0 {
            assert!(!s.sealed().contains(MALLORY), "{}", row.what);
        }
    }
}

#[test]
fn no_file_opens_in_the_place_of_another() {
    let names = ["development", "a", "b", "c", "d", "e"];
    let settings: String = names[1..].iter().map(|n| format!("[environments.{n}]\nreaders = [\"dev\"]\n\n")).collect();
    let s = Sandbox::new().settings(&settings);
    let path = |name: &str| format!("secrets/{name}.env");
    for name in names {
        s.call(["set", "KEY", "--env", name]).stdin(name).go().succeeds();
    }
    let files: Vec<String> = names.iter().map(|name| s.read(path(name))).collect();
    let (mut pairs, mut accepted) = (0, 0);
    for place in names {
        for (name, file) in names.iter().zip(&files).filter(|(name, _)| **name != place) {
            s.write(path(place), file);
            pairs += 1;
            let outcome = s.run(["get", "KEY", "--env", place]);
            accepted += usize::from(outcome.code() == 0);
            outcome.exits(5).says(&format!("({name})"));
        }
        s.write(path(place), &files[names.iter().position(|name| *name == place).unwrap()]);
    }
    assert_eq!((pairs, accepted), (30, 0));
}

#[test]
fn a_brand_new_file_from_public_keys_is_refused_and_allow_says_what_it_accepts() {
    let s = project();
    let before = s.sealed();
    // Mallory seals a file of her own to alice and herself, for the right place.
    let mallory = Sandbox::empty();
    mallory.run(["init", "--yes", "--name", "shop"]).succeeds();
    let settings = s.read("secrets.toml");
    mallory.write("secrets.toml", &settings);
    std::fs::remove_file(mallory.path(SEALED)).unwrap();
    mallory.run(["allow"]).succeeds();
    mallory.call(["set", "KEY"]).stdin("of mallory").go().succeeds();
    put(&s, mallory.sealed());
    s.run(["get", "KEY"]).exits(5).says("a data key that this machine does not know").says("`secrets allow`");
    assert_eq!(start(&s, &[]), (125, false));
    assert_eq!(s.call(["set", "NEW"]).stdin("x").go().code(), 5);
    assert_eq!(s.run(["member", "add", "bob", MALLORY, "--to", "dev"]).code(), 5);
    s.run(["allow"]).succeeds().says("has another data key");
    assert_eq!(start(&s, &[]), (0, true));
    put(&s, before);
    assert!(start(&s, &[]).1, "without git nothing tells which of the two is older");
}

#[test]
fn reseal_makes_nobody_a_reader_whom_this_machine_does_not_know() {
    // A teammate's sops drops the seal; Mallory adds herself to the header, with a wrap that opens nothing yet.
    let s = project();
    let add = ROWS.iter().find(|row| row.what.starts_with("a recipient is added")).expect("the row");
    put(&s, without_seal(&(add.edit)(&s.sealed())));
    let resealed = s.run(["reseal", "--yes"]);
    resealed.succeeds().says("whom this machine has not accepted: it gets a new data key without");
    assert!(!s.sealed().contains(MALLORY));
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    // A file of her own under a key of her own is not sealed as it is either.
    let s = project();
    let mallory = Sandbox::empty();
    mallory.run(["init", "--yes", "--name", "shop"]).succeeds();
    mallory.write("secrets.toml", s.read("secrets.toml"));
    std::fs::remove_file(mallory.path(SEALED)).expect("`init` made it");
    mallory.run(["allow"]).succeeds();
    mallory.call(["set", "KEY"]).stdin("of mallory").go().succeeds();
    put(&s, mallory.sealed());
    s.run(["reseal", "--yes"]).succeeds().says("this machine does not know its data key, so it gets a new one");
    assert_ne!(crate::team::commitment(&s.sealed()), crate::team::commitment(&mallory.sealed()));
}

#[test]
fn whoever_was_removed_is_not_let_in_again_by_a_machine_that_has_seen_the_rekey() {
    let s = project().repository();
    let bob = crate::team::Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    s.commit("bob");
    let with_bob = s.read("secrets.toml");
    // A second machine that has accepted bob: its state is the one of now.
    let state = s.root().join("home/.local/state");
    let other = tempfile::tempdir().expect("a folder");
    s.program(["cp", "-a"]).words([state.as_os_str(), other.path().join("state").as_os_str()]).go().succeeds();
    s.run(["member", "remove", "bob", "--yes"]).succeeds();
    s.commit("no bob");
    let there = |words: &[&str]| s.call(words.iter().copied()).env("XDG_STATE_HOME", other.path().join("state")).go();
    there(&["run", "--", "true"]).succeeds();
    s.write("secrets.toml", with_bob);
    there(&["rekey"]).exits(5).says("would be sealed to bob, whom this machine has not accepted");
    assert!(!s.sealed().contains(&bob.recipient));
}
