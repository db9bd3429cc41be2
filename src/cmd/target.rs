//! Which sealed file a command speaks of.

use std::cell::RefCell;
use std::path::Path;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::base::hex;
use crate::base::printable;
use crate::disk;
use crate::disk::Limit;
use crate::disk::Lock;
use crate::project;
use crate::project::Environment;
use crate::project::Project;
use crate::project::Trust;
use crate::resolve::Layer;
use crate::resolve::Selected;
use crate::resolve::Source;
use crate::resolve::sealed_layer;
use crate::sops::Selector;

use super::context::Context;

/// The arguments that choose a sealed file.
#[derive(clap::Args, Clone, Default)]
pub struct TargetArguments {
    /// Take this environment; the first one in secrets.toml is the default
    #[arg(long, short, value_name = "ENV", conflicts_with = "file")]
    pub env: Option<String>,
    /// Take this sealed file; no project is needed
    #[arg(long, short, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// A sealed file: an environment's, or one by its path.
pub enum Target {
    Declared { project: Box<Project>, environment: usize, trust: Box<RefCell<Trust>> },
    Undeclared(PathBuf),
}

impl Target {
    /// Chooses by `--file`, `--env`, `SECRETS_ENV`, an outer `run` of this project, and the first environment, in that
    /// order. A `--file` that `secrets.toml` declares is that environment's.
    ///
    /// # Errors
    /// `Kind::Failed` if there is no project or no such environment.
    pub fn choose(context: &Context<'_>, arguments: &TargetArguments) -> Result<Self> {
        if let Some(file) = &arguments.file {
            return match declared_at(context.world, file)? {
                Some((project, environment)) => Self::declared(context.world, project, environment),
                None => Ok(Self::Undeclared(file.clone())),
            };
        }
        let project = context.project()?;
        let name = environment_name(context.world, arguments.env.as_deref(), &project)?;
        let chosen = project.environment(name.as_deref())?;
        let environment = project.environments.iter().position(|e| e.name == chosen.name).unwrap_or(0);
        Self::declared(context.world, project, environment)
    }

    /// Takes an environment of a project, with what this machine knows of it.
    ///
    /// # Errors
    /// As [`Trust::load`].
    pub fn declared(world: &World, project: Project, environment: usize) -> Result<Self> {
        let trust = Box::new(RefCell::new(Trust::load(world, &project)?));
        Ok(Self::Declared { project: Box::new(project), environment, trust })
    }

    /// Reads `secrets.toml` and the trust record again, after they may have been changed.
    ///
    /// # Errors
    /// As [`project::load`] and [`Trust::load`]; `Kind::Failed` if the environment is gone or has another file.
    pub fn again(&self, world: &World) -> Result<Self> {
        let Self::Declared { project, environment, .. } = self else { return Ok(Self::Undeclared(self.path())) };
        let before = &project.environments[*environment];
        let project = project::load(&project.folder)?;
        let is_same = |environment: &Environment| environment.name == before.name && environment.file == before.file;
        let environment = project.environments.iter().position(is_same).ok_or_else(|| {
            Error::new(Kind::Failed, format!("`{}` was changed in secrets.toml while this waited", before.name))
                .hint("try again")
        })?;
        Self::declared(world, project, environment)
    }

    /// Waits for the right to write the file; an environment's lies below the project, whatever links there are.
    ///
    /// # Errors
    /// As [`Lock::beneath`] and [`Lock::for_file`].
    pub fn lock(&self) -> Result<Lock> {
        match self.selected() {
            Some(Selected { project, environment, .. }) => Lock::beneath(&project.folder, Path::new(&environment.file)),
            None => Lock::for_file(&self.path()),
        }
    }

    /// Returns project and environment, if the file is declared.
    pub fn selected(&self) -> Option<Selected<'_>> {
        match self {
            Self::Declared { project, environment, trust } => {
                Some(Selected { project, environment: &project.environments[*environment], trust })
            }
            Self::Undeclared(_) => None,
        }
    }

    /// Returns the file's path.
    pub fn path(&self) -> PathBuf {
        match (self, self.selected()) {
            (_, Some(Selected { project, environment, .. })) => project.path_of(environment),
            (Self::Undeclared(path), _) => path.clone(),
            (Self::Declared { .. }, None) => unreachable!("a declared target is selected"),
        }
    }

