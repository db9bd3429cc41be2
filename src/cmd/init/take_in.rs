//! The plain `.env` that lies there: offered, sealed, read back and compared.

use std::path::Path;
use std::path::PathBuf;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::printable;
use crate::base::quoted_list;
use crate::cmd::change;
use crate::cmd::context::Context;
use crate::cmd::import;
use crate::cmd::import::to_declare;
use crate::cmd::target::Target;
use crate::dotenv::Document;
use crate::history::Repository;
use crate::project;
use crate::term::Terminal;

use super::Arguments;

const USUAL: &str = ".env";

/// A plain file that is to be sealed.
pub struct PlainEnv {
    pub path: PathBuf,
    pub document: Document,
}

/// Returns the file that was named, or `.env` if the person wants it; without a terminal only `--yes` takes it.
pub fn choose(context: &Context<'_>, arguments: &Arguments, folder: &Path) -> Result<Option<PlainEnv>> {
    if let Some(path) = &arguments.import {
        return Ok(Some(PlainEnv { path: path.clone(), document: import::read(path)? }));
    }
    let path = folder.join(USUAL);
    if arguments.no_import || !path.is_file() {
        return Ok(None);
    }
    let document = import::read(Path::new(USUAL))
        .map_err(|error| error.hint("mend that line, or leave the file alone with `--no-import`"))?;
    let count = document.entries().count();
    let mut terminal = Terminal;
    if arguments.yes
        || terminal.is_there() && terminal.confirm(&format!("Seal the {count} values of {USUAL}?"), true)?
    {
        return Ok(Some(PlainEnv { path: PathBuf::from(USUAL), document }));
    }
    context.ui.hint(format!("`secrets import {USUAL}` takes the plain file in"));
    Ok(None)
}

/// Returns the names that the person declares as running code.
pub fn declared(context: &Context<'_>, arguments: &Arguments, names: &[&Name]) -> Result<Vec<Name>> {
    let wanted = to_declare(names);
    if wanted.is_empty() {
        return Ok(wanted);
    }
    let shown: Vec<&str> = wanted.iter().map(Name::as_str).collect();
    let question = format!("{} can make programs run code. Does the project need that?", quoted_list(&shown));
    let mut terminal = Terminal;
    if arguments.yes || terminal.is_there() && terminal.confirm(&question, false)? {
        return Ok(wanted);
    }
    context.ui.warn(format!("{}: `run` refuses until secrets.toml declares it", quoted_list(&shown)));
    Ok(Vec::new())
}

/// Opens the sealed file again from the disk and compares every value with the plain one.
pub fn compare(context: &Context<'_>, folder: &Path, plain: &PlainEnv) -> Result<()> {
    let target = Target::declared(context.world, project::load(folder)?, 0)?;
    let shown = printable(plain.path.as_os_str().as_encoded_bytes());
    let differs = || {
        Error::new(Kind::Failed, format!("`{}` does not say what `{shown}` says", target.shown()))
            .hint(format!("keep `{shown}`, and try `secrets import --replace {shown}`"))
    };
    let layer = target.read()?.ok_or_else(differs)?;
    let opened = change::open(context, &target, layer)?;
    let ours: Vec<_> = opened.entries().collect();
    let theirs: Vec<_> = plain.document.entries().collect();
    let is_same = ours.len() == theirs.len()
        && ours
            .iter()
            .zip(&theirs)
            .all(|((name, value), entry)| *name == entry.name.as_bytes() && value.same_as(&entry.value));
    if !is_same {
        return Err(differs());
    }
    let count = theirs.len();
    context.ui.done(format!("sealed {count} values of `{shown}` in `{}`, read back and compared", target.shown()));
    if Repository::of(context.world, folder).is_some_and(|git| git.tracks(&shown)) {
        context.ui.warn(format!("git has `{shown}` in its history: whoever can read the repository has these values"));
        context.ui.hint(format!("`git rm --cached {shown}`, and give new values to what matters"));
    } else {
        context.ui.hint(format!("the plain file is still there; when all works: `rm {shown}`"));
    }
    Ok(())
}
