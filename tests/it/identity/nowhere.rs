//! Wherever an identity lives: it and the values are in no file, core, argument or environment but that of the child that asked.

use crate::keychain;
use crate::keychain::Keychain;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::python;
use crate::sandbox::secret;

use super::passphrase::answer;

/// Prints which processes have one of the texts among their arguments or in their environment; the value is in its own.
const SCAN: &str = r#"
import glob, os
value = os.environ["UNIQUE"].encode()
texts = [value] + [line for line in open("texts", "rb").read().split(b"\n") if line]
looked = 0
for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
    try:
        data = open(path, "rb").read()
    except OSError:
        continue
    looked += 1
    for text in texts:
        if text in data and not (path == f"/proc/{os.getpid()}/environ" and text == value):
            print("found in", path)
print("looked" if looked > 2 else "saw nothing")
"#;

/// Adds a value that no other test has, and the program that looks for it and for these texts.
fn with_scan(s: Sandbox, texts: &str) -> Sandbox {
    let unique = format!("{}-{}", secret("UNIQUE"), s.root().display()).replace('/', "-");
    s.file("scan.py", SCAN).file("texts", texts).value("UNIQUE", unique)
}

/// Ends commands at many places with cores on; the scene's own search goes over every file that is left each time.
fn end_everywhere(s: &Sandbox, calls: &[(&str, &str)]) -> usize {
    let mut killed = 0;
    for signal in ["KILL", "SEGV", "ABRT"] {
        for (call, which) in calls {
            let inject = format!("inject={call}:signal={signal}:when={which}");
            let traced = s.call(["get", "KEY"]).under(["strace", "-f", "-o", "/dev/null", "-e", &inject]);
            let outcome = traced.after("ulimit -c unlimited").go();
            killed += usize::from(outcome.status.code() != Some(0));
            if outcome.stdout().contains(&secret("KEY")) {
                outcome.reveals("KEY");
            }
        }
    }
    killed
}

fn check(s: &Sandbox, calls: &[(&str, &str)]) {
    s.run(["run", "--", python(), "scan.py"]).succeeds().shows("looked");
    let killed = end_everywhere(s, calls);
    assert!(killed > calls.len(), "{killed} of {} were killed", 3 * calls.len());
}

#[test]
fn of_an_identity_that_was_unlocked() {
    if !needs("python3") || !needs("strace") {
        return;
    }
    let s = super::unlock::project();
    super::unlock::unlock(&s, "1h");
    let s = with_scan(s, "");
    check(&s, &[("keyctl", "1"), ("keyctl", "2"), ("openat", "3"), ("read", "3"), ("write", "1"), ("close", "3")]);
    s.run(["identity", "lock"]).succeeds();
}

#[test]
fn of_an_identity_and_values_in_the_keychain() {
    if !keychain::is_here() || !needs("python3") || !needs("strace") {
        return;
    }
    let (s, _keychain): (Sandbox, Keychain) = super::keychain::project();
    let identity = keychain::look_up(&s, "secrets/identity", &super::keychain::item(&s)).expect("the identity");
    let identity = String::from_utf8_lossy(&identity).lines().last().expect("a key").to_string();
    let s = with_scan(s.canary("IDENTITY", &identity), &identity);
    let s = s.canary("LOCAL", secret("LOCAL")).canary("OWN", secret("OWN"));
    s.call(["set", "--local", "LOCAL"]).stdin(secret("LOCAL")).go().succeeds();
    s.call(["set", "--keychain", "OWN"]).stdin(secret("OWN")).go().succeeds();
    check(&s, &[("sendmsg", "3"), ("recvmsg", "5"), ("recvmsg", "9"), ("openat", "9"), ("write", "1")]);
    for (call, which) in [("sendmsg", "4"), ("recvmsg", "8"), ("renameat", "1")] {
        let inject = format!("inject={call}:signal=KILL:when={which}");
        let set = s.call(["set", "--local", "LOCAL"]).stdin(secret("LOCAL"));
        let _ = set.under(["strace", "-f", "-o", "/dev/null", "-e", &inject]).go();
    }
}

#[test]
fn of_an_identity_that_a_plugin_holds() {
    if !needs("python3") || !needs("strace") {
        return;
    }
    let (_, identity) = super::plugin::pair("scene", 11);
    let s = with_scan(super::plugin::project(11), &identity);
    check(&s, &[("pipe2", "1"), ("write", "1"), ("openat", "5"), ("read", "9")]);
}

#[test]
fn of_an_identity_under_a_passphrase() {
    if !needs("python3") {
        return;
    }
    let s = super::unlock::project();
    super::unlock::unlock(&s, "1h");
    let s = with_scan(s, "");
    s.run(["identity", "lock"]).succeeds();
    let ran = s.call(["run", "--", python(), "scan.py"]).on_terminal(&[("Passphrase of", &answer())]).go();
    ran.succeeds().shows_part("looked");
    assert!(!ran.stdout().contains("found in"), "{}", ran.stdout());
}
