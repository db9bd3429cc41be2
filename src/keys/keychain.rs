//! The operating system's keychain. This file alone names the stores of the systems.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use keyring_core::CredentialStore;
use keyring_core::Entry;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Value;
use crate::base::printable;

/// The scheme of references to it.
pub const SCHEME: &str = "keychain";
/// What we keep for ourselves lies under services that begin so; no reference of a project leads there.
pub const OWN: &str = "secrets/";
/// How long one command waits for the keychain, in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is told of a keychain's own words.
const MOST_WORDS: usize = 300;

/// One item: `keychain://SERVICE/NAME`, where a name may have several parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    service: String,
    name: String,
}

impl Item {
    /// Makes an item.
    pub fn new(service: impl Into<String>, name: impl Into<String>) -> Self {
        Self { service: service.into(), name: name.into() }
    }

    /// Makes one of our own, whose service begins with [`OWN`].
    pub fn own(service: &str, name: impl Into<String>) -> Self {
        Self::new(format!("{OWN}{service}"), name)
    }

    /// Takes what a reference names, also one of our own.
    ///
    /// # Errors
    /// `Kind::Failed` if it names no item.
    pub fn of(reference: &Reference) -> Result<Self> {
        let wrong = |why: &str| Error::new(Kind::Failed, format!("`{reference}` {why}"));
        let form = format!("`{SCHEME}://SERVICE/NAME`");
        if reference.scheme() != SCHEME {
            return Err(wrong("leads to no keychain").hint(form));
        }
        if reference.field().is_some() || reference.has_options() {
            return Err(wrong("asks for a part or a version, and an item of a keychain is one value").hint(form));
        }
        match reference.path() {
            [service, name @ ..] if !name.is_empty() => Ok(Self::new(service, name.join("/"))),
            _ => Err(wrong("does not name a service and an item").hint(form)),
        }
    }

    /// Tells whether it is one of those that we keep for ourselves.
    pub fn is_own(&self) -> bool {
        self.service.starts_with(OWN)
    }

    /// Returns the reference that leads to it.
    pub fn reference(&self) -> Reference {
        let mut path = vec![self.service.as_str()];
        let parts: Vec<&str> = self.name.split('/').collect();
        // What is no path, such as `a//b`, is one part.
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            path.push(&self.name);
        } else {
            path.extend(parts);
        }
        Reference::new(SCHEME, &path)
    }

    fn entry(&self, store: &CredentialStore) -> keyring_core::Result<Entry> {
        store.build(&self.service, &self.name, None)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference().fmt(f)
    }
}

/// Reads items; each comes back as a value, as `None` if there is no such item, or with its own error.
///
/// # Errors
/// `Kind::Unreachable` if there is no keychain, or it does not answer within five seconds.
pub fn read(items: Vec<Item>) -> Result<Vec<Result<Option<Value>>>> {
    with_store(move |store| {
        // A keychain that is locked asks a person to open it: once, and not for every item.
        let mut locked: Option<Error> = None;
        let mut read = |item: &Item| {
            if let Some(error) = &locked {
                return Err(error.again());
            }
            match item.entry(store).and_then(|entry| entry.get_secret()) {
                Ok(bytes) => Ok(Some(Value::from(bytes))),
                Err(keyring_core::Error::NoEntry) => Ok(None),
                Err(error) => {
                    let error = explain(error);
                    locked = (error.kind() == Kind::Locked).then(|| error.again());
                    Err(error)
                }
            }
        };
        items.iter().map(&mut read).collect()
    })
}

/// Reads one item; `None` if there is no such item.
///
/// # Errors
/// As [`read`]; `Kind::Locked` if the keychain is locked.
pub fn read_one(item: &Item) -> Result<Option<Value>> {
    read(vec![item.clone()])?.pop().unwrap_or(Ok(None))
}

/// Writes an item, over one that is there, and reads it back.
///
/// # Errors
/// As [`read_one`]; `Kind::Failed` if it does not take the value, or gives another one back.
pub fn write(item: &Item, value: Value) -> Result<()> {
    let item = item.clone();
    with_store(move |store| {
        let entry = item.entry(store).map_err(explain)?;
        entry.set_secret(value.expose()).map_err(explain)?;
        let back = Value::from(entry.get_secret().map_err(explain)?);
        if back.same_as(&value) {
            return Ok(());
        }
        Err(Error::new(Kind::Failed, "the keychain gives back another value than it was given"))
    })?
}

