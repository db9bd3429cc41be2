//! Whether the values of a place are loaded: as `run` decides, and more strictly.

use std::path::Path;

use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::base::printable;
use crate::cmd::context::Context;
use crate::cmd::judge;
use crate::cmd::target::Target;
use crate::disk;
use crate::disk::Limit;
use crate::keys::unlocked;
use crate::project::Expose;
use crate::project::FILE_NAME;
use crate::project::trust::Matter;
use crate::resolve;
use crate::resolve::Request;
use crate::resolve::Selected;
use crate::resolve::Source;
use crate::resolve::policy;
use crate::sops::Seal;

use super::place::Seen;
use super::tell::joined;

/// What the kernel takes for one string, `NAME=value` and its end (execve(2), MAX_ARG_STRLEN).
const MOST_VALUE: usize = 128 << 10;
/// What would lead the hook itself elsewhere.
const OWN: [&str; 4] = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"];
/// What a shell should carry.
const MOST_VALUES: usize = 256 << 10;

/// What a prompt leads to: values that come, and what is told.
#[derive(Default)]
pub struct Outcome {
    pub values: Vec<(Name, Value)>,
    pub remarks: Vec<String>,
    /// When the values go by themselves, in seconds since 1970.
    pub expires: Option<u64>,
}

impl Outcome {
    /// Nothing comes, and nothing is told.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Nothing comes, for a reason that is told.
    pub fn refuses(why: impl Into<String>) -> Self {
        Self { remarks: vec![why.into()], ..Self::default() }
    }

    /// Leaves out what is no text, for a shell that can hold nothing else.
    #[must_use]
    pub fn only_text(mut self, shell: &str) -> Self {
        let (values, left): (Vec<_>, Vec<_>) = self.values.into_iter().partition(|(_, value)| value.is_text());
        if !left.is_empty() {
            let left: Vec<Name> = left.into_iter().map(|(name, _)| name).collect();
            self.remarks.push(format!("left out {} (no text, and {shell} holds nothing else)", joined(&left)));
        }
        Self { values, ..self }
    }
}

/// Decides as `run` does, and more strictly: what was only seen is not loaded.
pub fn decide(context: &Context<'_>, target: &Target, watched: &[Seen]) -> Outcome {
    let mut outcome = open(context, target, watched).unwrap_or_else(|error| Outcome::refuses(line_of(&error)));
    outcome.remarks.extend(context.ui.gathered());
    outcome
}

fn line_of(error: &Error) -> String {
    match error.kind() {
        Kind::Locked if error.message().starts_with("no identity") => "locked; `secrets identity unlock`".to_string(),
        _ => error.line(),
    }
}

fn open(context: &Context<'_>, target: &Target, watched: &[Seen]) -> Result<Outcome> {
    let Some(selected) = target.selected() else { return Err(Error::new(Kind::Bug, "a project was found")) };
    let Selected { project, environment, trust } = &selected;
    if trust.borrow().is_denied(project) {
        return Ok(Outcome::nothing());
    }
    if context.world.folders.state.as_deref().is_some_and(|state| unlocked::lock_file(state).exists()) {
        return Err(Error::new(Kind::Locked, "locked").hint("`secrets identity unlock`"));
    }
    check_accepted(&selected)?;
    check_modes(&selected, watched)?;
    let mut remarks = trust.borrow().check_reading(project, environment)?;
    remarks.extend(members(&selected));
    let request = Request::default();
    let mut plan = resolve::plan(&request, Some(&selected))?;
    judge::check_layers(context, target, &plan.layers)?;
    check_content(&selected, &plan)?;
    plan.check_required(&request, &selected)?;
    remarks.extend(leave_out(&mut plan, &selected));
    let expires = trust.borrow().until(project).and_then(|until| u64::try_from(until).ok());
    if trust.borrow().most_exposed(project, &project.layers(environment)?) == Expose::Run {
        let (count, name) = (plan.rows.len(), &environment.name);
        remarks.insert(0, format!("{count} ready with `secrets run` ({name})"));
        return Ok(Outcome { remarks, expires, ..Outcome::default() });
    }
    remarks.extend(leave_to_run(&mut plan, &selected));
    let values = judge::fill(context, Some(target), plan)?.values;
    check_size(&values)?;
    Ok(Outcome { values, remarks, expires })
}

fn check_accepted(selected: &Selected<'_>) -> Result<()> {
    let Selected { project, environment, trust } = selected;
    let trust = trust.borrow();
    if let Some(span) = trust.expired() {
        return Err(Error::new(Kind::Refused, format!("expired after {span}")).hint("`secrets allow`"));
    }
    if project.layers(environment)?.into_iter().all(|layer| trust.is_trusted(project, layer)) {
        return Ok(());
    }
    let path = trust.path().map(Path::try_exists);
    if let Some(Err(error)) = path {
        return Err(Error::new(Kind::Failed, format!("what was accepted cannot be read: {error}")));
    }
    Err(Error::new(Kind::Refused, format!("{} is new here", project.name))
        .hint("review it with `secrets status`, then `secrets allow`"))
}

