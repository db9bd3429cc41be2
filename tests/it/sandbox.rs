//! The surroundings of a scene: nothing of the person who runs the tests gets in, and no value gets out unseen.
//!
//! After each command stdout, stderr and every file of the sandbox are searched for every value that the scene
//! registered, in every form that a program would give it. A scene that means to show one says so.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::leaks::Canary;
use crate::leaks::Leak;

/// The binary under test.
pub const SECRETS: &str = env!("CARGO_BIN_EXE_secrets");
/// The sealed file that `init` makes.
pub const SEALED: &str = "secrets/development.env";
/// When every scene takes place.
pub const NOW: &str = "2026-01-02T03:04:05Z";
/// A command that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// A project in surroundings of its own; all of it is removed when dropped.
pub struct Sandbox {
    root: TempDir,
    runtime: TempDir,
    env: BTreeMap<OsString, OsString>,
    canaries: Vec<Canary>,
    /// What the scene itself wrote, where values may stand as long as nobody else touches the file.
    given: Mutex<BTreeMap<PathBuf, Vec<u8>>>,
    /// Where the scene wants plain text.
    plain: BTreeSet<PathBuf>,
}

impl Sandbox {
    /// Makes a project `shop` of the member `alice`, by the real `secrets init`.
    #[must_use]
    pub fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.run(["init", "--yes"]).succeeds();
        sandbox
    }

    /// Makes the folders and nothing in them: no project, no identity.
    #[must_use]
    pub fn empty() -> Self {
        let root = tempfile::Builder::new().prefix("it-").tempdir().expect("a temp folder");
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let runtime = tempfile::Builder::new().prefix("it-").tempdir_in(place).expect("a folder in memory");
        let mut sandbox = Self {
            root,
            runtime,
            env: BTreeMap::new(),
            canaries: Vec::new(),
            given: Mutex::default(),
            plain: BTreeSet::new(),
        };
        for (name, folder) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "home/.config"),
            ("XDG_STATE_HOME", "home/.local/state"),
            ("XDG_CACHE_HOME", "home/.cache"),
            ("TMPDIR", "tmp"),
        ] {
            let path = sandbox.root().join(folder);
            fs::create_dir_all(&path).expect("a folder in the sandbox");
            sandbox = sandbox.env(name, path);
        }
        fs::create_dir(sandbox.project()).expect("the project's folder");
        let (runtime, root) = (sandbox.runtime.path().to_path_buf(), sandbox.root());
        let path = std::env::var_os("PATH").unwrap_or_default();
        sandbox
            .env("XDG_RUNTIME_DIR", runtime)
            .env("PATH", path)
            .env("USER", "alice")
            .env("LC_ALL", "C.UTF-8")
            .env("SECRETS_TEST_NOW", NOW)
            .env("SECRETS_CEILING", root)
    }

    /// Sets a variable for every command of the scene.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().into(), value.as_ref().into());
        self
    }

    /// Returns every variable of the scene's commands.
    pub fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.env
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.env.remove(OsStr::new(name));
        self
    }

    /// Sets a value by the real binary, through stdin, and watches over it from then on.
    #[must_use]
    pub fn value(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.value_in("development", name, value)
    }

    /// Sets a value of an environment, as [`Self::value`] does.
    #[must_use]
    pub fn value_in(self, environment: &str, name: &str, value: impl AsRef<[u8]>) -> Self {
        let sandbox = self.canary(name, &value);
        // `set` takes one line end off.
        let stdin = [value.as_ref(), b"\n"].concat();
        sandbox.call(["set", name, "--env", environment]).stdin(stdin).go().succeeds();
        sandbox
    }

    /// Sets a long value that occurs nowhere by chance: [`secret`] of the name.
    #[must_use]
    pub fn secret(self, name: &str) -> Self {
        self.value(name, secret(name))
    }

    /// Watches over a value that the scene brings in by itself; one name may have several.
    #[must_use]
    pub fn canary(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.canaries.push(Canary::new(name, value.as_ref()));
        self
    }

    /// Writes a file of the project, in which values may stand as long as it stays as it is.
    #[must_use]
    pub fn file(self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Self {
        self.write(path, text);
        self
    }

    /// Adds lines at the end of secrets.toml, and accepts them if they can be understood.
    #[must_use]
    pub fn settings(self, lines: &str) -> Self {
        let text = self.read("secrets.toml") + "\n" + lines;
        let sandbox = self.file("secrets.toml", text);
        let _ = sandbox.run(["allow", "--no-git"]);
        sandbox
    }

    /// Declares `production`, which lies over `development`.
    #[must_use]
    pub fn production(self) -> Self {
        self.settings("[environments.production]\nextends = \"development\"\nreaders = [\"dev\"]\n")
    }

    /// Writes a program of the project.
    ///
    /// A process of its own writes it: what a thread beside this one starts at that moment would hold the file open, and
    /// the system does not execute a file that is open for writing.
    #[must_use]
    pub fn script(self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Self {
        self.write("../tmp/script", &text);
        self.write(&path, &text);
        fs::remove_file(self.path(&path)).expect("it was written");
        self.program(["cp", "../tmp/script"]).words([self.path(&path)]).go().succeeds();
        fs::remove_file(self.path("../tmp/script")).expect("it was written");
        self.chmod(&path, 0o755);
        self
    }

    /// Allows plain text in a file that a command makes because the scene asks it to.
    #[must_use]
    pub fn plain_at(mut self, path: impl AsRef<Path>) -> Self {
        let path = self.path(path);
        self.plain.insert(path);
        self
    }

    /// Writes a file in the middle of a scene; as [`Self::file`].
    pub fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder in the sandbox");
        fs::write(&path, &text).expect("a file in the sandbox");
        let path = path.canonicalize().expect("it was written");
        self.given.lock().expect("no panic holds it").insert(path, text.as_ref().to_vec());
    }

    /// Makes the project a git repository with the drivers, and everything in it its first commit.
    #[must_use]
    pub fn repository(self) -> Self {
        let person = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        let s = person.into_iter().fold(self, |s, name| s.env(name, "alice@example.com"));
        let s = s.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_EDITOR", "true");
        s.git(["init", "--quiet", "--initial-branch=main"]);
        s.run(["git", "install"]).succeeds();
        s.commit("first");
        s
    }

    /// Runs git, which has to succeed; returns what it prints.
    pub fn git<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        self.program(["git"]).words(arguments).go().succeeds().stdout()
    }

    /// Commits everything that there is.
    pub fn commit(&self, message: &str) {
        self.git(["add", "--all"]);
        self.git(["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// Sets a value of the default environment and commits it; the value is not watched over.
    pub fn set_and_commit(&self, name: &str, value: &str) {
        self.call(["set", name]).stdin(value).go().succeeds();
        self.commit(name);
    }

    /// Forgets what this machine has seen and accepted, as a new machine would.
    pub fn forget(&self) {
        let _ = fs::remove_dir_all(self.root().join("home/.local/state/secrets"));
    }

    /// Changes a file's mode.
    pub fn chmod(&self, path: impl AsRef<Path>, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).expect("a file in the sandbox");
    }

    /// Returns a file's or folder's permission bits.
    pub fn mode(&self, path: impl AsRef<Path>) -> u32 {
        let path = self.path(path);
        fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o7777
    }

    /// Returns the folder of everything.
    pub fn root(&self) -> PathBuf {
        self.root.path().canonicalize().expect("the sandbox is there")
    }

    /// Returns the project's folder, in which commands begin.
    pub fn project(&self) -> PathBuf {
        self.root().join("shop")
    }

    /// Returns a path of the project.
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.project().join(below)
    }

    /// Returns the folder in memory.
    pub fn runtime(&self) -> &Path {
        self.runtime.path()
    }

    /// Returns where `init` and `identity new` put the identity.
    pub fn identity(&self) -> PathBuf {
        self.root().join("home/.config/secrets/identity.txt")
    }

    /// Returns this machine's recipient.
    pub fn recipient(&self) -> String {
        self.run(["identity", "show"]).succeeds().stdout().trim_end().to_string()
    }

    /// Returns a file's text.
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        String::from_utf8(self.bytes(path)).expect("a text file")
    }

    /// Returns a file's bytes.
    pub fn bytes(&self, path: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(path);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Returns the sealed file of `development`.
    pub fn sealed(&self) -> String {
        self.read(SEALED)
    }

    /// Returns every file below `folder`: its path, mode and bytes; a link has its target.
    pub fn tree(&self, folder: impl AsRef<Path>) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let folder = self.path(folder);
        let mut tree = BTreeMap::new();
        walk(&folder, &mut |path, found| {
            let bytes = match () {
                () if found.is_file() => fs::read(path).unwrap_or_default(),
                () if found.is_symlink() => fs::read_link(path).unwrap_or_default().as_os_str().as_bytes().to_vec(),
                () => Vec::new(),
            };
            tree.insert(path.to_path_buf(), (found.permissions().mode(), bytes));
        });
        tree
    }

    /// Runs `secrets` without stdin and without a terminal.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        self.call(arguments).go()
    }

    /// Prepares a run of `secrets`.
    #[must_use]
    pub fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Call<'_> {
        let words = std::iter::once(SECRETS.into()).chain(arguments.into_iter().map(|a| a.as_ref().into()));
        self.prepare(words.collect())
    }

    /// Prepares a run of another program.
    #[must_use]
    pub fn program<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Call<'_> {
        self.prepare(words.into_iter().map(|word| word.as_ref().into()).collect())
    }

    /// Prepares a line of POSIX shell, in which `secrets` is the binary under test.
    #[must_use]
    pub fn shell(&self, script: &str) -> Call<'_> {
        self.program(["sh", "-c", &format!("secrets() {{ {SECRETS} \"$@\"; }}\n{script}")])
    }

    /// Prepares a run of `secrets` as a user who is not root, to whom the sandbox is given; `None` if that cannot be.
    pub fn call_as_nobody<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Option<Call<'_>> {
        // Not the system's own nobody, whom some systems give a home.
        const NOBODY: u32 = 64123;
        if !rustix::process::geteuid().is_root() {
            return Some(self.call(arguments));
        }
        if !needs("setpriv") {
            return None;
        }
        // The folder of the build may be closed to others.
        let binary = self.root().join("secrets");
        self.program(["cp".as_ref(), SECRETS.as_ref(), binary.as_os_str()]).go().succeeds();
        for folder in [&self.root(), self.runtime()] {
            let give = |path: &Path| {
                std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).expect("root may give a file away");
            };
            give(folder);
            walk(folder, &mut |path, _| give(path));
        }
        let words = std::iter::once(binary.into_os_string()).chain(arguments.into_iter().map(|a| a.as_ref().into()));
        let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
        Some(self.prepare(words.collect()).under(["setpriv", &user, &group, "--clear-groups", "--"]))
    }

    fn prepare(&self, words: Vec<OsString>) -> Call<'_> {
        Call {
            sandbox: self,
            words,
            env: self.env.clone(),
            cwd: self.project(),
            stdin: None,
            dialogue: None,
            deadline: DEADLINE,
        }
    }

    /// Searches every file, as a scene's end does after each command.
    fn check_files(&self, after: &str) {
        let given = self.given.lock().expect("no panic holds it").clone();
        let identity = self.identity();
        let mut look = |path: &Path, found: &fs::Metadata| {
            if !found.is_file() || self.plain.contains(path) {
                return;
            }
            // Files of commands that run at the same time come and go.
            let Ok(bytes) = fs::read(path) else { return };
            if given.get(path) == Some(&bytes) {
                return;
            }
            let leaks = Leak::find(&bytes, &self.canaries);
            if let Some(leak) = leaks.iter().find(|leak| !(leak.is_identity() && path == identity)) {
                panic!("after {after}: {} holds {leak}", path.display());
            }
        };
        walk(&self.root(), &mut look);
        walk(self.runtime(), &mut look);
    }
}

