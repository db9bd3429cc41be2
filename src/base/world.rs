//! The surroundings of one call: collected once, handed down, never asked for again.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use time::OffsetDateTime;

use super::Error;
use super::Kind;
use super::Result;
use super::Timestamp;

/// Arguments, environment, working directory, folders and clock.
pub struct World {
    /// The command line, the program's own name first.
    pub args: Vec<OsString>,
    /// The environment as it was inherited.
    pub env: Env,
    /// This person's folders.
    pub folders: Folders,
    /// When the call began.
    pub now: Timestamp,
    cwd: Option<PathBuf>,
}

impl World {
    /// Collects the surroundings of this process, which was called with `args`.
    pub fn of_this_process(args: Vec<OsString>) -> Self {
        let env = Env(std::env::vars_os().collect());
        Self { args, folders: Folders::of(&env), now: now(&env), cwd: std::env::current_dir().ok(), env }
    }

    /// Returns the working directory.
    ///
    /// # Errors
    /// `Kind::Failed` if it was removed or cannot be read.
    pub fn cwd(&self) -> Result<&Path> {
        self.cwd.as_deref().ok_or_else(|| Error::new(Kind::Failed, "the working directory does not exist any more"))
    }

    /// Goes to another working directory, as `-C` asks; a program that is started begins there too.
    ///
    /// # Errors
    /// `Kind::Failed` if it cannot be entered.
    pub fn go_to(&mut self, folder: &Path) -> Result<()> {
        std::env::set_current_dir(folder)
            .and_then(|()| std::env::current_dir())
            .map(|cwd| self.cwd = Some(cwd))
            .map_err(|error| Error::new(Kind::Failed, format!("cannot go to `{}`", folder.display())).because(error))
    }
}

/// An environment: names and values as the system holds them, in order.
#[derive(Clone, Default)]
pub struct Env(Vec<(OsString, OsString)>);

impl Env {
    /// Returns a variable; one that is set but empty is as if it were not set.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.get_even_empty(name).filter(|value| !value.is_empty())
    }

    /// Returns a variable, be it empty.
    pub fn get_even_empty(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_os_str())
    }

    /// Goes over all variables, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl FromIterator<(OsString, OsString)> for Env {
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// This person's folders, as the system's conventions name them; absent where there is no home.
#[derive(Clone, Default)]
pub struct Folders {
    /// The home folder.
    pub home: Option<PathBuf>,
    /// Settings and identities: `$XDG_CONFIG_HOME` or `~/.config` on Linux.
    pub config: Option<PathBuf>,
    /// What a machine remembers: `$XDG_STATE_HOME` or `~/.local/state` on Linux.
    pub state: Option<PathBuf>,
    /// A place in memory for this login: `$XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
}

impl Folders {
    fn of(env: &Env) -> Self {
        Self {
            home: dirs::home_dir(),
            config: dirs::config_dir(),
            // macOS has no such folder of its own.
            state: dirs::state_dir().or_else(dirs::data_local_dir),
            runtime: env.get("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute()),
        }
    }
}

/// Debug builds take the clock from `SECRETS_TEST_NOW`, for scenes whose output does not depend on the day.
fn now(env: &Env) -> Timestamp {
    if cfg!(debug_assertions)
        && let Some(fixed) = env.get("SECRETS_TEST_NOW").and_then(OsStr::to_str)
        && let Ok(moment) = Timestamp::parse(fixed.as_bytes())
    {
        return moment;
    }
    Timestamp::from(OffsetDateTime::now_utc())
}
