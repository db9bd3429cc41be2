//! Values that are hard to write down, and a project that holds them.

use super::keys::Key;
use super::place::Place;
use super::random::Dice;
use super::random::Row;
use super::random::our_file;

/// Values whose writing has gone wrong somewhere.
const KNOWN: &[&str] = &[
    "", " ", "  ", "\t", "\n", "\n\n", "a", "a b", " lead", "trail ", "\tlead", "trail\t", "\nlead", "trail\n", "a\nb",
    "a\n\nb", "a\n b\n", "a\tb", "it's", "''", "'", "'a'", "\"", "\"\"", "\"a\"", "`", "`a`", "`id`", "$(id)", "$HOME",
    "${HOME}", "${HOME:-x}", "$$", "$", "a$", "$1", "\\", "\\\\", "a\\", "\\a", "\\n", "a\\nb", "\\\\n", "\\'", "\\\"",
    "\\$", "\\`", "C:\\dir\\new", "\\\\host\\share", "!", "!!", "a!b", "it's!", "#", "#a", "a#b", "a #b", "a # b", "=",
    "=a", "=ls", "a:=ls", "a=b", "a==", "export A=b", "A=b\nB=c", "'\nB=c\n'", "%", "%s", "%0A", "&", "&&", "|", ";",
    "a;b", "(", ")", "{a}", "[a]", "*", "?", "~", "~/a", "<", ">", "a>b", "yes", "no", "null", "1e3", "0x1f", "0o17",
    "1_000", "- a", "a: b", "?",
];
const MORE: &[&str] = &[
    "it's \"so\"",
    "it's $5",
    "it's `5`",
    "it's \\ 5",
    "it's\n\"so\"",
    "'\"`$\\!",
    "a\"b\\",
    "{\"a\": \"b c\"}",
    "{\"a\": \"it's\"}",
    "postgres://u:p%40ss@h:5432/d?a=b&c=d#e",
    "-----BEGIN KEY-----\nabc+/=\n-----END KEY-----\n",
    "-----BEGIN KEY-----\\nabc\\n-----END KEY-----",
    "größe",
    "日本語",
    "🔑 key",
    "e\u{301}",
    "\u{a0}a\u{a0}",
    "\u{feff}a",
    "a\u{85}b",
    "a\u{2028}b\u{2029}c",
    "\u{3000}a",
    "\u{200b}",
    "\u{fffd}",
    "\u{10ffff}",
    "\u{ffff}",
    "\u{7f}",
    "\u{1}",
    "\u{1b}[31mred",
    "\u{8}",
    "\u{b}\u{c}",
    "\u{1c}a\u{1d}b\u{1e}",
    "\r",
    "a\rb",
    "a\r\nb",
    "a\r",
    "it's\r",
    "\"\r\"",
    "$\r",
    "\\\r",
    "@",
    "%YAML 1.2",
    "--- a",
];

/// Returns the known ones and random ones of the same stuff: no NUL, all UTF-8, and every one under its own name.
pub fn values() -> Vec<(String, Vec<u8>)> {
    const WORDS: &[&str] = &[
        "a", "b", "0", " ", " ", "\t", "\n", "\n", "'", "'", "\"", "\"", "`", "$", "${", "}", "$(", ")", "\\", "\\",
        "\\n", "!", "#", " #", "=", "%", "&", ";", "|", "é", "日", "🔑", "\u{2028}", "\u{85}", ":", ": ", "-", "~",
        ",", "\u{7}",
    ];
    let mut dice = Dice::new(2026);
    let mut texts: Vec<String> = KNOWN.iter().chain(MORE).map(ToString::to_string).collect();
    for index in 0..400 {
        let length = 1 + dice.below(12);
        let mut text: String = (0..length).map(|_| *dice.pick(WORDS)).collect();
        if index % 20 == 0 {
            text.insert(dice.below(2).min(text.len()), '\r');
        }
        texts.push(text);
    }
    texts.push("0123456789abcdef ".repeat(600));
    texts.into_iter().enumerate().map(|(index, text)| (format!("V{index}"), text.into_bytes())).collect()
}

/// Makes a project whose only environment holds these values.
pub fn project_of(values: &[(String, Vec<u8>)]) -> Place {
    let place = Place::new().with("SOPS_AGE_KEY", Key::new().secret);
    let _ = place.secrets(["init", "--no-import"]).ok();
    let rows: Vec<Row> = values.iter().map(|(name, value)| Row::Entry(name.clone(), value.clone())).collect();
    let import = place.call(env!("CARGO_BIN_EXE_secrets")).args(["import", "-"]).stdin(our_file(&rows));
    let _ = import.run().ok();
    place
}

/// Exports in a format.
pub fn export(place: &Place, format: &str) -> Vec<u8> {
    place.secrets(["export", "--format", format]).ok().stdout
}

/// Returns what stands in a file or environment of `NAME=value` pieces, each ended by `end`; names of other programs are
/// left out.
pub fn pairs(bytes: &[u8], end: u8) -> Vec<(String, Vec<u8>)> {
    let pair = |piece: &[u8]| {
        let at = piece.iter().position(|byte| *byte == b'=')?;
        let name = String::from_utf8(piece[..at].to_vec()).ok()?;
        let is_ours = name.strip_prefix('V').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        is_ours.then(|| (name, piece[at + 1..].to_vec()))
    };
    let mut pairs: Vec<_> = bytes.split(|byte| *byte == end).filter_map(pair).collect();
    sort(&mut pairs);
    pairs
}

/// Returns what stands in a JSON object of strings.
pub fn pairs_of_json(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text).unwrap();
    let pair = |(name, value): (String, serde_json::Value)| (name, value.as_str().unwrap().as_bytes().to_vec());
    let mut pairs: Vec<_> = object.into_iter().map(pair).collect();
    sort(&mut pairs);
    pairs
}

/// `V2` before `V10`.
fn sort(pairs: &mut [(String, Vec<u8>)]) {
    pairs.sort_by(|(one, _), (other, _)| (one.len(), one).cmp(&(other.len(), other)));
}

/// Compares name by name, so that a failure shows one value and not five hundred.
#[track_caller]
pub fn same(reader: &str, got: &[(String, Vec<u8>)], want: &[(String, Vec<u8>)]) {
    for (name, value) in want {
        let read = got.iter().find(|(other, _)| other == name);
        let read = read.unwrap_or_else(|| panic!("{reader} does not see {name}, which is {:?}", text(value)));
        assert!(read.1 == *value, "{reader} reads {name} as {:?} instead of {:?}", text(&read.1), text(value));
    }
    assert_eq!(got.len(), want.len(), "{reader} sees other names too");
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
