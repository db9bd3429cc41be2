//! One source of identities, and what became of it in this call.

use std::os::unix::fs::MetadataExt as _;

use crate::base::Ask;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::printable;

use super::found::Keys;
use super::identity::Identity;
use super::identity::Parsed;
use super::plugin::Held;
use super::protected::Protected;
use super::source::Source;

/// Makes what asks for a passphrase; `None` where nobody is to be asked.
pub type Asker = Option<fn() -> Box<dyn Ask>>;

/// A source, read when it is needed, and once.
pub struct Place {
    source: Source,
    state: State,
    /// How it was kept, if something else than reading it opened it: a passphrase, the keychain.
    kept: Option<&'static str>,
}

enum State {
    Unread,
    /// Nothing is there.
    Absent,
    /// It is there and cannot be read, understood or unlocked.
    Failed {
        error: Error,
        is_protected: bool,
    },
    /// It waits for what opens it, which is asked for once.
    Protected(Protected),
    Read {
        identities: Vec<Identity>,
        plugins: Vec<Held>,
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
    /// How they are kept, where they are not there as they are.
    pub kept: Option<&'static str>,
    /// What is wrong with it, if something is.
    pub remarks: Vec<String>,
    /// Whether it waits for a passphrase.
    pub is_protected: bool,
}

impl Place {
    /// Takes a source without reading it.
    pub fn new(source: Source) -> Self {
        Self { source, state: State::Unread, kept: None }
    }

    /// Tells whether reading it neither takes long nor asks.
    pub fn is_quiet(&self) -> bool {
        self.source.is_quiet()
    }

    /// Reads it, if that neither takes long nor asks.
    pub fn look(&mut self) {
        if self.source.is_quiet() {
            self.read();
        }
    }

    /// Reads it, and returns the identities that nothing protects, or that were opened.
    pub fn identities(&mut self) -> &[Identity] {
        self.read();
        self.read_identities()
    }

    /// Returns the identities that were read already.
    pub fn read_identities(&self) -> &[Identity] {
        match &self.state {
            State::Read { identities, .. } => identities,
            State::Unread | State::Absent | State::Failed { .. } | State::Protected(_) => &[],
        }
    }

    /// Returns the keys that plugins hold, as far as the place was read.
    pub fn plugins(&self) -> &[Held] {
        match &self.state {
            State::Read { plugins, .. } => plugins,
            State::Unread | State::Absent | State::Failed { .. } | State::Protected(_) => &[],
        }
    }

    /// Returns the keys that an identity file can hold, as far as the place was read.
    pub fn keys(&self) -> Keys<'_> {
        Keys::of(self.read_identities(), self.plugins())
    }

    /// Tells whether something else than reading opened it.
    pub fn is_unlocked(&self) -> bool {
        self.kept.is_some()
    }

    /// Tells whether it has identities, be they closed.
    pub fn has_any(&self) -> bool {
        match &self.state {
            State::Read { identities, plugins, .. } => !identities.is_empty() || !plugins.is_empty(),
            State::Protected(_) => true,
            State::Unread | State::Absent | State::Failed { .. } => false,
        }
    }

    /// Checks that the recipients of the keys that plugins hold can be told.
    ///
    /// # Errors
    /// `Kind::Failed` with what to write into the file.
    pub fn check_named(&self) -> Result<()> {
        let Some(held) = self.plugins().iter().find(|held| held.recipient().is_none()) else { return Ok(()) };
        let (place, name) = (self.source.shown(), held.name());
        Err(Error::new(Kind::Failed, format!("`{place}` does not say whose the key in `age-plugin-{name}` is"))
            .hint(format!("write above its line: `# Recipient: age1{name}1…`, as the plugin prints it")))
    }

    /// Returns the recipients of what waits to be opened, as far as they can be told.
    pub fn closed_recipients(&self) -> &[String] {
        match &self.state {
            State::Protected(protected) => protected.recipients(),
            State::Unread | State::Absent | State::Failed { .. } | State::Read { .. } => &[],
        }
    }

