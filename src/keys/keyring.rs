//! The search for an identity that opens a file: source by source, and no further than needed.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::sops::DataKey;
use crate::sops::Recipient;
use crate::sops::SealedFile;
use crate::sops::Unwrapping;
use crate::sops::short;

use super::found::Keys;
use super::identity::Identity;
use super::place::Asker;
use super::place::Place;
use super::place::Tried;
use super::plugin::Finder;
use super::plugin::Held;
use super::plugin::Opener;
use super::plugin::Programs;
use super::plugin::Wrapper;
use super::protected::Protected;
use super::source::MayRun;
use super::source::Source;

/// The identities of this call. A source is read when it is needed, and once.
pub struct Keyring {
    places: Vec<Place>,
    ask: Asker,
    programs: Programs,
    /// Whether a person named the one place of this call: `--identity`.
    is_named: bool,
}

impl Keyring {
    /// Lists this world's sources without reading any; `flag` is `--identity`.
    pub fn of(world: &World, flag: Option<&Path>, ask: Asker, find: Finder, may_run: &MayRun) -> Self {
        let places = Source::list(world, flag, may_run).into_iter().map(Place::new).collect();
        Self { places, ask, programs: Programs::new(find), is_named: flag.is_some() }
    }

    /// Finds the data key of a file.
    ///
    /// `shown` names the file in the error, `readers` who could open it.
    ///
    /// # Errors
    /// `Kind::Locked` if no identity opens it, with what was tried and the line to send to a reader; `Kind::Unreachable` if the
    /// keychain may have one that does.
    pub fn open(&mut self, file: &SealedFile, shown: &str, readers: &[String]) -> Result<DataKey> {
        let mut unwrapping = file.unwrapping()?;
        let opens = |place: &mut Place, unwrapping: &mut Unwrapping| {
            let mut identities = place.identities().iter();
            identities.any(|identity| unwrapping.try_identity(identity.as_age(), || identity.recipient()))
        };
        let mut is_open = self.places.iter_mut().any(|place| opens(place, &mut unwrapping));
        // The keychain is asked, then a plugin, and then a person: each when nothing else opens the file, and not for a key
        // that it is not sealed to.
        let (ask, recipients) = (self.ask, file.recipients());
        let mut tried = HashSet::new();
        for asks in [false, true] {
            let waits =
                |protected: &Protected| protected.needs_passphrase() == asks && protected.could_open(&recipients);
            for at in 0..self.places.len() {
                let place = &mut self.places[at];
                is_open = is_open
                    || place.unlock(ask, waits)
                        && (opens(place, &mut unwrapping) || asks && self.open_by_plugin(&mut unwrapping, &mut tried));
            }
            is_open = is_open || self.open_by_plugin(&mut unwrapping, &mut tried);
        }
        unwrapping.finish()?.ok_or_else(|| self.locked(shown, readers))
    }

    /// Tries the plugins that hold a key to which the file is sealed, each key once; returns whether one opened it.
    fn open_by_plugin(&mut self, unwrapping: &mut Unwrapping, tried: &mut HashSet<String>) -> bool {
        for held in self.places.iter().flat_map(Place::plugins) {
            if !tried.insert(held.text().to_string()) || !unwrapping.has_label(|label| held.could_open(label)) {
                continue;
            }
            // A plugin may want a touch; where nobody is to be asked nobody is there to give it.
            if self.ask.is_none() {
                continue;
            }
            let Ok(program) = self.programs.of(held.name(), self.is_named, self.ask) else { continue };
            if unwrapping.try_identity_on(&Opener::new(&program, held), |label| held.could_open(label)) {
                return true;
            }
        }
        false
    }

