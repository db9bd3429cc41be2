//! Collects the world and hands it over.
#![cfg_attr(not(test), no_main)]
#![allow(unsafe_code, reason = "the system's own `main`: see os.rs")]

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

// A test harness has a `main` of its own.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn main(count: std::ffi::c_int, words: *const *const std::ffi::c_char) -> std::ffi::c_int {
    // SAFETY: the first call in the system's `main`, with what it got.
    let words = unsafe { secrets::os::begin(count, words) };
    secrets::os::harden();
    std::panic::set_hook(Box::new(secrets::report_bug));
    secrets::run(secrets::base::World::of_this_process(words)).into()
}
