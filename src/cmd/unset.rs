//! `secrets unset`

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;

use super::change;
use super::context::Context;
use super::target::Target;
use super::target::TargetArguments;

/// Remove a value
///
/// Older versions in git keep it: whoever could read them still can.
#[derive(clap::Args)]
pub struct Arguments {
    /// The names to remove
    #[arg(required = true)]
    names: Vec<String>,
    #[command(flatten)]
    target: TargetArguments,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let names = arguments.names.iter().map(Name::parse).collect::<Result<Vec<_>>>()?;
    let target = Target::choose(context, &arguments.target)?;
    let place = target.name();
    change::change(context, &target, |draft| {
        for name in &names {
            if !draft.unset(name) {
                return Err(Error::new(Kind::Failed, format!("`{name}` is not set in `{place}`"))
                    .hint("`secrets list` shows the names"));
            }
        }
        Ok(())
    })?;
    let shown: Vec<&str> = names.iter().map(Name::as_str).collect();
    context.ui.done(format!("removed {} from `{place}`", crate::base::quoted_list(&shown)));
    Ok(())
}
