//! Several files as one: all of them new, or all of them old, whatever ends the process.
//!
//! A journal holds every file before and after, so either way leads out: [`Unfinished::resume`] writes what is missing,
//! [`Unfinished::abort`] puts back what was there. Sealed files, settings and what the trust record said: no value stands in a
//! journal.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::path::PathBuf;
use std::rc::Rc;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

use super::journal;
use super::journal::Entry;
use super::journal::Head;
use super::lock::Lock;
use super::read;
use super::read::Limit;
use super::read::show;
use super::write::Staged;
use super::write::remove_stale_temps;

/// One file that changes.
pub struct Change {
    /// The right to write it.
    pub lock: Lock,
    /// Its path below the folder of the transaction, `/` between parts.
    pub below: String,
    /// What it holds now; `None` if it does not exist.
    pub before: Option<Vec<u8>>,
    /// What it will hold.
    pub after: Vec<u8>,
}

/// Writes all changes, or none: what is journaled can be finished or undone later.
///
/// `journal` is a private folder outside the repository; `note` is given back by [`Unfinished::note`].
///
/// # Errors
/// `Kind::Failed` if the journal cannot be written, and nothing is changed then; or if a file cannot, and the message
/// says how to go on.
pub fn commit(journal: &Path, what: &str, note: &str, changes: &[Change]) -> Result<Placed> {
    let entries: Vec<Entry> = changes.iter().map(Entry::of).collect();
    let head = Head { what: what.to_string(), note: note.to_string(), files: entries };
    // A full disk shows here, where nothing was changed and nothing has to be undone.
    let batch = Batch::stage(changes.iter().map(|change| (&change.lock, change.after.as_slice())))?;
    journal::write(journal, &head, changes)?;
    batch.place().map_err(|error| interrupted(what, error))?;
    Ok(Placed { journal: journal.to_path_buf() })
}

/// Files that are in their place. Their journal stays until the caller has remembered what follows from them: whoever is
/// killed before that finds a change to finish.
#[must_use]
pub struct Placed {
    journal: PathBuf,
}

impl Placed {
    /// Ends the transaction.
    ///
    /// # Errors
    /// `Kind::Failed` if the journal cannot be removed.
    pub fn end(self) -> Result<()> {
        journal::remove(&self.journal)
    }
}

/// A transaction that was interrupted.
pub struct Unfinished {
    journal: PathBuf,
    head: Head,
    contents: Vec<journal::Contents>,
}

impl Unfinished {
    /// Finds one; a journal that was never committed is removed, since nothing was changed.
    ///
    /// # Errors
    /// `Kind::Failed` if the journal cannot be read.
    pub fn find(journal: &Path) -> Result<Option<Self>> {
        let found = journal::read(journal)?;
        Ok(found.map(|(head, contents)| Self { journal: journal.to_path_buf(), head, contents }))
    }

    /// Returns what was being done, as messages say it.
    pub fn what(&self) -> &str {
        &self.head.what
    }

    /// Returns what the caller of [`commit`] wanted to know again.
    pub fn note(&self) -> &str {
        &self.head.note
    }

    /// Returns the paths of its files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.head.files.iter().map(|entry| entry.path.as_str())
    }

    /// Makes every file new.
    ///
    /// # Errors
    /// `Kind::Failed` if a file is neither what it was before nor what it was to be: somebody changed it since; and as
    /// [`commit`].
    pub fn resume(self, root: &Path) -> Result<Placed> {
        self.finish(root, |(_, after)| Some(after.as_slice()))
    }

    /// Makes every file old again.
    ///
    /// # Errors
    /// As [`Self::resume`].
    pub fn abort(self, root: &Path) -> Result<Placed> {
        self.finish(root, |(before, _)| before.as_deref())
    }

    fn finish(&self, root: &Path, wanted: impl Fn(&journal::Contents) -> Option<&[u8]>) -> Result<Placed> {
        let paths: Vec<&str> = self.paths().collect();
        let locks = Lock::all_beneath(root, &paths)?;
        // Whoever held them may have been at work, and has ended since.
        if journal::read(&self.journal)?.is_none() {
            return Err(Error::new(Kind::Failed, format!("`{}` was not interrupted, and is done", self.what())));
        }
        let mut writes = Vec::new();
        let mut removals = Vec::new();
        for ((lock, entry), contents) in locks.iter().zip(&self.head.files).zip(&self.contents) {
            let now = self.content_now(root, entry)?;
            let is_known = now.as_deref() == contents.0.as_deref() || now.as_deref() == Some(&contents.1[..]);
            if !is_known {
                let path = &entry.path;
                return Err(Error::new(
                    Kind::Failed,
                    format!("`{path}` was changed after `{}` was interrupted", self.what()),
                )
                .hint(format!("move `{path}` away, or put its last committed version back with git, and try again")));
            }
            match wanted(contents) {
                Some(bytes) if now.as_deref() != Some(bytes) => writes.push((lock, bytes)),
                None if now.is_some() => removals.push(root.join(&entry.path)),
                Some(_) | None => {}
            }
        }
        let batch = Batch::stage(writes.into_iter()).map_err(|error| interrupted(self.what(), error))?;
        batch.place().map_err(|error| interrupted(self.what(), error))?;
        for path in removals {
            fs::remove_file(&path)
                .map_err(|error| Error::new(Kind::Failed, format!("cannot remove `{}`", show(&path))).because(error))?;
        }
        Ok(Placed { journal: self.journal.clone() })
    }

    fn content_now(&self, root: &Path, entry: &Entry) -> Result<Option<Vec<u8>>> {
        if root.join(&entry.path).symlink_metadata().is_err() {
            return Ok(None);
        }
        read::read_beneath(root, Path::new(&entry.path), Limit::JOURNAL).map(|bytes| Some(bytes.to_vec()))
    }
}

