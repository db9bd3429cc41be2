//! The sides of a merge: in the index while it waits for a person, or the parents of the commit that made it.

use crate::base::Result;

use super::Repository;

/// Both sides of a merge and what they come from.
pub struct Sides {
    /// The common version; `None` if both sides made the file.
    pub base: Option<Vec<u8>>,
    pub ours: Vec<u8>,
    pub theirs: Vec<u8>,
    /// A side that the other one's history has had: an old version, although it may be newer than the common one.
    pub old: Option<Old>,
}

/// Which side is an old version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Old {
    Ours,
    Theirs,
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
    /// Finds out which side is an old version, by the commit of each; theirs is not always known.
    ///
    /// # Errors
    /// `Kind::Failed` if git cannot say.
    pub fn old_side(&self, path: &str, sides: &Sides, ours: &str, theirs: Option<&str>) -> Result<Option<Old>> {
        // Where two branches have several common versions git merges those first, and neither side is a commit's then.
        if self.file_at(ours, path)?.as_ref() != Some(&sides.ours) {
            return Ok(None);
        }
        if self.had(ours, path, &sides.theirs)? {
            return Ok(Some(Old::Theirs));
        }
        let is_ours_old = theirs.map(|theirs| self.had(theirs, path, &sides.ours)).transpose()?;
        Ok((is_ours_old == Some(true)).then_some(Old::Ours))
    }

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
        let Some((ours, theirs)) = ours.zip(theirs) else { return Ok(None) };
        let mut sides = Sides { base, ours, theirs, old: None };
        let waiting = ["MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"];
        let their_head = waiting.into_iter().find(|name| self.commit(name).is_ok());
        sides.old = self.old_side(path, &sides, "HEAD", their_head)?;
        Ok(Some(sides))
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
        let [our_head, their_head] = *parents.as_slice() else { return Ok(None) };
        let base = self.text(&["merge-base", our_head, their_head]).ok();
        let at = |commit: &str| format!("{commit}:./{path}");
        let names = [at(&last), at(our_head), at(their_head)].into_iter().chain(base.as_deref().map(at));
        let mut contents = self.objects(&names.collect::<Vec<_>>())?.into_iter();
        let mut next = || contents.next().flatten();
        let (Some(made), Some(ours), Some(theirs)) = (next(), next(), next()) else { return Ok(None) };
        let mut sides = Sides { base: next(), ours, theirs, old: None };
        sides.old = self.old_side(path, &sides, our_head, Some(their_head))?;
        Ok(Some(Merge { made, sides, commit: last }))
    }
}
