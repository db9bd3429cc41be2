//! What a file is to say, before it is written.

use std::collections::HashMap;

use crate::base::Name;
use crate::base::Result;
use crate::base::Value;

use super::cipher::Encrypted;
use super::opened::Opened;
use super::opened::Plain;
use super::text::Item;

/// What a file is to say: rows in order, all in plain.
#[derive(Default)]
pub struct Draft {
    /// The rows, top to bottom.
    pub rows: Vec<Row>,
}

/// One row of a draft.
pub enum Row {
    Blank,
    /// The text after the `#`.
    Comment(Value),
    /// A name with its value.
    Entry(Name, Value),
}

impl Draft {
    /// Takes over everything that an opened file says.
    ///
    /// # Errors
    /// As [`Name::parse`], for a file that did not pass the strict reader.
    pub fn of(opened: &Opened) -> Result<Self> {
        let rows = opened.items().map(|(item, plain)| {
            Ok(match plain {
                Plain::Blank => Row::Blank,
                Plain::Comment(text) => Row::Comment(text.duplicate()),
                Plain::Entry(value) => Row::Entry(Name::parse(item.name().unwrap_or_default())?, value.duplicate()),
            })
        });
        Ok(Self { rows: rows.collect::<Result<_>>()? })
    }

    /// Returns a value by its name.
    pub fn value(&self, name: &Name) -> Option<&Value> {
        self.rows.iter().find_map(|row| match row {
            Row::Entry(n, value) if n == name => Some(value),
            _ => None,
        })
    }

    /// Returns all values by their names.
    pub fn values(&self) -> HashMap<&Name, &Value> {
        let entries = self.rows.iter().filter_map(|row| match row {
            Row::Entry(name, value) => Some((name, value)),
            Row::Blank | Row::Comment(_) => None,
        });
        entries.collect()
    }

    /// Sets a value in its place, or appends it.
    pub fn set(&mut self, name: &Name, value: Value) {
        let place = self.rows.iter_mut().find_map(|row| match row {
            Row::Entry(n, value) if n == name => Some(value),
            _ => None,
        });
        match place {
            Some(place) => *place = value,
            None => self.rows.push(Row::Entry(name.clone(), value)),
        }
    }

    /// Removes a value; returns whether it was there. The comments above it stay.
    pub fn unset(&mut self, name: &Name) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| !matches!(row, Row::Entry(n, _) if n == name));
        self.rows.len() != before
    }

    /// Returns the names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.rows.iter().filter_map(|row| match row {
            Row::Entry(name, _) => Some(name),
            _ => None,
        })
    }

    /// Returns the names that are new or changed against `before`, and whose value its selector would leave in clear.
    pub fn would_bare(&self, before: &Opened) -> Vec<&Name> {
        // What was encrypted and would not be any more counts too, though its value is the same.
        let was_clear = |item: &Item, name: &[u8]| !Encrypted::is_meant(&item.line[name.len() + 1..]);
        let old: HashMap<&[u8], &Value> = before
            .items()
            .filter_map(|(item, plain)| match (item.name(), plain) {
                (Some(name), Plain::Entry(value)) if was_clear(item, name) => Some((name, value)),
                _ => None,
            })
            .collect();
        let mut walk = before.file.metadata.selector.walk();
        let bared = self.rows.iter().filter_map(|row| match row {
            Row::Blank => None,
            Row::Comment(text) => {
                walk.encrypts_comment(text.expose());
                None
            }
            Row::Entry(name, value) => {
                let is_clear = !walk.encrypts_name(name.as_bytes()) && !value.is_empty();
                let is_same = old.get(name.as_bytes()).is_some_and(|old| old.same_as(value));
                (is_clear && !is_same).then_some(name)
            }
        });
        bared.collect()
    }

    /// Tells whether the draft says what the opened file says.
    pub fn says_the_same_as(&self, opened: &Opened) -> bool {
        let rows = self.rows.len() == opened.plain.len();
        rows && self.rows.iter().zip(opened.items()).all(|(row, (item, plain))| match (row, plain) {
            (Row::Blank, Plain::Blank) => true,
            (Row::Comment(one), Plain::Comment(other)) => one.same_as(other),
            (Row::Entry(name, one), Plain::Entry(other)) => item.name() == Some(name.as_bytes()) && one.same_as(other),
            _ => false,
        })
    }
}
