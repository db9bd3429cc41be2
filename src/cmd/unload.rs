//! `secrets unload`

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::shell::STATE;
use crate::shell::state::State;
use crate::shell::unloaded;

use super::context::Context;

/// Empty this shell at its next prompt, until it leaves the project or `allow` is said
///
/// Other shells keep what they have; `secrets identity lock` empties all of them.
#[derive(clap::Args)]
pub struct Arguments {}

pub fn run(context: &Context<'_>, _: &Arguments) -> Result<()> {
    let state = context.world.env.get(STATE).and_then(State::parse);
    let Some(state) = state.filter(|state| state.shell != 0) else {
        return Err(Error::new(Kind::Failed, "this shell holds nothing of a project")
            .hint("the hook loads a project where a shell enters it: `secrets hook --help`"));
    };
    unloaded::mark(context.world, state.shell, &state.root)?;
    context.ui.done("this shell holds nothing of the project from its next prompt on, until it leaves it");
    Ok(())
}
