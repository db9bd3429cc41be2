//! A team over its whole life: who comes, who goes, what a killed change leaves, and what the one who went has seen.

mod killed;
mod removed;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::sandbox::Call;
use crate::sandbox::Sandbox;

/// Somebody with an identity of his own.
pub struct Person {
    pub recipient: String,
    pub identity: PathBuf,
    /// Not in the sandbox, where an identity is a leak.
    home: TempDir,
}

impl Person {
    /// Makes an identity.
    pub fn new(s: &Sandbox) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let identity = home.path().join("identity.txt");
        let made = s.call(["identity", "new", "--output"]).words([&identity]).go();
        let recipient = made.succeeds().stdout().trim_end().to_string();
        Self { recipient, identity, home }
    }

    /// Prepares a run of `secrets` as this person.
    pub fn call<'s>(&self, s: &'s Sandbox, words: &[&str]) -> Call<'s> {
        let call = s.call(words.iter().copied()).env("SECRETS_IDENTITY_FILE", &self.identity);
        call.env("HOME", self.home.path()).env("XDG_CONFIG_HOME", "")
    }

    /// Returns the words that start a program as this person, on a machine of his own, from any shell.
    pub fn env(&self) -> String {
        let (home, identity) = (self.home.path().display(), self.identity.display());
        format!(
            "env HOME={home} XDG_CONFIG_HOME={home}/config XDG_STATE_HOME={home}/state SECRETS_IDENTITY_FILE={identity}"
        )
    }

    /// Runs `secrets` as this person; returns the exit code.
    pub fn code(&self, s: &Sandbox, words: &[&str]) -> i32 {
        self.call(s, words).go().code()
    }
}

/// Declares environments that the group `dev` reads.
pub fn environments(names: &[String]) -> String {
    names.iter().map(|name| format!("[environments.{name}]\nreaders = [\"dev\"]\n\n")).collect()
}

/// Returns the commitment in a file's seal.
pub fn commitment(file: &str) -> String {
    let seal = file.lines().find(|line| line.starts_with("sops_secrets_seal=")).expect("a seal");
    seal.split(';').find_map(|field| field.strip_prefix("kc=")).expect("a commitment").to_string()
}
