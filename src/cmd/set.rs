//! `secrets set`

use std::ffi::OsString;
use std::path::PathBuf;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::base::printable;
use crate::disk;
use crate::disk::Limit;
use crate::term::Terminal;

use super::change;
use super::context::Context;
use super::keychain;
use super::keychain::PlaceArguments;
use super::target::Target;
use super::target::TargetArguments;

/// Set a value, taken from a hidden prompt, stdin or a file
///
/// The value is asked for on the terminal and not shown. Where stdin is not a terminal it is read from there, without one
/// line end at its end. It is never taken from the command line, where the shell's history and every process would see it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The name to set
    name: String,
    /// Read the value from FILE, all its bytes
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    place: PlaceArguments,
    /// Catches a value that was given all the same, to refuse it without showing it.
    #[arg(hide = true, allow_hyphen_values = true, trailing_var_arg = true)]
    value: Vec<OsString>,
}

pub fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    let name = checked_name(&arguments)?;
    let target = Target::choose(context, &arguments.target)?;
    if arguments.place.local || arguments.place.keychain {
        let value = value(&arguments, &target, &name)?;
        let set = if arguments.place.local { keychain::set_local } else { keychain::set_referenced };
        return set(context, &target, &name, value);
    }
    check_reference(&target, &name)?;
    change::check_writing(&target)?;
    let value = value(&arguments, &target, &name)?;
    let (is_new, changed) = change::change(context, &target, |draft| {
        let is_new = draft.value(&name).is_none();
        draft.set(&name, value);
        Ok(is_new)
    })?;
    change::warn_of_names(context, &target, std::iter::once(&name));
    let place = target.name();
    hint_own(context, &target, &name);
    match (changed, is_new) {
        (false, _) => context.ui.done(format!("`{name}` has that value already in `{place}`")),
        (true, true) => context.ui.done(format!("added `{name}` to `{place}`")),
        (true, false) => context.ui.done(format!("changed `{name}` in `{place}`")),
    }
    Ok(())
}

/// Refuses `set K=v` and `set K v`, and shows the safe form without the value.
fn checked_name(arguments: &Arguments) -> Result<Name> {
    let (name, given) = match arguments.name.split_once('=') {
        Some((name, _)) => (name, true),
        None => {
            let is_more_than_a_name = !arguments.value.is_empty() || arguments.name.contains(char::is_whitespace);
            (arguments.name.as_str(), is_more_than_a_name)
        }
    };
    if !given {
        return Name::parse(name);
    }
    let shown = if Name::is_legal(name.as_bytes()) { name.to_string() } else { "NAME".to_string() };
    Err(Error::new(Kind::Usage, "a value on the command line is not safe, and was not stored")
        .because("the shell's history and every process on this machine can see it")
        .hint(format!("`secrets set {shown}` asks for the value"))
        .hint(format!(
            "`printf %s \"$VALUE\" | secrets set {shown}` and `secrets set {shown} --from-file FILE` work too"
        )))
}

fn check_reference(target: &Target, name: &Name) -> Result<()> {
    let Some(selected) = target.selected() else { return Ok(()) };
    if !selected.environment.references.iter().any(|reference| reference.name == *name) {
        return Ok(());
    }
    Err(change::is_a_reference(selected.environment, name))
}

fn value(arguments: &Arguments, target: &Target, name: &Name) -> Result<Value> {
    if let Some(path) = &arguments.from_file {
        return disk::read(path, Limit::VALUE).map(Value::from);
    }
    let mut terminal = Terminal;
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) && terminal.is_there() {
        let place = printable(target.name().as_bytes());
        return terminal.secret(&format!("value of {name} in {place}"));
    }
    disk::read_stdin(Limit::VALUE).map(|bytes| Value::from(bytes).without_line_end())
}

/// Who sets a value that he does not get himself is told.
fn hint_own(context: &Context<'_>, target: &Target, name: &Name) {
    let Some(selected) = target.selected() else { return };
    if selected.trust.borrow().personal(selected.project, selected.environment).contains(name) {
        context
            .ui
            .hint(format!("your own value of `{name}` is laid over it: `secrets unset --local {name}` removes it"));
    }
}
