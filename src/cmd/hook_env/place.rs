//! Where a prompt stands, and what the answer depends on.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Result;
use crate::base::Timestamp;
use crate::base::World;
use crate::base::hex;
use crate::cmd::context::Context;
use crate::cmd::target::OuterRun;
use crate::cmd::target::Target;
use crate::cmd::target::project_mark;
use crate::keys::default_identity_path;
use crate::keys::unlocked;
use crate::project::FILE_NAME;
use crate::project::Project;
use crate::resolve::Selected;
use crate::shell::state::Signature;
use crate::shell::state::State;

/// What was found on the way upward.
#[derive(Default)]
pub struct Looked {
    /// The nearest folder with settings.
    pub folder: Option<PathBuf>,
    /// The settings that would be nearer, and are not there.
    pub absent: Vec<PathBuf>,
}

/// A file that the answer depends on, as it was found.
#[derive(Clone)]
pub struct Seen {
    pub path: PathBuf,
    pub signature: Signature,
    /// When it was changed last; `None` if it is not there.
    pub modified: Option<SystemTime>,
    /// Whether everybody may write to it.
    pub is_open: bool,
}

impl Seen {
    /// Looks at one.
    pub fn of(path: PathBuf) -> Self {
        let found = fs::metadata(&path).ok();
        let modified = found.as_ref().and_then(|found| found.modified().ok());
        let is_open = found.as_ref().is_some_and(|found| found.mode() & 0o002 != 0);
        Self { signature: signature(found.as_ref()), modified, is_open, path }
    }

    fn is_as(&self, (path, signature): &(PathBuf, Signature)) -> bool {
        self.path == *path && self.signature == *signature
    }
}

/// Looks for the nearest folder with settings, from the working directory upward: not above the home folder or
/// `SECRETS_CEILING`, not in another file system, and not in another user's folder.
pub fn look(context: &Context<'_>) -> Looked {
    let world = context.world;
    let mut looked = Looked::default();
    let Ok(cwd) = world.cwd() else { return looked };
    let ceiling = world.env.get("SECRETS_CEILING").map(Path::new);
    let own = rustix::process::geteuid().as_raw();
    let mut device = None;
    for folder in cwd.ancestors() {
        let Ok(found) = fs::metadata(folder) else { break };
        if *device.get_or_insert(found.dev()) != found.dev() || (found.uid() != own && found.uid() != 0) {
            break;
        }
        let settings = folder.join(FILE_NAME);
        if settings.symlink_metadata().is_ok() {
            looked.folder = Some(folder.to_path_buf());
            break;
        }
        looked.absent.push(settings);
        if ceiling == Some(folder) || world.folders.home.as_deref() == Some(folder) {
            break;
        }
    }
    looked
}

/// Chooses the environment that `SECRETS_ENV` names, or the first one.
///
/// # Errors
/// As [`Target::declared`]; `Kind::Failed` if there is no such environment.
pub fn choose(context: &Context<'_>, project: Project) -> Result<Target> {
    let name = context.world.env.get("SECRETS_ENV").map(|name| name.to_string_lossy().into_owned());
    let chosen = project.environment(name.as_deref())?.name.clone();
    let environment = project.environments.iter().position(|e| e.name == chosen).unwrap_or(0);
    Target::declared(context.world, project, environment)
}

/// Where a prompt stands, and what the answer depends on.
pub struct Place {
    root: PathBuf,
    environment: String,
    /// The files that the answer depends on.
    pub watched: Vec<Seen>,
}

impl Place {
    /// Looks at the files that the answer depends on.
    pub fn of(context: &Context<'_>, folder: &Path, target: Option<&Target>) -> Self {
        let mut paths = vec![folder.join(FILE_NAME)];
        let state = context.world.folders.state.as_deref();
        paths.extend(state.map(unlocked::lock_file));
        paths.extend(state.map(unlocked::unlock_file));
        paths.extend(default_identity_path(context.world));
        let mut environment = String::new();
        if let Some(Selected { project, environment: chosen, trust }) = target.and_then(Target::selected) {
            environment.clone_from(&chosen.name);
            if project.home != project.folder {
                paths.push(project.home.join(FILE_NAME));
            }
            let layers = project.layers(chosen).unwrap_or_default();
            paths.extend(layers.into_iter().map(|layer| project.path_of(layer)));
            paths.extend(trust.borrow().paths().map(Path::to_path_buf));
        }
        let watched = paths.into_iter().map(Seen::of).collect();
        Self { root: folder.to_path_buf(), environment, watched }
    }

    /// Looks at one more file.
    pub fn watch(&mut self, path: Option<PathBuf>) {
        self.watched.extend(path.map(Seen::of));
    }

    /// Returns the state of a shell that holds nothing yet.
    pub fn into_state(self) -> State {
        let watched = self.watched.into_iter().map(|seen| (seen.path, seen.signature)).collect();
        State { root: self.root, environment: self.environment, watched, ..State::default() }
    }
}

/// Looks at the files that a state names; `None` if one of them changed, or the state has expired.
pub fn unchanged(before: &State, now: Timestamp) -> Option<Vec<Seen>> {
    let is_of_now = before.expires.is_none_or(|moment| u64::try_from(now.seconds()).is_ok_and(|now| now < moment));
    let seen: Vec<Seen> = before.watched.iter().map(|(path, _)| Seen::of(path.clone())).collect();
    let is_same = seen.iter().zip(&before.watched).all(|(seen, known)| seen.is_as(known));
    (is_same && is_of_now).then_some(seen)
}

/// Returns what tells from others what a person asks for by variables; empty if nothing. Of the one that holds a key only that it
/// is there, which is what a shell compares, too.
pub fn asked(world: &World) -> String {
    let has_key = world.env.get_even_empty("SECRETS_IDENTITY").map(|_| OsStr::new("1"));
    let names = ["SECRETS_ENV", "SECRETS_IDENTITY_FILE", "SECRETS_TRUST"];
    let said: Vec<_> = names.iter().map(|name| world.env.get_even_empty(name)).chain([has_key]).collect();
    if said.iter().all(Option::is_none) {
        return String::new();
    }
    let mut hash = Sha256::new();
    for said in said {
        hash.update(said.map_or(u64::MAX, |said| said.len() as u64).to_be_bytes());
        hash.update(said.unwrap_or_default().as_bytes());
    }
    hex(&hash.finalize()[..16])
}

/// Returns what tells a file from a changed one; `None` is a file that is not there.
fn signature(found: Option<&fs::Metadata>) -> Signature {
    let Some(found) = found else { return Signature::of(None) };
    let mut hash = Sha256::new();
    for number in [found.dev(), found.ino(), found.size()] {
        hash.update(number.to_be_bytes());
    }
    for number in [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()] {
        hash.update(number.to_be_bytes());
    }
    Signature::of(Some(&hash.finalize()))
}

/// In a program that `run` started for this project the person chose already.
pub fn is_in_run(context: &Context<'_>, target: Option<&Target>) -> bool {
    let outer = OuterRun::of(context.world);
    let selected = target.and_then(Target::selected);
    outer.zip(selected).is_some_and(|(outer, selected)| outer.project == project_mark(selected.project))
}
