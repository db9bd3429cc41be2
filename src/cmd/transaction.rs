//! A change of several files that was interrupted, and the way out.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::disk::Unfinished;
use crate::project::Trust;

/// Finds a change of several files that was interrupted.
///
/// # Errors
/// As [`Unfinished::find`].
pub fn waiting(trust: &Trust) -> Result<Option<Unfinished>> {
    match trust.journal() {
        Some(journal) => Unfinished::find(&journal),
        None => Ok(None),
    }
}

/// Refuses to write while one waits: what it would put back or finish must stay as it is.
///
/// # Errors
/// `Kind::Failed`, with both ways out.
pub fn check_none_waits(trust: &Trust) -> Result<()> {
    match waiting(trust)? {
        None => Ok(()),
        Some(unfinished) => Err(Error::new(Kind::Failed, format!("`{}` was interrupted", unfinished.what()))
            .hint("`secrets rekey --resume` finishes it, `secrets rekey --abort` undoes it")),
    }
}
