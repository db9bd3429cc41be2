//! `--local`: a value for one person on one machine.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::cmd::change;
use crate::cmd::context::Context;
use crate::cmd::judge;
use crate::cmd::target::Target;
use crate::resolve::Selected;
use crate::resolve::personal_reference;
use crate::resolve::policy;
use crate::resolve::policy::Danger;

use super::check_no_digests;
use super::open;
use super::selected;

/// Keeps a value for this person on this machine.
///
/// # Errors
/// `Kind::Failed` if this machine cannot remember that there is one; as [`crate::store::Store::write`].
pub fn set_local(context: &Context<'_>, target: &Target, name: &Name, value: Value) -> Result<()> {
    check_no_digests(target)?;
    change::check_writing(target)?;
    // The project's id has to stand in the record before anything is named by it.
    judge::remember(context, &selected(target)?);
    let _lock = selected(target)?.trust.borrow().lock_personal()?.ok_or_else(not_remembered)?;
    // While this one waited another may have noted or removed the name.
    let target = target.again(context.world)?;
    let Selected { project, environment, trust } = selected(&target)?;
    let reference = personal_reference(project, environment, &trust.borrow(), name);
    open(&reference)?.write(&reference, value)?;
    if !trust.borrow().personal(project, environment).contains(name)
        && let Err(error) = note(context, &target, std::slice::from_ref(name), true)
    {
        // Nothing led there before, so nothing of anybody's is lost.
        let _ = open(&reference)?.remove(&reference);
        return Err(error);
    }
    context.ui.done(format!("`{name}` has a value of your own in `{}`, on this machine alone", environment.name));
    if policy::danger(name.as_str()) == Some(Danger::Never) {
        context.ui.warn(format!("`run` refuses `{name}`: it could take over the shell or the loader"));
    }
    Ok(())
}

/// Takes a person's own values away; what the environment says stands again, even where the keychain does not answer any more.
///
/// # Errors
/// `Kind::Failed` if one of the names has none; as [`crate::store::Store::remove`].
pub fn unset_local(context: &Context<'_>, target: &Target, names: &[Name]) -> Result<()> {
    check_no_digests(target)?;
    selected(target)?.trust.borrow().check_place()?;
    let _lock = selected(target)?.trust.borrow().lock_personal()?;
    let target = &target.again(context.world)?;
    let Selected { project, environment, trust } = selected(target)?;
    let noted = trust.borrow().personal(project, environment);
    let place = &environment.name;
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    // One that is not noted any more may still lie in the keychain, if that did not answer the last time.
    let (own, left): (Vec<Name>, Vec<Name>) = names.into_iter().partition(|name| noted.contains(name));
    let reference = |name: &Name| personal_reference(project, environment, &trust.borrow(), name);
    for name in &left {
        let reference = reference(name);
        if open(&reference)?.read(&[&reference])?.pop().transpose()?.flatten().is_none() {
            return Err(Error::new(Kind::Failed, format!("`{name}` has no value of your own in `{place}`"))
                .hint("`secrets list --json` shows where each name comes from"));
        }
    }
    note(context, target, &own, false)?;
    for name in own.iter().chain(&left) {
        let reference = reference(name);
        open(&reference)?.remove(&reference).map_err(|error| {
            let lead =
                format!("`{name}` of `{place}` is the project's again, but your value is still in the keychain: ");
            error.in_front(lead).hint("the same command tries again")
        })?;
        context.ui.done(format!("removed your own value of `{name}`; `{place}` has its own again"));
    }
    Ok(())
}

/// Notes whether there are values of one's own, and looks whether that is really remembered.
fn note(context: &Context<'_>, target: &Target, names: &[Name], are_kept: bool) -> Result<()> {
    let Selected { project, environment, trust } = selected(target)?;
    let mut record = trust.borrow_mut();
    names.iter().for_each(|name| record.keep_personal(project.label(environment), name, are_kept));
    record.save(project).map_err(|error| not_remembered().because(error.message().to_string()))?;
    let id = record.id().to_string();
    drop(record);
    let again = target.again(context.world)?;
    let again = selected(&again)?;
    let record = again.trust.borrow();
    let kept = record.personal(again.project, again.environment);
    let is_noted = record.id() == id && names.iter().all(|name| kept.contains(name) == are_kept);
    if is_noted { Ok(()) } else { Err(not_remembered()) }
}

fn not_remembered() -> Error {
    Error::new(Kind::Failed, "this machine cannot remember that it keeps a value of your own")
        .hint("`secrets status` tells what is wrong with the project's record")
}
