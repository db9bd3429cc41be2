//! sops changes a file of ours: we read what it left.

use std::path::PathBuf;

use super::keys::Key;
use super::needs::needs;
use super::place::Outcome;
use super::place::Place;

const PLAIN: &str = "# first\nA=one\nB=two words\nC=a\\nb\nE=\n";

/// A folder without a project and two files of ours in it: `encrypt.env`, and `init.env`, which was sealed.
struct Scene {
    place: Place,
    sops: PathBuf,
}

const FILES: [&str; 2] = ["encrypt.env", "init.env"];

impl Scene {
    fn new() -> Option<Self> {
        let sops = needs("sops")?;
        let key = Key::new();
        let project = Place::new().with("SOPS_AGE_KEY", &key.secret);
        project.write(".env", "# first\nA=one\nB='two words'\nC='a\nb'\nE=\n");
        let _ = project.secrets(["init", "--yes"]).ok();
        let place = Place::new().with("SOPS_AGE_KEY", &key.secret);
        let sealed = project.read("secrets/development.env");
        assert!(is_sealed(&sealed));
        place.write("init.env", sealed);
        place.write("plain.env", PLAIN);
        let _ = place.secrets(["encrypt", "plain.env", "--to", &key.recipient, "--output", "encrypt.env"]).ok();
        assert!(!is_sealed(&place.read("encrypt.env")));
        Some(Self { place, sops })
    }

    fn sops<const N: usize>(&self, arguments: [&str; N]) -> Outcome {
        self.place.call(&self.sops).args(arguments).run()
    }

    /// What we print is `want` and what sops prints; the seal is gone.
    #[track_caller]
    fn reads(&self, file: &str, want: &str) {
        let _ = self.sops(["decrypt", file]).prints(want);
        let _ = self.place.secrets(["decrypt", file]).prints(want);
        assert!(!is_sealed(&self.place.read(file)), "sops kept the seal of {file}");
    }

    #[track_caller]
    fn get(&self, file: &str, name: &str, want: &str) {
        let _ = self.place.secrets(["get", name, "--file", file]).prints(want);
    }
}

fn is_sealed(file: &[u8]) -> bool {
    String::from_utf8_lossy(file).contains("\nsops_secrets_seal=v1;")
}

#[test]
fn before_sops_touches_them_both_read_both() {
    let Some(scene) = Scene::new() else { return };
    for file in FILES {
        let _ = scene.sops(["decrypt", file]).prints(PLAIN);
        let _ = scene.place.secrets(["decrypt", file]).prints(PLAIN);
    }
}

#[test]
fn after_sops_edit() {
    let Some(scene) = Scene::new() else { return };
    let editor = scene.place.script("editor", "sed -i 's/^A=.*/A=it'\\''s \"new\"/' \"$1\"\necho 'D=four' >>\"$1\"");
    for file in FILES {
        let _ = scene.place.call(&scene.sops).args(["edit", file]).env("EDITOR", &editor).run().ok();
        scene.reads(file, "# first\nA=it's \"new\"\nB=two words\nC=a\\nb\nE=\nD=four\n");
        scene.get(file, "A", "it's \"new\"");
        scene.get(file, "C", "a\nb");
    }
}

#[test]
fn after_sops_set_and_unset() {
    let Some(scene) = Scene::new() else { return };
    for file in FILES {
        let _ = scene.sops(["set", file, "[\"B\"]", "\"changed\\nlines \\u00e9\""]).ok();
        let _ = scene.sops(["set", file, "[\"N\"]", "\"new\""]).ok();
        let _ = scene.sops(["unset", file, "[\"A\"]"]).ok();
        scene.reads(file, "# first\nB=changed\\nlines é\nC=a\\nb\nE=\nN=new\n");
        scene.get(file, "B", "changed\nlines é");
        let gone = scene.place.secrets(["get", "A", "--file", file]).ends_with(1);
        assert!(gone.stderr.contains("`A` is not set"), "{}", gone.stderr);
    }
}

