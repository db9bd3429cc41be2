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
pub mod resolve;

// Work.
pub mod launch;

// Faces.
pub mod term;

pub mod cmd;

use base::World;

/// Does what the command line says and returns the exit code; `run` does not come back when it starts its program.
pub fn run(world: World) -> u8 {
    cmd::run(world)
}
