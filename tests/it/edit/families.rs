//! Which editor is started, and with which words.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use super::left_in_memory;
use super::sandbox;
use super::script;

/// Adds `C` to the file, which comes last, and shows the other words, the private folder left out.
const SHOWS_ITS_WORDS: &str = r#"
for file; do :; done
for word; do [ "$word" = "$file" ] || printf '%s\n' "${word#"${file%/*}"/}"; done
echo "C=1" >>"$file"
"#;

#[test]
fn code_waits_and_keeps_its_data_in_the_private_folder() {
    let code = r#"
for file; do :; done
while [ $# -gt 0 ]; do
    case $1 in
        --wait | -w) waits=$((waits + 1)) ;;
        --user-data-dir) data=$2; shift ;;
    esac
    shift
done
[ "$waits" = 1 ] || { echo "would go to the background, or was told twice to wait"; exit 3; }
[ "${data%/*}" = "${file%/*}" ] || { echo "$data is not beside the file"; exit 4; }
mkdir -p "$data/User/History" "$data/Backups"
cp "$file" "$data/User/History/1.env"
sed 's/^A=.*/A='"$NEW"'/' "$file" >"$data/Backups/1"
cat "$data/Backups/1" >"$file"
"#;
    for line in ["code", "code --wait", "code -w", "code --new-window", "code-insiders", "codium", "cursor --wait"] {
        let s = sandbox("").canary("A", secret("new")).env("NEW", secret("new"));
        let program = line.split(' ').next().expect("a word");
        let s = with_programs(s.script(format!("bin/{program}"), script(code))).env("EDITOR", line);
        s.run(["edit"]).succeeds().shows_nothing().says("changed `development`");
        s.run(["get", "A"]).succeeds().shows(secret("new")).reveals("A");
        assert_eq!(left_in_memory(&s), [""; 0], "{line}");
    }
}

#[test]
fn helix_gets_the_file_and_nothing_else() {
    let s = with_programs(sandbox("").script("bin/hx", script("echo $#; echo C=1 >>\"$1\""))).env("EDITOR", "hx");
    s.run(["edit"]).succeeds().shows("1").says("changed `development`");
}

#[test]
fn an_editor_is_known_by_its_name_by_what_a_link_leads_to_and_behind_another_word() {
    let (vim, nano) = ("-n\n-i\nNONE\n-c\n", "--ignorercfiles\n");
    for (program, link, line, want) in [
        ("vim", None, "vim", vim),
        ("nvim", None, "nvim", vim),
        ("vim.basic", Some("vi"), "vi", vim),
        ("vim.tiny", Some("editor"), "editor", vim),
        ("vim", None, "env NAME=value vim", vim),
        ("nano", None, "nano", nano),
        ("nano", Some("editor"), "editor", nano),
        ("emacs-nox", Some("emacs"), "emacs", "--eval\n"),
        ("emacs", None, "env emacs", "--eval\n"),
        ("busybox", Some("vi"), "vi", ""),
        ("mine", None, "mine", ""),
    ] {
        let s = with_programs(sandbox("").script(format!("bin/{program}"), script(SHOWS_ITS_WORDS)));
        if let Some(link) = link {
            std::os::unix::fs::symlink(program, s.path("bin").join(link)).unwrap();
        }
        let shown = s.call(["edit"]).env("EDITOR", line).go().succeeds().stdout();
        assert!(shown.starts_with(want) && shown.is_empty() == want.is_empty(), "{line} ({program}): {shown}");
    }
}

#[test]
fn an_editor_gets_the_environment_without_the_identity() {
    let s = sandbox("env | grep -c AGE-SECRET-KEY; echo $HAS");
    let identity = std::fs::read_to_string(s.identity()).unwrap();
    for name in ["SECRETS_IDENTITY", "SOPS_AGE_KEY"] {
        s.call(["edit"]).env(name, &identity).env("HAS", "this").go().succeeds().shows("0\nthis");
    }
}

#[test]
fn the_words_of_the_variable_come_first() {
    let s = with_programs(sandbox("").script("bin/my editor", script(SHOWS_ITS_WORDS)));
    let s = s.env("EDITOR", "'my editor' -nw --title 'two words' \\$HOME").env("HOME_IS_NOT", "filled in");
    s.run(["edit"]).succeeds().shows("-nw\n--title\ntwo words\n$HOME");
}

#[test]
fn visual_goes_before_editor_and_an_empty_one_is_none() {
    let s = sandbox("echo editor").script("visual", script("echo visual"));
    for (visual, want) in [("./visual", "visual"), ("", "editor")] {
        s.call(["edit"]).env("VISUAL", visual).go().succeeds().shows(want);
    }
}

#[test]
fn without_a_variable_a_usual_editor_is_taken() {
    let s = sandbox("").without("EDITOR");
    for name in ["vi", "nano", "vim"] {
        s.write(format!("only/{name}"), script(&format!("echo {name}")));
        s.chmod(format!("only/{name}"), 0o755);
        s.call(["edit"]).after("PATH=$PWD/only").go().succeeds().shows(name);
    }
}

#[test]
fn without_any_editor_nothing_is_opened() {
    let s = sandbox("");
    std::fs::create_dir(s.path("none")).unwrap();
    // Not even the identity is asked for.
    std::fs::remove_file(s.identity()).unwrap();
    let before = s.tree(".");
    s.call(["edit"])
        .after("unset EDITOR; PATH=$PWD/none")
        .go()
        .exits(1)
        .shows_nothing()
        .says("error: there is no editor")
        .says("hint: set `EDITOR` to one");
    for (line, want) in [
        ("no-such-editor --wait", "`no-such-editor` was not found"),
        ("./no-such-editor", "`./no-such-editor` was not found"),
        (SEALED, "may not be executed"),
        ("./secrets", "it is a folder"),
        ("vim 'x", "missing closing quote"),
        (" ", "it is empty"),
    ] {
        let outcome = s.call(["edit"]).env("EDITOR", line).go();
        outcome.exits(1).shows_nothing().says("the editor in `EDITOR` cannot be used").says(want);
    }
    s.call(["edit"]).env("VISUAL", "no-such-editor").go().exits(1).says("the editor in `VISUAL` cannot be used");
    assert_eq!(s.tree("."), before);
    assert_eq!(left_in_memory(&s), [""; 0]);
}

#[test]
fn a_script_that_the_system_cannot_start_is_named() {
    let s = sandbox("");
    s.write("editor", "#!/no/such/interpreter\n");
    s.run(["edit"]).exits(1).says("the editor `./editor` cannot be started");
    assert_eq!(left_in_memory(&s), [""; 0]);
}

/// Puts the project's `bin` before what is on PATH.
fn with_programs(s: Sandbox) -> Sandbox {
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = s.path("bin");
    s.env("PATH", format!("{}:{path}", bin.display()))
}
