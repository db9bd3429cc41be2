//! The journal of a change of several files: what each held, and what it is to hold.
//!
//! One line of JSON, then the bytes of all files. It is written whole before the first file changes; sealed files and
//! settings only, so no value stands in it.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::hex;

use super::read::Limit;
use super::read::read as read_file;
use super::read::show;
use super::transaction::Change;
use super::write::make_private_folder;

const JOURNAL: &str = "journal";
const UNCOMMITTED: &str = "journal.new";

/// What one file held, and what it is to hold.
pub type Contents = (Option<Vec<u8>>, Vec<u8>);

/// What stands at the head of a journal; the bytes of all files follow.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Head {
    /// What was being done, as messages say it.
    pub what: String,
    /// Whatever the caller wants to know again when it finishes what was interrupted.
    #[serde(default)]
    pub note: String,
    pub files: Vec<Entry>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Entry {
    pub path: String,
    /// Lengths in bytes; the file did not exist where there is none.
    before: Option<u64>,
    after: u64,
    /// SHA-256 of both, as hex.
    before_digest: Option<String>,
    after_digest: String,
}

impl Entry {
    pub fn of(change: &Change) -> Self {
        Self {
            path: change.below.clone(),
            before: change.before.as_ref().map(|bytes| bytes.len() as u64),
            after: change.after.len() as u64,
            before_digest: change.before.as_deref().map(digest),
            after_digest: digest(&change.after),
        }
    }
}

/// Reads a journal; one that was never committed is removed, since nothing was changed.
///
/// # Errors
/// `Kind::Failed` if it cannot be read, or is damaged.
pub fn read(folder: &Path) -> Result<Option<(Head, Vec<Contents>)>> {
    let path = folder.join(JOURNAL);
    if path.symlink_metadata().is_err() {
        let _ = fs::remove_file(folder.join(UNCOMMITTED));
        return Ok(None);
    }
    let bytes = read_file(&path, Limit::JOURNAL)?;
    let damaged = || Error::new(Kind::Failed, format!("the journal `{}` is damaged", show(&path)));
    let end = memchr::memchr(b'\n', &bytes).ok_or_else(damaged)?;
    let head: Head = serde_json::from_slice(&bytes[..end]).map_err(|error| damaged().because(error))?;
    let mut rest = &bytes[end + 1..];
    let mut take = |length: u64| {
        let length = usize::try_from(length).ok().filter(|length| *length <= rest.len())?;
        let (taken, after) = rest.split_at(length);
        rest = after;
        Some(taken.to_vec())
    };
    let mut contents = Vec::with_capacity(head.files.len());
    for entry in &head.files {
        let before = entry.before.map(|length| take(length).ok_or_else(damaged)).transpose()?;
        let after = take(entry.after).ok_or_else(damaged)?;
        if digest(&after) != entry.after_digest || before.as_deref().map(digest) != entry.before_digest {
            return Err(damaged());
        }
        contents.push((before, after));
    }
    Ok(Some((head, contents)))
}

/// Writes a journal; from then on the change is finished or undone, whatever ends the process.
///
/// # Errors
/// `Kind::Failed`, and nothing was changed.
pub fn write(folder: &Path, head: &Head, changes: &[Change]) -> Result<()> {
    make_private_folder(folder)?;
    let (path, temp) = (folder.join(JOURNAL), folder.join(UNCOMMITTED));
    let failed = |error: io::Error| {
        Error::new(Kind::Failed, format!("cannot write the journal `{}`", show(&path)))
            .because(error)
            .hint("nothing was changed")
    };
    if path.symlink_metadata().is_ok() {
        return Err(Error::new(Kind::Failed, "another change of several files was interrupted")
            .hint("`secrets rekey --resume` finishes it, `secrets rekey --abort` undoes it"));
    }
    let write = || -> io::Result<()> {
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temp)?;
        let mut out = io::BufWriter::new(file);
        serde_json::to_writer(&mut out, head)?;
        out.write_all(b"\n")?;
        for change in changes {
            out.write_all(change.before.as_deref().unwrap_or_default())?;
            out.write_all(&change.after)?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temp, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(failed)
}

/// Removes a journal: the change is done.
///
/// # Errors
/// `Kind::Failed` if it cannot be removed.
pub fn remove(folder: &Path) -> Result<()> {
    let path = folder.join(JOURNAL);
    fs::remove_file(&path).and_then(|()| File::open(folder)?.sync_all()).map_err(|error| {
        Error::new(Kind::Failed, format!("cannot remove the journal `{}`", show(&path))).because(error)
    })
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
