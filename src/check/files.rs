//! One file against what `secrets.toml` says of it.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::base::Kind;
use crate::base::Name;
use crate::base::Timestamp;
use crate::base::printable;
use crate::keys::Keyring;
use crate::project::Environment;
use crate::resolve::policy;
use crate::resolve::policy::Danger;
use crate::sops::Leniency;
use crate::sops::Seal;
use crate::sops::SealedFile;
use crate::sops::Selector;

use super::Content;
use super::Finding;
use super::Severity;

/// Checks everything that no key is needed for.
pub fn check(content: &Content<'_>, now: Timestamp) -> Vec<Finding> {
    let mut found = Findings { path: content.site.path(), list: Vec::new() };
    match &content.file {
        Ok(file) => {
            readers(content, file, now, &mut found);
            names(content, file, &mut found);
            seal(content, file, &mut found);
        }
        Err(error) => {
            let rule = error.broken_rule().map_or_else(String::new, |rule| format!(" ({rule})"));
            let hint = error.hints().first().cloned().unwrap_or_else(|| "`secrets status` says more".to_string());
            found.error("unreadable-file", None, format!("{}{rule}", error.message()), hint);
        }
    }
    found.list
}

struct Findings {
    path: String,
    list: Vec<Finding>,
}

impl Findings {
    fn error(&mut self, id: &'static str, line: Option<usize>, message: String, hint: impl Into<String>) {
        self.push(id, Severity::Error, line, message, hint.into());
    }

    fn warning(&mut self, id: &'static str, line: Option<usize>, message: String, hint: impl Into<String>) {
        self.push(id, Severity::Warning, line, message, hint.into());
    }

    fn push(&mut self, id: &'static str, severity: Severity, line: Option<usize>, message: String, hint: String) {
        self.list.push(Finding { id, severity, file: self.path.clone(), line, message, hint });
    }
}

/// Who is in the header, and who should be.
fn readers(content: &Content<'_>, file: &SealedFile, now: Timestamp, found: &mut Findings) {
    let (project, environment) = (content.site.project, content.site.environment);
    let mut owners: HashMap<String, &str> = HashMap::new();
    for member in &project.members {
        owners.extend(member.recipients.iter().map(|recipient| (recipient.key_text(), member.name.as_str())));
    }
    let due: HashMap<String, &str> = project
        .readers(environment)
        .filter(|member| member.is_current(now))
        .flat_map(|member| member.recipients.iter().map(|r| (r.key_text(), member.name.as_str())))
        .collect();
    let expired: HashSet<&str> =
        project.members.iter().filter(|member| !member.is_current(now)).map(|member| member.name.as_str()).collect();
    let keys = file.recipient_keys();
    for (label, key) in file.recipients().iter().zip(&keys) {
        match owners.get(key) {
            None => found.error(
                "unknown-recipient",
                None,
                format!(
                    "{} can open it, and secrets.toml does not name that recipient",
                    printable(project.who(&[label]).join("").as_bytes())
                ),
                "`secrets rekey` locks him out",
            ),
            Some(owner) if expired.contains(owner) => {
                found.error(
                    "expired-member",
                    None,
                    format!("{owner} can open it, and `until` is past"),
                    "`secrets rekey` locks him out",
                );
            }
            Some(owner) if !due.contains_key(key) => {
                found.error(
                    "stale-recipient",
                    None,
                    format!("{owner} can open it, and is no reader"),
                    "`secrets rekey` locks him out",
                );
            }
            Some(_) => {}
        }
    }
    missing(&due, &keys, found);
    for defect in file.wrap_defects() {
        found.error("wrap-form", None, defect, "`secrets rekey` makes all wraps anew");
    }
}

/// Readers of whom a recipient is not in the file; `due` has the owner of each key.
fn missing(due: &HashMap<String, &str>, keys: &[String], found: &mut Findings) {
    let mut names: Vec<&str> = due.iter().filter(|(key, _)| !keys.contains(key)).map(|(_, name)| *name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let message = format!("{name} is a reader, and a recipient of his is not in it");
        found.error("missing-recipient", None, message, "`secrets rekey`, by somebody who reads it");
    }
}

