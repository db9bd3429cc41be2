//! `secrets identity unlock` and `lock`: the real keyring of the kernel.

use std::time::Duration;
use std::time::Instant;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

use super::passphrase::answer;
use super::passphrase::new_one;

/// A project whose only identity is under a passphrase.
pub fn project() -> Sandbox {
    let s = new_one();
    s.call(["init", "--yes"]).on_terminal(&[("Passphrase of", &answer())]).go().succeeds();
    let s = s.canary("KEY", secret("KEY"));
    let set = s.shell(&format!("printf %s '{}' | secrets set KEY", secret("KEY")));
    set.on_terminal(&[("Passphrase of", &answer())]).go().succeeds();
    s
}

pub fn unlock(s: &Sandbox, span: &str) {
    let unlock = s.call(["identity", "unlock", "--for", span]).on_terminal(&[("Passphrase of", &answer())]);
    unlock.go().succeeds().shows_part(&format!("unlocked for {span}"));
}

fn is_open(s: &Sandbox) -> bool {
    let got = s.run(["get", "KEY"]);
    let is_open = got.code() == 0;
    if is_open {
        got.reveals("KEY");
    }
    is_open
}

#[test]
fn nobody_is_asked_until_it_is_locked_again() {
    if !needs("python3") {
        return;
    }
    let s = project();
    s.run(["get", "KEY"]).exits(3);
    unlock(&s, "1h");
    for _ in 0..2 {
        s.run(["get", "KEY"]).succeeds().reveals("KEY").says_nothing();
        s.run(["run", "--", "printenv", "KEY"]).succeeds().reveals("KEY");
    }
    s.run(["identity", "show"]).succeeds().shows_part("age1");
    // A child has neither the identity nor what leads to it.
    s.run(["run", "--", "env"]).succeeds().reveals("KEY").never_says("AGE-SECRET-KEY");
    s.run(["identity", "lock"]).succeeds().says("locked");
    s.run(["get", "KEY"]).exits(3).says("it needs a passphrase");
    s.run(["identity", "lock"]).succeeds().says("nothing was unlocked");
}

#[test]
fn the_kernel_locks_it_by_itself() {
    if !needs("python3") {
        return;
    }
    let s = project();
    unlock(&s, "2s");
    let end = Instant::now() + Duration::from_secs(20);
    let mut opened = 0;
    while is_open(&s) {
        opened += 1;
        assert!(Instant::now() < end, "it never expires");
    }
    assert!(opened > 0, "it was never open");
    // A second unlocking begins anew, and replaces the first.
    unlock(&s, "1h");
    unlock(&s, "1s");
    while is_open(&s) {
        assert!(Instant::now() < end + Duration::from_secs(20), "the first one is still there");
    }
}

#[test]
fn another_session_of_the_same_user_finds_it() {
    if !needs("python3") || !needs("keyctl") {
        return;
    }
    let s = project();
    unlock(&s, "1h");
    let elsewhere =
        |command: &str| s.shell(&format!("keyctl session - {} {command} 2>/dev/null", crate::sandbox::SECRETS));
    elsewhere("get KEY").go().succeeds().reveals("KEY").shows_part(&secret("KEY"));
    elsewhere("identity lock").go().succeeds();
    s.run(["get", "KEY"]).exits(3);
}

/// The kernel counts what a user keeps, root aside.
#[test]
fn a_keyring_that_is_full_is_named() {
    if !needs("python3") || !needs("keyctl") {
        return;
    }
    let s = new_one();
    let Some(unlock) = s.call_as_nobody(["identity", "unlock"]) else { return };
    let fill = "for n in $(seq 199); do keyctl add user full:$n xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx @u >/dev/null 2>&1; done";
    let empty = "keyctl clear @u";
    let script = format!("{fill}; \"$@\"; code=$?; {empty}; exit $code");
    let outcome = unlock.inside(["sh", "-c", &script, "sh"]).on_terminal(&[("Passphrase of", &answer())]).go();
    outcome.exits(4).shows_part("it is full").shows_part("20,000");
}

#[test]
fn what_cannot_be_unlocked_is_said() {
    let s = Sandbox::new().secret("KEY");
    s.run(["identity", "unlock"]).exits(3).says("no identity here is under a passphrase or in the keychain");
    for span in ["", "8", "h", "-1h", "0s", "1w", "99999999999d"] {
        s.run(["identity", "unlock", &format!("--for={span}")]).exits(2).says("`--for` wants a span");
    }
}