#[test]
fn after_sops_rotate() {
    let Some(scene) = Scene::new() else { return };
    let other = Key::new();
    for file in FILES {
        let before = scene.place.read(file);
        let _ = scene.sops(["rotate", "--in-place", "--add-age", &other.recipient, file]).ok();
        assert!(before != scene.place.read(file));
        scene.reads(file, PLAIN);
        let call = scene.place.call(env!("CARGO_BIN_EXE_secrets")).args(["decrypt", file]);
        let _ = call.env("SOPS_AGE_KEY", &other.secret).run().prints(PLAIN);
    }
}

#[test]
fn after_sops_and_then_us_sops_reads_on() {
    let Some(scene) = Scene::new() else { return };
    for file in FILES {
        let _ = scene.sops(["set", file, "[\"A\"]", "\"theirs\""]).ok();
        let set = scene.place.call(env!("CARGO_BIN_EXE_secrets")).args(["set", "B", "--file", file]);
        let _ = set.stdin("ours\nof two lines\n").run().ok();
        scene.reads(file, "# first\nA=theirs\nB=ours\\nof two lines\nC=a\\nb\nE=\n");
        let _ = scene.place.secrets(["unset", "E", "--file", file]).ok();
        scene.reads(file, "# first\nA=theirs\nB=ours\\nof two lines\nC=a\\nb\n");
    }
}

#[test]
fn what_we_left_alone_keeps_its_line_and_sops_keeps_it_too() {
    let Some(scene) = Scene::new() else { return };
    for file in FILES {
        let line = |name: &str| {
            let text = String::from_utf8(scene.place.read(file)).unwrap();
            text.lines().find(|line| line.starts_with(name)).unwrap().to_string()
        };
        let before = line("B=");
        let set = scene.place.call(env!("CARGO_BIN_EXE_secrets")).args(["set", "A", "--file", file]);
        let _ = set.stdin("new").run().ok();
        assert_eq!(line("B="), before);
        let _ = scene.sops(["set", file, "[\"A\"]", "\"newer\""]).ok();
        assert_eq!(line("B="), before);
    }
}

/// `sops set` takes JSON, and keeps a number or bool as one (`sops-format.md`, 10).
#[test]
fn a_number_or_bool_of_sops_is_read_with_a_warning_and_printed_as_sops_does() {
    let Some(scene) = Scene::new() else { return };
    let numbers = [
        "8080", "0", "-0", "-1", "1.5", "0.1", "1e3", "1e20", "1e21", "1e22", "1e-4", "1e-5", "1e-6", "1e-7",
        "123456789", "1234567.895", "1234567895", "12345678901234567", "1.7976931348623157e308", "5e-324",
        "0.30000000000000004", "true", "false",
    ];
    for file in FILES {
        for (index, number) in numbers.iter().enumerate() {
            let _ = scene.sops(["set", file, &format!("[\"N{index}\"]"), number]).ok();
        }
        let theirs = scene.sops(["decrypt", file]).ok().text();
        scene.reads(file, &theirs);
        for line in theirs.lines().filter(|line| line.starts_with('N')) {
            let (name, value) = line.split_once('=').unwrap();
            let got = scene.place.secrets(["get", name, "--file", file]).prints(value);
            assert!(got.stderr.contains("warning:") && got.stderr.contains("`N0`"), "{}", got.stderr);
        }
        // The next version has strings only, which say the same.
        let set = scene.place.call(env!("CARGO_BIN_EXE_secrets")).args(["set", "LAST", "--file", file]);
        let _ = set.stdin("x").run().ok();
        scene.reads(file, &format!("{theirs}LAST=x\n"));
        let text = String::from_utf8(scene.place.read(file)).unwrap();
        assert!(!text.contains(",type:float]") && !text.contains(",type:bool]"));
    }
}
