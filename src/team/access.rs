//! Who can open what: from the files' real headers, and not from the configuration.

use std::collections::BTreeMap;
use std::collections::HashMap;

use crate::base::Timestamp;
use crate::project::MemberKind;
use crate::project::Project;
use crate::sops::Recipient;
use crate::sops::key_of;
use crate::sops::short;

/// What one reader is to one file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cell {
    /// Neither configured nor in the file.
    No,
    /// Configured and in the file.
    Yes,
    /// Configured, but not in the file.
    Missing,
    /// In the file, but not configured: removed from the readers, or never there.
    Extra,
}

/// One reader and what he is to each file.
#[derive(Clone, Debug)]
pub struct Row {
    /// The member's name, or the first characters of a recipient that no secrets.toml names.
    pub name: String,
    /// `member`, `machine`, `former` or `unknown`.
    pub kind: &'static str,
    /// One cell for each column.
    pub cells: Vec<Cell>,
}

/// Readers by files.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// The environments' names, with the service before them where there are several.
    pub columns: Vec<String>,
    /// Whether each column's file has a seal: without one a label is a claim.
    pub is_sealed: Vec<bool>,
    /// Members in the order of secrets.toml, then everybody else.
    pub rows: Vec<Row>,
}

/// One file's column: its label, whether it has a seal, the labels of its recipients, and who is to read it.
pub struct Column {
    pub label: String,
    pub is_sealed: bool,
    pub recipients: Vec<String>,
    pub configured: Vec<String>,
}

impl Matrix {
    /// Puts the columns together. A member is in a file if the file has all recipients of the member.
    pub fn of(project: &Project, columns: &[Column], now: Timestamp) -> Self {
        let mut owners: HashMap<String, &str> = HashMap::new();
        for member in &project.members {
            owners.extend(member.recipients.iter().map(|r| (r.key_text(), member.name.as_str())));
        }
        let mut former: HashMap<&str, &str> = HashMap::new();
        for gone in &project.former {
            former.extend(gone.keys.iter().map(|key| (key.as_str(), gone.name.as_str())));
        }
        let keys: Vec<Vec<String>> =
            columns.iter().map(|column| column.recipients.iter().map(|l| key_of(l)).collect()).collect();
        let mut matrix = Self {
            columns: columns.iter().map(|column| column.label.clone()).collect(),
            is_sealed: columns.iter().map(|column| column.is_sealed).collect(),
            rows: Vec::new(),
        };
        for member in &project.members {
            let own: Vec<String> = member.recipients.iter().map(Recipient::key_text).collect();
            let cells = columns.iter().zip(&keys).map(|(column, keys)| {
                let is_configured = member.is_current(now) && column.configured.contains(&member.name);
                let (has_all, has_any) = (own.iter().all(|k| keys.contains(k)), own.iter().any(|k| keys.contains(k)));
                match (is_configured, has_all && !own.is_empty(), has_any) {
                    (true, true, _) => Cell::Yes,
                    (true, false, _) => Cell::Missing,
                    (false, _, true) => Cell::Extra,
                    (false, _, false) => Cell::No,
                }
            });
            let kind = if member.kind == MemberKind::Machine { "machine" } else { "member" };
            matrix.rows.push(Row { name: member.name.clone(), kind, cells: cells.collect() });
        }
        let mut others: BTreeMap<(bool, String), Vec<Cell>> = BTreeMap::new();
        for (index, (column, keys)) in columns.iter().zip(&keys).enumerate() {
            for (label, key) in column.recipients.iter().zip(keys).filter(|(_, key)| !owners.contains_key(*key)) {
                let name =
                    former.get(key.as_str()).map_or_else(|| (true, short(label)), |name| (false, (*name).to_string()));
                others.entry(name).or_insert_with(|| vec![Cell::No; columns.len()])[index] = Cell::Extra;
            }
        }
        let others = others.into_iter().map(|((is_unknown, name), cells)| Row {
            name,
            kind: if is_unknown { "unknown" } else { "former" },
            cells,
        });
        matrix.rows.extend(others);
        matrix
    }

    /// Tells whether anything differs from secrets.toml.
    pub fn differs(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.cells).any(|cell| matches!(cell, Cell::Missing | Cell::Extra))
    }
}
