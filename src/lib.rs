//! `secrets`: a project's secrets as an encrypted `.env` in git, given to one process.
//!
//! The rooms stand in order: each uses only those above it. `tests/architecture.rs` holds that.

// Ground: words, no disk, no network, no terminal.
pub mod base;

pub mod os;

pub mod dotenv;

pub mod forms;

pub mod sops;

// The project.
pub mod disk;

pub mod history;

pub mod keys;

pub mod project;

// Values.
pub mod store;

pub mod resolve;

// Work.
pub mod launch;

pub mod team;

pub mod git;

pub mod check;

// Faces.
pub mod shell;

pub mod term;

pub mod cmd;

use base::World;

/// Reports a panic without a stack trace, which could hold a value, and ends with the code of a bug.
#[expect(clippy::exit, reason = "a release aborts on a panic, and the exit code is promised")]
pub fn report_bug(panic: &std::panic::PanicHookInfo<'_>) {
    let is_run = os::is_run();
    let place = panic.location().map_or_else(String::new, |place| format!(" ({}:{})", place.file(), place.line()));
    let error = base::Error::new(base::Kind::Bug, format!("this is a bug of `secrets`{place}"))
        .hint("please report what you typed, without values");
    let env = base::Env::default();
    term::Ui::new(&env, term::ColorChoice::Never, false, false).error(&error);
    std::process::exit(i32::from(if is_run { error.kind().code_of_run() } else { error.kind().code() }));
}

/// Does what the command line says and returns the exit code; `run` does not come back when it starts its program.
pub fn run(world: World) -> u8 {
    cmd::run(world)
}
