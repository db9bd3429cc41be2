//! `seal/seal.json`: each seal is read and proved as the reference made it, and each edit is refused.

use std::process::Command;

use serde_json::Value as Json;

use secrets::base::Result;
use secrets::sops::DataKey;
use secrets::sops::Leniency;
use secrets::sops::Opened;
use secrets::sops::Place;
use secrets::sops::SealedFile;

use crate::Identity;
use crate::assert_all_agree;
use crate::folder;
use crate::hex;
use crate::json;
use crate::read;
use crate::unhex;
use crate::unlock;

fn vectors() -> Json {
    json(&folder("seal").join("seal.json"))
}

fn text<'a>(of: &'a Json, field: &str) -> &'a str {
    of[field].as_str().unwrap_or_else(|| panic!("`{field}` is missing"))
}

fn content(vector: &Json) -> Vec<u8> {
    read(&folder("seal").join(text(vector, "file")))
}

fn place(of: &Json) -> Place {
    Place {
        project: text(of, "project").into(),
        path: text(of, "path").into(),
        environment: text(of, "environment").into(),
    }
}

fn data_key(vectors: &Json, name: &str) -> DataKey {
    DataKey::from_bytes(&unhex(text(&vectors["data_keys"][name], "hex"))).unwrap()
}

/// Opens a file as the steps of the format say: parse, rules, place, data key, seal and values.
pub fn open(file: &[u8], place: &Place, key: impl FnOnce(&SealedFile) -> Result<DataKey>) -> Result<Opened> {
    let mut file = SealedFile::parse(file)?;
    file.check(Leniency::None, None)?;
    file.check_place(place)?;
    let key = key(&file)?;
    file.open(key)
}

/// Runs the reference; `None` where there is no `python3`, which is not tolerated in CI.
pub fn reference(arguments: &[&str]) -> Option<Vec<u8>> {
    let script = folder("seal").join("seal_reference.py");
    python(Command::new("python3").arg(script).args(arguments))
}

/// Runs statements that have the reference as `reference`; `None` as above.
pub fn reference_says(statements: &[&str]) -> Option<Vec<u8>> {
    let program = [&["import seal_reference as reference"], statements].concat().join("\n");
    // `-B`: no compiled file is left among the vectors.
    python(Command::new("python3").args(["-B", "-c", &program]).env("PYTHONPATH", folder("seal")))
}

fn python(command: &mut Command) -> Option<Vec<u8>> {
    match command.output() {
        Ok(run) => {
            let said = String::from_utf8_lossy(&run.stderr).into_owned();
            assert!(run.status.success(), "the seal's reference: {said}");
            Some(run.stdout)
        }
        Err(error) if std::env::var_os("SECRETS_TEST_ALL").is_none() => {
            eprintln!("left out: the comparison with the seal's reference; python3: {error}");
            None
        }
        Err(error) => panic!("python3: {error}"),
    }
}

#[test]
fn each_seal_says_what_the_reference_wrote() {
    let vectors = vectors();
    let files = vectors["files"].as_array().unwrap();
    for vector in files {
        let id = text(vector, "id");
        let bytes = content(vector);
        let mut file = SealedFile::parse(&bytes).unwrap();
        file.check(Leniency::None, None).unwrap();
        file.check_place(&place(vector)).unwrap();
        let seal = file.seal().unwrap();
        assert_eq!(seal.place, place(vector), "{id}");
        assert_eq!(seal.seq, vector["seq"].as_u64().unwrap(), "{id}");
        assert_eq!(hex(&seal.prev), text(vector, "prev"), "{id}");
        assert_eq!(hex(&seal.commitment), text(vector, "kc"), "{id}");
        let of_key = &vectors["data_keys"][text(vector, "data_key")];
        assert_eq!(hex(&seal.commitment), text(of_key, "commitment"), "{id}");
        let links: Vec<_> = seal.links.iter().map(|(old, tag)| (hex(old), hex(tag))).collect();
        let wanted = vector["links"].as_array().unwrap().iter();
        let wanted: Vec<_> =
            wanted.map(|link| (text(link, "kc_old").to_string(), text(link, "tag").to_string())).collect();
        assert_eq!(links, wanted, "{id}");
        let line = text(vector, "seal_line").as_bytes();
        assert!(bytes.split(|byte| *byte == b'\n').any(|found| found == line), "{id}");
    }
    assert_eq!(files.len(), 6);
}

#[test]
fn each_seal_is_proved_with_its_data_key_and_no_other() {
    let vectors = vectors();
    let files = vectors["files"].as_array().unwrap();
    for vector in files {
        let id = text(vector, "id");
        let name = text(vector, "data_key");
        let opened = open(&content(vector), &place(vector), |_| Ok(data_key(&vectors, name))).unwrap();
        assert_eq!(opened.items().count() as u64, vector["lines"].as_u64().unwrap(), "{id}");
        // The digest is the SHA-256 of the canonical encoding: equal digests, equal encodings.
        assert_eq!(hex(&opened.digest().unwrap()), text(vector, "canon_sha256"), "{id}");
        let other = if name == "K1" { "K2" } else { "K1" };
        let refused = open(&content(vector), &place(vector), |_| Ok(data_key(&vectors, other)));
        assert_eq!(refused.err().unwrap().kind().code(), 3, "{id}");
    }
    assert_eq!(files.len(), 6);
}

