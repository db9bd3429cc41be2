//! The last version of a file that somebody sealed, and the number that the next one gets.

use std::collections::HashSet;

use crate::base::Result;
use crate::history::Span;
use crate::sops::Leniency;
use crate::sops::Opened;
use crate::sops::Seal;
use crate::sops::SealedFile;

use super::Work;

/// So many sealed versions are opened at most in the search for one that is right.
const MOST_TRIES: usize = 50;

/// What is known of a file's sealed versions.
pub struct Past {
    /// The youngest one of `HEAD`'s history that an identity here opens and whose seal is right.
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
        let mut seen = HashSet::new();
        let changes = git.history(&[&self.site.environment.file], Span::Head)?.changes;
        let blobs: Vec<String> =
            changes.into_iter().filter_map(|change| change.blob).filter(|blob| seen.insert(blob.clone())).collect();
        let mut tries = 0;
        for part in blobs.chunks(16) {
            for content in git.contents(part)?.into_iter().flatten() {
                // Only a claim that would matter is worth opening the version for.
                let Some(claim) = Seal::claimed(&content) else { continue };
                if (past.last.is_some() && claim.seq <= past.seq) || tries >= MOST_TRIES {
                    continue;
                }
                tries += 1;
                if let Some(opened) = self.open_sealed(&content) {
                    past.seq = past.seq.max(claim.seq);
                    past.last.get_or_insert(opened);
                }
            }
        }
        Ok(past)
    }

    fn open_sealed(&self, content: &[u8]) -> Option<Opened> {
        let (file, _) = SealedFile::read(content, Leniency::None, None).ok()?;
        let key = self.context.keyring().open(&file, "", &[]).ok()?;
        file.open(key).ok()
    }
}
