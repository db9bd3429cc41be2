//! Age plugins: a program that real age and sops take as well.

mod tricks;

use std::fs;
use std::path::PathBuf;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::python;
use crate::sandbox::secret;

const PROGRAM: &str = include_str!("plugin/age-plugin-scene.py");

/// Returns a plugin's recipient and identity, with the same bytes in both.
pub fn pair(name: &str, seed: u8) -> (String, String) {
    let bytes = [seed; 32];
    let encode = |hrp: &str| {
        let hrp = bech32::Hrp::parse_unchecked(hrp);
        bech32::encode::<bech32::Bech32>(hrp, &bytes).expect("a short text")
    };
    (encode(&format!("age1{name}")), encode(&format!("age-plugin-{name}-")).to_ascii_uppercase())
}

/// Puts the plugin into a folder as a program of that name.
pub fn install(s: &Sandbox, folder: &str, name: &str) -> PathBuf {
    let path = format!("{folder}/age-plugin-{name}");
    s.write(&path, PROGRAM.replace("/usr/bin/env python3", python()));
    s.chmod(&path, 0o755);
    s.path(path)
}

/// Adds a folder of the sandbox in front of `PATH`.
pub fn on_path(s: Sandbox, folder: &str) -> Sandbox {
    let folder = s.path(folder).canonicalize().expect("a folder");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    s.env("PATH", path).env("SCENE_LOG", "/dev/null")
}

/// A project whose only identity is held by the plugin, which was allowed.
pub fn project(seed: u8) -> Sandbox {
    let (recipient, identity) = pair("scene", seed);
    let s = Sandbox::empty();
    install(&s, "../plugins", "scene");
    let s = on_path(s, "../plugins");
    let file = s.identity();
    s.write(&file, format!("# created by a test\n#    Recipient: {recipient}\n{identity}\n"));
    s.chmod(&file, 0o600);
    s.run(["init", "--yes"]).succeeds();
    s.secret("KEY")
}

fn starts(s: &Sandbox, words: &[&str]) -> usize {
    let log = s.root().join("tmp/log");
    let _ = fs::remove_file(&log);
    let outcome = s.call(words).env("SCENE_LOG", &log).go();
    outcome.succeeds().may_reveal_all();
    fs::read_to_string(&log).unwrap_or_default().lines().count()
}

#[test]
fn a_key_that_a_plugin_holds_opens_and_writes_files() {
    if !needs("python3") {
        return;
    }
    let s = project(7);
    let (recipient, _) = pair("scene", 7);
    assert!(s.read("secrets.toml").contains(&recipient) && s.sealed().contains(&recipient));
    s.run(["get", "KEY"]).succeeds().says_nothing().shows(secret("KEY")).reveals("KEY");
    s.run(["run", "--", "printenv", "KEY"]).succeeds().says_nothing().reveals("KEY");
    s.run(["identity", "show"]).succeeds().says_nothing().shows(&recipient);
    s.run(["status"]).succeeds().shows_part("opens development; by a plugin");
    s.run(["check"]).succeeds();
    s.run(["access"]).succeeds();
    s.call(["set", "KEY"]).stdin(secret("KEY")).go().succeeds();
    s.run(["rekey"]).succeeds();
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    // Beside a key of another kind, which needs no plugin to be added or to read.
    let bob = crate::team::Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    assert_eq!(bob.code(&s, &["run", "--", "true"]), 0);
    s.run(["member", "remove", "bob", "--yes"]).succeeds();
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
}