/// Settings that everybody may write say what anybody wants; a sealed file proves itself, and another one does not.
fn check_modes(selected: &Selected<'_>, watched: &[Seen]) -> Result<()> {
    let Selected { project, environment, .. } = selected;
    let is_open = |path: &Path| watched.iter().any(|seen| seen.is_open && seen.path == path);
    let is_sealed = |path: &Path| {
        let bytes = disk::read(path, Limit::SEALED_FILE);
        bytes.is_ok_and(|bytes| Seal::claimed(&bytes).is_some())
    };
    let settings = [&project.folder, &project.home].map(|folder| folder.join(FILE_NAME));
    let files = project.layers(environment)?.into_iter().map(|layer| project.path_of(layer));
    let found =
        settings.into_iter().find(|path| is_open(path)).or(files.filter(|path| is_open(path)).find(|p| !is_sealed(p)));
    let Some(path) = found else { return Ok(()) };
    let shown = printable(path.strip_prefix(&project.folder).unwrap_or(&path).as_os_str().as_encoded_bytes());
    Err(Error::new(Kind::Refused, format!("everybody may write to {shown}")).hint(format!("`chmod o-w {shown}`")))
}

/// Tells of other members: what is read does not depend on them, and what is rekeyed does.
fn members(selected: &Selected<'_>) -> Option<String> {
    let found = selected.trust.borrow().differences(selected.project);
    let mut texts = found.iter().filter(|difference| difference.matter == Matter::Members).map(|d| &d.text);
    let first = texts.next()?;
    let more = texts.count();
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    Some(format!("{first}{more}; rekey waits for `secrets allow`"))
}

/// Takes names out that could take the shell over; returns what is told of them.
fn leave_out(plan: &mut resolve::Plan, selected: &Selected<'_>) -> Option<String> {
    let mut refused = policy::refused_names(plan, Some(selected));
    refused.extend(plan.rows.iter().map(|row| &row.name).filter(|name| OWN.contains(&name.as_str())).cloned());
    plan.rows.retain(|row| !refused.contains(&row.name));
    (!refused.is_empty()).then(|| format!("refused {} (can change how programs run)", joined(&refused)))
}

/// Takes names out that are for `run` alone; returns what is told of them. A prompt asks no store.
fn leave_to_run(plan: &mut resolve::Plan, selected: &Selected<'_>) -> Option<String> {
    let only = selected.trust.borrow().for_shells(selected.project);
    let layers = &plan.layers;
    let is_for_run = |row: &resolve::Row| {
        let is_stored = matches!(layers[row.layer].source, Source::Stored(_));
        is_stored || !(only.is_empty() || only.iter().any(|pattern| pattern.matches(row.name.as_str())))
    };
    let left: Vec<Name> = plan.rows.iter().filter(|row| is_for_run(row)).map(|row| row.name.clone()).collect();
    plan.rows.retain(|row| !left.contains(&row.name));
    (!left.is_empty()).then(|| format!("{} with `secrets run` only ({})", left.len(), joined(&left)))
}

/// A plain sops file is loaded as direnv loads its own: by the bytes that a person accepted.
fn check_content(selected: &Selected<'_>, plan: &resolve::Plan) -> Result<()> {
    let trust = selected.trust.borrow();
    for layer in plan.layers.iter().filter(|layer| layer.seal().is_none()) {
        let (Source::Sealed { file, .. }, Some(name)) = (&layer.source, &layer.environment) else { continue };
        let environment = selected.project.environment(Some(name))?;
        let known = trust.file(&selected.project.below_home(&environment.file)).and_then(|file| file.accepted.clone());
        if known != Some(crate::base::hex(&Sha256::digest(file.bytes()))) {
            return Err(Error::new(Kind::Refused, format!("{} changed since you allowed it", layer.shown))
                .hint("`secrets allow`"));
        }
    }
    Ok(())
}

fn check_size(values: &[(Name, Value)]) -> Result<()> {
    let too_large =
        |what: String| Err(Error::new(Kind::Failed, format!("{what} for a shell; `secrets run` passes it")));
    if let Some((name, _)) = values.iter().find(|(name, value)| name.as_bytes().len() + value.len() + 2 > MOST_VALUE) {
        return too_large(format!("{name} is too large"));
    }
    if let Some((name, _)) = values.iter().find(|(_, value)| value.has_nul()) {
        return Err(Error::new(Kind::Failed, format!("{name} has a NUL, which no environment can hold")));
    }
    let all: usize = values.iter().map(|(name, value)| name.as_bytes().len() + value.len() + 2).sum();
    if all > MOST_VALUES { too_large("the values together are too large".to_string()) } else { Ok(()) }
}