/// Returns a long value that is the same for the same name and occurs nowhere by chance.
pub fn secret(name: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(format!("canary {name}"));
    digest.iter().map(|byte| char::from(b"abcdefghijkmnpqrstuvwxyz23456789"[usize::from(*byte) % 32])).collect()
}

/// Tells whether a program is there. A scene that needs it is skipped without it, with a line that says so; with
/// `SECRETS_TEST_ALL=1`, which CI sets, it fails.
#[must_use]
pub fn needs(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    available(std::env::split_paths(&path).any(|folder| folder.join(program).is_file()), program)
}

/// Says what is left out on the real stderr: the harness hides what a passing test prints.
pub fn left_out(why: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("left out: {why}\n").as_bytes());
}

/// As [`needs`], of anything else that a machine may lack.
#[must_use]
pub fn available(is_there: bool, what: &str) -> bool {
    if !is_there {
        assert!(std::env::var_os("SECRETS_TEST_ALL").is_none(), "{what} is not here, and SECRETS_TEST_ALL is set");
        left_out(&format!("{what} is not here"));
    }
    is_there
}

/// A command that is about to run.
pub struct Call<'s> {
    sandbox: &'s Sandbox,
    words: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    cwd: PathBuf,
    stdin: Option<Vec<u8>>,
    dialogue: Option<Vec<(String, String)>>,
    deadline: Duration,
}

