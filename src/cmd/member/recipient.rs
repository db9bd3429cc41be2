//! `secrets member recipient`: a second machine, and a machine that is gone.

use std::collections::HashSet;

use clap::Subcommand;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::cmd::context::Context;
use crate::cmd::exposed;
use crate::cmd::exposed::Losing;
use crate::cmd::team::Edits;
use crate::cmd::team::Team;
use crate::project;
use crate::project::Settings;
use crate::sops::Recipient;
use crate::team::Job;
use crate::team::Rewrap;
use crate::team::Site;

/// Change the recipients of a member, one for each machine
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Add a recipient and wrap the data keys for it
    Add {
        /// The member's name
        name: String,
        /// The output of `secrets identity show` on that machine, or an SSH public key
        recipient: String,
    },
    Remove(RemoveArguments),
}

/// Take a recipient away and give every file that it opens a new data key
#[derive(clap::Args)]
struct RemoveArguments {
    /// The member's name
    name: String,
    /// The recipient
    recipient: String,
    /// The machine is lost or stolen: list the values that it could read
    #[arg(long)]
    lost: bool,
    /// Remove the recipient although it is this machine's own
    #[arg(long)]
    yes_me: bool,
}

pub fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Add { name, recipient } => add(context, &name, &recipient),
        Command::Remove(arguments) => remove(context, &arguments),
    }
}

fn add(context: &Context<'_>, name: &str, recipient: &str) -> Result<()> {
    let recipient = Recipient::parse(recipient)?;
    let (mut team, scope) = Team::lock(context)?;
    let project = &scope.projects[0];
    let member = super::find(project, name)?;
    let mut settings = Settings::parse(&project::text(&project.home)?)?;
    settings.add_member(name, std::slice::from_ref(&recipient), member.kind, None);
    let mut edits = Edits { newcomers: vec![recipient.clone()], own: vec![name.to_string()], ..Edits::default() };
    edits.texts.insert(String::new(), settings.print());
    let mut jobs = Vec::new();
    let now = context.world.now;
    let reads = |site: &Site<'_>| site.project.readers(site.environment).any(|m| m.name == name && m.is_current(now));
    for site in scope.sites().filter(reads) {
        if let Some(before) = site.read()? {
            jobs.push(Job { site, before, rewrap: Rewrap::Add(vec![recipient.clone()]) });
        }
    }
    let count = team.commit(&scope, &format!("member recipient add {name}"), &edits, jobs)?;
    context.ui.done(format!("`{name}` has one more recipient; {count} files written"));
    Ok(())
}

fn remove(context: &Context<'_>, arguments: &RemoveArguments) -> Result<()> {
    let RemoveArguments { name, recipient, .. } = arguments;
    let key = crate::sops::key_of(recipient);
    let (mut team, scope) = Team::lock(context)?;
    let project = &scope.projects[0];
    let member = super::find(project, name)?;
    let (gone, kept): (Vec<_>, Vec<_>) = member.recipients.iter().cloned().partition(|own| own.key_text() == key);
    if gone.is_empty() {
        return Err(Error::new(Kind::Failed, format!("`{name}` has no such recipient"))
            .hint("`secrets member list --json` shows them whole"));
    }
    if kept.is_empty() {
        return Err(Error::new(Kind::Refused, format!("`{name}` would have no recipient any more")).hint(format!(
            "`secrets member recipient add {name} RECIPIENT` first, or `secrets member remove {name}`"
        )));
    }
    if !arguments.yes_me {
        super::check_not_own(context, name, &gone, &kept)?;
    }
    let mut settings = Settings::parse(&project::text(&project.home)?)?;
    settings.remove_recipient(name, &key);
    let mut jobs = Vec::new();
    let mut losing = Losing::default();
    let sites: Vec<Site<'_>> = scope.sites().collect();
    let pasts = exposed::pasts(context, &sites)?;
    let keys = HashSet::from([key.clone()]);
    for (site, past) in sites.iter().zip(&pasts.files) {
        if let Some(job) = super::rekey_without(context, &team, site, past, &keys)? {
            losing.add(&job);
            jobs.push(job);
        }
    }
    // A lost machine has seen what it could open, wherever it stands now.
    if arguments.lost {
        losing.add_key(name.to_string(), key.clone(), recipient.to_string());
    } else {
        losing.forget(name);
    }
    let exposed = losing.exposed(context, &sites, &pasts);
    exposed::write_down(&exposed, &mut settings, context.world.now);
    let mut edits = Edits { own: vec![name.to_string()], ..Edits::default() };
    edits.texts.insert(String::new(), settings.print());
    let count = team.commit(&scope, &format!("member recipient remove {name}"), &edits, jobs)?;
    context.ui.done(format!("`{name}` has one recipient less; {count} files have a new data key"));
    exposed.iter().for_each(|exposed| exposed.report(context));
    Ok(())
}