#[test]
fn it_is_started_only_where_it_is_needed_and_leaves_no_child() {
    if !needs("python3") {
        return;
    }
    let s = project(7);
    assert_eq!(starts(&s, &["list"]), 0);
    assert_eq!(starts(&s, &["identity", "show"]), 0);
    assert_eq!(starts(&s, &["check", "--ci"]), 0);
    assert_eq!(starts(&s, &["get", "KEY"]), 1);
    assert_eq!(starts(&s, &["run", "--", "true"]), 1);
    // A file with other readers is none of its business; with several, it is asked about its own wrap alone.
    for seed in 1..4 {
        let (recipient, _) = pair("scene", seed);
        let toml = s.read("secrets.toml");
        s.run(["member", "add", &format!("m{seed}"), &recipient, "--to", "dev"]).succeeds();
        assert_ne!(toml, s.read("secrets.toml"));
    }
    assert_eq!(starts(&s, &["get", "KEY"]), 1);
    // The program that `run` becomes has no child that it did not start.
    let wait = "import os\ntry: print(os.wait())\nexcept ChildProcessError: print('none')";
    s.run(["run", "--", python(), "-c", wait]).succeeds().shows("none");
}

#[test]
fn real_age_reads_what_we_wrote_through_it() {
    if !needs("python3") || !needs("age") {
        return;
    }
    let s = project(7);
    let wrap = s.sealed();
    let wrap = wrap.lines().find_map(|line| line.strip_prefix("sops_age__list_0__map_enc=")).expect("a wrap");
    s.write("wrap.age", wrap.replace("\\n", "\n"));
    let opened = s.program(["age", "-d", "-i", &s.identity().display().to_string(), "wrap.age"]).go();
    assert_eq!(opened.succeeds().stdout.len(), 32);
    // And the other way: what age wrapped, sops put into a file.
    if !needs("sops") {
        return;
    }
    let (recipient, identity) = pair("scene", 7);
    s.write("plain.env", "FOREIGN=from sops\n");
    let sealed = s.program(["sops", "--disable-version-check", "encrypt", "--age", &recipient, "plain.env"]).go();
    s.write("foreign.env", &sealed.succeeds().stdout);
    let file = s.identity().display().to_string();
    s.run(["get", "FOREIGN", "--file", "foreign.env", "--identity", &file]).succeeds().shows("from sops");
    let own = s.program(["sops", "--disable-version-check", "decrypt", "secrets/development.env"]);
    own.env("SOPS_AGE_KEY", identity).go().succeeds().reveals("KEY");
}

#[test]
fn its_questions_go_to_the_terminal_once() {
    if !needs("python3") {
        return;
    }
    let s = project(7).production();
    s.call(["set", "TOP", "--env", "production"]).stdin("t").go().succeeds();
    let asked = |mode: &str, words: &[&str], dialogue: &[(&str, &str)]| {
        s.call(words).env("SCENE", mode).on_terminal(dialogue).go()
    };
    // Two files, one question.
    let pin = [("age-plugin-scene: PIN of the key", "1234\r")];
    let ran = asked("pin", &["run", "--env", "production", "--", "printenv", "KEY"], &pin);
    ran.succeeds().reveals("KEY");
    let shown = ran.stdout();
    assert!(shown.matches("PIN of the key").count() == 1 && !shown.contains("1234"), "{shown:?}");
    asked("pin", &["get", "KEY"], &[("PIN of the key", "9\r")]).exits(3).shows_part("the PIN is wrong");
    s.call(["get", "KEY"]).env("SCENE", "pin").go().exits(3).says("the PIN is wrong");
    asked("confirm", &["get", "KEY"], &[("use the key (y: plugged in, n: skip it) [y/N]", "y\r")])
        .succeeds()
        .reveals("KEY");
    asked("confirm", &["get", "KEY"], &[("use the key (y: plugged in", "n\r")]).exits(3).shows_part("you said no");
    let told = asked("message", &["get", "KEY"], &[]);
    told.succeeds().reveals("KEY").shows_part("age-plugin-scene: touch the \\u{1b}[31mkey");
}