impl Call<'_> {
    /// Gives stdin these bytes, and then its end.
    #[must_use]
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Some(bytes.as_ref().to_vec());
        self
    }

    /// Sets a variable for this command.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().into(), value.as_ref().into());
        self
    }

    /// Begins in a folder below the project's.
    #[must_use]
    pub fn cwd(mut self, below: impl AsRef<Path>) -> Self {
        self.cwd = self.sandbox.path(below);
        self
    }

    /// Adds words at the end.
    #[must_use]
    pub fn words<A: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().into()));
        self
    }

    /// Lets another program start this one: its words come before ours.
    #[must_use]
    pub fn under<A: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Self {
        let before: Vec<OsString> = words.into_iter().map(|word| word.as_ref().into()).collect();
        self.words.splice(0..0, before);
        self
    }

    /// As [`Self::under`], of a command that another program starts: the words come between the two.
    #[must_use]
    pub fn inside<A: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Self {
        let at = self.words.iter().position(|word| word == "--").map_or(0, |at| at + 1);
        let words: Vec<OsString> = words.into_iter().map(|word| word.as_ref().into()).collect();
        self.words.splice(at..at, words);
        self
    }

    /// Starts it from a shell that did something to itself first, such as `umask 077`.
    #[must_use]
    pub fn after(self, script: &str) -> Self {
        self.under(["sh", "-c", &format!("{script}; exec \"$@\""), "sh"])
    }

    /// Gives it an hour: a walk of many steps is no command that hangs.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.deadline = Duration::from_secs(3600);
        self
    }

    /// Runs it on a terminal; each pair is what to wait for and what to type then, once the terminal is ready.
    ///
    /// An empty answer sends nothing; `\r` is the return key. What a terminal shows is the outcome's stdout.
    #[must_use]
    pub fn on_terminal(mut self, dialogue: &[(&str, &str)]) -> Self {
        self.dialogue = Some(dialogue.iter().map(|(wait, send)| ((*wait).into(), (*send).into())).collect());
        self
    }

    /// Runs it to its end and searches for leaks.
    pub fn go(self) -> Outcome {
        let shown = self.shown();
        let sandbox = self.sandbox;
        let (status, stdout, stderr) = self.finish(&shown);
        sandbox.check_files(&shown);
        let mut leaks = Leak::find(&stdout, &sandbox.canaries);
        leaks.extend(Leak::find(&stderr, &sandbox.canaries));
        let root = sandbox.root();
        Outcome { shown, status, stdout, stderr, leaks, revealed: RefCell::default(), root }
    }

    fn finish(self, shown: &str) -> (ExitStatus, Vec<u8>, Vec<u8>) {
        let (stdin, deadline) = (self.stdin.clone(), self.deadline);
        let mut child = self.spawn(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
            // A command that does not read all of it is right to go away.
            std::thread::spawn(move || pipe.write_all(&bytes));
        }
        let stdout = collect(child.stdout.take().expect("it is a pipe"));
        let stderr = collect(child.stderr.take().expect("it is a pipe"));
        let both = stdout.recv_timeout(deadline).and_then(|stdout| Ok((stdout, stderr.recv_timeout(deadline)?)));
        let Ok((stdout, stderr)) = both else {
            let _ = child.kill();
            panic!("{shown} hangs");
        };
        (child.wait().expect("the child is ours"), stdout, stderr)
    }

    /// Starts it in a session of its own, which has no terminal.
    fn spawn(mut self, stdin: Stdio) -> Child {
        let mut words: Vec<OsString> = session().iter().map(OsString::from).collect();
        if let Some(dialogue) = self.dialogue.take() {
            let dialogue = serde_json::to_string(&dialogue).expect("strings are JSON");
            words = [python(), "-c", TERMINAL, &dialogue].map(OsString::from).to_vec();
        }
        words.append(&mut self.words);
        Command::new(&words[0])
            .args(&words[1..])
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.cwd)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", words[0].display()))
    }

    fn shown(&self) -> String {
        let words: Vec<String> = self
            .words
            .iter()
            .map(|word| if word == SECRETS { "secrets".into() } else { word.to_string_lossy().into_owned() })
            .map(|word| if word.len() > 80 { format!("{}…", word.chars().take(80).collect::<String>()) } else { word })
            .collect();
        format!("`{}`", words.join(" "))
    }
}

