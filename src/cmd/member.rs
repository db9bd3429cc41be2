//! `secrets member`

mod add;
mod recipient;
mod remove;

use clap::Subcommand;
use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::project::Member;
use crate::project::MemberKind;
use crate::project::Project;
use crate::sops::Recipient;
use crate::sops::short;

use super::context::Context;

/// Show and change who belongs to the project
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(add::Arguments),
    Remove(remove::Arguments),
    /// List the members with their groups and environments
    List,
    Recipient(recipient::Arguments),
}

pub fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Add(arguments) => add::run(context, &arguments),
        Command::Remove(arguments) => remove::run(context, &arguments),
        Command::List => list(context),
        Command::Recipient(arguments) => recipient::run(context, arguments),
    }
}

fn list(context: &Context<'_>) -> Result<()> {
    let project = context.project()?;
    if context.ui.is_json() {
        let rows = project.members.iter().map(|member| {
            json!({
                "name": member.name,
                "kind": kind(member),
                "recipients": member.recipients.iter().map(Recipient::label).collect::<Vec<_>>(),
                "until": member.until,
                "groups": groups(&project, member),
                "environments": environments(&project, member),
            })
        });
        return context.ui.json(&rows.collect::<Vec<_>>());
    }
    let width = project.members.iter().map(|member| member.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for member in &project.members {
        let recipients: Vec<String> = member.recipients.iter().map(|recipient| short(recipient.label())).collect();
        let mut notes = vec![recipients.join(", ")];
        if member.kind == MemberKind::Machine {
            notes.push("machine".to_string());
        }
        notes.extend(member.until.as_ref().map(|day| format!("until {day}")));
        let environments = environments(&project, member);
        notes.push(if environments.is_empty() {
            "reads nothing".into()
        } else {
            format!("reads {}", environments.join(", "))
        });
        text.push_str(&format!("{:<width$}  {}\n", member.name, notes.join("; ")));
    }
    context.ui.data(text.as_bytes())
}

fn kind(member: &Member) -> &'static str {
    if member.kind == MemberKind::Machine { "machine" } else { "person" }
}

fn groups<'a>(project: &'a Project, member: &Member) -> Vec<&'a str> {
    project.groups.iter().filter(|(_, names)| names.contains(&member.name)).map(|(group, _)| group.as_str()).collect()
}

fn environments<'a>(project: &'a Project, member: &Member) -> Vec<&'a str> {
    let reads = project.environments.iter().filter(|e| project.readers(e).any(|reader| reader.name == member.name));
    reads.map(|environment| environment.name.as_str()).collect()
}

/// Returns a member by name.
///
/// # Errors
/// `Kind::Failed` if there is none.
fn find<'a>(project: &'a Project, name: &str) -> Result<&'a Member> {
    project.members.iter().find(|member| member.name == name).ok_or_else(|| {
        let shown = crate::base::printable(name.as_bytes());
        Error::new(Kind::Failed, format!("there is no member `{shown}`")).hint("`secrets member list` shows all")
    })
}
