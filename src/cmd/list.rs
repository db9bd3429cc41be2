//! `secrets list`

use serde_json::json;

use crate::base::Name;
use crate::base::Result;
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
    let mut references: Vec<&Name> = Vec::new();
    if let Some(selected) = &selected {
        let layers = selected.project.layers(selected.environment)?;
        references = layers.into_iter().flat_map(|layer| &layer.references).map(|reference| &reference.name).collect();
    }
    let request = Request {
        file: selected.is_none().then(|| target.path()),
        satisfied: references.iter().map(ToString::to_string).collect(),
        ..Request::default()
    };
    let plan = resolve::plan(&request, selected.as_ref())?;
    if context.ui.is_json() {
        let rows =
            plan.rows.iter().map(|row| json!({ "name": row.name.as_str(), "origin": plan.layers[row.layer].shown }));
        let references = references.iter().map(|name| json!({ "name": name.as_str(), "origin": "reference" }));
        return context.ui.json(&rows.chain(references).collect::<Vec<_>>());
    }
    context.ui.lines(plan.rows.iter().map(|row| &row.name).chain(references).map(Name::as_str))
}
