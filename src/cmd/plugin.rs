//! Which age plugins may be started, and which program each is.

use std::path::Path;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::disk;
use crate::project;
use crate::project::Project;
use crate::project::Trust;
use crate::sops::Recipient;
use crate::sops::plugin::is_legal;

/// Finds the program of a plugin that a person let be started: for this project, or, outside of any, by `--identity`
/// (`is_named`). `is_accepted` says that this call is the one that lets it.
///
/// # Errors
/// `Kind::Refused` if nobody did; as [`disk::find_guarded`].
pub fn find(world: &World, name: &str, is_named: bool, is_accepted: bool) -> Result<PathBuf> {
    let program = format!("age-plugin-{name}");
    // age's own switch prints all that goes over the line, and so the key of a file.
    if world.env.get("AGEDEBUG").is_some_and(|value| value == "plugin") {
        return Err(refused(&program, "`AGEDEBUG=plugin` would print keys").hint("unset `AGEDEBUG`"));
    }
    let outside = match project::discover(world)? {
        Some(project) if is_accepted || Trust::load(world, &project)?.lets_plugin(name) => {
            vec![project.home, project.folder]
        }
        Some(_) => {
            return Err(refused(&program, "nobody accepted it for this project on this machine")
                .hint(format!("`secrets allow --plugin {name}`, if you know it")));
        }
        None if is_named || is_accepted => Vec::new(),
        None => {
            return Err(refused(&program, "outside a project a plugin is started for an identity that is named").hint(
                "`--identity FILE` names one for this command; in a project `secrets allow --plugin` accepts it",
            ));
        }
    };
    disk::find_guarded(&program, &world.env, &[outside, repositories(world)].concat())
}

/// Tells whether a command of the environment may be run for an identity: outside a project, and in one that a person accepted,
/// or a digest stands for.
pub fn lets_command(world: &World) -> bool {
    match project::discover(world) {
        Ok(None) => true,
        Ok(Some(project)) => {
            Trust::load(world, &project).is_ok_and(|trust| trust.is_accepted(&project) || trust.is_digest_demanded())
        }
        Err(_) => false,
    }
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

/// Returns the repository that the command was called in: what lies there is somebody else's.
fn repositories(world: &World) -> Vec<PathBuf> {
    let Ok(cwd) = world.cwd() else { return Vec::new() };
    let is_repository = |folder: &&Path| folder.join(".git").symlink_metadata().is_ok();
    cwd.ancestors().find(is_repository).map(Path::to_path_buf).into_iter().collect()
}
