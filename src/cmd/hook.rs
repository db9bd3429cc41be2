//! `secrets hook`

use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::disk;
use crate::shell;
use crate::shell::KINDS;

use super::context::Context;

/// Print the code that loads a project's values where a shell enters it, and takes them back where it leaves
///
/// It goes into the shell's start-up file. Only what `secrets allow` or `secrets init` accepted is loaded.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub struct Arguments {
    /// The shell
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(KINDS.iter().map(|kind| kind.name)))]
    shell: String,
}

fn after_help() -> String {
    let lines: Vec<String> = KINDS.iter().map(|kind| format!("  {:<5} {}", kind.name, kind.install)).collect();
    format!("To install:\n{}", lines.join("\n"))
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let kind = shell::kind(&arguments.shell).expect("clap takes the names of the table");
    let program = own_path(context)?;
    let quoted = kind.quoted(program.as_os_str().as_encoded_bytes());
    context.ui.data(kind.code.replace("@BIN@", &quoted).as_bytes())
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
