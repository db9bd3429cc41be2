//! Random files: what was written reads back, and a rewrite changes the lines that say something new, and no other.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::Index;

use secrets::base::Name;
use secrets::base::Pattern;
use secrets::base::Value;
use secrets::sops::Draft;
use secrets::sops::Leniency;
use secrets::sops::NextSeal;
use secrets::sops::Opened;
use secrets::sops::Place;
use secrets::sops::Plain;
use secrets::sops::Recipient;
use secrets::sops::Row;
use secrets::sops::SealedFile;
use secrets::sops::Selector;

use crate::Identity;
use crate::lines;
use crate::moment;
use crate::unlock;

/// A row, as proptest can show and shrink it.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Line {
    Blank,
    Comment(Vec<u8>),
    Entry(String, Vec<u8>),
}

fn plain_patterns() -> [Pattern; 2] {
    ["PORT", "LOG_*"].map(|pattern| Pattern::parse(pattern).unwrap())
}

/// Tells whether a value of this name stands in clear.
fn is_clear(name: &str) -> bool {
    plain_patterns().iter().any(|pattern| pattern.matches(name))
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::collection::vec(prop::sample::select(&b"\\n\n=#E[\r\0 \""[..]), 0..8);
    prop_oneof![prop::collection::vec(any::<u8>(), 0..48), odd]
}

fn any_line() -> impl Strategy<Value = Line> {
    let name = "(PORT|LOG_[A-Z]{0,3}|[A-Za-z_][A-Za-z0-9_]{0,12})(_unencrypted)?"
        .prop_filter("reserved", |name| !name.starts_with("sops_"));
    // Equal comments are wanted, so few texts.
    let comment = prop_oneof![any_bytes(), Just(b" note".to_vec()), Just(Vec::new())];
    prop_oneof![
        1 => Just(Line::Blank),
        2 => comment.prop_map(Line::Comment),
        4 => (name, any_bytes()).prop_map(|(name, value)| Line::Entry(name, value)),
    ]
}

/// Lines whose names differ, and whose clear values are such as the format can hold.
fn any_lines() -> impl Strategy<Value = Vec<Line>> {
    prop::collection::vec(any_line(), 1..12).prop_map(|lines| {
        let mut names = HashSet::new();
        let mut kept = Vec::new();
        for mut line in lines {
            if let Line::Entry(name, value) = &mut line {
                if !names.insert(name.clone()) {
                    continue;
                }
                make_holdable(name, value);
            }
            kept.push(line);
        }
        kept
    })
}

/// A literal backslash-n, or `ENC[` at the start, cannot stand in clear.
fn make_holdable(name: &str, value: &mut Vec<u8>) {
    if is_clear(name) {
        value.retain(|byte| *byte != b'\\');
        while value.starts_with(b"ENC[") {
            value.remove(0);
        }
    }
}

fn draft(lines: &[Line]) -> Draft {
    let rows = lines.iter().map(|line| match line {
        Line::Blank => Row::Blank,
        Line::Comment(text) => Row::Comment(Value::from(text.clone())),
        Line::Entry(name, value) => Row::Entry(Name::parse(name).unwrap(), Value::from(value.clone())),
    });
    Draft { rows: rows.collect() }
}

fn said_by(opened: &Opened) -> Vec<Line> {
    let lines = opened.items().map(|(item, plain)| match plain {
        Plain::Blank => Line::Blank,
        Plain::Comment(text) => Line::Comment(text.expose().to_vec()),
        Plain::Entry(value) => {
            Line::Entry(String::from_utf8(item.name().unwrap().to_vec()).unwrap(), value.expose().to_vec())
        }
    });
    lines.collect()
}

fn open(file: &[u8], identity: &Identity) -> Opened {
    let mut file = SealedFile::parse(file).unwrap();
    file.check(Leniency::None, Some(&plain_patterns())).unwrap();
    let key = unlock(&file, std::slice::from_ref(identity)).unwrap();
    file.open(key).unwrap()
}

fn write(lines: &[Line], identity: &Identity, seal: Option<NextSeal>) -> secrets::base::Result<Vec<u8>> {
    let recipient = Recipient::parse(identity.own.as_ref().unwrap()).unwrap();
    let selector = Selector::for_plain(&plain_patterns()).unwrap();
    draft(lines).write(&[recipient], &selector, seal, moment(0)).map(|written| written.bytes)
}

/// Returns the numbers of the lines that differ; both files have the same number of lines.
fn differing(before: &[&[u8]], after: &[&[u8]]) -> Vec<usize> {
    assert_eq!(before.len(), after.len());
    (0..before.len()).filter(|at| before[*at] != after[*at]).collect()
}

