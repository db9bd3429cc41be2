//! Trust, at the three moments where a command asks for it: before a file is opened, when it was, and at the end.

use std::collections::HashMap;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::history::Repository;
use crate::project;
use crate::project::trust::VARIABLE;
use crate::project::trust::Verdict;
use crate::resolve::Filled;
use crate::resolve::Layer;
use crate::resolve::Plan;
use crate::resolve::Selected;
use crate::resolve::Source;
use crate::sops::Bytes32;
use crate::sops::Leniency;
use crate::sops::Opened;
use crate::sops::Seal;
use crate::sops::SealedFile;
use crate::team::Scope;
use crate::team::Site;

use super::context::Context;
use super::target::Target;

/// Checks what secrets.toml says before anything follows it; warns of what a person should know.
///
/// # Errors
/// `Kind::Refused` as [`crate::project::Trust::check_reading`].
pub fn check_settings(context: &Context<'_>, target: &Target) -> Result<()> {
    let Some(selected) = target.selected() else { return check_no_digest(context, target) };
    let warnings = selected.trust.borrow().check_reading(selected.project, selected.environment)?;
    for warning in warnings {
        context.ui.warn(warning);
    }
    Ok(())
}

/// No digest speaks of a file that no project declares.
fn check_no_digest(context: &Context<'_>, target: &Target) -> Result<()> {
    if context.world.env.get_even_empty(VARIABLE).is_none() {
        return Ok(());
    }
    let shown = target.shown();
    Err(Error::new(Kind::Refused, format!("no digest in `{VARIABLE}` fits `{shown}`, which no project declares"))
        .hint("declare it in secrets.toml, or unset the variable for this call"))
}

/// Checks that none of these files lost its seal; no key is needed.
///
/// # Errors
/// `Kind::Refused` as [`crate::project::Trust::check_unsealed`].
pub fn check_layers(context: &Context<'_>, target: &Target, layers: &[Layer]) -> Result<()> {
    let Some(selected) = target.selected() else { return Ok(()) };
    layers.iter().try_for_each(|layer| check_unsealed(context, &selected, layer))
}

/// Checks that a layer without a seal never had one.
///
/// # Errors
/// `Kind::Refused` if it had.
pub fn check_unsealed(context: &Context<'_>, selected: &Selected<'_>, layer: &Layer) -> Result<()> {
    let (Some(name), Source::Sealed { file, .. }) = (&layer.environment, &layer.source) else { return Ok(()) };
    let environment = selected.project.environment(Some(name))?;
    let repository = || Repository::of(context.world, &selected.project.folder);
    let could_be = |content: &[u8]| could_be(context, content);
    let mut trust = selected.trust.borrow_mut();
    let checked = trust.check_unsealed(selected.project, environment, file, &could_be, repository);
    checked.map_err(|error| error.in_file(&layer.shown))
}

/// Tells whether the seal of some version of a file is right; one that no identity here opens could be.
pub fn could_be(context: &Context<'_>, content: &[u8]) -> bool {
    let Ok((file, _)) = SealedFile::read(content, Leniency::None, None) else { return false };
    match context.keyring().open(&file, "", &[]) {
        Ok(key) => file.open(key).is_ok(),
        Err(_) => true,
    }
}

/// Decides over a file that was opened and proved; warns of an older version that nothing can be said of.
///
/// # Errors
/// `Kind::Refused` as [`crate::project::Trust::accept`].
pub fn accept(context: &Context<'_>, selected: &Selected<'_>, environment: &str, opened: &Opened) -> Result<Verdict> {
    let environment = selected.project.environment(Some(environment))?;
    let repository = || Repository::of(context.world, &selected.project.folder);
    let verdict = selected.trust.borrow_mut().accept(selected.project, environment, opened, repository)?;
    if verdict == Verdict::Rekeyed {
        selected.trust.borrow_mut().forget_removed(selected.project);
    }
    if let Verdict::Older { is_sure: false, .. } = verdict {
        let file = &environment.file;
        context.ui.warn(format!(
            "`{file}` is older than what this machine has seen, and git's history does not reach far enough to tell why"
        ));
    }
    Ok(verdict)
}

/// Compares an environment with the digests that `SECRETS_TRUST` demands, if it does: its own file was opened.
///
/// # Errors
/// `Kind::Refused` if none fits.
pub fn check_digest(selected: &Selected<'_>) -> Result<()> {
    let trust = selected.trust.borrow();
    if !trust.is_digest_demanded() {
        return Ok(());
    }
    let mut claimed = Vec::new();
    for environment in selected.project.layers(selected.environment)? {
        let content = Site { project: selected.project, environment }.read()?;
        claimed.push(content.as_deref().and_then(Seal::claimed).map(|seal| seal.commitment));
    }
    trust.check_digest(selected.project, selected.environment, &claimed)
}

/// Fills a plan, with every declared file judged before a store is asked, and remembers what was learned.
///
/// # Errors
/// As [`crate::resolve::open`], [`accept`] and [`crate::resolve::Filling::fetch`]; `Kind::Refused` where `SECRETS_TRUST` demands
/// another digest.
pub fn fill(context: &Context<'_>, target: Option<&Target>, plan: Plan) -> Result<Filled> {
    let selected = target.and_then(Target::selected);
    let claims: HashMap<String, Option<Bytes32>> = plan
        .layers
        .iter()
        .filter_map(|layer| Some((layer.environment.clone()?, layer.seal().map(|seal| seal.commitment))))
        .collect();
    let mut judge = |environment: &str, opened: &Opened| match &selected {
        Some(selected) => accept(context, selected, environment, opened).map(|_| ()),
        None => Ok(()),
    };
    let opened = crate::resolve::open(plan, &mut context.keyring(), &mut judge)?;
    if let Some(Selected { project, environment, trust }) = &selected {
        let layers = project.layers(environment)?;
        let claimed: Vec<_> = layers.iter().map(|layer| claims.get(&layer.name).copied().flatten()).collect();
        trust.borrow().check_digest(project, environment, &claimed)?;
    }
    let filled = opened.fetch()?;
    if let Some(selected) = &selected {
        remember(context, selected);
    }
    Ok(filled)
}

/// Writes what was learned of a project; a state folder that cannot be written costs one warning.
pub fn remember(context: &Context<'_>, selected: &Selected<'_>) {
    let mut trust = selected.trust.borrow_mut();
    trust.meet(selected.project);
    // What is there when a team is met for the first time is all seen: else it would depend on the order of commands.
    if trust.is_first_meeting() {
        let scope = project::load(&selected.project.folder).and_then(Scope::of);
        let services = scope.map(|scope| scope.projects).unwrap_or_default();
        services.iter().for_each(|service| trust.meet(service));
    }
    if let Err(error) = trust.save(selected.project) {
        let cause = error.causes().into_iter().next().unwrap_or_else(|| error.message().to_string());
        context.ui.warn(format!("what this machine has seen of the project cannot be remembered: {cause}"));
    }
}
