//! The last version of a file that somebody sealed, and whose seal is right.

use crate::base::Result;
use crate::history::Repository;
use crate::project::trust::claims;
use crate::sops::Leniency;
use crate::sops::Opened;
use crate::sops::SealedFile;
use crate::team::Site;

use super::context::Context;

/// So many sealed versions are opened at most in the search for one that is right.
const MOST_TRIES: usize = 50;

/// Returns the version with the highest number that `HEAD`'s history has, an identity here opens, and whose seal is right; and
/// the commit that has it.
///
/// # Errors
/// `Kind::Failed` if git cannot say.
pub fn last_sealed(context: &Context<'_>, git: &Repository, site: &Site<'_>) -> Result<Option<(String, Opened)>> {
    let file = &site.environment.file;
    // What history says is a claim until the version was opened.
    let mut claims = claims(Some(git), std::slice::from_ref(file))?.seals;
    claims.sort_by_key(|(_, seal)| std::cmp::Reverse(seal.seq));
    for (commit, _) in claims.into_iter().take(MOST_TRIES) {
        let content = git.file_at(&commit, file)?;
        if let Some(opened) = content.and_then(|content| open(context, &content, &site.path()).ok()) {
            return Ok(Some((commit, opened)));
        }
    }
    Ok(None)
}

/// Opens a version of a file.
///
/// # Errors
/// As [`SealedFile::read`], [`crate::keys::Keyring::open`] and [`SealedFile::open`].
pub fn open(context: &Context<'_>, content: &[u8], shown: &str) -> Result<Opened> {
    let (file, _) = SealedFile::read(content, Leniency::None, None)?;
    let key = context.keyring().open(&file, shown, &[])?;
    file.open(key)
}
