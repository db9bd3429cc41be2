//! `secrets member add`

use std::path::Path;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;
use crate::base::quoted_list;
use crate::cmd::context::Context;
use crate::cmd::team::Edits;
use crate::cmd::team::Team;
use crate::disk;
use crate::disk::Limit;
use crate::project;
use crate::project::MemberKind;
use crate::project::Project;
use crate::project::Settings;
use crate::sops::Recipient;
use crate::team::Job;
use crate::team::Rewrap;
use crate::team::Scope;

/// Add a member, or give one more access, and wrap the data keys for the member's recipients
///
/// The member can then also read older versions in git, back to the last rekey of each file; --rekey closes them.
#[derive(clap::Args)]
pub struct Arguments {
    /// The member's name
    name: String,
    /// The output of `secrets identity show`, or an SSH public key, one for each machine
    #[arg(value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Take the SSH keys in FILE too, one per line, as GitHub has them at https://github.com/NAME.keys
    #[arg(long, value_name = "FILE")]
    github_keys: Option<PathBuf>,
    /// The group or environment that the member is to read
    #[arg(long, value_name = "GROUP|ENV", required = true)]
    to: Vec<String>,
    /// It is a machine: a server, a job, a bot
    #[arg(long)]
    machine: bool,
    /// The last day of access, such as 2027-01-31
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Give the files new data keys, so that the member does not read older versions
    #[arg(long)]
    rekey: bool,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    project::check_word("a member", &arguments.name)?;
    let recipients = recipients(context, arguments)?;
    let (mut team, scope) = Team::lock(context)?;
    let project = &scope.projects[0];
    let member = project.members.iter().find(|member| member.name == arguments.name);
    if member.is_none() && recipients.is_empty() {
        return Err(Error::new(Kind::Usage, format!("`{}` is no member yet: whose recipients?", arguments.name))
            .hint(format!("`secrets member add {} RECIPIENT --to {}`", arguments.name, arguments.to[0])));
    }
    let edits = edits(project, arguments, &recipients)?;
    // What secrets.toml will say decides which files there are to read; the files follow it.
    let after = project::parse_with_home(
        &project.folder,
        edits
            .texts
            .get(&project.prefix)
            .map_or_else(|| project::text(&project.folder), |text| Ok(text.clone()))?
            .as_str(),
        edits.texts.get("").map(String::as_str),
    )?;
    // A last day that somebody else moved is not accepted with it.
    let is_day_known = arguments.until.is_some() || member.is_none_or(|before| team.trust.knows_last_day(before));
    let member = super::find(&after, &arguments.name)?;
    // Named here, or known as this member's: what else secrets.toml gives him came with the repository.
    let is_named = |recipient: &&Recipient| recipients.iter().any(|named| named.key_text() == recipient.key_text());
    let is_known = |recipient: &&Recipient| is_day_known && team.trust.knows_member(&member.name, recipient);
    let is_own = |recipient: &&Recipient| is_named(recipient) || is_known(recipient);
    let accepted: Vec<Recipient> = member.recipients.iter().filter(is_own).cloned().collect();
    let newcomers = if member.is_current(context.world.now) { member.recipients.clone() } else { Vec::new() };
    let edits = Edits { newcomers: accepted, ..edits };
    let (jobs, labels) = jobs(context, &team, &scope, &after, arguments, &newcomers)?;
    let count = team.commit(&scope, &format!("member add {}", arguments.name), &edits, jobs)?;
    report(context, arguments, count, &labels);
    Ok(())
}

/// Returns one job for each file that the member will read and that exists.
fn jobs<'a>(
    context: &Context<'_>,
    team: &Team<'_>,
    scope: &'a Scope,
    after: &Project,
    arguments: &Arguments,
    newcomers: &[Recipient],
) -> Result<(Vec<Job<'a>>, Vec<String>)> {
    let mut jobs = Vec::new();
    let mut labels = Vec::new();
    for site in scope.sites() {
        // In another service only the groups can have changed: its environments are its own.
        let project = if site.project.prefix == after.prefix { after } else { site.project };
        let groups = &after.groups;
        let environment = project.environment(Some(&site.environment.name))?;
        let is_reader = environment.readers.iter().any(|reader| {
            *reader == arguments.name || groups.get(reader).is_some_and(|members| members.contains(&arguments.name))
        });
        let Some(before) = site.read()?.filter(|_| is_reader && !newcomers.is_empty()) else { continue };
        labels.push(site.label());
        let rewrap = if arguments.rekey {
            let mut recipients = site.project.recipients(site.environment, context.world.now)?;
            recipients.extend(newcomers.iter().cloned());
            Rewrap::Rekey { recipients, older: team.trust.links(&site.path()) }
        } else {
            Rewrap::Add(newcomers.to_vec())
        };
        jobs.push(Job { site, before, rewrap });
    }
    Ok((jobs, labels))
}

