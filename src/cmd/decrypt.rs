//! `secrets decrypt`

use std::path::PathBuf;

use serde_json::Map;

use crate::base::Error;
use crate::base::Name;
use crate::base::Result;
use crate::base::printable;
use crate::disk;
use crate::disk::Limit;
use crate::resolve::unsealed_warning;
use crate::sops::Leniency;
use crate::sops::SealedFile;
use crate::sops::short;

use super::context::Context;
use super::get::text;

/// Print a sealed file in plain, byte for byte as sops does
///
/// Quotes are data here, as in sops; for a .env that other readers understand use `secrets export --file FILE`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The sealed file; - is stdin
    file: PathBuf,
    /// Take odd names, duplicates and types too
    #[arg(long)]
    lenient: bool,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let path = &arguments.file;
    let is_stdin = path.as_os_str() == "-";
    let shown = if is_stdin { "stdin".to_string() } else { printable(path.as_os_str().as_encoded_bytes()) };
    let bytes = if is_stdin { disk::read_stdin(Limit::SEALED_FILE)? } else { disk::read(path, Limit::SEALED_FILE)? };
    let leniency = if arguments.lenient { Leniency::OddNames } else { Leniency::None };
    let named = |error: Error| error.in_file(&shown);
    let open = || {
        let (file, notes) = SealedFile::read(&bytes, leniency, None).map_err(named)?;
        if let Some(warning) = unsealed_warning(&shown, &notes).filter(|_| file.seal().is_none()) {
            context.ui.warn(warning);
        }
        let readers: Vec<String> = file.recipients().into_iter().map(short).collect();
        let key = context.keyring().open(&file, &shown, &readers)?;
        file.open(key).map_err(named)
    };
    let opened = open()?;
    context.warn_of_identities();
    if !context.ui.is_json() {
        return context.ui.data(&opened.print());
    }
    let mut map = Map::new();
    for (name, value) in opened.entries() {
        let name = Name::parse(name)?;
        map.insert(name.to_string(), text(&name, value)?.into());
    }
    context.ui.json(&map)
}
