//! The last version of a file that somebody sealed, and the number that the next one gets.

use crate::base::Result;
use crate::project::trust::claims;
use crate::sops::Opened;

use super::Work;

/// So many sealed versions are opened at most in the search for one that is right.
const MOST_TRIES: usize = 50;

/// What is known of a file's sealed versions.
pub struct Past {
    /// The one with the highest number that `HEAD`'s history has, an identity here opens, and whose seal is right.
    pub last: Option<Opened>,
    /// The highest number of the record and of what was opened; 0 if there is none.
    pub seq: u64,
}

impl Work<'_> {
    /// Looks for the last sealed version, and the highest number that a right seal has.
    pub fn past(&self) -> Result<Past> {
        let trust = self.selected.trust.borrow();
        let known = trust.file(&self.site.path()).into_iter().flat_map(|file| &file.keys);
        let mut past = Past { last: None, seq: known.map(|key| key.seq).max().unwrap_or(0) };
        let Some(git) = &self.repository else { return Ok(past) };
        let file = &self.site.environment.file;
        // What history says is a claim until the version was opened.
        let mut claims = claims(Some(git), std::slice::from_ref(file))?.seals;
        claims.sort_by_key(|(_, seal)| std::cmp::Reverse(seal.seq));
        for (commit, seal) in claims.into_iter().take(MOST_TRIES) {
            let content = git.file_at(&commit, file)?;
            if let Some(opened) = content.and_then(|content| self.open(&content).ok()) {
                past.seq = past.seq.max(seal.seq);
                past.last = Some(opened);
                break;
            }
        }
        Ok(past)
    }
}
