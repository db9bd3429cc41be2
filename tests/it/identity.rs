//! `secrets identity`

pub mod keychain;
mod nowhere;
pub mod passphrase;
mod plugin;
pub mod unlock;

use std::fs;

use crate::sandbox::NOW;
use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

#[test]
fn a_new_identity_is_private_and_its_recipient_is_printed() {
    for umask in ["000", "022", "077"] {
        let s = Sandbox::empty();
        let outcome = s.call(["identity", "new"]).after(&format!("umask {umask}")).go();
        let recipient = outcome.succeeds().says("made an identity in").stdout();
        assert!(recipient.starts_with("age1") && recipient.ends_with('\n'), "{recipient}");
        assert_eq!((s.mode(s.identity()), s.mode(s.identity().parent().unwrap())), (0o600, 0o700), "umask {umask}");
        let text = fs::read_to_string(s.identity()).unwrap();
        assert!(text.starts_with(&format!("# created: {NOW}\n# public key: {recipient}AGE-SECRET-KEY-1")));
        s.run(["identity", "show"]).succeeds().shows(recipient).says_nothing();
    }
}

#[test]
fn a_post_quantum_identity_is_a_member_like_any_other() {
    let s = Sandbox::empty();
    let recipient = s.run(["identity", "new", "--pq"]).succeeds().stdout();
    assert!(recipient.starts_with("age1pq1") && recipient.len() > 1900, "{recipient}");
    let text = fs::read_to_string(s.identity()).unwrap();
    assert!(text.contains("AGE-SECRET-KEY-PQ-1"), "{}", text.len());
    s.run(["init", "--yes"]).succeeds();
    let s = s.secret("KEY");
    assert!(s.sealed().contains(recipient.trim_end()) && s.sealed().contains("\nsops_secrets_seal=v1;"));
    s.run(["run", "--", "printenv", "KEY"]).succeeds().shows(secret("KEY") + "\n").reveals("KEY");
    s.run(["check"]).succeeds();
    // Beside one of the usual kind, in both directions.
    let bob = crate::team::Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    assert_eq!(bob.code(&s, &["run", "--", "true"]), 0);
    s.run(["access"]).succeeds().shows_part("bob");
    s.run(["member", "remove", "bob", "--yes"]).succeeds();
    assert_eq!(bob.code(&s, &["run", "--", "true"]), 125);
    s.run(["run", "--", "true"]).succeeds();
    s.run(["member", "add", "eve", "age1pq1qqqq", "--to", "dev"]).exits(1).says("is not a recipient");
}

#[test]
fn an_identity_that_is_there_is_not_written_over() {
    let s = Sandbox::empty();
    s.run(["identity", "new"]).succeeds();
    let before = fs::read(s.identity()).unwrap();
    s.run(["identity", "new"]).exits(1).shows_nothing().says("exists already").says("`secrets identity show`");
    assert_eq!(fs::read(s.identity()).unwrap(), before);
}

#[test]
fn it_goes_where_it_is_told() {
    let s = Sandbox::empty().plain_at("mine.txt");
    let outcome = s.call(["identity", "new", "--output", "mine.txt"]).after("umask 000").go();
    let recipient = outcome.succeeds().stdout();
    assert_eq!(s.mode("mine.txt"), 0o600);
    s.run(["identity", "show", "--identity", "mine.txt"]).succeeds().shows(recipient);
    s.run(["identity", "show"]).exits(3).says("there is no identity on this machine");
    s.run(["identity", "new", "--output", "mine.txt"]).exits(1).says("exists already");
    s.run(["identity", "new", "--output", "no/folder/mine.txt"]).exits(1);
}

#[test]
fn show_lists_every_place_and_never_a_key() {
    let s = Sandbox::empty();
    s.run(["identity", "new"]).succeeds();
    let own = s.recipient();
    let key = fs::read_to_string(s.identity()).unwrap();
    let outcome = s.call(["identity", "show", "--json"]).env("SOPS_AGE_KEY", &key).go();
    let places = outcome.succeeds().json();
    assert_eq!(places[0]["place"], s.identity().display().to_string());
    assert_eq!(places[0]["recipients"][0], own);
    assert_eq!(places[1]["place"], "$SOPS_AGE_KEY");
}