fn edits(project: &Project, arguments: &Arguments, recipients: &[Recipient]) -> Result<Edits> {
    let name = &arguments.name;
    let kind = if arguments.machine { MemberKind::Machine } else { MemberKind::Person };
    let mut home = Settings::parse(&project::text(&project.home)?)?;
    home.add_member(name, recipients, kind, arguments.until.as_deref());
    let is_service = !project.prefix.is_empty();
    let mut own =
        is_service.then(|| project::text(&project.folder)).transpose()?.map(|t| Settings::parse(&t)).transpose()?;
    let mut names = vec![name.clone()];
    for to in &arguments.to {
        if project.groups.contains_key(to) {
            names.push(to.clone());
            home.join_group(to, name);
        } else if let Some(environment) = project.environments.iter().find(|environment| environment.name == *to) {
            names.push(project.label(environment));
            own.as_mut().unwrap_or(&mut home).add_reader(to, name);
        } else {
            let known: Vec<&str> = project
                .groups
                .keys()
                .map(String::as_str)
                .chain(project.environments.iter().map(|environment| environment.name.as_str()))
                .collect();
            let shown = printable(to.as_bytes());
            return Err(Error::new(Kind::Failed, format!("`{shown}` is neither a group nor an environment"))
                .hint(format!("there is {}", quoted_list(&known))));
        }
    }
    let mut edits = Edits { own: names, ..Edits::default() };
    edits.texts.insert(String::new(), home.print());
    if let Some(own) = own {
        edits.texts.insert(project.prefix.clone(), own.print());
    }
    Ok(edits)
}

fn recipients(context: &Context<'_>, arguments: &Arguments) -> Result<Vec<Recipient>> {
    let mut recipients = arguments.recipients.iter().map(|text| Recipient::parse(text)).collect::<Result<Vec<_>>>()?;
    if let Some(path) = &arguments.github_keys {
        recipients.extend(ssh_keys(context, path)?);
    }
    Ok(recipients)
}

/// Reads a file of SSH keys; those of a kind that cannot encrypt are passed over.
fn ssh_keys(context: &Context<'_>, path: &Path) -> Result<Vec<Recipient>> {
    let shown = printable(path.as_os_str().as_encoded_bytes());
    let bytes = disk::read(path, Limit::SETTINGS)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        match Recipient::parse(line) {
            Ok(key) => keys.push(key),
            Err(error) => {
                let cause = error.causes().into_iter().next().unwrap_or_else(|| "it is no key".to_string());
                context.ui.warn(format!("`{shown}`: line {} is left out: {cause}", index + 1));
            }
        }
    }
    if keys.is_empty() {
        return Err(Error::new(Kind::Failed, format!("`{shown}` has no key that can be a recipient"))
            .hint("an `ssh-ed25519` key can; or ask for the output of `secrets identity show`"));
    }
    Ok(keys)
}

fn report(context: &Context<'_>, arguments: &Arguments, count: usize, labels: &[String]) {
    let name = &arguments.name;
    let files = if count == 1 { "1 file".to_string() } else { format!("{count} files") };
    let what = if labels.is_empty() { "no file yet".to_string() } else { quoted_list(labels) };
    context.ui.done(format!("`{name}` reads {what}; {files} written"));
    if count > 0 && !arguments.rekey {
        context.ui.hint(format!(
            "`{name}` can read older versions in git too, back to the last rekey; `secrets rekey` closes that for what comes"
        ));
    }
    context.ui.hint("to commit: `git add secrets.toml secrets/`, or what `git status` shows");
}
