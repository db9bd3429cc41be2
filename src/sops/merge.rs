//! A merge by name: what two sides made of one version, without a question where they changed different things.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::base::Name;
use crate::base::Value;

use super::draft::Draft;
use super::draft::Row;
use super::metadata::Wrap;
use super::recipient::key_of;

/// What a merge made.
pub struct Merged {
    /// All that both sides say. Where they conflict it has our value, or theirs if we have none.
    pub draft: Draft,
    /// The names that both sides changed to different values, in order.
    pub conflicts: Vec<Conflict>,
}

/// A name that both sides changed to different values.
pub struct Conflict {
    /// The name.
    pub name: Name,
    /// Our value; `None` if we removed the name.
    pub ours: Option<Value>,
    /// Their value; `None` if they removed it.
    pub theirs: Option<Value>,
}

/// Merges two drafts that come from `base`.
///
/// Values merge by name. The comments above a name go with it; if both sides changed them, all of them stay. The order is
/// that of the side that changed it; new names stand behind the name that they were put behind.
pub fn merge(base: &Draft, ours: &Draft, theirs: &Draft) -> Merged {
    let [base, ours, theirs] = [base, ours, theirs].map(Layout::of);
    let mut conflicts = Vec::new();
    let mut values: HashMap<&Name, &Value> = HashMap::new();
    for name in order(&base, &ours, &theirs) {
        let [b, o, t] = [&base, &ours, &theirs].map(|side| side.value(name));
        let (merged, is_conflict) = pick(b, o, t);
        if is_conflict {
            let own = |value: Option<&Value>| value.map(Value::duplicate);
            conflicts.push(Conflict { name: name.clone(), ours: own(o), theirs: own(t) });
        }
        values.extend(merged.map(|value| (name, value)));
    }
    let mut draft = Draft::default();
    for name in order(&base, &ours, &theirs) {
        let Some(value) = values.get(name) else { continue };
        let [b, o, t] = [&base, &ours, &theirs].map(|side| side.head(name));
        draft.rows.extend(merge_rows(b, o, t));
        draft.rows.push(Row::Entry(name.clone(), value.duplicate()));
    }
    draft.rows.extend(merge_rows(Some(base.tail), Some(ours.tail), Some(theirs.tail)));
    Merged { draft, conflicts }
}

/// Returns the value that both sides agree on, or ours, and whether they disagree.
fn pick<'a>(base: Option<&'a Value>, ours: Option<&'a Value>, theirs: Option<&'a Value>) -> (Option<&'a Value>, bool) {
    let same = |one: Option<&Value>, other: Option<&Value>| match (one, other) {
        (Some(one), Some(other)) => one.same_as(other),
        (None, None) => true,
        _ => false,
    };
    if same(ours, theirs) || same(base, theirs) {
        (ours, false)
    } else if same(base, ours) {
        (theirs, false)
    } else {
        (ours.or(theirs), true)
    }
}

/// A draft as names, each with the comments and blank lines above it.
struct Layout<'a> {
    names: Vec<&'a Name>,
    blocks: HashMap<&'a Name, (&'a [Row], &'a Value)>,
    tail: &'a [Row],
}

impl<'a> Layout<'a> {
    fn of(draft: &'a Draft) -> Self {
        let mut layout = Self { names: Vec::new(), blocks: HashMap::new(), tail: &[] };
        let mut start = 0;
        for (index, row) in draft.rows.iter().enumerate() {
            if let Row::Entry(name, value) = row {
                layout.names.push(name);
                layout.blocks.insert(name, (&draft.rows[start..index], value));
                start = index + 1;
            }
        }
        layout.tail = &draft.rows[start..];
        layout
    }

    fn value(&self, name: &Name) -> Option<&'a Value> {
        self.blocks.get(name).map(|(_, value)| *value)
    }

    fn head(&self, name: &Name) -> Option<&'a [Row]> {
        self.blocks.get(name).map(|(head, _)| *head)
    }

    fn has(&self, name: &Name) -> bool {
        self.blocks.contains_key(name)
    }

    /// Tells whether the names that both have stand in another order than in `base`.
    fn is_rearranged(&self, base: &Self) -> bool {
        let own = self.names.iter().filter(|name| base.has(name));
        !own.eq(base.names.iter().filter(|name| self.has(name)))
    }
}