    /// Returns the file's path as messages show it.
    pub fn shown(&self) -> String {
        match self.selected() {
            Some(Selected { environment, .. }) => environment.file.clone(),
            None => printable(self.path().as_os_str().as_encoded_bytes()),
        }
    }

    /// Returns the environment's name, or the path of a file without one.
    pub fn name(&self) -> String {
        self.selected().map_or_else(|| self.shown(), |selected| selected.environment.name.clone())
    }

    /// Reads and checks the file; `None` if an environment has none yet.
    ///
    /// # Errors
    /// As [`Layer::of`] and [`Layer::undeclared`].
    pub fn read(&self) -> Result<Option<Layer>> {
        match self.selected() {
            None => Layer::undeclared(&self.path()).map(Some),
            Some(Selected { project, environment, .. }) => {
                if self.path().symlink_metadata().is_err() {
                    return Ok(None);
                }
                let below = Path::new(&environment.file);
                let bytes = disk::read_beneath(&project.folder, below, Limit::SEALED_FILE)?;
                sealed_layer(&bytes, project, environment).map(Some)
            }
        }
    }

    /// As [`Self::read`], for a writer: a clear value in a sealed file that `plain` does not name any more is read, since
    /// the next version encrypts it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_to_change(&self) -> Result<Option<Layer>> {
        match self.read() {
            Err(error) if error.broken_rule() == Some("selector") => {
                let mut layer = Layer::undeclared(&self.path())?;
                layer.environment = self.selected().map(|selected| selected.environment.name.clone());
                let place = self.selected().map(|selected| selected.project.place_of(selected.environment));
                match (&layer.source, place) {
                    (Source::Sealed { file, .. }, Some(place))
                        if file.seal().is_some_and(|seal| seal.place == place) =>
                    {
                        Ok(Some(layer))
                    }
                    _ => Err(error),
                }
            }
            other => other,
        }
    }

    /// Returns the selector that `secrets.toml` asks for; `None` where the file keeps its own.
    ///
    /// # Errors
    /// As [`Selector::for_plain`].
    pub fn selector(&self) -> Result<Option<Selector>> {
        self.selected().map(|selected| Selector::for_plain(&selected.environment.plain)).transpose()
    }
}

/// Returns the environment that was named by flag, variable or an outer `run`; `None` for the default.
fn environment_name(world: &World, flag: Option<&str>, project: &Project) -> Result<Option<String>> {
    if let Some(name) = flag {
        return Ok(Some(name.to_string()));
    }
    if let Some(name) = world.env.get("SECRETS_ENV") {
        let name = name.to_str().ok_or_else(|| Error::new(Kind::Failed, "`SECRETS_ENV` is not UTF-8"))?;
        return Ok(Some(name.to_string()));
    }
    Ok(OuterRun::of(world).filter(|outer| outer.project == project_mark(project)).map(|outer| outer.environment))
}

/// What an outer `run` left in `SECRETS_RUN`: `<depth>/<environment>/<project>`.
pub struct OuterRun {
    pub depth: u32,
    pub environment: String,
    pub project: String,
}

impl OuterRun {
    /// Reads the variable; `None` if it is not set, or not ours.
    pub fn of(world: &World) -> Option<Self> {
        let text = world.env.get("SECRETS_RUN")?.to_str()?;
        let mut parts = text.splitn(3, '/');
        Some(Self {
            depth: parts.next()?.parse().ok()?,
            environment: parts.next()?.to_string(),
            project: parts.next()?.to_string(),
        })
    }
}

/// Returns what tells a project's folder from another one, without showing the path.
pub fn project_mark(project: &Project) -> String {
    use sha2::Digest as _;
    let folder = project.folder.canonicalize().unwrap_or_else(|_| project.folder.clone());
    let hash = sha2::Sha256::digest(folder.as_os_str().as_encoded_bytes());
    hex(&hash[..8])
}

fn declared_at(world: &World, file: &Path) -> Result<Option<(Project, usize)>> {
    let Ok(real) = world.cwd().and_then(|cwd| {
        cwd.join(file).canonicalize().map_err(|error| Error::new(Kind::Failed, "no such file").because(error))
    }) else {
        return Ok(None);
    };
    let Some(project) = project::discover(world)? else { return Ok(None) };
    let is_there =
        |environment: &Environment| project.path_of(environment).canonicalize().is_ok_and(|path| path == real);
    let found = project.environments.iter().position(is_there);
    Ok(found.map(|environment| (project, environment)))
}
