//! Lines that say what they said before, and so keep their bytes.

use std::collections::HashMap;
use std::collections::VecDeque;

use crate::base::Value;

use super::cipher::Encrypted;
use super::opened::Opened;
use super::opened::Plain;

/// The lines of the version that is replaced, by what they say. Two equal comments share their label, so each line is
/// given out once: equal plaintexts must not become equal lines.
pub struct KeptLines<'a> {
    index: HashMap<(&'a [u8], &'a [u8]), usize>,
    lines: Vec<VecDeque<&'a [u8]>>,
}

impl<'a> KeptLines<'a> {
    /// Takes the encrypted lines of these versions.
    pub fn of(before: &[&'a Opened]) -> Self {
        let mut kept = Self { index: HashMap::new(), lines: Vec::new() };
        for (item, plain) in before.iter().copied().flat_map(Opened::items) {
            let (head, value) = match plain {
                Plain::Blank => continue,
                Plain::Comment(text) => (&item.line[..1], text),
                Plain::Entry(value) => (&item.line[..=item.name().map_or(0, <[u8]>::len)], value),
            };
            // A number or bool that `sops set` left becomes a string, so its line changes.
            let is_typed = item.name().is_some() && !item.line.ends_with(b",type:str]");
            if is_typed || !Encrypted::is_meant(&item.line[head.len()..]) {
                continue;
            }
            let at = *kept.index.entry((head, value.expose())).or_insert(kept.lines.len());
            if at == kept.lines.len() {
                kept.lines.push(VecDeque::new());
            }
            kept.lines[at].push_back(&item.line);
        }
        kept
    }

    /// Gives out a line that begins with `head` and says `value`; `None` if there is none, or none is left.
    pub fn take(&mut self, head: &[u8], value: &Value) -> Option<&'a [u8]> {
        let at = *self.index.get(&(head, value.expose()))?;
        self.lines[at].pop_front()
    }
}
