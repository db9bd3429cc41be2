//! A plugin's program, and what became of it in this call.

use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use zeroize::Zeroizing;

use crate::base::Ask;
use crate::base::Value;
use crate::base::printable;
use crate::keys::place::Asker;

/// What is told of a plugin's own words.
const MOST_WORDS: usize = 300;

/// A plugin that may be started.
pub struct Program {
    name: String,
    path: PathBuf,
    ask: Asker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What a person answered already, by the plugin's question: one command asks once.
    answers: HashMap<String, Value>,
    /// What the plugin complained of.
    complaints: Vec<String>,
    /// Whether a person's answer did not do. A device counts wrong ones: it gets no other in this call.
    gave_up: bool,
}

impl Program {
    /// Takes a program that was found where it may be.
    pub fn new(name: &str, path: PathBuf, ask: Asker) -> Self {
        Self { name: name.to_string(), path, ask, state: Mutex::default() }
    }

    /// Returns its name, as messages show it.
    pub fn shown(&self) -> String {
        format!("age-plugin-{}", self.name)
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what asks a person, if somebody is there.
    pub fn ask(&self) -> Asker {
        self.ask
    }

    /// Returns the first thing that the plugin complained of.
    pub fn complaint(&self) -> Option<String> {
        self.state().complaints.first().map(|text| format!("`{}`: {text}", self.shown()))
    }

    /// Keeps what the plugin complained of.
    pub fn complain(&self, text: &[u8]) {
        let text = printable(text.trim_ascii()).chars().take(MOST_WORDS).collect();
        self.state().complaints.push(text);
    }

    /// Tells whether it is to be started: not where an answer of a person did not do.
    pub fn is_to_be_started(&self) -> bool {
        !self.state().gave_up
    }

    /// Notes that a conversation failed in which a person gave an answer.
    pub fn give_up(&self) {
        let mut state = self.state();
        state.gave_up = true;
        state.answers.clear();
    }

    /// Returns a person's answer to a question of the plugin: one that was given in this call, unless it is not the first of a
    /// conversation (`is_again`); then none is given a second time.
    pub fn answer(&self, question: &str, is_again: bool) -> Option<Zeroizing<Vec<u8>>> {
        let ask: fn() -> Box<dyn Ask> = self.ask?;
        let mut state = self.state();
        if !is_again && let Some(answer) = state.answers.get(question) {
            return Some(Zeroizing::new(answer.expose().to_vec()));
        }
        let answer = ask().secret(question).ok()?;
        let given = Zeroizing::new(answer.expose().to_vec());
        if is_again {
            state.answers.clear();
        } else {
            state.answers.insert(question.to_string(), answer);
        }
        Some(given)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
