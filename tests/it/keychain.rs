//! The real gnome-keyring on a bus of its own, without a display.

mod personal;
mod references;

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;

/// A session bus and the keyring on it; both end when it is dropped.
pub struct Keychain {
    session: Child,
    daemon: i32,
}

/// Tells whether the programs for it are there.
pub fn is_here() -> bool {
    ["gnome-keyring-daemon", "dbus-run-session", "dbus-send", "secret-tool"].into_iter().all(needs)
}

/// Starts a keyring whose login collection is open, in the sandbox's folders; what an earlier one kept there is there again.
pub fn start(s: Sandbox) -> (Sandbox, Keychain) {
    // The session waits on its stdin: when we go, by whatever way, it ends, and the keyring with it.
    let script =
        "printf %s test-password | gnome-keyring-daemon --unlock --components=secrets --daemonize >keyring.log 2>&1
        until pid=$(dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / \
            org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.secrets); do sleep 0.01; done
        echo \"${pid##* } $DBUS_SESSION_BUS_ADDRESS\" >session.new && mv session.new session
        cat";
    let tmp = s.root().join("tmp");
    let _ = fs::remove_file(tmp.join("session"));
    let session = Command::new("dbus-run-session")
        .args(["--", "sh", "-c", script])
        .env_clear()
        .envs(s.variables())
        .current_dir(&tmp)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("dbus-run-session is here");
    let end = Instant::now() + Duration::from_secs(30);
    let line = loop {
        if let Ok(line) = fs::read_to_string(tmp.join("session")) {
            break line;
        }
        assert!(Instant::now() < end, "the keyring does not start");
        std::thread::sleep(Duration::from_millis(10));
    };
    let (daemon, address) = line.trim().split_once(' ').expect("a process and an address");
    let keychain = Keychain { session, daemon: daemon.parse().expect("the keyring's process") };
    (s.env("DBUS_SESSION_BUS_ADDRESS", address), keychain)
}

impl Keychain {
    /// Closes the login collection.
    pub fn lock(&self, s: &Sandbox) {
        let service = "/org/freedesktop/secrets";
        let words = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets", service];
        s.program(words)
            .words(["org.freedesktop.Secret.Service.Lock", &format!("array:objpath:{service}/collection/login")])
            .go()
            .succeeds();
    }

    /// Lets the keyring stand still: the bus is there, and nobody answers.
    pub fn stop(&self) {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::STOP).expect("it is there");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::CONT).expect("it is there");
    }

    fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_raw(self.daemon).expect("a process")
    }
}

impl Drop for Keychain {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.pid(), rustix::process::Signal::KILL);
        drop(self.session.stdin.take());
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if !matches!(self.session.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.session.kill();
        let _ = self.session.wait();
    }
}

/// A bus that takes every connection and never answers; it ends when the listener is dropped.
pub fn silent(s: Sandbox) -> (Sandbox, UnixListener) {
    let path = s.runtime().join("silent");
    let listener = UnixListener::bind(&path).expect("a socket");
    let address = format!("unix:path={}", path.display());
    (s.env("DBUS_SESSION_BUS_ADDRESS", address), listener)
}

/// Runs something that must not wait longer than the keychain may take; the test's own limit is far above.
pub fn in_time<T>(what: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = what();
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    done
}

/// Returns an item as another program sees it; `None` if it sees none.
pub fn look_up(s: &Sandbox, service: &str, name: &str) -> Option<Vec<u8>> {
    let found = s.program(["secret-tool", "lookup", "service", service, "username", name]).go();
    let is_there = found.code() == 0;
    found.may_reveal_all();
    is_there.then(|| found.stdout.clone())
}