    /// Opens what waits, if `is_wanted` says so; returns whether it was opened.
    pub fn unlock(&mut self, ask: Asker, is_wanted: impl Fn(&Protected) -> bool) -> bool {
        let State::Protected(protected) = &self.state else { return false };
        // A keychain may ask as well, by a window of its own.
        if !is_wanted(protected) || ask.is_none() {
            return false;
        }
        let kept = protected.kept();
        self.state = match protected.open(&self.source.shown(), ask) {
            Ok(Parsed { identities, plugins, skipped, .. }) => State::Read { identities, plugins, remarks: skipped },
            Err(error) => State::Failed { error, is_protected: true },
        };
        let is_open = matches!(self.state, State::Read { .. });
        self.kept = is_open.then_some(kept);
        is_open
    }

    /// Opens what waits and is age's own kind: an SSH key is a file already, with a passphrase of its own.
    pub fn unlock_native(&mut self, ask: Asker) {
        self.read();
        self.unlock(ask, Protected::is_native);
    }

    /// Tells whether it holds identities of age's own kind that nobody opened.
    pub fn is_closed(&self) -> bool {
        match &self.state {
            State::Protected(protected) => protected.is_native(),
            State::Failed { is_protected, .. } => *is_protected,
            State::Unread | State::Absent | State::Read { .. } => false,
        }
    }

    /// Tells why it stays closed.
    pub fn closed(&self) -> Error {
        let (kind, why) = match &self.state {
            State::Failed { error, .. } => (error.kind(), why(error)),
            _ => (Kind::Locked, "it needs a passphrase".to_string()),
        };
        let kind = if kind == Kind::Unreachable { kind } else { Kind::Locked };
        Error::new(kind, format!("the identity in `{}` stays closed", self.source.shown())).because(why)
    }

    /// Tells why it is of no use; `None` if nothing is wrong.
    pub fn failure(&self) -> Option<Error> {
        let error = self.error()?;
        let told = Error::new(error.kind(), format!("`{}`: {}", self.source.shown(), why(error)));
        Some(error.hints().iter().fold(told, Error::hint))
    }

    /// Returns the error of what could not be read or opened.
    pub fn error(&self) -> Option<&Error> {
        match &self.state {
            State::Failed { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Returns what should be said of it where it was used: skipped lines, open modes, a keychain that was passed over.
    pub fn remarks(&self) -> Vec<String> {
        let shown = self.source.shown();
        match &self.state {
            State::Read { remarks, .. } => remarks.iter().map(|remark| format!("`{shown}`: {remark}")).collect(),
            State::Failed { is_protected: true, .. } => {
                self.failure().map(|failed| failed.message().to_string()).into_iter().collect()
            }
            State::Unread | State::Absent | State::Failed { .. } | State::Protected(_) => Vec::new(),
        }
    }

    /// Tells what became of it; `None` if nothing is there, or it was not needed so far.
    pub fn tried(&self) -> Option<Tried> {
        let mut tried = Tried {
            place: self.source.shown(),
            recipients: Vec::new(),
            kept: self.kept,
            remarks: Vec::new(),
            is_protected: false,
        };
        match &self.state {
            State::Unread | State::Absent => return None,
            State::Protected(protected) => {
                tried.recipients = protected.recipients().to_vec();
                tried.kept = Some(protected.kept());
                tried.is_protected = protected.needs_passphrase();
            }
            State::Failed { error, is_protected } => {
                tried.remarks.push(why(error));
                tried.is_protected = *is_protected;
            }
            State::Read { identities, plugins, remarks } => {
                tried.recipients = identities.iter().filter_map(Identity::recipient).collect();
                tried.recipients.extend(plugins.iter().filter_map(Held::recipient).map(str::to_string));
                let is_all = identities.is_empty() && !plugins.is_empty();
                tried.kept = tried.kept.or(is_all.then_some("by a plugin"));
                tried.remarks.clone_from(remarks);
                tried.remarks.extend(self.check_named().err().map(|error| error.hints().join("; ")));
            }
        }
        Some(tried)
    }

    fn read(&mut self) {
        if matches!(self.state, State::Unread) {
            self.state = read(&self.source);
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
            State::Read { identities: parsed.identities, plugins: parsed.plugins, remarks }
        }
        Err(error) => State::Failed { error, is_protected: false },
    }
}

fn why(error: &Error) -> String {
    let causes = error.causes();
    // What a keychain or a question said is the reason itself; a file's error names the file, which stands in front.
    match causes.into_iter().next() {
        Some(cause) if error.kind() == Kind::Failed => cause,
        Some(cause) => format!("{}: {cause}", error.message()),
        None => error.message().to_string(),
    }
}
