//! `secrets member`

mod add;
mod recipient;
mod remove;

use std::collections::HashSet;

use clap::Subcommand;
use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::project::Member;
use crate::project::MemberKind;
use crate::project::Project;
use crate::sops::Recipient;
use crate::sops::SealedFile;
use crate::sops::short;
use crate::team::Job;
use crate::team::Past;
use crate::team::Rewrap;
use crate::team::Site;

use super::context::Context;
use super::team::Team;

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
    let mut lines = Vec::new();
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
        lines.push(format!("{:<width$}  {}", member.name, notes.join("; ")));
    }
    context.ui.lines(lines)
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

fn nobody_left(what: &str) -> Error {
    Error::new(Kind::Refused, format!("nobody would read `{what}` any more"))
        .hint("add another reader first, or remove the environment")
}

/// Returns a rekey of a file for its other readers, if the holder of any of these keys reads it, or left its header
/// without a rekey and still has its data key; `None` otherwise.
///
/// # Errors
/// `Kind::Refused` if nobody would be left; as [`SealedFile::parse`] for a file that says nothing, as with the marks of a
/// merge in it.
fn rekey_without<'a>(
    context: &Context<'_>,
    team: &Team<'_>,
    site: &Site<'a>,
    past: &Past,
    keys: &HashSet<String>,
) -> Result<Option<Job<'a>>> {
    let Some(before) = site.read()? else { return Ok(None) };
    let file = SealedFile::parse(&before).map_err(|error| error.in_file(&site.path()))?;
    if !file.recipient_keys().iter().any(|key| keys.contains(key)) && !past.is_key_held(keys) {
        return Ok(None);
    }
    let mut recipients = site.project.recipients(site.environment, context.world.now).unwrap_or_default();
    recipients.retain(|recipient| !keys.contains(&recipient.key_text()));
    if recipients.is_empty() {
        return Err(nobody_left(&site.path()));
    }
    let older = team.trust.links(&site.path());
    Ok(Some(Job { site: *site, before, rewrap: Rewrap::Rekey { recipients, older } }))
}

/// Returns the keys by which this machine's identities are recipients.
///
/// # Errors
/// As [`crate::keys::Keyring::recipients`].
pub fn own_keys(context: &Context<'_>) -> Result<HashSet<String>> {
    let recipients = context.keyring().recipients();
    let recipients = recipients.map_err(|error| error.hint("if that is meant: `--yes-me`"))?;
    Ok(recipients.iter().map(|label| crate::sops::key_of(label)).collect())
}

/// Refuses to lock the person out who asks: with the last recipient that an identity here opens for.
fn check_not_own(context: &Context<'_>, name: &str, gone: &[Recipient], kept: &[Recipient]) -> Result<()> {
    let own = own_keys(context)?;
    let has_own = |recipients: &[Recipient]| recipients.iter().any(|recipient| own.contains(&recipient.key_text()));
    if !has_own(gone) || has_own(kept) {
        return Ok(());
    }
    let what = if kept.is_empty() {
        format!("`{name}` is the member of this machine's identity")
    } else {
        format!("the recipient of `{name}` is that of this machine's identity")
    };
    Err(Error::new(Kind::Refused, what)
        .because("nothing here could open the files afterwards")
        .hint("if that is meant: `--yes-me`"))
}
