//! `export` in dotenv format, and what a shell, python-dotenv and node's dotenv read there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrets::base::Value;
use secrets::dotenv::quote;

use super::needs::needs;
use super::needs::needs_node_package;
use super::needs::needs_python_package;
use super::place::Place;
use super::values::export;
use super::values::pairs;
use super::values::pairs_of_json;
use super::values::project_of;
use super::values::same;
use super::values::text;
use super::values::values;

type Pairs = Vec<(String, Vec<u8>)>;

const SHELLS: [&str; 3] = ["bash", "dash", "sh"];

fn is_portable(value: &[u8]) -> bool {
    quote(&Value::from(value)).is_portable
}

fn portable() -> Pairs {
    let portable: Pairs = values().into_iter().filter(|(_, value)| is_portable(value)).collect();
    assert!(portable.len() >= 300, "only {} portable values", portable.len());
    portable
}

/// Writes one file for each value, with `tail` behind it; guarded, as `export` does, where the tail has quotes.
fn one_file_each(place: &Place, values: &Pairs, tail: &str) {
    for (name, value) in values {
        let quoted = quote(&Value::from(value.as_slice()));
        let guard = if tail.contains('"') { quoted.guard() } else { b"" };
        let file = [name.as_bytes(), b"=", &quoted.text, guard, b"\n", tail.as_bytes()].concat();
        place.write(&format!("each/{name}.env"), file);
    }
}

/// python-dotenv, with a program in python that has its package.
struct Python {
    program: PathBuf,
    package: PathBuf,
}

impl Python {
    fn find() -> Option<Self> {
        Some(Self { program: needs("python3")?, package: needs_python_package("dotenv")? })
    }

    fn run(&self, place: &Place, script: &str) -> Vec<u8> {
        let call = place.call(&self.program).env("PYTHONPATH", &self.package).env("PYTHONUTF8", "1");
        call.args(["-c", script]).run().ok().stdout
    }

    fn read(&self, place: &Place) -> Pairs {
        let script = "import json; from dotenv import dotenv_values\n\
                      print(json.dumps(dotenv_values('values.env', interpolate=False)))";
        pairs_of_json(&self.run(place, script))
    }

    /// Reads the file of each value; `None` where the value, or the line after it, is not seen.
    fn read_each(&self, place: &Place) -> BTreeMap<String, Option<String>> {
        let script = "import json, os; from dotenv import dotenv_values\n\
                      out = {}\n\
                      for file in os.listdir('each'):\n    \
                      name = file[:-4]; values = dotenv_values('each/' + file, interpolate=False)\n    \
                      out[name] = values.get(name) if values.get('END') == 'end' else None\n\
                      print(json.dumps(out))";
        serde_json::from_slice(&self.run(place, script)).unwrap()
    }
}

struct Node {
    program: PathBuf,
    package: PathBuf,
}

impl Node {
    fn find() -> Option<Self> {
        Some(Self { program: needs("node")?, package: needs_node_package("dotenv")? })
    }

    fn run(&self, place: &Place, script: &str) -> Vec<u8> {
        let call = place.call(&self.program).env("NODE_PATH", &self.package);
        call.args(["-e", script]).run().ok().stdout
    }

    fn read(&self, place: &Place) -> Pairs {
        let script = "console.log(JSON.stringify(require('dotenv').parse(require('fs').readFileSync('values.env'))))";
        pairs_of_json(&self.run(place, script))
    }

    fn read_each(&self, place: &Place) -> BTreeMap<String, Option<String>> {
        let script = "const fs = require('fs'), out = {};\n\
                      for (const file of fs.readdirSync('each')) {\n\
                      const name = file.slice(0, -4), v = require('dotenv').parse(fs.readFileSync('each/' + file));\n\
                      out[name] = v.END === 'end' && name in v ? v[name] : null }\n\
                      console.log(JSON.stringify(out))";
        serde_json::from_slice(&self.run(place, script)).unwrap()
    }
}

