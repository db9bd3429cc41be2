//! Where a shell stands and what it is for: odd folders, a line that changes the folder, scripts, windows of tmux.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::sandbox::Sandbox;
use crate::sandbox::needs;

use super::out;
use super::shells;
use super::steps::SEE;
use super::steps::as_nobody;
use super::steps::at_prompts;
use super::steps::each;
use super::steps::inner;
use super::steps::project;
use super::steps::start_files;

/// Makes a project whose folder has that name, alone in the folder `at`.
fn named(s: &Sandbox, at: &str, name: &[u8]) {
    let folder = s.root().join(at).join(OsStr::from_bytes(name));
    std::fs::create_dir_all(&folder).expect("a folder");
    s.write(folder.join("one.env"), "ODD=odd\n");
    s.call(["init", "--yes", "--no-git"]).cwd(&folder).go().succeeds();
    s.call(["import", "one.env"]).cwd(&folder).go().succeeds();
}

const NAMES: [&[u8]; 9] = [
    b"two words",
    b"a\nb",
    b"it's",
    b"\xff\xfe",
    b"$(touch pwned)",
    b"-n",
    b"a\\x41\"",
    b"\x1b[31mred\x1b[0m",
    "\u{202e}txt.\u{200b}".as_bytes(),
];

#[test]
fn a_folder_of_any_name_loads_and_unloads() {
    for shell in shells() {
        let s = project();
        for (number, name) in NAMES.iter().enumerate() {
            named(&s, &format!("odd/{number}"), name);
        }
        let see = "printenv ODD >>$OUT; env | grep -a -c ^__SECRETS= >>$OUT; true";
        let mut lines = Vec::new();
        for number in 0..NAMES.len() {
            lines.extend([
                format!("cd $TOP/odd/{number}; cd ./*"),
                see.into(),
                "touch secrets.toml".into(),
                see.into(),
                "cd ..".into(),
                see.into(),
            ]);
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let shown = at_prompts(&s, shell, &lines);
        assert_eq!(out(&s), "odd\n1\nodd\n1\n0\n".repeat(NAMES.len()), "{}: {shown}", shell.name);
        assert!(!s.path("pwned").exists() && !s.path("../pwned").exists(), "{}", shell.name);
    }
}

/// The shells show such names as they are; what the hook says of them is told from that by its first word.
#[test]
fn names_of_folders_and_files_cannot_steer_the_terminal() {
    for shell in shells() {
        let s = project().env("NO_COLOR", "1").env("ODD", "\u{1b}]0;title\u{7}\u{202e}");
        named(&s, "odd/0", b"\x1b[31mred\x1b[0m");
        named(&s, "odd/1", "\u{202e}txt.\u{200b}".as_bytes());
        s.write(
            "odd.toml",
            s.read("secrets.toml").replacen("readers =", "file = \"\\u001b[7m\\u202e.env\"\nreaders =", 1),
        );
        let lines = [
            "cd $TOP/odd/0; cd ./*",
            "mv secrets/development.env away",
            "cd $TOP/odd/1; cd ./*",
            "mv secrets/development.env away",
            "cd $TOP/shop",
            "cp odd.toml secrets.toml",
            "cd $TOP/odd/1; export SECRETS_ENV=\"$ODD\"; cd ./*; true",
        ];
        let shown = at_prompts(&s, shell, &lines);
        let told: Vec<&str> = shown.split("secrets: ").skip(1).filter_map(|told| told.lines().next()).collect();
        assert!(told.len() >= 7, "{}: {told:?} {shown}", shell.name);
        let is_bad = |c: char| c.is_control() || ('\u{200b}'..='\u{202e}').contains(&c);
        assert!(!told.iter().any(|line| line.contains(is_bad)), "{}: {told:?}", shell.name);
        let escaped = told.iter().filter(|line| line.contains("\\u{1b}") || line.contains("\\u{202e}")).count();
        assert!(escaped >= 4, "{}: {told:?}", shell.name);
        let text = s.call(["hook-env", shell.name, "1"]).go();
        let text = text.succeeds().stdout();
        assert!(
            text.ends_with("\n: end\n") && text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)),
            "{text}"
        );
    }
}

#[test]
fn a_folder_that_is_gone_or_closed_unloads_and_the_shell_lives() {
    for shell in shells() {
        let s = project();
        std::fs::create_dir_all(s.path("sub/gone")).expect("a folder");
        let see = "printenv OTHER >>$OUT; env | grep -c ^__SECRETS= >>$OUT; true";
        let lines = [
            "cd sub/gone",
            see,
            "rmdir $TOP/shop/sub/gone",
            "true",
            "cd $TOP",
            see,
            "mkdir $TOP/shop/sub/gone; cd shop/sub/gone",
            see,
            "mv $TOP/shop $TOP/moved; true",
            "cd /",
            see,
            "cd $TOP; mv moved shop; cd shop",
            see,
        ];
        let shown = at_prompts(&s, shell, &lines);
        let (is_in, is_out) = ("as it is here\n1\n", "0\n");
        let want = [is_in, is_out, is_in, is_out, is_in].concat();
        let told = out(&s);
        assert_eq!(told, want, "{}: {shown}", shell.name);
    }
}

