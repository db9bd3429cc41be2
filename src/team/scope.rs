//! Every file of a team: the environments of a project, and those of all services whose `root` leads to it.

use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

use ignore::WalkBuilder;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::disk;
use crate::disk::Limit;
use crate::project;
use crate::project::Environment;
use crate::project::FILE_NAME;
use crate::project::Project;

/// Folders that are large and hold nobody's own settings.
const SKIPPED: [&str; 2] = [".git", "node_modules"];

/// A project and all that share its members.
pub struct Scope {
    /// The project that was asked for comes first.
    pub projects: Vec<Project>,
}

/// One environment of one project.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    pub project: &'a Project,
    pub environment: &'a Environment,
}

impl Scope {
    /// Finds the services that share the members of `project`.
    ///
    /// # Errors
    /// As [`project::load`], for a service that cannot be understood: nothing is done to half of a team's files.
    /// `Kind::Refused` if two environments have the same file.
    pub fn of(project: Project) -> Result<Self> {
        let (home, own) = (project.home.clone(), project.folder.clone());
        let mut projects = vec![project];
        // Whatever a repository says that is to be ignored: a service must not be hidden from a removal.
        let mut walk = WalkBuilder::new(&home);
        walk.standard_filters(false).filter_entry(|entry| !SKIPPED.iter().any(|name| entry.file_name() == *name));
        for entry in walk.build().flatten() {
            let is_settings = entry.file_name() == FILE_NAME;
            let Some(folder) = entry.path().parent().filter(|_| is_settings) else { continue };
            if is_same(folder, &own) {
                continue;
            }
            if is_same(folder, &home) && project::is_team_only(folder)? {
                continue;
            }
            let found = project::load(folder)?;
            if is_same(&found.home, &home) {
                projects.push(found);
            }
        }
        let scope = Self { projects };
        scope.check_files()?;
        Ok(scope)
    }

    /// A file has the readers of one environment: with two, whoever can write to the repository could choose.
    fn check_files(&self) -> Result<()> {
        let mut owners: HashMap<PathBuf, Site<'_>> = HashMap::new();
        let mut folders: HashMap<PathBuf, PathBuf> = HashMap::new();
        for site in self.sites() {
            let path = real(site.project.path_of(site.environment), &mut folders);
            if let Some(other) = owners.insert(path, site) {
                let (other, label, path) = (other.label(), site.label(), site.path());
                return Err(Error::new(Kind::Refused, format!("`{other}` and `{label}` have the same file, `{path}`"))
                    .because("each would have its own readers")
                    .hint("give one of them another `file` in secrets.toml"));
            }
        }
        Ok(())
    }

    /// Returns every environment of every project.
    pub fn sites(&self) -> impl Iterator<Item = Site<'_>> {
        self.projects
            .iter()
            .flat_map(|project| project.environments.iter().map(move |environment| Site { project, environment }))
    }
}

/// Returns where a path leads; the files of a folder share what was found out of it.
fn real(path: PathBuf, folders: &mut HashMap<PathBuf, PathBuf>) -> PathBuf {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return path };
    if path.is_symlink() {
        return path.canonicalize().unwrap_or(path);
    }
    let find = || folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    folders.entry(folder.to_path_buf()).or_insert_with(find).join(name)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().ok().is_some_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

impl Site<'_> {
    /// Returns the file's path below the project's home, `/` between parts.
    pub fn path(&self) -> String {
        self.project.below_home(&self.environment.file)
    }

    /// Returns the environment's name, with the service before it where there are several.
    pub fn label(&self) -> String {
        self.project.label(self.environment)
    }

    /// Reads the file as it is; `None` if there is none yet.
    ///
    /// # Errors
    /// As [`disk::read_beneath`].
    pub fn read(&self) -> Result<Option<Vec<u8>>> {
        if self.project.path_of(self.environment).symlink_metadata().is_err() {
            return Ok(None);
        }
        let below = Path::new(&self.environment.file);
        disk::read_beneath(&self.project.folder, below, Limit::SEALED_FILE).map(|bytes| Some(bytes.to_vec()))
    }
}