#[test]
fn each_sealed_file_opens_for_its_identities_and_no_other() {
    let vectors = vectors();
    let mut opened = 0;
    for vector in vectors["files"].as_array().unwrap() {
        for key_file in ["keys/alice.txt", "keys/ci.txt"] {
            let identities = Identity::list(&folder("seal").join(key_file));
            let result = open(&content(vector), &place(vector), |file| unlock(file, &identities));
            let is_reader = vector["identities"].as_array().unwrap().iter().any(|own| own == key_file);
            let code = result.err().map_or(0, |error| error.kind().code());
            assert_eq!(code, if is_reader { 0 } else { 3 }, "{} with {key_file}", text(vector, "id"));
            opened += usize::from(is_reader);
        }
    }
    assert_eq!(opened, 7);
}

/// Returns what differs from the exit code that the vector promises.
fn refusal_differs(vectors: &Json, negative: &Json) -> Option<String> {
    let id = text(negative, "id");
    let mut originals = vectors["files"].as_array().unwrap().iter();
    let original = originals.find(|vector| text(vector, "id") == text(negative, "made_from")).unwrap();
    let place = place(negative.get("opened_as").unwrap_or(original));
    let key = data_key(vectors, text(original, "data_key"));
    let wanted = negative["exit"].as_u64().unwrap();
    match open(&content(negative), &place, |_| Ok(key)) {
        Ok(_) => Some(format!("{id}: it opens, and {wanted} is due")),
        Err(error) if u64::from(error.kind().code()) == wanted => None,
        Err(error) => Some(format!("{id}: {wanted} is due, not {error:?}")),
    }
}

#[test]
fn each_edit_of_a_sealed_file_is_refused_with_its_code() {
    let vectors = vectors();
    let edits = vectors["negative"].as_array().unwrap().iter();
    let edits: Vec<_> = edits.filter(|negative| text(negative, "id") != "unsealed").collect();
    let differ: Vec<_> = edits.iter().filter_map(|edit| refusal_differs(&vectors, edit)).collect();
    assert_all_agree(edits.len(), 26, &differ);
}

#[test]
fn a_file_in_another_project_opens_there() {
    let vectors = vectors();
    let edits = vectors["negative"].as_array().unwrap().iter();
    let elsewhere: Vec<_> = edits.filter(|edit| edit.get("opened_as").is_some()).collect();
    for edit in &elsewhere {
        let sealed_for = SealedFile::parse(&content(edit)).map(|mut file| {
            file.check(Leniency::None, None).unwrap();
            file.seal().unwrap().place.clone()
        });
        let key = data_key(&vectors, "K1");
        open(&content(edit), &sealed_for.unwrap(), |_| Ok(key)).unwrap();
    }
    assert_eq!(elsewhere.len(), 2);
}

#[test]
fn a_file_that_lost_its_seal_is_refused_where_the_record_says_sealed() {
    let vectors = vectors();
    let edits = vectors["negative"].as_array().unwrap().iter();
    let unsealed: Vec<_> = edits.filter(|edit| text(edit, "id") == "unsealed").collect();
    let [unsealed] = unsealed.as_slice() else { panic!("there is one such file") };
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join("shop");
    std::fs::create_dir_all(project.join("secrets")).unwrap();
    let identity = folder("seal").join("keys/alice.txt");
    let recipient = Identity::list(&identity).remove(0).own.unwrap();
    let settings = format!(
        "version = 1\nproject = \"shop\"\n[members.alice]\nrecipients = [\"{recipient}\"]\n\
         [environments.development]\nreaders = [\"alice\"]\nplain = [\"*\"]\n"
    );
    std::fs::write(project.join("secrets.toml"), settings).unwrap();
    let run = |content: &[u8]| {
        std::fs::write(project.join("secrets/development.env"), content).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_secrets"));
        command.args(["export"]).current_dir(&project);
        command.env_clear().env("HOME", home.path()).env("SECRETS_IDENTITY_FILE", &identity);
        command.args(["--format", "json"]).env("SECRETS_CEILING", home.path()).output().unwrap()
    };
    let original =
        vectors["files"].as_array().unwrap().iter().find(|file| file["id"] == unsealed["made_from"]).unwrap();
    let before = run(&content(original));
    assert_eq!(before.status.code(), Some(0), "{}", String::from_utf8_lossy(&before.stderr));
    let after = run(&content(unsealed));
    let said = String::from_utf8_lossy(&after.stderr).into_owned();
    assert_eq!(after.status.code(), Some(unsealed["exit"].as_i64().unwrap() as i32), "{said}");
    assert!(said.contains("it lost its seal"), "{said}");
}