#[test]
fn a_folder_that_nobody_may_read_unloads() {
    for shell in shells() {
        let s = project();
        std::fs::create_dir(s.path("sub")).expect("a folder");
        let lines = [
            "cd sub", "chmod 0 .", SEE, "chmod 700 .; cd ..; chmod 0 .", SEE, "cd $TOP", SEE,
            "chmod 700 shop; cd shop", SEE,
        ];
        let Some(shown) = as_nobody(&s, shell, &lines, &[]) else { return };
        let (is_in, is_out) = ("as it is here\n1\n", "0\n");
        assert_eq!(out(&s), [is_in, is_out, is_out, is_in].concat(), "{}: {shown}", shell.name);
    }
}

/// The server keeps what it was started with; a hooked shell in its windows does not.
#[test]
fn a_window_of_tmux_elsewhere_unloads_at_its_first_prompt() {
    if !needs("tmux") {
        return;
    }
    each(|s, shell| {
        let sockets = s.runtime().to_path_buf();
        let s = s.env("TMUX_TMPDIR", sockets);
        start_files(&s);
        let name = format!("secrets-{}-{}", std::process::id(), shell.name);
        let tmux = format!("tmux -L {name} -f /dev/null");
        // The window tells by a channel of the server that a line was typed at a prompt and has ended.
        let see = |channel: &str| {
            format!("env | grep -c ^__SECRETS= >>$OUT; printenv OTHER >>$OUT; {tmux} wait-for -S {channel}")
        };
        let words = inner(shell.name).replace('\'', "\\\"");
        let open = format!(
            "{tmux} new-session -d -x 200 -c $TOP \"{}\"",
            words.replace("$TOP", &s.root().display().to_string())
        );
        let type_in = |line: &str, channel: &str| format!("{tmux} send-keys '{line}' Enter; {tmux} wait-for {channel}");
        let lines = [
            "true",
            &open,
            &type_in(&see("first"), "first"),
            &type_in(&format!("cd shop; {}", see("second")), "second"),
            &type_in(&see("third"), "third"),
            &format!("{tmux} kill-server; true"),
            "printenv OTHER >>$OUT",
        ];
        let shown = at_prompts(&s, shell, &lines);
        let _ = s.program(["tmux", "-L", &name, "kill-server"]).go();
        let value = "as it is here\n";
        let second = if shell.name == "bash" { "0\n".to_string() } else { format!("1\n{value}") };
        assert_eq!(out(&s), format!("0\n{second}1\n{value}{value}"), "{}: {shown}", shell.name);
    });
}

/// The table of what runs at a change of folder: zsh and fish have the values in the same line, and bash at its next prompt.
#[test]
fn a_line_that_changes_the_folder_sees_what_its_shell_can() {
    each(|s, shell| {
        let is_at_once = shell.name != "bash";
        let see = "printenv OTHER >>$OUT || echo none >>$OUT";
        let sub = format!("(cd $TOP/shop; {see})");
        let sub = if shell.name == "fish" { "true" } else { sub.as_str() };
        let cd = format!("cd shop && {see}");
        let pushd = format!("pushd $TOP/shop >/dev/null && {see}");
        let back = format!("cd - >/dev/null; {see}");
        let shown = at_prompts(
            &s,
            shell,
            &[
                "cd ..", see, &cd, see, "cd ..", sub, see, &pushd, see, "popd >/dev/null", see, "cd shop", "cd ..",
                &back, see,
            ],
        );
        let (value, first) = ("as it is here\n", if is_at_once { "as it is here\n" } else { "none\n" });
        let sub = if shell.name == "fish" { "" } else { first };
        let want = format!("none\n{first}{value}{sub}none\n{first}{value}none\n{first}{value}");
        assert_eq!(out(&s), want, "{}: {shown}", shell.name);
    });
}

#[test]
fn a_script_gets_nothing_and_says_nothing() {
    each(|s, shell| {
        let start = format!("source $TOP/start/start.{}", shell.name);
        s.write("../script", format!("{start}\ncd ..\ncd shop\nprintenv OTHER KEY\n__secrets_hook_is_here\ntrue\n"));
        s.write("../plain", "cd ..\ncd shop\nprintenv OTHER KEY\ntrue\n");
        super::steps::start_files(&s);
        let name = shell.name;
        let no = match name {
            "bash" => "--norc",
            "zsh" => "-f",
            _ => "--no-config",
        };
        let shown = at_prompts(
            &s,
            shell,
            &[
                "cd ..",
                &format!("cd shop; env -u OTHER -u KEY -u __SECRETS {name} {no} $TOP/plain >>$OUT 2>&1; true"),
                &format!(
                    "env -u OTHER -u KEY -u __SECRETS {name} {no} -c 'cd ..; cd shop; printenv OTHER' >>$OUT 2>&1; true"
                ),
                &format!("env -u OTHER -u KEY -u __SECRETS {name} {no} $TOP/script >$TOP/env 2>&1; true"),
            ],
        );
        assert_eq!(out(&s), "", "{name}: {shown}");
        let hooked = s.read("../env");
        assert!(!hooked.contains("as it is here") && !hooked.contains("secrets: "), "{name}: {hooked}");
    });
}
