//! The search for an identity that opens a file: source by source, and no further than needed.

use std::os::unix::fs::MetadataExt as _;

use crate::base::Ask;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::base::printable;
use crate::sops::DataKey;
use crate::sops::SealedFile;
use crate::sops::short;

use super::identity::Identity;
use super::identity::Parsed;
use super::protected::Protected;
use super::source::Source;

/// The identities of this call. A source is read when it is needed, and once.
pub struct Keyring {
    places: Vec<Place>,
    /// Makes what asks for a passphrase; `None` where nobody is to be asked.
    ask: Option<fn() -> Box<dyn Ask>>,
}

struct Place {
    source: Source,
    state: State,
    /// Whether a passphrase opened it.
    was_protected: bool,
}

enum State {
    Unread,
    /// Nothing is there.
    Absent,
    /// It is there and cannot be read, understood or unlocked.
    Failed {
        why: String,
        is_protected: bool,
    },
    /// It waits for a passphrase, which is asked for once.
    Protected(Protected),
    Read {
        identities: Vec<Identity>,
        remarks: Vec<String>,
    },
}

/// What became of one source.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The place: a path or the name of a variable.
    pub place: String,
    /// The recipients of the identities that it holds.
    pub recipients: Vec<String>,
    /// What is wrong with it, if something is.
    pub remarks: Vec<String>,
    /// Whether it waits for a passphrase.
    pub is_protected: bool,
}

impl Keyring {
    /// Lists the sources without reading any.
    pub fn new(sources: Vec<Source>, ask: Option<fn() -> Box<dyn Ask>>) -> Self {
        let place = |source| Place { source, state: State::Unread, was_protected: false };
        Self { places: sources.into_iter().map(place).collect(), ask }
    }

    /// Lists this world's sources; `flag` is `--identity`.
    pub fn of(world: &World, flag: Option<&std::path::Path>, ask: Option<fn() -> Box<dyn Ask>>) -> Self {
        Self::new(Source::list(world, flag), ask)
    }

    /// Finds the data key of a file.
    ///
    /// `shown` names the file in the error, `readers` who could open it.
    ///
    /// # Errors
    /// `Kind::Locked` if no identity opens it, with what was tried and the line to send to a reader.
    pub fn open(&mut self, file: &SealedFile, shown: &str, readers: &[String]) -> Result<DataKey> {
        let mut unwrapping = file.unwrapping()?;
        let mut is_open = |place: &mut Place| {
            let mut identities = place.identities().iter();
            identities.any(|identity| unwrapping.try_identity(identity.as_age(), || identity.recipient()))
        };
        // A person is asked when nothing else opens the file, and not for a key that it is not sealed to.
        if !self.places.iter_mut().any(&mut is_open) {
            let recipients = file.recipients();
            let ask = self.ask;
            self.places.iter_mut().any(|place| place.unlock(ask, &recipients) && is_open(place));
        }
        unwrapping.finish()?.ok_or_else(|| self.locked(shown, readers))
    }

    /// Finds the data key of a file with the identities that were read already; `None` if none of them opens it.
    ///
    /// # Errors
    /// As [`SealedFile::unwrapping`].
    pub fn open_with_read(&self, file: &SealedFile) -> Result<Option<DataKey>> {
        let mut unwrapping = file.unwrapping()?;
        let read = self.places.iter().flat_map(|place| match &place.state {
            State::Read { identities, .. } => identities.as_slice(),
            State::Unread | State::Absent | State::Failed { .. } | State::Protected(_) => &[],
        });
        for identity in read {
            if unwrapping.try_identity(identity.as_age(), || identity.recipient()) {
                break;
            }
        }
        unwrapping.finish()
    }

