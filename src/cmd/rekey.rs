//! `secrets rekey`

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::project;
use crate::project::Settings;
use crate::sops::Recipient;
use crate::sops::SealedFile;
use crate::team::Job;
use crate::team::Rewrap;
use crate::team::Site;

use super::context::Context;
use super::exposed;
use super::exposed::Losing;
use super::member::own_keys;
use super::target::Target;
use super::target::TargetArguments;
use super::team::Edits;
use super::team::Team;
use super::transaction;

/// Give a file, an environment or all of them a new data key
///
/// The new key is wrapped for the environment's readers in secrets.toml and for nobody else. Whoever had the old one reads
/// nothing that is written from then on; what stands in git's history stays readable to him.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Every environment of the project, and of all services that share its members
    #[arg(long, conflicts_with_all = ["env", "file"])]
    all: bool,
    /// Finish a change of several files that was interrupted
    #[arg(long, conflicts_with_all = ["env", "file", "all", "abort"])]
    resume: bool,
    /// Undo a change of several files that was interrupted
    #[arg(long, conflicts_with_all = ["env", "file", "all"])]
    abort: bool,
    /// Rekey although no identity here could open a file afterwards
    #[arg(long)]
    yes_me: bool,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    if arguments.resume || arguments.abort {
        return transaction::finish(context, arguments.resume);
    }
    let chosen = match arguments.all {
        true => None,
        false => Some(Target::choose(context, &arguments.target)?),
    };
    let wanted = match chosen.as_ref().map(Target::selected) {
        None => None,
        Some(Some(selected)) => Some(selected.project.below_home(&selected.environment.file)),
        Some(None) => {
            return Err(Error::new(Kind::Refused, "only a file of a project can be rekeyed")
                .because("outside of one nothing says who its readers are")
                .hint("`sops rotate` gives it a new data key for everybody who stands in it"));
        }
    };
    let (mut team, scope) = Team::lock(context)?;
    let sites: Vec<Site<'_>> =
        scope.sites().filter(|site| wanted.as_ref().is_none_or(|wanted| *wanted == site.path())).collect();
    let mut jobs = Vec::new();
    let mut losing = Losing::default();
    for site in &sites {
        let Some(before) = site.read()? else { continue };
        let recipients = site.project.recipients(site.environment, context.world.now)?;
        if !arguments.yes_me {
            check_stays_open(context, site, &before, &recipients)?;
        }
        let older = team.trust.links(&site.path());
        let job = Job { site: *site, before, rewrap: Rewrap::Rekey { recipients, older } };
        losing.add(&job);
        jobs.push(job);
    }
    if jobs.is_empty() {
        return Err(Error::new(Kind::Failed, "there is no file to rekey").hint("`secrets set NAME` makes one"));
    }
    let mut edits = Edits::default();
    let exposed =
        if losing.is_empty() { Vec::new() } else { losing.exposed(context, &sites, &exposed::pasts(context, &sites)?) };
    if !exposed.is_empty() {
        let home = &scope.projects[0].home;
        let mut settings = Settings::parse(&project::text(home)?)?;
        exposed::write_down(&exposed, &mut settings, context.world.now);
        edits.texts.insert(String::new(), settings.print());
    }
    let count = team.commit(&scope, "rekey", &edits, jobs)?;
    context.ui.done(format!("rekeyed {count} file{}", if count == 1 { "" } else { "s" }));
    exposed.iter().for_each(|exposed| exposed.report(context));
    Ok(())
}

/// Refuses to lock the person out who asks.
fn check_stays_open(context: &Context<'_>, site: &Site<'_>, before: &[u8], recipients: &[Recipient]) -> Result<()> {
    let file = SealedFile::parse(before).map_err(|error| error.in_file(&site.path()))?;
    let present = file.recipient_keys();
    let after: Vec<String> = recipients.iter().map(Recipient::key_text).collect();
    let own = own_keys(context)?;
    if !own.iter().any(|key| present.contains(key)) || own.iter().any(|key| after.contains(key)) {
        return Ok(());
    }
    let shown = site.path();
    Err(Error::new(Kind::Refused, format!("this machine's identity is none of the readers of `{shown}` any more"))
        .because("nothing here could open it afterwards")
        .hint("if that is meant: `--yes-me`"))
}
