//! What the hook rests on: a state folder that is no good, a key that is another one, an identity that asks.

use crate::sandbox::needs;

use super::out;
use super::shells;
use super::steps::SEE;
use super::steps::as_nobody;
use super::steps::at_prompts;
use super::steps::each;
use super::steps::front;
use super::steps::project;

#[test]
fn a_state_folder_that_is_no_good_is_told_of_and_leaving_unloads() {
    let state = "$XDG_STATE_HOME/secrets";
    let cases = [
        ("gone", format!("rm -r {state}"), "is new here"),
        ("a file in its place", format!("rm -r {state}; touch {state}"), "cannot be read"),
        ("a link to nowhere", format!("rm -r {state}; ln -s /nowhere/at/all {state}"), "others could have written"),
        (
            "a full key",
            format!("rm {state}/hook.key; ln -s /dev/full {state}/hook.key; touch secrets.toml"),
            "nothing loaded: ",
        ),
        (
            "a key that is a folder",
            format!("rm {state}/hook.key; mkdir {state}/hook.key; touch secrets.toml"),
            "nothing loaded: ",
        ),
        (
            "read-only before the key",
            format!("rm {state}/hook.key; chmod -R a-w {state}; touch secrets.toml"),
            "nothing loaded: ",
        ),
        ("closed", format!("chmod a-rwx {state}; touch secrets.toml"), "cannot be read"),
    ];
    for shell in shells() {
        let mut failed = Vec::new();
        for (case, command, line) in &cases {
            let s = project();
            let lines = [SEE, command, SEE, "true", "cd ..", SEE, "cd shop", SEE, "cd ..", SEE];
            let Some(shown) = as_nobody(&s, shell, &lines, &[]) else { return };
            let told = out(&s);
            // Again after it was left.
            if told != "as it is here\n1\n1\n0\n1\n0\n"
                || shown.matches(line).count() != 2
                || shown.contains("panicked")
            {
                failed.push(format!("{case}: {told:?} {shown}"));
            }
        }
        assert!(failed.is_empty(), "{}: {}", shell.name, failed.join("\n"));
    }
}

/// A new key knows nothing of what the one that is gone marked, and that is no sign that a person changed it.
#[test]
fn when_the_key_is_gone_the_values_are_still_the_hooks() {
    for shell in shells() {
        let s = project();
        let lines = ["true", "rm $XDG_STATE_HOME/secrets/hook.key; touch secrets.toml", SEE, "cd $TOP", SEE];
        let shown = at_prompts(&s, shell, &lines);
        assert_eq!(out(&s), "as it is here\n1\n0\n", "{}: {shown}", shell.name);
        assert!(!shown.contains("kept"), "{}: {shown}", shell.name);
    }
}

#[test]
fn a_folder_that_only_reads_loads_what_needs_no_writing() {
    for shell in shells() {
        let s = project();
        let lines = [
            SEE,
            "chmod -R a-w $XDG_STATE_HOME $XDG_RUNTIME_DIR; cd ..",
            SEE,
            "cd shop",
            SEE,
            "touch secrets.toml",
            SEE,
            "cd ..",
            SEE,
            "chmod -R u+w $XDG_STATE_HOME $XDG_RUNTIME_DIR",
        ];
        let Some(shown) = as_nobody(&s, shell, &lines, &[]) else { return };
        assert_eq!(out(&s), "as it is here\n1\n0\nas it is here\n1\nas it is here\n1\n0\n", "{}: {shown}", shell.name);
    }
}

#[test]
fn without_a_home_it_says_why_and_the_shell_lives() {
    for shell in shells() {
        let s = project();
        let Some(shown) =
            as_nobody(&s, shell, &[SEE, "true", "touch secrets.toml", "cd ..", SEE], &["HOME", "XDG_STATE_HOME"])
        else {
            return;
        };
        assert_eq!(out(&s), "1\n0\n", "{}: {shown}", shell.name);
        assert_eq!(shown.matches("secrets: ").count(), 1, "{}: {shown}", shell.name);
        assert!(!shown.contains("panicked"), "{}: {shown}", shell.name);
    }
}

