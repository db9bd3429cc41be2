//! Which age plugins may be started, and which program each is.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::disk;
use crate::keys::Word;
use crate::project;
use crate::project::Project;
use crate::project::Trust;
use crate::sops::Recipient;
use crate::sops::plugin::is_legal;

/// Finds the program of a plugin that a person let be started: for this project, or, outside of any, by naming an identity
/// that it holds.
///
/// # Errors
/// `Kind::Refused` if nobody did; as [`disk::find_guarded`].
pub fn find(world: &World, name: &str, word: Word) -> Result<PathBuf> {
    let program = format!("age-plugin-{name}");
    // age's own switch prints all that goes over the line, and so the key of a file.
    if world.env.get("AGEDEBUG").is_some_and(|value| value == "plugin") {
        return Err(refused(&program, "`AGEDEBUG=plugin` would print keys").hint("unset `AGEDEBUG`"));
    }
    let project = project::discover(world)?;
    match (&project, word) {
        (_, Word::Accepted) | (None, Word::Named) => {}
        (Some(project), _) if Trust::load(world, project)?.lets_plugin(name) => {}
        (Some(_), _) => {
            return Err(refused(&program, "nobody accepted it for this project on this machine")
                .hint(format!("`secrets allow --plugin {name}`, if you know it")));
        }
        (None, Word::None) => {
            return Err(refused(&program, "outside a project a plugin is started for an identity that is named")
                .hint("`--identity FILE` with an identity that it holds; in a project `secrets allow --plugin`"));
        }
    }
    disk::find_guarded(&program, &world.env, &others_places(world, project.as_ref()))
}

/// Returns the program of a command of the environment that may be run for an identity: as it is named in a project that a
/// person accepted; where there is none, or a digest stands for the person, one that nobody but root and this user could have put
/// there.
pub fn command(world: &World, program: &str) -> Option<PathBuf> {
    let project = project::discover(world).ok()?;
    if let Some(project) = &project {
        let trust = Trust::load(world, project).ok()?;
        // A repository inside the project is another one, and `./key` is its own there.
        let here = world.cwd().ok().and_then(repository_of);
        let is_nested = here.is_some_and(|here| here.starts_with(&project.home) && here != project.home);
        if trust.is_accepted(project) && !is_nested {
            return Some(PathBuf::from(program));
        }
        if !trust.is_digest_demanded() {
            return None;
        }
    }
    disk::find_guarded(program, &world.env, &others_places(world, project.as_ref())).ok()
}

/// Returns the plugins that the recipients of a project need.
pub fn of_members(project: &Project) -> Vec<String> {
    let recipients = project.members.iter().flat_map(|member| &member.recipients);
    let mut names: Vec<String> = recipients.filter_map(Recipient::plugin).map(str::to_string).collect();
    names.sort();
    names.dedup();
    names
}

/// Takes a plugin's name as a person gives it.
///
/// # Errors
/// `Kind::Usage` for one that no plugin can have.
pub fn parse(name: &str) -> Result<String> {
    let name = name.strip_prefix("age-plugin-").unwrap_or(name);
    if is_legal(name) {
        return Ok(name.to_string());
    }
    let shown = crate::base::printable(name.as_bytes());
    Err(Error::new(Kind::Usage, format!("`{shown}` cannot name an age plugin")))
}

fn refused(program: &str, why: &str) -> Error {
    Error::new(Kind::Refused, format!("`{program}` is not started")).because(why.to_string())
}

/// Returns the places in which others put files: the project, every repository around it and around the working directory, and
/// the other working trees of these.
fn others_places(world: &World, project: Option<&Project>) -> Vec<PathBuf> {
    let own = project.into_iter().flat_map(|project| [project.home.clone(), project.folder.clone()]);
    let mut places: Vec<PathBuf> = own.collect();
    let begins = places.iter().cloned().chain(world.cwd().ok().map(Path::to_path_buf));
    let around: Vec<PathBuf> = begins
        .filter_map(|place| place.canonicalize().ok())
        .flat_map(|place| {
            place.ancestors().filter(|folder| is_repository(folder)).map(Path::to_path_buf).collect::<Vec<_>>()
        })
        .collect();
    places.extend(around.iter().flat_map(|folder| working_trees(folder)));
    places.extend(around);
    places
}

fn is_repository(folder: &Path) -> bool {
    folder.join(".git").symlink_metadata().is_ok()
}

fn repository_of(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| is_repository(folder)).map(Path::to_path_buf)
}

/// Returns the other working trees of a repository, the main one too (`gitrepository-layout(5)`: `worktrees/<id>/gitdir`).
fn working_trees(folder: &Path) -> Vec<PathBuf> {
    let git = folder.join(".git");
    let line = |path: &Path| {
        fs::read_to_string(path).ok().map(|text| PathBuf::from(text.trim().trim_start_matches("gitdir: ")))
    };
    // In a linked tree `.git` is a file that leads to `<main>/.git/worktrees/<id>`.
    let main =
        if git.is_dir() { Some(git) } else { line(&git).and_then(|own| Some(own.parent()?.parent()?.to_path_buf())) };
    let Some(main) = main else { return Vec::new() };
    let linked = fs::read_dir(main.join("worktrees")).into_iter().flatten().flatten();
    let linked = linked.filter_map(|entry| line(&entry.path().join("gitdir")));
    linked.chain([main.clone()]).filter_map(|git| git.parent().map(Path::to_path_buf)).collect()
}
