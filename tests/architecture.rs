//! The house keeps its order: what `DESIGN.md` and `STYLE.md` promise of the source as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use regex::Regex;

/// A page of places where plaintext is opened can still be read in a review.
const MOST_EXPOSES: usize = 40;

/// Returns every file of `src/` with its text, by its path below `src/`.
fn sources() -> BTreeMap<PathBuf, String> {
    fn collect(folder: &Path, root: &Path, files: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).expect("a folder of the source") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                collect(&path, root, files);
            } else {
                let text = fs::read_to_string(&path).expect("a text file");
                files.insert(path.strip_prefix(root).expect("it lies below").to_path_buf(), text);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    collect(&root, &root, &mut files);
    assert!(files.len() > 20, "the source is read: {} files", files.len());
    files
}

/// Returns the rooms in the order in which `src/lib.rs` lists them.
fn rooms(lib: &str) -> Vec<String> {
    let room = Regex::new(r"(?m)^(?:pub(?:\([a-z]+\))? )?mod ([a-z0-9_]+);").expect("a pattern");
    room.captures_iter(lib).map(|found| found[1].to_string()).collect()
}

/// Returns the room that a file belongs to; `None` for `main.rs` and `lib.rs`, which may use every room.
fn room_of(path: &Path) -> Option<String> {
    let first = path.iter().next()?.to_str()?;
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (room != "main" && room != "lib").then(|| room.to_string())
}

/// Returns each room that a text names, with the line.
fn named_rooms(text: &str) -> Vec<(usize, String)> {
    let name = Regex::new(r"\bcrate::(\{|[a-z0-9_]+)").expect("a pattern");
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.flat_map(|(number, line)| name.captures_iter(line).map(move |found| (number, found[1].to_string()))).collect()
}

/// Returns what is wrong with the imports of a file.
fn wrong_imports(rooms: &[String], path: &Path, text: &str) -> Vec<String> {
    let Some(own) = room_of(path) else { return Vec::new() };
    let at = |room: &str| rooms.iter().position(|known| known == room);
    let Some(own_at) = at(&own) else { return vec![format!("{}: lib.rs lists no room `{own}`", path.display())] };
    let uses = named_rooms(text).into_iter().filter_map(|(line, room)| match at(&room) {
        Some(there) if there <= own_at => None,
        Some(_) => Some(format!("{}:{line}: `{own}` uses `{room}`, which stands below it", path.display())),
        None => Some(format!("{}:{line}: `crate::{room}` is no room of lib.rs", path.display())),
    });
    uses.collect()
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let sources = sources();
    let rooms = rooms(&sources[Path::new("lib.rs")]);
    assert_eq!(rooms.first().map(String::as_str), Some("base"));
    assert_eq!(rooms.last().map(String::as_str), Some("cmd"));
    let wrong: Vec<String> = sources.iter().flat_map(|(path, text)| wrong_imports(&rooms, path, text)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn an_import_that_points_downward_is_noticed() {
    let rooms = rooms("pub mod base;\n\npub mod disk;\nmod cmd;\n");
    assert_eq!(rooms, ["base", "disk", "cmd"]);
    let wrong = |path: &str, text: &str| wrong_imports(&rooms, Path::new(path), text).len();
    assert_eq!(wrong("disk/read.rs", "use crate::base::Error;\nuse crate::disk::Lock;\n"), 0);
    assert_eq!(wrong("disk/read.rs", "use crate::cmd::Context;\n"), 1);
    assert_eq!(wrong("base.rs", "    let file = crate::disk::read(path)?;\n"), 1);
    assert_eq!(wrong("disk/read.rs", "use crate::{base, disk};\n"), 1, "one import per line");
    assert_eq!(wrong("disk/read.rs", "use crate::unknown::X;\n"), 1);
    assert_eq!(wrong("attic/x.rs", ""), 1);
    assert_eq!(wrong("main.rs", "use crate::cmd::X;\n"), 0);
}

/// Returns the places where `pattern` stands in code, comments aside.
fn places(pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let mut places = Vec::new();
    for (path, text) in sources() {
        for (index, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if pattern.is_match(code) {
                places.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    places
}

/// Tells whether a place lies in the tests at the end of its file.
fn is_in_tests(place: &str) -> bool {
    let mut parts = place.splitn(3, ':');
    let (path, line) = (parts.next().expect("a path"), parts.next().expect("a line"));
    let text = &sources()[Path::new(path)];
    let line: usize = line.parse().expect("a number");
    text.lines().position(|text| text == "#[cfg(test)]").is_some_and(|tests| tests < line)
}

#[test]
fn unsafe_code_stands_in_one_module() {
    let places = places(r"\bunsafe\b|\bunsafe_code\b");
    let (at_the_start, elsewhere): (Vec<&String>, Vec<&String>) =
        places.iter().filter(|place| !place.starts_with("os.rs:")).partition(|place| place.starts_with("main.rs:"));
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    // The permission, the name that the system calls, and the one call that takes what the system gave.
    assert_eq!(at_the_start.len(), 3, "{at_the_start:#?}");
    assert!(!places.is_empty(), "the search finds what is there");
}

#[test]
fn plaintext_is_opened_in_few_places() {
    let mut places = places(r"\.expose\(\)");
    places.retain(|place| !is_in_tests(place));
    println!("{} places open a value, of {MOST_EXPOSES} at most", places.len());
    assert!((1..=MOST_EXPOSES).contains(&places.len()), "{} places:\n{}", places.len(), places.join("\n"));
}

#[test]
fn nothing_is_left_to_do() {
    for (path, text) in sources() {
        assert!(!text.contains("TODO") && !text.contains("FIXME"), "{} has something left to do", path.display());
    }
}

#[test]
fn nothing_speaks_to_the_network() {
    let places = places(r"\b(tokio|hyper|reqwest|ureq|rustls|std::net|TcpStream|UdpSocket|ToSocketAddrs)\b");
    assert!(places.is_empty(), "{places:#?}");
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let dependency = Regex::new(r"(?m)^(tokio|hyper|reqwest|ureq|rustls)\b").unwrap();
    assert!(!dependency.is_match(&manifest));
}
