//! `secrets deny`

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;

use super::context::Context;
use super::target::Target;
use super::target::TargetArguments;

/// Take back what `allow` accepted on this machine
///
/// The shell hook, references to stores and names that run code stop; plain `run` of sealed files goes on.
#[derive(clap::Args)]
pub struct Arguments {}

pub fn run(context: &Context<'_>, _: &Arguments) -> Result<()> {
    let target = Target::choose(context, &TargetArguments::default())?;
    let Some(selected) = target.selected() else {
        return Err(Error::new(Kind::Bug, "a project was found"));
    };
    let mut trust = selected.trust.borrow_mut();
    trust.check_place()?;
    trust.meet(selected.project);
    trust.deny(selected.project);
    trust.save(selected.project)?;
    context.ui.done(format!("`{}` is not trusted any more on this machine", selected.project.name));
    Ok(())
}
