//! Names and paths by which somebody would like to have a program started: none is, under a trace of `execve`.

use std::fs;
use std::os::unix::fs::symlink;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;

use super::install;
use super::on_path;
use super::pair;

/// Names that no plugin has.
const NAMES: [&str; 15] =
    ["../x", "../../x", "a/b", "/x", ".", "..", ".x", "-x", "_x", "x;id", "$(id)", "`id`", "~x", "a:b", "a%2fb"];

/// A project that is sealed to the plugin `scene` beside a key of the usual kind, with a program on `PATH` that would serve.
fn project() -> Sandbox {
    let s = Sandbox::new().value("KEY", "v");
    install(&s, "../plugins", "scene");
    let s = on_path(s, "../plugins");
    s.run(["allow", "--plugin", "scene"]).succeeds();
    s.run(["member", "add", "bob", &pair("scene", 7).0, "--to", "dev"]).succeeds();
    // From now on the plugin alone opens it.
    hold(&s, &pair("scene", 7).1);
    s
}

fn hold(s: &Sandbox, identity: &str) {
    s.write(s.identity(), format!("{identity}\n"));
    s.chmod(s.identity(), 0o600);
}

/// Runs commands that would want the plugin, and returns what was started whose name is a plugin's.
fn started(s: &Sandbox) -> Vec<String> {
    let mut started = Vec::new();
    for words in
        [&["get", "KEY"][..], &["run", "--", "true"], &["set", "NEW"], &["rekey"], &["status"], &["reseal", "--yes"]]
    {
        let log = s.root().join("tmp/trace");
        let words = s.call(words).stdin("x").under(
            ["strace", "-f", "-qq", "-e", "trace=execve,execveat", "-o"]
                .map(std::ffi::OsString::from)
                .into_iter()
                .chain([log.clone().into_os_string()]),
        );
        words.go().may_reveal_all();
        let trace = fs::read_to_string(&log).expect("strace writes it");
        assert!(trace.contains("execve("), "the trace holds the command itself");
        started.extend(trace.lines().filter(|line| line.contains("age-plugin")).map(str::to_string));
    }
    started
}

/// Takes the plugin from where it serves.
fn no_plugin(s: &Sandbox) {
    fs::remove_file(s.path("../plugins/age-plugin-scene")).expect("it is there");
}

type Trick = (&'static str, fn(Sandbox) -> Sandbox);

fn with_path(s: Sandbox, first: &str) -> Sandbox {
    let rest = std::env::var("PATH").unwrap_or_default();
    s.env("PATH", format!("{first}:{rest}"))
}

/// Ways in which a program must not be found, with a name that is right and was allowed.
const TRICKS: [Trick; 25] = [
    ("a relative folder", |s| {
        install(&s, "bin", "scene");
        with_path(s, "bin")
    }),
    ("a relative folder with a dot", |s| {
        install(&s, "bin", "scene");
        with_path(s, "./bin")
    }),
    ("the working directory", |s| {
        install(&s, ".", "scene");
        with_path(s, ".")
    }),
    ("an empty part", |s| {
        install(&s, ".", "scene");
        with_path(s, "")
    }),
    ("a tilde that nobody expands", |s| {
        install(&s, "~/bin", "scene");
        with_path(s, "~/bin")
    }),
    ("a folder of the project", |s| {
        let folder = install(&s, "bin", "scene").parent().expect("a folder").display().to_string();
        with_path(s, &folder)
    }),
    ("the project itself", |s| {
        install(&s, ".", "scene");
        let folder = s.project().display().to_string();
        with_path(s, &folder)
    }),
    ("a way around into the project", |s| {
        install(&s, "bin", "scene");
        let folder = format!("{}/../plugins/../shop/bin", s.project().display());
        with_path(s, &folder)
    }),
    ("a link to a folder of the project", |s| {
        let folder = install(&s, "bin", "scene").parent().expect("a folder").to_path_buf();
        symlink(folder, s.path("../link")).expect("a link");
        let link = s.path("../link").display().to_string();
        with_path(s, &link)
    }),
    ("a link to a program of the project", |s| {
        let program = install(&s, "bin", "scene");
        symlink(program, s.path("../plugins/age-plugin-scene")).expect("a link");
        s
    }),
    ("a link of the project to a folder elsewhere", |s| {
        install(&s, "../elsewhere", "scene");
        symlink(s.path("../elsewhere"), s.path("link")).expect("a link");
        let link = s.path("link").display().to_string();
        with_path(s, &link)
    }),
    ("the repository around the project", |s| {
        fs::create_dir(s.path("../.git")).expect("a folder");
        let program = install(&s, "../tools", "scene");
        let folder = program.parent().expect("a folder").display().to_string();
        with_path(s, &folder)
    }),
    ("the repository around the project, from a repository inside it", |s| {
        fs::create_dir(s.path("../.git")).expect("a folder");
        let program = install(&s, "../tools", "scene");
        let folder = program.parent().expect("a folder").display().to_string();
        s.write("sub/.git/config", "");
        with_path(s, &folder)
    }),
    ("another working tree", |s| {
        s.write(".git/worktrees/x/gitdir", format!("{}\n", s.path("../tree/.git").display()));
        let program = install(&s, "../tree/bin", "scene");
        let folder = program.parent().expect("a folder").display().to_string();
        with_path(s, &folder)
    }),
    ("the main working tree", |s| {
        s.write("../main/.git/worktrees/x/gitdir", format!("{}\n", s.path(".git").display()));
        s.write(".git", format!("gitdir: {}\n", s.path("../main/.git/worktrees/x").display()));
        let program = install(&s, "../main/bin", "scene");
        let folder = program.parent().expect("a folder").display().to_string();
        with_path(s, &folder)
    }),
    ("a folder that everybody writes", |s| {
        install(&s, "../plugins", "scene");
        s.chmod("../plugins", 0o777);
        s
    }),
    ("a program that everybody writes", |s| {
        install(&s, "../plugins", "scene");
        s.chmod("../plugins/age-plugin-scene", 0o777);
        s
    }),
    ("another user's folder", |s| {
        install(&s, "../plugins", "scene");
        give_away(&s, "../plugins");
        s
    }),
    ("another user's program", |s| {
        install(&s, "../plugins", "scene");
        give_away(&s, "../plugins/age-plugin-scene");
        s
    }),
    ("a program that may not be executed", |s| {
        install(&s, "../plugins", "scene");
        s.chmod("../plugins/age-plugin-scene", 0o644);
        s
    }),
    ("a folder of that name", |s| {
        fs::create_dir(s.path("../plugins/age-plugin-scene")).expect("a folder");
        s
    }),
    ("nobody allowed it", |s| {
        install(&s, "../plugins", "scene");
        s.forget();
        s
    }),
    ("it was taken back", |s| {
        install(&s, "../plugins", "scene");
        s.run(["deny"]).succeeds();
        s
    }),
    ("a digest stands for the record", |s| {
        install(&s, "../plugins", "scene");
        s.forget();
        s.env("SECRETS_TRUST", "AAAA")
    }),
    ("age's switch that prints keys", |s| {
        install(&s, "../plugins", "scene");
        s.env("AGEDEBUG", "plugin")
    }),
];

fn give_away(s: &Sandbox, path: &str) {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(s.path(path), Some(64123), Some(64123)).expect("root may give a file away");
    } else {
        // Nobody else's file can be made here: one that everybody writes stands for it.
        s.chmod(path, 0o777);
    }
}