/// Takes an item away; returns whether there was one.
///
/// # Errors
/// As [`read_one`].
pub fn remove(item: &Item) -> Result<bool> {
    let item = item.clone();
    with_store(move |store| match item.entry(store).and_then(|entry| entry.delete_credential()) {
        Ok(()) => Ok(true),
        Err(keyring_core::Error::NoEntry) => Ok(false),
        Err(error) => Err(explain(error)),
    })?
}

/// What is left of [`PATIENCE`] for this process: however many items it asks for, it waits no longer in all.
static LEFT: Mutex<Duration> = Mutex::new(PATIENCE);

/// Does something with the keychain on a thread of its own. A thread that waits for a service cannot be cancelled: nobody
/// joins it, and the process ends over it.
fn with_store<T: Send + 'static>(work: impl FnOnce(&CredentialStore) -> T + Send + 'static) -> Result<T> {
    let mut left = LEFT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let began = Instant::now();
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let _ = send.send(open().map(|store| work(&*store)));
    });
    let answer = receive.recv_timeout(*left);
    *left = left.saturating_sub(began.elapsed());
    match answer {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(absent().because(words(&error))),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Error::new(
            Kind::Unreachable,
            format!("the keychain did not answer within {} seconds", PATIENCE.as_secs()),
        )
        .hint("it may be waiting for its own password: unlock it and try again")),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(Error::new(Kind::Unreachable, "the keychain's client ended without an answer"))
        }
    }
}

#[cfg(target_os = "linux")]
fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    // Service and name are joined there: without this two pairs could meet.
    let unambiguous = std::collections::HashMap::from([("service_no_divider", "true")]);
    Ok(windows_native_keyring_store::Store::new_with_configuration(&unambiguous)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Err(keyring_core::Error::NotSupportedByStore("this build knows no keychain of this system".to_string()))
}

fn absent() -> Error {
    let error = Error::new(Kind::Unreachable, "there is no keychain that answers");
    if cfg!(target_os = "linux") {
        error.hint(
            "without a desktop: `dbus-run-session -- bash`, and there `gnome-keyring-daemon --unlock`, which reads its \
             password from stdin",
        )
    } else {
        error
    }
}

/// Tells what is wrong. Some errors of the store carry the bytes of a value: those are never shown.
fn explain(error: keyring_core::Error) -> Error {
    use keyring_core::Error as Store;
    let failed = |message: String| Error::new(Kind::Failed, message);
    match error {
        Store::NoStorageAccess(_) => Error::new(Kind::Locked, "the keychain is locked")
            .because(words(&error))
            .hint("unlock it: log in to the desktop, or end `gnome-keyring-daemon` and start it with `--unlock`"),
        Store::PlatformFailure(_) => Error::new(Kind::Unreachable, "the keychain failed").because(words(&error)),
        Store::Ambiguous(entries) => failed(format!("the keychain has {} items of that name", entries.len()))
            .hint("remove all but one of them, in the system's own program for the keychain"),
        Store::BadEncoding(bytes) | Store::BadDataFormat(bytes, _) => {
            drop(Zeroizing::new(bytes));
            failed("the item is not in a form that can be read".to_string())
        }
        Store::TooLong(part, most) => failed(format!("the keychain takes at most {most} bytes as {part}")),
        other => failed("the keychain refused".to_string()).because(words(&other)),
    }
}

/// Returns the store's own words, on one line and of some length.
fn words(error: &keyring_core::Error) -> String {
    let text = match error {
        keyring_core::Error::NoStorageAccess(cause) | keyring_core::Error::PlatformFailure(cause) => cause.to_string(),
        other => other.to_string(),
    };
    let text = printable(text.split_whitespace().collect::<Vec<_>>().join(" ").as_bytes());
    text.chars().take(MOST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_found_by_its_own_reference() {
        for (service, name) in [("a", "b"), ("a", "b/c"), ("a/b", "c"), ("a", "/b"), ("a", "b//c"), ("a", "../b")] {
            let item = Item::new(service, name);
            let found = Item::of(&Reference::parse(&item.to_string()).unwrap());
            assert_eq!(found.unwrap(), item, "{item}");
        }
        assert_eq!(Item::new("shop", "development/KEY").to_string(), "keychain://shop/development/KEY");
    }
}
