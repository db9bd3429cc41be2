//! Single values in the keychain: those that references lead to, and a person's own.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Value;
use crate::disk;
use crate::disk::Lock;
use crate::keys::keychain::Item;
use crate::keys::keychain::SCHEME;
use crate::project;
use crate::project::FILE_NAME;
use crate::project::Settings;
use crate::project::trust::VARIABLE;
use crate::resolve::Selected;
use crate::resolve::Source;
use crate::resolve::personal_reference;
use crate::resolve::policy;
use crate::resolve::policy::Danger;
use crate::store;
use crate::store::Store;

use super::change;
use super::context::Context;
use super::judge;
use super::target::Target;

/// Where a value goes that is not to stand in the sealed file.
#[derive(clap::Args, Clone, Copy)]
pub struct PlaceArguments {
    /// In the keychain of this machine, with a reference in secrets.toml: everybody has a value of his own
    #[arg(long, conflicts_with_all = ["local", "file"])]
    pub keychain: bool,
    /// In the keychain of this machine, for you alone: laid over the environment
    #[arg(long, conflicts_with = "file")]
    pub local: bool,
}

/// Stores a value where a name's reference leads; a name without one gets it.
///
/// # Errors
/// `Kind::Refused` for a reference that this machine has not accepted; `Kind::Failed` for a name that stands in the file,
/// whose reference leads elsewhere, or whose new one would lead to an item that is there; as [`Store::write`].
pub fn set_referenced(context: &Context<'_>, target: &Target, name: &Name, value: Value) -> Result<()> {
    check_accepted(context, target)?;
    let has_reference = reference_of(&selected(target)?, name)?.is_some();
    if !has_reference {
        change::check_writing(target)?;
    }
    let locks = lock(target)?;
    // While this one waited the name may have got a value or a reference.
    let target = &target.again(context.world)?;
    check_accepted(context, target)?;
    let selected = selected(target)?;
    match reference_of(&selected, name)? {
        Some(reference) => {
            open(&reference)?.write(&reference, value)?;
            judge::remember(context, &selected);
            context.ui.done(format!("stored `{name}` in the keychain, as `{reference}`"));
        }
        None => add_reference(context, target, name, value, &locks[1])?,
    }
    change::warn_of_names(context, target, std::iter::once(name));
    Ok(())
}

/// Writes a new reference into secrets.toml and stores the value where it leads.
fn add_reference(context: &Context<'_>, target: &Target, name: &Name, value: Value, lock: &Lock) -> Result<()> {
    let Selected { project, environment, .. } = selected(target)?;
    check_not_in_file(target, name)?;
    let reference = Item::new(&project.name, format!("{}/{name}", project.label(environment))).reference();
    let store = open(&reference)?;
    if store.read(&[&reference])?.pop().transpose()?.flatten().is_some() {
        return Err(Error::new(Kind::Failed, format!("the keychain has something as `{reference}` already"))
            .because("it may be another program's, or from before")
            .hint(format!(
                "to use it: write it into [environments.{}.from] in secrets.toml, and `secrets allow`",
                environment.name
            )));
    }
    let before = project::text(&project.folder)?;
    let mut settings = Settings::parse(&before)?;
    settings.add_reference(&environment.name, name, &reference.to_string());
    disk::write_over(lock, settings.print().as_bytes(), None)?;
    if let Err(error) = store.write(&reference, value) {
        disk::write_over(lock, before.as_bytes(), None)?;
        return Err(error);
    }
    let after = target.again(context.world)?;
    let after = selected(&after)?;
    judge::remember(context, &after);
    after.trust.borrow_mut().adopt_reference(after.project, after.environment, name);
    judge::remember(context, &after);
    context.ui.done(format!("stored `{name}` in the keychain; secrets.toml leads to `{reference}`"));
    let environment = &environment.name;
    context
        .ui
        .hint(format!("each reader stores a value of his own: `secrets set --keychain {name} --env {environment}`"));
    if !after.trust.borrow().is_trusted(after.project, after.environment) {
        context.ui.hint("`secrets allow` accepts the references of this project on this machine");
    }
    Ok(())
}

/// What a repository names could be another program's item: a person accepts it first. Where digests stand for that nobody is
/// there who stores a value.
fn check_accepted(context: &Context<'_>, target: &Target) -> Result<()> {
    check_no_digests(target)?;
    judge::check_settings(context, target)
}

fn check_no_digests(target: &Target) -> Result<()> {
    if !selected(target)?.trust.borrow().is_digest_demanded() {
        return Ok(());
    }
    Err(Error::new(Kind::Refused, format!("`{VARIABLE}` is set, and the keychain is a person's"))
        .hint("unset it for this call"))
}

