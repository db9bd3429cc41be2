//! Where a new identity is kept: in a file, under a passphrase, in the keychain.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::Value;
use crate::base::hex;
use crate::base::random;
use crate::cmd::context::Context;
use crate::disk;
use crate::keys::Identity;
use crate::keys::Keys;
use crate::keys::PUBLIC_KEY;
use crate::keys::default_identity_path;
use crate::keys::is_typed_alike;
use crate::keys::keychain;
use crate::keys::keychain::Item;
use crate::keys::protect;
use crate::term::Terminal;

use super::shown;

/// The arguments that say how an identity is kept.
#[derive(clap::Args)]
pub struct KeptArguments {
    /// Protect it by a passphrase, which every command that needs it asks for once
    #[arg(long, short, conflicts_with = "keychain")]
    passphrase: bool,
    /// Keep it in the keychain of the operating system
    #[arg(long, short)]
    keychain: bool,
}

/// How an identity is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// In the keychain; the file says where.
    InKeychain,
    /// In a private file, as it is.
    Open,
    /// In a file under a passphrase.
    UnderPassphrase,
}

impl From<KeptArguments> for Kept {
    fn from(arguments: KeptArguments) -> Self {
        match (arguments.keychain, arguments.passphrase) {
            (true, _) => Self::InKeychain,
            (_, true) => Self::UnderPassphrase,
            _ => Self::Open,
        }
    }
}

/// Stores an identity at `output` or the usual place; returns its recipient and the path.
///
/// # Errors
/// As [`store`].
pub fn create(context: &Context<'_>, identity: &Identity, output: Option<PathBuf>) -> Result<(String, PathBuf)> {
    let (recipients, path) = store(context, &Keys::of(std::slice::from_ref(identity), &[]), output, Kept::Open)?;
    Ok((recipients.concat(), path))
}

/// As [`create`], kept as is asked for.
///
/// # Errors
/// `Kind::Failed` if there is one already, no home folder to put it, or nobody to ask; as [`keychain::write`].
pub fn store(
    context: &Context<'_>,
    keys: &Keys<'_>,
    output: Option<PathBuf>,
    kept: Kept,
) -> Result<(Vec<String>, PathBuf)> {
    let usual = output.is_none();
    let path = output.or_else(|| default_identity_path(context.world)).ok_or_else(|| {
        Error::new(Kind::Failed, "there is no home folder to put an identity")
            .because("neither `HOME` nor `XDG_CONFIG_HOME` is set")
            .hint("`secrets identity new --output FILE`")
    })?;
    let there = |error: Error| error.hint("`secrets identity show` prints the recipient of the one that is there");
    if path.symlink_metadata().is_ok() {
        return Err(there(Error::new(Kind::Failed, format!("`{}` exists already", shown(&path)))));
    }
    let recipients = keys.recipients();
    let text = keys.to_file(context.world.now)?;
    let (text, item) = match kept {
        Kept::Open => (text, None),
        Kept::UnderPassphrase => (protect(&text, &new_passphrase()?)?, None),
        Kept::InKeychain => {
            let item = item_of(&recipients)?;
            keychain::write(&item, Value::from(text))?;
            (leading_to(context, &item, &recipients), Some(item))
        }
    };
    let written = match path.parent().filter(|_| usual) {
        Some(folder) => disk::make_private_folder(folder),
        None => Ok(()),
    };
    let written = written.and_then(|()| disk::write_new(&path, &text, 0o600).map_err(there));
    if let (Err(_), Some(item)) = (&written, item) {
        let _ = keychain::remove(&item);
    }
    written?;
    Ok((recipients, path))
}

/// An item of its own for each file that leads to one, so that none is ever written over or taken away by another: beside the
/// beginning of the recipient, for who looks into the keychain, a random number.
fn item_of(recipients: &[String]) -> Result<Item> {
    let shown: String = recipients.iter().flat_map(|first| first.chars()).take(20).collect();
    Ok(Item::own("identity", format!("{shown}-{}", hex(&random::<8>()?))))
}

/// The recipient stands there too: whoever has one opens no keychain for a file that is not sealed to it.
fn leading_to(context: &Context<'_>, item: &Item, recipients: &[String]) -> Zeroizing<Vec<u8>> {
    let mut text = format!("# created: {}, in the keychain of this machine\n", context.world.now);
    recipients.iter().for_each(|recipient| text.push_str(&format!("{}{recipient}\n", PUBLIC_KEY)));
    text.push_str(&format!("{item}\n"));
    Zeroizing::new(text.into_bytes())
}

/// Asks for a passphrase twice.
///
/// # Errors
/// `Kind::Failed` if nobody answers, the answers differ, or it could not be typed again elsewhere.
pub fn new_passphrase() -> Result<Value> {
    let mut terminal = Terminal;
    let passphrase = terminal.secret("New passphrase")?;
    if passphrase.is_empty() {
        return Err(Error::new(Kind::Failed, "an empty passphrase protects nothing"));
    }
    if !is_typed_alike(&passphrase) {
        return Err(Error::new(Kind::Failed, "a passphrase has a character that not every terminal sends")
            .hint("take letters, digits, blanks and signs"));
    }
    if !passphrase.same_as(&terminal.secret("The same again")?) {
        return Err(Error::new(Kind::Failed, "the passphrases differ").hint("try again"));
    }
    Ok(passphrase)
}
