//! The real editors, each on a terminal, as they come and with a configuration that keeps all it can.

use std::path::Path;
use std::path::PathBuf;

use memchr::memmem;
use rustix::process::Signal;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

use super::at;
use super::is_gone;
use super::left_in_memory;
use super::process_of;
use super::terminal::Terminal;

/// What a person does in an editor; all of it waits for the last name of the file on the screen.
struct Editor {
    program: &'static str,
    line: &'static str,
    /// Below the home folder; `{home}` in it is that folder.
    config: &'static [(&'static str, &'static str)],
    /// Makes `keep/read`, so that a scene knows that its configuration counts; nano is told to read none.
    shows_that_it_was_read: &'static str,
    /// Changes the value of `KEY` from `{old}` to `{new}` and brings both into every history the editor has.
    change: &'static str,
    save_and_quit: &'static str,
    /// Stands on the screen after `change`.
    changed: &'static str,
}

/// The same lines for vim and nvim, and one more.
macro_rules! vimrc {
    ($histories:literal) => {
        concat!(
            "set nocompatible undofile backup writebackup swapfile updatecount=1 history=1000\n",
            "set backupdir={home}/keep// undodir={home}/keep// directory={home}/keep//\n",
            $histories
        )
    };
}

const EDITORS: [Editor; 4] = [VIM, NVIM, NANO, EMACS];

const VIM: Editor = Editor {
    program: "vim",
    line: "vim",
    config: &[(".vimrc", vimrc!("set viminfo='1000,<1000,s1000,h,:1000,/1000,@1000\n"))],
    shows_that_it_was_read: "call writefile([], '{home}/keep/read')\n",
    change: "/{old}\ryy:%s/{old}/{new}/\r",
    save_and_quit: ":w\r:q\r",
    changed: "{new}",
};

const NVIM: Editor = Editor {
    program: "nvim",
    line: "nvim",
    config: &[(".config/nvim/init.vim", vimrc!("set shada='1000,<1000,s1000,h,:1000,/1000,@1000\n"))],
    ..VIM
};

const NANO: Editor = Editor {
    program: "nano",
    line: "nano",
    config: &[
        (".nanorc", "set backup\nset backupdir \"{home}/keep\"\nset historylog\nset positionlog\nset locking\n"),
        (".local/share/nano/keep", ""),
    ],
    shows_that_it_was_read: "",
    // Searches, replaces (all of them), and goes on.
    change: "\u{17}{old}\r\u{1c}{old}\r{new}\ra",
    save_and_quit: "\u{f}\r\u{18}",
    changed: "{new}",
};

const EMACS: Editor = Editor {
    program: "emacs",
    line: "emacs -nw",
    config: &[(
        ".emacs",
        "(setq make-backup-files t version-control t vc-make-backup-files t auto-save-default t auto-save-interval 1
      backup-directory-alist '((\".\" . \"{home}/keep\"))
      auto-save-file-name-transforms '((\".*\" \"{home}/keep/\" t))
      savehist-additional-variables '(kill-ring search-ring regexp-search-ring)
      savehist-file \"{home}/keep/history\" history-length t)
(savehist-mode 1)
",
    )],
    shows_that_it_was_read: "(write-region \"\" nil \"{home}/keep/read\")\n",
    // Searches, takes the line into the kill ring, replaces from the top.
    change: "\u{13}{old}\r\u{1b}w\u{1b}<\u{1b}xreplace-string\r{old}\r{new}\r",
    save_and_quit: "\u{18}\u{13}\u{18}\u{3}",
    // Of what is changed emacs draws the letters that differ.
    changed: "occurrence",
};

#[test]
fn vim_changes_a_value_and_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&VIM, &[]);
}

#[test]
fn nvim_changes_a_value_and_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&NVIM, &[]);
}

#[test]
fn nano_changes_a_value_and_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&NANO, &[]);
}

#[test]
fn emacs_changes_a_value_and_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&EMACS, &[]);
}

#[test]
fn vim_that_keeps_all_it_can_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&VIM, VIM.config);
}

#[test]
fn nvim_that_keeps_all_it_can_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&NVIM, NVIM.config);
}

#[test]
fn nano_that_keeps_all_it_can_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&NANO, NANO.config);
}

#[test]
fn emacs_that_keeps_all_it_can_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&EMACS, EMACS.config);
}

#[test]
fn vim_that_is_told_where_its_history_lies_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&VIM, &[(".vimrc", "set nocompatible viminfofile={home}/keep/viminfo\n")]);
}

#[test]
fn nvim_that_is_told_where_its_history_lies_leaves_nothing() {
    changes_a_value_and_leaves_nothing(&NVIM, &[(".config/nvim/init.vim", "set shadafile={home}/keep/shada\n")]);
}

#[test]
fn vim_that_sets_its_options_late_leaves_nothing() {
    let late = "set nocompatible undodir={home}/keep backupdir={home}/keep\nautocmd VimEnter * set undofile backup\n";
    changes_a_value_and_leaves_nothing(&VIM, &[(".vimrc", late)]);
}

