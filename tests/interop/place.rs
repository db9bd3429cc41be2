//! A folder with a home of its own, in which programs run with an empty environment.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use super::needs::search_path;

/// Surroundings of a scene: `work/` is the working directory, `home/` the home folder.
pub struct Place {
    folder: tempfile::TempDir,
    variables: Vec<(OsString, OsString)>,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for below in ["work", "home", "tmp"] {
            std::fs::create_dir(folder.path().join(below)).unwrap();
        }
        let below = |name: &str| folder.path().join(name).into_os_string();
        let variables = [
            ("HOME", below("home")),
            ("PATH", search_path()),
            ("TMPDIR", below("tmp")),
            ("USER", "alice".into()),
            ("XDG_CONFIG_HOME", below("home/.config")),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Self { folder, variables }
    }

    /// Sets a variable for every program that follows.
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().into()));
        self
    }

    /// Returns a path in the working directory.
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join("work").join(below)
    }

    /// Returns a path in the home folder.
    pub fn home(&self, below: &str) -> PathBuf {
        self.folder.path().join("home").join(below)
    }

    pub fn write(&self, below: &str, bytes: impl AsRef<[u8]>) {
        put(&self.path(below), bytes.as_ref(), 0o644);
    }

    pub fn write_home(&self, below: &str, bytes: impl AsRef<[u8]>) {
        put(&self.home(below), bytes.as_ref(), 0o600);
    }

    /// Writes a POSIX shell script and returns its path.
    pub fn script(&self, below: &str, body: &str) -> PathBuf {
        let path = self.path(below);
        put(&path, format!("#!/bin/sh\nset -eu\n{body}\n").as_bytes(), 0o755);
        path
    }

    pub fn read(&self, below: &str) -> Vec<u8> {
        std::fs::read(self.path(below)).unwrap()
    }

    /// Runs our own program.
    pub fn secrets<const N: usize>(&self, arguments: [&str; N]) -> Outcome {
        self.call(env!("CARGO_BIN_EXE_secrets")).args(arguments).run()
    }

    /// Prepares a program.
    pub fn call(&self, program: impl AsRef<OsStr>) -> Call {
        let mut command = Command::new(program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.path(""));
        Call { command, stdin: Vec::new() }
    }
}

fn put(path: &Path, bytes: &[u8], mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A program that is about to run.
#[must_use]
pub struct Call {
    command: Command,
    stdin: Vec<u8>,
}

impl Call {
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// Runs the program to its end.
    pub fn run(mut self) -> Outcome {
        let shown = format!("{:?}", self.command);
        let pipes = [Stdio::piped(), Stdio::piped(), Stdio::piped()];
        let [stdin, stdout, stderr] = pipes;
        let mut child = self.command.stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = std::mem::take(&mut self.stdin);
        // From a thread of its own: a child that writes before it has read everything would stop both.
        let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Outcome { shown, code: output.status.code(), stdout: output.stdout, stderr }
    }
}

/// What a program did.
#[must_use]
pub struct Outcome {
    shown: String,
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Outcome {
    /// Panics with what the program said if it did not end with 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.ends_with(0)
    }

    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.shown, self.stderr);
        self
    }

    #[track_caller]
    pub fn prints(self, want: impl AsRef<[u8]>) -> Self {
        let outcome = self.ok();
        let (got, want) = (shown(&outcome.stdout), shown(want.as_ref()));
        assert_eq!(got, want, "{}", outcome.shown);
        outcome
    }

    #[track_caller]
    pub fn says(self, want: &str) -> Self {
        assert!(self.stderr.contains(want), "{} does not say {want:?}:\n{}", self.shown, self.stderr);
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }
}

/// Returns bytes as a person reads them in a failure: a line for each line.
pub fn shown(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes.split(|byte| *byte == b'\n').map(|line| line.escape_ascii().to_string()).collect();
    lines.join("\n")
}