#[test]
fn what_it_does_wrong_is_told() {
    if !needs("python3") {
        return;
    }
    let s = project(7);
    for (mode, why) in
        [("fail", "the key is \\u{1b}[31mnot here"), ("garble", "age-plugin-scene"), ("quit", "age-plugin-scene")]
    {
        s.call(["get", "KEY"]).env("SCENE", mode).go().exits(3).shows_nothing().says(why);
        let before = s.sealed();
        s.call(["rekey"]).env("SCENE", mode).go().exits(3);
        assert_eq!(s.sealed(), before);
    }
    // Two wraps for one recipient would be a reader whom no list shows.
    let (recipient, _) = pair("scene", 9);
    let before = s.sealed();
    let added = s.call(["member", "add", "x", &recipient, "--to", "dev"]).env("SCENE", "twice").go();
    added.exits(1).says("it did not make one wrap");
    assert_eq!(s.sealed(), before);
    fs::remove_file(s.path("../plugins/age-plugin-scene")).expect("it is there");
    s.run(["get", "KEY"]).exits(1).says("`age-plugin-scene` was not found");
    s.call(["get", "KEY"]).env("AGEDEBUG", "plugin").go().exits(5).says("`AGEDEBUG=plugin` would print keys");
}

#[test]
fn a_person_decides_whether_it_is_started() {
    if !needs("python3") {
        return;
    }
    let s = project(7);
    s.run(["deny"]).succeeds();
    s.run(["get", "KEY"]).exits(5).says("`age-plugin-scene` is not started").says("`secrets allow --plugin scene`");
    s.run(["run", "--", "true"]).exits(125).says("nobody accepted it for this project on this machine");
    s.run(["allow", "--plugin", "scene"]).succeeds().says("`age-plugin-scene` may be started from now on");
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    s.forget();
    s.run(["get", "KEY"]).exits(5);
    // With all that secrets.toml says, the plugins of its members are accepted.
    s.run(["allow"]).succeeds().says("`age-plugin-scene` may be started");
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    for bad in ["../x", "a/b", "", "X Y"] {
        s.run(["allow", "--plugin", bad]).exits(2).says("cannot name an age plugin");
    }
    // A colleague's recipient names one that nobody here knows: nothing is started, and nobody else is kept waiting.
    let (other, _) = pair("other", 3);
    install(&s, "../plugins", "other");
    let toml = s.read("secrets.toml");
    s.write(
        "secrets.toml",
        toml.replace("[groups]", &format!("[members.eve]\nrecipients = [\"{other}\"]\n\n[groups]"))
            .replace("dev = [\"alice\"]", "dev = [\"alice\", \"eve\"]"),
    );
    let _ = s.call(["set", "MORE"]).stdin("v").go();
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    s.run(["rekey"]).exits(5);
}

/// A device counts wrong ones: whoever mistypes is told, and nothing is sent again.
#[test]
fn an_answer_that_did_not_do_is_not_given_again() {
    if !needs("python3") {
        return;
    }
    let s = project(7).production();
    s.call(["set", "TOP", "--env", "production"]).stdin("t").go().succeeds();
    let log = s.root().join("tmp/log");
    let call = s.call(["allow"]).env("SCENE", "pin").env("SCENE_LOG", &log);
    let _ = call.on_terminal(&[("PIN of the key", "9\r")]).go();
    assert_eq!(fs::read_to_string(&log).expect("it was started").lines().count(), 1);
}

