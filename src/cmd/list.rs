//! `secrets list`

use serde_json::json;

use crate::base::Result;
use crate::base::quoted_list;
use crate::resolve;
use crate::resolve::Request;

use super::context::Context;
use super::target::Target;
use super::target::TargetArguments;

/// List the names, never the values
///
/// No identity is needed. With --json each name comes with the file or store that gives it.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let target = Target::choose(context, &arguments.target)?;
    let selected = target.selected();
    let request = Request { file: selected.is_none().then(|| target.path()), ..Request::default() };
    let plan = resolve::plan(&request, selected.as_ref())?;
    if context.ui.is_json() {
        let origin =
            |row: &resolve::Row| json!({ "name": row.name.as_str(), "origin": plan.layers[row.layer].origin() });
        return context.ui.json(&plan.rows.iter().map(origin).collect::<Vec<_>>());
    }
    let personal = plan.rows.iter().filter(|row| plan.layers[row.layer].is_personal());
    let personal: Vec<&str> = personal.map(|row| row.name.as_str()).collect();
    if !personal.is_empty() {
        context.ui.hint(format!("{} on this machine: your own, from the keychain", quoted_list(&personal)));
    }
    context.ui.lines(plan.rows.iter().map(|row| row.name.as_str()))
}
