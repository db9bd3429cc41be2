//! Whether the values of a place are loaded: as `run` decides, and more strictly.

use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::cmd::context::Context;
use crate::cmd::judge;
use crate::cmd::target::Target;
use crate::keys::unlocked;
use crate::resolve;
use crate::resolve::Request;
use crate::resolve::Selected;
use crate::resolve::Source;
use crate::resolve::policy;

use super::joined;

/// What the kernel takes for one string, `NAME=value` and its end (execve(2), MAX_ARG_STRLEN).
const MOST_VALUE: usize = 128 << 10;
/// What the state has room for beside the files.
const MOST_NAMES: usize = 48 << 10;
/// What would lead the hook itself elsewhere.
const OWN: [&str; 4] = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"];
/// What a shell should carry.
const MOST_VALUES: usize = 256 << 10;

/// What a prompt leads to.
pub enum Outcome {
    /// Values come; remarks are told.
    Loads { values: Vec<(Name, Value)>, remarks: Vec<String> },
    /// Nothing comes, for the reason that is told.
    Refuses(String),
}

/// Decides as `run` does, and more strictly: what was only seen is not loaded.
pub fn decide(context: &Context<'_>, target: &Target) -> Outcome {
    match open(context, target) {
        Ok((values, remarks)) => Outcome::Loads { values, remarks },
        Err(error) => Outcome::Refuses(line_of(&error)),
    }
}

fn line_of(error: &Error) -> String {
    let hint = error.hints().first().map(|hint| format!("; {hint}")).unwrap_or_default();
    match error.kind() {
        Kind::Locked if error.message().starts_with("no identity") => "locked; `secrets identity unlock`".to_string(),
        _ => format!("{}{hint}", error.message()),
    }
}

type Opened = (Vec<(Name, Value)>, Vec<String>);

fn open(context: &Context<'_>, target: &Target) -> Result<Opened> {
    if context.world.folders.state.as_deref().is_some_and(|state| unlocked::lock_file(state).exists()) {
        return Err(Error::new(Kind::Locked, "locked").hint("`secrets identity unlock`"));
    }
    let Some(selected) = target.selected() else { return Err(Error::new(Kind::Bug, "a project was found")) };
    let Selected { project, environment, trust } = &selected;
    for layer in project.layers(environment)? {
        if !trust.borrow().is_trusted(project, layer) {
            return Err(Error::new(Kind::Refused, format!("{} is new here", project.name))
                .hint("review it with `secrets status`, then `secrets allow`"));
        }
    }
    let mut remarks = trust.borrow().check_reading(project, environment)?;
    let request = Request::default();
    let mut plan = resolve::plan(&request, Some(&selected))?;
    judge::check_layers(context, target, &plan.layers)?;
    check_content(&selected, &plan)?;
    plan.check_required(&request, &selected)?;
    let mut refused = policy::refused_names(&plan, Some(&selected));
    refused.extend(plan.rows.iter().map(|row| &row.name).filter(|name| OWN.contains(&name.as_str())).cloned());
    if !refused.is_empty() {
        remarks.push(format!("refused {} (can change how programs run)", joined(&refused)));
    }
    let layers = &plan.layers;
    let is_stored = |row: &resolve::Row| matches!(layers[row.layer].source, Source::Stored(_));
    let stored: Vec<Name> = plan.rows.iter().filter(|row| is_stored(row)).map(|row| row.name.clone()).collect();
    if !stored.is_empty() {
        remarks.push(format!("{} with `secrets run` only ({})", stored.len(), joined(&stored)));
    }
    plan.rows.retain(|row| !refused.contains(&row.name) && !stored.contains(&row.name));
    let values = judge::fill(context, Some(target), plan)?.values;
    check_size(&values)?;
    Ok((values, remarks))
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
    let names: usize = values.iter().map(|(name, _)| name.as_bytes().len() + 24).sum();
    if names > MOST_NAMES {
        return too_large("the names together are too large".to_string());
    }
    let all: usize = values.iter().map(|(name, value)| name.as_bytes().len() + value.len() + 2).sum();
    if all > MOST_VALUES { too_large("the values together are too large".to_string()) } else { Ok(()) }
}
