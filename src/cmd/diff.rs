//! `secrets diff`

use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;
use crate::git;
use crate::git::Changes;
use crate::git::Side;
use crate::history::Repository;
use crate::project::Project;
use crate::team::Site;

use super::context::Context;

/// Show what changed in the sealed files, by name and never by value
///
/// Without a range: what the work tree has and the last commit has not. With an identity values are compared, so a rekey
/// alone shows no changed name.
#[derive(clap::Args)]
pub struct Arguments {
    /// Two commits, as git names them, or one that the work tree is compared with
    #[arg(value_name = "A..B")]
    range: Option<String>,
    /// Only this environment
    #[arg(long, short, value_name = "ENV")]
    env: Option<String>,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let project = context.project()?;
    let repository = Repository::of(context.world, &project.folder)
        .ok_or_else(|| Error::new(Kind::Failed, "this folder is in no git repository"))?;
    let range = arguments.range.as_deref().unwrap_or("HEAD");
    let (before, after) = match range.split_once("..") {
        Some((before, after)) => (or_head(before), Some(or_head(after.trim_start_matches('.')))),
        None => (or_head(range), None),
    };
    let before = repository.commit(before)?;
    let after = after.map(|after| repository.commit(after)).transpose()?;
    if let Some(name) = &arguments.env {
        project.environment(Some(name))?;
    }
    let mut found = Vec::new();
    for environment in &project.environments {
        if arguments.env.as_ref().is_some_and(|name| *name != environment.name) {
            continue;
        }
        let site = Site { project: &project, environment };
        let old = repository.file_at(&before, &environment.file)?;
        let new = match &after {
            Some(after) => repository.file_at(after, &environment.file)?,
            None => site.read()?,
        };
        if old != new {
            found.push((environment.name.as_str(), changes(context, old.as_deref(), new.as_deref())));
        }
    }
    print(context, &project, &found)
}

fn or_head(name: &str) -> &str {
    if name.is_empty() { "HEAD" } else { name }
}

/// Compares two versions; one that is missing has no names.
fn changes(context: &Context<'_>, old: Option<&[u8]>, new: Option<&[u8]>) -> Option<Changes> {
    let read = |bytes: &[u8]| git::read(bytes, &mut context.keyring());
    let names = |bytes: &[u8]| Some(read(bytes)?.0.names().map(printable).collect());
    match (old, new) {
        (Some(old), Some(new)) => Some(git::compare(&Side::new(&read(old)?), &Side::new(&read(new)?))),
        (None, Some(new)) => Some(Changes { added: names(new)?, ..Changes::default() }),
        (Some(old), None) => Some(Changes { removed: names(old)?, ..Changes::default() }),
        (None, None) => Some(Changes::default()),
    }
}

fn print(context: &Context<'_>, project: &Project, found: &[(&str, Option<Changes>)]) -> Result<()> {
    if context.ui.is_json() {
        let rows = found.iter().map(|(name, changes)| match changes {
            Some(changes) => to_json(project, name, changes),
            None => json!({ "environment": name, "readable": false }),
        });
        return context.ui.json(&rows.collect::<Vec<_>>());
    }
    let mut text = Vec::new();
    for (name, changes) in found {
        text.push(name.to_string());
        match changes {
            Some(changes) => text.extend(lines(project, changes).iter().map(|line| format!("  {line}"))),
            None => text.push("  ! a version cannot be read: `secrets status` says why".to_string()),
        }
    }
    context.ui.lines(text)
}

/// Returns one line for each change, as a person reads it.
pub fn lines(project: &Project, changes: &Changes) -> Vec<String> {
    let mut lines = Vec::new();
    let marks = [("+", &changes.added), ("-", &changes.removed), ("~", &changes.changed)];
    for (mark, names) in marks {
        lines.extend(names.iter().map(|name| format!("{mark} {name}")));
    }
    lines.extend(changes.unknown.iter().map(|name| format!("? {name} (rekeyed; no identity here compares it)")));
    for (mark, labels) in [("+", &changes.readers_added), ("-", &changes.readers_removed)] {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        lines.extend(project.who(&labels).iter().map(|who| format!("{mark} reader {who}")));
    }
    if changes.rekeyed {
        lines.push("* a new data key".to_string());
    }
    if changes.selector {
        lines.push("* which names stand in clear".to_string());
    }
    if changes.layout {
        lines.push("* comments or order".to_string());
    }
    lines
}

fn to_json(project: &Project, name: &str, changes: &Changes) -> serde_json::Value {
    let who = |labels: &[String]| project.who(&labels.iter().map(String::as_str).collect::<Vec<_>>());
    json!({
        "environment": name,
        "readable": true,
        "added": changes.added,
        "removed": changes.removed,
        "changed": changes.changed,
        "unknown": changes.unknown,
        "readers_added": who(&changes.readers_added),
        "readers_removed": who(&changes.readers_removed),
        "rekeyed": changes.rekeyed,
        "selector": changes.selector,
        "layout": changes.layout,
    })
}
