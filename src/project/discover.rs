//! Finding the project: the nearest folder upward that has `secrets.toml`.

use std::path::Path;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::base::printable;
use crate::disk;
use crate::disk::Limit;

use super::config::Project;
use super::parse::steps_up;
use super::raw::RawProject;
use super::team::Home;
use super::team::Team;

/// The file that makes a folder a project.
pub const FILE_NAME: &str = "secrets.toml";

/// Finds the project of the working directory; `None` if there is none up to the root, or to `$SECRETS_CEILING`.
///
/// # Errors
/// `Kind::Failed` if `secrets.toml` cannot be read or is wrong.
pub fn discover(world: &World) -> Result<Option<Project>> {
    let ceiling = world.env.get("SECRETS_CEILING").map(Path::new);
    for folder in world.cwd()?.ancestors() {
        if folder.join(FILE_NAME).symlink_metadata().is_ok() {
            return load(folder).map(Some);
        }
        if ceiling == Some(folder) {
            break;
        }
    }
    Ok(None)
}

/// Reads the project of a folder.
///
/// # Errors
/// As [`discover`]; `Kind::Failed` with line and column where it is no TOML.
pub fn load(folder: &Path) -> Result<Project> {
    parse(folder, &text(folder)?)
}

/// Reads the text of a `secrets.toml` that belongs into `folder`.
///
/// # Errors
/// As [`load`].
pub fn parse(folder: &Path, text: &str) -> Result<Project> {
    parse_with_home(folder, text, None)
}

/// As [`parse`], where the `secrets.toml` that a `root` leads to will have the text `home_text`.
///
/// # Errors
/// As [`load`].
pub fn parse_with_home(folder: &Path, text: &str, home_text: Option<&str>) -> Result<Project> {
    let raw = raw(folder, text)?;
    let home = raw.root.as_deref().map(|root| home(folder, root, home_text)).transpose()?;
    Project::new(folder, raw, home)
}

fn raw(folder: &Path, text: &str) -> Result<RawProject> {
    toml::from_str(text).map_err(|error| wrong(folder).because(one_line(text, &error)))
}

/// Finds the folder that `root` leads to, and its members; both lie in one repository.
fn home(folder: &Path, root: &str, home_text: Option<&str>) -> Result<Home> {
    let steps = steps_up(root)?;
    let real = folder.canonicalize().map_err(|error| wrong(folder).because(error))?;
    let passed: Vec<&Path> = real.ancestors().take(steps).collect();
    let refused = |why: &str| Error::new(Kind::Refused, format!("`root` in secrets.toml leads {why}"));
    let Some(home) = real.ancestors().nth(steps) else { return Err(refused("out of the file system")) };
    if passed.iter().any(|folder| folder.join(".git").symlink_metadata().is_ok()) {
        return Err(refused("out of the repository"));
    }
    if home.join(FILE_NAME).symlink_metadata().is_err() {
        return Err(refused("to a folder without a secrets.toml"));
    }
    let raw = match home_text {
        Some(text) => raw(home, text)?,
        None => raw(home, &text(home)?)?,
    };
    if raw.root.is_some() {
        return Err(refused("to a secrets.toml that has a `root` itself"));
    }
    let prefix = real.strip_prefix(home).unwrap_or(&real).to_string_lossy().into_owned();
    let team = Team::new(raw.members, raw.groups, raw.former, raw.stores)?;
    Ok(Home { folder: home.to_path_buf(), prefix, team })
}

/// Tells whether a folder's `secrets.toml` has members alone, for the services below it.
///
/// # Errors
/// As [`load`], where it is no TOML.
pub fn is_team_only(folder: &Path) -> Result<bool> {
    let raw = raw(folder, &text(folder)?)?;
    Ok(raw.environments.0.is_empty() && raw.root.is_none())
}

/// Finds the folder that has the members, where settings that do not agree keep the project from being understood.
///
/// # Errors
/// `Kind::Failed` if there is no `secrets.toml`; as [`load`], where it is no TOML.
pub fn find_home(world: &World) -> Result<PathBuf> {
    let mut folders = world.cwd()?.ancestors();
    let found = folders.find(|folder| folder.join(FILE_NAME).symlink_metadata().is_ok());
    let folder = found.ok_or_else(|| Error::new(Kind::Failed, "there is no project here"))?;
    let root = raw(folder, &text(folder)?)?.root;
    let steps = root.as_deref().map(steps_up).transpose()?.unwrap_or(0);
    Ok(folder.ancestors().nth(steps).unwrap_or(folder).to_path_buf())
}

/// Returns the text of a folder's `secrets.toml`.
///
/// # Errors
/// As [`disk::read_beneath`]; `Kind::Failed` if it is not UTF-8.
pub fn text(folder: &Path) -> Result<String> {
    let bytes = disk::read_beneath(folder, Path::new(FILE_NAME), Limit::SETTINGS)?;
    String::from_utf8(bytes.to_vec()).map_err(|error| wrong(folder).because(error))
}

fn wrong(folder: &Path) -> Error {
    let shown = printable(folder.join(FILE_NAME).as_os_str().as_encoded_bytes());
    Error::new(Kind::Failed, format!("`{shown}` cannot be understood"))
}

/// The parser's own message would quote what stands there, which may be a value that was put there by mistake.
fn one_line(text: &str, error: &toml::de::Error) -> String {
    let message = printable(without_quoted(error.message()).replace('\n', "; ").as_bytes());
    match error.span() {
        Some(span) => {
            let before = &text[..span.start.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("line {line}, column {column}: {message}")
        }
        None => message,
    }
}

fn without_quoted(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(open), Some(close)) if open < close => format!("{}…{}", &message[..open], &message[close + 1..]),
        _ => message.to_string(),
    }
}
