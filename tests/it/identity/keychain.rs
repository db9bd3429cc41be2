//! An identity in the keychain: the real gnome-keyring.

use std::fs;

use crate::keychain;
use crate::keychain::Keychain;
use crate::keychain::in_time;
use crate::keychain::look_up;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

const SERVICE: &str = "secrets/identity";

/// Returns the name of the item that the identity file leads to.
pub fn item(s: &Sandbox) -> String {
    let file = fs::read_to_string(s.identity()).expect("an identity file");
    file.lines().last().and_then(|line| line.rsplit('/').next()).expect("a reference").to_string()
}

/// A project whose only identity is in the keychain.
pub fn project() -> (Sandbox, Keychain) {
    let (s, keychain) = keychain::start(Sandbox::empty());
    s.run(["identity", "new", "--keychain"]).succeeds();
    s.run(["init", "--yes"]).succeeds();
    (s.secret("KEY"), keychain)
}

#[test]
fn it_opens_files_and_stands_in_no_file() {
    if !keychain::is_here() {
        return;
    }
    for kind in [&["--keychain"][..], &["--keychain", "--pq"]] {
        let (s, _keychain) = keychain::start(Sandbox::empty());
        let recipient = s.run(["identity", "new"].iter().chain(kind)).succeeds().stdout().trim().to_string();
        let file = fs::read_to_string(s.identity()).expect("an identity file");
        assert!(file.contains(&format!("# public key: {recipient}\nkeychain://secrets%2Fidentity/")), "{file}");
        assert!(!file.contains("AGE-SECRET-KEY"));
        s.run(["init", "--yes"]).succeeds();
        let s = s.secret("KEY");
        s.run(["get", "KEY"]).succeeds().says_nothing().reveals("KEY");
        s.run(["run", "--", "printenv", "KEY"]).succeeds().says_nothing().shows(secret("KEY")).reveals("KEY");
        s.run(["identity", "show"]).succeeds().says_nothing().shows(&recipient);
        s.run(["status"]).succeeds().shows_part("opens development; in the keychain");
        let item = item(&s);
        assert!(item.starts_with(&recipient[..20]), "{item}");
        let text = look_up(&s, SERVICE, &item).expect("another program sees it");
        assert!(String::from_utf8_lossy(&text).contains("AGE-SECRET-KEY-"));
        s.run(["identity", "new", "--keychain"]).exits(1).says("exists already");
    }
}

#[test]
fn it_moves_there_and_back() {
    if !keychain::is_here() || !needs("python3") {
        return;
    }
    let s = Sandbox::new().secret("KEY");
    let recipient = s.recipient();
    let (s, _keychain) = keychain::start(s);
    let moved = s.root().join("moved.txt");
    let s = s.plain_at(&moved);
    fs::rename(s.identity(), &moved).expect("it is there");
    let import = |words: &[&str]| s.call(["identity", "import"]).words([&moved]).words(words).go();
    import(&["--keychain", "--passphrase"]).exits(2);
    import(&["--keychain"]).succeeds().shows(&recipient);
    fs::remove_file(&moved).expect("it is there");
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    // It leaves under a passphrase, as any other.
    let typed = super::passphrase::answer();
    let twice = [("New passphrase", typed.as_str()), ("The same again", typed.as_str())];
    s.call(["identity", "export", "--output", "safe.age"]).on_terminal(&twice).go().succeeds();
    fs::remove_file(s.identity()).expect("it is there");
    s.run(["get", "KEY"]).exits(3);
    let back = s.call(["identity", "import", "safe.age"]).on_terminal(&[("Passphrase of", typed.as_str())]);
    back.go().succeeds().shows_part(&recipient);
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
}

#[test]
fn a_keychain_that_is_locked_or_gone_is_named() {
    if !keychain::is_here() {
        return;
    }
    let (s, keychain) = project();
    keychain.lock(&s);
    in_time(|| s.run(["get", "KEY"])).exits(3).shows_nothing().says("the keychain is locked").says("hint: unlock it");
    in_time(|| s.run(["run", "--", "true"])).exits(125).says("the keychain is locked");
    // What needs no key asks for nothing.
    s.run(["list"]).succeeds().says_nothing();
    s.run(["identity", "show"]).succeeds().says_nothing();
    in_time(|| s.run(["identity", "unlock"])).exits(3).says("the keychain is locked");
    // Another identity opens it all the same.
    drop(keychain);
    in_time(|| s.run(["get", "KEY"])).exits(4).says("no keychain that answers").says("gnome-keyring-daemon --unlock");
    in_time(|| s.run(["run", "--", "true"])).exits(125).says("no keychain that answers");
    let s = s.without("DBUS_SESSION_BUS_ADDRESS");
    in_time(|| s.run(["get", "KEY"])).exits(4).says("no keychain that answers");
    in_time(|| s.run(["identity", "unlock"])).exits(4).says("no keychain that answers");
    fs::remove_file(s.identity()).expect("it is there");
    in_time(|| s.run(["identity", "new", "--keychain"])).exits(4).says("no keychain that answers");
    assert!(!s.identity().exists());
}

