//! What every command has at hand.

use std::cell::RefCell;
use std::cell::RefMut;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::base::Ask;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::keys::Keyring;
use crate::keys::MayRun;
use crate::project;
use crate::project::Project;
use crate::sops::Recipient;
use crate::term::Terminal;
use crate::term::Ui;

use super::plugin;

/// The world, the output, and the identities of this call.
pub struct Context<'w> {
    pub world: &'w Arc<World>,
    pub ui: &'w Ui,
    /// `--identity`.
    pub identity: Option<PathBuf>,
    keyring: RefCell<Keyring>,
    /// Whether this call accepts the project that it was called in.
    is_accepting: Arc<AtomicBool>,
}

impl<'w> Context<'w> {
    pub fn new(world: &'w Arc<World>, ui: &'w Ui, identity: Option<PathBuf>) -> Self {
        let is_accepting = Arc::new(AtomicBool::new(false));
        let keyring = RefCell::new(Self::keyring_of(world, identity.clone(), &is_accepting));
        Self { world, ui, identity, keyring, is_accepting }
    }

    /// Returns the identities; no source was read before it was needed.
    pub fn keyring(&self) -> RefMut<'_, Keyring> {
        self.keyring.borrow_mut()
    }

    /// Looks for identities anew, after one was made.
    pub fn reload_keyring(&self) {
        *self.keyring.borrow_mut() = Self::keyring_of(self.world, self.identity.clone(), &self.is_accepting);
    }

    /// Takes a person's decision for the project: programs that wait for it may be started from now on.
    pub fn accepts(&self) {
        self.is_accepting.store(true, Relaxed);
    }

    fn keyring_of(world: &Arc<World>, identity: Option<PathBuf>, is_accepting: &Arc<AtomicBool>) -> Keyring {
        let of_call = Arc::clone(world);
        let find = move |name: &str, word| plugin::find(&of_call, name, word);
        let (of_call, is_accepting) = (Arc::clone(world), Arc::clone(is_accepting));
        let may_run: MayRun = Arc::new(move |program| match is_accepting.load(Relaxed) {
            true => Some(PathBuf::from(program)),
            false => plugin::command(&of_call, program),
        });
        Keyring::of(world, identity.as_deref(), Some(ask), Box::new(find), &may_run)
    }

    /// Gives the recipients of age plugins what wraps for them.
    pub fn connected(&self, mut recipients: Vec<Recipient>) -> Vec<Recipient> {
        self.keyring().connect(&mut recipients);
        recipients
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
