//! What a shell remembers of the hook between two prompts: names and keyed fingerprints, never a value.
//!
//! `1/r<root>/e<environment>/n<asked>/m/s<pid>/x<expiry>/d<digest>/w<path>.<signature>/…`, then
//! `k<NAME>.<fingerprint>.<+|->/…/u<NAME>/…`: paths in base64url; `n`, `m`, `x` and `d` where there is something to say.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::base::Name;
use crate::base::hex;

/// The longest state; the kernel takes 128 KiB for one string.
pub const MOST_BYTES: usize = 64 << 10;
const VERSION: &str = "1";
/// So many bytes of a fingerprint tell whether a person changed a value.
const FINGERPRINT: usize = 8;

/// A keyed fingerprint of a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fingerprint(String);

/// What was found of a file: enough to see that it was changed, or replaced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature(String);

/// A name that the hook set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    pub name: Name,
    pub fingerprint: Fingerprint,
    /// Whether it was exported before.
    pub was_exported: bool,
}

/// The state of one shell.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct State {
    /// The folder of the project.
    pub root: PathBuf,
    /// The environment; empty if nothing could be told of it.
    pub environment: String,
    /// What tells what a person asked for by variables; empty if nothing.
    pub asked: String,
    /// Whether it was written in the middle of a line that changed the folder, where a name may be shadowed for a moment.
    pub has_moved: bool,
    /// The process that it was written for: another one inherited it.
    pub shell: u32,
    /// When what is loaded goes by itself, in seconds since 1970.
    pub expires: Option<u64>,
    /// What was told, so that it is told once.
    pub told: Option<Signature>,
    /// The files that the answer depends on.
    pub watched: Vec<(PathBuf, Signature)>,
    /// The names that are loaded, in order.
    pub held: Vec<Held>,
    /// The names that a person changed in this shell: they are his until he leaves.
    pub users: Vec<Name>,
}

impl Fingerprint {
    /// Takes the first bytes of a mac.
    pub fn of(mac: &[u8]) -> Self {
        Self(hex(&mac[..FINGERPRINT]))
    }
}

impl Signature {
    /// Takes the first bytes of a hash; a file that is missing has none.
    pub fn of(hash: Option<&[u8]>) -> Self {
        Self(hash.map_or_else(|| "-".to_string(), |hash| hex(&hash[..FINGERPRINT])))
    }
}

