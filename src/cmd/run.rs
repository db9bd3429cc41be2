//! `secrets run`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Pattern;
use crate::base::Result;
use crate::base::quoted_list;
use crate::disk;
use crate::launch;
use crate::launch::Conflict;
use crate::launch::Environ;
use crate::launch::Inherit;
use crate::resolve;
use crate::resolve::Layer;
use crate::resolve::Request;
use crate::resolve::Selected;
use crate::resolve::policy;
use crate::resolve::policy::Danger;

use super::context::Context;
use super::get::patterns;
use super::judge;
use super::target::OuterRun;
use super::target::Target;
use super::target::TargetArguments;
use super::target::project_mark;

/// An inner `run` beyond this depth is a loop.
const DEEPEST: u32 = 16;

/// Run a program with the project's values in its environment
///
/// The program replaces this process: it receives signals directly and its exit code is yours. Its arguments are passed
/// as they are; for a shell's syntax say `secrets run -- sh -c 'echo "$NAME"'`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Read a plain .env too, below everything else
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Give only these names, or patterns such as DB_*
    #[arg(long, value_name = "NAMES")]
    only: Vec<String>,
    /// Leave these names out
    #[arg(long, value_name = "NAMES")]
    except: Vec<String>,
    /// Inherit nothing but PATH, HOME, the locale and the like
    #[arg(long)]
    pure: bool,
    /// With --pure, inherit these names too
    #[arg(long, value_name = "NAMES", requires = "pure")]
    keep: Vec<String>,
    /// Keep your own values, of all names or of these
    #[arg(long, value_name = "NAMES", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    preserve_env: Vec<String>,
    /// What to do when a name replaces another value of yours
    #[arg(long, value_name = "WHAT", value_enum, default_value = "replace")]
    on_conflict: OnConflict,
    /// Leave our own variables, such as SECRETS_IDENTITY, in the program's environment
    #[arg(long)]
    pass_identity: bool,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum OnConflict {
    /// Refuse to start
    Error,
    /// Replace it, with one warning
    Replace,
}

pub fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    let Some(command) = arguments.command.first() else {
        return Err(Error::new(Kind::Usage, "missing command after --").hint("`secrets run -- CMD [ARG …]`"));
    };
    // Look for the program before the identity: a typo should not cost a passphrase.
    // Held by tests/it/run.rs::a_missing_program_is_found_out_before_any_file_is_opened.
    let program = disk::find_program(command, &context.world.env)?;
    let target = choose(context, &arguments)?;
    let selected = target.as_ref().and_then(Target::selected);
    if let Some(target) = &target {
        judge::check_settings(context, target)?;
    }
    let depth = depth(context)?;
    let request = request(context, &arguments, target.as_ref())?;
    let plan = resolve::plan(&request, selected.as_ref())?;
    if let Some(target) = &target {
        judge::check_layers(context, target, &plan.layers)?;
    }
    plan.check(&request, selected.as_ref())?;
    for warning in plan.layers.iter().filter_map(Layer::warning) {
        context.ui.warn(warning);
    }
    // A name that a file must not set is not taken from the caller either.
    let is_harmless = |name: &&Name| policy::danger(name.as_str()) != Some(Danger::Never);
    let mut left_out: Vec<Name> = plan.left_out.iter().filter(is_harmless).cloned().collect();
    let preserved = plan.preserved.clone();
    let filled = judge::fill(context, target.as_ref(), plan)?;
    context.warn_of_identities();
    left_out.extend(filled.absent);
    let mut environ = environ(context, &arguments, filled.values, &left_out, &preserved)?;
    environ.push("SECRETS_RUN", &mark(depth + 1, selected.as_ref()));
    launch::exec(&program, &arguments.command, &environ).map(|never| match never {})
}

/// Without a project, `--env-file` alone is enough.
fn choose(context: &Context<'_>, arguments: &Arguments) -> Result<Option<Target>> {
    let names_none = arguments.target.env.is_none() && arguments.target.file.is_none();
    if names_none && !arguments.env_file.is_empty() && crate::project::discover(context.world)?.is_none() {
        return Ok(None);
    }
    Target::choose(context, &arguments.target).map(Some)
}

fn request(context: &Context<'_>, arguments: &Arguments, target: Option<&Target>) -> Result<Request> {
    let preserved = patterns(&arguments.preserve_env)?;
    let caller = context.world.env.iter().filter_map(|(name, _)| name.to_str());
    let satisfied = caller.filter(|name| preserved.iter().any(|pattern| pattern.matches(name)));
    Ok(Request {
        file: target.filter(|target| target.selected().is_none()).map(Target::path),
        env_files: arguments.env_file.clone(),
        only: patterns(&arguments.only)?,
        except: patterns(&arguments.except)?,
        satisfied: satisfied.map(str::to_string).collect(),
    })
}

fn environ(
    context: &Context<'_>,
    arguments: &Arguments,
    values: Vec<(Name, crate::base::Value)>,
    left_out: &[Name],
    preserved: &[Name],
) -> Result<Environ> {
    let mut keep: Vec<Pattern> = patterns(&arguments.keep)?;
    keep.extend(preserved.iter().map(|name| Pattern::parse(name.as_str())).collect::<Result<Vec<_>>>()?);
    let inherit = if arguments.pure { Inherit::Pure { keep } } else { Inherit::All };
    let conflict = match arguments.on_conflict {
        OnConflict::Error => Conflict::Error,
        OnConflict::Replace => Conflict::Replace,
    };
    let ours = if arguments.pass_identity { launch::Ours::Pass } else { launch::Ours::Strip };
    let environ = Environ::new(&context.world.env, &inherit, ours, values, left_out, conflict)?;
    if !environ.replaced.is_empty() {
        context.ui.warn(format!("replaced {} from your environment", quoted_list(&environ.replaced)));
    }
    Ok(environ)
}

fn depth(context: &Context<'_>) -> Result<u32> {
    let depth = OuterRun::of(context.world).map_or(0, |outer| outer.depth);
    if depth >= DEEPEST {
        return Err(Error::new(Kind::Refused, format!("`run` is nested {DEEPEST} deep; it looks like a loop")));
    }
    Ok(depth)
}

fn mark(depth: u32, selected: Option<&Selected<'_>>) -> String {
    match selected {
        Some(selected) => {
            format!("{depth}/{}/{}", selected.environment.name, project_mark(selected.project))
        }
        None => format!("{depth}//"),
    }
}
