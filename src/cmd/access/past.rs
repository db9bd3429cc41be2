//! What somebody could read, ever: from git's history.

use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::printable;
use crate::base::quoted_list;
use crate::project::Project;
use crate::sops::SealedFile;
use crate::team::Exposure;
use crate::team::Past;
use crate::team::Scope;
use crate::team::Site;

use super::super::context::Context;
use super::super::exposed;

/// Prints who can read a name now, by file, and who could, ever.
///
/// # Errors
/// `Kind::Failed` if no version has the name.
pub fn who(context: &Context<'_>, scope: &Scope, name: &Name) -> Result<()> {
    let sites: Vec<Site<'_>> = scope.sites().collect();
    let now = sites.iter().map(Site::read).collect::<Result<Vec<_>>>()?;
    let pasts = exposed::pasts_of(context, &sites, &now)?;
    let mut rows = Vec::new();
    for ((site, now), past) in sites.iter().zip(&now).zip(&pasts.files) {
        let file = now.as_deref().and_then(|now| SealedFile::parse(now).ok());
        let has_name = file.as_ref().is_some_and(|file| file.names().any(|found| found == name.as_bytes()));
        let readers = file.filter(|_| has_name).map_or_else(Vec::new, |file| site.project.who(&file.recipients()));
        let mut ever = ever(site.project, past, name);
        ever.retain(|reader| !readers.contains(reader));
        let reference = site.environment.references.iter().find(|reference| reference.name == *name);
        if !readers.is_empty() || !ever.is_empty() || reference.is_some() {
            rows.push((site.label(), readers, ever, reference.map(|reference| reference.text.clone())));
        }
    }
    for (path, past) in &pasts.gone {
        let ever = ever(&scope.projects[0], past, name);
        if !ever.is_empty() {
            rows.push((path.clone(), Vec::new(), ever, None));
        }
    }
    if context.ui.is_json() {
        let rows = rows.iter().map(|(environment, readers, ever, reference)| {
            json!({ "environment": environment, "readers": readers, "ever": ever, "reference": reference })
        });
        return context.ui.json(&rows.collect::<Vec<_>>());
    }
    if rows.is_empty() {
        return Err(
            Error::new(Kind::Failed, format!("no file has, or had, `{name}`")).hint("`secrets list` shows the names")
        );
    }
    let mut lines = Vec::new();
    for (environment, readers, ever, reference) in &rows {
        lines.extend(reference.iter().map(|from| format!("{environment}: from {from}; its store says who reads")));
        if !readers.is_empty() {
            lines.push(format!("{environment}: {}", readers.join(", ")));
        }
        if !ever.is_empty() {
            lines.push(format!("{environment}, some version in git: {}", ever.join(", ")));
        }
    }
    lines.push("not known: copies, what a program did with it, and the readers of stores".to_string());
    context.ui.lines(lines)
}

fn ever(project: &Project, past: &Past, name: &Name) -> Vec<String> {
    let mut who = project.who(&past.ever(name).iter().map(String::as_str).collect::<Vec<_>>());
    who.sort();
    who.dedup();
    who
}

/// Prints what a member has seen, and what of it still works.
///
/// # Errors
/// `Kind::Failed` if there is and was no such member.
pub fn member(context: &Context<'_>, scope: &Scope, name: &str) -> Result<()> {
    let project = &scope.projects[0];
    let own = project.members.iter().find(|member| member.name == name);
    let former = project.former.iter().filter(|former| former.name == name);
    let mut keys: std::collections::HashSet<String> = former.flat_map(|former| former.keys.iter().cloned()).collect();
    keys.extend(own.into_iter().flat_map(|member| member.recipients.iter().map(|recipient| recipient.key_text())));
    if keys.is_empty() {
        let shown = printable(name.as_bytes());
        return Err(
            Error::new(Kind::Failed, format!("`{shown}` is and was no member")).hint("`secrets member list` shows all")
        );
    }
    let sites: Vec<Site<'_>> = scope.sites().collect();
    let pasts = exposed::pasts(context, &sites)?;
    let mut rows = Vec::new();
    for (site, past) in sites.iter().zip(&pasts.files) {
        let exposure = past.exposure(&keys, &mut context.keyring());
        if !exposure.seen.is_empty() {
            rows.push((site.label(), exposure));
        }
    }
    for (path, past) in &pasts.gone {
        let exposure = past.exposure(&keys, &mut context.keyring());
        if !exposure.seen.is_empty() {
            rows.push((path.clone(), Exposure { current: Vec::new(), ..exposure }));
        }
    }
    let texts = |names: &[Name]| names.iter().map(Name::to_string).collect::<Vec<_>>();
    if context.ui.is_json() {
        let rows = rows.iter().map(|(environment, exposure)| {
            json!({ "environment": environment, "seen": texts(&exposure.seen), "current": texts(&exposure.current) })
        });
        return context.ui.json(&rows.collect::<Vec<_>>());
    }
    let mut lines = Vec::new();
    for (place, exposure) in &rows {
        let (seen, current) = (exposure.seen.len(), texts(&exposure.current));
        let is_gone = pasts.gone.iter().any(|(path, _)| path == place);
        let current = if is_gone {
            "no environment has the file any more".into()
        } else if current.is_empty() {
            "none of them still works".into()
        } else {
            format!("still work: {}", current.join(", "))
        };
        let names = if seen == 1 { "name" } else { "names" };
        lines.push(format!("{place}: {seen} {names} seen; {current}"));
    }
    if rows.is_empty() {
        lines.push(format!("{} has seen no value of these files", quoted_list(&[name])));
    }
    context.ui.lines(lines)
}
