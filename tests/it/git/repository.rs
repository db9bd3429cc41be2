//! A sandbox that is a repository of git too, and what scenes do in it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::sandbox::Call;
use crate::sandbox::Outcome;
use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

/// Lets a file merge line by line, as a machine without the driver does it.
const NO_DRIVER: &str = "/secrets/*.env merge=text\n";

/// From here into there, and from there into here.
pub const BOTH_WAYS: [(&str, &str); 2] = [("ours", "theirs"), ("theirs", "ours")];

/// Makes a project in a repository of its own, and commits it.
pub fn repository() -> Sandbox {
    let s = bare();
    s.run(["init", "--yes"]).succeeds();
    commit(&s, "init");
    s
}

/// Makes a repository with nothing in it.
pub fn bare() -> Sandbox {
    let s = Sandbox::empty();
    let s = s.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_EDITOR", "true");
    let s = s.env("GIT_AUTHOR_NAME", "alice").env("GIT_AUTHOR_EMAIL", "alice@example.com");
    let s = s.env("GIT_COMMITTER_NAME", "alice").env("GIT_COMMITTER_EMAIL", "alice@example.com");
    git(&s, ["init", "-q", "-b", "main"]).succeeds();
    s
}

/// A project with the names A to F, committed on `main`, with [`secret`] of each name as its value.
///
/// [`secret`] of the words `ours`, `theirs` and `new` is watched too.
pub fn project() -> Sandbox {
    let mut s = repository();
    for name in ["A", "B", "C", "D", "E", "F"] {
        s = s.secret(name);
    }
    for word in ["ours", "theirs", "new"] {
        s = s.canary(word, secret(word));
    }
    commit(&s, "base");
    s
}

/// Runs git.
pub fn git<A: AsRef<OsStr>>(s: &Sandbox, arguments: impl IntoIterator<Item = A>) -> Outcome {
    s.program(["git"]).words(arguments).go()
}

/// Commits everything.
pub fn commit(s: &Sandbox, message: &str) {
    git(s, ["add", "--all"]).succeeds();
    git(s, ["commit", "-q", "-m", message]).succeeds();
}

/// Makes a branch at a commit and goes to it.
pub fn branch(s: &Sandbox, name: &str, at: &str) {
    git(s, ["checkout", "-q", "-b", name, at]).succeeds();
}

/// Goes to a branch or commit.
pub fn checkout(s: &Sandbox, name: &str) {
    git(s, ["checkout", "-q", name]).succeeds();
}

/// Sets a name to [`secret`] of a word, and commits it.
pub fn set(s: &Sandbox, name: &str, word: &str) {
    s.call(["set", name]).stdin(secret(word)).go().succeeds();
    commit(s, &format!("set {name}"));
}

/// From `main`, does one thing on the branch `theirs` and another on `ours`, which is where it ends.
pub fn diverge(s: &Sandbox, ours: impl FnOnce(&Sandbox), theirs: impl FnOnce(&Sandbox)) {
    branch(s, "theirs", "main");
    theirs(s);
    branch(s, "ours", "main");
    ours(s);
}

/// Merges a branch into this one.
pub fn merge(s: &Sandbox, name: &str) -> Outcome {
    git(s, ["merge", "--no-edit", name])
}

/// Takes the driver away on this machine.
pub fn without_driver(s: &Sandbox) {
    s.write(".git/info/attributes", NO_DRIVER);
}

/// The program starts, and gets [`secret`] of these words; without a word there is no such name.
#[track_caller]
pub fn runs_with(s: &Sandbox, values: &[(&str, &str)]) {
    let script: String = values.iter().map(|(name, _)| format!("echo \"{name}=${{{name}-}}\"\n")).collect();
    let value = |word: &str| if word.is_empty() { String::new() } else { secret(word) };
    let wanted: String = values.iter().map(|(name, word)| format!("{name}={}\n", value(word))).collect();
    let outcome = s.run(["run", "--", "sh", "-c", &script]);
    for (_, word) in values.iter().filter(|(_, word)| !word.is_empty()) {
        outcome.reveals(word);
    }
    outcome.succeeds().shows(wanted).says_nothing();
}

/// `run` refuses, and says why.
#[track_caller]
pub fn refuses_to_run(s: &Sandbox, why: &str) {
    s.run(["run", "--", "touch", "started"]).exits(125).shows_nothing().says(why);
    assert!(!s.path("started").exists());
}

