//! `secrets encrypt`

use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::base::printable;
use crate::base::quoted_list;
use crate::disk;
use crate::disk::Limit;
use crate::project;
use crate::project::Trust;
use crate::sops::Content;
use crate::sops::Draft;
use crate::sops::PlainFile;
use crate::sops::Recipient;
use crate::sops::Row;
use crate::sops::Selector;
use crate::sops::is_sealed_file;
use crate::sops::unescape;

use super::change;
use super::context::Context;
use super::target::Target;

/// Encrypt a plain file as sops does, every value and comment
///
/// Quotes are data here, as in sops; `secrets import` reads a .env in which they are syntax. Onto a sealed file that is
/// there already, it counts as an edit: unchanged values keep their lines.
#[derive(clap::Args)]
pub struct Arguments {
    /// The plain file; - is stdin
    file: PathBuf,
    /// Encrypt to this recipient, or these; else to $SOPS_AGE_RECIPIENTS, else to the readers of --env
    #[arg(long, short, value_name = "RECIPIENT")]
    to: Vec<String>,
    /// Encrypt to the readers of this environment
    #[arg(long, short, value_name = "ENV")]
    env: Option<String>,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE", conflicts_with = "in_place")]
    output: Option<PathBuf>,
    /// Replace the plain file
    #[arg(long, short)]
    in_place: bool,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let draft = read(context, &arguments.file)?;
    let is_pipe = |path: &&PathBuf| path.as_os_str() == "-";
    if arguments.in_place && is_pipe(&&arguments.file) {
        return Err(Error::new(Kind::Usage, "stdin cannot be replaced").hint("say `--output FILE`"));
    }
    let output = arguments.output.as_ref().filter(|path| !is_pipe(path));
    if let Some(output) = output
        && output.exists()
        && is_sealed_file(&disk::read(output, Limit::SEALED_FILE)?)
    {
        if !arguments.to.is_empty() || arguments.env.is_some() {
            let shown = printable(output.as_os_str().as_encoded_bytes());
            return Err(Error::new(Kind::Usage, format!("`{shown}` is sealed already, and keeps its recipients"))
                .hint("leave `--to` and `--env` away to change its values, or remove the file first"));
        }
        return edit(context, output, draft);
    }
    let written = draft.write(
        &context.connected(recipients(context, arguments)?),
        &Selector::for_plain(&[])?,
        None,
        context.world.now,
    )?;
    let path = if arguments.in_place { Some(&arguments.file) } else { output };
    match path {
        None => context.ui.data(&written.bytes),
        Some(path) => {
            let lock = disk::Lock::for_file(path)?;
            disk::write_over(&lock, &written.bytes, None)?;
            context.ui.done(format!("encrypted `{}`", printable(path.as_os_str().as_encoded_bytes())));
            Ok(())
        }
    }
}

fn edit(context: &Context<'_>, output: &Path, draft: Draft) -> Result<()> {
    let arguments = super::target::TargetArguments { file: Some(output.to_path_buf()), env: None };
    let target = Target::choose(context, &arguments)?;
    let ((), changed) = change::change(context, &target, |old| {
        old.rows = draft.rows;
        Ok(())
    })?;
    let shown = target.shown();
    let news = if changed { format!("changed `{shown}`") } else { format!("`{shown}` says that already") };
    context.ui.done(news);
    Ok(())
}

fn read(context: &Context<'_>, path: &Path) -> Result<Draft> {
    let is_stdin = path.as_os_str() == "-";
    let shown = if is_stdin { "stdin".to_string() } else { printable(path.as_os_str().as_encoded_bytes()) };
    let bytes = if is_stdin { disk::read_stdin(Limit::SEALED_FILE)? } else { disk::read(path, Limit::SEALED_FILE)? };
    let (draft, quoted) = draft(&bytes).map_err(|error| error.in_file(&shown))?;
    if !quoted.is_empty() {
        context.ui.warn(format!(
            "the quotes around {} become part of the value, as in sops; `secrets import` takes them off",
            quoted_list(&quoted)
        ));
    }
    Ok(draft)
}

/// Returns the draft, and the names whose values have quotes around them.
fn draft(bytes: &[u8]) -> Result<(Draft, Vec<String>)> {
    let plain = PlainFile::parse(bytes)?;
    let mut draft = Draft::default();
    let mut quoted = Vec::new();
    let mut seen: HashMap<Name, usize> = HashMap::new();
    for item in &plain.items {
        let line = item.number;
        draft.rows.push(match item.content() {
            Content::Blank => Row::Blank,
            Content::Comment(text) => Row::Comment(Value::from(text)),
            Content::Entry(name, text) => {
                // Not shown: what stands before a `=` may be the second line of a key in base64.
                let name = Name::parse(name).map_err(|_| {
                    Error::new(Kind::Failed, format!("line {line} does not begin with a legal name and `=`"))
                        .hint("a name has letters, digits and `_`; a value of several lines has `\\n` between them")
                })?;
                if let Some(first) = seen.insert(name.clone(), line) {
                    return Err(Error::new(
                        Kind::Failed,
                        format!("`{name}` is set twice, on lines {first} and {line}"),
                    ));
                }
                if let [open @ (b'"' | b'\''), .., close] = text
                    && open == close
                {
                    quoted.push(name.to_string());
                }
                Row::Entry(name, Value::from(unescape(text).as_ref()))
            }
        });
    }
    Ok((draft, quoted))
}

fn recipients(context: &Context<'_>, arguments: &Arguments) -> Result<Vec<Recipient>> {
    if !arguments.to.is_empty() {
        return parse(arguments.to.iter().flat_map(|text| text.lines()));
    }
    if arguments.env.is_none()
        && let Some(list) = context.world.env.get("SOPS_AGE_RECIPIENTS")
    {
        let list = list.to_str().ok_or_else(|| Error::new(Kind::Failed, "`SOPS_AGE_RECIPIENTS` is not UTF-8"))?;
        return parse(list.split(','));
    }
    match project::discover(context.world)? {
        Some(project) => {
            let environment = project.environment(arguments.env.as_deref())?;
            Trust::load(context.world, &project)?.known_recipients(&project, environment, context.world.now)
        }
        None => Err(Error::new(Kind::Usage, "there is nobody to encrypt to")
            .hint("say `--to RECIPIENT`; `secrets identity show` prints yours")),
    }
}

fn parse<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<Recipient>> {
    texts.map(Recipient::parse).collect()
}