/// Returns every name of both sides, in the order of the merged file.
fn order<'a>(base: &Layout<'a>, ours: &Layout<'a>, theirs: &Layout<'a>) -> Vec<&'a Name> {
    let (main, other) =
        if theirs.is_rearranged(base) && !ours.is_rearranged(base) { (theirs, ours) } else { (ours, theirs) };
    let mut order = main.names.clone();
    let mut anchor: Option<&Name> = None;
    let mut rest = other.names.as_slice();
    while let Some(first) = rest.first() {
        if main.has(first) {
            anchor = Some(first);
            rest = &rest[1..];
            continue;
        }
        let length = rest.iter().take_while(|name| !main.has(name)).count();
        let (run, after) = rest.split_at(length);
        let from = anchor.map_or(0, |anchor| order.iter().position(|name| *name == anchor).map_or(0, |at| at + 1));
        // What the main side put behind the same name; the smaller first name goes first, so both directions are alike.
        let own = order[from..].iter().take_while(|name| !other.has(name) && !base.has(name)).count();
        let at = if own > 0 && order[from] < run[0] { from + own } else { from };
        order.splice(at..at, run.iter().copied());
        rest = after;
    }
    order
}

/// Merges comments and blank lines: the side that changed them, and all comments if both did.
fn merge_rows(base: Option<&[Row]>, ours: Option<&[Row]>, theirs: Option<&[Row]>) -> Vec<Row> {
    let (base, ours, theirs) = (base.unwrap_or(&[]), ours.or(theirs).unwrap_or(&[]), theirs.or(ours).unwrap_or(&[]));
    if same_rows(ours, theirs) || same_rows(base, theirs) {
        return copy(ours.iter());
    }
    if same_rows(base, ours) {
        return copy(theirs.iter());
    }
    let known: HashSet<&[u8]> = base.iter().chain(ours).filter_map(text).collect();
    let theirs_alone = theirs.iter().filter(|row| text(row).is_some_and(|text| !known.contains(text)));
    copy(ours.iter().chain(theirs_alone))
}

fn text(row: &Row) -> Option<&[u8]> {
    match row {
        Row::Comment(text) => Some(text.expose()),
        Row::Blank | Row::Entry(..) => None,
    }
}

fn same_rows(one: &[Row], other: &[Row]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| text(one) == text(other))
}

fn copy<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<Row> {
    let rows = rows.map(|row| match row {
        Row::Blank => Row::Blank,
        Row::Comment(text) => Row::Comment(text.duplicate()),
        Row::Entry(name, value) => Row::Entry(name.clone(), value.duplicate()),
    });
    rows.collect()
}

