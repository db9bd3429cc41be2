//! `secrets import`

use std::path::Path;
use std::path::PathBuf;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::printable;
use crate::base::quoted_list;
use crate::disk;
use crate::disk::Limit;
use crate::dotenv::Document;
use crate::project::FILE_NAME;
use crate::project::Settings;
use crate::resolve::Selected;
use crate::resolve::policy;
use crate::resolve::policy::Danger;
use crate::sops::Draft;
use crate::sops::Row;
use crate::term::Terminal;

use super::change;
use super::context::Context;
use super::judge;
use super::plain;
use super::target::Target;
use super::target::TargetArguments;

/// Take a plain .env in
///
/// Comments, blank lines and order are kept in a file that is new; into one that has names already, new names go to the
/// end with the comments above them.
#[derive(clap::Args)]
pub struct Arguments {
    /// The plain file; - is stdin
    #[arg(value_name = "FILE")]
    source: PathBuf,
    /// Replace values that the environment has already
    #[arg(long, conflicts_with = "keep")]
    replace: bool,
    /// Keep values that the environment has already
    #[arg(long)]
    keep: bool,
    /// Answer every question with yes
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    target: TargetArguments,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let target = Target::choose(context, &arguments.target)?;
    let document = read(&arguments.source)?;
    let existing = match (arguments.replace, arguments.keep) {
        (true, _) => Existing::Replace,
        (_, true) => Existing::Keep,
        (false, false) => Existing::Refuse,
    };
    let (counts, changed) =
        change::change(context, &target, |draft| merge(draft, &document, existing, &target.name()))?;
    let names: Vec<&Name> = document.entries().map(|entry| &entry.name).collect();
    if let Some(selected) = target.selected() {
        offer_to_declare(context, &selected, &names, arguments.yes)?;
    }
    change::warn_of_names(context, &target.again(context.world)?, names.into_iter());
    let place = target.name();
    if !changed {
        context.ui.done(format!("`{place}` has all of that already"));
        return Ok(());
    }
    let Counts { added, replaced, kept } = counts;
    context.ui.done(format!("imported into `{place}`: {added} added, {replaced} changed, {kept} kept"));
    if arguments.source.as_os_str() != "-" {
        let shown = printable(arguments.source.as_os_str().as_encoded_bytes());
        context.ui.hint(format!("the plain file is still there; when all works: `rm {shown}`"));
    }
    Ok(())
}

/// Reads and parses a plain file.
///
/// # Errors
/// As [`disk::read`] and [`Document::parse`]; `Kind::Failed` for a sealed file.
pub fn read(path: &Path) -> Result<Document> {
    let is_stdin = path.as_os_str() == "-";
    let bytes = if is_stdin { disk::read_stdin(Limit::SEALED_FILE)? } else { disk::read(path, Limit::SEALED_FILE)? };
    let shown = if is_stdin { "stdin".into() } else { printable(path.as_os_str().as_encoded_bytes()) };
    if crate::sops::is_sealed_file(&bytes) {
        return Err(Error::new(Kind::Failed, format!("`{shown}` is sealed already"))
            .hint(format!("`secrets decrypt {shown}` opens it")));
    }
    Document::parse(&bytes).map_err(|error| error.in_file(&shown))
}

/// What happens to a name that stands on both sides with different values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Existing {
    Keep,
    Refuse,
    Replace,
}

struct Counts {
    added: usize,
    replaced: usize,
    kept: usize,
}

fn merge(draft: &mut Draft, document: &Document, existing: Existing, place: &str) -> Result<Counts> {
    let mut counts = Counts { added: 0, replaced: 0, kept: 0 };
    if draft.rows.is_empty() {
        draft.rows = plain::rows_of(document);
        counts.added = draft.names().count();
        return Ok(counts);
    }
    let differs = |name: &Name, value| draft.value(name).is_some_and(|old| !old.same_as(value));
    let conflicts: Vec<&str> = document
        .entries()
        .filter(|entry| differs(&entry.name, &entry.value))
        .map(|entry| entry.name.as_str())
        .collect();
    if existing == Existing::Refuse && !conflicts.is_empty() {
        return Err(Error::new(Kind::Failed, format!("`{place}` has other values for {}", quoted_list(&conflicts)))
            .hint("say `--replace` to take those of the file, or `--keep` to keep these"));
    }
    let mut comments = Vec::new();
    for row in plain::rows_of(document) {
        match row {
            Row::Blank => comments.clear(),
            Row::Comment(text) => comments.push(text),
            Row::Entry(name, value) => {
                match draft.value(&name) {
                    None => {
                        counts.added += 1;
                        draft.rows.extend(comments.drain(..).map(Row::Comment));
                        draft.set(&name, value);
                    }
                    Some(old) if old.same_as(&value) => {}
                    Some(_) if existing == Existing::Replace => {
                        counts.replaced += 1;
                        draft.set(&name, value);
                    }
                    Some(_) => counts.kept += 1,
                }
                comments.clear();
            }
        }
    }
    Ok(counts)
}

/// Offers to write `runs_code` for names that `run` would refuse otherwise.
fn offer_to_declare(context: &Context<'_>, selected: &Selected<'_>, names: &[&Name], yes: bool) -> Result<()> {
    let declared: Vec<Name> =
        to_declare(names).into_iter().filter(|name| !selected.project.value(name).runs_code).collect();
    if declared.is_empty() {
        return Ok(());
    }
    let shown: Vec<&str> = declared.iter().map(Name::as_str).collect();
    let question = format!("{} can make programs run code. Does the project need that?", quoted_list(&shown));
    let mut terminal = Terminal;
    if !(yes || terminal.is_there() && terminal.confirm(&question, false)?) {
        return Ok(());
    }
    let folder = &selected.project.folder;
    let lock = disk::Lock::beneath(folder, Path::new(FILE_NAME))?;
    let text = disk::read_beneath(folder, Path::new(FILE_NAME), Limit::SETTINGS)?;
    let mut settings = Settings::parse(&String::from_utf8_lossy(&text))?;
    settings.declare_runs_code(&declared);
    disk::write_over(&lock, settings.print().as_bytes(), None)?;
    selected.trust.borrow_mut().adopt_code(selected.project, &declared);
    judge::remember(context, selected);
    context.ui.done(format!("declared {} in {FILE_NAME}", quoted_list(&shown)));
    Ok(())
}

/// Returns the names that want `runs_code` in `secrets.toml`.
pub fn to_declare(names: &[&Name]) -> Vec<Name> {
    let wants = |name: &&&Name| policy::danger(name.as_str()) == Some(Danger::Declared);
    names.iter().filter(wants).map(|name| (*name).clone()).collect()
}
