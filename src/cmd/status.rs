//! `secrets status`

use serde_json::json;

use crate::base::Result;
use crate::base::printable;
use crate::resolve::Layer;
use crate::resolve::Source;

use super::change;
use super::context::Context;
use super::target::Target;
use super::target::TargetArguments;

/// Show project, environment, file, and whether an identity here opens it
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let target = Target::choose(context, &arguments.target)?;
    let layer = target.read()?;
    let mut report = Report::new(&target);
    if let Some(layer) = layer {
        report.describe(&layer);
        match change::open(context, layer) {
            Ok(_) => report.opens = Some(true),
            Err(error) if error.kind() == crate::base::Kind::Locked => {
                report.opens = Some(false);
                report.problem = Some(error.message().to_string());
            }
            Err(error) => return Err(error),
        }
    }
    if context.ui.is_json() { context.ui.json(&report.to_json()) } else { context.ui.data(report.to_text().as_bytes()) }
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
                let shown = printable(format!("{} {}", place.project, place.path).as_bytes());
                format!("version {}, for {shown}", seal.seq)
            }
        });
    }

    fn to_json(&self) -> serde_json::Value {
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
        })
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: &str| text.push_str(&format!("{name:<12} {value}\n"));
        if let (Some(project), Some(environment)) = (&self.project, &self.environment) {
            row("project", project);
            row("environment", environment);
        }
        let Some(names) = self.names else {
            row("file", &format!("{} (not there yet: `secrets set NAME` makes it)", self.file));
            return text;
        };
        row("file", &self.file);
        row("names", &names.to_string());
        row("readers", &self.readers.join(", "));
        let none = if self.environment.is_some() { "none: a plain sops file" } else { "none" };
        row("seal", self.seal.as_deref().unwrap_or(none));
        match (&self.opens, &self.problem) {
            (Some(true), _) if self.seal.is_some() => row("opens", "yes, and nothing was changed without the key"),
            (Some(true), _) => row("opens", "yes; without a seal names, comments and recipients are not proved"),
            (_, Some(problem)) => row("opens", &format!("no: {problem}")),
            _ => {}
        }
        if let Some(warning) = &self.warning {
            row("warning", warning);
        }
        text
    }
}
