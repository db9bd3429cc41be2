//! Moving over from sops: environments, readers and plain names from the files that are there. None of them is changed.

use std::collections::BTreeMap;
use std::path::Path;

use ignore::WalkBuilder;

use crate::base::Ask as _;
use crate::base::Error;
use crate::base::Kind;
use crate::base::Pattern;
use crate::base::Result;
use crate::base::quoted_list;
use crate::cmd::context::Context;
use crate::disk;
use crate::disk::Limit;
use crate::sops::Leniency;
use crate::sops::Recipient;
use crate::sops::SealedFile;
use crate::sops::is_sealed_file;
use crate::sops::short;
use crate::term::Terminal;

use super::Arguments;
use super::word;

/// Environments whose file a person has at hand come first: the first one is the default.
const USUAL_DEFAULTS: [&str; 4] = ["development", "dev", "local", "default"];
/// Stems that say nothing; the folder's name does then.
const SAYS_NOTHING: [&str; 5] = ["", "env", "secrets", "sops", "enc"];

/// What was derived of one file.
struct Found {
    environment: String,
    /// The path below the project's folder.
    path: String,
    /// The recipients' labels.
    recipients: Vec<String>,
    plain: Vec<String>,
}

/// Everything that was derived.
pub struct Derived {
    files: Vec<Found>,
    /// Each recipient's member, by the key that it is compared by; and the label.
    members: BTreeMap<String, (String, String)>,
}

/// Looks for sops' dotenv files; `None` if there is none, or the person does not want them.
///
/// # Errors
/// `Kind::Refused` (rule `foreign-key`) if all of them have keys that age does not open.
pub fn derive(context: &Context<'_>, arguments: &Arguments, folder: &Path, login: &str) -> Result<Option<Derived>> {
    let (files, foreign) = find(context, folder)?;
    if files.is_empty() {
        return foreign.map_or(Ok(None), Err);
    }
    if let Some(error) = foreign {
        context.ui.warn(format!("left out: {}", error.message()));
    }
    let derived = Derived { members: members(context, &files, login), files };
    derived.show(context);
    let mut terminal = Terminal;
    let question = format!("Make {} the environments of this project?", quoted_list(&derived.environments()));
    if arguments.yes || terminal.is_there() && terminal.confirm(&question, true)? {
        return Ok(Some(derived));
    }
    context.ui.hint("`secrets init --yes` takes them as they are");
    Ok(None)
}

fn find(context: &Context<'_>, folder: &Path) -> Result<(Vec<Found>, Option<Error>)> {
    let mut files = Vec::new();
    let mut foreign = None;
    let mut walk = WalkBuilder::new(folder);
    walk.hidden(false).require_git(false).filter_entry(|entry| entry.file_name() != ".git");
    for entry in walk.build().flatten() {
        let name = entry.file_name().to_string_lossy();
        let below = entry.path().strip_prefix(folder).ok().and_then(Path::to_str).map(str::to_string);
        let is_candidate = name.contains("env") && !name.ends_with(".json") && !name.ends_with(".yaml");
        let Some(path) = below.filter(|_| is_candidate) else { continue };
        let Ok(bytes) = disk::read_beneath(folder, Path::new(&path), Limit::SEALED_FILE) else { continue };
        if !is_sealed_file(&bytes) {
            continue;
        }
        match SealedFile::read(&bytes, Leniency::None, None) {
            Ok((file, notes)) => files.push(Found {
                environment: environment_name(&path),
                recipients: file.recipients().into_iter().map(str::to_string).collect(),
                plain: plain(&file, &notes.clear),
                path,
            }),
            Err(error) if error.broken_rule() == Some("foreign-key") => {
                foreign = Some(error.in_file(&path));
            }
            Err(error) => context.ui.warn(format!("left out: `{path}`: {}", error.message())),
        }
    }
    files.sort_by(|a, b| {
        let rank =
            |found: &Found| USUAL_DEFAULTS.iter().position(|usual| *usual == found.environment).unwrap_or(usize::MAX);
        (rank(a), &a.path).cmp(&(rank(b), &b.path))
    });
    make_unique(&mut files);
    Ok((files, foreign))
}

/// `secrets/production.env`, `.env.production` and `deploy/production/secrets.env` are all of `production`.
fn environment_name(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.trim_start_matches('.');
    let parts: Vec<&str> = stem.split('.').filter(|part| !SAYS_NOTHING.contains(part)).collect();
    let said = parts.join("-");
    let folder = folder.rsplit('/').next().unwrap_or_default();
    let name = if said.is_empty() && !SAYS_NOTHING.contains(&folder) { folder.to_string() } else { said };
    word(name.as_ref(), "development")
}

fn make_unique(files: &mut [Found]) {
    for index in 1..files.len() {
        let mut number = 1;
        let name = files[index].environment.clone();
        while files[..index].iter().any(|earlier| earlier.environment == files[index].environment) {
            number += 1;
            files[index].environment = format!("{name}-{number}");
        }
    }
}