/// What stands in clear, and the names that are not like any other.
fn names(content: &Content<'_>, file: &SealedFile, found: &mut Findings) {
    let environment = content.site.environment;
    let written = file.metadata().selector.written();
    let is_wanted = Selector::for_plain(&environment.plain).is_ok_and(|wanted| wanted.written() == written);
    if !is_wanted && file.seal().is_some() {
        let hint = "the next `secrets set` or `secrets reseal` takes `plain` over";
        found.error("selector-drift", None, "its selector is not what `plain` says".into(), hint);
    }
    for (line, name, text) in file.numbered_lines() {
        value(environment, line, &printable(name), text, found);
        if let Ok(name) = Name::parse(name) {
            odd_name(content, line, &name, found);
        }
    }
    let clear = file.clear_comment_lines();
    if let Some(first) = clear.first().filter(|_| file.seal().is_some()) {
        let message = format!("{} comments stand in clear", clear.len());
        found.warning("clear-comment", Some(*first), message, "`secrets edit` and a save encrypts them");
    }
}

fn value(environment: &Environment, line: usize, name: &str, text: &[u8], found: &mut Findings) {
    let is_plain = environment.plain.iter().any(|pattern| pattern.matches(name));
    if text.is_empty() {
        let hint = format!("`secrets set {name}`, or `secrets unset {name}`");
        found.warning("empty-value", Some(line), format!("`{name}` is empty"), hint);
    } else if !SealedFile::is_encrypted(text) && !is_plain {
        let hint = format!("name it in `plain` if it is no secret, else give it a new value: `secrets set {name}`");
        found.error("clear-value", Some(line), format!("`{name}` stands in clear"), hint);
    }
}

fn odd_name(content: &Content<'_>, line: usize, name: &Name, found: &mut Findings) {
    let (project, environment) = (content.site.project, content.site.environment);
    match policy::danger(name.as_str()) {
        Some(Danger::Never) => {
            let message = format!("`run` refuses `{name}`: it could take over the loader or the shell");
            found.error("code-name", Some(line), message, format!("`secrets unset {name}`"));
        }
        Some(Danger::Declared) if !project.value(name).runs_code => {
            let message = format!("`{name}` can make programs run code, and is not declared");
            let hint = format!("if the project needs it, write into secrets.toml: [values.{name}] runs_code = true");
            found.error("code-name", Some(line), message, hint);
        }
        Some(Danger::Warn) => {
            let message = format!("`{name}` steers where programs talk");
            found.warning("warn-name", Some(line), message, "have a look at its value");
        }
        Some(Danger::Declared) | None => {}
    }
    if environment.references.iter().any(|reference| reference.name == *name) {
        let message = format!("`{name}` stands in the file and among the references");
        let hint =
            format!("remove one: `secrets unset {name}`, or the line in [environments.{}.from]", environment.name);
        found.error("file-and-reference", Some(line), message, hint);
    }
}

fn seal(content: &Content<'_>, file: &SealedFile, found: &mut Findings) {
    match Seal::claimed(&content.bytes) {
        None => found.warning(
            "unsealed-file",
            None,
            "it has no seal: names, comments and recipients are not proved".into(),
            "`secrets reseal`, if the whole team has this tool",
        ),
        Some(_) => {
            let place = content.site.project.place_of(content.site.environment);
            if let Err(error) = file.check_place(&place) {
                found.error(
                    "wrong-place",
                    None,
                    error.message().to_string(),
                    "`secrets reseal`, if the file was moved on purpose",
                );
            }
        }
    }
}

/// Opens a file with the identities that are there; one that none of them opens is no finding.
pub fn open(content: &Content<'_>, keyring: &mut Keyring) -> Option<Finding> {
    let (file, _) = SealedFile::read(&content.bytes, Leniency::None, None).ok()?;
    let key = keyring.open(&file, "", &[]).ok()?;
    let error = file.open(key).err()?;
    let is_broken = error.kind() == Kind::Locked;
    is_broken.then(|| Finding {
        id: "broken-seal",
        severity: Severity::Error,
        file: content.site.path(),
        line: None,
        message: error.message().to_string(),
        hint: "`secrets status` says what happened and how to mend it".to_string(),
    })
}
