//! `secrets run`

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::available;
use crate::sandbox::needs;
use crate::sandbox::secret;

// Start and codes.

#[test]
fn a_program_gets_the_values() {
    let s = Sandbox::new().secret("KEY");
    s.run(["run", "--", "printenv", "KEY"]).succeeds().shows(secret("KEY")).reveals("KEY").says_nothing();
}

#[test]
fn a_value_with_a_newline_survives() {
    let s = Sandbox::new().value("KEY", "one line\ntwo lines");
    s.run(["run", "--", "printenv", "KEY"]).succeeds().shows("one line\ntwo lines").reveals("KEY");
}

#[test]
fn the_exit_code_is_the_programs_own() {
    let s = Sandbox::new().secret("KEY");
    for code in [0, 1, 2, 3, 5, 70, 125, 126, 127, 255] {
        s.run(["run", "--", "sh", "-c", &format!("exit {code}")]).exits(code).shows_nothing().says_nothing();
    }
}

#[test]
fn a_death_by_signal_is_seen_as_one() {
    let s = Sandbox::new().secret("KEY");
    for signal in [1, 2, 3, 6, 9, 11, 13, 15] {
        let kill = format!("kill -{signal} $$");
        s.call(["run", "--", "sh", "-c", &kill]).after("ulimit -c 0").go().dies_of(signal).shows_nothing();
        let code = (128 + signal).to_string();
        s.shell(&format!("(secrets run -- sh -c '{kill}') 2>/dev/null; echo $?")).go().succeeds().shows(code);
    }
}

#[test]
fn a_program_that_is_not_there_is_127() {
    let s = Sandbox::new().secret("KEY").file("a-file", "");
    for program in ["no-such-program", "./no-such-program", "a-file/program", ""] {
        s.run(["run", "--", program]).exits(127).shows_nothing().says(&format!("error: `{program}` was not found"));
    }
    let call = s.call(["run", "--", "printenv"]).after("PATH=.");
    call.go().exits(127).says("hint: `PATH` has no such program");
}

#[test]
fn a_program_that_cannot_be_executed_is_126() {
    let s = Sandbox::new()
        .secret("KEY")
        .file("plain", "#!/bin/sh\necho plain\n")
        .file("folder/x", "")
        .script("bad-interpreter", "#!/no/such/interpreter\n")
        .script("bad-format", "\u{7f}ELF, but not really\n");
    for program in ["./plain", "./folder", "./bad-interpreter", "./bad-format"] {
        s.run(["run", "--", program]).exits(126).shows_nothing().says(&format!("error: `{program}` cannot be started"));
    }
    let path = format!("PATH={}:$PATH", s.project().display());
    s.call(["run", "--", "plain"]).after(&path).go().exits(126);
    // As execvp does, the search goes on behind a file that cannot be executed.
    let s = s.file("printenv", "");
    s.call(["run", "--", "printenv", "KEY"]).after(&path).go().succeeds().reveals("KEY");
}

#[test]
fn a_missing_program_is_found_out_before_any_file_is_opened() {
    let s = Sandbox::new().secret("KEY").file("broken/secrets.toml", "broken");
    s.call(["run", "--", "true"]).cwd("broken").go().exits(125);
    s.call(["run", "--", "no-such-program"]).cwd("broken").go().exits(127);
    if !needs("strace") || !available(s.program(["strace", "true"]).go().status.success(), "permission to trace") {
        return;
    }
    let log = s.root().join("trace");
    let trace = |program: &str| {
        let calls = "trace=open,openat,openat2,readlink,stat,statx,newfstatat,access";
        let strace = ["strace", "-f", "-o", &log.display().to_string(), "-e", calls].map(String::from);
        let outcome = s.call(["run", "--", program]).under(strace).go();
        (outcome.status.code(), fs::read_to_string(&log).unwrap())
    };
    let (code, seen) = trace("true");
    assert_eq!(code, Some(0));
    // Our memory is closed to other processes, so only root sees the paths.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    assert!(seen.contains("secrets.toml") && seen.contains("identity.txt"), "{seen}");
    let (code, seen) = trace("no-such-program");
    assert_eq!(code, Some(127));
    assert!(!seen.contains("secrets.toml") && !seen.contains("identity.txt") && !seen.contains(SEALED), "{seen}");
}

