//! Where identities come from, in the order in which they are tried.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::base::printable;
use crate::disk;
use crate::disk::Limit;

use super::unlocked;

/// A place that may hold identities.
#[derive(Clone)]
pub enum Source {
    /// A command that prints them, `SOPS_AGE_KEY_CMD`, and whether it may be run where we are.
    Command { variable: &'static str, line: OsString, may_run: MayRun },
    /// A file that somebody named, by flag or variable: it must be there.
    Named { by: &'static str, path: PathBuf },
    /// What `identity unlock` put into the kernel's keyring, for this configuration folder.
    Unlocked { config: PathBuf },
    /// A variable that holds the text itself.
    Text { variable: &'static str, text: OsString },
    /// A file at a usual place: it may be missing.
    Usual { path: PathBuf },
}

/// Returns the program that may be run here for an identity; `None` if it must not: one by a name such as `./key` is whatever
/// lies in the folder.
pub type MayRun = Arc<dyn Fn(&str) -> Option<PathBuf> + Send + Sync>;

impl Source {
    /// Lists the places, without touching any. With `--identity` it is the only one.
    ///
    /// Our own come first; then all that sops would try, so that its user needs no new key. A command comes last: it may
    /// take long or ask.
    pub fn list(world: &World, flag: Option<&Path>, may_run: &MayRun) -> Vec<Self> {
        if let Some(path) = flag {
            return vec![Self::Named { by: "--identity", path: path.to_path_buf() }];
        }
        let mut sources = Vec::with_capacity(10);
        let text = |variable| world.env.get(variable).map(|text| Self::Text { variable, text: text.into() });
        let named = |by| world.env.get(by).map(|path| Self::Named { by, path: path.into() });
        sources.extend(text("SECRETS_IDENTITY"));
        sources.extend(named("SECRETS_IDENTITY_FILE"));
        sources.extend(world.folders.config.clone().map(|config| Self::Unlocked { config }));
        sources.extend(default_identity_path(world).map(|path| Self::Usual { path }));
        // What systemd and others give a service: `LoadCredential=secrets-identity:…`.
        let credentials = world.env.get("CREDENTIALS_DIRECTORY").map(Path::new);
        sources.extend(credentials.map(|folder| Self::Usual { path: folder.join("secrets-identity") }));
        sources.extend(text("SOPS_AGE_KEY"));
        sources.extend(named("SOPS_AGE_KEY_FILE"));
        if let Some(config) = &world.folders.config {
            sources.push(Self::Usual { path: config.join("sops/age/keys.txt") });
        }
        sources.extend(named("SOPS_AGE_SSH_PRIVATE_KEY_FILE"));
        if let Some(home) = &world.folders.home {
            sources.push(Self::Usual { path: home.join(".ssh/id_ed25519") });
            #[cfg(feature = "ssh-rsa")]
            sources.push(Self::Usual { path: home.join(".ssh/id_rsa") });
        }
        sources.extend(
            world
                .env
                .get("SOPS_AGE_KEY_CMD")
                .map(|line| (line.into(), Arc::clone(may_run)))
                .map(|(line, may_run)| Self::Command { variable: "SOPS_AGE_KEY_CMD", line, may_run }),
        );
        sources
    }

    /// Reads the text; `None` if nothing is there.
    ///
    /// # Errors
    /// `Kind::Failed` if a named file is missing, or any cannot be read; as [`disk::read`].
    pub fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match self {
            Self::Unlocked { config } => Ok(unlocked::read(&unlocked::name(config))),
            Self::Text { text, .. } => Ok(Some(Zeroizing::new(text.as_bytes().to_vec()))),
            Self::Named { path, .. } => disk::read(path, Limit::IDENTITY).map(Some),
            Self::Usual { path } if !path.exists() => Ok(None),
            Self::Usual { path } => disk::read(path, Limit::IDENTITY).map(Some),
            Self::Command { variable, line, may_run } => run(variable, line, may_run).map(Some),
        }
    }

    /// Tells whether reading it neither takes long nor asks, as a command may.
    pub fn is_quiet(&self) -> bool {
        !matches!(self, Self::Command { .. })
    }

    /// Returns the place for messages: a path, or the name of a variable; never what it holds.
    pub fn shown(&self) -> String {
        match self {
            Self::Unlocked { .. } => "the kernel's keyring".to_string(),
            Self::Text { variable, .. } | Self::Command { variable, .. } => format!("${variable}"),
            Self::Named { path, .. } | Self::Usual { path } => printable(path.as_os_str().as_bytes()),
        }
    }

    /// Returns the file, if the source is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Named { path, .. } | Self::Usual { path } => Some(path),
            Self::Unlocked { .. } | Self::Text { .. } | Self::Command { .. } => None,
        }
    }
}

/// Returns where `identity new` puts an identity: `<config>/secrets/identity.txt`.
pub fn default_identity_path(world: &World) -> Option<PathBuf> {
    world.folders.config.as_ref().map(|config| config.join("secrets/identity.txt"))
}

/// Runs a command line as sops does: split as a shell would, but without one.
fn run(variable: &str, line: &OsStr, may_run: &MayRun) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |why: &str| Error::new(Kind::Failed, format!("the command in `{variable}` {why}"));
    let line = line.to_str().ok_or_else(|| failed("is not UTF-8"))?;
    let words = shell_words::split(line).map_err(|error| failed("cannot be split").because(error))?;
    let Some((program, arguments)) = words.split_first() else { return Err(failed("is empty")) };
    let program = may_run(program).ok_or_else(|| Error::new(Kind::Refused, "it is not run before `secrets allow`"))?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed("cannot be started").because(error))?;
    let text = Zeroizing::new(output.stdout);
    if output.status.success() { Ok(text) } else { Err(failed("failed").because(output.status.to_string())) }
}
