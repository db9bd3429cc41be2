//! `secrets git`

use std::path::Path;
use std::path::PathBuf;

use clap::Subcommand;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;
use crate::base::quoted_list;
use crate::disk;
use crate::disk::Limit;
use crate::disk::Lock;
use crate::git;
use crate::git::Resolution;
use crate::history::Old;
use crate::history::Repository;
use crate::history::Sides;
use crate::project;
use crate::project::Project;
use crate::project::Trust;
use crate::sops::short;

use super::context::Context;

/// Let git merge and compare sealed files by name
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set the drivers up in this repository's own configuration
    Install,
    /// Merge two versions by name; git calls it
    Merge {
        /// The common version; empty if there is none
        base: PathBuf,
        /// Our version, which the merged one replaces
        ours: PathBuf,
        /// Their version
        theirs: PathBuf,
        /// Where the file lies in the repository
        path: String,
    },
    /// Print a sealed file by name, with a mark for each value; git calls it
    Textconv {
        /// The sealed file
        file: PathBuf,
    },
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Install => install(context),
        Command::Merge { base, ours, theirs, path } => merge(context, base, ours, theirs, path),
        Command::Textconv { file } => textconv(context, file),
    }
}

fn install(context: &Context<'_>) -> Result<()> {
    let repository = Repository::of(context.world, context.world.cwd()?)
        .ok_or_else(|| Error::new(Kind::Failed, "this folder is in no git repository"))?;
    let is_changed = git::install(context.world, &repository)?;
    let news = "git merges and compares sealed files by name in this repository";
    context.ui.done(if is_changed { news.to_string() } else { format!("{news} already") });
    Ok(())
}

/// Installs git's drivers where there is a repository, and says so in one line if anything changed.
pub fn install_quietly(context: &Context<'_>, project: &Project) {
    let Some(repository) = Repository::of(context.world, &project.folder) else { return };
    match git::install(context.world, &repository) {
        Ok(true) => context.ui.done("git merges and compares sealed files by name from now on (`--no-git` leaves it)"),
        Ok(false) => {}
        Err(error) => context.ui.warn(format!("git's drivers are not set up: {}", error.message())),
    }
}

fn merge(context: &Context<'_>, base: &Path, ours: &Path, theirs: &Path, path: &str) -> Result<()> {
    let shown = printable(path.as_bytes());
    let read = |path: &Path| disk::read(path, Limit::SEALED_FILE).map(|bytes| bytes.to_vec());
    let mut sides = Sides { base: Some(read(base)?), ours: read(ours)?, theirs: read(theirs)?, old: None };
    let merged = old_side(context, path, &sides).and_then(|old| {
        sides.old = old;
        git::merge(&sides, &mut context.keyring(), Resolution::Leave, context.world.now)
    });
    let outcome = match merged {
        Ok(outcome) => outcome,
        Err(error) => {
            leave_conflict(context, base, ours, theirs)?;
            return Err(error
                .in_front(format!("`{shown}` is left as an ordinary conflict: "))
                .hint("whoever has a key finishes it with `secrets reseal`"));
        }
    };
    disk::write_over(&Lock::for_file(ours)?, &outcome.written.bytes, None)?;
    if !outcome.conflicts.is_empty() {
        let names = quoted_list(&outcome.conflicts);
        return Err(Error::new(Kind::Failed, format!("both sides changed {names} in `{shown}`"))
            .hint("`secrets reseal` asks which value stays, and seals the file"));
    }
    if let Some(why) = outcome.unsealed {
        context.ui.warn(format!(
            "`{shown}` is merged by name, but not sealed: {why}; `secrets reseal` shows it and seals it"
        ));
    }
    Ok(())
}

/// Finds out which side is an old version. Git says what it merges in the names of variables.
fn old_side(context: &Context<'_>, path: &str, sides: &Sides) -> Result<Option<Old>> {
    let Some(repository) = Repository::of(context.world, context.world.cwd()?) else { return Ok(None) };
    let theirs = context.world.env.iter().filter_map(|(name, _)| name.to_str()?.strip_prefix("GITHEAD_"));
    let theirs: Vec<&str> = theirs.collect();
    // With several heads at once the driver does not know whose turn it is.
    let their_head = if let [head] = *theirs.as_slice() { Some(head) } else { None };
    repository.old_side(path, sides, "HEAD", their_head)
}

/// Leaves what git would have left without us: our file with the lines of both sides between markers.
fn leave_conflict(context: &Context<'_>, base: &Path, ours: &Path, theirs: &Path) -> Result<()> {
    let Some(repository) = Repository::of(context.world, context.world.cwd()?) else { return Ok(()) };
    let paths = [ours, base, theirs].map(|path| path.to_string_lossy().into_owned());
    // Its exit code is the number of conflicts, and that is not zero: nobody is asked for it.
    let words = ["merge-file", "-L", "ours", "-L", "base", "-L", "theirs", "--", &paths[0], &paths[1], &paths[2]];
    let _ = repository.output(&words);
    Ok(())
}

/// Prints whatever can be printed: a diff that fails shows nothing of all the other files either.
fn textconv(context: &Context<'_>, file: &Path) -> Result<()> {
    let bytes = disk::read(file, Limit::SEALED_FILE)?;
    // Git calls this for each version, and its pager reads the same terminal.
    context.keyring().ask_nobody();
    let project = project::discover(context.world).ok().flatten();
    let secret = project.as_ref().and_then(|project| Trust::load(context.world, project).ok());
    let secret = secret.map_or_else(String::new, |trust| trust.id().to_string());
    let who = |labels: &[&str]| match &project {
        Some(project) => project.who(labels),
        None => labels.iter().map(|label| short(label)).collect(),
    };
    let shown = git::show(&bytes, &mut context.keyring(), &secret, who);
    let text = shown.unwrap_or_else(|error| format!("# cannot be read: {}\n", printable(error.message().as_bytes())));
    context.ui.data(text.as_bytes())
}