#[test]
fn what_is_wrong_with_a_place_is_said() {
    let s = Sandbox::new().secret("KEY");
    fs::set_permissions(s.identity(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    s.run(["get", "KEY"]).succeeds().reveals("KEY").says("other users may read it").says("chmod 600");
    let outcome = s.call(["identity", "show"]).env("SOPS_AGE_KEY", "nonsense").go();
    outcome.succeeds().says("`$SOPS_AGE_KEY`: line 1 is not an identity").never_says("nonsense");
}

#[test]
fn a_named_identity_is_the_only_one() {
    let s = Sandbox::new().secret("KEY").plain_at("other.txt");
    s.run(["identity", "new", "--output", "other.txt"]).succeeds();
    let outcome = s.run(["get", "KEY", "--identity", "other.txt"]);
    outcome.exits(3).shows_nothing().says("tried `other.txt`").says("sealed to alice");
    s.run(["get", "KEY", "--identity", "nope.txt"]).exits(3).shows_nothing().says("nope.txt");
}

/// A name such as `./key` is whatever lies in the folder where the command was called.
#[test]
fn a_command_is_run_for_an_identity_only_in_a_project_that_was_accepted() {
    let s = Sandbox::new().secret("KEY").script("key", "#!/bin/sh\ntouch started\ncat own.txt\n");
    s.write("own.txt", fs::read(s.identity()).unwrap());
    fs::remove_file(s.identity()).unwrap();
    let s = s.env("SOPS_AGE_KEY_CMD", "./key");
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    fs::remove_file(s.path("started")).unwrap();
    let digest = s.run(["allow", "--print"]).succeeds().stdout();
    s.forget();
    s.run(["get", "KEY"]).exits(3).says("`$SOPS_AGE_KEY_CMD` (it is not run before `secrets allow`)");
    s.run(["run", "--", "true"]).exits(125);
    assert!(!s.path("started").exists());
    for digest in ["", "AAAA", digest.trim()] {
        s.call(["get", "KEY"]).env("SECRETS_TRUST", digest).go().exits(3);
        assert!(!s.path("started").exists(), "{digest:?}");
    }
    // A program that no repository holds is another thing.
    let text = s.read("key");
    let s = s.script("../tools/key", &text);
    let program = s.path("../tools/key").canonicalize().unwrap();
    let trusted = s.call(["get", "KEY"]).env("SECRETS_TRUST", digest.trim()).env("SOPS_AGE_KEY_CMD", &program);
    trusted.go().succeeds().reveals("KEY");
    s.call(["get", "KEY"]).env("SOPS_AGE_KEY_CMD", &program).go().exits(3);
    fs::remove_file(s.path("started")).unwrap();
    // git starts us at the top of a repository, where there may be no project.
    s.program(["git", "init", "-q", ".."]).go().succeeds();
    s.write("../key", &text);
    s.chmod("../key", 0o755);
    let above = s.call(["get", "KEY", "--file"]).words([s.path(SEALED)]).cwd("..");
    above.go().exits(3).says("it is not run before `secrets allow`");
    assert!(!s.path("started").exists() && !s.path("../started").exists());
    s.run(["allow"]).succeeds().never_says("not looked into");
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
}

#[test]
fn age_itself_takes_the_identity() {
    if !needs("age") {
        return;
    }
    let s = Sandbox::new().secret("KEY");
    let wrap = s.sealed();
    let wrap = wrap.lines().find_map(|line| line.strip_prefix("sops_age__list_0__map_enc=")).unwrap();
    s.write("wrap.age", wrap.replace("\\n", "\n"));
    let outcome = s.program(["age", "-d", "-i", &s.identity().display().to_string(), "wrap.age"]).go();
    assert_eq!(outcome.succeeds().stdout.len(), 32, "the data key of {SEALED}");
    assert!(!secret("KEY").is_empty());
}
