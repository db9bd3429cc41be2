//! `secrets hook`

use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::disk;
use crate::shell;
use crate::shell::KINDS;
use crate::shell::direnv;

use super::context::Context;

/// Print the code that loads a project's values where a shell enters it, and takes them back where it leaves
///
/// It goes into the shell's start-up file. Only what `secrets allow` or `secrets init` accepted is loaded.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub struct Arguments {
    /// The shell, or direnv
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(rows().map(|(name, _)| name)))]
    shell: String,
}

fn after_help() -> String {
    let lines: Vec<String> = rows().map(|(name, install)| format!("  {name:<6} {install}")).collect();
    format!("To install:\n{}", lines.join("\n"))
}

/// Returns each name with the way to install it.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    KINDS.iter().map(|kind| (kind.name, kind.install)).chain([(direnv::NAME, direnv::INSTALL)])
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let (code, shell) = shell::kind(&arguments.shell).map_or((direnv::CODE, "bash"), |kind| (kind.code, kind.name));
    let kind = shell::kind(shell).expect("clap takes the names of the table, and bash is one");
    let program = own_path(context)?;
    let quoted = kind.quoted(program.as_os_str().as_encoded_bytes());
    context.ui.data(code.replace("@BIN@", &quoted).as_bytes())
}

/// Returns the path by which this program was called, with its links: a package manager swaps what they lead to. It is absolute,
/// so that nothing in a project is ever run in its place.
fn own_path(context: &Context<'_>) -> Result<PathBuf> {
    let Some(name) = context.world.args.first() else {
        return Err(Error::new(Kind::Failed, "the path of this program cannot be told"));
    };
    let found = disk::find_program(name, &context.world.env)?;
    if found.is_absolute() { Ok(found) } else { Ok(context.world.cwd()?.join(found)) }
}