    /// Returns the recipients of all of this machine's identities; a person is asked for each passphrase that one needs.
    ///
    /// # Errors
    /// `Kind::Locked` if an identity file stays closed: whose it is cannot be told.
    pub fn recipients(&mut self) -> Result<Vec<String>> {
        self.unlock_files();
        if let Some(place) = self.places.iter().find(|place| place.is_closed()) {
            return Err(place.closed());
        }
        let mut recipients: Vec<String> = self.identities().filter_map(Identity::recipient).collect();
        recipients.extend(self.places.iter().filter_map(|place| place.protected()?.recipient().map(str::to_string)));
        Ok(recipients)
    }

    /// Returns the identities of the first place, in the order of the search, that has some of which `is_wanted` says so; a person
    /// is asked for its passphrase.
    ///
    /// # Errors
    /// `Kind::Locked` if that place stays closed.
    pub fn first(&mut self, is_wanted: impl Fn(&Identity) -> bool) -> Result<Vec<&Identity>> {
        let ask = self.ask;
        for place in &mut self.places {
            place.unlock_file(ask);
            if place.is_closed() {
                return Err(place.closed());
            }
            if place.identities().iter().any(&is_wanted) {
                return Ok(place.identities().iter().filter(|identity| is_wanted(identity)).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Asks nobody from now on.
    pub fn ask_nobody(&mut self) {
        self.ask = None;
    }

    /// Opens the identity files that a passphrase protects, as far as somebody is there to be asked.
    pub fn unlock_files(&mut self) {
        let ask = self.ask;
        self.places.iter_mut().filter(|place| place.source.is_quiet()).for_each(|place| place.unlock_file(ask));
    }

    /// Returns the identities that a passphrase opened in this call.
    pub fn unlocked_by_passphrase(&self) -> impl Iterator<Item = &Identity> {
        self.places.iter().filter(|place| place.was_protected).flat_map(|place| match &place.state {
            State::Read { identities, .. } => identities.as_slice(),
            _ => &[],
        })
    }

    /// Returns what is wrong with the first place that is; `otherwise` if nothing is.
    pub fn why_not(&self, otherwise: &str) -> String {
        let failed = self.places.iter().find_map(|place| match &place.state {
            State::Failed { why, .. } => Some(format!("`{}`: {why}", place.source.shown())),
            _ => None,
        });
        failed.unwrap_or_else(|| otherwise.to_string())
    }

    /// Reads all sources and returns every identity that no passphrase protects, or that was opened.
    pub fn identities(&mut self) -> impl Iterator<Item = &Identity> {
        self.places.iter_mut().flat_map(Place::identities)
    }

    /// Reads every source but a command's, which may take long or ask.
    pub fn look(&mut self) {
        self.places.iter_mut().filter(|place| place.source.is_quiet()).for_each(Place::read);
    }

    /// Returns what became of each source that is there; those not needed so far are left out.
    pub fn tried(&self) -> Vec<Tried> {
        self.places.iter().filter_map(Place::tried).collect()
    }

    /// Returns what should be said of the sources that were used: skipped lines, open modes.
    pub fn remarks(&self) -> Vec<String> {
        let all = self.places.iter().filter_map(|place| match &place.state {
            State::Read { remarks, .. } => Some(remarks.iter().map(|r| format!("`{}`: {r}", place.source.shown()))),
            State::Unread | State::Absent | State::Failed { .. } | State::Protected(_) => None,
        });
        all.flatten().collect()
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

impl Place {
    fn read(&mut self) {
        if matches!(self.state, State::Unread) {
            self.state = read(&self.source);
        }
    }

    fn identities(&mut self) -> &[Identity] {
        self.read();
        match &self.state {
            State::Read { identities, .. } => identities,
            State::Unread | State::Absent | State::Failed { .. } | State::Protected(_) => &[],
        }
    }

    /// Asks for the passphrase, if one is needed and what it protects could open a file for these recipients; returns whether it
    /// was opened.
    fn unlock(&mut self, ask: Option<fn() -> Box<dyn Ask>>, recipients: &[&str]) -> bool {
        let is_wanted = matches!(&self.state, State::Protected(protected) if protected.could_open(recipients));
        is_wanted && self.unlock_any(ask)
    }

    fn unlock_any(&mut self, ask: Option<fn() -> Box<dyn Ask>>) -> bool {
        let (State::Protected(protected), Some(ask)) = (&self.state, ask) else { return false };
        let question = format!("Passphrase of {}", self.source.shown());
        let failed = |why| State::Failed { why, is_protected: true };
        self.state = match ask().secret(&question) {
            Err(error) => failed(format!("it needs a passphrase: {}", error.message())),
            Ok(passphrase) => match protected.open(&passphrase) {
                Some(Parsed { identities, skipped, .. }) => State::Read { identities, remarks: skipped },
                None => failed("the passphrase is wrong".to_string()),
            },
        };
        self.was_protected = matches!(self.state, State::Read { .. });
        self.was_protected
    }

    fn unlock_file(&mut self, ask: Option<fn() -> Box<dyn Ask>>) {
        self.read();
        if matches!(&self.state, State::Protected(Protected::File(_))) {
            self.unlock_any(ask);
        }
    }

    /// Tells whether it holds an identity file that nobody opened.
    fn is_closed(&self) -> bool {
        matches!(&self.state, State::Protected(Protected::File(_)) | State::Failed { is_protected: true, .. })
    }

    fn closed(&self) -> Error {
        let why = match &self.state {
            State::Failed { why, .. } => why.clone(),
            _ => "it needs a passphrase".to_string(),
        };
        Error::new(Kind::Locked, format!("the identity in `{}` stays closed", self.source.shown())).because(why)
    }

    fn protected(&self) -> Option<&Protected> {
        match &self.state {
            State::Protected(protected) => Some(protected),
            State::Unread | State::Absent | State::Failed { .. } | State::Read { .. } => None,
        }
    }

    fn tried(&self) -> Option<Tried> {
        let place = self.source.shown();
        match &self.state {
            State::Unread | State::Absent => None,
            State::Protected(protected) => Some(Tried {
                place,
                recipients: protected.recipient().map(str::to_string).into_iter().collect(),
                remarks: vec!["it is protected by a passphrase".to_string()],
                is_protected: true,
            }),
            State::Failed { why, is_protected } => {
                Some(Tried { place, recipients: Vec::new(), remarks: vec![why.clone()], is_protected: *is_protected })
            }
            State::Read { identities, remarks } => Some(Tried {
                place,
                recipients: identities.iter().filter_map(Identity::recipient).collect(),
                remarks: remarks.clone(),
                is_protected: false,
            }),
        }
    }
}

fn read(source: &Source) -> State {
    match source.read() {
        Ok(None) => State::Absent,
        Ok(Some(text)) => {
            let parsed = Identity::parse_all(&text);
            if let Some(protected) = parsed.protected {
                return State::Protected(protected);
            }
            let mut remarks = parsed.skipped;
            if let Some(path) = source.path()
                && let Ok(found) = path.metadata()
                && found.mode() & 0o077 != 0
            {
                let shown = printable(path.as_os_str().as_encoded_bytes());
                remarks.push(format!("other users may read it; to close it: `chmod 600 {shown}`"));
            }
            State::Read { identities: parsed.identities, remarks }
        }
        Err(error) => {
            let causes = error.causes();
            let why = causes.into_iter().next().unwrap_or_else(|| error.message().to_string());
            State::Failed { why, is_protected: false }
        }
    }
}

fn describe(tried: &Tried) -> String {
    let recipients: Vec<String> = tried.recipients.iter().map(|r| short(r)).collect();
    let mut notes = recipients;
    notes.extend(tried.remarks.iter().cloned());
    if notes.is_empty() {
        notes.push("it holds no identity".to_string());
    }
    format!("`{}` ({})", tried.place, notes.join(", "))
}
