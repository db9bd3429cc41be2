//! What is said to a plugin and by it (<https://c2sp.org/age-plugin>).

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::sync::Arc;
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
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::WaitOptions;
use rustix::process::kill_process;
use rustix::process::waitpid;
use zeroize::Zeroize as _;

use crate::base::printable;

use super::Held;
use super::Program;

/// How long a plugin may take to end when it has nothing more to say.
const LONGEST_END: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);
/// A wrapped key is a few hundred bytes, two thousand for one that quantum computers do not open.
const MOST_WRAPPED: usize = 16 << 10;
/// What a plugin may ask of a person, whatever it does.
const QUESTIONS: [&str; 4] = ["msg", "confirm", "request-public", "request-secret"];

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

    fn unwrap(&self, talk: &Talk<'_>, stanzas: &[Stanza]) -> io::Result<Option<FileKey>> {
        let mut connection = Connection::open(self.program.path(), IDENTITY_V1)?;
        connection.unidir_send(|mut phase| {
            phase.send("add-identity", &[self.held.text()], &[])?;
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
        converse(self.program, |talk| self.unwrap(talk, stanzas)).ok().flatten().map(Ok)
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

    fn wrap(&self, talk: &Talk<'_>, file_key: &FileKey) -> io::Result<(Vec<Stanza>, HashSet<String>)> {
        let mut connection = Connection::open(self.program.path(), RECIPIENT_V1)?;
        connection.unidir_send(|mut phase| {
            phase.send("add-recipient", &[&self.recipient], &[])?;
            phase.send("extension-labels", &[], &[])?;
            phase.send("wrap-file-key", &[], file_key.expose_secret())
        })?;
        let (mut stanzas, mut labels) = (Vec::new(), HashSet::new());
        let commands = [&QUESTIONS[..], &["recipient-stanza", "labels", "error"]].concat();
        connection.bidir_receive(&commands, |command, reply| {
            match (command.tag.as_str(), command.args.as_slice()) {
                ("recipient-stanza", [file, tag, args @ ..]) if file == "0" => {
                    stanzas.push(Stanza { tag: tag.clone(), args: args.to_vec(), body: command.body });
                    reply.ok(None)
                }
                ("labels", args) => {
                    labels.extend(args.iter().cloned());
                    reply.ok(None)
                }
                _ => talk.answer(&command, reply),
            }
        })?;
        // One wrap is one reader: more would be readers whom no list shows, and none would be nobody.
        match stanzas.as_slice() {
            [only] if is_wrap(only) => Ok((stanzas, labels)),
            _ => Err(io::Error::other("it did not make one wrap")),
        }
    }
}

impl age::Recipient for Wrapper {
    fn wrap_file_key(&self, file_key: &FileKey) -> std::result::Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        converse(&self.program, |talk| self.wrap(talk, file_key)).map_err(|error| {
            let why = self.program.complaint().unwrap_or_else(|| format!("`{}`: {error}", self.program.shown()));
            EncryptError::Io(io::Error::other(why))
        })
    }
}

/// age itself passes over grease, and takes a passphrase's stanza alone.
fn is_wrap(stanza: &Stanza) -> bool {
    let size = stanza.body.len() + stanza.args.iter().map(String::len).sum::<usize>();
    !stanza.tag.ends_with("-grease") && stanza.tag != "scrypt" && size <= MOST_WRAPPED
}

/// Has one conversation with a plugin, and waits for its end.
fn converse<T>(program: &Program, speak: impl FnOnce(&Talk<'_>) -> io::Result<T>) -> io::Result<T> {
    if !program.is_to_be_started() {
        return Err(io::Error::other("a person's answer did not do before"));
    }
    let before = children();
    let talk = Talk { program, asked: RefCell::default(), has_failed: Cell::new(false) };
    let spoken = speak(&talk);
    end(&before);
    if let Err(error) = &spoken {
        program.complain(error.to_string().as_bytes());
    }
    if (spoken.is_err() || talk.has_failed.get()) && !talk.asked.borrow().is_empty() {
        program.give_up();
    }
    spoken
}

/// One conversation with a plugin.
struct Talk<'a> {
    program: &'a Program,
    /// The secrets that it asked for.
    asked: RefCell<HashSet<String>>,
    has_failed: Cell<bool>,
}

impl Talk<'_> {
    /// Takes a complaint, or answers a question; what is no question fails.
    fn answer<R: io::Read, W: io::Write>(&self, command: &Stanza, reply: Reply<'_, R, W>) -> Response {
        if command.tag == "error" {
            self.has_failed.set(true);
            self.program.complain(&command.body);
            return reply.ok(None);
        }
        let text = format!("{}: {}", self.program.shown(), printable(command.body.trim_ascii()));
        let Some(ask) = self.program.ask() else { return reply.fail() };
        match command.tag.as_str() {
            "msg" => {
                ask().tell(&text);
                reply.ok(None)
            }
            "confirm" => {
                let choice = |at: usize| command.args.get(at).and_then(|word| choice(word));
                let choices = [("y", choice(0)), ("n", choice(1))];
                let shown = choices.iter().filter_map(|(key, choice)| Some(format!("{key}: {}", choice.as_ref()?)));
                let question = format!("{text} ({})", shown.collect::<Vec<_>>().join(", "));
                match ask().confirm(&question, choices[1].1.is_none()) {
                    Ok(yes) => reply.ok_with_metadata(&[if yes { "yes" } else { "no" }], None),
                    Err(_) => reply.fail(),
                }
            }
            "request-secret" => {
                // Asked again in one conversation, in whatever words, what was answered before may have been wrong.
                let is_again = !self.asked.borrow().is_empty();
                self.asked.borrow_mut().insert(text.clone());
                match self.program.answer(&text, is_again) {
                    Some(answer) => reply.ok(Some(&answer)),
                    None => reply.fail(),
                }
            }
            // A visible line is nothing that this program asks for.
            _ => reply.fail(),
        }
    }
}

fn choice(word: &str) -> Option<String> {
    BASE64_STANDARD_NO_PAD.decode(word).ok().map(|text| printable(text.trim_ascii()))
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

/// Waits for the plugin to end, and ends it if it stays: else it would be a child of the program that `run` becomes. The library
/// keeps its number to itself, so it is the child that was not there before; others may have been ours before we began.
///
/// Held by tests/it/identity/plugin.rs::it_is_started_only_where_it_is_needed_and_leaves_no_child.
fn end(before: &HashSet<i32>) {
    for child in children().difference(before).filter_map(|child| Pid::from_raw(*child)) {
        let deadline = Instant::now() + LONGEST_END;
        while let Ok(None) = waitpid(Some(child), WaitOptions::NOHANG) {
            if Instant::now() >= deadline {
                let _ = kill_process(child, Signal::KILL);
                let _ = waitpid(Some(child), WaitOptions::empty());
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Returns the children of this process, where the system lists them (Linux).
fn children() -> HashSet<i32> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<_>>()).collect()
}
