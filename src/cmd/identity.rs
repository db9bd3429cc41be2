//! `secrets identity`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;
use crate::disk;
use crate::keys;
use crate::keys::Identity;

use super::context::Context;

/// Make and show identities, the private keys that open files
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an identity and print its recipient
    New {
        /// Write it to FILE instead of the usual place
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Make a post-quantum one, ML-KEM-768 with X25519; its recipient is two kilobytes long
        #[arg(long)]
        pq: bool,
    },
    /// Print the recipients of this machine's identities
    Show,
}

pub fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::New { output, pq } => {
            let identity = if pq { Identity::generate_hybrid()? } else { Identity::generate() };
            let (recipient, path) = create(context, &identity, output)?;
            context.ui.done(format!("made an identity in `{}`", printable(path.as_os_str().as_encoded_bytes())));
            context.ui.hint("keep a second copy in a safe place: without it nobody opens what is sealed to you alone");
            context.ui.line(recipient)
        }
        Command::Show => show(context),
    }
}

/// Stores an identity at `output` or the usual place; returns its recipient and the path.
///
/// # Errors
/// `Kind::Failed` if there is one already, or no home folder to put it.
pub fn create(context: &Context<'_>, identity: &Identity, output: Option<PathBuf>) -> Result<(String, PathBuf)> {
    let usual = output.is_none();
    let path = output.or_else(|| keys::default_identity_path(context.world)).ok_or_else(|| {
        Error::new(Kind::Failed, "there is no home folder to put an identity")
            .because("neither `HOME` nor `XDG_CONFIG_HOME` is set")
            .hint("`secrets identity new --output FILE`")
    })?;
    if usual && let Some(folder) = path.parent() {
        disk::make_private_folder(folder)?;
    }
    disk::write_new(&path, &identity.to_file(context.world.now)?, 0o600)
        .map_err(|error| error.hint("`secrets identity show` prints the recipient of the one that is there"))?;
    let recipient = identity.recipient().unwrap_or_default();
    Ok((recipient, path))
}

fn show(context: &Context<'_>) -> Result<()> {
    let mut keyring = context.keyring();
    let found = keyring.identities().count();
    let tried = keyring.tried();
    drop(keyring);
    if context.ui.is_json() {
        let rows: Vec<_> = tried
            .iter()
            .map(|tried| json!({ "place": tried.place, "recipients": tried.recipients, "remarks": tried.remarks }))
            .collect();
        return context.ui.json(&rows);
    }
    for tried in &tried {
        for remark in &tried.remarks {
            context.ui.warn(format!("`{}`: {remark}", tried.place));
        }
        for recipient in &tried.recipients {
            context.ui.line(recipient)?;
        }
    }
    if found == 0 {
        return Err(
            Error::new(Kind::Locked, "there is no identity on this machine").hint("`secrets identity new` makes one")
        );
    }
    Ok(())
}
