//! `secrets identity`

use std::path::Path;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use zeroize::Zeroizing;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Value;
use crate::base::printable;
use crate::base::quoted_list;
use crate::base::seconds;
use crate::disk;
use crate::disk::Limit;
use crate::keys;
use crate::keys::Identity;
use crate::keys::unlocked;
use crate::term::Terminal;

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
        /// Protect it by a passphrase, which every command that needs it asks for once
        #[arg(long, short)]
        passphrase: bool,
        /// Make a post-quantum one, ML-KEM-768 with X25519; its recipient is two kilobytes long
        #[arg(long)]
        pq: bool,
    },
    /// Print the recipients of this machine's identities
    Show,
    /// Keep the identity open for a while, so that no command asks for its passphrase
    Unlock {
        /// For how long: a number and `h`, `m`, `s` or `d`
        #[arg(long = "for", value_name = "SPAN", default_value = "8h")]
        span: String,
    },
    /// Take back what `unlock` opened
    Lock,
    /// Print the identity under a passphrase, for a new laptop or a safe
    Export {
        /// Write it to FILE, which only you can read
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take an identity over from FILE, or from stdin with `-`
    Import {
        /// An identity file, under a passphrase or not
        file: PathBuf,
        /// Protect it by a passphrase here
        #[arg(long, short)]
        passphrase: bool,
    },
}

pub fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::New { output, passphrase, pq } => {
            let identity = if pq { Identity::generate_hybrid()? } else { Identity::generate() };
            let (recipients, path) = store(context, &[&identity], output, passphrase)?;
            context.ui.done(format!("made an identity in `{}`", shown(&path)));
            context.ui.hint("keep a second copy in a safe place: without it nobody opens what is sealed to you alone");
            context.ui.lines(recipients)
        }
        Command::Show => show(context),
        Command::Unlock { span } => unlock(context, &span),
        Command::Lock => lock(context),
        Command::Export { output } => export(context, output.as_deref()),
        Command::Import { file, passphrase } => import(context, &file, passphrase),
    }
}

/// Stores an identity at `output` or the usual place; returns its recipient and the path.
///
/// # Errors
/// As [`store`].
pub fn create(context: &Context<'_>, identity: &Identity, output: Option<PathBuf>) -> Result<(String, PathBuf)> {
    let (recipients, path) = store(context, &[identity], output, false)?;
    Ok((recipients.concat(), path))
}

/// As [`create`], under a passphrase if that is asked for.
///
/// # Errors
/// `Kind::Failed` if there is one already, no home folder to put it, or nobody to ask.
fn store(
    context: &Context<'_>,
    identities: &[&Identity],
    output: Option<PathBuf>,
    has_passphrase: bool,
) -> Result<(Vec<String>, PathBuf)> {
    let usual = output.is_none();
    let path = output.or_else(|| keys::default_identity_path(context.world)).ok_or_else(|| {
        Error::new(Kind::Failed, "there is no home folder to put an identity")
            .because("neither `HOME` nor `XDG_CONFIG_HOME` is set")
            .hint("`secrets identity new --output FILE`")
    })?;
    let there = |error: Error| error.hint("`secrets identity show` prints the recipient of the one that is there");
    if path.symlink_metadata().is_ok() {
        return Err(there(Error::new(Kind::Failed, format!("`{}` exists already", shown(&path)))));
    }
    let mut text = native_text(context, identities.iter().copied())?;
    if has_passphrase {
        text = keys::protect(&text, &new_passphrase()?)?;
    }
    if usual && let Some(folder) = path.parent() {
        disk::make_private_folder(folder)?;
    }
    disk::write_new(&path, &text, 0o600).map_err(there)?;
    Ok((identities.iter().filter_map(|identity| identity.recipient()).collect(), path))
}

/// Asks for a passphrase twice.
fn new_passphrase() -> Result<Value> {
    let mut terminal = Terminal;
    let passphrase = terminal.secret("New passphrase")?;
    if passphrase.is_empty() {
        return Err(Error::new(Kind::Failed, "an empty passphrase protects nothing"));
    }
    if !keys::is_typed_alike(&passphrase) {
        return Err(Error::new(Kind::Failed, "a passphrase has a character that not every terminal sends")
            .hint("take letters, digits, blanks and signs"));
    }
    if !passphrase.same_as(&terminal.secret("The same again")?) {
        return Err(Error::new(Kind::Failed, "the passphrases differ").hint("try again"));
    }
    Ok(passphrase)
}

