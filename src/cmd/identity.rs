//! `secrets identity`

mod keep;

use std::path::Path;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;
use crate::base::quoted_list;
use crate::base::seconds;
use crate::disk;
use crate::disk::Limit;
use crate::keys;
use crate::keys::Identity;
use crate::keys::Keys;
use crate::keys::unlocked;
use crate::term::Terminal;

use super::context::Context;

use keep::Kept;
use keep::KeptArguments;

pub use keep::create;

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
        #[command(flatten)]
        kept: KeptArguments,
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
        #[command(flatten)]
        kept: KeptArguments,
    },
}

pub fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::New { output, kept, pq } => {
            let identity = if pq { Identity::generate_hybrid()? } else { Identity::generate() };
            let (recipients, path) =
                keep::store(context, &Keys::of(std::slice::from_ref(&identity), &[]), output, kept.into())?;
            context.ui.done(format!("made an identity in `{}`", shown(&path)));
            context.ui.hint("keep a second copy in a safe place: without it nobody opens what is sealed to you alone");
            context.ui.lines(recipients)
        }
        Command::Show => show(context),
        Command::Unlock { span } => unlock(context, &span),
        Command::Lock => lock(context),
        Command::Export { output } => export(context, output.as_deref()),
        Command::Import { file, kept } => import(context, &file, kept.into()),
    }
}

/// Puts the identities that a passphrase protects where the system forgets them by itself.
fn unlock(context: &Context<'_>, span: &str) -> Result<()> {
    let seconds =
        seconds(span, &["d", "h", "m", "s"]).and_then(|span| u32::try_from(span).ok()).filter(|span| *span > 0);
    let seconds = seconds.ok_or_else(|| Error::new(Kind::Usage, "`--for` wants a span such as `8h` or `30m`"))?;
    let name = kept_as(context)?;
    let was_locked = let_shells_hold(context);
    let mut keyring = context.keyring();
    let text = keyring.unlock_all().to_file(context.world.now)?;
    drop(keyring);
    if text.is_empty() && was_locked && context.keyring().failure().is_none() {
        context.ui.done("hooked shells load again; no identity here needs to be unlocked");
        return Ok(());
    }
    if text.is_empty() {
        return Err(nothing_unlocked(context));
    }
    context.warn_of_identities();
    if text.len() > unlocked::MOST_BYTES {
        return Err(Error::new(Kind::Failed, "the identities are too large for the kernel's keyring"));
    }
    unlocked::keep(&name, &text, seconds)?;
    let_shells_look(context);
    context.ui.done(format!("unlocked for {span}; `secrets identity lock` ends it"));
    Ok(())
}

fn nothing_unlocked(context: &Context<'_>) -> Error {
    let error = Error::new(Kind::Locked, "no identity was unlocked");
    match context.keyring().failure() {
        None => error.because("no identity here is under a passphrase or in the keychain"),
        Some(failed) => {
            let kind = if failed.kind() == Kind::Unreachable { Kind::Unreachable } else { Kind::Locked };
            let error = error.as_kind(kind).because(failed.message());
            failed.hints().iter().fold(error, Error::hint)
        }
    }
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
    empty_shells(context)?;
    context.ui.done(if forgotten {
        "locked"
    } else {
        "nothing was unlocked; hooked shells hold nothing until `unlock`"
    });
    Ok(())
}

/// Tells every hooked shell to hold nothing, from its next prompt on.
fn empty_shells(context: &Context<'_>) -> Result<()> {
    let Some(state) = &context.world.folders.state else { return Ok(()) };
    let file = unlocked::lock_file(state);
    if file.exists() {
        return Ok(());
    }
    disk::make_private_folder(&state.join("secrets"))?;
    disk::write_new(&file, b"", 0o600)
}

/// Lets hooked shells look again: what they could not open may be open now.
fn let_shells_look(context: &Context<'_>) {
    if let Some(state) = context.world.folders.state.as_deref() {
        let file = unlocked::unlock_file(state);
        let _ = std::fs::remove_file(&file);
        let _ = disk::write_new(&file, b"", 0o600);
    }
}

/// Takes that back; returns whether it was said.
fn let_shells_hold(context: &Context<'_>) -> bool {
    let Some(state) = context.world.folders.state.as_deref() else { return false };
    std::fs::remove_file(unlocked::lock_file(state)).is_ok()
}

/// Prints the native identities of the first place that holds some, under a passphrase.
fn export(context: &Context<'_>, output: Option<&Path>) -> Result<()> {
    let mut keyring = context.keyring();
    let found = keyring.first_keys()?;
    let recipients = found.recipients();
    let text = found.to_file(context.world.now)?;
    drop(keyring);
    context.warn_of_identities();
    if text.is_empty() {
        return Err(Error::new(Kind::Locked, "there is no identity to export")
            .hint("`secrets identity new` makes one; an SSH key is a file of its own"));
    }
    context.ui.done(format!("exporting {}", quoted_list(&recipients)));
    let armored = keys::protect(&text, &keep::new_passphrase()?)?;
    let Some(path) = output else { return context.ui.data(&armored) };
    disk::write_new(path, &armored, 0o600)?;
    context.ui.done(format!("wrote `{}`; `secrets identity import` takes it over", shown(path)));
    Ok(())
}

/// Takes over the identities of a file.
fn import(context: &Context<'_>, file: &Path, kept: Kept) -> Result<()> {
    let is_stdin = file.as_os_str() == "-";
    let text = if is_stdin { disk::read_stdin(Limit::IDENTITY)? } else { disk::read(file, Limit::IDENTITY)? };
    let name = if is_stdin { "stdin".to_string() } else { shown(file) };
    let mut parsed = Identity::parse_all(&text);
    if let Some(protected) = parsed.protected.as_ref().filter(|protected| !protected.needs_passphrase()) {
        parsed = protected.open(&name, None)?;
    } else if let Some(protected) = &parsed.protected {
        let passphrase = Terminal.secret(&format!("Passphrase of {name}"))?;
        parsed = protected.open_with(&passphrase).ok_or_else(|| Error::new(Kind::Locked, "the passphrase is wrong"))?;
    }
    for skipped in &parsed.skipped {
        context.ui.warn(format!("`{name}`: {skipped}"));
    }
    let keys = Keys::of(&parsed.identities, &parsed.plugins);
    if keys.is_empty() {
        return Err(Error::new(Kind::Failed, format!("`{name}` has no identity that can be taken over"))
            .hint("an SSH key stays where it is; `SECRETS_IDENTITY_FILE` names any identity file"));
    }
    let (recipients, path) = keep::store(context, &keys, None, kept)?;
    context.ui.done(format!("stored the identity in `{}`", shown(&path)));
    context.ui.lines(recipients)
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

fn show(context: &Context<'_>) -> Result<()> {
    let mut keyring = context.keyring();
    if keyring.identities().count() == 0 {
        keyring.unlock_unnamed();
    }
    let tried = keyring.tried();
    drop(keyring);
    if context.ui.is_json() {
        let rows: Vec<_> = tried
            .iter()
            .map(|tried| json!({ "place": tried.place, "kept": tried.kept, "recipients": tried.recipients, "remarks": tried.remarks }))
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
    if tried.iter().all(|tried| tried.recipients.is_empty() && tried.kept.is_none() && !tried.is_protected) {
        return Err(
            Error::new(Kind::Locked, "there is no identity on this machine").hint("`secrets identity new` makes one")
        );
    }
    Ok(())
}
