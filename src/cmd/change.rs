//! Changing a sealed file: lock, read again, open, change, write. Two writers lose nothing.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::path::Path;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::quoted_list;
use crate::disk;
use crate::disk::Lock;
use crate::project;
use crate::project::Environment;
use crate::project::FILE_NAME;
use crate::project::Settings;
use crate::project::trust::Verdict;
use crate::resolve::Layer;
use crate::resolve::Selected;
use crate::resolve::Source;
use crate::resolve::policy;
use crate::resolve::policy::Danger;
use crate::sops::Draft;
use crate::sops::Links;
use crate::sops::NextSeal;
use crate::sops::Opened;
use crate::sops::Recipient;
use crate::sops::Row;
use crate::sops::SealedFile;
use crate::sops::Selector;
use crate::sops::Version;
use crate::sops::Written;
use crate::team::Site;

use super::context::Context;
use super::exposed;
use super::judge;
use super::target::Target;

/// The mode of a new sealed file: it is meant for git, so it is readable like any other.
pub const SEALED_FILE_MODE: u32 = 0o644;

/// Opens a layer that was read.
///
/// # Errors
/// As [`crate::keys::Keyring::open`] and [`crate::sops::SealedFile::open`]; `Kind::Refused` as [`judge::accept`].
pub fn open(context: &Context<'_>, target: &Target, layer: Layer) -> Result<Opened> {
    let selected = target.selected();
    if let Some(selected) = &selected {
        judge::check_unsealed(context, selected, &layer)?;
    }
    let (shown, environment) = (layer.shown.clone(), layer.environment.clone());
    let in_file = |error: Error| error.in_file(&shown);
    let opened = unlock(context, layer)?;
    if let (Some(selected), Some(environment)) = (&selected, &environment) {
        let verdict = judge::accept(context, selected, environment, &opened).map_err(in_file)?;
        judge::check_digest(selected)?;
        if matches!(verdict, Verdict::Older { is_replaced_key: true, .. }) {
            context
                .ui
                .warn(format!("`{shown}` is from before a rekey: whoever was removed then reads what is written here"));
        }
    }
    Ok(opened)
}

/// Opens a layer without a look at what this machine trusts: for those who show or mend it.
///
/// # Errors
/// As [`crate::keys::Keyring::open`] and [`crate::sops::SealedFile::open`].
pub fn unlock(context: &Context<'_>, layer: Layer) -> Result<Opened> {
    let Source::Sealed { file, .. } = layer.source else {
        return Err(Error::new(Kind::Bug, "a target is a sealed file"));
    };
    let key = context.keyring().open(&file, &layer.shown, &layer.readers)?;
    context.warn_of_identities();
    file.open(key).map_err(|error| error.in_file(&layer.shown))
}

/// Lets `edit` change what the file says and writes it; returns what `edit` returned, and whether anything changed.
///
/// An environment's file that does not exist yet begins empty, sealed for its readers.
///
/// # Errors
/// As [`Target::read`], [`open`] and [`Draft::rewrite`]; whatever `edit` returns. The old file is as it was then.
pub fn change<T>(
    context: &Context<'_>,
    target: &Target,
    edit: impl FnOnce(&mut Draft) -> Result<T>,
) -> Result<(T, bool)> {
    check_writing(target)?;
    let lock = target.lock()?;
    // While this one waited a member may have been removed, or a change of several files interrupted.
    let target = &target.again(context.world)?;
    check_writing(target)?;
    let before = target.read_to_change()?.map(|layer| open(context, target, layer)).transpose()?;
    let selector = target.selector()?;
    let mut draft = before.as_ref().map(Draft::of).transpose()?.unwrap_or_default();
    let result = edit(&mut draft)?;
    check_references(target, before.as_ref(), &draft)?;
    let written = match &before {
        Some(opened) if draft.says_the_same_as(opened) => {
            remember(context, target, None);
            settle(context, target, &HashSet::new())?;
            return Ok((result, false));
        }
        Some(opened) => {
            check_stays_secret(target, &draft, opened)?;
            check_plain_is_accepted(target, opened)?;
            draft.rewrite(opened, selector.as_ref(), opened.next_seal(), context.world.now)?
        }
        None => write_new(context, target, &draft)?,
    };
    disk::write_over(&lock, &written.bytes, Some(SEALED_FILE_MODE))?;
    drop(lock);
    if let (Some(selected), Some(before), None) = (target.selected(), &before, &written.version) {
        let path = selected.project.below_home(&selected.environment.file);
        selected.trust.borrow_mut().follow_unsealed(path, before.file().bytes(), &written.bytes);
    }
    remember(context, target, written.version);
    let changed = before.as_ref().map(|before| changed_names(before, &draft)).transpose()?;
    settle(context, target, &changed.unwrap_or_default())?;
    Ok((result, true))
}