/// What a command left: its status and its output.
///
/// When it is dropped, the scene fails if a value was shown that [`Outcome::reveals`] did not name.
#[must_use]
pub struct Outcome {
    shown: String,
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    leaks: Vec<Leak>,
    revealed: RefCell<BTreeSet<String>>,
    root: PathBuf,
}

impl Outcome {
    /// The exit code is 0.
    #[track_caller]
    pub fn succeeds(&self) -> &Self {
        self.exits(0)
    }

    /// Returns the exit code; a death by a signal has none.
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("it died\n{}", self.report()))
    }

    /// Tells whether somebody killed it; a tracer reports that as its own code.
    pub fn was_killed(&self) -> bool {
        self.status.signal() == Some(9) || self.status.code() == Some(137)
    }

    /// The exit code is this one.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert!(self.status.code() == Some(code), "expected exit code {code}\n{}", self.report());
        self
    }

    /// It died of this signal.
    #[track_caller]
    pub fn dies_of(&self, signal: i32) -> &Self {
        assert!(self.status.signal() == Some(signal), "expected death by signal {signal}\n{}", self.report());
        self
    }

    /// stdout is exactly this, a line end at its end aside.
    #[track_caller]
    pub fn shows(&self, bytes: impl AsRef<[u8]>) -> &Self {
        let (want, bare) = (bytes.as_ref(), self.stdout.strip_suffix(b"\n"));
        let is_same = self.stdout == want || bare == Some(want);
        assert!(is_same, "expected stdout {:?}\n{}", String::from_utf8_lossy(want), self.report());
        self
    }

    /// stdout holds this.
    #[track_caller]
    pub fn shows_part(&self, text: &str) -> &Self {
        assert!(self.stdout().contains(text), "expected {text:?} on stdout\n{}", self.report());
        self
    }

    /// stdout is empty.
    #[track_caller]
    pub fn shows_nothing(&self) -> &Self {
        assert!(self.stdout.is_empty(), "expected nothing on stdout\n{}", self.report());
        self
    }

    /// stderr holds this.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.stderr().contains(text), "expected {text:?} on stderr\n{}", self.report());
        self
    }

    /// stderr does not hold this.
    #[track_caller]
    pub fn never_says(&self, text: &str) -> &Self {
        assert!(!self.stderr().contains(text), "expected no {text:?} on stderr\n{}", self.report());
        self
    }

    /// stderr is empty.
    #[track_caller]
    pub fn says_nothing(&self) -> &Self {
        assert!(self.stderr.is_empty(), "expected nothing on stderr\n{}", self.report());
        self
    }

    /// The scene means to show this value, and it is shown.
    #[track_caller]
    pub fn reveals(&self, name: &str) -> &Self {
        let is_shown = self.leaks.iter().any(|leak| leak.name == name);
        assert!(is_shown, "expected the value of {name} to be shown\n{}", self.report());
        self.revealed.borrow_mut().insert(name.into());
        self
    }

    /// The scene's own look at something may show any value.
    pub fn may_reveal_all(&self) {
        self.revealed.borrow_mut().extend(self.leaks.iter().map(|leak| leak.name.clone()));
    }

    /// Returns stdout as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns stderr as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Returns stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}", self.report()))
    }

    /// Returns the JSON error on stderr.
    #[track_caller]
    pub fn json_error(&self) -> serde_json::Value {
        let mut document: serde_json::Value =
            serde_json::from_slice(&self.stderr).unwrap_or_else(|error| panic!("{error}\n{}", self.report()));
        document["error"].take()
    }

    /// Returns code, stdout and stderr for a snapshot: paths and keys, which differ each time, are left out.
    pub fn snapshot(&self) -> String {
        let code = self.status.code().map_or_else(|| self.status.to_string(), |code| code.to_string());
        let text = format!("exit: {code}\n-- stdout\n{}-- stderr\n{}", self.stdout(), self.stderr());
        let text = text.replace(&self.root.display().to_string(), "[root]");
        let key = regex::Regex::new("age1[0-9a-z]{8,58}").expect("a regular expression");
        key.replace_all(&text, "[recipient]").into_owned()
    }

    /// Returns all there is to say, for a failing scene.
    fn report(&self) -> String {
        format!("{}: {}\nstdout: {}\nstderr: {}", self.shown, self.status, self.stdout(), self.stderr())
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let revealed = self.revealed.borrow();
        let unsaid = self.leaks.iter().find(|leak| !revealed.contains(&leak.name));
        if let (Some(leak), false) = (unsaid, std::thread::panicking()) {
            panic!("{} shows {leak}\n{}", self.shown, self.report());
        }
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = send.send(bytes);
    });
    receive
}

