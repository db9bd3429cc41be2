//! Where the plain text may lie.

use std::fs;

use crate::sandbox::Call;
use crate::sandbox::Sandbox;
use crate::sandbox::available;
use crate::sandbox::left_out;
use crate::sandbox::needs;
use crate::sandbox::secret;

use super::left_in_memory;
use super::sandbox;

#[test]
fn a_runtime_folder_on_a_disk_is_passed_over() {
    if !available(cfg!(target_os = "linux"), "a system that tells disk from memory") {
        return;
    }
    let s = sandbox("echo \"${1%/secrets-*}\"");
    fs::create_dir(s.path("disk")).unwrap();
    if is_in_memory(&s) {
        return;
    }
    let disk = s.path("disk");
    for runtime in [disk.as_os_str(), "/no/such/folder".as_ref(), "relative".as_ref(), "".as_ref()] {
        s.call(["edit"]).env("XDG_RUNTIME_DIR", runtime).go().succeeds().shows("/dev/shm");
    }
    assert_eq!(fs::read_dir(disk).unwrap().count(), 0);
    assert_eq!(left_in_memory(&s), [""; 0]);
}

#[test]
fn without_a_folder_in_memory_nothing_is_opened() {
    let s = sandbox("touch opened").env("EDITOR", "./editor");
    fs::create_dir(s.path("disk")).unwrap();
    if is_in_memory(&s) || !can_mount() {
        return;
    }
    let before = s.tree(".");
    for runtime in ["/no/such/folder".to_string(), s.path("disk").display().to_string()] {
        let outcome = without_shared_memory(&s, s.call(["edit"]).env("XDG_RUNTIME_DIR", runtime)).go();
        outcome.exits(5).shows_nothing().says("there is no folder in memory for the plain text");
        outcome.says("hint: change single values with `secrets set NAME`");
    }
    assert_eq!(s.tree("."), before);
    // What the hint says.
    let call = s.call(["set", "C"]).stdin(secret("C")).env("XDG_RUNTIME_DIR", s.path("disk"));
    without_shared_memory(&s, call).go().succeeds();
}

#[test]
fn a_folder_in_memory_that_cannot_be_written_is_passed_over() {
    if !can_mount() {
        return;
    }
    let s = sandbox("echo \"${1%/secrets-*}\"");
    let call =
        s.call(["edit"]).under(["sh", "-c", "mount -t tmpfs -o ro none \"$XDG_RUNTIME_DIR\" && exec \"$@\"", "sh"]);
    call.under(["unshare", "-rm"]).go().succeeds().shows("/dev/shm");
}

/// Lets a call see a folder of the disk where the folder in memory is.
fn without_shared_memory<'s>(s: &Sandbox, call: Call<'s>) -> Call<'s> {
    let disk = s.path("disk").display().to_string();
    call.under(["sh", "-c", "mount --bind \"$0\" /dev/shm && exec \"$@\"", &disk]).under(["unshare", "-rm"])
}

/// Tells whether the sandbox itself lies in memory, where there is no disk to show.
fn is_in_memory(s: &Sandbox) -> bool {
    let is_in_memory = cfg!(target_os = "linux")
        && rustix::fs::statfs(s.root()).is_ok_and(|found| matches!(found.f_type as u64, 0x0102_1994 | 0x8584_58f6));
    if is_in_memory {
        left_out("the temp folder lies in memory, so there is no disk");
    }
    is_in_memory
}

/// Tells whether file systems can be mounted for one process. Where the system forbids it, no test can ask for it.
fn can_mount() -> bool {
    if !available(cfg!(target_os = "linux"), "a system with name spaces") || !needs("unshare") {
        return false;
    }
    let tried = std::process::Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    let is_allowed = tried.is_ok_and(|tried| tried.status.success());
    if !is_allowed {
        left_out("this system lets nobody mount");
    }
    is_allowed
}