/// Refuses a new value for a name that is a reference: the same name in both places stops everybody.
fn check_references(target: &Target, before: Option<&Opened>, draft: &Draft) -> Result<()> {
    let Some(Selected { environment, .. }) = target.selected().filter(|s| !s.environment.references.is_empty()) else {
        return Ok(());
    };
    let stood = |name: &Name| before.is_some_and(|before| before.file().names().any(|other| other == name.as_bytes()));
    let is_new = |name: &&Name| draft.value(name).is_some() && !stood(name);
    let Some(own) = environment.references.iter().find(|own| is_new(&&own.name)) else { return Ok(()) };
    Err(is_a_reference(environment, &own.name))
}

/// Returns the error for a value of a name that is a reference.
pub fn is_a_reference(environment: &Environment, name: &Name) -> Error {
    let environment = &environment.name;
    Error::new(Kind::Failed, format!("`{name}` is a reference in `{environment}`"))
        .hint("`--local` keeps a value of your own; `--keychain` stores one where a `keychain://` reference leads")
        .hint(format!("remove it from [environments.{environment}.from] in secrets.toml first"))
}

/// Takes the names of which nothing that former members have seen still works off their lists; `changed` are those that this
/// call gave a new value, or none.
fn settle(context: &Context<'_>, target: &Target, changed: &HashSet<Name>) -> Result<()> {
    let Some(Selected { project, environment, .. }) = target.selected() else { return Ok(()) };
    let label = project.label(environment);
    let listed = project.former.iter().filter_map(|former| former.rotate.get(&label)).flatten();
    let listed: BTreeSet<&Name> = listed.collect();
    if listed.is_empty() {
        return Ok(());
    }
    // An older value that was seen too is no new one. A colleague who could not tell may have set a new one: then some version
    // shows what was seen.
    let (seen, still) = seen(context, &Site { project, environment })?;
    let is_settled = |name: &&&Name| !still.contains(**name) && (changed.contains(**name) || seen.contains(**name));
    let settled: Vec<&Name> = listed.iter().filter(is_settled).copied().collect();
    let left: Vec<&Name> = listed.into_iter().filter(|name| changed.contains(*name) && still.contains(*name)).collect();
    let shown = |names: &[&Name]| quoted_list(&names.iter().map(|name| name.as_str()).collect::<Vec<_>>());
    if !left.is_empty() {
        context.ui.hint(format!(
            "{} stays on the list of what former members have seen: the value was seen before, or this machine cannot tell",
            shown(&left)
        ));
    }
    if settled.is_empty() {
        return Ok(());
    }
    let lock = Lock::beneath(&project.home, Path::new(FILE_NAME))?;
    let mut settings = Settings::parse(&project::text(&project.home)?)?;
    if settings.settle(&label, &settled) {
        disk::write_over(&lock, settings.print().as_bytes(), None)?;
        context.ui.done(format!("{} left the list of what former members have seen", shown(&settled)));
    }
    Ok(())
}

/// Returns the names whose value differs.
fn changed_names(before: &Opened, after: &Draft) -> Result<HashSet<Name>> {
    let old = Draft::of(before)?;
    let is_changed = |name: &&Name| match (old.value(name), after.value(name)) {
        (Some(old), Some(new)) => !old.same_as(new),
        (old, new) => old.is_some() || new.is_some(),
    };
    Ok(old.names().chain(after.names()).filter(is_changed).cloned().collect())
}

/// Returns the names that former members have seen in some version of a file, and those whose value of now one has seen.
fn seen(context: &Context<'_>, site: &Site<'_>) -> Result<(HashSet<Name>, HashSet<Name>)> {
    let pasts = exposed::pasts(context, std::slice::from_ref(site))?;
    let (mut seen, mut still) = (HashSet::new(), HashSet::new());
    for former in &site.project.former {
        let keys = site.project.keys_of_former(former);
        for past in &pasts.files {
            let exposure = past.exposure(&keys, &mut context.keyring());
            seen.extend(exposure.seen);
            still.extend(exposure.current);
        }
    }
    Ok((seen, still))
}

/// Checks that what a writer follows is what this machine accepted, and that no change of several files waits.
///
/// # Errors
/// `Kind::Refused` as [`crate::project::Trust::check_writing`]; `Kind::Failed` if a change was interrupted.
pub fn check_writing(target: &Target) -> Result<()> {
    let Some(selected) = target.selected() else { return Ok(()) };
    let trust = selected.trust.borrow();
    trust.check_writing(selected.project, selected.environment)?;
    super::transaction::check_none_waits(&trust)
}