#[test]
fn emacs_that_saves_its_desktop_leaves_nothing() {
    let desktop = "(setq desktop-path '(\"{home}/keep/\") desktop-dirname \"{home}/keep/\" desktop-save t)
        (desktop-save-mode 1)\n";
    changes_a_value_and_leaves_nothing(&EMACS, &[(".emacs", desktop)]);
}

#[test]
fn emacs_that_turns_its_history_on_late_leaves_nothing() {
    let late = "(setq savehist-file \"{home}/keep/history\" savehist-additional-variables '(kill-ring search-ring))
        (add-hook 'emacs-startup-hook 'savehist-mode)\n";
    changes_a_value_and_leaves_nothing(&EMACS, &[(".emacs", late)]);
}

#[test]
fn a_window_that_is_closed_takes_the_editor_and_the_plain_text_with_it() {
    ends_in_the_middle_of_a_change(|terminal, _| terminal.hangs_up());
}

#[test]
fn a_signal_ends_every_editor_in_the_middle_of_a_change() {
    ends_in_the_middle_of_a_change(|_, folder| {
        rustix::process::kill_process(process_of(folder), Signal::TERM).expect("it runs");
    });
}

fn ends_in_the_middle_of_a_change(end: impl Fn(&mut Terminal, &Path)) {
    for editor in EDITORS.iter().filter(|editor| needs(editor.program) && needs("python3")) {
        let s = sandbox(editor, editor.config);
        let (before, mut folder) = (s.sealed(), PathBuf::new());
        let outcome = at(&s, |terminal| {
            folder = changes(&s, editor, terminal);
            end(terminal, &folder);
        });
        // The editor may see that the terminal is gone, and end, before the signal comes.
        assert!(!outcome.status.success(), "{}", editor.program);
        is_gone(&s, &folder);
        assert_eq!(s.sealed(), before, "{}", editor.program);
    }
}

fn changes_a_value_and_leaves_nothing(editor: &Editor, config: &[(&str, &str)]) {
    if !needs(editor.program) || !needs("python3") {
        return;
    }
    let s = sandbox(editor, config);
    let (before, mut folder) = (s.sealed(), PathBuf::new());
    at(&s, |terminal| {
        folder = changes(&s, editor, terminal);
        terminal.types(editor.save_and_quit);
        terminal.shows("changed `development`");
    })
    .succeeds();
    is_gone(&s, &folder);
    let is_read = s.root().join("home/keep/read").exists();
    assert_eq!(is_read, !config.is_empty() && !editor.shows_that_it_was_read.is_empty());
    let after = s.sealed();
    let changed = before.lines().zip(after.lines()).filter(|(old, new)| old != new);
    let names: Vec<&str> = changed.map(|(_, new)| new.split('=').next().unwrap_or_default()).collect();
    assert_eq!(names, ["KEY", "sops_mac", "sops_secrets_seal"]);
    assert_eq!(before.lines().count(), after.lines().count());
    s.run(["get", "KEY"]).succeeds().shows(secret("new")).reveals("new");
}

/// A project with three values, the home with a place where editors could keep things, and what the editor reads.
fn sandbox(editor: &Editor, config: &[(&str, &str)]) -> Sandbox {
    let s = Sandbox::new().secret("FIRST").secret("KEY").secret("LAST").canary("new", secret("new"));
    s.write("../home/keep/here", "");
    let home = s.root().join("home");
    for (path, lines) in config {
        let text = format!("{lines}{}", editor.shows_that_it_was_read);
        s.write(home.join(path), text.replace("{home}", &home.display().to_string()));
    }
    // Emacs takes another user's configuration where USER is not who it runs as.
    s.without("USER").env("EDITOR", editor.line)
}

/// Opens, looks around, and changes `KEY`; returns the private folder.
fn changes(s: &Sandbox, editor: &Editor, terminal: &mut Terminal) -> PathBuf {
    terminal.shows("LAST");
    let folder = looks_around(s);
    let with_values = |text: &str| text.replace("{old}", &secret("KEY")).replace("{new}", &secret("new"));
    terminal.types(&with_values(editor.change));
    terminal.shows(&with_values(editor.changed));
    looks_around(s);
    folder
}

/// Checks what is true while an editor is open; returns the private folder.
fn looks_around(s: &Sandbox) -> PathBuf {
    let open = left_in_memory(s);
    let [name] = open.as_slice() else { panic!("one private folder, not {open:?}") };
    let folder = s.runtime().join(name);
    assert_eq!(s.mode(&folder), 0o700);
    assert_eq!(s.mode(folder.join(Path::new(SEALED).file_name().expect("it has one"))), 0o600);
    if cfg!(target_os = "linux") {
        let kind = rustix::fs::statfs(&folder).expect("the folder is there").f_type;
        assert_eq!(kind as u64, 0x0102_1994, "not a tmpfs");
    }
    for (path, (_, bytes)) in s.tree(s.root()) {
        for name in ["FIRST", "KEY", "LAST", "new"] {
            let is_found = memmem::find(&bytes, secret(name).as_bytes()).is_some();
            assert!(!is_found, "{} holds {name} while the editor is open", path.display());
        }
    }
    folder
}