fn first_seal(is_sealed: bool) -> Option<NextSeal> {
    is_sealed.then(|| NextSeal::first(Place::default()))
}

/// Tells whether two comments that say something have the same line.
fn comments_share_a_line(file: &[u8]) -> bool {
    let mut seen = HashSet::new();
    let (items, _) = lines(file);
    items.into_iter().filter(|line| line.starts_with(b"#") && line.len() > 1).any(|line| !seen.insert(line))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_reads_back(given in any_lines(), is_sealed: bool) {
        let identity = Identity::generate();
        let file = write(&given, &identity, first_seal(is_sealed)).unwrap();
        let opened = open(&file, &identity);
        prop_assert_eq!(said_by(&opened), given);
        prop_assert_eq!(opened.file().seal().is_some(), is_sealed);
        prop_assert!(!comments_share_a_line(&file));
    }

    #[test]
    fn a_changed_value_changes_one_line(
        given in any_lines(),
        is_sealed: bool,
        which: Index,
        mut value in any_bytes(),
    ) {
        let entries: Vec<_> = (0..given.len()).filter(|at| matches!(given[*at], Line::Entry(..))).collect();
        prop_assume!(!entries.is_empty());
        let at = entries[which.index(entries.len())];
        let Line::Entry(name, old) = &given[at] else { unreachable!("chosen above") };
        make_holdable(name, &mut value);
        if value == *old {
            value.push(b'!');
        }
        let mut wanted = given.clone();
        wanted[at] = Line::Entry(name.clone(), value);

        let identity = Identity::generate();
        let before = write(&given, &identity, first_seal(is_sealed)).unwrap();
        let opened = open(&before, &identity);
        let after = draft(&wanted).rewrite(&opened, None, opened.next_seal(), moment(1)).unwrap().bytes;

        prop_assert_eq!(said_by(&open(&after, &identity)), wanted);
        let ((items, metadata), (new_items, new_metadata)) = (lines(&before), lines(&after));
        prop_assert_eq!(differing(&items, &new_items), vec![at]);
        let changed = differing(&metadata, &new_metadata).into_iter().map(|at| {
            String::from_utf8_lossy(metadata[at].split(|byte| *byte == b'=').next().unwrap()).into_owned()
        });
        let mut expected = vec!["sops_lastmodified", "sops_mac"];
        expected.extend(is_sealed.then_some("sops_secrets_seal"));
        prop_assert_eq!(changed.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn equal_comments_never_share_a_line(given in any_lines(), note in any_bytes(), places: [Index; 3]) {
        let identity = Identity::generate();
        let before = write(&given, &identity, first_seal(true)).unwrap();
        let mut wanted = given;
        for place in places {
            let at = place.index(wanted.len() + 1);
            wanted.insert(at, Line::Comment(note.clone()));
        }
        let opened = open(&before, &identity);
        let after = draft(&wanted).rewrite(&opened, None, opened.next_seal(), moment(1)).unwrap().bytes;
        prop_assert_eq!(said_by(&open(&after, &identity)), wanted);
        prop_assert!(!comments_share_a_line(&after));
        let (new, (old, _)) = (lines(&after).0, lines(&before));
        prop_assert!(old.iter().all(|line| new.contains(line)), "a line that stayed was encrypted anew");
    }

    #[test]
    fn another_selector_encrypts_what_was_clear_and_leaves_the_rest(given in any_lines()) {
        let identity = Identity::generate();
        let before = write(&given, &identity, first_seal(true)).unwrap();
        let all = Selector::for_plain(&[]).unwrap();
        let opened = open(&before, &identity);
        let after = draft(&given).rewrite(&opened, Some(&all), opened.next_seal(), moment(1)).unwrap().bytes;
        let (items, new_items) = (lines(&before).0, lines(&after).0);
        let was_clear = |line: &Line| matches!(line, Line::Entry(name, value) if is_clear(name) && !value.is_empty());
        let expected: Vec<_> = (0..given.len()).filter(|at| was_clear(&given[*at])).collect();
        prop_assert_eq!(differing(&items, &new_items), expected);
        prop_assert_eq!(said_by(&open(&after, &identity)), given);
    }

    #[test]
    fn a_clear_value_that_would_not_read_back_is_refused(
        head in any_bytes(),
        tail in any_bytes(),
        is_encrypted_form: bool,
    ) {
        let value = if is_encrypted_form { [b"ENC[".to_vec(), tail] } else { [head, [b"\\n".to_vec(), tail].concat()] };
        let given = [Line::Entry("PORT".into(), value.concat())];
        let error = write(&given, &Identity::generate(), first_seal(true)).unwrap_err();
        prop_assert_eq!(error.kind().code(), 1);
    }
}
