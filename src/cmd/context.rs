//! What every command has at hand.

use std::cell::RefCell;
use std::cell::RefMut;
use std::path::PathBuf;

use crate::base::Ask;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::keys::Keyring;
use crate::project;
use crate::project::Project;
use crate::term::Terminal;
use crate::term::Ui;

/// The world, the output, and the identities of this call.
pub struct Context<'w> {
    pub world: &'w World,
    pub ui: &'w Ui,
    /// `--identity`.
    pub identity: Option<PathBuf>,
    keyring: RefCell<Keyring>,
}

impl<'w> Context<'w> {
    pub fn new(world: &'w World, ui: &'w Ui, identity: Option<PathBuf>) -> Self {
        let keyring = RefCell::new(Keyring::of(world, identity.as_deref(), Some(ask)));
        Self { world, ui, identity, keyring }
    }

    /// Returns the identities; no source was read before it was needed.
    pub fn keyring(&self) -> RefMut<'_, Keyring> {
        self.keyring.borrow_mut()
    }

    /// Looks for identities anew, after one was made.
    pub fn reload_keyring(&self) {
        *self.keyring.borrow_mut() = Keyring::of(self.world, self.identity.as_deref(), Some(ask));
    }

    /// Finds the project.
    ///
    /// # Errors
    /// `Kind::Failed` if there is none.
    pub fn project(&self) -> Result<Project> {
        match project::discover(self.world)? {
            Some(project) => Ok(project),
            None => Err(Error::new(Kind::Failed, "there is no project here: no secrets.toml in this folder or above")
                .hint("`secrets init` makes one; `--file FILE` takes a sealed file without a project")),
        }
    }

    /// Warns of identity sources that are not as they should be.
    pub fn warn_of_identities(&self) {
        for remark in self.keyring().remarks() {
            self.ui.warn(remark);
        }
    }
}

fn ask() -> Box<dyn Ask> {
    Box::new(Terminal)
}
