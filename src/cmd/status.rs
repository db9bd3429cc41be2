//! `secrets status`

use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::quoted_list;
use crate::history::Repository;
use crate::keys::Tried;
use crate::project::trust::Verdict;
use crate::resolve::Layer;
use crate::resolve::Selected;
use crate::resolve::Source;
use crate::sops::SealedFile;
use crate::sops::key_of;
use crate::team::Site;

use super::change;
use super::context::Context;
use super::judge;
use super::past;
use super::target::Target;
use super::target::TargetArguments;
use super::transaction;

/// Show project, environment, file, whether an identity here opens it, and what is to be mended
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let target = Target::choose(context, &arguments.target)?;
    let mut report = Report::new(&target);
    match target.read() {
        Ok(Some(layer)) => describe(context, &target, layer, &mut report),
        Ok(None) => {}
        Err(error) => report.state = Some(state(context, &target, &error)),
    }
    report.identities = identities(context, &target);
    if let Some(selected) = target.selected() {
        report.add_trust(&selected)?;
        judge::remember(context, &selected);
    }
    if context.ui.is_json() { context.ui.json(&report.to_json()) } else { context.ui.lines(report.to_lines()) }
}

/// Lists the places that hold identities, each with the environments whose files it opens by their headers.
fn identities(context: &Context<'_>, target: &Target) -> Vec<(String, String)> {
    let mut keyring = context.keyring();
    keyring.look();
    let files: Vec<(String, Vec<String>)> = target.selected().map_or_else(Vec::new, |selected| {
        let keys = |site: &Site<'_>| SealedFile::parse(&site.read().ok()??).ok().map(|file| file.recipient_keys());
        let sites =
            selected.project.environments.iter().map(|environment| Site { project: selected.project, environment });
        sites.filter_map(|site| Some((site.environment.name.clone(), keys(&site)?))).collect()
    });
    let describe = |tried: Tried| {
        let own: Vec<String> = tried.recipients.iter().map(|label| key_of(label)).collect();
        let opens = files.iter().filter(|(_, keys)| keys.iter().any(|key| own.contains(key)));
        let opens: Vec<&str> = opens.map(|(name, _)| name.as_str()).collect();
        let mut notes: Vec<String> = tried.kept.map(str::to_string).into_iter().chain(tried.remarks).collect();
        if !own.is_empty() && target.selected().is_some() {
            let none = "opens no file of this project".to_string();
            notes.insert(0, if opens.is_empty() { none } else { format!("opens {}", opens.join(", ")) });
        }
        (tried.place, notes.join("; "))
    };
    keyring.tried().into_iter().map(describe).collect()
}

/// Tells what can be told of a file that was read: what it says without a key, then what the key proves.
fn describe(context: &Context<'_>, target: &Target, layer: Layer, report: &mut Report) {
    report.describe(&layer);
    let opened = match change::unlock(context, layer) {
        Ok(opened) => opened,
        Err(error) => {
            report.opens = Some(false);
            report.problem = Some(error.message().to_string());
            let is_ours_to_mend = report.seal.is_some() && !error.message().starts_with("no identity");
            report.state = is_ours_to_mend.then(|| state(context, target, &error));
            return;
        }
    };
    report.opens = Some(true);
    let Some(selected) = target.selected() else { return };
    let judged = target.read().and_then(|layer| match layer {
        Some(layer) => judge::check_unsealed(context, &selected, &layer),
        None => Ok(()),
    });
    let verdict = judged.and_then(|()| judge::accept(context, &selected, &selected.environment.name, &opened));
    match verdict {
        Ok(Verdict::Older { is_replaced_key, .. }) => report.state = Some(older(is_replaced_key)),
        Ok(Verdict::Sibling) => {
            report.state = Some("a version of another branch: this machine has seen its sibling".to_string());
        }
        Ok(_) => {}
        Err(error) => report.state = Some(state(context, target, &error)),
    }
}

fn older(is_replaced_key: bool) -> String {
    let mut text = "older than what this machine has seen elsewhere: another branch, or an old commit".to_string();
    if is_replaced_key {
        text.push_str("; from before a rekey: `secrets rekey` before anything is written to it");
    }
    text
}

/// One line: what is wrong with the file, and the command that mends it.
fn state(context: &Context<'_>, target: &Target, error: &Error) -> String {
    let message = error.message();
    let message = message.split_once("`: ").map_or(message, |(_, rest)| rest);
    if let Some(selected) = target.selected() {
        let git = Repository::of(context.world, &selected.project.folder);
        let path = &selected.environment.file;
        if git.as_ref().is_some_and(|git| matches!(git.conflict(path), Ok(Some(_)))) {
            return "waits for a merge: `secrets reseal` merges it by name".to_string();
        }
        let is_tampered = error.kind() != Kind::Refused;
        if is_tampered && git.as_ref().is_some_and(|git| matches!(git.last_merge(path), Ok(Some(_)))) {
            return format!("merged elsewhere, line by line ({message}): `secrets reseal` redoes the merge by name");
        }
        let site = Site { project: selected.project, environment: selected.environment };
        let last = git.as_ref().filter(|_| is_tampered).map(|git| past::last_sealed(context, git, &site));
        if let Some(Ok(Some((commit, _)))) = last {
            let short = commit.get(..12).unwrap_or(&commit);
            return format!("{message}; `git checkout {short} -- {path}` brings the last right version back");
        }
    }
    let mend = error.hints().first().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{message}{mend}")
}

