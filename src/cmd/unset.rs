//! `secrets unset`

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::resolve::Selected;

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
        return unset(context, &target, &names);
    }
    let place = target.name();
    change::change(context, &target, |draft| match names.iter().find(|name| !draft.unset(name)) {
        Some(name) => Err(not_there(&target, name)),
        None => Ok(()),
    })?;
    let shown: Vec<&str> = names.iter().map(Name::as_str).collect();
    context.ui.done(format!("removed {} from `{place}`", crate::base::quoted_list(&shown)));
    Ok(())
}

/// A name may stand elsewhere than in the file.
fn not_there(target: &Target, name: &Name) -> Error {
    let place = target.name();
    let missing = Error::new(Kind::Failed, format!("`{name}` is not set in `{place}`"));
    let Some(Selected { project, environment, trust }) = target.selected() else {
        return missing.hint("`secrets list` shows the names");
    };
    if trust.borrow().personal(project, environment).contains(name) {
        return missing.hint(format!("`secrets unset --local {name}` removes your own value"));
    }
    if environment.references.iter().any(|own| own.name == *name) {
        return Error::new(Kind::Failed, format!("`{name}` is a reference in `{place}`"))
            .hint(format!("`secrets unset --keychain {name}` takes the value out of this machine's keychain"))
            .hint(format!("take it out of [environments.{place}.from] in secrets.toml to have it no more"));
    }
    missing.hint("`secrets list` shows the names")
}
