//! The plugins of this call: each is looked for once.

use std::collections::HashMap;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Error;
use crate::base::Result;
use crate::keys::place::Asker;

use super::Program;

/// Finds the program of a plugin, or says why it must not be started.
pub type Finder = Box<dyn Fn(&str, Word) -> Result<PathBuf> + Send + Sync>;

/// What a person said of a plugin in this call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Word {
    /// That it may be started: `allow`, `init`.
    Accepted,
    /// That this identity is to be used, which the plugin holds: `--identity`.
    Named,
    /// Nothing.
    None,
}

/// A program, or why there is none.
pub type Found = std::result::Result<Arc<Program>, Arc<Error>>;

/// The programs that were looked for.
pub struct Programs {
    find: Finder,
    found: HashMap<String, Found>,
    accepted: HashSet<String>,
}

impl Programs {
    /// Looks for none yet.
    pub fn new(find: Finder) -> Self {
        Self { find, found: HashMap::new(), accepted: HashSet::new() }
    }

    /// Takes a person's decision for plugins, in this call.
    pub fn accept(&mut self, names: impl IntoIterator<Item = String>) {
        self.accepted.extend(names);
    }

    /// Returns the program of a plugin; `is_named` says that it holds the identity that `--identity` names.
    pub fn of(&mut self, name: &str, is_named: bool, ask: Asker) -> Found {
        if let Some(found) = self.found.get(name) {
            return found.clone();
        }
        let word = match self.accepted.contains(name) {
            true => Word::Accepted,
            false if is_named => Word::Named,
            false => Word::None,
        };
        let found = (self.find)(name, word).map(|path| Arc::new(Program::new(name, path, ask))).map_err(Arc::new);
        self.found.entry(name.to_string()).or_insert(found).clone()
    }

    /// Returns why one of them must not or cannot be started.
    pub fn failure(&self) -> Option<&Error> {
        self.found.values().find_map(|found| found.as_ref().err().map(AsRef::as_ref))
    }

    /// Returns what one of them complained of.
    pub fn complaint(&self) -> Option<String> {
        self.found.values().find_map(|found| found.as_ref().ok()?.complaint())
    }
}
