//! From the plan to the values: each sealed file that a row needs is opened and verified whole.

use std::collections::HashSet;

use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::keys::Keyring;
use crate::sops::Opened;

use super::layer::Layer;
use super::layer::Source;
use super::plan::Plan;
use super::stored;
use super::stored::Stored;

/// Decides over a file that was opened: its environment's name, and what it holds.
pub type Judge<'a> = dyn FnMut(&str, &Opened) -> Result<()> + 'a;

/// A plan whose files were opened; what lies in stores is still there.
pub struct Filling {
    names: Vec<Name>,
    values: Vec<Option<Value>>,
    /// The place of each value that a store has.
    of_stores: Vec<(usize, Stored)>,
}

/// What a program gets.
pub struct Filled {
    /// Names and values, in the plan's order.
    pub values: Vec<(Name, Value)>,
    /// Names that have no value and may have none.
    pub absent: Vec<Name>,
}

/// Opens the files of a plan; `judge` sees every declared file before anything of it is taken. No store is asked before all of
/// them are what they claim to be.
///
/// # Errors
/// As [`Keyring::open`] and [`crate::sops::SealedFile::open`]: `Kind::Locked`; whatever `judge` returns.
pub fn open(plan: Plan, keyring: &mut Keyring, judge: &mut Judge<'_>) -> Result<Filling> {
    plan.stored().try_for_each(Stored::check)?;
    let mut wanted: Vec<Vec<Option<usize>>> = plan.layers.iter().map(|layer| vec![None; layer.len()]).collect();
    let mut names = Vec::with_capacity(plan.rows.len());
    for (index, row) in plan.rows.into_iter().enumerate() {
        wanted[row.layer][row.position] = Some(index);
        names.push(row.name);
    }
    let preserved: HashSet<Name> = plan.preserved.into_iter().collect();
    let mut values: Vec<Option<Value>> = names.iter().map(|_| None).collect();
    let mut of_stores: Vec<(usize, Stored)> = Vec::new();
    for (layer, wanted) in plan.layers.into_iter().zip(wanted) {
        if wanted.iter().all(Option::is_none) && is_needless(&layer, &preserved) {
            continue;
        }
        let mut keep = |(position, value): (usize, Value)| {
            if let Some(index) = wanted[position] {
                values[index] = Some(value);
            }
        };
        match layer.source {
            Source::Plain(document) => {
                document.into_entries().map(|entry| entry.value).enumerate().for_each(&mut keep);
            }
            Source::Sealed { file, .. } => {
                let key = keyring.open(&file, &layer.shown, &layer.readers)?;
                let opened = file.open(key).map_err(|error| error.in_file(&layer.shown))?;
                if let Some(environment) = &layer.environment {
                    judge(environment, &opened).map_err(|error| error.in_file(&layer.shown))?;
                }
                opened.into_values().enumerate().for_each(&mut keep);
            }
            Source::Stored(stored) => {
                of_stores.extend(wanted.into_iter().zip(stored).filter_map(|(index, stored)| Some((index?, stored))));
            }
        }
    }
    Ok(Filling { names, values, of_stores })
}

impl Filling {
    /// Reads what lies in stores.
    ///
    /// # Errors
    /// As [`stored::read`].
    pub fn fetch(mut self) -> Result<Filled> {
        let references: Vec<&Stored> = self.of_stores.iter().map(|(_, stored)| stored).collect();
        for (at, value) in stored::read(&references)? {
            self.values[self.of_stores[at].0] = Some(value);
        }
        let mut filled = Filled { values: Vec::with_capacity(self.names.len()), absent: Vec::new() };
        for (name, value) in self.names.into_iter().zip(self.values) {
            match value {
                Some(value) => filled.values.push((name, value)),
                None => filled.absent.push(name),
            }
        }
        Ok(filled)
    }
}

/// A sealed file is verified even if no row needs it, since its missing names are what somebody could have removed; unless
/// the caller's environment has every name that it could give.
fn is_needless(layer: &Layer, preserved: &HashSet<Name>) -> bool {
    let is_preserved = |name: &&str| preserved.contains(*name);
    match &layer.source {
        Source::Plain(_) | Source::Stored(_) => true,
        Source::Sealed { .. } => !layer.is_empty() && layer.names().iter().all(is_preserved),
    }
}