fn remember(context: &Context<'_>, target: &Target, version: Option<Version>) {
    let Some(selected) = target.selected() else { return };
    if let Some(version) = version {
        let path = selected.project.below_home(&selected.environment.file);
        selected.trust.borrow_mut().learn(path, version);
    }
    judge::remember(context, &selected);
}

/// Writes the first version of an environment's file, be it empty.
///
/// # Errors
/// `Kind::Failed` if it exists already; as [`change`].
pub fn create(context: &Context<'_>, target: &Target, rows: Vec<Row>) -> Result<()> {
    let lock = target.lock()?;
    if target.path().symlink_metadata().is_ok() {
        return Err(Error::new(Kind::Failed, format!("`{}` exists already", target.shown())));
    }
    let written = write_new(context, target, &Draft { rows })?;
    disk::write_over(&lock, &written.bytes, Some(SEALED_FILE_MODE))?;
    remember(context, target, written.version);
    Ok(())
}

fn write_new(context: &Context<'_>, target: &Target, draft: &Draft) -> Result<Written> {
    let Some(Selected { project, environment, trust }) = target.selected() else {
        return Err(Error::new(Kind::Bug, "a file without a project was not read"));
    };
    let now = context.world.now;
    let (known, new): (Vec<_>, Vec<_>) = project
        .recipients(environment, now)?
        .into_iter()
        .partition(|recipient| trust.borrow().knows_reader(project, environment, recipient));
    if !new.is_empty() {
        let names = project.who(&new.iter().map(Recipient::label).collect::<Vec<_>>());
        context.ui.warn(format!("not sealed to {}, whom this machine has not accepted", quoted_list(&names)));
        context.ui.hint(format!("`secrets allow`, then `secrets rekey --env {}`", environment.name));
    }
    let selector = Selector::for_plain(&environment.plain)?;
    let place = project.place_of(environment);
    let seen = trust.borrow().file(&place.path).map(|file| file.keys.iter().map(|key| key.seq).max().unwrap_or(0));
    let mut seal = NextSeal { seq: seen.unwrap_or(0).saturating_add(1), ..NextSeal::first(place) };
    if let Some(file) = trust.borrow().file(&seal.place.path) {
        seal.links = Links::Made(file.links());
    }
    draft.write(&context.connected(known), &selector, Some(seal), now)
}

/// A file without a seal is not proved to be this environment's: what secrets.toml would bare in it a person has to accept.
fn check_plain_is_accepted(target: &Target, before: &Opened) -> Result<()> {
    let Some(Selected { project, environment, trust }) = target.selected().filter(|_| before.version().is_none())
    else {
        return Ok(());
    };
    let is_bared = |(name, text): (&[u8], &[u8])| {
        let name = std::str::from_utf8(name).unwrap_or_default();
        SealedFile::is_encrypted(text) && environment.plain.iter().any(|pattern| pattern.matches(name))
    };
    if before.file().lines().any(is_bared) { trust.borrow().check_accepted(project, environment) } else { Ok(()) }
}

/// Refuses values that the file's own selector would leave in clear, where no `secrets.toml` says that they may.
fn check_stays_secret(target: &Target, draft: &Draft, before: &Opened) -> Result<()> {
    if target.selected().is_some() {
        return Ok(());
    }
    let bared: Vec<&str> = draft.would_bare(before).into_iter().map(Name::as_str).collect();
    if bared.is_empty() {
        return Ok(());
    }
    let (shown, names) = (target.shown(), quoted_list(&bared));
    Err(Error::new(Kind::Refused, format!("`{shown}` would hold {names} in clear"))
        .because("the selector in the file leaves such names unencrypted")
        .hint("choose another name, or encrypt the file anew with another selector"))
}

/// Warns of names that `run` refuses or that steer where a program talks.
pub fn warn_of_names<'a>(context: &Context<'_>, target: &Target, names: impl Iterator<Item = &'a Name>) {
    for name in names {
        let declared = target.selected().is_some_and(|selected| selected.project.value(name).runs_code);
        match policy::danger(name.as_str()) {
            Some(Danger::Never) => {
                context.ui.warn(format!("`run` refuses `{name}`: it could take over the shell or the loader"));
            }
            Some(Danger::Declared) if !declared => context.ui.warn(format!(
                "`{name}` can make programs run code; `run` refuses it until secrets.toml has [values.{name}] runs_code = true"
            )),
            Some(Danger::Warn) => context.ui.warn(format!("`{name}` steers where programs talk")),
            Some(Danger::Declared) | None => {}
        }
    }
}
