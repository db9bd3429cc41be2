//! The plan: one row per name, where it comes from, and what it lays over. No key, no network.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Pattern;
use crate::base::Result;
use crate::base::quoted_list;
use crate::project::Environment;
use crate::project::Project;
use crate::project::Trust;

use super::layer::Layer;
use super::layer::Source;
use super::policy;
use super::stored::Stored;

/// What was asked for; nothing after this sees a flag.
#[derive(Default)]
pub struct Request {
    /// A sealed file instead of the project's environment.
    pub file: Option<PathBuf>,
    /// Plain files below everything else, lowest first.
    pub env_files: Vec<PathBuf>,
    /// Names to take; all of them if there is no pattern.
    pub only: Vec<Pattern>,
    /// Names to leave out.
    pub except: Vec<Pattern>,
    /// Names that the caller's environment satisfies: not taken, not opened.
    pub satisfied: Vec<String>,
}

/// The environment that was chosen.
pub struct Selected<'a> {
    /// Its project.
    pub project: &'a Project,
    /// The environment.
    pub environment: &'a Environment,
    /// What this machine knows of the project.
    pub trust: &'a RefCell<Trust>,
}

/// What the program will get, still closed.
pub struct Plan {
    /// The files, lowest first.
    pub layers: Vec<Layer>,
    /// One row per name that is taken, in the order in which the names first stand.
    pub rows: Vec<Row>,
    /// Names that are declared and not taken; the program does not get the caller's either.
    pub left_out: Vec<Name>,
    /// Names that are declared and that the caller's environment satisfies.
    pub preserved: Vec<Name>,
}

/// One name of the plan.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name.
    pub name: Name,
    /// The layer that gives the value, as an index.
    pub layer: usize,
    /// The position of the name among those of its layer.
    pub position: usize,
}

/// Makes the plan: reads the files, lays them over each other, and selects.
///
/// # Errors
/// As [`Layer::of`]; `Kind::Failed` for a pattern that fits no name, and for a name that stands both in a file and among
/// the references of its environment.
pub fn plan(request: &Request, selected: Option<&Selected<'_>>) -> Result<Plan> {
    let layers = layers(request, selected)?;
    let (rows, left_out, preserved) = select(request, &layers)?;
    Ok(Plan { layers, rows, left_out, preserved })
}

impl Plan {
    /// Refuses what must not, or cannot, become the environment of a program.
    ///
    /// # Errors
    /// `Kind::Failed` for required names that no layer has; `Kind::Refused` for names that run code ([`policy`]) and for
    /// references that this build cannot follow.
    pub fn check(&self, request: &Request, selected: Option<&Selected<'_>>) -> Result<()> {
        if let Some(selected) = selected {
            self.check_required(request, selected)?;
        }
        self.stored().try_for_each(|stored| stored.check())?;
        policy::check(self, selected)
    }

    /// Checks that every name that secrets.toml requires is there.
    ///
    /// # Errors
    /// `Kind::Failed` with the names that are missing.
    pub fn check_required(&self, request: &Request, selected: &Selected<'_>) -> Result<()> {
        let has = |name: &Name| self.rows.iter().any(|row| row.name == *name);
        let missing: Vec<&str> =
            selected.project.required().filter(|name| request.wants(name) && !has(name)).map(Name::as_str).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let environment = &selected.environment.name;
        let mut error = Error::new(
            Kind::Failed,
            format!("`{environment}` has no value for {}, which secrets.toml requires", quoted_list(&missing)),
        );
        for name in missing.iter().take(10) {
            error = error.hint(format!("`secrets set {name} --env {environment}`"));
        }
        Err(error)
    }

    /// Returns what is to be had from stores.
    pub fn stored(&self) -> impl Iterator<Item = &Stored> {
        self.rows.iter().filter_map(|row| match &self.layers[row.layer].source {
            Source::Stored(stored) => stored.get(row.position),
            Source::Plain(_) | Source::Sealed { .. } => None,
        })
    }
}

fn layers(request: &Request, selected: Option<&Selected<'_>>) -> Result<Vec<Layer>> {
    let mut layers = request.env_files.iter().map(|path| Layer::plain(path)).collect::<Result<Vec<_>>>()?;
    if let Some(path) = &request.file {
        layers.push(Layer::undeclared(path)?);
    } else if let Some(Selected { project, environment, trust }) = selected {
        for layer in project.layers(environment)? {
            let references = Layer::references(project, layer);
            let file = Layer::of_any(project, layer, &trust.borrow())?;
            check_double(file.as_ref(), references.as_ref(), &layer.name)?;
            layers.extend(file);
            layers.extend(references);
        }
        // Of the chosen environment alone: a value that somebody keeps for development has no place in what extends it.
        layers.extend(Layer::personal(project, environment, &trust.borrow()));
    }
    Ok(layers)
}

fn check_double(file: Option<&Layer>, references: Option<&Layer>, environment: &str) -> Result<()> {
    let (Some(file), Some(references)) = (file, references) else { return Ok(()) };
    let in_file = file.names();
    let Some(name) = references.names().into_iter().find(|name| in_file.contains(name)) else { return Ok(()) };
    Err(Error::new(
        Kind::Failed,
        format!("`{name}` stands in `{}` and among the references of `{environment}`", file.shown),
    )
    .hint(format!("`secrets unset {name} --env {environment}`, or take the reference out of secrets.toml")))
}

type Selection = (Vec<Row>, Vec<Name>, Vec<Name>);

fn select(request: &Request, layers: &[Layer]) -> Result<Selection> {
    let mut order: Vec<&str> = Vec::new();
    let names: Vec<Vec<&str>> = layers.iter().map(Layer::names).collect();
    let mut origin: HashMap<&str, (usize, usize)> = HashMap::with_capacity(names.iter().map(Vec::len).sum());
    for (layer, names) in names.iter().enumerate() {
        for (position, name) in names.iter().enumerate() {
            if origin.insert(name, (layer, position)).is_none() {
                order.push(name);
            }
        }
    }
    for pattern in request.only.iter().chain(&request.except) {
        if !order.iter().any(|name| pattern.matches(name)) {
            return Err(
                Error::new(Kind::Failed, format!("no name fits `{pattern}`")).hint("`secrets list` shows the names")
            );
        }
    }
    let mut rows = Vec::with_capacity(order.len());
    let mut left_out = Vec::new();
    let is_satisfied = |text: &str| request.satisfied.iter().any(|name| name == text);
    let mut preserved = Vec::new();
    for text in order {
        let name = super::layer::legal(text.as_bytes())?;
        if is_satisfied(text) {
            preserved.push(name);
        } else if request.takes(text) {
            let (layer, position) = origin[text];
            rows.push(Row { name, layer, position });
        } else {
            left_out.push(name);
        }
    }
    Ok((rows, left_out, preserved))
}

impl Request {
    fn takes(&self, name: &str) -> bool {
        let named = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        (self.only.is_empty() || named(&self.only)) && !named(&self.except)
    }

    fn wants(&self, name: &Name) -> bool {
        self.takes(name.as_str()) && !self.satisfied.iter().any(|satisfied| satisfied == name.as_str())
    }
}
