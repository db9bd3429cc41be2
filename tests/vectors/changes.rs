//! A sealed file that somebody without the data key changed is refused, wherever the change is.

use std::thread;

use secrets::base::Name;
use secrets::base::Pattern;
use secrets::base::Value;
use secrets::sops::DataKey;
use secrets::sops::Draft;
use secrets::sops::Leniency;
use secrets::sops::NextSeal;
use secrets::sops::Place;
use secrets::sops::Recipient;
use secrets::sops::Row;
use secrets::sops::SealedFile;
use secrets::sops::Selector;

use crate::Identity;
use crate::assert_all_agree;
use crate::data_key_bytes;
use crate::folder;
use crate::hex;
use crate::moment;
use crate::read;
use crate::seals::open;
use crate::seals::reference;
use crate::seals::reference_says;

/// A sealed file, and what opens it.
struct Scene {
    bytes: Vec<u8>,
    key: Vec<u8>,
    place: Place,
}

fn place() -> Place {
    Place { project: "shop".into(), path: "secrets/development.env".into(), environment: "development".into() }
}

impl Scene {
    /// Twenty entries, among them clear and empty ones, with comments and a blank line between.
    fn of_twenty_entries() -> Self {
        let value = |text: &str| Value::from(text.to_string());
        let mut draft = Draft::default();
        for n in 0..20 {
            let (name, text) = match n {
                3 => ("PORT".to_string(), "8080".to_string()),
                4 => ("LOG_LEVEL".to_string(), "debug".to_string()),
                5 => ("EMPTY".to_string(), String::new()),
                12 => ("LINES".to_string(), "one\ntwo\n".to_string()),
                _ => (format!("NAME_{n}"), format!("value-{n}")),
            };
            if n % 9 == 0 {
                draft.rows.push(Row::Comment(value(" a note")));
            }
            if n == 10 {
                draft.rows.push(Row::Blank);
            }
            draft.rows.push(Row::Entry(Name::parse(name).unwrap(), value(&text)));
        }
        let identity = Identity::generate();
        let recipient = Recipient::parse(identity.own.as_ref().unwrap()).unwrap();
        let plain = ["PORT", "LOG_*"].map(|pattern| Pattern::parse(pattern).unwrap());
        let selector = Selector::for_plain(&plain).unwrap();
        let written = draft.write(&[recipient], &selector, Some(NextSeal::first(place())), moment(0)).unwrap();
        let key = data_key_bytes(&written.bytes, &identity);
        Self { bytes: written.bytes, key, place: place() }
    }

    /// `one.env` of the seal's vectors.
    fn one() -> Self {
        let key = (0..32).collect();
        Self { bytes: read(&folder("seal").join("one.env")), key, place: place() }
    }

    /// Opens a changed version; returns whether it passes for sealed, or `None` if it is refused.
    fn accepts(&self, changed: &[u8]) -> Option<bool> {
        let opened = open(changed, &self.place, |_| DataKey::from_bytes(&self.key)).ok()?;
        Some(opened.file().seal().is_some())
    }

    /// Flips every bit in turn; returns the number of flips and a description of each that was accepted.
    fn flip_every_bit(&self) -> (usize, Vec<String>) {
        assert_eq!(self.accepts(&self.bytes), Some(true), "the file opens before it is changed");
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let part = self.bytes.len().div_ceil(threads);
        let flip_part = |from: usize| {
            let mut changed = self.bytes.clone();
            let mut accepted = Vec::new();
            let mut count = 0;
            for at in from..self.bytes.len().min(from + part) {
                for bit in 0..8 {
                    changed[at] ^= 1 << bit;
                    count += 1;
                    if let Some(is_sealed) = self.accepts(&changed) {
                        let line = self.bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                        let state = if is_sealed { "sealed" } else { "unsealed" };
                        accepted.push(format!("line {line}, byte {at}, bit {bit}: it passes as {state}"));
                    }
                    changed[at] ^= 1 << bit;
                }
            }
            (count, accepted)
        };
        thread::scope(|scope| {
            let starts = (0..threads).map(|n| n * part);
            let running: Vec<_> = starts.map(|from| scope.spawn(move || flip_part(from))).collect();
            running.into_iter().map(|part| part.join().unwrap()).fold(
                (0, Vec::new()),
                |(count, mut all), (n, accepted)| {
                    all.extend(accepted);
                    (count + n, all)
                },
            )
        })
    }
}