/// `status` has one line of what is to be mended, and it holds this.
#[track_caller]
pub fn state(s: &Sandbox, parts: &[&str]) {
    let status = s.run(["status"]);
    let text = status.succeeds().stdout();
    let states: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("state ")).collect();
    let [state] = states.as_slice() else { panic!("expected one state\n{text}") };
    for part in parts {
        assert!(state.contains(part), "expected {part:?} in the state\n{text}");
    }
}

/// There is nothing to mend.
#[track_caller]
pub fn is_in_order(s: &Sandbox) {
    let text = s.run(["status"]).succeeds().stdout();
    assert!(!text.contains("\nstate ") && text.contains("nothing was changed without the key"), "{text}");
}

/// Tells whether the sealed file has markers of a conflict.
pub fn has_markers(s: &Sandbox) -> bool {
    s.sealed().contains("<<<<<<<")
}

/// Tells whether the sealed file has a seal.
pub fn is_sealed(s: &Sandbox) -> bool {
    s.sealed().contains("\nsops_secrets_seal=v1;")
}

/// Resets everything to a branch, merge or rebase in progress included.
pub fn reset(s: &Sandbox, to: &str) {
    git(s, ["reset", "-q", "--hard", to]).succeeds();
}

/// Returns the sealed file of a commit.
pub fn sealed_at(s: &Sandbox, commit: &str) -> String {
    git(s, ["show", "--no-textconv", &format!("{commit}:{SEALED}")]).succeeds().stdout()
}

/// Plays a scene on a machine without an identity; returns what it returns.
pub fn locked<T>(s: &Sandbox, scene: impl FnOnce() -> T) -> T {
    let identity = fs::read(s.identity()).expect("there is an identity");
    fs::remove_file(s.identity()).expect("it was read");
    let result = scene();
    fs::write(s.identity(), identity).expect("its folder is there");
    fs::set_permissions(s.identity(), fs::Permissions::from_mode(0o600)).expect("it was written");
    result
}

/// Another machine of the same person: what it has seen is what this one has seen until now.
pub fn other_machine(s: &Sandbox, name: &str) -> PathBuf {
    let (state, other) = (s.root().join("home/.local/state"), s.root().join(name));
    s.program(["cp", "-R"]).words([&state, &other]).go().succeeds();
    other
}

/// Runs `secrets` as `bob`, who has an identity and a record of his own.
pub fn as_bob<'s>(s: &'s Sandbox, arguments: &[&str]) -> Call<'s> {
    let call = s.call(arguments).env("XDG_CONFIG_HOME", s.root().join("bob"));
    call.env("XDG_STATE_HOME", s.root().join("bob")).env("USER", "bob")
}

/// Gives `bob` an identity, and returns his recipient.
pub fn with_bob(s: Sandbox) -> (Sandbox, String) {
    let identity = s.root().join("bob/secrets/identity.txt");
    let s = s.plain_at(identity);
    as_bob(&s, &["identity", "new"]).go().succeeds();
    let recipient = as_bob(&s, &["identity", "show"]).go().succeeds().stdout().trim_end().to_string();
    (s, recipient)
}

/// Returns a field of the seal: `kc` names the data key, `seq` the version.
#[track_caller]
pub fn seal_field(file: &str, field: &str) -> String {
    let line = file.lines().find_map(|line| line.strip_prefix("sops_secrets_seal=")).expect("it is sealed");
    let found = line.split(';').find_map(|part| part.strip_prefix(field)?.strip_prefix('='));
    found.expect("a seal has that field").to_string()
}

/// Sets a value as sops does it: the file loses its seal, and all else in it is right.
pub fn set_like_sops(s: &Sandbox, name: &str, word: &str) {
    like_sops(s, &["set", name, "--file", "file.env"], secret(word));
}

/// Writes the sealed file with a command of ours that finds no seal in it, and so leaves none.
pub fn like_sops(s: &Sandbox, arguments: &[&str], stdin: impl AsRef<[u8]>) {
    let unsealed: String = s.sealed().lines().filter(|l| !l.contains("_seal=")).map(|l| format!("{l}\n")).collect();
    s.write("../outside/file.env", unsealed);
    s.call(arguments).cwd("../outside").stdin(stdin).go().succeeds();
    s.write(SEALED, s.bytes("../outside/file.env"));
    fs::remove_dir_all(s.path("../outside")).expect("it was written");
}
