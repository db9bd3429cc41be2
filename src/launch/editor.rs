//! An editor on a plain file in memory, with all that it would leave elsewhere turned off.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGQUIT;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::base::World;
use crate::base::printable;
use crate::disk;

use super::ending;
use super::ending::Duty;

/// Tried in this order where neither `VISUAL` nor `EDITOR` is set.
const USUAL: [&str; 3] = ["vim", "nano", "vi"];
/// Variables that hold an identity, not only the way to one.
const IDENTITY_VARIABLES: [&str; 2] = ["SECRETS_IDENTITY", "SOPS_AGE_KEY"];
/// How long an editor may take to end before its file is removed under it.
const GRACE: Duration = Duration::from_millis(500);

/// A program that edits a file in the foreground.
pub struct Editor {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Editor {
    /// Takes `VISUAL`, else `EDITOR`, else one that is usually there; the command line is split as a shell would.
    ///
    /// # Errors
    /// `Kind::Failed` if there is none, or it is not found.
    pub fn of(world: &World) -> Result<Self> {
        let named = ["VISUAL", "EDITOR"].iter().find_map(|name| Some((*name, world.env.get(name)?)));
        let Some((variable, line)) = named else { return Self::usual(world) };
        let wrong = || Error::new(Kind::Failed, format!("the editor in `{variable}` cannot be used"));
        let line = line.to_str().ok_or_else(|| wrong().because("it is not UTF-8"))?;
        let words = shell_words::split(line).map_err(|error| wrong().because(error))?;
        let (program, arguments) = words.split_first().ok_or_else(|| wrong().because("it is empty"))?;
        let program = disk::find_program(program.as_ref(), &world.env).map_err(|error| wrong().because(error))?;
        Ok(Self { program, arguments: arguments.iter().map(OsString::from).collect() })
    }

    fn usual(world: &World) -> Result<Self> {
        USUAL
            .iter()
            .find_map(|name| disk::find_program(name.as_ref(), &world.env).ok())
            .map(|program| Self { program, arguments: Vec::new() })
            .ok_or_else(|| Error::new(Kind::Failed, "there is no editor").hint("set `EDITOR` to one"))
    }

    /// Edits `file`, which lies in `folder`.
    ///
    /// # Errors
    /// `Kind::Failed` if the editor does not start, or ends with a code that is not 0.
    pub fn edit(&self, file: &Path, folder: &Path, guard: &Guard) -> Result<()> {
        let shown = printable(self.program.as_os_str().as_encoded_bytes());
        let failed = |what: &str| Error::new(Kind::Failed, format!("the editor `{shown}` {what}"));
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(self.quiet_arguments(folder)).arg(file).env("TMPDIR", folder);
        // A plug-in of the editor has no business with the identity.
        IDENTITY_VARIABLES.iter().for_each(|name| {
            command.env_remove(name);
        });
        let mut child = {
            let mut running = lock(&guard.editor);
            let child = command.spawn().map_err(|error| failed("cannot be started").because(error))?;
            *running = Some(Pid::from_child(&child));
            child
        };
        // Not before: the editor would begin with it.
        crate::os::stops_with_its_group(false);
        let status = child.wait();
        crate::os::stops_with_its_group(true);
        // What was typed while the editor was there is the editor's, also if it is heard a moment later.
        ending::settle();
        *lock(&guard.editor) = None;
        let status = status.map_err(|error| failed("cannot be waited for").because(error))?;
        if status.success() {
            return Ok(());
        }
        Err(failed("ended with an error; nothing was changed").because(status.to_string()))
    }

