//! From the plan to the values: each sealed file that a row needs is opened and verified whole.

use std::collections::HashMap;

use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::keys::Keyring;

use super::layer::Source;
use super::layer::in_file;
use super::plan::Plan;

/// Returns names and values in the plan's order. The identity is asked for only if a row needs it.
///
/// # Errors
/// As [`Keyring::open`] and [`crate::sops::SealedFile::open`]: `Kind::Locked`.
pub fn fill(plan: Plan, keyring: &mut Keyring) -> Result<Vec<(Name, Value)>> {
    let mut wanted: Vec<HashMap<Name, usize>> = plan.layers.iter().map(|_| HashMap::new()).collect();
    let mut values: Vec<Option<(Name, Value)>> = Vec::with_capacity(plan.rows.len());
    for (index, row) in plan.rows.into_iter().enumerate() {
        wanted[row.layer].insert(row.name, index);
        values.push(None);
    }
    for (layer, mut wanted) in plan.layers.into_iter().zip(wanted) {
        if wanted.is_empty() {
            continue;
        }
        let mut keep = |name: &str, value: Value| {
            if let Some((name, index)) = wanted.remove_entry(name) {
                values[index] = Some((name, value));
            }
        };
        match layer.source {
            Source::Plain(document) => {
                document.into_entries().for_each(|entry| keep(entry.name.as_str(), entry.value));
            }
            Source::Sealed { file, .. } => {
                let key = keyring.open(&file, &layer.shown, &layer.readers)?;
                let opened = file.open(key).map_err(|error| in_file(&layer.shown, error))?;
                opened
                    .into_entries()
                    .for_each(|(name, value)| keep(std::str::from_utf8(&name).unwrap_or_default(), value));
            }
        }
    }
    Ok(values.into_iter().flatten().collect())
}
