//! `secrets member remove`

use std::collections::HashSet;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::quoted_list;
use crate::cmd::context::Context;
use crate::cmd::exposed;
use crate::cmd::exposed::Losing;
use crate::cmd::team::Edits;
use crate::cmd::team::Team;
use crate::project;
use crate::project::Member;
use crate::project::Settings;
use crate::sops::Recipient;
use crate::team::Scope;
use crate::team::Site;
use crate::term::Terminal;

/// Remove a member: out of every file, with new data keys, and a list of what the member has seen
///
/// All files change, or none. What the member has read stays read, and git's history stays readable to him: so each value
/// that still works is listed, and `secrets status` shows it until it has a new one.
#[derive(clap::Args)]
pub struct Arguments {
    /// The member's name
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Remove a member although it is this machine's own
    #[arg(long)]
    yes_me: bool,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let name = &arguments.name;
    let before = Scope::of(context.project()?)?;
    let member = super::find(&before.projects[0], name)?;
    if !arguments.yes_me {
        super::check_not_own(context, name, &member.recipients, &[])?;
    }
    if !confirm(arguments, &before, member)? {
        context.ui.done("nothing was changed");
        return Ok(());
    }
    let (mut team, scope) = Team::lock(context)?;
    let member = super::find(&scope.projects[0], name)?;
    let mut keys: HashSet<String> = member.recipients.iter().map(Recipient::key_text).collect();
    let mut losing = Losing::default();
    // He may have exchanged them in secrets.toml; those that this machine accepted are in the files.
    for key in team.trust.keys_of_member(name) {
        losing.add_key(name.clone(), key.clone(), key.clone());
        keys.insert(key);
    }
    for recipient in &member.recipients {
        losing.add_key(name.clone(), recipient.key_text(), recipient.label().to_string());
    }
    let sites: Vec<Site<'_>> = scope.sites().collect();
    if let Some(site) = sites.iter().find(|site| site.environment.readers.iter().all(|reader| reader == name)) {
        return Err(super::nobody_left(&site.path()));
    }
    let pasts = exposed::pasts(context, &sites)?;
    let mut jobs = Vec::new();
    for (site, past) in sites.iter().zip(&pasts.files) {
        if let Some(job) = super::rekey_without(context, &team, site, past, &keys)? {
            losing.add(&job);
            jobs.push(job);
        }
    }
    let exposed = losing.exposed(context, &sites, &pasts);
    let mut edits = edits(&scope, name)?;
    let mut settings = Settings::parse(edits.texts.get("").map_or("", String::as_str))?;
    exposed::write_down(&exposed, &mut settings, context.world.now);
    edits.texts.insert(String::new(), settings.print());
    let count = team.commit(&scope, &format!("member remove {name}"), &edits, jobs)?;
    let files = if count == 1 { "1 file has".to_string() } else { format!("{count} files have") };
    context.ui.done(format!("removed `{name}`; {files} a new data key"));
    exposed.iter().for_each(|exposed| exposed.report(context));
    context.ui.hint("by hand: access to stores, clusters, CI variables, deploy keys, and the repository itself");
    context.ui.hint("to commit: what `git status` shows");
    Ok(())
}

/// Returns the texts of every secrets.toml that names the member.
fn edits(scope: &Scope, name: &str) -> Result<Edits> {
    let mut edits = Edits { home_last: true, ..Edits::default() };
    let home = &scope.projects[0].home;
    let folders = std::iter::once((String::new(), home.clone()))
        .chain(scope.projects.iter().map(|project| (project.prefix.clone(), project.folder.clone())));
    for (prefix, folder) in folders {
        let mut settings = Settings::parse(&project::text(&folder)?)?;
        settings.remove_member(name);
        edits.texts.insert(prefix, settings.print());
    }
    let is_name = |other: &String| other == name;
    let groups = scope.projects[0].groups.iter().filter(|(_, members)| members.iter().any(is_name));
    edits.own.extend(groups.map(|(group, _)| group.clone()));
    let sites = scope.sites().filter(|site| site.environment.readers.iter().any(is_name));
    edits.own.extend(sites.map(|site| site.label()));
    edits.own.push(name.to_string());
    Ok(edits)
}

/// Tells whether any of these keys stands in the file's header.
fn stands_in(file: &[u8], keys: &HashSet<String>) -> bool {
    let file = crate::sops::SealedFile::parse(file);
    file.is_ok_and(|file| file.recipients().into_iter().any(|label| keys.contains(&crate::sops::key_of(label))))
}

fn confirm(arguments: &Arguments, scope: &Scope, member: &Member) -> Result<bool> {
    if arguments.yes {
        return Ok(true);
    }
    let keys: HashSet<String> = member.recipients.iter().map(Recipient::key_text).collect();
    let mut labels = Vec::new();
    for site in scope.sites() {
        if site.read()?.is_some_and(|content| stands_in(&content, &keys)) {
            labels.push(site.label());
        }
    }
    let what = if labels.is_empty() { "no file".to_string() } else { quoted_list(&labels) };
    let mut terminal = Terminal;
    if !terminal.is_there() {
        return Err(Error::new(Kind::Failed, format!("`{}` reads {what}", member.name))
            .because("there is no terminal to ask on")
            .hint("say `--yes` to remove the member all the same"));
    }
    terminal.confirm(&format!("{} reads {what}. Remove the member and give these new data keys?", member.name), false)
}
