//! `--keychain`: a name of secrets.toml of which everybody has a value of his own.

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Value;
use crate::cmd::change;
use crate::cmd::context::Context;
use crate::cmd::judge;
use crate::cmd::target::Target;
use crate::disk;
use crate::disk::Lock;
use crate::keys::keychain::Item;
use crate::keys::keychain::SCHEME;
use crate::launch::ending;
use crate::launch::ending::Duty;
use crate::project;
use crate::project::FILE_NAME;
use crate::project::Settings;
use crate::resolve::Selected;
use crate::resolve::Source;
use crate::store;

use super::check_no_digests;
use super::open;
use super::selected;

/// Stores a value where a name's reference leads; a name without one gets it.
///
/// # Errors
/// `Kind::Refused` for a reference that this machine has not accepted; `Kind::Failed` for a name that stands in the file,
/// whose reference leads elsewhere, or whose new one would lead to an item that is there; as [`crate::store::Store::write`].
pub fn set_referenced(context: &Context<'_>, target: &Target, name: &Name, value: Value) -> Result<()> {
    check_no_digests(target)?;
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
        None => {
            change::check_writing(target)?;
            add_reference(context, target, name, value, &locks[1])?;
        }
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
    let mut settings = Settings::parse(&project::text(&project.folder)?)?;
    settings.add_reference(&environment.name, name, &reference.to_string());
    let text = settings.print();
    project::parse(&project.folder, &text)?;
    store.write(&reference, value)?;
    // Between the two anybody would see a reference that nobody accepted.
    let whole = ending::keep(Whole);
    if let Err(error) = disk::write_over(lock, text.as_bytes(), None) {
        let _ = store.remove(&reference);
        return Err(error);
    }
    let after = target.again(context.world)?;
    let after = selected(&after)?;
    after.trust.borrow_mut().meet(after.project);
    after.trust.borrow_mut().adopt_reference(after.project, after.environment, name);
    judge::remember(context, &after);
    drop(whole);
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

/// Takes the values away to which the references of names lead; the references stay.
///
/// # Errors
/// As [`set_referenced`]; `Kind::Failed` if there is none.
pub fn unset_referenced(context: &Context<'_>, target: &Target, names: &[Name]) -> Result<()> {
    check_accepted(context, target)?;
    let selected = selected(target)?;
    let environment = &selected.environment.name;
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
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

/// A change that is over in a moment, and not to be ended in between.
struct Whole;

impl Duty for Whole {
    fn passes_over(&self, _signal: i32) -> bool {
        true
    }

    fn end(&mut self, _signal: i32) {}
}

/// What a repository names could be another program's item: a person accepts it first. Where digests stand for that nobody is
/// there who stores a value.
fn check_accepted(context: &Context<'_>, target: &Target) -> Result<()> {
    check_no_digests(target)?;
    judge::check_settings(context, target)
}

/// Waits for the right to write the environment's file and secrets.toml.
fn lock(target: &Target) -> Result<Vec<Lock>> {
    let Selected { project, environment, .. } = selected(target)?;
    Lock::all_beneath(&project.folder, &[environment.file.as_str(), FILE_NAME])
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