/// Files that lie ready beside those that they will replace, and are durable.
struct Batch<'a> {
    staged: Vec<Staged<'a>>,
    folders: Vec<Rc<File>>,
}

impl<'a> Batch<'a> {
    /// Writes every file; what is not placed afterwards is removed.
    fn stage(writes: impl Iterator<Item = (&'a Lock, &'a [u8])>) -> Result<Self> {
        let writes: Vec<(&Lock, &[u8])> = writes.collect();
        // Files of one folder share its descriptor.
        let mut folders: BTreeMap<i32, (Rc<File>, Vec<&OsStr>)> = BTreeMap::new();
        for (lock, _) in &writes {
            let entry = folders.entry(lock.folder.as_raw_fd()).or_insert_with(|| (Rc::clone(&lock.folder), Vec::new()));
            entry.1.push(&lock.name);
        }
        for (folder, names) in folders.values() {
            remove_stale_temps(folder, names);
        }
        let staged = writes.iter().map(|(lock, bytes)| Staged::write(lock, bytes)).collect::<Result<Vec<_>>>()?;
        let folders: Vec<Rc<File>> = folders.into_values().map(|(folder, _)| folder).collect();
        sync(&folders, &staged)?;
        Ok(Self { staged, folders })
    }

    /// Puts every file in its place.
    fn place(self) -> Result<()> {
        for file in self.staged {
            file.place()?;
        }
        self.folders.iter().try_for_each(|folder| folder.sync_all().map_err(not_durable))
    }
}

/// One `syncfs` for each folder's file system is cheaper than an fsync for each of a thousand files.
#[cfg(target_os = "linux")]
fn sync(folders: &[Rc<File>], staged: &[Staged<'_>]) -> Result<()> {
    const MANY: usize = 32;
    if staged.len() < MANY {
        return staged.iter().try_for_each(Staged::sync);
    }
    for folder in folders {
        rustix::fs::syncfs(&**folder).map_err(|error| not_durable(error.into()))?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn sync(_folders: &[Rc<File>], staged: &[Staged<'_>]) -> Result<()> {
    staged.iter().try_for_each(Staged::sync)
}

fn not_durable(error: io::Error) -> Error {
    Error::new(Kind::Failed, "the files cannot be made durable").because(error)
}

fn interrupted(what: &str, error: Error) -> Error {
    error
        .in_front(format!("`{what}` was interrupted: "))
        .hint("`secrets rekey --resume` finishes it, `secrets rekey --abort` undoes it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(root: &Path) -> Vec<Change> {
        let names = ["a.env", "deep/b.env", "new.env"];
        let locks = Lock::all_beneath(root, &names).unwrap();
        let change = |(lock, name): (Lock, &str)| {
            let before = fs::read(root.join(name)).ok();
            Change { lock, below: name.to_string(), before, after: format!("new {name}").into_bytes() }
        };
        locks.into_iter().zip(names).map(change).collect()
    }

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("p/deep")).unwrap();
        fs::write(folder.path().join("p/a.env"), "old a").unwrap();
        fs::write(folder.path().join("p/deep/b.env"), "old b").unwrap();
        folder
    }

    #[test]
    fn all_files_become_new_and_no_journal_stays() {
        let folder = project();
        let (root, journal) = (folder.path().join("p"), folder.path().join("j"));
        commit(&journal, "rekey", "", &changes(&root)).unwrap().end().unwrap();
        for name in ["a.env", "deep/b.env", "new.env"] {
            assert_eq!(fs::read_to_string(root.join(name)).unwrap(), format!("new {name}"));
        }
        assert!(Unfinished::find(&journal).unwrap().is_none());
    }

    #[test]
    fn what_was_interrupted_is_finished_or_undone() {
        for written in 0..3 {
            for resume in [true, false] {
                let folder = project();
                let (root, journal) = (folder.path().join("p"), folder.path().join("j"));
                let changes = changes(&root);
                let head = Head {
                    what: "rekey".to_string(),
                    note: String::new(),
                    files: changes.iter().map(Entry::of).collect(),
                };
                journal::write(&journal, &head, &changes).unwrap();
                let writes = changes.iter().take(written).map(|c| (&c.lock, c.after.as_slice()));
                Batch::stage(writes).unwrap().place().unwrap();
                drop(changes);
                let unfinished = Unfinished::find(&journal).unwrap().unwrap();
                let placed = if resume { unfinished.resume(&root).unwrap() } else { unfinished.abort(&root).unwrap() };
                placed.end().unwrap();
                let a = fs::read_to_string(root.join("a.env")).unwrap();
                assert_eq!(a, if resume { "new a.env" } else { "old a" });
                assert_eq!(root.join("new.env").exists(), resume);
                assert!(Unfinished::find(&journal).unwrap().is_none());
            }
        }
    }

    #[test]
    fn a_file_that_somebody_changed_since_is_not_overwritten() {
        let folder = project();
        let (root, journal) = (folder.path().join("p"), folder.path().join("j"));
        let changes = changes(&root);
        let head =
            Head { what: "rekey".to_string(), note: String::new(), files: changes.iter().map(Entry::of).collect() };
        journal::write(&journal, &head, &changes).unwrap();
        drop(changes);
        fs::write(root.join("a.env"), "foreign").unwrap();
        assert!(Unfinished::find(&journal).unwrap().unwrap().resume(&root).is_err());
        assert_eq!(fs::read_to_string(root.join("a.env")).unwrap(), "foreign");
        assert!(Unfinished::find(&journal).unwrap().is_some());
    }
}
