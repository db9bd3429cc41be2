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

/// A merge that was committed.
pub struct Merge {
    /// The commit, as hex.
    pub commit: String,
    /// What it made of the sides.
    pub made: Vec<u8>,
    pub sides: Sides,
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

    /// Returns the merge that last touched `path` in `HEAD`'s history.
    ///
    /// It is the youngest merge whose file differs from both parents', with nothing committed to the file since.
    ///
    /// # Errors
    /// As [`Self::conflict`].
    pub fn last_merge(&self, path: &str) -> Result<Option<Merge>> {
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
        let names = [at(&last), at(ours), at(theirs)].into_iter().chain(base.as_deref().map(at));
        let mut contents = self.objects(&names.collect::<Vec<_>>())?.into_iter();
        let mut next = || contents.next().flatten();
        let (Some(made), Some(ours), Some(theirs)) = (next(), next(), next()) else { return Ok(None) };
        Ok(Some(Merge { made, sides: Sides { base: next(), ours, theirs }, commit: last }))
    }
}
