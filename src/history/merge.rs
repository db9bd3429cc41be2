//! The sides of a merge: in the index while it waits for a person, or the parents of the commit that made it.

use crate::base::Result;

use super::Repository;

/// Both sides of a merge and what they come from.
pub struct Sides {
    /// The common version; `None` if both sides made the file.
    pub base: Option<Vec<u8>>,
    pub ours: Vec<u8>,
    pub theirs: Vec<u8>,
}

impl Repository {
    /// Returns the sides of a conflict that the index holds; `None` if `path` is in none, or one side removed it.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot say.
    pub fn conflict(&self, path: &str) -> Result<Option<Sides>> {
        if self.output(&["ls-files", "--unmerged", "--", path])?.is_empty() {
            return Ok(None);
        }
        let stages: Vec<String> = (1..=3).map(|stage| format!(":{stage}:./{path}")).collect();
        let mut contents = self.objects(&stages)?.into_iter();
        let (base, ours, theirs) = (contents.next().flatten(), contents.next().flatten(), contents.next().flatten());
        Ok(ours.zip(theirs).map(|(ours, theirs)| Sides { base, ours, theirs }))
    }

    /// Returns the sides of the merge that last touched `path` in `HEAD`'s history, and its commit.
    ///
    /// It is the youngest merge whose file differs from both parents', with nothing committed to the file since.
    ///
    /// # Errors
    /// As [`Self::conflict`].
    pub fn last_merge(&self, path: &str) -> Result<Option<(String, Sides)>> {
        let Ok(head) = self.commit("HEAD") else { return Ok(None) };
        let last = self.text(&["rev-list", "--max-count=1", "--full-history", &head, "--", path])?;
        if last.is_empty() {
            return Ok(None);
        }
        let line = self.text(&["rev-list", "--parents", "--max-count=1", &last])?;
        let parents: Vec<&str> = line.split(' ').skip(1).collect();
        let [ours, theirs] = parents.as_slice() else { return Ok(None) };
        let base = self.text(&["merge-base", ours, theirs]).ok();
        let at = |commit: &str| format!("{commit}:./{path}");
        let mut contents = self.objects(&[at(ours), at(theirs)])?.into_iter();
        let (Some(ours), Some(theirs)) = (contents.next().flatten(), contents.next().flatten()) else {
            return Ok(None);
        };
        let base = match base {
            Some(base) => self.file_at(&base, path)?,
            None => None,
        };
        Ok(Some((last, Sides { base, ours, theirs })))
    }
}
