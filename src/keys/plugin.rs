//! Age plugins (<https://c2sp.org/age-plugin>): programs `age-plugin-NAME` that hold keys which never leave a device.
//!
//! Which program is started is decided here and not by age: only in absolute folders of `PATH` that belong to root or this
//! user, outside the project, and only after a person allowed it. Held by tests/it/identity/plugin/tricks.rs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use age::DecryptError;
use age::EncryptError;
use age_core::format::FileKey;
use age_core::format::Stanza;
use age_core::plugin::Connection;
use age_core::plugin::IDENTITY_V1;
use age_core::plugin::RECIPIENT_V1;
use age_core::plugin::Reply;
use age_core::plugin::Response;
use age_core::primitives::bech32_decode;
use age_core::secrecy::ExposeSecret as _;
use zeroize::Zeroize as _;
use zeroize::Zeroizing;

use crate::base::Ask;
use crate::base::Value;
use crate::base::printable;
use crate::sops::plugin::is_legal;
use crate::sops::plugin::is_of;

use super::place::Asker;

const PREFIX: &str = "AGE-PLUGIN-";
/// What is told of a plugin's own words.
const MOST_WORDS: usize = 300;
/// How long a plugin may take to end when it has nothing more to say.
const LONGEST_END: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);

/// An identity of a plugin, as an identity file has it: what the plugin needs to find the key.
pub struct Held {
    name: String,
    text: Zeroizing<String>,
    recipient: Option<String>,
}

impl Held {
    /// Reads a line; `comments` are those above it, in which plugins write the recipient.
    pub fn parse(line: &str, comments: &[&str]) -> Option<Self> {
        let name_of = |hrp: bech32::Hrp| {
            let upper = hrp.as_str().to_ascii_uppercase();
            let name = upper.strip_prefix(PREFIX)?.strip_suffix('-')?.to_ascii_lowercase();
            is_legal(&name).then_some(name)
        };
        let decoded =
            bech32_decode(line, |_| (), |hrp| name_of(hrp).map(|_| ()).ok_or(()), |hrp, _| name_of(hrp).ok_or(()));
        let name = decoded.ok()?;
        let mut words = comments.iter().flat_map(|comment| comment.split_whitespace());
        let recipient = words.rfind(|word| is_of(word, &name)).map(str::to_string);
        Some(Self { name, text: Zeroizing::new(line.to_string()), recipient })
    }

    /// Returns the plugin's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the recipient, if the file tells it.
    pub fn recipient(&self) -> Option<&str> {
        self.recipient.as_deref()
    }

    /// Tells whether it could open a wrap that is labelled so.
    pub fn could_open(&self, label: &str) -> bool {
        match &self.recipient {
            Some(own) => label == own,
            None => is_of(label, &self.name),
        }
    }
}

/// A plugin that may be started.
pub struct Program {
    name: String,
    path: PathBuf,
    ask: Asker,
    /// What a person answered already, by the plugin's question: one command asks once.
    answers: Mutex<HashMap<String, Value>>,
    /// What the plugin complained of.
    complaints: Mutex<Vec<String>>,
}

impl Program {
    /// Takes a program that was found where it may be.
    pub fn new(name: &str, path: PathBuf, ask: Asker) -> Self {
        Self { name: name.to_string(), path, ask, answers: Mutex::default(), complaints: Mutex::default() }
    }

    /// Returns the first thing that the plugin complained of.
    pub fn complaint(&self) -> Option<String> {
        self.complaints.lock().ok()?.first().map(|text| format!("`age-plugin-{}`: {text}", self.name))
    }

    fn complain(&self, text: &[u8]) {
        let text: String = printable(text.trim_ascii()).chars().take(MOST_WORDS).collect();
        if let Ok(mut complaints) = self.complaints.lock() {
            complaints.push(text);
        }
    }
}

/// What opens with an identity of a plugin.
pub struct Opener<'a> {
    program: &'a Program,
    held: &'a Held,
}

impl<'a> Opener<'a> {
    /// Puts an identity and its plugin together; nothing is started yet.
    pub fn new(program: &'a Program, held: &'a Held) -> Self {
        Self { program, held }
    }

    fn unwrap(&self, stanzas: &[Stanza]) -> io::Result<Option<FileKey>> {
        let talk = Talk::new(self.program);
        let mut connection = Connection::open(&self.program.path, IDENTITY_V1)?;
        connection.unidir_send(|mut phase| {
            phase.send("add-identity", &[&self.held.text], &[])?;
            stanzas.iter().try_for_each(|stanza| phase.send_stanza("recipient-stanza", &["0"], stanza))
        })?;
        let mut found = None;
        connection.bidir_receive(
            &[&QUESTIONS[..], &["file-key", "error"]].concat(),
            |mut command, reply| match command.tag.as_str() {
                "file-key" if command.args == ["0"] && found.is_none() => {
                    found = file_key(&mut command.body);
                    reply.ok(None)
                }
                "error" => {
                    self.program.complain(&command.body);
                    reply.ok(None)
                }
                _ => talk.answer(&command, reply),
            },
        )?;
        Ok(found)
    }
}