/// Goes over everything below a folder without following links.
/// Returns the one file of that name below a folder.
pub fn find(folder: &Path, name: &str) -> PathBuf {
    let mut found = Vec::new();
    walk(folder, &mut |path, _| {
        if path.file_name().is_some_and(|own| own == name) {
            found.push(path.to_path_buf());
        }
    });
    assert_eq!(found.len(), 1, "`{name}` below {}: {found:?}", folder.display());
    found.remove(0)
}

fn walk(folder: &Path, see: &mut impl FnMut(&Path, &fs::Metadata)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(found) = entry.metadata() else { continue };
        see(&entry.path(), &found);
        if found.is_dir() {
            walk(&entry.path(), see);
        }
    }
}

/// The words that start a program in a session of its own; it keeps its process number.
fn session() -> &'static [&'static str] {
    static WORDS: OnceLock<&[&str]> = OnceLock::new();
    WORDS.get_or_init(|| {
        let has_setsid = Command::new("setsid").arg("true").status().is_ok_and(|status| status.success());
        if has_setsid { &["setsid"] } else { &["perl", "-e", "use POSIX; POSIX::setsid(); exec { $ARGV[0] } @ARGV"] }
    })
}

/// Finds a python that works without anything of the person's: shims of version managers want their HOME.
pub fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join("python3")).find(|python| {
            let started = Command::new(python).env_clear().args(["-c", "import pty"]).stderr(Stdio::null()).status();
            started.is_ok_and(|status| status.success())
        });
        found.unwrap_or_else(|| "python3".into()).display().to_string()
    })
}

