//! `secrets get`

use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Pattern;
use crate::base::Result;
use crate::base::Value;
use crate::resolve;
use crate::resolve::Request;

use super::context::Context;
use super::judge;
use super::target::Target;
use super::target::TargetArguments;

/// Print one value
///
/// The bytes are printed as they are; on a terminal a line end follows.
#[derive(clap::Args)]
pub struct Arguments {
    /// The name
    name: String,
    #[command(flatten)]
    target: TargetArguments,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let name = Name::parse(&arguments.name)?;
    let target = Target::choose(context, &arguments.target)?;
    let value = value(context, &target, &name)?;
    if context.ui.is_json() {
        return context.ui.json(&json!({ "name": name.as_str(), "value": text(&name, &value)? }));
    }
    context.ui.data(value.expose())?;
    if context.ui.shows_a_person() {
        context.ui.data(b"\n")?;
    }
    Ok(())
}

fn value(context: &Context<'_>, target: &Target, name: &Name) -> Result<Value> {
    let place = target.name();
    let missing =
        || Error::new(Kind::Failed, format!("`{name}` is not set in `{place}`")).hint("`secrets list` shows the names");
    let selected = target.selected();
    let request = Request { file: selected.is_none().then(|| target.path()), ..Request::default() };
    judge::check_settings(context, target)?;
    let mut plan = resolve::plan(&request, selected.as_ref())?;
    judge::check_layers(context, target, &plan.layers)?;
    plan.rows.retain(|row| row.name == *name);
    for warning in plan.layers.iter().filter_map(resolve::Layer::warning) {
        context.ui.warn(warning);
    }
    let is_planned = !plan.rows.is_empty();
    let filled = judge::fill(context, Some(target), plan)?;
    context.warn_of_identities();
    let absent = || Error::new(Kind::Failed, format!("`{name}` may be absent in `{place}`, and is"));
    filled
        .values
        .into_iter()
        .next()
        .map(|(_, value)| value)
        .ok_or_else(|| if is_planned { absent() } else { missing() })
}

/// Returns a value as the text that JSON can hold.
///
/// # Errors
/// `Kind::Failed` if it is not UTF-8.
pub fn text<'v>(name: &Name, value: &'v Value) -> Result<&'v str> {
    std::str::from_utf8(value.expose()).map_err(|_| {
        Error::new(Kind::Failed, format!("the value of `{name}` is not UTF-8, and JSON holds nothing else"))
    })
}

/// Returns patterns that were given as text.
pub fn patterns(texts: &[String]) -> Result<Vec<Pattern>> {
    texts.iter().flat_map(|text| text.split(',')).map(Pattern::parse).collect()
}