#[test]
fn a_keychain_that_does_not_answer_is_left_after_five_seconds() {
    if !keychain::is_here() {
        return;
    }
    let (s, keychain) = project();
    keychain.stop();
    in_time(|| s.run(["run", "--", "true"])).exits(125).says("did not answer within 5 seconds");
    keychain.go_on();
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    let (s, _listener) = keychain::silent(s);
    in_time(|| s.run(["get", "KEY"])).exits(4).shows_nothing().says("did not answer within 5 seconds");
}

#[test]
fn it_is_asked_only_for_files_that_are_sealed_to_it() {
    if !keychain::is_here() {
        return;
    }
    let s = Sandbox::new().secret("KEY");
    let own = fs::read(s.identity()).expect("an identity");
    let (s, keychain) = keychain::start(s);
    fs::remove_file(s.identity()).expect("it is there");
    s.run(["identity", "new", "--keychain"]).succeeds();
    let other = s.path("own.txt");
    s.write(&other, own);
    s.chmod(&other, 0o600);
    let s = s.env("SOPS_AGE_KEY_FILE", &other);
    keychain.lock(&s);
    s.run(["get", "KEY"]).succeeds().says_nothing().reveals("KEY");
    let s = s.without("SOPS_AGE_KEY_FILE");
    s.run(["get", "KEY"]).exits(3).never_says("locked");
}

#[test]
fn it_can_be_unlocked_for_a_while_as_well() {
    if !keychain::is_here() {
        return;
    }
    let (s, keychain) = project();
    s.run(["identity", "unlock", "--for", "1h"]).succeeds();
    drop(keychain);
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    s.run(["identity", "lock"]).succeeds();
    s.run(["get", "KEY"]).exits(4);
}

#[test]
fn an_item_that_is_gone_doubled_or_no_identity_is_said() {
    if !keychain::is_here() {
        return;
    }
    let (s, _keychain) = keychain::start(Sandbox::empty());
    s.run(["identity", "new", "--keychain"]).succeeds();
    s.run(["init", "--yes"]).succeeds();
    let s = s.secret("KEY");
    let name = &item(&s);
    let tool = |words: &[&str]| s.program(["secret-tool"]).words(words);
    tool(&["store", "--label=x", "service", SERVICE, "username", name, "more", "1"]).stdin("nonsense").go().succeeds();
    s.run(["get", "KEY"]).exits(3).says("the keychain has 2 items of that name");
    tool(&["clear", "service", SERVICE, "username", name, "more", "1"]).go().succeeds();
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    tool(&["clear", "service", SERVICE, "username", name]).go().succeeds();
    s.run(["get", "KEY"]).exits(3).says("the keychain has no item `keychain://secrets%2Fidentity/");
    tool(&["store", "--label=x", "service", SERVICE, "username", name]).stdin("nonsense").go().succeeds();
    s.run(["get", "KEY"]).exits(3).says("the item is no identity").never_says("nonsense");
}

#[test]
fn two_at_once_and_what_fails_leave_no_item_of_anybodys() {
    if !keychain::is_here() {
        return;
    }
    let (s, _keychain) = keychain::start(Sandbox::empty());
    let s = s.plain_at("id.txt");
    s.run(["identity", "new", "--output", "id.txt"]).succeeds();
    let script = "secrets identity import id.txt --keychain >/dev/null 2>&1 & secrets identity import id.txt --keychain >/dev/null 2>&1 & wait";
    for _ in 0..5 {
        s.shell(script).go().succeeds();
        assert!(look_up(&s, SERVICE, &item(&s)).is_some(), "the one that the file leads to is there");
        fs::remove_file(s.identity()).expect("it is there");
    }
    // A configuration that is no folder: nothing stays behind.
    let count = |s: &Sandbox| {
        let found = s.program(["secret-tool", "search", "--all", "service", SERVICE]).go();
        found.may_reveal_all();
        found.stdout().matches("AGE-SECRET-KEY").count()
    };
    let before = count(&s);
    s.write("no-folder", "");
    s.call(["identity", "new", "--keychain"]).env("XDG_CONFIG_HOME", s.path("no-folder")).go().exits(1);
    assert_eq!(count(&s), before);
    // Where the file leads to the keychain, the identity is taken out of there.
    s.run(["identity", "new", "--keychain", "--output", "leads.txt"]).succeeds();
    s.run(["identity", "import", "leads.txt"]).succeeds();
    assert!(fs::read_to_string(s.identity()).expect("an identity").contains("AGE-SECRET-KEY-1"));
}

/// Git asks for each file by a process of its own.
#[test]
fn git_diff_asks_no_keychain() {
    if !keychain::is_here() {
        return;
    }
    let (s, keychain) = project();
    let s = s.repository();
    s.call(["set", "KEY"]).stdin("other").go().succeeds();
    keychain.stop();
    let diff = in_time(|| s.program(["git", "diff"]).go());
    diff.succeeds().shows_part("KEY");
    keychain.go_on();
    s.run(["identity", "unlock"]).succeeds();
    s.program(["git", "diff"]).go().succeeds().shows_part("KEY");
    s.run(["identity", "lock"]).succeeds();
}
