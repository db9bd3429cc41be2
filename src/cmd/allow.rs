//! `secrets allow`

mod accept;
mod show;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::seconds;
use crate::project::Expose;
use crate::project::trust::Limit;
use crate::project::trust::Wish;
use crate::resolve::Layer;
use crate::resolve::Selected;
use crate::shell::unloaded;

use super::change;
use super::context::Context;
use super::get::patterns;
use super::judge;
use super::plugin;
use super::target::Target;
use super::target::TargetArguments;

/// Accept on this machine what secrets.toml says and how its files are sealed
///
/// What is new is shown first. Nothing in the repository can do that by itself: the record lies on this machine.
#[derive(clap::Args)]
pub struct Arguments {
    /// Let this name pass, although it can run code, in this project on this machine
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Let this age plugin be started for this project on this machine
    #[arg(long, value_name = "NAME")]
    plugin: Vec<String>,
    /// Print the digest for SECRETS_TRUST, which stands for this record in CI; accept nothing
    #[arg(long, conflicts_with_all = ["name", "plugin"])]
    print: bool,
    /// With --print: of this environment
    #[arg(long, short, value_name = "ENV", requires = "print")]
    env: Option<String>,
    /// Accept it for a while only: a number and `h`, `m`, `s` or `d`
    #[arg(long = "for", value_name = "SPAN", conflicts_with_all = ["name", "plugin", "print"])]
    span: Option<String>,
    /// Who gets values: hooked shells, or only what `secrets run` starts; stays as it was if not given
    #[arg(long, value_name = "MODE", value_enum, conflicts_with_all = ["name", "plugin", "print"])]
    mode: Option<Mode>,
    /// Give hooked shells only these names, or patterns such as DB_*; `*` for all; stays as it was if not given
    #[arg(long, value_name = "NAMES", conflicts_with_all = ["name", "plugin", "print"])]
    only: Vec<String>,
    /// Leave git's drivers alone
    #[arg(long)]
    no_git: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Mode {
    /// Only what `secrets run` starts
    Run,
    /// Hooked shells, and all that they start
    Shell,
}

/// Ten years: what is accepted for longer is accepted without an end.
const LONGEST: i64 = 3650 * 86_400;

impl Arguments {
    /// Returns what the person says of hooked shells and of the time for which it counts.
    fn wish(&self, now: Timestamp) -> Result<Wish> {
        let most = self.mode.map(|mode| match mode {
            Mode::Run => Expose::Run,
            Mode::Shell => Expose::Shell,
        });
        let only = patterns(&self.only)?;
        // All of them is how a person takes an earlier choice back.
        let only = if only.iter().any(|pattern| pattern.to_string() == "*") { Vec::new() } else { only };
        let limit = |span: &String| {
            let is_sane = |seconds: &i64| (1..=LONGEST).contains(seconds);
            let seconds = seconds(span, &["d", "h", "m", "s"]).filter(is_sane);
            let seconds = seconds.ok_or_else(|| {
                Error::new(Kind::Usage, "`--for` wants a span such as `8h` or `30m`, of ten years at most")
            })?;
            Ok(Limit { until: now.seconds() + seconds, span: span.clone() })
        };
        let limit = self.span.as_ref().map(limit).transpose()?;
        Ok(Wish { most, only: (!self.only.is_empty()).then_some(only), limit })
    }
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let wish = arguments.wish(context.world.now)?;
    let target = Target::choose(context, &TargetArguments { env: arguments.env.clone(), file: None })?;
    let Some(selected) = target.selected() else {
        return Err(Error::new(Kind::Bug, "a project was found"));
    };
    if arguments.print {
        return print(context, &selected);
    }
    let names = arguments.name.iter().map(Name::parse).collect::<Result<Vec<_>>>()?;
    let is_more = !names.is_empty() || !arguments.plugin.is_empty();
    if let Some(span) = selected.trust.borrow().expired().filter(|_| is_more) {
        return Err(Error::new(Kind::Refused, format!("what was accepted has expired after {span}"))
            .hint("`secrets allow` first"));
    }
    for name in &names {
        selected.trust.borrow_mut().allow_name(name);
        context.ui.done(format!("`{name}` passes from now on, in this project on this machine"));
    }
    let plugins = arguments.plugin.iter().map(|name| plugin::parse(name)).collect::<Result<Vec<_>>>()?;
    allow_plugins(context, &selected, plugins.clone());
    let is_all = names.is_empty() && plugins.is_empty();
    if is_all {
        context.accepts();
        allow(context, &selected, &wish)?;
    }
    let saved = selected.trust.borrow_mut().save(selected.project);
    saved.map_err(|error| Error::new(Kind::Failed, "what was accepted cannot be remembered").because(error))?;
    if !is_all {
        return Ok(());
    }
    if !arguments.no_git {
        super::git::install_quietly(context, selected.project);
    }
    super::sops_yaml::follow(context, selected.project);
    Ok(())
}

fn allow_plugins(context: &Context<'_>, selected: &Selected<'_>, names: Vec<String>) {
    let mut trust = selected.trust.borrow_mut();
    let new: Vec<String> = names.into_iter().filter(|name| !trust.lets_plugin(name)).collect();
    for name in &new {
        context.ui.done(format!("`age-plugin-{name}` may be started from now on, for this project on this machine"));
    }
    if !new.is_empty() {
        context.keyring().accept_plugins(&new);
        trust.allow_plugins(new);
    }
}

/// Shows what differs, and accepts it.
fn allow(context: &Context<'_>, selected: &Selected<'_>, wish: &Wish) -> Result<()> {
    let (project, trust) = (selected.project, selected.trust);
    for difference in trust.borrow().differences(project) {
        context.ui.warn(format!("accepted: {}", difference.text));
    }
    show::news(context, selected);
    allow_plugins(context, selected, plugin::of_members(project));
    trust.borrow_mut().allow(project, wish);
    let mut left = Vec::new();
    for environment in &project.environments {
        if let Err(error) = accept::file(context, selected, environment) {
            left.push(error);
        }
    }
    let count = project.environments.len();
    let span = wish.limit.as_ref().map(|limit| format!(", for {}", limit.span)).unwrap_or_default();
    context.ui.done(format!(
        "`{}` is trusted on this machine, with {count} environment{}{span}",
        project.name,
        plural(count)
    ));
    show::exposure(context, selected);
    unloaded::forget_all(context.world, &project.folder);
    // A file that cannot be accepted is not the fault of what secrets.toml says, and is refused where it is used.
    let worst = left.into_iter().max_by_key(|error| error.kind() == Kind::Refused);
    match worst {
        Some(error) if error.kind() == Kind::Refused => {
            trust.borrow_mut().save(project)?;
            Err(error)
        }
        Some(error) => {
            context.ui.hint(format!("not looked into: {}", error.message()));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Prints the digest of an environment; a file without a seal has to be opened for it.
fn print(context: &Context<'_>, selected: &Selected<'_>) -> Result<()> {
    let mut claimed = Vec::new();
    for layer in selected.project.layers(selected.environment)? {
        let Some(read) = Layer::of_any(selected.project, layer, &selected.trust.borrow())? else {
            claimed.push(None);
            continue;
        };
        judge::check_unsealed(context, selected, &read)?;
        let commitment = read.seal().map(|seal| seal.commitment);
        if commitment.is_none() {
            let opened = change::unlock(context, read)?;
            judge::accept(context, selected, &layer.name, &opened)?;
        }
        claimed.push(commitment);
    }
    let digest = selected.trust.borrow().digest(selected.project, selected.environment, &claimed)?;
    context.ui.line(digest)
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