impl State {
    /// Reads a state strictly; anything else is none, and is replaced, never obeyed.
    pub fn parse(text: &OsStr) -> Option<Self> {
        let text = text.to_str().filter(|text| text.len() <= MOST_BYTES)?;
        let mut parts = text.split('/');
        let mut state = Self::default();
        if parts.next() != Some(VERSION) {
            return None;
        }
        for part in parts {
            let (field, rest) = part.split_at_checked(1)?;
            match field {
                "r" if state.root.as_os_str().is_empty() => state.root = path(rest)?,
                "e" if rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b)) => {
                    state.environment = rest.to_string();
                }
                "n" if rest.bytes().all(|b| b.is_ascii_hexdigit()) => state.asked = rest.to_string(),
                "m" if rest.is_empty() => state.has_moved = true,
                "s" if state.shell == 0 => state.shell = number(rest)?,
                "x" if state.expires.is_none() => state.expires = Some(number(rest)?),
                "d" if state.told.is_none() => state.told = Some(Signature(is_hex(rest).then(|| rest.to_string())?)),
                "w" => {
                    let (file, signature) = rest.split_once('.')?;
                    let is_right = signature == "-" || is_hex(signature);
                    state.watched.push((path(file)?, Signature(is_right.then(|| signature.to_string())?)));
                }
                "k" => {
                    let mut words = rest.split('.');
                    let name = Name::parse(words.next()?).ok()?;
                    let fingerprint = words.next().filter(|text| is_hex(text))?;
                    let was_exported = match (words.next()?, words.next()) {
                        ("+", None) => true,
                        ("-", None) => false,
                        _ => return None,
                    };
                    state.held.push(Held { name, fingerprint: Fingerprint(fingerprint.to_string()), was_exported });
                }
                "u" => state.users.push(Name::parse(rest).ok()?),
                _ => return None,
            }
        }
        (!state.root.as_os_str().is_empty()).then_some(state)
    }

    /// Tells whether it can be written with these names held as well: what has no room could not be given back.
    pub fn has_room_for<'a>(&self, names: impl Iterator<Item = &'a Name>) -> bool {
        // A field with a fingerprint and its marks.
        let more: usize = names.map(|name| name.as_bytes().len() + 2 * FINGERPRINT + 5).sum();
        self.print().is_some_and(|text| text.len() + more <= MOST_BYTES)
    }

    /// Writes it; `None` if it is too long for one variable.
    pub fn print(&self) -> Option<String> {
        let encode = |path: &Path| BASE64_URL_SAFE_NO_PAD.encode(path.as_os_str().as_bytes());
        let mut parts = vec![VERSION.to_string(), format!("r{}", encode(&self.root)), format!("e{}", self.environment)];
        parts.extend((!self.asked.is_empty()).then(|| format!("n{}", self.asked)));
        parts.extend(self.has_moved.then(|| "m".to_string()));
        parts.push(format!("s{}", self.shell));
        parts.extend(self.expires.iter().map(|moment| format!("x{moment}")));
        parts.extend(self.told.iter().map(|told| format!("d{}", told.0)));
        parts.extend(self.watched.iter().map(|(path, signature)| format!("w{}.{}", encode(path), signature.0)));
        let sign = |was_exported| if was_exported { '+' } else { '-' };
        let held = |held: &Held| format!("k{}.{}.{}", held.name, held.fingerprint.0, sign(held.was_exported));
        parts.extend(self.held.iter().map(held));
        parts.extend(self.users.iter().map(|name| format!("u{name}")));
        let text = parts.join("/");
        (text.len() <= MOST_BYTES).then_some(text)
    }
}

fn path(text: &str) -> Option<PathBuf> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let path = PathBuf::from(OsStr::from_bytes(&bytes));
    path.is_absolute().then_some(path)
}

/// Digits and nothing else.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

fn is_hex(text: &str) -> bool {
    text.len() == 2 * FINGERPRINT && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> State {
        State {
            root: "/home/größe".into(),
            environment: "production".into(),
            asked: "0123ab".into(),
            has_moved: true,
            shell: 4711,
            expires: Some(1_800_000_000),
            told: Some(Signature::of(Some(&[9; 32]))),
            watched: vec![("/a/b".into(), Signature::of(Some(&[7; 32]))), ("/c".into(), Signature::of(None))],
            held: vec![Held {
                name: Name::parse("KEY").unwrap(),
                fingerprint: Fingerprint::of(&[1; 32]),
                was_exported: true,
            }],
            users: vec![Name::parse("MINE").unwrap()],
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let text = sample().print().unwrap();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./:_+-".contains(&b)), "{text}");
        assert_eq!(State::parse(OsStr::new(&text)), Some(sample()));
    }

    #[test]
    fn anything_else_is_no_state() {
        let good = sample().print().unwrap();
        for bad in [
            String::new(),
            "1".into(),
            "2/rL2E/e".into(),
            good.replace("1/", "9/"),
            format!("{good}/"),
            format!("{good}/x"),
            format!("{good}/kKEY.00.+"),
            format!("{good}/k;.0101010101010101.+"),
            format!("{good}/kA.0101010101010101.*"),
            format!("{good}/rL2E"),
            format!("{good}/s4"),
            good.replace("s4711", "s+4711"),
            good.replace("x18", "x-18"),
            good.replace("/d09", "/d9"),
            format!("{good}/w.-"),
            format!("{good}/wYQ.-"),
            "1/rYQ/ea".into(),
            "x".repeat(100_000),
        ] {
            assert_eq!(State::parse(OsStr::new(&bad)), None, "{}", bad.get(..60).unwrap_or(&bad));
        }
        let long = State { held: vec![sample().held[0].clone(); 4000], ..sample() };
        assert_eq!(long.print(), None);
    }
}
