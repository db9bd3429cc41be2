//! `keychain://SERVICE/NAME`: single values in the operating system's keychain.

use crate::base::Error;
use crate::base::Kind as ErrorKind;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Value;
use crate::keys::keychain;
use crate::keys::keychain::Item;

use super::Kind;
use super::Store;

/// The row of the table.
pub const KIND: Kind = Kind {
    scheme: keychain::SCHEME,
    summary: "the keychain of this machine's operating system",
    absent: |name, environment| format!("`secrets set --keychain {name} --env {environment}` puts a value there"),
    check,
    open: || Box::new(Keychain),
};

struct Keychain;

impl Store for Keychain {
    fn read(&self, references: &[&Reference]) -> Result<Vec<Result<Option<Value>>>> {
        keychain::read(references.iter().map(|reference| Item::of(reference)).collect::<Result<_>>()?)
    }

    fn write(&self, reference: &Reference, value: Value) -> Result<()> {
        keychain::write(&Item::of(reference)?, value)
    }

    fn remove(&self, reference: &Reference) -> Result<bool> {
        keychain::remove(&Item::of(reference)?)
    }
}

/// A project that names our own items could hand its readers' identities to the program that `run` starts.
fn check(reference: &Reference) -> Result<()> {
    if !Item::of(reference)?.is_own() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Refused, format!("`{reference}` leads to what `secrets` keeps for itself"))
        .because("identities and personal values lie there"))
}
