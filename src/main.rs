//! Collects the world and hands it over.

use std::process::ExitCode;

use secrets::base::World;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    secrets::os::harden();
    std::panic::set_hook(Box::new(secrets::report_bug));
    ExitCode::from(secrets::run(World::of_this_process()))
}
