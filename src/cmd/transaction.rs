//! A change of several files that was interrupted, and the way out.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::disk::Unfinished;
use crate::project;
use crate::project::Trust;
use crate::project::trust::Touched;
use crate::team::Scope;

use super::context::Context;

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

/// Writes what the journal keeps of the trust record.
///
/// # Errors
/// `Kind::Bug` if it is no JSON.
pub fn note(touched: &Touched) -> Result<String> {
    serde_json::to_string(touched).map_err(|error| Error::new(Kind::Bug, "cannot write JSON").because(error))
}

/// Finishes or undoes what was interrupted, and remembers it.
///
/// The settings may be half new, so nothing is asked of them before.
///
/// # Errors
/// As [`Unfinished::resume`] and [`Unfinished::abort`]; `Kind::Failed` if it cannot be remembered: then it is still there.
pub fn finish(context: &Context<'_>, resume: bool) -> Result<()> {
    let home = project::find_home(context.world)?;
    let journal = Trust::journal_of(context.world, &home);
    let Some(unfinished) = journal.as_deref().map(Unfinished::find).transpose()?.flatten() else {
        context.ui.done("nothing was interrupted");
        return Ok(());
    };
    let (what, count) = (unfinished.what().to_string(), unfinished.paths().count());
    let touched: Touched = serde_json::from_str(unfinished.note()).map_err(|error| {
        Error::new(Kind::Failed, format!("the journal of `{what}` cannot be understood")).because(error)
    })?;
    let placed = if resume { unfinished.resume(&home)? } else { unfinished.abort(&home)? };
    // The change was this machine's own, and was checked before its journal was written.
    let scope = Scope::of(context.project()?)?;
    let mut trust = Trust::load(context.world, &scope.projects[0])?;
    if resume {
        trust.adopt_finished(&scope.projects, &touched);
    } else {
        trust.adopt_undone(&scope.projects, touched);
    }
    trust.save(&scope.projects[0])?;
    placed.end()?;
    context.ui.done(format!("{} `{what}`: {count} files", if resume { "finished" } else { "undid" }));
    Ok(())
}