#[derive(Default)]
struct Report {
    project: Option<String>,
    environment: Option<String>,
    file: String,
    names: Option<usize>,
    readers: Vec<String>,
    seal: Option<String>,
    warning: Option<String>,
    opens: Option<bool>,
    problem: Option<String>,
    /// `trusted` or `seen`; absent outside a project.
    trust: Option<&'static str>,
    /// What hooked shells get, where it is not everything.
    shell: Option<String>,
    /// What is to be mended, and how.
    state: Option<String>,
    /// What secrets.toml says that this machine has not accepted.
    changed: Vec<String>,
    /// The values that former members have seen and that still work: member, environment, names.
    rotate: Vec<(String, String, Vec<String>)>,
    /// A change of several files that was interrupted.
    waiting: Option<String>,
    /// The names of which this person keeps a value of his own.
    personal: Vec<String>,
    /// The identities of this machine: the place, and what it opens by the headers of the project's files.
    identities: Vec<(String, String)>,
}

impl Report {
    fn new(target: &Target) -> Self {
        let selected = target.selected();
        Self {
            project: selected.as_ref().map(|s| s.project.name.clone()),
            environment: selected.as_ref().map(|s| s.environment.name.clone()),
            file: target.shown(),
            ..Self::default()
        }
    }

    fn describe(&mut self, layer: &Layer) {
        self.names = Some(layer.names().len());
        self.readers.clone_from(&layer.readers);
        self.warning = layer.warning();
        let Source::Sealed { file, .. } = &layer.source else { return };
        self.seal = file.seal().map(|seal| {
            let place = &seal.place;
            if place.project.is_empty() {
                format!("version {}, outside any project", seal.seq)
            } else {
                format!("version {}, for {} {}", seal.seq, place.project, place.path)
            }
        });
    }

    fn add_trust(&mut self, selected: &Selected<'_>) -> Result<()> {
        let (project, trust) = (selected.project, selected.trust.borrow());
        let is_trusted = trust.is_trusted(project, selected.environment);
        self.trust = Some(if is_trusted { "trusted" } else { "seen" });
        self.shell = trust.shown_for_shells(project, &project.layers(selected.environment)?);
        self.changed = trust.differences(project).into_iter().map(|difference| difference.text).collect();
        for former in &project.former {
            for (environment, names) in &former.rotate {
                let names = names.iter().map(ToString::to_string).collect();
                self.rotate.push((former.name.clone(), environment.clone(), names));
            }
        }
        let personal = trust.personal(project, selected.environment);
        self.personal = personal.iter().map(ToString::to_string).collect();
        self.waiting = transaction::waiting(&trust)?.map(|unfinished| unfinished.what().to_string());
        Ok(())
    }

    fn to_json(&self) -> serde_json::Value {
        let rotate = self.rotate.iter();
        let rotate = rotate.map(
            |(member, environment, names)| json!({ "member": member, "environment": environment, "names": names }),
        );
        json!({
            "project": self.project,
            "environment": self.environment,
            "file": self.file,
            "names": self.names,
            "readers": self.readers,
            "seal": self.seal,
            "opens": self.opens,
            "problem": self.problem,
            "warning": self.warning,
            "trust": self.trust,
            "shell": self.shell,
            "state": self.state,
            "changed": self.changed,
            "rotate": rotate.collect::<Vec<_>>(),
            "interrupted": self.waiting,
            "personal": self.personal,
            "identities": self.identities.iter().map(|(place, note)| json!({ "place": place, "note": note })).collect::<Vec<_>>(),
        })
    }

    fn to_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut row = |name: &str, value: &str| lines.push(format!("{name:<12} {value}"));
        if let (Some(project), Some(environment)) = (&self.project, &self.environment) {
            row("project", project);
            row("environment", environment);
        }
        match (self.names, &self.state) {
            (Some(names), _) => {
                row("file", &self.file);
                row("names", &names.to_string());
                row("readers", &self.readers.join(", "));
                let none = if self.environment.is_some() { "none: a plain sops file" } else { "none" };
                row("seal", self.seal.as_deref().unwrap_or(none));
            }
            (None, Some(_)) => row("file", &self.file),
            (None, None) => row("file", &format!("{} (not there yet: `secrets set NAME` makes it)", self.file)),
        }
        match (&self.opens, &self.problem) {
            (Some(true), _) if self.seal.is_some() => row("opens", "yes, and nothing was changed without the key"),
            (Some(true), _) => row("opens", "yes; without a seal names, comments and recipients are not proved"),
            (_, Some(problem)) => row("opens", &format!("no: {problem}")),
            _ => {}
        }
        for (place, note) in &self.identities {
            row("identity", &if note.is_empty() { place.clone() } else { format!("{place}: {note}") });
        }
        match self.trust {
            Some("trusted") => row("trust", "accepted on this machine"),
            Some(_) => row("trust", "seen on this machine; `secrets allow` accepts it"),
            None => {}
        }
        let rows = [("shell", &self.shell), ("state", &self.state), ("warning", &self.warning)];
        for (name, value) in rows.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            row(name, value);
        }
        for change in &self.changed {
            row("changed", &format!("{change}; `secrets allow` accepts it"));
        }
        for (member, environment, names) in &self.rotate {
            row("rotate", &format!("{member} has seen {} of {environment}", quoted_list(names)));
        }
        if !self.personal.is_empty() {
            row("personal", &format!("{}, yours on this machine, laid over the file", self.personal.join(", ")));
        }
        if let Some(what) = &self.waiting {
            row("interrupted", &format!("`{what}`: `secrets rekey --resume` finishes it, `--abort` undoes it"));
        }
        lines
    }
}
