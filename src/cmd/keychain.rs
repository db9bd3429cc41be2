//! Single values in the keychain: those that references lead to, and a person's own.

use std::path::Path;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Value;
use crate::disk;
use crate::disk::Lock;
use crate::keys::keychain::SCHEME;
use crate::project;
use crate::project::FILE_NAME;
use crate::project::Settings;
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
/// `Kind::Refused` for a reference that this machine has not accepted; `Kind::Failed` for a name that stands in the file or
/// whose reference leads elsewhere; as [`Store::write`].
pub fn set_referenced(context: &Context<'_>, target: &Target, name: &Name, value: Value) -> Result<()> {
    let selected = selected(target)?;
    let (project, environment) = (selected.project, selected.environment);
    // What a repository names could be another program's item.
    judge::check_settings(context, target)?;
    if let Some(reference) = reference_of(&selected, name)? {
        open(&reference)?.write(&reference, value)?;
        judge::remember(context, &selected);
        context.ui.done(format!("stored `{name}` in the keychain, as `{reference}`"));
        return Ok(());
    }
    change::check_writing(target)?;
    check_not_in_file(target, name)?;
    let reference = Reference::new(SCHEME, &[&format!("{}-{}", project.name, environment.name), name.as_str()]);
    open(&reference)?.write(&reference, value)?;
    let lock = Lock::beneath(&project.folder, Path::new(FILE_NAME))?;
    let mut settings = Settings::parse(&project::text(&project.folder)?)?;
    settings.add_reference(&environment.name, name, &reference.to_string());
    disk::write_over(&lock, settings.print().as_bytes(), None)?;
    drop(lock);
    let after = target.again(context.world)?;
    let after = self::selected(&after)?;
    judge::remember(context, &after);
    after.trust.borrow_mut().adopt_reference(after.project, after.environment, name);
    judge::remember(context, &after);
    context.ui.done(format!("stored `{name}` in the keychain; secrets.toml leads to `{reference}`"));
    context.ui.hint(format!("each reader stores a value of his own: `secrets set --keychain {name}`"));
    if !after.trust.borrow().is_trusted(after.project, after.environment) {
        context.ui.hint("`secrets allow` accepts the references of this project on this machine");
    }
    Ok(())
}

/// Takes the value away to which a name's reference leads; the reference stays.
///
/// # Errors
/// As [`set_referenced`]; `Kind::Failed` if there is none.
pub fn unset_referenced(context: &Context<'_>, target: &Target, name: &Name) -> Result<()> {
    let selected = selected(target)?;
    judge::check_settings(context, target)?;
    let environment = &selected.environment.name;
    let reference = reference_of(&selected, name)?
        .ok_or_else(|| Error::new(Kind::Failed, format!("`{name}` is no reference in `{environment}`")))?;
    if !open(&reference)?.remove(&reference)? {
        return Err(Error::new(Kind::Failed, format!("`{reference}` has no value on this machine")));
    }
    context.ui.done(format!("removed `{name}` from the keychain; the reference in secrets.toml stays"));
    Ok(())
}

/// Keeps a value for this person on this machine.
///
/// # Errors
/// `Kind::Failed` if this machine cannot remember that there is one; as [`Store::write`].
pub fn set_local(context: &Context<'_>, target: &Target, name: &Name, value: Value) -> Result<()> {
    // The project's id has to stand in the record before anything is named by it.
    judge::remember(context, &selected(target)?);
    let target = target.again(context.world)?;
    let selected = selected(&target)?;
    let Selected { project, environment, trust } = selected;
    let reference = personal_reference(project, environment, &trust.borrow(), name);
    open(&reference)?.write(&reference, value)?;
    let noted = note(context, &selected, name, true).and_then(|()| {
        let again = target.again(context.world)?;
        let again = self::selected(&again)?;
        let is_noted = personal_reference(project, environment, &again.trust.borrow(), name) == reference
            && again.trust.borrow().personal(project, environment).contains(name);
        if is_noted { Ok(()) } else { Err(not_remembered()) }
    });
    if noted.is_err() {
        let _ = open(&reference)?.remove(&reference);
    }
    noted?;
    context.ui.done(format!("`{name}` has a value of your own in `{}`, on this machine alone", environment.name));
    if policy::danger(name.as_str()) == Some(Danger::Never) {
        context.ui.warn(format!("`run` refuses `{name}`: it could take over the shell or the loader"));
    }
    Ok(())
}

/// Takes a person's own value away; what the environment says stands again.
///
/// # Errors
/// `Kind::Failed` if there is none; as [`Store::remove`].
pub fn unset_local(context: &Context<'_>, target: &Target, name: &Name) -> Result<()> {
    let selected = selected(target)?;
    let Selected { project, environment, trust } = selected;
    if !trust.borrow().personal(project, environment).contains(name) {
        return Err(Error::new(Kind::Failed, format!("`{name}` has no value of your own in `{}`", environment.name))
            .hint("`secrets list --json` shows where each name comes from"));
    }
    let reference = personal_reference(project, environment, &trust.borrow(), name);
    open(&reference)?.remove(&reference)?;
    note(context, &selected, name, false)?;
    context.ui.done(format!("removed your own value of `{name}`; `{}` has its own again", environment.name));
    Ok(())
}

fn note(context: &Context<'_>, selected: &Selected<'_>, name: &Name, is_kept: bool) -> Result<()> {
    let Selected { project, environment, trust } = selected;
    let mut trust = trust.borrow_mut();
    trust.keep_personal(project.label(environment), name, is_kept);
    trust.save(project).map_err(|error| not_remembered().because(error.message().to_string()))?;
    drop(trust);
    judge::remember(context, selected);
    Ok(())
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