#[test]
fn without_a_command_it_is_a_usage_error() {
    let s = Sandbox::new();
    s.run(["run"]).exits(2).says("missing command after --");
    s.run(["run", "--"]).exits(2).says("missing command after --");
    s.run(["run", "--no-such-flag", "--", "true"]).exits(2);
}

#[test]
fn locked_is_125_and_says_what_to_send() {
    let s = Sandbox::new().secret("KEY");
    fs::remove_file(s.identity()).unwrap();
    let outcome = s.run(["run", "--", "touch", "started"]);
    outcome.exits(125).shows_nothing().says("no identity on this machine opens").says("`secrets identity new`");
    s.run(["identity", "new"]).succeeds();
    let own = s.recipient();
    s.run(["run", "--", "touch", "started"]).exits(125).shows_nothing().says(&own).says("sealed to alice");
    let outcome = s.run(["--json", "run", "--", "touch", "started"]);
    assert_eq!(outcome.exits(125).json_error()["code"], 3);
    assert!(!s.path("started").exists());
}

#[test]
fn every_failure_before_the_start_is_125_with_its_kind_in_json() {
    let refused = Sandbox::new().value("LD_PRELOAD", "x");
    let missing = Sandbox::new().settings("[values.NEEDED]\nrequired = true\n[values.TOO]\nrequired = true\n");
    let tampered = Sandbox::new().secret("KEY");
    tampered.write(SEALED, tampered.sealed().replace("KEY=", "YEK="));
    for (s, code, says) in [(refused, 5, "LD_PRELOAD"), (missing, 1, "`NEEDED` and `TOO`"), (tampered, 3, SEALED)] {
        let outcome = s.run(["run", "--json", "--", "touch", "started"]);
        let error = outcome.exits(125).shows_nothing().json_error();
        assert_eq!(error["code"], code);
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
        assert!(!s.path("started").exists());
    }
}

#[test]
fn all_missing_names_are_listed_with_what_sets_them() {
    let s = Sandbox::new().settings("[values.NEEDED]\nrequired = true\n[values.TOO]\nrequired = true\n");
    let outcome = s.run(["run", "--", "true"]);
    outcome.exits(125).says("`secrets set NEEDED --env development`").says("`secrets set TOO --env development`");
    s.run(["run", "--except", "NEEDED", "--", "true"]).exits(125).says("no name fits `NEEDED`");
    let s = s.value("TOO", "1");
    s.call(["run", "--preserve-env=NEEDED", "--", "true"]).env("NEEDED", "1").go().succeeds();
}

#[test]
fn arguments_arrive_as_they_are() {
    let s = Sandbox::new().secret("KEY");
    let long = "x".repeat(100 << 10);
    let mut arguments: Vec<OsString> =
        ["", "two words", "'", "\"", "\\", "a\nb", "*", "$KEY", "$(id)", "`id`", "--", "-e", "--help", "ü", &long]
            .map(OsString::from)
            .to_vec();
    arguments.push(OsString::from_vec(vec![0xff, 0xfe, b'=', 0x80]));
    let print = ["run", "--", "sh", "-c", "printf '%s\\0' \"$@\"", "sh"].map(OsString::from);
    let outcome = s.run(print.into_iter().chain(arguments.clone()));
    let want: Vec<u8> = arguments.into_iter().flat_map(|a| [a.into_vec(), vec![0]].concat()).collect();
    assert!(outcome.succeeds().stdout == want, "{}", outcome.stdout());
}

#[test]
fn the_dashes_may_be_left_out_and_flags_after_the_command_are_its_own() {
    let s = Sandbox::new().secret("KEY");
    s.run(["run", "printf", "%s|", "--only", "-e", "--", "--quiet", "-C"]).succeeds().shows("--only|-e|--|--quiet|-C|");
    s.run(["run", "sh", "-c", "echo $0", "--help"]).succeeds().shows("--help");
    s.run(["run", "--only", "KEY", "printenv", "KEY"]).succeeds().reveals("KEY");
}

