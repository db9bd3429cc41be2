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
use super::policy;

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
/// As [`Layer::of`]; `Kind::Failed` for a pattern that fits no name; `Kind::Refused` for references, which this version
/// does not fetch.
pub fn plan(request: &Request, selected: Option<&Selected<'_>>) -> Result<Plan> {
    let layers = layers(request, selected)?;
    let references = references(selected)?;
    let (rows, left_out, preserved) = select(request, &layers, &references)?;
    if let Some(selected) = selected {
        check_references(request, selected)?;
    }
    Ok(Plan { layers, rows, left_out, preserved })
}

impl Plan {
    /// Refuses what must not, or cannot, become the environment of a program.
    ///
    /// # Errors
    /// `Kind::Failed` for required names that no layer has; `Kind::Refused` for names that run code ([`policy`]).
    pub fn check(&self, request: &Request, selected: Option<&Selected<'_>>) -> Result<()> {
        if let Some(selected) = selected {
            check_required(request, selected, self)?;
        }
        policy::check(self, selected)
    }
}

fn layers(request: &Request, selected: Option<&Selected<'_>>) -> Result<Vec<Layer>> {
    let mut layers = request.env_files.iter().map(|path| Layer::plain(path)).collect::<Result<Vec<_>>>()?;
    if let Some(path) = &request.file {
        layers.push(Layer::undeclared(path)?);
    } else if let Some(Selected { project, environment, .. }) = selected {
        for environment in project.layers(environment)? {
            layers.push(Layer::of(project, environment)?);
        }
    }
    Ok(layers)
}

fn references<'a>(selected: Option<&Selected<'a>>) -> Result<Vec<&'a Name>> {
    let Some(selected) = selected else { return Ok(Vec::new()) };
    let layers = selected.project.layers(selected.environment)?;
    Ok(layers.into_iter().flat_map(|layer| &layer.references).map(|reference| &reference.name).collect())
}

type Selection = (Vec<Row>, Vec<Name>, Vec<Name>);

fn select(request: &Request, layers: &[Layer], references: &[&Name]) -> Result<Selection> {
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
        let mut known = order.iter().copied().chain(references.iter().map(|name| name.as_str()));
        if !known.any(|name| pattern.matches(name)) {
            return Err(
                Error::new(Kind::Failed, format!("no name fits `{pattern}`")).hint("`secrets list` shows the names")
            );
        }
    }
    let mut rows = Vec::with_capacity(order.len());
    let mut left_out = Vec::new();
    let is_satisfied = |text: &str| request.satisfied.iter().any(|name| name == text);
    let of_a_store = references.iter().filter(|name| is_satisfied(name.as_str()));
    let mut preserved: Vec<Name> = of_a_store.map(|name| (*name).clone()).collect();
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

/// References are fetched by a later stage; until then a program does not start without them.
fn check_references(request: &Request, selected: &Selected<'_>) -> Result<()> {
    let references = references(Some(selected))?;
    let wanted: Vec<&str> = references.into_iter().filter(|name| request.wants(name)).map(Name::as_str).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::Refused, format!("{} is a reference to a store", quoted_list(&wanted)))
        .because("this version does not fetch references")
        .hint("leave it out with `--except`, or give it in the environment with `--preserve-env`"))
}

fn check_required(request: &Request, selected: &Selected<'_>, plan: &Plan) -> Result<()> {
    let has = |name: &Name| plan.rows.iter().any(|row| row.name == *name);
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
