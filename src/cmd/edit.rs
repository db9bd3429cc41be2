//! `secrets edit`

use std::path::Path;

use zeroize::Zeroizing;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::printable;
use crate::base::quoted_list;
use crate::disk;
use crate::disk::Limit;
use crate::disk::Scratch;
use crate::dotenv::Document;
use crate::launch::Editor;
use crate::launch::Guard;
use crate::sops;
use crate::sops::Draft;
use crate::sops::Row;
use crate::term::Terminal;

use super::change;
use super::context::Context;
use super::plain;
use super::target::Target;
use super::target::TargetArguments;

/// Edit the values in $VISUAL or $EDITOR
///
/// The plain text lies in a private folder in memory, and is removed whatever ends the editor.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let target = Target::choose(context, &arguments.target)?;
    change::check_writing(&target)?;
    let editor = Editor::of(context.world)?;
    let before = target.read()?.map(|layer| change::open(context, &target, layer)).transpose()?;
    let base = before.as_ref().map(Draft::of).transpose()?.unwrap_or_default();
    let document = plain::document_of(&base)?;
    let text = document.print();
    let scratch = Scratch::new(&context.world.folders)?;
    let guard = Guard::new(scratch.path());
    let edited = edit(context, &editor, &scratch, &guard, &target, &text);
    scratch.remove()?;
    let Some(edited) = edited? else {
        context.ui.done("nothing was changed");
        return Ok(());
    };
    let rows = plain::rows_of(&edited);
    let names: Vec<Name> = edited.entries().map(|entry| entry.name.clone()).collect();
    let place = target.name();
    let ((), changed) = change::change(context, &target, |draft| take_over(draft, &base, rows, &place))?;
    change::warn_of_names(context, &target, names.iter());
    let news = if changed { format!("changed `{place}`") } else { "nothing was changed".to_string() };
    context.ui.done(news);
    Ok(())
}

/// Lets the person edit until the text parses; `None` if it was left as it was.
fn edit(
    context: &Context<'_>,
    editor: &Editor,
    scratch: &Scratch,
    guard: &Guard,
    target: &Target,
    text: &Zeroizing<Vec<u8>>,
) -> Result<Option<Document>> {
    let name = target.path().file_name().map_or_else(|| "secrets.env".into(), std::ffi::OsStr::to_os_string);
    let file = scratch.path().join(name);
    disk::write_new(&file, text, 0o600)?;
    loop {
        editor.edit(&file, scratch.path(), guard)?;
        let edited = disk::read(&file, Limit::SEALED_FILE)?;
        if edited == *text {
            return Ok(None);
        }
        match parse(&edited, &file) {
            Ok(document) => return Ok(Some(document)),
            Err(error) => {
                let mut terminal = Terminal;
                if !terminal.is_there() {
                    return Err(error.hint("there is no terminal to ask on, so nothing was changed"));
                }
                context.ui.error(&error);
                if !terminal.confirm("Edit again? `n` throws the changes away.", true)? {
                    return Err(Error::new(Kind::Failed, "the edit was given up; nothing was changed"));
                }
            }
        }
    }
}

fn parse(text: &[u8], file: &Path) -> Result<Document> {
    let shown = printable(file.file_name().unwrap_or_default().as_encoded_bytes());
    Document::parse(text).map_err(|error| error.in_file(&shown))
}

/// Takes the edit over; if somebody else wrote the file meanwhile, name by name.
fn take_over(draft: &mut Draft, base: &Draft, rows: Vec<Row>, place: &str) -> Result<()> {
    let merged = sops::merge(base, &Draft { rows }, draft);
    if !merged.conflicts.is_empty() {
        let names: Vec<&str> = merged.conflicts.iter().map(|conflict| conflict.name.as_str()).collect();
        return Err(Error::new(
            Kind::Failed,
            format!("another process changed {} in `{place}` while you were editing", quoted_list(&names)),
        )
        .hint("`secrets edit` again, on what is there now"));
    }
    *draft = merged.draft;
    Ok(())
}
