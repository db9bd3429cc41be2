//! What goes wrong outside: damaged files, odd places, full disks, closed streams. The exit code tells the kind, the
//! error fits a screen, and the sealed file is as it was.

use std::fs;
use std::os::unix::fs::symlink;

use crate::sandbox::Outcome;
use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::available;
use crate::sandbox::needs;
use crate::sandbox::secret;

const SCREEN: usize = 12;

/// Checks that an outcome is an error that a person can read.
#[track_caller]
fn readable(outcome: &Outcome) {
    let text = outcome.stderr();
    assert!(text.lines().any(|line| line.starts_with("error: ")), "{text}");
    assert!((1..=SCREEN).contains(&text.lines().count()), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// Lets every command that opens the file meet what is wrong with it: they fail with one of `codes`, say `says`, start
/// nothing and change nothing.
#[track_caller]
fn all_fail(s: &Sandbox, codes: &[i32], says: &str) {
    let before = s.tree("..");
    let calls = [
        s.call(["get", "KEY"]),
        s.call(["export"]),
        s.call(["unset", "KEY"]),
        s.call(["set", "OTHER"]).stdin("another value"),
        s.call(["import", "-"]).stdin("OTHER=another value\n"),
        s.call(["edit"]).env("EDITOR", "true"),
    ];
    for call in calls {
        let outcome = call.go();
        readable(outcome.shows_nothing().says(says));
        let code = outcome.status.code().unwrap_or(-1);
        assert!(codes.contains(&code), "exit code {code}, not {codes:?}: {}", outcome.stderr());
    }
    let outcome = s.run(["run", "--", "touch", "started"]);
    readable(outcome.exits(125).shows_nothing().says(says));
    assert_eq!(s.tree(".."), before);
}

/// As [`all_fail`], for what is read at the same place by every command.
#[track_caller]
fn settings_fail(s: &Sandbox, code: i32, says: &str) {
    let before = s.tree("..");
    readable(s.run(["get", "KEY"]).exits(code).shows_nothing().says(says));
    readable(s.call(["set", "OTHER"]).stdin("another value").go().exits(code).says(says));
    readable(s.run(["run", "--", "touch", "started"]).exits(125).shows_nothing().says(says));
    assert_eq!(s.tree(".."), before);
}

fn project() -> Sandbox {
    Sandbox::new().secret("KEY").secret("SECOND")
}

// The file's content.

#[test]
fn a_file_that_was_cut_short() {
    let s = project();
    let sealed = s.sealed();
    for length in [0, 1, 10, sealed.find('\n').unwrap(), 300, 700, sealed.len() - 20, sealed.len() - 1] {
        s.write(SEALED, &sealed[..length]);
        all_fail(&s, &[1, 3, 5], SEALED);
    }
}

#[test]
fn a_file_for_somebody_else() {
    let s = project();
    fs::remove_file(s.identity()).unwrap();
    all_fail(&s, &[3], "`secrets identity new`");
    s.run(["identity", "new"]).succeeds();
    let own = s.recipient();
    all_fail(&s, &[3], &own);
    assert!(!s.path("started").exists());
}

#[test]
fn an_identity_that_cannot_be_understood() {
    let s = project();
    fs::write(s.identity(), "nonsense\n").unwrap();
    all_fail(&s, &[3], "line 1 is not an identity");
    fs::write(s.identity(), vec![b'#'; 300 << 10]).unwrap();
    all_fail(&s, &[3], "identity.txt");
    fs::remove_file(s.identity()).unwrap();
    fs::create_dir(s.identity()).unwrap();
    all_fail(&s, &[3], "identity.txt");
}

#[test]
fn conflict_markers_of_a_merge() {
    let s = project();
    let sealed = s.sealed();
    s.write(SEALED, format!("<<<<<<< HEAD\n{sealed}=======\n{sealed}>>>>>>> theirs\n"));
    all_fail(&s, &[1], "conflict marker");
}

#[test]
fn converted_line_ends() {
    let s = project();
    s.write(SEALED, s.sealed().replace('\n', "\r\n"));
    all_fail(&s, &[1], "line ends");
}

#[test]
fn bytes_that_are_no_text() {
    let s = project();
    let noise: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let sealed = s.bytes(SEALED);
    for bytes in [noise.clone(), [&noise[..], b"\n", &sealed].concat(), [&sealed[..], &noise].concat(), vec![0; 5000]] {
        s.write(SEALED, bytes);
        all_fail(&s, &[1, 3, 5], SEALED);
    }
}

#[test]
fn a_plain_file_in_its_place_is_not_shown() {
    let s = project().canary("PLAIN", secret("plain"));
    s.write(SEALED, format!("KEY={}\n", secret("plain")));
    all_fail(&s, &[1], "it is not a sealed file");
    s.write(SEALED, format!("{} without a sign\n", secret("plain")));
    all_fail(&s, &[1], "line 1");
}

#[test]
fn a_value_that_was_put_in_plain_is_not_taken_and_not_shown() {
    let s = project().canary("PLAIN", secret("plain"));
    let sealed = s.sealed();
    let rest = sealed.split_once('\n').unwrap().1;
    s.write(SEALED, format!("KEY={}\n{rest}", secret("plain")));
    all_fail(&s, &[3], "the value of `KEY` on line 1 is not encrypted");
}

#[test]
fn names_that_no_environment_takes() {
    let s = project();
    let sealed = s.sealed();
    for name in ["", "1KEY", "K EY", "K-EY", "export KEY", "KEY\u{1b}[31m", "KÉY"] {
        s.write(SEALED, sealed.replacen("KEY=", &format!("{name}="), 1));
        all_fail(&s, &[5], "line 1");
    }
    s.write(SEALED, sealed.replacen("SECOND=", "KEY=", 1));
    all_fail(&s, &[5], "`KEY` stands twice");
}

#[test]
fn more_than_a_file_may_hold() {
    let s = project();
    let sealed = s.sealed();
    s.write(SEALED, vec![b'a'; 5 << 20]);
    all_fail(&s, &[5], "the limit is 4096 KiB");
    let entries: String = (0..10_001).map(|i| format!("N{i}=\n")).collect();
    s.write(SEALED, entries + &sealed);
    all_fail(&s, &[5], "the limit is 10000");
    let wraps: Vec<(String, String)> = sealed
        .lines()
        .filter_map(|line| line.strip_prefix("sops_age__list_0__"))
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    let all = (0..257).flat_map(|i| wraps.iter().map(move |(n, v)| format!("sops_age__list_{i}__{n}={v}")));
    let mut all: Vec<String> = all.collect();
    all.sort();
    let start = sealed.find("sops_age__list_0__").unwrap();
    let end = sealed.find("sops_lastmodified").unwrap();
    s.write(SEALED, format!("{}{}\n{}", &sealed[..start], all.join("\n"), &sealed[end..]));
    all_fail(&s, &[5], "the limit is 256");
}

#[test]
fn a_file_for_more_readers_than_may_be_is_not_written() {
    let recipients: Vec<String> = (0..257).map(|_| age::x25519::Identity::generate().to_public().to_string()).collect();
    let s = Sandbox::new().value("KEY", "v").file("plain.env", "A=1\n");
    let flags = recipients.iter().flat_map(|recipient| ["--to", recipient.as_str()]);
    let outcome = s.call(["encrypt", "plain.env", "--output", "new.env"]).words(flags).go();
    readable(outcome.exits(5).shows_nothing().says("256"));
    assert!(!s.path("new.env").exists());
    let quoted: Vec<String> = recipients.iter().map(|recipient| format!("\"{recipient}\"")).collect();
    let s = s.settings(&format!(
        "[members.many]\nrecipients = [{}]\n[environments.staging]\nreaders = [\"many\"]\n",
        quoted.join(", ")
    ));
    readable(s.call(["set", "A", "-e", "staging"]).stdin("v").go().exits(5).says("256"));
    assert!(!s.path("secrets/staging.env").exists());
}

// The file's place.

#[test]
fn no_file_at_all() {
    let s = project();
    fs::remove_file(s.path(SEALED)).unwrap();
    for words in [&["get", "KEY"][..], &["export"], &["list"]] {
        let outcome = s.run(words);
        readable(outcome.exits(1).shows_nothing().says("does not exist").says("`secrets set NAME --env development`"));
    }
    s.run(["run", "--", "touch", "started"]).exits(125);
    s.run(["unset", "KEY"]).exits(1);
    assert_eq!(s.tree("secrets").len(), 0);
}

#[test]
fn a_folder_in_its_place() {
    let s = project();
    fs::remove_file(s.path(SEALED)).unwrap();
    fs::create_dir(s.path(SEALED)).unwrap();
    all_fail(&s, &[1], "is a folder");
    // `set` makes a file where none is; here it would not.
    s.run(["get", "KEY"]).exits(1).never_says("to make it");
}

#[test]
fn a_pipe_in_its_place_does_not_hang() {
    let s = project();
    fs::remove_file(s.path(SEALED)).unwrap();
    s.program(["mkfifo", SEALED]).go().succeeds();
    all_fail(&s, &[1], "not a regular file");
    for words in [
        &["get", "KEY", "-f", "pipe"][..],
        &["decrypt", "pipe"],
        &["encrypt", "pipe"],
        &["import", "pipe"],
        &["set", "OTHER", "--from-file", "pipe"],
        &["run", "--env-file", "pipe", "--", "true"],
    ] {
        s.program(["mkfifo", "pipe"]).go().succeeds();
        let outcome = s.run(words);
        readable(outcome.shows_nothing());
        assert!(!outcome.status.success());
        fs::remove_file(s.path("pipe")).unwrap();
    }
}

#[test]
fn a_device_without_an_end_is_not_read() {
    let s = project();
    for words in [&["decrypt", "/dev/zero"][..], &["import", "/dev/zero"], &["set", "X", "--from-file", "/dev/zero"]] {
        readable(s.run(words).exits(1).shows_nothing().says("`/dev/zero` is not a regular file"));
    }
    let outcome = s.shell("secrets set X < /dev/zero").go();
    readable(outcome.exits(5).says("too large"));
}

#[test]
fn a_link_that_leads_out_of_the_project() {
    let s = project();
    fs::rename(s.path(SEALED), s.root().join("outside.env")).unwrap();
    symlink("../../outside.env", s.path(SEALED)).unwrap();
    all_fail(&s, &[5], "leads out of the project");
}

#[test]
fn the_hint_of_a_link_that_leads_out_is_true() {
    let s = project();
    fs::rename(s.path(SEALED), s.root().join("outside.env")).unwrap();
    symlink("../../outside.env", s.path(SEALED)).unwrap();
    s.run(["get", "KEY"]).exits(5).says("put the file itself there").never_says("to make it");
    fs::rename(s.root().join("outside.env"), s.path(SEALED)).unwrap();
    s.run(["get", "KEY"]).succeeds().shows(secret("KEY")).reveals("KEY");
}

#[test]
fn a_folder_of_secrets_that_leads_out_of_the_project() {
    let s = project();
    fs::rename(s.path("secrets"), s.root().join("outside")).unwrap();
    symlink("../outside", s.path("secrets")).unwrap();
    all_fail(&s, &[5], "leads out of the project");
    fs::remove_file(s.root().join("outside/development.env")).unwrap();
    s.call(["set", "KEY"]).stdin("v").go().exits(5).says("leads out of the project");
    assert_eq!(s.tree("../outside").len(), 0);
}

#[test]
fn a_link_that_stays_in_the_project_is_followed_and_kept() {
    let s = project();
    fs::rename(s.path(SEALED), s.path("real.env")).unwrap();
    symlink("../real.env", s.path(SEALED)).unwrap();
    s.run(["get", "KEY"]).succeeds().shows(secret("KEY")).reveals("KEY");
    s.call(["set", "OTHER"]).stdin("v").go().succeeds();
    assert!(fs::symlink_metadata(s.path(SEALED)).unwrap().is_symlink());
    s.run(["get", "OTHER"]).succeeds().shows("v");
}

#[test]
fn a_link_that_leads_nowhere_or_to_itself() {
    let s = project();
    for target in ["nowhere.env", "development.env"] {
        fs::remove_file(s.path(SEALED)).unwrap();
        symlink(target, s.path(SEALED)).unwrap();
        all_fail(&s, &[1], SEALED);
    }
}

#[test]
fn a_file_that_may_not_be_written() {
    let s = project();
    s.chmod(SEALED, 0o444);
    let before = s.tree(".");
    let outcome = s.call(["set", "OTHER"]).stdin("v").go();
    readable(outcome.exits(1).says("is read-only").says("chmod u+w"));
    s.run(["unset", "KEY"]).exits(1);
    assert_eq!(s.tree("."), before);
    s.run(["get", "KEY"]).succeeds().reveals("KEY");
}

#[test]
fn a_folder_that_may_not_be_written() {
    let s = project();
    s.chmod("secrets", 0o555);
    let before = s.tree(".");
    let Some(call) = s.call_as_nobody(["set", "OTHER"]) else { return };
    let outcome = call.stdin("another value").go();
    readable(outcome.exits(1).says("cannot write `"));
    let Some(call) = s.call_as_nobody(["get", "KEY"]) else { return };
    call.go().succeeds().shows(secret("KEY")).reveals("KEY");
    assert_eq!(s.tree("."), before);
    s.chmod("secrets", 0o755);
}

#[test]
fn a_file_that_may_not_be_read() {
    let s = project();
    for (path, code) in [(SEALED, 1), ("secrets.toml", 1), ("secrets", 1), ("../home/.config/secrets/identity.txt", 3)]
    {
        let mode = s.mode(path);
        s.chmod(path, 0);
        let Some(call) = s.call_as_nobody(["get", "KEY"]) else { return };
        readable(call.go().exits(code).shows_nothing().says("ermission denied"));
        s.chmod(path, mode);
    }
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let mount = if rustix::process::geteuid().is_root() { "unshare -m" } else { "unshare -rm" };
    let s = project();
    let words = |script: &str| format!("{mount} sh -c '{script}'");
    let can = s.shell(&words("mount -t tmpfs -o size=64k none tmp || exit 1")).cwd("..").go().status.success();
    if !needs("unshare") || !available(can, "permission to mount") {
        return;
    }
    let script = "mount -t tmpfs -o size=64k none secrets && cp \"$1\" secrets/development.env || exit 99
        cat /dev/zero > secrets/filler 2>/dev/null
        printf another | \"$2\" set OTHER; echo \"set: $?\"
        cmp \"$1\" secrets/development.env && ls -A secrets
        rm secrets/filler; printf another | \"$2\" set OTHER; echo \"set: $?\"";
    fs::copy(s.path(SEALED), s.root().join("copy.env")).unwrap();
    let copy = s.root().join("copy.env").display().to_string();
    let call = s.program(["sh", "-c", script, "sh", &copy, crate::sandbox::SECRETS]).under(mount.split(' '));
    let outcome = call.go();
    outcome.succeeds().shows("set: 1\ndevelopment.env\nfiller\nset: 0");
    outcome.says("No space left on device").says("added `OTHER`");
}

#[test]
fn a_limit_on_the_size_of_files_leaves_the_old_one() {
    let s = project();
    let before = s.tree(".");
    // One block: SIGXFSZ is ignored so that the write itself fails.
    let call = s.call(["set", "OTHER"]).stdin("another value".repeat(1000)).after("trap '' XFSZ; ulimit -f 1");
    readable(call.go().exits(1).says("cannot write"));
    assert_eq!(s.tree("."), before);
}

// Streams and surroundings.

#[test]
fn without_a_home_nothing_opens_and_a_variable_still_does() {
    let key = |s: &Sandbox| fs::read_to_string(s.identity()).unwrap();
    let s = project().env("HOME", "/dev/null/none").without("XDG_CONFIG_HOME");
    let own = key(&s);
    all_fail(&s, &[3], "`secrets identity new`");
    s.call(["get", "KEY"]).env("SECRETS_IDENTITY", own).go().succeeds().reveals("KEY");
    readable(s.run(["identity", "new"]).exits(1).says("cannot make the folder"));
}

#[test]
fn closed_streams() {
    let s = project();
    let before = s.tree(".");
    readable(s.shell("secrets get KEY >&-").go().exits(1).says("standard output is closed"));
    readable(s.shell("secrets list >&-").go().exits(1).says("standard output is closed"));
    readable(s.shell("secrets set OTHER <&-").go().exits(1).says("standard input is closed"));
    readable(s.shell("secrets import - <&-").go().exits(1).says("standard input is closed"));
    s.shell("secrets get KEY 2>&-").go().succeeds().shows(secret("KEY")).reveals("KEY");
    s.shell("secrets get NOPE 2>&-").go().exits(1).shows_nothing();
    s.shell("secrets get NOPE <&- >&- 2>&-").go().exits(1);
    assert_eq!(s.tree("."), before);
    // What is opened next must not become one of the three and be written into.
    s.shell("printf value | secrets set OTHER >&- 2>&-").go().succeeds();
    s.run(["get", "OTHER"]).succeeds().shows("value");
    s.run(["status"]).succeeds().shows_part("nothing was changed without the key");
}

#[test]
fn a_full_standard_output() {
    if !available(fs::metadata("/dev/full").is_ok(), "/dev/full") {
        return;
    }
    let s = project();
    for words in ["get KEY", "list", "export", "status", "identity show", "--version", "--help"] {
        let outcome = s.shell(&format!("secrets {words} >/dev/full")).go();
        readable(outcome.exits(1).says("cannot write to standard output"));
    }
    s.shell("secrets list --json >/dev/full").go().exits(1).says("cannot write to standard output");
    s.shell("secrets get NOPE 2>/dev/full").go().exits(1);
    s.shell("printf v | secrets set OTHER 2>/dev/full").go().succeeds();
}

#[test]
fn a_reader_that_goes_away_is_no_news() {
    let s = project();
    s.call(["set", "LONG"]).stdin("x".repeat(1 << 20)).go().succeeds();
    s.shell("{ secrets get LONG; echo $? >&2; } | true").go().succeeds().says("1").never_says("error");
}

#[test]
fn names_with_signs_that_no_name_has() {
    let s = project();
    let before = s.tree(".");
    for name in ["A=B", "A\nB", "A B", "", "../A", "A\u{1b}[2J", "sops_mac"] {
        for command in ["get", "unset"] {
            let outcome = s.run([command, name]);
            readable(outcome.exits(1).shows_nothing().never_says("\u{1b}"));
        }
    }
    assert_eq!(s.tree("."), before);
}

// secrets.toml.

#[test]
fn an_environment_that_is_not_there() {
    let s = project();
    for words in [&["get", "KEY", "-e", "nope"][..], &["list", "-e", "nope"], &["unset", "KEY", "--env", "nope"]] {
        readable(s.run(words).exits(1).shows_nothing().says("there is no environment `nope`"));
    }
    readable(s.run(["run", "-e", "../x", "--", "true"]).exits(125).says("there is no environment `../x`"));
    s.run(["get", "KEY", "-e", "development", "-f", SEALED]).exits(2);
}

#[test]
fn settings_that_cannot_be_understood() {
    let s = project();
    let good = s.read("secrets.toml");
    let with = |line: &str| format!("{good}\n{line}\n");
    for (text, code, says) in [
        (with("colour = 1"), 1, "unknown field `colour`"),
        (with("[color]\nx = 1"), 1, "unknown field `color`"),
        (with("[members.bob]\nrecipient = []"), 1, "unknown field `recipient`"),
        (with("[members.bob]\nrecipients = 3"), 1, "invalid type"),
        (with("[members.bob]\nrecipients = [\"age1nonsense\"]"), 1, "age1nonsense"),
        (with("[members.\"../bob\"]\nrecipients = []"), 1, "cannot name a member"),
        (with("[environments.production]\nreaders = [\"nobody\"]"), 1, "`nobody`"),
        (with("[environments.production]\nreaders = []"), 1, "no `readers`"),
        (with("[environments.production]\nreaders = [\"dev\"]\nextends = \"nope\""), 1, "`nope`"),
        (with("[environments.production]\nreaders = [\"dev\"]\nextends = \"production\""), 1, "circle"),
        (with("[environments.production]\nreaders = [\"dev\"]\nplain = [\"A.*\"]"), 1, "`A.*`"),
        (with("[environments.x]\nreaders = [\"dev\"]\nfile = \"secrets/development.env\""), 1, "the same file"),
        (with("[values.\"A B\"]\nrequired = true"), 1, "`A…`"),
        (with("this is no TOML"), 1, "line 14"),
        (with("[environments.development]\nreaders = [\"dev\"]"), 1, "duplicate key"),
        (good.replace("version = 1", "version = 2"), 5, "version 2"),
        (good.replace("version = 1", "version = \"1\""), 1, "invalid type"),
        (good.replace("version = 1\n", ""), 1, "version"),
        (good.replace("project = \"shop\"\n", ""), 1, "project"),
        (good.replace("\"shop\"", "\"../shop\""), 1, "`../shop`"),
        (String::new(), 1, "version"),
        ("x".repeat(2 << 20), 5, "too large"),
    ] {
        s.write("secrets.toml", text);
        settings_fail(&s, code, says);
    }
    s.write("secrets.toml", b"version = 1\nproject = \"\xff\"\n");
    settings_fail(&s, 1, "cannot be understood");
}

#[test]
fn a_path_that_leaves_the_project() {
    let s = project();
    let good = s.read("secrets.toml");
    fs::copy(s.path(SEALED), s.root().join("x.env")).unwrap();
    for path in
        ["../x.env", "a/../../x.env", "/etc/x.env", "~/x.env", "a//b.env", "", "a\\\\b.env", "a\\nb.env", "C:x.env"]
    {
        let text =
            good.replace("[environments.development]\n", &format!("[environments.development]\nfile = \"{path}\"\n"));
        assert_ne!(text, good);
        s.write("secrets.toml", text);
        settings_fail(&s, 5, "the path `");
    }
}

#[test]
fn settings_in_an_odd_place() {
    let s = project();
    let good = s.bytes("secrets.toml");
    fs::remove_file(s.path("secrets.toml")).unwrap();
    fs::create_dir(s.path("secrets.toml")).unwrap();
    all_fail(&s, &[1], "is a folder");
    fs::remove_dir(s.path("secrets.toml")).unwrap();
    s.program(["mkfifo", "secrets.toml"]).go().succeeds();
    all_fail(&s, &[1], "not a regular file");
    fs::remove_file(s.path("secrets.toml")).unwrap();
    fs::write(s.root().join("outside.toml"), &good).unwrap();
    symlink("../outside.toml", s.path("secrets.toml")).unwrap();
    all_fail(&s, &[5], "leads out of the project");
}

#[test]
fn a_value_by_mistake_in_the_settings_is_not_shown() {
    let s = project().canary("VALUE", secret("VALUE"));
    let (good, value) = (s.read("secrets.toml"), secret("VALUE"));
    for line in [
        format!("[values]\nDATABASE_URL = \"{value}\""),
        format!("[values.DATABASE_URL]\nrequired = \"{value}\""),
        format!("[values.DATABASE_URL]\nvalue = \"{value}\""),
        format!("DATABASE_URL = \"{value}\""),
        format!("DATABASE_URL = {value}"),
        format!("DATABASE_URL={value}-and \"quotes"),
        format!("[environments.x]\nreaders = \"{value}\""),
    ] {
        s.write("secrets.toml", format!("{good}\n{line}\n"));
        readable(s.run(["list"]).exits(1).shows_nothing());
        let outcome = s.run(["list", "--json"]);
        assert_eq!(outcome.exits(1).json_error()["code"], 1);
    }
}
