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
        let mut seen = HashSet::new();
        let changes = git.history(&[&self.site.environment.file], Span::Head)?.changes;
        let blobs: Vec<String> =
            changes.into_iter().filter_map(|change| change.blob).filter(|blob| seen.insert(blob.clone())).collect();
        let mut claims: Vec<(u64, &String)> = Vec::new();
        for part in blobs.chunks(64) {
            for (blob, content) in part.iter().zip(git.contents(part)?) {
                let claim = content.as_deref().and_then(Seal::claimed);
                claims.extend(claim.map(|claim| (claim.seq, blob)));
            }
        }
        // What history says is a claim until the version was opened.
        claims.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
        for (seq, blob) in claims.into_iter().take(MOST_TRIES) {
            let content = git.contents(std::slice::from_ref(blob))?.pop().flatten();
            if let Some(opened) = content.and_then(|content| self.open_sealed(&content)) {
                past.seq = past.seq.max(seq);
                past.last = Some(opened);
                break;
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