/// Puts the identities that a passphrase protects where the system forgets them by itself.
fn unlock(context: &Context<'_>, span: &str) -> Result<()> {
    let seconds =
        seconds(span, &["d", "h", "m", "s"]).and_then(|span| u32::try_from(span).ok()).filter(|span| *span > 0);
    let seconds = seconds.ok_or_else(|| Error::new(Kind::Usage, "`--for` wants a span such as `8h` or `30m`"))?;
    let name = kept_as(context)?;
    let mut keyring = context.keyring();
    keyring.unlock_files();
    let text = native_text(context, keyring.unlocked_by_passphrase())?;
    drop(keyring);
    context.warn_of_identities();
    if text.is_empty() {
        return Err(Error::new(Kind::Locked, "no identity was unlocked")
            .because(context.keyring().why_not("no identity file here is under a passphrase")));
    }
    if text.len() > unlocked::MOST_BYTES {
        return Err(Error::new(Kind::Failed, "the identities are too large for the kernel's keyring"));
    }
    unlocked::keep(&name, &text, seconds)?;
    context.ui.done(format!("unlocked for {span}; `secrets identity lock` ends it"));
    Ok(())
}

fn kept_as(context: &Context<'_>) -> Result<String> {
    let config = context.world.folders.config.as_deref();
    config
        .map(unlocked::name)
        .ok_or_else(|| Error::new(Kind::Failed, "there is no home folder, and so no identity of it"))
}

fn lock(context: &Context<'_>) -> Result<()> {
    let name = kept_as(context)?;
    let forgotten = unlocked::forget(&name).map_err(|error| {
        Error::new(Kind::Unreachable, "the identity cannot be taken out of the kernel's keyring")
            .because(format!("{error:?}"))
            .hint("`keyctl show @u` lists what lies there")
    })?;
    context.ui.done(if forgotten { "locked" } else { "nothing was unlocked" });
    Ok(())
}

/// Returns the text of age's own identities; an SSH key is a file already, with a passphrase of its own or none.
fn native_text<'i>(
    context: &Context<'_>,
    identities: impl Iterator<Item = &'i Identity>,
) -> Result<Zeroizing<Vec<u8>>> {
    let files = identities.filter(|identity| identity.is_native()).map(|identity| identity.to_file(context.world.now));
    let files = files.collect::<Result<Vec<_>>>()?;
    // Growing would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(files.iter().map(|file| file.len()).sum()));
    files.iter().for_each(|file| text.extend_from_slice(file));
    Ok(text)
}

/// Prints the native identities of the first place that holds some, under a passphrase.
fn export(context: &Context<'_>, output: Option<&Path>) -> Result<()> {
    let mut keyring = context.keyring();
    let found = keyring.first(Identity::is_native)?;
    let recipients: Vec<String> = found.iter().filter_map(|identity| identity.recipient()).collect();
    let text = native_text(context, found.into_iter())?;
    drop(keyring);
    context.warn_of_identities();
    if text.is_empty() {
        return Err(Error::new(Kind::Locked, "there is no identity to export")
            .hint("`secrets identity new` makes one; an SSH key is a file of its own"));
    }
    context.ui.done(format!("exporting {}", quoted_list(&recipients)));
    let armored = keys::protect(&text, &new_passphrase()?)?;
    let Some(path) = output else { return context.ui.data(&armored) };
    disk::write_new(path, &armored, 0o600)?;
    context.ui.done(format!("wrote `{}`; `secrets identity import` takes it over", shown(path)));
    Ok(())
}

/// Takes over the identities of a file.
fn import(context: &Context<'_>, file: &Path, has_passphrase: bool) -> Result<()> {
    let is_stdin = file.as_os_str() == "-";
    let text = if is_stdin { disk::read_stdin(Limit::IDENTITY)? } else { disk::read(file, Limit::IDENTITY)? };
    let name = if is_stdin { "stdin".to_string() } else { shown(file) };
    let mut parsed = Identity::parse_all(&text);
    if let Some(protected) = &parsed.protected {
        let passphrase = Terminal.secret(&format!("Passphrase of {name}"))?;
        parsed = protected.open(&passphrase).ok_or_else(|| Error::new(Kind::Locked, "the passphrase is wrong"))?;
    }
    for skipped in &parsed.skipped {
        context.ui.warn(format!("`{name}`: {skipped}"));
    }
    let natives: Vec<&Identity> = parsed.identities.iter().filter(|identity| identity.is_native()).collect();
    if natives.is_empty() {
        return Err(Error::new(Kind::Failed, format!("`{name}` has no identity that can be taken over"))
            .hint("an SSH key stays where it is; `SECRETS_IDENTITY_FILE` names any identity file"));
    }
    let (recipients, path) = store(context, &natives, None, has_passphrase)?;
    context.ui.done(format!("stored the identity in `{}`", shown(&path)));
    context.ui.lines(recipients)
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

fn show(context: &Context<'_>) -> Result<()> {
    let mut keyring = context.keyring();
    if keyring.identities().next().is_none() {
        keyring.unlock_files();
    }
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
    if found == 0 && tried.iter().all(|tried| !tried.is_protected) {
        return Err(
            Error::new(Kind::Locked, "there is no identity on this machine").hint("`secrets identity new` makes one")
        );
    }
    Ok(())
}
