//! What this machine takes of a repository that others write to: versions, settings, and files that were tampered with.

mod ci;
mod copies;
mod corpus;
mod histories;
mod reach;
mod replaced;
mod service;
mod settings;
mod shown;
mod tamper;
mod versions;

use std::path::Path;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;

/// Somebody whom nobody here has accepted.
pub const RECIPIENT: &str = "age1pvugvqht7rm5le7hxqweerjquntt9n948tduzys67gqjl8ymgchq8je9xx";

/// Where the vectors of the seal lie.
pub fn vectors() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/seal"))
}

/// A file without its seal, as sops leaves it.
pub fn without_seal(file: &str) -> String {
    file.lines().filter(|line| !line.contains("_seal=")).map(|line| format!("{line}\n")).collect()
}

/// Runs a program with the project's values; returns the exit code, and whether the program was started.
pub fn start(s: &Sandbox, flags: &[&str]) -> (i32, bool) {
    let mark = s.path("started");
    let _ = std::fs::remove_file(&mark);
    let words = ["run"].iter().chain(flags).chain(&["--", "touch", "started"]);
    let code = s.run(words.copied().collect::<Vec<_>>()).code();
    let started = mark.exists();
    let _ = std::fs::remove_file(&mark);
    (code, started)
}

/// Puts a sealed file in the project's place.
pub fn put(s: &Sandbox, file: impl AsRef<[u8]>) {
    s.write(SEALED, file);
}