/// Merges the wraps of two sides under one data key: those of both, without what one of them took out.
pub fn merge_wraps(base: &[Wrap], ours: &[Wrap], theirs: &[Wrap]) -> Vec<Wrap> {
    let key = |wrap: &Wrap| key_of(&wrap.recipient);
    let keys = |wraps: &[Wrap]| wraps.iter().map(key).collect::<HashSet<String>>();
    let (in_base, in_ours, in_theirs) = (keys(base), keys(ours), keys(theirs));
    let of_ours = ours.iter().filter(|wrap| in_theirs.contains(&key(wrap)) || !in_base.contains(&key(wrap)));
    let of_theirs = theirs.iter().filter(|wrap| !in_ours.contains(&key(wrap)) && !in_base.contains(&key(wrap)));
    of_ours.chain(of_theirs).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        let row = |line: &str| match line.split_once('=') {
            _ if line.is_empty() => Row::Blank,
            _ if line.starts_with('#') => Row::Comment(Value::from(line[1..].to_string())),
            Some((name, value)) => Row::Entry(Name::parse(name).unwrap(), Value::from(value.to_string())),
            None => panic!("{line}"),
        };
        Draft { rows: text.split(' ').map(row).collect() }
    }

    fn print(draft: &Draft) -> String {
        let row = |row: &Row| {
            let (head, value) = match row {
                Row::Blank => return String::new(),
                Row::Comment(text) => ("#".to_string(), text),
                Row::Entry(name, value) => (format!("{name}="), value),
            };
            head + &String::from_utf8_lossy(value.expose())
        };
        draft.rows.iter().map(row).collect::<Vec<_>>().join(" ")
    }

    fn merged(base: &str, ours: &str, theirs: &str) -> (String, usize) {
        let merged = merge(&draft(base), &draft(ours), &draft(theirs));
        (print(&merged.draft), merged.conflicts.len())
    }

    #[test]
    fn disjoint_changes_merge_alike_in_both_directions() {
        for (base, ours, theirs, want) in [
            ("A=1 B=1", "A=2 B=1", "A=1 B=2", "A=2 B=2"),
            ("A=1", "A=1 X=1", "A=1 Y=1", "A=1 X=1 Y=1"),
            ("A=1 B=1", "A=1 X=1 B=1", "A=1 B=1 Y=1", "A=1 X=1 B=1 Y=1"),
            ("A=1 B=1", "B=1", "A=1 B=2", "B=2"),
            ("A=1 B=1 C=1", "A=1 C=1", "A=1 B=1 N=1 C=1", "A=1 N=1 C=1"),
            ("#a A=1 B=1", "#b A=1 B=1", "#a A=1 B=2", "#b A=1 B=2"),
            ("A=1 B=1 C=1", "C=1 A=1 B=1", "A=1 B=2 C=1 D=1", "C=1 D=1 A=1 B=2"),
            ("A=1 #t", "A=1 X=1 #t", "A=2 #t #u", "A=2 X=1 #t #u"),
            ("A=1", "A=2", "A=2", "A=2"),
        ] {
            assert_eq!(merged(base, ours, theirs), (want.to_string(), 0), "{base} | {ours} | {theirs}");
            assert_eq!(merged(base, theirs, ours), (want.to_string(), 0), "{base} | {theirs} | {ours}");
            assert_eq!(merged(ours, ours, theirs).0, theirs, "merge(a, a, b) is b");
        }
    }

    #[test]
    fn a_conflict_keeps_what_is_there_and_is_named() {
        assert_eq!(merged("A=1", "A=2", "A=3"), ("A=2".to_string(), 1));
        assert_eq!(merged("A=1 B=1", "B=1", "A=3 B=1"), ("A=3 B=1".to_string(), 1));
        assert_eq!(merged("B=1", "A=2 B=1", "A=3 B=1"), ("A=2 B=1".to_string(), 1));
        assert_eq!(merged("#a A=1", "#b A=1", "#c A=1").0, "#b #c A=1", "no comment is lost");
    }

    proptest::proptest! {
        /// Each side is a base of five names in which some were changed, removed or added.
        #[test]
        fn no_name_is_lost_and_both_directions_agree(edits in proptest::collection::vec((0_usize..8, 0_u8..3, proptest::bool::ANY), 0..10)) {
            const NAMES: [&str; 8] = ["A", "B", "C", "D", "E", "N", "O", "P"];
            let base: Vec<String> = NAMES[..5].iter().map(|name| format!("{name}=0")).collect();
            let mut sides = [base.clone(), base.clone()];
            for (name, value, is_ours) in &edits {
                let side = &mut sides[usize::from(*is_ours)];
                let place = side.iter().position(|row| row.starts_with(NAMES[*name]));
                match (place, value) {
                    (Some(place), 0) => drop(side.remove(place)),
                    (Some(place), value) => side[place] = format!("{}={value}", NAMES[*name]),
                    (None, value) => side.push(format!("{}={value}", NAMES[*name])),
                }
            }
            let [ours, theirs] = sides.map(|side| if side.is_empty() { "Z=1".to_string() } else { side.join(" ") });
            let base = base.join(" ");
            let names = |text: &str| text.split(' ').map(|row| row[..1].to_string()).collect::<HashSet<_>>();
            let merge_of = |ours: &str, theirs: &str| merge(&draft(&base), &draft(ours), &draft(theirs));
            let (one, other) = (merge_of(&ours, &theirs), merge_of(&theirs, &ours));
            proptest::prop_assert_eq!(one.conflicts.len(), other.conflicts.len());
            let kept = |name: &String| {
                let (in_base, in_ours, in_theirs) = (names(&base).contains(name), names(&ours).contains(name), names(&theirs).contains(name));
                if in_base { in_ours && in_theirs } else { in_ours || in_theirs }
            };
            let merged = names(&print(&one.draft));
            for name in names(&base).union(&names(&ours)).chain(&names(&theirs)).filter(|name| kept(name)) {
                proptest::prop_assert!(merged.contains(name), "{} is lost: {} | {} | {}", name, base, ours, theirs);
            }
            if one.conflicts.is_empty() {
                let sorted = |draft: &Draft| { let mut rows: Vec<String> = print(draft).split(' ').map(str::to_string).collect(); rows.sort(); rows };
                proptest::prop_assert_eq!(sorted(&one.draft), sorted(&other.draft));
            }
            let same = merge(&draft(&ours), &draft(&ours), &draft(&theirs));
            proptest::prop_assert_eq!(print(&same.draft), theirs.clone());
        }
    }
}