/// Drives a program on a terminal of its own: waits for a text, then for the terminal to stop showing what is typed if the
/// answer begins with `hidden:`, then types. Prints what the terminal showed and ends with the program's code.
const TERMINAL: &str = r#"
import json, os, pty, select, sys, termios, time
steps, words = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(words[0], words)
seen, at, end = b"", 0, time.monotonic() + 30
def fill():
    global seen
    if time.monotonic() > end:
        sys.stdout.buffer.write(seen)
        sys.exit("the terminal waits for " + repr(steps))
    if select.select([terminal], [], [], 0.005)[0]:
        try:
            more = os.read(terminal, 65536)
        except OSError:
            more = b""
        seen += more
        # Where is the cursor? nu waits for the answer.
        for _ in range(more.count(b"\x1b[6n")):
            os.write(terminal, b"\x1b[1;1R")
        return more != b""
    return True
alive = True
for wait, send in steps:
    while alive and wait.encode() not in seen[at:]:
        alive = fill()
    if not alive:
        break
    at = seen.index(wait.encode(), at) + len(wait.encode())
    if send.startswith("hidden:"):
        send = send[len("hidden:"):]
        while alive and termios.tcgetattr(terminal)[3] & termios.ECHO:
            alive = fill()
    os.write(terminal, send.encode())
while alive:
    alive = fill()
sys.stdout.buffer.write(seen)
sys.stdout.flush()
status = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status))
"#;