impl age::Identity for Opener<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<std::result::Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<std::result::Result<FileKey, DecryptError>> {
        let opened = self.unwrap(stanzas);
        reap();
        opened
            .unwrap_or_else(|error| {
                self.program.complain(error.to_string().as_bytes());
                None
            })
            .map(Ok)
    }
}

/// What wraps for a recipient of a plugin.
pub struct Wrapper {
    program: Arc<Program>,
    recipient: String,
}

impl Wrapper {
    /// Puts a recipient and its plugin together; nothing is started yet.
    pub fn new(program: Arc<Program>, recipient: &str) -> Self {
        Self { program, recipient: recipient.to_string() }
    }

    fn wrap(&self, file_key: &FileKey) -> io::Result<(Vec<Stanza>, HashSet<String>)> {
        let talk = Talk::new(&self.program);
        let mut connection = Connection::open(&self.program.path, RECIPIENT_V1)?;
        connection.unidir_send(|mut phase| {
            phase.send("add-recipient", &[&self.recipient], &[])?;
            phase.send("extension-labels", &[], &[])?;
            phase.send("wrap-file-key", &[], file_key.expose_secret())
        })?;
        let (mut stanzas, mut labels) = (Vec::new(), HashSet::new());
        connection.bidir_receive(
            &[&QUESTIONS[..], &["recipient-stanza", "labels", "error"]].concat(),
            |command, reply| match (command.tag.as_str(), command.args.as_slice()) {
                ("recipient-stanza", [file, tag, args @ ..]) if file == "0" => {
                    stanzas.push(Stanza { tag: tag.clone(), args: args.to_vec(), body: command.body });
                    reply.ok(None)
                }
                ("labels", args) => {
                    labels.extend(args.iter().cloned());
                    reply.ok(None)
                }
                ("error", _) => {
                    self.program.complain(&command.body);
                    reply.ok(None)
                }
                _ => talk.answer(&command, reply),
            },
        )?;
        // One wrap is one reader: more would be readers whom no list shows.
        if stanzas.len() == 1 { Ok((stanzas, labels)) } else { Err(io::Error::other("it did not make one wrap")) }
    }
}

impl age::Recipient for Wrapper {
    fn wrap_file_key(&self, file_key: &FileKey) -> std::result::Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let wrapped = self.wrap(file_key);
        reap();
        wrapped.map_err(|error| {
            let why =
                self.program.complaint().unwrap_or_else(|| format!("`age-plugin-{}`: {error}", self.program.name));
            EncryptError::Io(io::Error::other(why))
        })
    }
}

/// What a plugin may ask of a person, whatever it does.
const QUESTIONS: [&str; 4] = ["msg", "confirm", "request-public", "request-secret"];

/// One conversation with a plugin.
struct Talk<'a> {
    program: &'a Program,
    asked: RefCell<HashSet<String>>,
}

impl<'a> Talk<'a> {
    fn new(program: &'a Program) -> Self {
        Self { program, asked: RefCell::default() }
    }

    /// Answers a question; what is no question fails.
    fn answer<R: io::Read, W: io::Write>(&self, command: &Stanza, reply: Reply<'_, R, W>) -> Response {
        let text = format!("age-plugin-{}: {}", self.program.name, printable(command.body.trim_ascii()));
        let Some(ask) = self.program.ask else { return reply.fail() };
        match command.tag.as_str() {
            "msg" => {
                ask().tell(&text);
                reply.ok(None)
            }
            "confirm" => match ask().confirm(&text, false) {
                Ok(yes) => reply.ok_with_metadata(&[if yes { "yes" } else { "no" }], None),
                Err(_) => reply.fail(),
            },
            "request-secret" => match self.secret(ask, text) {
                Some(answer) => reply.ok(Some(&answer)),
                None => reply.fail(),
            },
            // A visible line is nothing that this program asks for.
            _ => reply.fail(),
        }
    }

    /// Asks for a secret, once in a command; a second time in one conversation means that the first answer was wrong.
    fn secret(&self, ask: fn() -> Box<dyn Ask>, question: String) -> Option<Zeroizing<Vec<u8>>> {
        let is_first = self.asked.borrow_mut().insert(question.clone());
        let mut answers = self.program.answers.lock().ok()?;
        if !is_first || !answers.contains_key(&question) {
            answers.insert(question.clone(), ask().secret(&question).ok()?);
        }
        answers.get(&question).map(|answer| Zeroizing::new(answer.expose().to_vec()))
    }
}

fn file_key(body: &mut Vec<u8>) -> Option<FileKey> {
    let key = FileKey::try_init_with_mut(|key| {
        if body.len() == key.len() {
            key.copy_from_slice(body);
            Ok(())
        } else {
            Err(())
        }
    });
    body.zeroize();
    key.ok()
}

/// Waits for the plugin to end: else it would be a child of the program that `run` becomes. The library keeps its number to
/// itself, and at this moment there is no other child of ours.
fn reap() {
    let end = Instant::now() + LONGEST_END;
    while Instant::now() < end {
        match rustix::process::wait(rustix::process::WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => std::thread::sleep(PAUSE),
            Err(_) => return,
        }
    }
}