    /// Gives the recipients of plugins what wraps for them; a plugin that must not or cannot be started is told where it is
    /// needed.
    pub fn connect<'r>(&mut self, recipients: impl IntoIterator<Item = &'r mut Recipient>) {
        for recipient in recipients {
            let (Some(name), text) = (recipient.plugin().map(str::to_string), recipient.key_text()) else { continue };
            let is_named = self.is_named && self.own_plugins().contains(&name);
            let wrapper = |program| Arc::new(Wrapper::new(program, &text)) as Arc<dyn age::Recipient + Send + Sync>;
            let found = self.programs.of(&name, is_named, self.ask);
            recipient.connect(found.map(wrapper).map_err(|error| error.again()));
        }
    }

    /// Finds the data key of a file with the identities that were read already; `None` if none of them opens it.
    ///
    /// # Errors
    /// As [`SealedFile::unwrapping`].
    pub fn open_with_read(&self, file: &SealedFile) -> Result<Option<DataKey>> {
        let mut unwrapping = file.unwrapping()?;
        for identity in self.places.iter().flat_map(Place::read_identities) {
            if unwrapping.try_identity(identity.as_age(), || identity.recipient()) {
                break;
            }
        }
        unwrapping.finish()
    }

    /// Returns the recipients of all of this machine's identities; a person is asked for each passphrase that one needs.
    ///
    /// # Errors
    /// `Kind::Locked` if an identity file stays closed, or a plugin's does not say: whose it is cannot be told.
    pub fn recipients(&mut self) -> Result<Vec<String>> {
        self.unlock_unnamed();
        let is_unnamed = |place: &&Place| place.is_closed() && place.closed_recipients().is_empty();
        if let Some(place) = self.places.iter().find(is_unnamed) {
            return Err(place.closed());
        }
        self.places.iter().try_for_each(Place::check_named)?;
        let mut recipients: Vec<String> = self.identities().filter_map(Identity::recipient).collect();
        recipients.extend(self.places.iter().flat_map(Place::closed_recipients).cloned());
        recipients.extend(self.places.iter().flat_map(Place::plugins).filter_map(Held::recipient).map(str::to_string));
        Ok(recipients)
    }

    /// Returns the keys of the first place, in the order of the search, that has some which an identity file can hold; a person
    /// is asked for its passphrase.
    ///
    /// # Errors
    /// `Kind::Locked` if that place stays closed.
    pub fn first_keys(&mut self) -> Result<Keys<'_>> {
        let ask = self.ask;
        for place in &mut self.places {
            place.unlock_native(ask);
            if place.is_closed() {
                return Err(place.closed());
            }
            if !Keys::of(place.identities(), &[]).is_empty() || !place.plugins().is_empty() {
                return Ok(place.keys());
            }
        }
        Ok(Keys::default())
    }

    /// Returns the recipient of the first identity that is there, an SSH key too; a person is asked for its passphrase.
    ///
    /// # Errors
    /// As [`Self::first_keys`]; `Kind::Failed` if its recipient cannot be told.
    pub fn first_recipient(&mut self) -> Result<Option<Recipient>> {
        let ask = self.ask;
        for place in &mut self.places {
            place.unlock_native(ask);
            if place.is_closed() {
                return Err(place.closed());
            }
            if let Some(identity) = place.identities().first() {
                return identity.to_recipient().map(Some);
            }
            place.check_named()?;
            if let Some(text) = place.plugins().iter().find_map(Held::recipient) {
                return Recipient::parse(text).map(Some);
            }
        }
        Ok(None)
    }

    /// Tells whether there is any identity that could open a file, be it closed.
    pub fn has_any(&mut self) -> bool {
        self.look();
        self.places.iter().any(Place::has_any)
    }

    /// Takes a person's decision for plugins, in this call.
    pub fn accept_plugins(&mut self, names: &[String]) {
        self.programs.accept(names.iter().cloned());
    }

    /// Decides for the plugins that hold this person's own keys, of the places that were read; returns their names.
    pub fn accept_own_plugins(&mut self) -> HashSet<String> {
        let names = self.own_plugins();
        self.programs.accept(names.iter().cloned());
        names
    }

    fn own_plugins(&mut self) -> HashSet<String> {
        self.look();
        self.places.iter().flat_map(Place::plugins).map(|held| held.name().to_string()).collect()
    }

    /// Leaves all that takes long, asks, or wants a touch: what a prompt of a shell waits for.
    pub fn keep_quiet(&mut self) {
        self.ask = None;
        self.places.retain(Place::is_quiet);
    }

    /// Asks nobody from now on.
    pub fn ask_nobody(&mut self) {
        self.ask = None;
    }

    /// Opens the identity files of which nobody can tell whose they are, as far as somebody is there to be asked.
    pub fn unlock_unnamed(&mut self) {
        let ask = self.ask;
        self.look();
        let is_unnamed = |protected: &Protected| protected.recipients().is_empty();
        self.places.iter_mut().for_each(|place| _ = place.unlock(ask, is_unnamed));
    }

    /// Opens the identities that a passphrase or the keychain protects, but for SSH keys, and returns them.
    pub fn unlock_all(&mut self) -> Keys<'_> {
        let ask = self.ask;
        self.look();
        self.places.iter_mut().for_each(|place| _ = place.unlock(ask, Protected::is_native));
        let mut keys = Keys::default();
        self.places.iter().filter(|place| place.is_unlocked()).for_each(|place| keys.extend(place.keys()));
        keys
    }

    /// Returns the error of the first place that has one.
    pub fn failure(&self) -> Option<Error> {
        self.places.iter().find_map(Place::failure)
    }

    /// Reads all sources and returns every identity that nothing protects, or that was opened.
    pub fn identities(&mut self) -> impl Iterator<Item = &Identity> {
        self.places.iter_mut().flat_map(Place::identities)
    }

    /// Reads every source but a command's, which may take long or ask.
    pub fn look(&mut self) {
        self.places.iter_mut().for_each(Place::look);
    }

    /// Returns what became of each source that is there; those not needed so far are left out.
    pub fn tried(&self) -> Vec<Tried> {
        self.places.iter().filter_map(Place::tried).collect()
    }

    /// Returns what should be said of the sources that were used: skipped lines, open modes, a keychain that was passed over.
    pub fn remarks(&self) -> Vec<String> {
        self.places.iter().flat_map(Place::remarks).collect()
    }

    fn locked(&self, shown: &str, readers: &[String]) -> Error {
        let tried = self.tried();
        let own = tried.iter().flat_map(|tried| &tried.recipients).next();
        let cause = match tried.as_slice() {
            [] => "there is no identity on this machine".to_string(),
            tried => format!("tried {}", tried.iter().map(describe).collect::<Vec<_>>().join("; ")),
        };
        let error = Error::new(Kind::Locked, format!("no identity on this machine opens `{shown}`")).because(cause);
        let whom = match readers {
            [] => "ask one of its readers".to_string(),
            readers => format!("it is sealed to {}; ask one of them", readers.join(", ")),
        };
        // What a keychain holds could have opened the file: who waits for one is not told to ask somebody else.
        let waits =
            |error: &&Error| matches!(error.kind(), Kind::Locked | Kind::Unreachable) && !error.hints().is_empty();
        if let Some(keychain) = self.places.iter().filter_map(Place::error).find(waits) {
            return keychain.hints().iter().fold(error.as_kind(keychain.kind()), Error::hint);
        }
        if let Some(plugin) = self.programs.failure() {
            let why = plugin.causes().into_iter().next().map(|cause| format!(": {cause}")).unwrap_or_default();
            let error = error.as_kind(plugin.kind()).hint(format!("{}{why}", plugin.message()));
            return plugin.hints().iter().fold(error, Error::hint);
        }
        if let Some(complaint) = self.programs.complaint() {
            return error.hint(complaint);
        }
        match own {
            _ if tried.iter().any(|tried| tried.is_protected) => {
                error.hint("`secrets identity unlock` asks for the passphrase, on a terminal").hint(whom)
            }
            Some(own) => error.hint(format!("{whom} to run: secrets member add NAME {own} --to GROUP")),
            None => error
                .hint("`secrets identity new` makes an identity and prints its recipient")
                .hint(format!("{whom} to run `secrets member add` with it")),
        }
    }
}

fn describe(tried: &Tried) -> String {
    let recipients: Vec<String> = tried.recipients.iter().map(|r| short(r)).collect();
    let mut notes = recipients;
    notes.extend(tried.kept.map(str::to_string));
    notes.extend(tried.remarks.iter().cloned());
    if notes.is_empty() {
        notes.push("it holds no identity".to_string());
    }
    format!("`{}` ({})", tried.place, notes.join(", "))
}