/// Returns the names that stand in clear, and the pattern of a suffix that keeps names clear.
fn plain(file: &SealedFile, clear: &[String]) -> Vec<String> {
    let mut plain: Vec<String> = Vec::new();
    if let Some((name, suffix)) = file.metadata().selector.written()
        && name == "unencrypted_suffix"
        && let Ok(suffix) = std::str::from_utf8(suffix)
        && Pattern::parse(suffix).is_ok()
    {
        plain.push(format!("*{suffix}"));
    }
    let is_covered =
        |name: &&String| plain.iter().any(|pattern| Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches(name)));
    let alone: Vec<String> = clear.iter().filter(|name| !is_covered(name)).cloned().collect();
    plain.extend(alone);
    plain
}

/// Gives each recipient a member: the own login, the name in an SSH key's comment, or a number.
fn members(context: &Context<'_>, files: &[Found], login: &str) -> BTreeMap<String, (String, String)> {
    let own: Vec<String> =
        context.keyring().recipients().unwrap_or_default().iter().map(|label| crate::sops::key_of(label)).collect();
    let mut members: BTreeMap<String, (String, String)> = BTreeMap::new();
    let labels = files.iter().flat_map(|found| &found.recipients);
    for label in labels {
        let key = crate::sops::key_of(label);
        if members.contains_key(&key) || Recipient::parse(label).is_err() {
            continue;
        }
        let is_taken = |name: &str| members.values().any(|(taken, _)| taken == name);
        let wanted =
            if own.contains(&key) { login.to_string() } else { ssh_comment(label).unwrap_or("reader".to_string()) };
        let wanted = word(wanted.as_ref(), "reader");
        let name = (1..).map(|number| match (number, wanted.as_str()) {
            (1, name) if name != "reader" => name.to_string(),
            (number, name) => format!("{name}-{number}"),
        });
        let name = name.into_iter().find(|name| !is_taken(name)).unwrap_or(wanted);
        members.insert(key, (name, label.clone()));
    }
    members
}

/// Returns the person whom the comment of an SSH key names, as a word.
fn ssh_comment(label: &str) -> Option<String> {
    let comment = label.strip_prefix("ssh-")?.splitn(3, ' ').nth(2)?;
    Some(word(comment.split('@').next().unwrap_or_default().as_ref(), "reader"))
}

impl Derived {
    fn environments(&self) -> Vec<&str> {
        self.files.iter().map(|found| found.environment.as_str()).collect()
    }

    fn readers(&self, found: &Found) -> Vec<&str> {
        let owner = |label: &String| self.members.get(&crate::sops::key_of(label)).map(|(name, _)| name.as_str());
        let mut readers: Vec<&str> = found.recipients.iter().filter_map(owner).collect();
        readers.dedup();
        readers
    }

    fn show(&self, context: &Context<'_>) {
        for found in &self.files {
            let readers = self.readers(found).join(", ");
            let plain =
                if found.plain.is_empty() { String::new() } else { format!("; in clear: {}", found.plain.join(", ")) };
            context.ui.done(format!("`{}` is `{}`, read by {readers}{plain}", found.path, found.environment));
        }
        let is_from_comment = |(name, label): &&(String, String)| ssh_comment(label).is_some_and(|word| word == *name);
        let named: Vec<&String> = self.members.values().filter(is_from_comment).map(|(name, _)| name).collect();
        if !named.is_empty() {
            let names = quoted_list(&named);
            context.ui.hint(format!("{names}: so the comments of SSH keys say, and anybody can write one; look at it"));
        }
        for (name, label) in self.members.values().filter(|(name, _)| name.starts_with("reader-")) {
            context
                .ui
                .hint(format!("whose is {}? secrets.toml calls that member `{name}`: rename it there", short(label)));
        }
    }

    /// Renders the `secrets.toml`.
    ///
    /// # Errors
    /// `Kind::Failed` if there is nobody who reads.
    pub fn settings(&self, project: &str) -> Result<String> {
        if self.members.is_empty() {
            return Err(Error::new(Kind::Failed, "no file has a recipient that can be one here"));
        }
        let quote = |text: &str| toml_edit::Value::from(text).to_string();
        let list = |texts: &[&str]| texts.iter().map(|text| quote(text)).collect::<Vec<_>>().join(", ");
        let mut text = format!("version = 1\nproject = \"{project}\"\n");
        let mut members: Vec<&(String, String)> = self.members.values().collect();
        members.sort();
        for (name, label) in members {
            text.push_str(&format!("\n[members.{name}]\nrecipients = [{}]\n", quote(label)));
        }
        for found in &self.files {
            text.push_str(&format!("\n[environments.{}]\n", found.environment));
            if found.path != format!("secrets/{}.env", found.environment) {
                text.push_str(&format!("file = {}\n", quote(&found.path)));
            }
            text.push_str(&format!("readers = [{}]\n", list(&self.readers(found))));
            if !found.plain.is_empty() {
                let plain: Vec<&str> = found.plain.iter().map(String::as_str).collect();
                text.push_str(&format!("plain = [{}]\n", list(&plain)));
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_names_the_environment() {
        for (path, want) in [
            ("secrets/production.env", "production"),
            (".env.staging", "staging"),
            ("prod.enc.env", "prod"),
            ("deploy/production/secrets.env", "production"),
            (".env", "development"),
            ("secrets/.env", "development"),
            ("app.prod.env", "app-prod"),
        ] {
            assert_eq!(environment_name(path), want, "{path}");
        }
    }
}
