//! Calling git so that neither the caller's environment nor the repository's settings make it run a program.

use std::ffi::OsStr;
use std::io::Read as _;
use std::io::Write as _;
use std::process::Command;
use std::process::Stdio;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;

use super::Repository;

/// Settings that would run a program, or take a repository from a folder that a commit brought.
///
/// Held by tests/it/git.rs::hostile_settings_run_nothing.
const SAFE: [&str; 7] = [
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.untrackedCache=false", "core.alternateRefsCommand=",
    "diff.external=", "safe.bareRepository=explicit", "log.showSignature=false",
];

/// A path in a call is a name and no pattern.
pub(super) const LITERAL: &str = "--literal-pathspecs";
/// A path in a call is a pattern.
pub(super) const GLOB: &str = "--glob-pathspecs";

/// More than any answer that is asked for.
const MOST_OUTPUT: u64 = 1 << 30;

impl Repository {
    /// Prepares a call that reads.
    pub(super) fn git(&self, arguments: &[&str]) -> Command {
        // Neither git's own variables, which can name programs, nor an identity.
        let is_foreign = |name: &OsStr| {
            let name = name.as_encoded_bytes();
            name.starts_with(b"GIT_") || name.starts_with(b"SECRETS_") || name.starts_with(b"SOPS_AGE_")
        };
        let clean = self.env.iter().filter(|(name, _)| !is_foreign(name));
        let mut command = Command::new(&self.git);
        command.env_clear().envs(clean).current_dir(&self.folder);
        // A missing object would be fetched, by a program that the settings name.
        command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "none").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
        // What a replace ref puts in the place of a commit is not what HEAD's history holds.
        command.env("GIT_NO_REPLACE_OBJECTS", "1");
        command.arg("--no-pager").args(SAFE.iter().flat_map(|setting| ["-c", setting]));
        // `check-ignore` alone does not know that flag.
        if !arguments.first().is_some_and(|first| [GLOB, LITERAL, "check-ignore"].contains(first)) {
            command.arg(LITERAL);
        }
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(super) fn says_yes(&self, arguments: &[&str]) -> bool {
        let mut command = self.git(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Returns what git prints.
    ///
    /// # Errors
    /// `Kind::Failed`, with git's own words.
    pub fn output(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        self.output_of(arguments, Vec::new())
    }

    /// Returns what git prints when it reads `input`.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub(super) fn output_of(&self, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>> {
        let what = arguments.iter().find(|word| !word.starts_with("--")).copied().unwrap_or_default();
        let failed = || Error::new(Kind::Failed, format!("`git {what}` failed"));
        let mut command = self.git(arguments);
        if !input.is_empty() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|error| failed().because(error))?;
        // From a thread: git prints while it reads, and a full pipe on both sides would stop both.
        let feeder = child.stdin.take().map(|mut stdin| std::thread::spawn(move || stdin.write_all(&input)));
        let errors = child.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.by_ref().take(4 << 10).read_to_end(&mut text);
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
                text
            })
        });
        let mut bytes = Vec::new();
        let read = child.stdout.take().map_or(Ok(0), |stdout| stdout.take(MOST_OUTPUT).read_to_end(&mut bytes));
        let status = child.wait().map_err(|error| failed().because(error))?;
        let _ = feeder.map(std::thread::JoinHandle::join);
        let said = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
        read.map_err(|error| failed().because(error))?;
        if status.success() {
            return Ok(bytes);
        }
        let said = printable(said.split(|b| *b == b'\n').next().unwrap_or_default());
        Err(failed().because(if said.is_empty() { status.to_string() } else { said }))
    }

    /// Returns one line that git prints.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub(super) fn text(&self, arguments: &[&str]) -> Result<String> {
        let bytes = self.output(arguments)?;
        Ok(printable(bytes.strip_suffix(b"\n").unwrap_or(&bytes)))
    }

    /// Returns the content of each object; `None` where there is none, or it is no file.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub(super) fn objects(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let input = names.iter().flat_map(|name| [name.as_bytes(), b"\n"]).collect::<Vec<_>>().concat();
        let bytes = self.output_of(&["cat-file", "--batch"], input)?;
        let mut rest = bytes.as_slice();
        let cut = || Error::new(Kind::Failed, "`git cat-file` ended early");
        let mut objects = Vec::with_capacity(names.len());
        for _ in names {
            let end = memchr::memchr(b'\n', rest).ok_or_else(cut)?;
            let head = std::str::from_utf8(&rest[..end]).unwrap_or_default();
            rest = &rest[end + 1..];
            let mut words = head.rsplit(' ');
            let Some(size) = words.next().and_then(|size| size.parse::<usize>().ok()) else {
                objects.push(None);
                continue;
            };
            let is_blob = words.next() == Some("blob");
            let content = rest.get(..size).ok_or_else(cut)?;
            objects.push(is_blob.then(|| content.to_vec()));
            rest = rest.get(size + 1..).ok_or_else(cut)?;
        }
        Ok(objects)
    }
}
