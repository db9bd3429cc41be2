//! Collects the world and hands it over.

use std::process::ExitCode;

use secrets::base::World;

fn main() -> ExitCode {
    secrets::os::harden();
    ExitCode::from(secrets::run(World::of_this_process()))
}
