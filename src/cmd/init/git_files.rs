//! `.gitattributes` and `.gitignore`: sealed files go into git as they are, plain ones do not.

use std::path::Path;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::disk;
use crate::disk::Limit;
use crate::disk::Lock;
use crate::history::Repository;
use crate::project::Project;

use super::SETTINGS_MODE;

const ATTRIBUTES: &str = ".gitattributes";
const IGNORE: &str = ".gitignore";
/// Plain files, but not the example that many projects commit.
const PLAIN: [&str; 3] = [".env", ".env.*", "!.env.example"];

/// Adds the lines that are missing; names the files that it changed.
pub fn write(
    folder: &Path,
    project: &Project,
    repository: Option<&Repository>,
    changed: &mut Vec<String>,
) -> Result<()> {
    let files: Vec<&str> = project.environments.iter().map(|environment| environment.file.as_str()).collect();
    let patterns = patterns(&files);
    let attributes: Vec<String> =
        patterns.iter().map(|pattern| format!("{} -text diff=secrets merge=secrets", quoted(pattern))).collect();
    if add_lines(folder, ATTRIBUTES, &attributes)? {
        changed.push(ATTRIBUTES.to_string());
    }
    let mut is_changed = add_lines(folder, IGNORE, &PLAIN.map(String::from))?;
    if let Some(repository) = repository {
        is_changed |= uncover(folder, repository, &files, &patterns)?;
    }
    if is_changed {
        changed.push(IGNORE.to_string());
    }
    Ok(())
}

/// Adds negations where a pattern would hide a sealed file.
fn uncover(folder: &Path, repository: &Repository, files: &[&str], patterns: &[String]) -> Result<bool> {
    let hidden = || files.iter().find(|file| repository.ignores(file));
    if hidden().is_none() {
        return Ok(false);
    }
    let negations: Vec<String> = patterns.iter().map(|pattern| format!("!{pattern}")).collect();
    append_lines(folder, IGNORE, &negations)?;
    // Git does not look into a folder that is ignored, so the folder has to come back first.
    if let Some(file) = hidden()
        && let Some((parent, _)) = file.rsplit_once('/')
    {
        let parents: Vec<String> = ancestors(parent).into_iter().map(|folder| format!("!/{folder}/")).collect();
        append_lines(folder, IGNORE, &[parents, negations].concat())?;
    }
    match hidden() {
        None => Ok(true),
        Some(file) => Err(Error::new(Kind::Failed, format!("git ignores `{file}`, whatever `.gitignore` here says"))
            .hint(format!("`git check-ignore -v {file}` shows which pattern hides it"))),
    }
}

/// One pattern for each folder of sealed files.
fn patterns(files: &[&str]) -> Vec<String> {
    let mut patterns: Vec<String> = files
        .iter()
        .map(|file| match file.rsplit_once('/') {
            Some((folder, _)) => format!("/{folder}/*.env"),
            None => format!("/{file}"),
        })
        .collect();
    patterns.dedup();
    patterns
}

/// A pattern with a blank stands in quotes (gitattributes(5)).
fn quoted(pattern: &str) -> String {
    if pattern.contains(' ') { format!("\"{pattern}\"") } else { pattern.to_string() }
}

fn ancestors(folder: &str) -> Vec<String> {
    let parts: Vec<&str> = folder.split('/').collect();
    (1..=parts.len()).map(|length| parts[..length].join("/")).collect()
}

/// Appends those lines that the file does not have; returns whether there were any.
fn add_lines(folder: &Path, name: &str, lines: &[String]) -> Result<bool> {
    let present = text(folder, name)?;
    let missing: Vec<String> =
        lines.iter().filter(|line| !present.lines().any(|have| have.trim() == line.as_str())).cloned().collect();
    append_lines(folder, name, &missing)
}

/// The file is the project's own: a link that leads out of it is refused.
fn append_lines(folder: &Path, name: &str, lines: &[String]) -> Result<bool> {
    if lines.is_empty() {
        return Ok(false);
    }
    let lock = Lock::beneath(folder, Path::new(name))?;
    let mut text = text(folder, name)?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    disk::write_over(&lock, text.as_bytes(), Some(SETTINGS_MODE))?;
    Ok(true)
}

fn text(folder: &Path, name: &str) -> Result<String> {
    if folder.join(name).symlink_metadata().is_err() {
        return Ok(String::new());
    }
    let bytes = disk::read_beneath(folder, Path::new(name), Limit::SETTINGS)?;
    String::from_utf8(bytes.to_vec())
        .map_err(|error| Error::new(Kind::Failed, format!("`{name}` is not UTF-8")).because(error))
}