#[test]
fn no_bit_of_a_sealed_file_can_be_flipped() {
    let (one, twenty) = (Scene::one(), Scene::of_twenty_entries());
    // The reference refuses as many.
    assert_eq!(one.bytes.len() * 8, 12_464);
    let (of_one, accepted_one) = one.flip_every_bit();
    let (of_twenty, accepted_twenty) = twenty.flip_every_bit();
    let accepted = [accepted_one, accepted_twenty].concat();
    let flips = of_one + of_twenty;
    eprintln!("{flips} flips, {} accepted", accepted.len());
    assert_all_agree(flips, (one.bytes.len() + twenty.bytes.len()) * 8, &accepted);
}

#[test]
fn no_line_of_a_sealed_file_can_be_dropped_doubled_or_moved() {
    let scene = Scene::of_twenty_entries();
    let lines: Vec<_> = scene.bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut refused = 0;
    for at in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(at);
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        let mut moved = lines.clone();
        moved.swap(at, (at + 1) % lines.len());
        for (change, changed) in [("dropped", dropped), ("doubled", doubled), ("moved", moved)] {
            // What misses the seal as a whole is a plain sops file; the trust record knows better.
            let wanted = (change == "dropped" && lines[at].starts_with(b"sops_secrets_seal=")).then_some(false);
            assert_eq!(scene.accepts(&changed.concat()), wanted, "line {} {change}", at + 1);
            refused += usize::from(wanted.is_none());
        }
    }
    assert_eq!(refused, 3 * lines.len() - 1);
}

#[test]
fn no_sealed_file_opens_when_it_was_cut_short() {
    let scene = Scene::of_twenty_entries();
    let accepted: Vec<_> = (0..scene.bytes.len()).filter(|end| scene.accepts(&scene.bytes[..*end]).is_some()).collect();
    assert!(accepted.is_empty(), "accepted with lengths {accepted:?} of {}", scene.bytes.len());
}

#[test]
fn the_reference_makes_and_proves_the_same_seal() {
    let scene = Scene::of_twenty_entries();
    let key = hex(&scene.key);
    let open = || open(&scene.bytes, &scene.place, |_| DataKey::from_bytes(&scene.key)).unwrap();
    let mut draft = Draft::of(&open()).unwrap();
    draft.rows.push(Row::Entry(Name::parse("NEW").unwrap(), Value::from("new".to_string())));
    let before = open();
    let next = draft.rewrite(&before, None, before.next_seal(), moment(1)).unwrap().bytes;

    let folder = tempfile::tempdir().unwrap();
    let mut replaced = hex(&[0; 32]);
    for (name, bytes, seq) in [("first.env", &scene.bytes, 1), ("next.env", &next, 2)] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap();
        let Place { project, path: inner, environment } = &scene.place;
        let Some(said) = reference(&["verify", path, &key, project, inner, environment]) else {
            return;
        };
        let mut file = SealedFile::parse(bytes).unwrap();
        file.check(Leniency::None, None).unwrap();
        let prev = hex(&file.seal().unwrap().prev);
        assert_eq!(prev, replaced, "{name}");
        let opened = file.open(DataKey::from_bytes(&scene.key).unwrap()).unwrap();
        let digest = hex(&opened.digest().unwrap());
        assert_eq!(String::from_utf8(said).unwrap().trim(), format!("ok seq={seq} digest={digest}"));
        let (seq, sealed) = (seq.to_string(), [project, inner, environment].map(String::as_str));
        let arguments = [&["seal", path, &key][..], &sealed, &[&seq, &prev]].concat();
        assert_eq!(reference(&arguments).unwrap(), *bytes, "{name}");
        replaced = digest;
    }
}

#[test]
fn a_seal_that_commits_to_another_key_is_refused_though_its_mac_fits() {
    let mut scene = Scene::one();
    // A member could write it, to lead two readers to two contents of one file.
    let Some(forged) = reference_says(&[
        "reference.commitment = lambda key, honest=reference.commitment: honest(bytes(32))",
        "file = open(reference.__file__.replace('seal_reference.py', 'one.env'), 'rb').read()",
        "place = [b'shop', b'secrets/development.env', b'development']",
        "forged = reference.seal(file, bytes(range(32)), *place, 1, bytes(32))",
        "reference.verify(forged, bytes(range(32)))",
        "reference.sys.stdout.buffer.write(forged)",
    ]) else {
        return;
    };
    assert_eq!(forged.len(), scene.bytes.len());
    assert_eq!(scene.accepts(&forged), None);
    scene.key = vec![0; 32];
    assert_eq!(scene.accepts(&forged), None);
}