fn source(place: &Place, shell: &str) -> Option<Pairs> {
    let call = place.call(needs(shell)?).args(["-c", "set -a; . ./values.env; exec env -0"]);
    Some(pairs(&call.env("LC_ALL", "C.UTF-8").run().ok().stdout, 0))
}

#[test]
fn every_reader_reads_what_is_portable() {
    let want = portable();
    let place = project_of(&want);
    place.write("values.env", export(&place, "dotenv"));
    for shell in SHELLS {
        if let Some(got) = source(&place, shell) {
            same(shell, &got, &want);
        }
    }
    if let Some(python) = Python::find() {
        same("python-dotenv", &python.read(&place), &want);
    }
    if let Some(node) = Node::find() {
        same("node's dotenv", &node.read(&place), &want);
    }
}

/// It is no POSIX shell: it takes a `=` at the begin of a value, or behind a `:`, for the path of a command.
#[test]
fn zsh_reads_everything_but_carriage_returns_too() {
    let want: Pairs = values().into_iter().filter(|(_, value)| !value.contains(&b'\r')).collect();
    let place = project_of(&want);
    place.write("values.env", export(&place, "dotenv"));
    if let Some(got) = source(&place, "zsh") {
        same("zsh", &got, &want);
    }
}

/// What quoting cannot save for everybody, it saves for a shell.
#[test]
fn a_shell_reads_everything_but_carriage_returns() {
    let all = values();
    let place = project_of(&all);
    let exported = place.secrets(["export"]).ok();
    let odd: Vec<&String> = all.iter().filter(|(_, value)| !is_portable(value)).map(|(name, _)| name).collect();
    for said in [format!("`{}`", odd[0]), format!("`{}`", odd[9]), format!("{} more", odd.len() - 10)] {
        assert!(exported.stderr.contains(&said), "the warning does not say {said}: {}", exported.stderr);
    }
    place.write("values.env", exported.stdout);
    let (with_cr, without): (Pairs, Pairs) = all.into_iter().partition(|(_, value)| value.contains(&b'\r'));
    for shell in SHELLS {
        let Some(got) = source(&place, shell) else { continue };
        let (got_cr, got): (Pairs, Pairs) =
            got.into_iter().partition(|(name, _)| with_cr.iter().any(|(other, _)| other == name));
        same(shell, &got, &without);
        for (name, value) in got_cr {
            let want = &with_cr.iter().find(|(other, _)| *other == name).unwrap().1;
            assert_eq!(text(&value), text(want).replace('\r', "\\r"), "{shell}, {name}");
        }
    }
}

/// Exactly which values each of the two reads otherwise; `docs/dotenv.md` says the same in words.
#[test]
fn what_is_not_portable_is_read_otherwise_by_exactly_these() {
    let odd: Pairs = values().into_iter().filter(|(_, value)| !is_portable(value)).collect();
    assert!(odd.len() >= 80, "only {} values that are not portable", odd.len());
    let place = Place::new();
    // Nothing with a quote behind it, which a reader could take for the closing one.
    one_file_each(&place, &odd, "END=end\n");
    let has = |value: &[u8], byte: &[u8]| value.windows(byte.len()).any(|window| window == byte);
    // Written in single quotes: read as it is, but for python's backslashes.
    let in_single = |value: &[u8]| !has(value, b"'") && !has(value, b"\r") && value.last() != Some(&b'\\');
    let python_differs = |value: &[u8]| match in_single(value) {
        true => has(value, b"\\\\"),
        // It knows `\\`, `\"` and `\r`, but neither `\$` nor a back quote behind a backslash.
        false => value.iter().any(|byte| b"$`".contains(byte)),
    };
    // It knows `\n` and `\r` in double quotes, and nothing else.
    let node_differs = |value: &[u8]| !in_single(value) && value.iter().any(|byte| b"\"\\$`".contains(byte));
    let check = |who: &str, read: BTreeMap<String, Option<String>>, differs: &dyn Fn(&[u8]) -> bool| {
        assert_eq!(read.len(), odd.len());
        for (name, value) in &odd {
            let is_same = read[name].as_deref() == Some(&text(value));
            let shown = text(value);
            assert_eq!(!is_same, differs(value), "{who}, {name}: {shown:?} is read as {:?}", read[name]);
        }
    };
    if let Some(python) = Python::find() {
        check("python-dotenv", python.read_each(&place), &python_differs);
    }
    if let Some(node) = Node::find() {
        check("node's dotenv", node.read_each(&place), &node_differs);
    }
}