/// Waits for the right to write the environment's file and secrets.toml.
fn lock(target: &Target) -> Result<Vec<Lock>> {
    let Selected { project, environment, .. } = selected(target)?;
    Lock::all_beneath(&project.folder, &[environment.file.as_str(), FILE_NAME])
}

/// Takes the values away to which the references of names lead; the references stay.
///
/// # Errors
/// As [`set_referenced`]; `Kind::Failed` if there is none.
pub fn unset_referenced(context: &Context<'_>, target: &Target, names: &[Name]) -> Result<()> {
    check_accepted(context, target)?;
    let selected = selected(target)?;
    let environment = &selected.environment.name;
    let reference = |name: &Name| {
        reference_of(&selected, name)?
            .ok_or_else(|| Error::new(Kind::Failed, format!("`{name}` is no reference in `{environment}`")))
    };
    let references = names.iter().map(reference).collect::<Result<Vec<_>>>()?;
    for (name, reference) in names.iter().zip(references) {
        if !open(&reference)?.remove(&reference)? {
            return Err(Error::new(Kind::Failed, format!("`{reference}` has no value on this machine")));
        }
        context.ui.done(format!("removed `{name}` from the keychain; the reference in secrets.toml stays"));
    }
    Ok(())
}

/// Keeps a value for this person on this machine.
///
/// # Errors
/// `Kind::Failed` if this machine cannot remember that there is one; as [`Store::write`].
pub fn set_local(context: &Context<'_>, target: &Target, name: &Name, value: Value) -> Result<()> {
    check_no_digests(target)?;
    change::check_writing(target)?;
    // The project's id has to stand in the record before anything is named by it.
    judge::remember(context, &selected(target)?);
    let target = target.again(context.world)?;
    let selected = selected(&target)?;
    let Selected { project, environment, trust } = selected;
    let _lock = trust.borrow().lock_personal()?.ok_or_else(not_remembered)?;
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
/// `Kind::Failed` if one of the names has none; as [`Store::remove`].
pub fn unset_local(context: &Context<'_>, target: &Target, names: &[Name]) -> Result<()> {
    check_no_digests(target)?;
    selected(target)?.trust.borrow().check_place()?;
    let Selected { project, environment, trust } = selected(target)?;
    let _lock = trust.borrow().lock_personal()?;
    let own = trust.borrow().personal(project, environment);
    let place = &environment.name;
    let is_own = |name: &&Name| own.contains(name);
    // One that is not noted any more may still lie in the keychain, if that did not answer the last time.
    let left = names.iter().filter(|name| !is_own(name));
    for name in left {
        let reference = personal_reference(project, environment, &trust.borrow(), name);
        if !open(&reference)?.remove(&reference)? {
            return Err(Error::new(Kind::Failed, format!("`{name}` has no value of your own in `{place}`"))
                .hint("`secrets list --json` shows where each name comes from"));
        }
        context.ui.done(format!("removed your own value of `{name}` from the keychain"));
    }
    let own: Vec<Name> = names.iter().filter(is_own).cloned().collect();
    note(context, target, &own, false)?;
    for name in &own {
        let reference = personal_reference(project, environment, &trust.borrow(), name);
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

fn selected(target: &Target) -> Result<Selected<'_>> {
    target.selected().ok_or_else(|| {
        Error::new(Kind::Failed, format!("`{}` belongs to no project, and so to no environment", target.shown()))
            .hint("the keychain keeps values for the environments of a project")
    })
}

/// Returns where a name's reference leads, if it has one in this environment.
fn reference_of(selected: &Selected<'_>, name: &Name) -> Result<Option<Reference>> {
    let environment = selected.environment;
    let Some(own) = environment.references.iter().find(|own| own.name == *name) else { return Ok(None) };
    if own.reference.scheme() != SCHEME {
        return Err(Error::new(
            Kind::Failed,
            format!("`{name}` leads to `{}`, and not to the keychain", own.reference),
        )
        .hint(format!("change it in [environments.{}.from] in secrets.toml first", environment.name)));
    }
    (store::kind_of(&own.reference)?.check)(&own.reference)?;
    Ok(Some(own.reference.clone()))
}

fn check_not_in_file(target: &Target, name: &Name) -> Result<()> {
    let layer = target.read()?;
    let stands_there = |layer: &crate::resolve::Layer| {
        matches!(layer.source, Source::Sealed { .. }) && layer.names().contains(&name.as_str())
    };
    if !layer.as_ref().is_some_and(stands_there) {
        return Ok(());
    }
    let (shown, place) = (target.shown(), target.name());
    Err(Error::new(Kind::Failed, format!("`{name}` stands in `{shown}`, and cannot be a reference too"))
        .hint(format!("`secrets unset {name} --env {place}` first; `--local` lays a value of your own over it")))
}

fn open(reference: &Reference) -> Result<Box<dyn Store>> {
    Ok((store::kind_of(reference)?.open)())
}
