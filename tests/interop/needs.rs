//! Which peers are on this machine.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

/// Returns the path of a program; `None`, and a line on stderr, if it is not there.
pub fn needs(program: &str) -> Option<PathBuf> {
    let path = search_path();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.or_else(|| left_out(program))
}

/// Returns the folder to set as `PYTHONPATH`, if python has this package.
pub fn needs_python_package(package: &str) -> Option<PathBuf> {
    let folder = tools().join("python");
    if folder.join(package).is_dir() { Some(folder) } else { left_out(&format!("{package} of python")) }
}

/// Returns the folder to set as `NODE_PATH`, if node has this package.
pub fn needs_node_package(package: &str) -> Option<PathBuf> {
    let folder = tools().join("node/node_modules");
    if folder.join(package).is_dir() { Some(folder) } else { left_out(&format!("{package} of node")) }
}

/// Returns the folders of programs: our own first, then those of this process.
pub fn search_path() -> OsString {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools().join("bin")).chain(std::env::split_paths(&inherited));
    std::env::join_paths(folders).unwrap()
}

/// Tells whether everything must be there, as in CI.
pub fn is_complete() -> bool {
    std::env::var_os("SECRETS_TEST_ALL").is_some_and(|value| value == "1")
}

fn left_out<T>(peer: &str) -> Option<T> {
    let scene = std::thread::current().name().unwrap_or("a test").to_string();
    assert!(!is_complete(), "{scene} needs {peer}, and SECRETS_TEST_ALL=1 leaves nothing out");
    // Not `eprintln!`, which the test harness would hide; at once, so that no other line gets between.
    let _ = std::io::stderr().write_all(format!("left out: {scene}: no {peer}\n").as_bytes());
    None
}

fn tools() -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools");
    std::env::var_os("SECRETS_TEST_TOOLS").map_or_else(built, PathBuf::from)
}