#[test]
fn the_program_is_in_our_place() {
    let s = Sandbox::new().secret("KEY");
    let outcome = s.call(["run", "--", "sh", "-c", "echo $$ $PPID"]).after("echo $$ $PPID").go();
    let text = outcome.succeeds().stdout();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], lines[1], "process and parent");
}

/// What a program sees of how it was started. Each one by itself: a shell between would put things right.
#[cfg(target_os = "linux")]
fn start(s: &Sandbox, before: &str, ours: bool) -> String {
    let mut text = String::new();
    for words in [
        &["ls", "/proc/self/fd"][..],
        &["cat", "/proc/self/limits"],
        &["grep", "-E", "^(Sig[^Q]|Shd|Umask|NoNewPrivs|Seccomp|Cap|Groups)", "/proc/self/status"],
        // The terminal and its group, then the flags.
        &["sh", "-c", "cut -d' ' -f7-9 /proc/$$/stat; echo $0 $-", "name"],
    ] {
        let call = if ours { s.call(["run", "--"]).words(words) } else { s.program(words) };
        let outcome = call.after(before).go();
        text.push_str(&format!("{before}: {words:?}: {}\n{}", outcome.status, outcome.stdout()));
    }
    text
}

#[test]
#[cfg(target_os = "linux")]
fn the_program_starts_as_without_us() {
    let s = Sandbox::new().secret("KEY");
    for before in [
        ":", "trap '' PIPE", "trap '' INT HUP USR1", "umask 027", "ulimit -c 0; ulimit -n 99", "ulimit -Sc 7",
        "exec 7</dev/null 8>/dev/null", "exec 0<&-", "exec 2>&-", "exec 0<&- 2>&- 5</dev/null",
    ] {
        assert_eq!(start(&s, before, true), start(&s, before, false));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_blocked_signal_stays_blocked() {
    if !needs("python3") {
        return;
    }
    let s = Sandbox::new().secret("KEY");
    let block = "import os,signal,sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM]); \
        os.execvp(sys.argv[1], sys.argv[1:])";
    let python = crate::sandbox::python();
    let words = ["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"];
    let ours = s.call(["run", "--"]).words(words).under([python, "-c", block]).go();
    let without = s.program(words).under([python, "-c", block]).go();
    assert_eq!(ours.succeeds().stdout(), without.succeeds().stdout());
    ours.shows_part("4200");
}

#[test]
fn nothing_of_ours_is_on_stdout() {
    let s = Sandbox::new().secret("KEY").production();
    for words in [&["run"][..], &["run", "--", "nope"], &["run", "-e", "production", "--", "true"], &["run", "--json"]]
    {
        let outcome = s.run(words);
        assert!(!outcome.shows_nothing().status.success());
    }
}

#[test]
fn a_program_writes_into_a_full_or_closed_stdout_as_without_us() {
    let s = Sandbox::new().secret("KEY");
    let head = "printenv -0 >/dev/null; yes | head -c 200000";
    s.shell(&format!("secrets run -- sh -c '{head}' | head -c 1; echo")).go().succeeds().shows("y");
    s.shell("secrets run -- yes | head -c 1 >/dev/null").go().succeeds().says_nothing();
    s.shell("secrets run -- printf x >&-").go().exits(1);
    s.shell("secrets run -- true <&- >&- 2>&-").go().succeeds();
}

// Nested runs.

#[test]
fn a_run_inside_a_run_keeps_its_environment() {
    let s = Sandbox::new().production().value("K", "dev").value_in("production", "K", "prod");
    let binary = crate::sandbox::SECRETS;
    s.run(["run", "-e", "production", "--", binary, "run", "--", "printenv", "K"]).succeeds().shows("prod");
    let words = ["run", "-e", "production", "--", binary, "run", "-e", "development", "--", "printenv", "K"];
    s.run(words).succeeds().shows("dev");
    let words =
        ["run", "-e", "production", "--", "env", "SECRETS_ENV=development", binary, "run", "--", "printenv", "K"];
    s.run(words).succeeds().shows("dev");
}

#[test]
fn a_run_inside_another_projects_run_has_its_own_default() {
    let s = Sandbox::new().production().value_in("production", "K", "prod").value("K", "dev");
    let other = s.root().join("other");
    fs::create_dir(&other).unwrap();
    let other = other.display().to_string();
    s.run(["-C", &other, "init", "--yes", "--name", "other"]).succeeds();
    s.call(["-C", &other, "set", "K"]).stdin("of the other").go().succeeds();
    let binary = crate::sandbox::SECRETS;
    let words = ["run", "-e", "production", "--", binary, "-C", &other, "run", "--", "printenv", "K"];
    s.run(words).succeeds().shows("of the other");
}

#[test]
fn the_depth_is_told_and_a_loop_ends_at_sixteen() {
    let binary = crate::sandbox::SECRETS;
    let s = Sandbox::new().script("loop", format!("#!/bin/sh\necho x\nexec {binary} run -- ./loop\n"));
    let marks = s.run(["run", "--", binary, "run", "--", binary, "run", "--", "printenv", "SECRETS_RUN"]);
    marks.succeeds();
    assert!(regex::Regex::new("^3/development/[0-9a-f]{16}\n$").unwrap().is_match(&marks.stdout()));
    let outcome = s.run(["run", "--", "./loop"]);
    outcome.exits(125).says("nested 16 deep");
    assert_eq!(outcome.stdout().len(), 2 * 16);
}

// The environment.

#[test]
fn a_replaced_value_of_the_caller_is_warned_of_once() {
    let s = Sandbox::new().value("A", "file").value("B", "file").value("C", "same");
    let call = || s.call(["run", "--", "sh", "-c", "echo $A $B $C"]).env("A", "mine").env("B", "mine").env("C", "same");
    let outcome = call().go();
    outcome.succeeds().shows("file file same");
    assert_eq!(outcome.stderr(), "warning: replaced `A` and `B` from your environment\n");
    let s2 = &s;
    let with = |flag: &str| {
        s2.call(["run", flag, "--", "sh", "-c", "echo $A $B $C"])
            .env("A", "mine")
            .env("B", "mine")
            .env("C", "same")
            .go()
    };
    with("--preserve-env").succeeds().shows("mine mine same").says_nothing();
    with("--preserve-env=A").succeeds().shows("mine file same").says("replaced `B` from");
    with("--preserve-env=A,B").succeeds().shows("mine mine same").says_nothing();
    with("--on-conflict=replace").succeeds().shows("file file same").says("replaced `A` and `B`");
    with("--on-conflict=error").exits(125).shows_nothing().says("`A` and `B`");
}

#[test]
fn nothing_is_opened_if_the_caller_has_it_all() {
    let s = Sandbox::new().secret("A");
    fs::remove_file(s.identity()).unwrap();
    s.call(["run", "--preserve-env", "--", "printenv", "A"]).env("A", "mine").go().succeeds().shows("mine");
    s.call(["run", "--", "printenv", "A"]).env("A", "mine").go().exits(125);
}

#[test]
fn layers_lie_over_each_other_in_order() {
    let s = Sandbox::new()
        .production()
        .file("first.env", "A=first\nB=first\nC=first\nD=first\n")
        .file("second.env", "B=second\nC=second\nD='second # one'\n")
        .value("C", "dev")
        .value("D", "dev")
        .value_in("production", "D", "prod");
    let print = ["--", "sh", "-c", "echo $A $B $C $D"];
    let run = |flags: &[&str]| s.call(["run"]).words(flags).words(print).env("A", "mine").go().succeeds().stdout();
    assert_eq!(run(&[]), "mine dev dev\n");
    assert_eq!(run(&["-e", "production"]), "mine dev prod\n");
    assert_eq!(run(&["--env-file", "first.env"]), "first first dev dev\n");
    assert_eq!(run(&["--env-file", "first.env", "--env-file", "second.env"]), "first second dev dev\n");
    assert_eq!(run(&["--env-file", "second.env", "--env-file", "first.env"]), "first first dev dev\n");
    let all = ["-e", "production", "--env-file", "first.env", "--env-file", "second.env"];
    assert_eq!(run(&all), "first second dev prod\n");
}

#[test]
fn the_environment_is_chosen_by_flag_then_by_variable() {
    let s = Sandbox::new().production().value("K", "dev").value_in("production", "K", "prod");
    let run = |flags: &[&str], variable: &str| {
        s.call(["run"])
            .words(flags)
            .words(["--", "printenv", "K"])
            .env("SECRETS_ENV", variable)
            .go()
            .succeeds()
            .stdout()
    };
    assert_eq!(run(&[], ""), "dev\n", "empty is unset");
    assert_eq!(run(&[], "production"), "prod\n");
    assert_eq!(run(&["-e", "development"], "production"), "dev\n");
    let outcome = s.call(["run", "--", "true"]).env("SECRETS_ENV", "nope").go();
    outcome.exits(125).says("there is no environment `nope`").says("`development` and `production`");
}

#[test]
fn a_missing_file_is_an_error_in_every_layer() {
    let s = Sandbox::new().production();
    s.run(["run", "-e", "production", "--", "touch", "started"]).exits(125).says("secrets/production.env");
    s.run(["run", "--env-file", "nope.env", "--", "touch", "started"]).exits(125).says("nope.env");
    s.run(["run", "-f", "nope.env", "--", "touch", "started"]).exits(125).says("nope.env");
    let s = s.value_in("production", "K", "v");
    fs::remove_file(s.path(SEALED)).unwrap();
    s.run(["run", "-e", "production", "--", "touch", "started"]).exits(125).says(SEALED);
    assert!(!s.path("started").exists());
}

#[test]
fn only_and_except_select_and_take_the_rest_from_the_inherited_environment() {
    let s = Sandbox::new().value("DB_URL", "1").value("DB_USER", "2").value("API", "3");
    let show = "echo ${DB_URL-none} ${DB_USER-none} ${API-none} ${OTHER-none}";
    let run = |flags: &[&str]| {
        let call = s.call(["run"]).words(flags).words(["--", "sh", "-c", show]);
        call.env("API", "mine").env("DB_URL", "mine").env("OTHER", "mine").go().succeeds().stdout()
    };
    assert_eq!(run(&[]), "1 2 3 mine\n");
    assert_eq!(run(&["--only", "DB_*"]), "1 2 none mine\n");
    assert_eq!(run(&["--only", "DB_URL,API"]), "1 none 3 mine\n");
    assert_eq!(run(&["--only", "DB_URL", "--only", "API"]), "1 none 3 mine\n");
    assert_eq!(run(&["--except", "DB_*"]), "none none 3 mine\n");
    assert_eq!(run(&["--only", "DB_*", "--except", "*_USER"]), "1 none none mine\n");
}

#[test]
fn a_pattern_that_fits_nothing_is_an_error() {
    let s = Sandbox::new().value("KEY", "v");
    for flag in ["--only", "--except"] {
        s.run(["run", flag, "NOPE", "--", "true"]).exits(125).says("no name fits `NOPE`");
        s.run(["run", flag, "KEY,NOPE_*", "--", "true"]).exits(125).says("no name fits `NOPE_*`");
        s.run(["run", flag, "bad-name", "--", "true"]).exits(125).says("`bad-name`");
    }
}

#[test]
fn pure_inherits_a_short_list_and_what_is_kept() {
    let s = Sandbox::new().value("KEY", "v");
    let names = |flags: &[&str]| {
        let mut call = s.call(["run", "--pure"]).words(flags).words(["--", "env"]);
        for name in [
            "LOGNAME", "SHELL", "TERM", "COLORTERM", "LANG", "LC_TIME", "TZ", "SSH_AUTH_SOCK", "CI", "OTHER", "LC",
            "CIX", "SECRETS_ENV", "AWS_PROFILE",
        ] {
            call = call.env(name, if name == "SECRETS_ENV" { "" } else { "x" });
        }
        let outcome = call.go();
        let text = outcome.succeeds().stdout();
        let mut names: Vec<String> = text.lines().map(|line| line.split('=').next().unwrap().to_string()).collect();
        names.sort();
        names.join(" ")
    };
    let list =
        "CI COLORTERM HOME KEY LANG LC_ALL LC_TIME LOGNAME PATH SECRETS_RUN SHELL SSH_AUTH_SOCK TERM TMPDIR TZ USER";
    assert_eq!(names(&[]), list);
    assert_eq!(names(&["--keep", "OTHER,AWS_*"]), "AWS_PROFILE ".to_string() + &list.replace("PATH", "OTHER PATH"));
    s.run(["run", "--keep", "OTHER", "--", "true"]).exits(2);
}

#[test]
fn our_own_variables_are_not_passed_on() {
    let s = Sandbox::new().value("SECRETS_BUCKET", "b").value("AGE_LIMIT", "1");
    let identity = fs::read_to_string(s.identity()).unwrap();
    let key = identity.lines().last().unwrap();
    let digest = s.run(["allow", "--print"]).succeeds().stdout().trim_end().to_string();
    let call = |flags: &[&str]| {
        let mut call =
            s.call(["run"]).words(flags).words(["--", "sh", "-c", "env; cat /proc/self/environ 2>/dev/null"]);
        for name in ["SECRETS_IDENTITY", "SOPS_AGE_KEY"] {
            call = call.env(name, key);
        }
        for name in ["SECRETS_IDENTITY_FILE", "__SECRETS", "SOPS_AGE_KEY_FILE", "SOPS_AGE_RECIPIENTS"] {
            call = call.env(name, "canary-of-ours");
        }
        call.env("SECRETS_TRUST", format!("canary-of-ours,{digest}")).env("SECRETS_ENV", "development").go()
    };
    let outcome = call(&[]);
    let text = outcome.succeeds().stdout();
    assert!(!text.contains("canary-of-ours"), "{text}");
    let ours = |line: &&str| line.contains("SECRETS") || line.starts_with("SOPS_");
    let names: Vec<&str> = text.lines().filter(ours).map(|line| line.split('=').next().unwrap()).collect();
    for gone in
        ["SECRETS_IDENTITY", "SECRETS_IDENTITY_FILE", "SECRETS_TRUST", "SECRETS_ENV", "__SECRETS", "SOPS_AGE_KEY"]
    {
        assert!(!names.contains(&gone), "{gone}");
    }
    assert!(names.contains(&"SECRETS_RUN") && names.contains(&"SECRETS_BUCKET") && text.contains("AGE_LIMIT=1"));
    call(&["--pass-identity"]).succeeds().shows_part("canary-of-ours").reveals("IDENTITY");
}

#[test]
fn an_empty_value_is_a_value() {
    let s = Sandbox::new().value("KEY", "");
    let call = s.call(["run", "--", "sh", "-c", "echo \"[${KEY-unset}]\""]).env("KEY", "mine");
    call.go().succeeds().shows("[]").says("replaced `KEY`");
}

#[test]
fn every_byte_but_nul_arrives() {
    let bytes: Vec<u8> = (1..=255).collect();
    let s = Sandbox::new().canary("KEY", &bytes).file("value", &bytes);
    s.run(["set", "KEY", "--from-file", "value"]).succeeds();
    s.run(["run", "--", "printenv", "KEY"]).succeeds().shows(&bytes).reveals("KEY");
}

#[test]
fn a_value_with_a_nul_is_refused_by_name() {
    let s = Sandbox::new().file("value", "a\0b").value("OTHER", "v");
    s.run(["set", "KEY", "--from-file", "value"]).succeeds();
    s.run(["run", "--", "touch", "started"])
        .exits(125)
        .shows_nothing()
        .says("`KEY` has a NUL byte")
        .never_says("OTHER");
    s.run(["run", "--except", "KEY", "--", "touch", "started"]).succeeds();
}

#[test]
fn what_the_system_does_not_take_is_refused_before_the_start() {
    let s = Sandbox::new().canary("LONG", secret("LONG").repeat(6400)).value("OTHER", "v");
    s.call(["set", "LONG"]).stdin(secret("LONG").repeat(6400)).go().succeeds();
    s.run(["run", "--", "touch", "started"]).exits(125).says("`LONG` is longer than 128 KiB").never_says("OTHER");
    assert!(!s.path("started").exists());
    s.run(["run", "--except", "LONG", "--", "touch", "started"]).succeeds();
}

#[test]
fn too_much_in_all_is_refused_with_the_largest_names() {
    let s = Sandbox::new();
    let large: String = (0..20).map(|i| format!("L{i}={}\n", "x".repeat((120 << 10) - i))).collect();
    s.call(["import", "-"]).stdin(large).go().succeeds();
    let call = s.call(["run", "--", "touch", "started"]).after("ulimit -s 8192");
    call.go().exits(125).shows_nothing().says("the system takes").says("`L0`, `L1` and `L2`");
    assert!(!s.path("started").exists());
    s.run(["run", "--only", "L0", "--", "true"]).succeeds();
}

#[test]
fn a_value_at_the_limit_of_the_system_arrives() {
    let s = Sandbox::new();
    // NAME=value and its NUL are 128 KiB together.
    let length = (128 << 10) - "KEY=".len() - 1;
    s.call(["set", "KEY"]).stdin("x".repeat(length)).go().succeeds();
    s.run(["run", "--", "sh", "-c", "echo ${#KEY}"]).succeeds().shows(length.to_string());
    s.call(["set", "KEY"]).stdin("x".repeat(length + 1)).go().succeeds();
    s.run(["run", "--", "true"]).exits(125).says("`KEY` is longer than 128 KiB");
}

// Names that run code.

#[test]
fn names_that_take_over_the_loader_or_shell_are_refused_from_everywhere() {
    for name in ["LD_PRELOAD", "PATH", "BASH_ENV", "GIT_SSH_COMMAND", "SECRETS_IDENTITY", "SOPS_AGE_KEY", "IFS"] {
        let s = Sandbox::new().value(name, "evil").settings(&format!("[values.{name}]\nruns_code = true\n"));
        let outcome = s.run(["run", "--", "touch", "started"]);
        outcome.exits(125).says(&format!("a file or a store must not set `{name}`"));
        s.run(["run", "--except", name, "--", "true"]).succeeds();
        let s = Sandbox::new().file("plain.env", format!("{name}=evil\n"));
        let outcome = s.run(["run", "--env-file", "plain.env", "--", "touch", "started"]);
        outcome.exits(125).says(&format!("a file or a store must not set `{name}`"));
        assert!(!s.path("started").exists());
    }
}

#[test]
fn a_declared_name_wants_the_declaration_and_the_seal() {
    let s = Sandbox::new().value("NODE_OPTIONS", "--trace");
    let words = ["run", "--", "printenv", "NODE_OPTIONS"];
    let outcome = s.run(words);
    outcome.exits(125).says("is not declared").says("[values.NODE_OPTIONS] runs_code = true");
    let s = s.settings("[values.NODE_OPTIONS]\nruns_code = true\n");
    s.run(words).succeeds().shows("--trace").reveals("NODE_OPTIONS");
    let unsealed: String = s.sealed().lines().filter(|l| !l.contains("_seal=")).map(|l| format!("{l}\n")).collect();
    s.write(SEALED, unsealed);
    s.run(words).exits(125).says("it lost its seal");
    s.forget();
    s.run(words).exits(125).says("this machine has not accepted that");
    s.run(["allow"]).succeeds();
    s.run(words).exits(125).says("its file is not sealed");
    s.write("plain.env", "NODE_OPTIONS=--trace\n");
    s.run(["run", "--env-file", "plain.env", "--except", "NODE_OPTIONS", "--", "true"]).succeeds();
}

#[test]
fn a_declared_name_from_a_plain_file_has_no_seal() {
    let s = Sandbox::new().settings("[values.NODE_OPTIONS]\nruns_code = true\n").file("p.env", "NODE_OPTIONS=x\n");
    s.run(["run", "--env-file", "p.env", "--", "true"]).exits(125).says("its file is not sealed");
}

#[test]
fn a_name_that_is_only_warned_of_passes_without_a_word() {
    let s = Sandbox::new().value("HTTPS_PROXY", "proxy").value("KUBECONFIG", "x");
    s.run(["run", "--", "printenv", "HTTPS_PROXY"]).succeeds().shows("proxy").says_nothing();
}

// Files.

#[test]
fn a_file_needs_no_project() {
    let s = Sandbox::empty().canary("KEY", secret("KEY")).file("plain", format!("KEY={}\n", secret("KEY")));
    s.run(["identity", "new"]).succeeds();
    let own = s.recipient();
    s.run(["encrypt", "--to", &own, "plain", "--output", "sealed.env"]).succeeds();
    s.run(["run", "-f", "sealed.env", "--", "printenv", "KEY"]).succeeds().shows(secret("KEY")).reveals("KEY");
    let outcome = s.run(["run", "-f", "sealed.env", "--", "printenv", "SECRETS_RUN"]);
    outcome.succeeds().shows("1//");
    s.run(["run", "--", "true"]).exits(125).says("there is no project here").says("`secrets init`");
    s.run(["run", "-f", "plain", "--", "true"]).exits(125).says("it is not a sealed file");
}

#[test]
fn a_plain_env_file_needs_neither_project_nor_identity() {
    let s = Sandbox::empty().file("plain.env", "A=\"quoted # text\" # remark\nexport B='two\nlines'\n");
    let outcome = s.run(["run", "--env-file", "plain.env", "--", "sh", "-c", "echo \"$A|$B\""]);
    outcome.succeeds().shows("quoted # text|two\nlines").says_nothing();
}

#[test]
fn a_sealed_file_is_no_env_file() {
    let s = Sandbox::new().secret("KEY");
    s.run(["run", "--env-file", SEALED, "--", "true"]).exits(125).says("is a sealed file").says("--file");
}

#[test]
fn a_file_that_is_an_environments_follows_its_rules() {
    let s = Sandbox::new().settings("[values.NEEDED]\nrequired = true\n");
    s.run(["run", "-f", SEALED, "--", "true"]).exits(125).says("`NEEDED`");
    fs::copy(s.path(SEALED), s.path("copy.env")).unwrap();
    s.run(["run", "-f", "copy.env", "--", "true"]).succeeds();
}

#[test]
fn a_sealed_file_in_anothers_place_is_refused() {
    let s = Sandbox::new().production().secret("KEY").value_in("production", "KEY", "prod");
    fs::copy(s.path(SEALED), s.path("secrets/production.env")).unwrap();
    s.run(["run", "-e", "production", "--", "touch", "started"]).exits(125);
    let outcome = s.run(["get", "-e", "production", "KEY"]);
    outcome.exits(5).says("`secrets/production.env`: it is sealed for another place");
    assert!(!s.path("started").exists());
}

#[test]
fn a_reference_is_refused_until_there_is_a_store_for_it() {
    let s = Sandbox::new().settings("[environments.development.from]\nDB = \"vault://a/b#c\"\n").value("KEY", "v");
    s.run(["run", "--", "true"]).exits(125).says("`DB`: this version knows no store `vault`");
    s.call(["run", "--preserve-env=DB", "--", "printenv", "DB"]).env("DB", "mine").go().succeeds().shows("mine");
    s.run(["run", "--only", "KEY", "--", "printenv", "KEY"]).succeeds().shows("v");
    s.run(["get", "KEY"]).succeeds().shows("v");
}

#[test]
fn an_unsealed_file_with_values_in_clear_is_warned_of() {
    let s = Sandbox::new().settings("").value("KEY", "v");
    let toml = s.read("secrets.toml").replace("# plain = [\"PORT\", \"LOG_*\"]", "plain = [\"PORT\"]");
    s.write("secrets.toml", toml);
    s.run(["allow"]).succeeds();
    s.call(["set", "PORT"]).stdin("8080").go().succeeds();
    assert!(s.sealed().contains("PORT=8080\n"));
    s.run(["run", "--", "printenv", "PORT"]).succeeds().shows("8080").says_nothing();
    let unsealed: String = s.sealed().lines().filter(|l| !l.contains("_seal=")).map(|l| format!("{l}\n")).collect();
    s.write(SEALED, unsealed);
    s.forget();
    s.run(["run", "--", "printenv", "PORT"]).succeeds().says("is not sealed; in clear: `PORT`");
}
