//! `secrets.toml` against the day, the other environments, and `.sops.yaml`.

use std::collections::HashSet;
use std::path::Path;

use crate::base::Result;
use crate::base::Timestamp;
use crate::base::printable;
use crate::disk;
use crate::disk::Limit;
use crate::project;
use crate::project::Environment;
use crate::project::FILE_NAME;
use crate::project::Project;
use crate::project::SOPS_YAML;
use crate::sops::Selector;
use crate::team::Scope;

use super::Content;
use super::Finding;
use super::Severity;

/// From so many days before it, the end of a membership is told.
const SOON: i64 = 14 * 86_400;

/// Checks what the settings say by themselves and beside the names in the files.
pub fn check(scope: &Scope, contents: &[Content<'_>], now: Timestamp) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let Some(first) = scope.projects.first() else { return Ok(found) };
    members(first, now, &mut found);
    former(first, now, &mut found);
    for project in &scope.projects {
        names(project, contents, &mut found)?;
        sops_yaml(project, now, &mut found)?;
    }
    Ok(found)
}

fn finding(id: &'static str, severity: Severity, file: String, message: String, hint: String) -> Finding {
    Finding { id, severity, file, line: None, message, hint }
}

fn members(project: &Project, now: Timestamp, found: &mut Vec<Finding>) {
    for member in &project.members {
        let Some(until) = &member.until else { continue };
        let end = Timestamp::parse(format!("{until}T00:00:00Z").as_bytes());
        let is_soon = end.is_ok_and(|end| end.seconds() - now.seconds() <= SOON);
        if member.is_current(now) && is_soon {
            let message = format!("{} is a member until {until}", member.name);
            let hint = "move `until`, or `secrets member remove` when the day has come".to_string();
            found.push(finding("expiring-member", Severity::Warning, FILE_NAME.into(), message, hint));
        }
    }
}

fn former(project: &Project, now: Timestamp, found: &mut Vec<Finding>) {
    for former in &project.former {
        let removed = Timestamp::parse(format!("{}T00:00:00Z", former.removed).as_bytes());
        let is_late = removed.is_ok_and(|day| now.seconds() - day.seconds() > project.former_grace);
        let severity = if is_late { Severity::Error } else { Severity::Warning };
        for (environment, names) in former.rotate.iter().filter(|(_, names)| !names.is_empty()) {
            let names: Vec<&str> = names.iter().map(crate::base::Name::as_str).collect();
            let message = format!(
                "{} has seen {} of {environment}, and the values still work",
                former.name,
                crate::base::quoted_list(&names)
            );
            let hint = format!("`secrets set NAME --env {environment}` gives a new value");
            found.push(finding("former-values", severity, FILE_NAME.into(), message, hint));
        }
    }
}

/// Required names that no layer has, and names that all others have.
fn names(project: &Project, contents: &[Content<'_>], found: &mut Vec<Finding>) -> Result<()> {
    let mut sets: Vec<(&Environment, HashSet<String>)> = Vec::new();
    for environment in &project.environments {
        let mut names = HashSet::new();
        let layers = project.layers(environment)?;
        for layer in &layers {
            names.extend(layer.references.iter().map(|reference| reference.name.to_string()));
            let content = contents.iter().find(|content| {
                content.site.project.prefix == project.prefix && content.site.environment.name == layer.name
            });
            let file = content.and_then(|content| content.file.as_ref().ok());
            names.extend(file.into_iter().flat_map(|file| file.names().map(printable)));
        }
        sets.push((environment, names));
    }
    for (environment, names) in &sets {
        let path = project.below_home(&environment.file);
        for name in project.required().filter(|name| !names.contains(name.as_str())) {
            let message = format!("`{}` has no value for `{name}`, which secrets.toml requires", environment.name);
            let hint = format!("`secrets set {name} --env {}`", environment.name);
            found.push(finding("missing-required", Severity::Error, path.clone(), message, hint));
        }
    }
    for (environment, names) in &sets {
        for name in forgotten(project, environment, names, &sets)? {
            let message = format!("every environment but `{}` has `{name}`", environment.name);
            let hint = format!("`secrets set {name} --env {}`, if it was forgotten", environment.name);
            let path = project.below_home(&environment.file);
            found.push(finding("missing-name", Severity::Warning, path, message, hint));
        }
    }
    Ok(())
}

/// Returns the names that an environment does not have and all others do, several of them; those that extend it may have more.
fn forgotten<'n>(
    project: &Project,
    environment: &Environment,
    names: &HashSet<String>,
    sets: &'n [(&Environment, HashSet<String>)],
) -> Result<Vec<&'n String>> {
    let mut others = Vec::new();
    for (other, names) in sets {
        if project.layers(other)?.iter().all(|layer| layer.name != environment.name) {
            others.push(names);
        }
    }
    let [first, rest @ ..] = others.as_slice() else { return Ok(Vec::new()) };
    let is_forgotten = |name: &&String| !names.contains(*name) && rest.iter().all(|other| other.contains(*name));
    let mut forgotten: Vec<&String> =
        if rest.is_empty() { Vec::new() } else { first.iter().filter(is_forgotten).collect() };
    forgotten.sort();
    Ok(forgotten)
}

/// A rendered `.sops.yaml` is what would be rendered now; in a foreign one the readers of our files are looked for.
fn sops_yaml(project: &Project, now: Timestamp, found: &mut Vec<Finding>) -> Result<()> {
    let Ok(bytes) = disk::read_beneath(&project.folder, Path::new(SOPS_YAML), Limit::SETTINGS) else { return Ok(()) };
    let path = project.below_home(SOPS_YAML);
    if project::is_our_sops_yaml(&bytes) {
        let is_same = project::sops_yaml(project, now).is_ok_and(|wanted| wanted.as_bytes() == &**bytes);
        if !is_same {
            let message = "it is not what secrets.toml says".to_string();
            let hint = "`secrets init --sops-yaml` renders it again".to_string();
            found.push(finding("sops-yaml-drift", Severity::Error, path, message, hint));
        }
        return Ok(());
    }
    let text = String::from_utf8_lossy(&bytes);
    for environment in &project.environments {
        let Some(rule) = project::foreign::rule_for(&text, &environment.file) else { continue };
        let Ok(due) = project.recipients(environment, now) else { continue };
        let due: HashSet<String> = due.iter().map(crate::sops::Recipient::key_text).collect();
        let named: HashSet<String> = rule.age.iter().map(|label| crate::sops::key_of(label)).collect();
        let selector = Selector::for_plain(&environment.plain)?;
        let (name, pattern) = selector.written().unwrap_or_default();
        let selects_alike = rule.selects_as(name, &String::from_utf8_lossy(pattern));
        for (what, is_same) in [("recipients", due == named), ("names in clear", selects_alike)] {
            if is_same {
                continue;
            }
            let message = format!("its rule for `{}` has other {what} than secrets.toml", environment.file);
            let hint = "change the one that is wrong; sops follows that file, and `secrets` the other".to_string();
            found.push(finding("sops-yaml-drift", Severity::Error, path.clone(), message, hint));
        }
    }
    Ok(())
}