#[test]
fn no_program_is_started_by_a_name_or_a_path() {
    if !needs("python3") || !needs("strace") {
        return;
    }
    let s = project();
    let control = started(&s);
    assert!(control.len() >= 3, "the one that is allowed is started: {control:?}");
    let mut cases = 0;
    for (what, trick) in TRICKS {
        let s = project();
        no_plugin(&s);
        let s = trick(s);
        let started = started(&s);
        assert!(started.is_empty(), "{what}: {started:#?}");
        cases += 1;
    }
    for name in NAMES {
        let (recipient, identity) = pair(name, 7);
        // Who says that it is a plugin's name, and that it was allowed.
        let allowed = Sandbox::new();
        allowed.run(["allow", "--plugin", name]).exits(2);
        for is_identity in [true, false] {
            let s = project();
            no_plugin(&s);
            let _ = fs::create_dir_all(s.path(format!("../plugins/age-plugin-{name}")).parent().expect("a folder"));
            let planted = s.path(format!("../plugins/age-plugin-{name}"));
            if !planted.exists() {
                install(&s, "../plugins", name);
            }
            let record = crate::sandbox::find(&s.root().join("home/.local/state"), "trust.json");
            let text = fs::read_to_string(&record)
                .expect("a record")
                .replace("\"scene\"", &serde_json::to_string(name).expect("a string"));
            s.write(&record, text);
            s.chmod(&record, 0o600);
            if is_identity {
                hold(&s, &identity);
            } else {
                let toml = s.read("secrets.toml");
                s.write("secrets.toml", toml.replace(&pair("scene", 7).0, &recipient.replace('\\', "\\\\")));
                let _ = s.run(["allow"]);
            }
            let started = started(&s);
            assert!(started.is_empty(), "{name} ({is_identity}): {started:#?}");
            cases += 1;
        }
    }
    // Outside a project, an identity that nobody named.
    let s = project();
    let sealed = s.bytes(crate::sandbox::SEALED);
    s.write("../elsewhere/x.env", sealed);
    let log = s.root().join("tmp/trace");
    for (named, want) in [(&[][..], 0), (&["--identity", &s.identity().display().to_string()][..], 1)] {
        let call = s.call(["get", "KEY", "--file", "x.env"]).words(named).cwd("../elsewhere");
        call.under(["strace", "-f", "-qq", "-e", "trace=execve", "-o", &log.display().to_string()])
            .go()
            .may_reveal_all();
        let trace = fs::read_to_string(&log).expect("strace writes it");
        assert_eq!(trace.matches("age-plugin-scene").count().min(1), want, "{trace}");
        cases += 1;
    }
    println!("{cases} cases");
    assert!(cases >= 40, "{cases} cases");
}