#[test]
fn an_identity_under_a_passphrase_is_not_asked_for() {
    for shell in shells() {
        let s = crate::identity::unlock::project();
        let top = s.root();
        let s = s.env("TOP", top);
        let shown = at_prompts(&s, shell, &["true", "true", "touch secrets.toml", "true"]);
        assert_eq!(shown.matches("secrets: locked; `secrets identity unlock`").count(), 1, "{}: {shown}", shell.name);
        assert!(!shown.contains("Passphrase"), "{}: {shown}", shell.name);
    }
}

#[test]
fn a_reference_opens_no_socket() {
    if !needs("strace") {
        return;
    }
    each(|s, shell| {
        let toml = s.read("secrets.toml");
        let lines = "[environments.development.from]\nTOKEN = \"keychain://x/y\"\nMORE = { ref = \"keychain://a/b\", optional = true }\n";
        s.write("secrets.toml", format!("{toml}\n{lines}"));
        s.run(["allow", "--no-git"]).succeeds();
        let trace = "exec strace -f -qq -e trace=%network -o $TOP/trace.$$ \"$REAL\" \"$@\"";
        let s = front(s, trace).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
        let shown = at_prompts(&s, shell, &["printenv OTHER >>$OUT; touch secrets.toml", "cd ..", "true"]);
        assert_eq!(out(&s), "as it is here\n", "{}: {shown}", shell.name);
        assert!(shown.contains("2 with `secrets run` only (TOKEN MORE)"), "{}: {shown}", shell.name);
        let tree = s.tree("..");
        let traces: Vec<_> = tree.iter().filter(|(path, _)| path.to_string_lossy().contains("/trace.")).collect();
        assert!(traces.len() >= 3, "{}: {shown}", shell.name);
        for (_, (_, bytes)) in traces {
            assert_eq!(String::from_utf8_lossy(bytes), "", "{}", shell.name);
        }
    });
}

#[test]
fn what_the_hook_makes_is_its_users_alone_under_any_umask() {
    each(|s, shell| {
        s.forget();
        let lines = ["umask 000", "$SECRETS allow --no-git --for 1h", "cd ..", "cd shop", "$SECRETS unload", "true"];
        let shown = at_prompts(&s, shell, &lines);
        let mut seen = Vec::new();
        for folder in [s.root().join("home/.local/state/secrets"), s.runtime().join("secrets")] {
            for (path, (mode, _)) in s.tree(&folder) {
                let want = if path.is_dir() { 0o700 } else { 0o600 };
                assert_eq!(mode & 0o777, want, "{}: {}", shell.name, path.display());
                seen.push(path.display().to_string());
            }
        }
        for part in ["hook.key", "/stamps/until-", "/unloaded"] {
            assert!(seen.iter().any(|path| path.contains(part)), "{} {part}: {seen:?} {shown}", shell.name);
        }
    });
}

/// What is checked is what is used: each file is read once.
#[test]
fn each_file_of_the_project_is_opened_once() {
    if !needs("strace") {
        return;
    }
    let s = project();
    let trace = s.path("../trace").display().to_string();
    let call = s
        .call(["hook-env", "bash", "1"])
        .under(["strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", &trace]);
    call.go().may_reveal_all();
    let trace = s.read("../trace");
    for file in ["secrets.toml", "development.env"] {
        let opens = trace.lines().filter(|line| line.contains(&format!("{file}\""))).count();
        assert_eq!(opens, 1, "{file}: {trace}");
    }
}

/// Two people at one machine, as it were: no record is ever torn, and what was said last counts.
#[test]
fn two_shells_that_say_a_lot_at_once_tear_nothing() {
    let s = project().env("SECRETS", crate::sandbox::SECRETS);
    let said = "for i in $(seq 50); do $SECRETS allow --no-git; $SECRETS deny; $SECRETS identity lock; \
                $SECRETS identity unlock; $SECRETS status; done 2>&1";
    let both = format!("({said}) >../one & ({said}) >../two; wait; cat ../one ../two; $SECRETS allow --no-git");
    let outcome = s.program(["bash", "-c", &both]).patient().go();
    outcome.may_reveal_all();
    assert!(outcome.succeeds().stdout().matches("is trusted on this machine").count() == 100, "{}", outcome.stdout());
    assert!(!outcome.stdout().contains("cannot be understood"), "{}", outcome.stdout());
    s.run(["hook-env", "bash", "1"]).reveals("KEY").reveals("OTHER");
}
