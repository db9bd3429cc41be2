//! The versions of files, newest commit first.

use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::base::Result;
use crate::base::printable;

use super::Repository;
use super::call::GLOB;
use super::call::LITERAL;

/// Which commits are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Span<'c> {
    /// A commit and its ancestors, at most [`MOST_COMMITS`].
    Ancestors(&'c str),
    /// Everything that any ref, reflog or stash leads to.
    Everywhere,
    /// The first parents of `HEAD`, the bound included.
    FirstParents,
}

/// How far a look back goes (`docs/trust.md`).
pub const MOST_COMMITS: usize = 10_000;

/// One file that a commit changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// The commit, as hex.
    pub commit: String,
    /// When it was committed, in seconds since 1970.
    pub time: i64,
    /// The path, relative to the repository's folder.
    pub path: String,
    /// The file's content as an object's name; `None` where the commit removed it.
    pub blob: Option<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct History {
    /// The changes, newest commit first.
    pub changes: Vec<Change>,
    /// Whether there are commits that were not looked at: a shallow clone, or the bound.
    pub is_cut: bool,
}

impl Repository {
    /// Returns the commits that changed any of `paths`; a merge counts for each parent that it differs from.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot say; a repository without a commit has an empty history.
    pub fn history(&self, paths: &[&str], span: Span<'_>) -> Result<History> {
        self.history_of(LITERAL, paths, span)
    }

    /// As [`Self::history`], of every file with this name, in whatever folder.
    ///
    /// # Errors
    /// As [`Self::history`].
    pub fn history_of_name(&self, name: &str, span: Span<'_>) -> Result<History> {
        self.history_of(GLOB, &[&format!("**/{name}")], span)
    }

    fn history_of(&self, meaning: &str, paths: &[&str], span: Span<'_>) -> Result<History> {
        let Some((range, is_cut)) = self.range(span)? else { return Ok(History::default()) };
        let mut arguments = vec![meaning, "rev-list", "--timestamp", "--full-history"];
        arguments.extend(range.iter().map(String::as_str));
        arguments.push("--");
        arguments.extend(paths);
        let listed = self.output(&arguments)?;
        let mut times: HashMap<String, i64> = HashMap::new();
        let mut input = Vec::with_capacity(listed.len());
        for line in listed.split(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(line);
            let Some((time, commit)) = line.split_once(' ') else { continue };
            times.insert(commit.to_string(), time.parse().unwrap_or_default());
            input.extend_from_slice(commit.as_bytes());
            input.push(b'\n');
        }
        let is_cut = is_cut || self.is_shallow();
        if input.is_empty() {
            return Ok(History { changes: Vec::new(), is_cut });
        }
        let mut arguments =
            vec![meaning, "diff-tree", "--stdin", "-r", "-z", "--root", "--no-renames", "--no-ext-diff", "--relative"];
        arguments.push(if span == Span::FirstParents { "--diff-merges=first-parent" } else { "-m" });
        arguments.push("--");
        arguments.extend(paths);
        let changes = parse(&self.output_of(&arguments, input)?, &times);
        Ok(History { changes, is_cut })
    }

    /// Tells whether a file has ever been exactly this in the history of a commit, as far as [`Self::history`] looks back.
    ///
    /// # Errors
    /// As [`Self::history`].
    pub fn had(&self, commit: &str, path: &str, content: &[u8]) -> Result<bool> {
        let blob = self.output_of(&["hash-object", "--stdin"], content.to_vec())?;
        let blob = printable(blob.strip_suffix(b"\n").unwrap_or(&blob));
        let changes = self.history(&[path], Span::Ancestors(commit))?.changes;
        Ok(changes.iter().any(|change| change.blob.as_ref() == Some(&blob)))
    }

    /// Returns the content of every blob of these changes, each read once, by the blob's name.
    ///
    /// # Errors
    /// As [`Self::history`].
    pub fn contents(&self, changes: &[Change]) -> Result<HashMap<String, Vec<u8>>> {
        let blobs: BTreeSet<&String> = changes.iter().filter_map(|change| change.blob.as_ref()).collect();
        let blobs: Vec<String> = blobs.into_iter().cloned().collect();
        let read = self.objects(&blobs)?;
        Ok(blobs.into_iter().zip(read).filter_map(|(blob, content)| Some((blob, content?))).collect())
    }

    /// Returns the arguments that name the commits, and whether some were left out; `None` where there is no commit.
    fn range(&self, span: Span<'_>) -> Result<Option<(Vec<String>, bool)>> {
        let head = match span {
            Span::Ancestors(head) => head,
            Span::Everywhere => return Ok(Some((vec!["--all".to_string(), "--reflog".to_string()], false))),
            Span::FirstParents => "HEAD",
        };
        let Ok(head) = self.commit(head) else { return Ok(None) };
        let mut range = vec![head.clone()];
        let first = if span == Span::FirstParents { "--first-parent" } else { "--full-history" };
        // Only a long history has a border; asking for the one commit behind it is quick.
        let skip = format!("--skip={MOST_COMMITS}");
        let border = self.text(&["rev-list", first, "--max-count=1", &skip, &head])?;
        let is_cut = !border.is_empty();
        if is_cut {
            range.push(format!("^{border}"));
        }
        if span == Span::FirstParents {
            range.push("--first-parent".to_string());
        }
        Ok(Some((range, is_cut)))
    }
}

/// Reads `diff-tree -z`: a commit, then for each file `:modes blobs status`, then its path, all ended by NUL.
fn parse(bytes: &[u8], times: &HashMap<String, i64>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut commit = String::new();
    let mut parts = bytes.split(|b| *b == 0);
    while let Some(part) = parts.next() {
        let Some(fields) = part.strip_prefix(b":") else {
            commit = String::from_utf8_lossy(part).trim().to_string();
            continue;
        };
        let fields = String::from_utf8_lossy(fields);
        let blob = fields.split(' ').nth(3).unwrap_or_default();
        let is_gone = blob.bytes().all(|b| b == b'0');
        let path = printable(parts.next().unwrap_or_default());
        changes.push(Change {
            commit: commit.clone(),
            time: times.get(&commit).copied().unwrap_or_default(),
            path,
            blob: (!is_gone).then(|| blob.to_string()),
        });
    }
    changes
}