    /// Returns the arguments that keep plaintext out of swap, backup, undo and history files.
    ///
    /// Held by tests/it/edit.rs, which looks for the values in every file of the sandbox.
    fn quiet_arguments(&self, folder: &Path) -> Vec<OsString> {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect();
        match self.family() {
            // A vimrc, and what it asks to be done later, comes before this; `viminfo` is nvim's `shada` as well.
            Family::Vim => words(&[
                "-n",
                "-i",
                "NONE",
                "-c",
                "set nobackup nowritebackup noswapfile noundofile viminfo=",
                "-c",
                "autocmd VimEnter,BufWritePre,VimLeavePre * \
                 set nobackup nowritebackup noswapfile noundofile viminfo=",
            ]),
            // Backups and histories come from nanorc alone, and no flag turns them off one by one.
            Family::Nano => words(&["--ignorercfiles"]),
            // Once now, and once after all hooks of an init file.
            Family::Emacs => words(&[
                "--eval",
                "(let ((off (lambda () \
                   (setq make-backup-files nil auto-save-default nil create-lockfiles nil \
                         auto-save-list-file-prefix nil) \
                   (dolist (mode '(savehist-mode desktop-save-mode)) \
                     (when (fboundp mode) (funcall mode -1)))))) \
                 (funcall off) (add-hook 'window-setup-hook off t))",
            ]),
            // Its hot exit and local history live in its data folder; it gets one that is removed with the file.
            Family::Code => {
                let mut arguments: Vec<OsString> = vec!["--user-data-dir".into(), folder.join("code").into()];
                if !self.arguments.iter().any(|argument| argument == "--wait" || argument == "-w") {
                    arguments.push("--wait".into());
                }
                arguments
            }
            // Helix writes none of these files; of others nothing is known.
            Family::Other => Vec::new(),
        }
    }

    /// `vi` is often a link to vim, so the name counts after links are followed, then as it was typed, and then every other
    /// word of the line: `env vim` is vim, too.
    fn family(&self) -> Family {
        let real = self.program.canonicalize().unwrap_or_else(|_| self.program.clone());
        let words = self.arguments.iter().map(Path::new);
        let of = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match name.as_str() {
                "vim" | "nvim" | "gvim" => Family::Vim,
                "nano" => Family::Nano,
                "emacs" => Family::Emacs,
                "code" | "code-insiders" | "codium" | "cursor" => Family::Code,
                name if name.starts_with("vim.") => Family::Vim,
                name if name.starts_with("emacs-") || name.starts_with("emacs2") || name.starts_with("emacs3") => {
                    Family::Emacs
                }
                _ => Family::Other,
            }
        };
        let mut families = [real.as_path(), self.program.as_path()].into_iter().chain(words).map(of);
        families.find(|family| *family != Family::Other).unwrap_or(Family::Other)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    Code,
    Emacs,
    Nano,
    Other,
    Vim,
}

/// Removes the plaintext before a signal ends this process, from before it is written until the end.
pub struct Guard {
    /// The editor's process while it runs.
    editor: Arc<Mutex<Option<Pid>>>,
}

/// A folder with plaintext, and the editor that may be at it.
struct Plaintext {
    folder: PathBuf,
    editor: Arc<Mutex<Option<Pid>>>,
}

impl Guard {
    /// Begins to wait; `folder` is what must not stay.
    pub fn new(folder: &Path) -> Self {
        let editor = Arc::new(Mutex::new(None));
        // To the end: the folder is removed after this is dropped.
        std::mem::forget(ending::keep(Plaintext { folder: folder.to_path_buf(), editor: Arc::clone(&editor) }));
        Self { editor }
    }
}

impl Duty for Plaintext {
    /// Ctrl-C and Ctrl-\ are an editor's own keys: the terminal sends them to both of us.
    fn passes_over(&self, signal: i32) -> bool {
        lock(&self.editor).is_some() && matches!(signal, SIGINT | SIGQUIT)
    }

    /// Ends the editor and removes the plaintext.
    fn end(&mut self, signal: i32) {
        let running = lock(&self.editor);
        // First: an editor that puts its terminal right may stop the whole group.
        let _ = std::fs::remove_dir_all(&self.folder);
        if let Some(editor) = *running {
            let passed_on = if signal == SIGHUP { Signal::HUP } else { Signal::TERM };
            let _ = rustix::process::kill_process(editor, passed_on);
            let start = Instant::now();
            while rustix::process::test_kill_process(editor).is_ok() && start.elapsed() < GRACE {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        // Whoever waits for the editor goes no further, so that nobody reports or exits before the signal ends us.
        std::mem::forget(running);
    }
}

/// A thread that panicked left nothing half done here.
fn lock(editor: &Mutex<Option<Pid>>) -> MutexGuard<'_, Option<Pid>> {
    editor.lock().unwrap_or_else(PoisonError::into_inner)
}