/// The warning names one name; all the others must be right.
#[test]
fn a_value_that_is_not_portable_leaves_its_neighbours_alone() {
    let odd: Pairs = values().into_iter().filter(|(_, value)| !is_portable(value)).collect();
    let place = Place::new();
    one_file_each(&place, &odd, "END=end\nLAST=\"it's\"\n");
    let check = |who: &str, read: BTreeMap<String, Option<String>>| {
        let lost = |(name, value): &(String, Vec<u8>)| read[name].is_none().then(|| text(value));
        let spoilt: Vec<String> = odd.iter().filter_map(lost).collect();
        assert!(spoilt.is_empty(), "{who} loses the line behind each of {spoilt:?}");
    };
    if let Some(python) = Python::find() {
        check("python-dotenv", python.read_each(&place));
    }
    if let Some(node) = Node::find() {
        check("node's dotenv", node.read_each(&place));
    }
}

/// python-dotenv expands `${…}` unless told not to, so that much is not called portable.
#[test]
fn python_with_interpolation_reads_what_is_portable() {
    let Some(python) = Python::find() else { return };
    let want = portable();
    let place = project_of(&want);
    place.write("values.env", export(&place, "dotenv"));
    let script = "import json; from dotenv import dotenv_values; print(json.dumps(dotenv_values('values.env')))";
    same("python-dotenv", &pairs_of_json(&python.run(&place, script)), &want);
}

/// Both decode the whole file as UTF-8: one fails, the other puts U+FFFD in.
#[test]
fn what_is_not_utf_8_is_not_called_portable() {
    for value in [&b"\xff"[..], b"a\xc3", b"it's \xe9t\xe9"] {
        assert!(!is_portable(value), "{}", value.escape_ascii());
    }
}

#[test]
fn what_python_dotenv_writes_is_imported_or_refused() {
    let Some(python) = Python::find() else { return };
    let place = project_of(&[]);
    let script = "from dotenv import set_key\n\
                  open('theirs.env', 'w').write('# kept\\nFIRST=1\\n')\n\
                  for name, value in {'A': 'plain', 'B': 'two words', 'C': 'a\\nb', 'D': '$HOME \"x\" #y', 'E': '',\n    \
                  'F': 'C:\\\\dir', 'G': 'größe 🔑', 'FIRST': 'changed'}.items():\n    \
                  set_key('theirs.env', name, value)\n\
                  set_key('theirs.env', 'H', 'bare', quote_mode='never')\n\
                  set_key('theirs.env', 'I', 'exported', export=True)\n\
                  open('quote.env', 'w').write(''); set_key('quote.env', 'Q', \"it's\")";
    let _ = python.run(&place, script);
    let _ = place.secrets(["import", "theirs.env"]).ok();
    let want = [
        ("FIRST", "changed"),
        ("A", "plain"),
        ("B", "two words"),
        ("C", "a\nb"),
        ("D", "$HOME \"x\" #y"),
        ("E", ""),
        ("F", "C:\\dir"),
        ("G", "größe 🔑"),
        ("H", "bare"),
        ("I", "exported"),
    ];
    let got: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&export(&place, "json")).unwrap();
    let got: Vec<(&str, &str)> = got.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    assert_eq!(got, want);
    // It writes `'it\'s'`, which ends at the second quote for a shell.
    let _ = place.secrets(["import", "quote.env"]).ends_with(1).says("line 1, column 8");
    let _ = place.secrets(["get", "Q"]).ends_with(1);
}
