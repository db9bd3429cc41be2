//! Our files in the hands of real sops, age and the common readers of `.env`, and theirs in ours.
//!
//! `scripts/test-tools` installs the peers. What is not there is left out with a line on stderr, or fails with
//! `SECRETS_TEST_ALL=1`. `scripts/interop-full` goes over a thousand random files each way.

#![allow(clippy::unwrap_used, reason = "everything here is a test or its scenery")]
#![allow(clippy::print_stdout, reason = "counts, for `--nocapture`")]

// What a scene rests on.
#[path = "interop/keys.rs"]
mod keys;
#[path = "interop/needs.rs"]
mod needs;
#[path = "interop/place.rs"]
mod place;
#[path = "interop/random.rs"]
mod random;
#[path = "interop/teammates.rs"]
mod teammates;
#[path = "interop/values.rs"]
mod values;

// The scenes.
#[path = "interop/age.rs"]
mod age_tool;
#[path = "interop/edits.rs"]
mod edits;
#[path = "interop/files.rs"]
mod files;
#[path = "interop/formats.rs"]
mod formats;
#[path = "interop/identities.rs"]
mod identities;
#[path = "interop/merges.rs"]
mod merges;
#[path = "interop/moving.rs"]
mod moving;
#[path = "interop/projects.rs"]
mod projects;
#[path = "interop/readers.rs"]
mod readers;
#[path = "interop/shamir.rs"]
mod shamir;
#[path = "interop/ssh.rs"]
mod ssh;

#[test]
fn no_file_is_forgotten() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");
    let listed = include_str!("interop.rs");
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(listed.contains(&format!("\"interop/{name}\"")), "tests/interop/{name} is not listed");
    }
}