#[test]
fn a_key_of_a_plugin_is_this_persons_own_like_any_other() {
    if !needs("python3") || !needs("ssh-keygen") {
        return;
    }
    let s = project(7);
    let bob = crate::team::Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    s.run(["member", "remove", "alice", "--yes"]).exits(5).says("`--yes-me`");
    // What was tampered with is found.
    let sealed = s.sealed();
    let at = sealed.find("KEY=ENC[AES256_GCM,data:").expect("a value") + 24;
    let other = if &sealed[at..=at] == "A" { "B" } else { "A" };
    s.write(SEALED, format!("{}{other}{}", &sealed[..at], &sealed[at + 1..]));
    s.run(["check"]).exits(1).shows_part("broken-seal");
    // It comes before a key of another place that is tried later.
    let other =
        on_path(Sandbox::empty(), "../../").env("PATH", s.variables()["PATH".as_ref() as &std::ffi::OsStr].clone());
    let (recipient, identity) = pair("scene", 5);
    other.write(other.identity(), format!("# Recipient: {recipient}\n{identity}\n"));
    other.chmod(other.identity(), 0o600);
    let ssh = other.root().join("home/.ssh/id_ed25519");
    fs::create_dir_all(ssh.parent().expect("a folder")).expect("a folder");
    other.program(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "x", "-f"]).words([&ssh]).go().succeeds();
    other.run(["init", "--yes"]).succeeds();
    assert!(other.read("secrets.toml").contains(&recipient));
}

#[test]
fn an_identity_file_keeps_the_lines_of_plugins_wherever_it_goes() {
    if !needs("python3") || !needs("age") {
        return;
    }
    let s = project(7);
    let (recipient, identity) = pair("scene", 7);
    let key = s.root().join("mixed.txt");
    let s = s.plain_at(&key);
    s.run(["identity", "new", "--output", &key.display().to_string()]).succeeds();
    let native = fs::read_to_string(&key).expect("an identity");
    fs::remove_file(&key).expect("it is there");
    s.write(&key, format!("{native}# Recipient: {recipient}\n{identity}\n"));
    fs::remove_file(s.identity()).expect("it is there");
    let typed = super::passphrase::answer();
    let twice = [("New passphrase", typed.as_str()), ("The same again", typed.as_str())];
    let import = s.call(["identity", "import", "--passphrase"]).words([&key]).on_terminal(&twice).go();
    import.succeeds().shows_part(&recipient);
    assert!(!fs::read_to_string(s.identity()).expect("an identity").contains(&identity));
    let got = s.call(["get", "KEY"]).on_terminal(&[("Passphrase of", &typed)]).go();
    got.succeeds().reveals("KEY").shows_part(&secret("KEY"));
    s.call(["identity", "unlock"]).on_terminal(&[("Passphrase of", &typed)]).go().succeeds();
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    s.run(["identity", "lock"]).succeeds();
    // Whose it is has to be said.
    fs::remove_file(s.identity()).expect("it is there");
    s.write(s.identity(), format!("{identity}\n"));
    s.chmod(s.identity(), 0o600);
    s.run(["identity", "show"]).succeeds().says("write above its line: `# Recipient: age1scene1…`");
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
    fs::create_dir(s.path("../fresh")).expect("a folder");
    let init = s.call(["init", "--yes"]).cwd("../fresh").go();
    init.exits(1).says("does not say whose the key in `age-plugin-scene` is");
}

/// The children that were there before are somebody's: an entrypoint starts others, and becomes `secrets run`.
#[test]
fn only_the_plugin_is_waited_for() {
    if !needs("python3") {
        return;
    }
    let s = project(7);
    s.write("wait.py", "import os\npid, status = os.wait()\nprint(os.waitstatus_to_exitcode(status))\n");
    let script = format!("(exit 7) & exec \"$SECRETS\" run -- {} wait.py", python());
    s.shell(&script).env("SECRETS", crate::sandbox::SECRETS).go().succeeds().shows("7");
    // One that stays is ended.
    let stays = s.call([
        "run",
        "--",
        python(),
        "-c",
        "import os\ntry: print(os.wait())\nexcept ChildProcessError: print('none')",
    ]);
    stays.env("SCENE", "stay").go().succeeds().shows("none");
    for mode in ["huge", "grease"] {
        let before = s.sealed();
        let added = s.call(["member", "add", "x", &pair("scene", 9).0, "--to", "dev"]).env("SCENE", mode).go();
        added.exits(1).says("it did not make one wrap");
        assert_eq!(s.sealed(), before);
    }
}
