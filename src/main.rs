//! Collects the world and hands it over.
#![no_main]
#![allow(unsafe_code, reason = "the system's own `main`: see os.rs")]

use std::ffi::c_char;
use std::ffi::c_int;

use secrets::base::World;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    // SAFETY: the first call in the system's `main`, with what it got.
    let words = unsafe { secrets::os::begin(count, words) };
    secrets::os::harden();
    std::panic::set_hook(Box::new(secrets::report_bug));
    c_int::from(secrets::run(World::of_this_process(words)))
}
