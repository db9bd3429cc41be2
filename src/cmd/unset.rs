//! `secrets unset`

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;

use super::change;
use super::context::Context;
use super::keychain;
use super::keychain::PlaceArguments;
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
    #[command(flatten)]
    place: PlaceArguments,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let names = arguments.names.iter().map(Name::parse).collect::<Result<Vec<_>>>()?;
    let target = Target::choose(context, &arguments.target)?;
    if arguments.place.local || arguments.place.keychain {
        let unset = if arguments.place.local { keychain::unset_local } else { keychain::unset_referenced };
        return names.iter().try_for_each(|name| unset(context, &target, name));
    }
    check_in_file(&target, &names)?;
    let place = target.name();
    let own = target.selected().map(|s| s.trust.borrow().personal(s.project, s.environment)).unwrap_or_default();
    change::change(context, &target, |draft| {
        for name in &names {
            if !draft.unset(name) {
                let error = Error::new(Kind::Failed, format!("`{name}` is not set in `{place}`"));
                let hint = format!("`secrets unset --local {name}` removes your own value");
                return Err(error.hint(if own.contains(name) { &hint } else { "`secrets list` shows the names" }));
            }
        }
        Ok(())
    })?;
    let shown: Vec<&str> = names.iter().map(Name::as_str).collect();
    context.ui.done(format!("removed {} from `{place}`", crate::base::quoted_list(&shown)));
    Ok(())
}

/// A name that stands elsewhere than in the file is not unset by taking it out of the file.
fn check_in_file(target: &Target, names: &[Name]) -> Result<()> {
    let Some(selected) = target.selected() else { return Ok(()) };
    let environment = &selected.environment.name;
    let is_reference = |name: &&Name| selected.environment.references.iter().any(|own| own.name == **name);
    let Some(name) = names.iter().find(is_reference) else { return Ok(()) };
    Err(Error::new(Kind::Failed, format!("`{name}` is a reference in `{environment}`"))
        .hint(format!("`secrets unset --keychain {name}` takes the value out of this machine's keychain"))
        .hint(format!("take it out of [environments.{environment}.from] in secrets.toml to have it no more")))
}
