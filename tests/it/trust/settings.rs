//! Settings: what a pull request changes in secrets.toml, and whom that stops (`docs/trust.md`).

use std::fs;

use crate::sandbox::Sandbox;
use crate::trust::RECIPIENT;
use crate::trust::start;

/// A trusted project with two environments, a value that is plain, and one name that may run code.
fn project() -> Sandbox {
    let settings = "plain = [\"PORT\"]\n\n[environments.production]\nreaders = [\"dev\"]\nextends = \"development\"\n\n\
                    [values.NODE_OPTIONS]\nruns_code = true\n";
    Sandbox::new().settings(settings).value("KEY", "value of the key").value("PORT", "8080")
}

/// What a change of secrets.toml does: whether `run` starts, and the exit codes of `set` and `rekey`.
struct Effect {
    starts: bool,
    warns: bool,
    set: i32,
    rekey: i32,
}

fn check(what: &str, change: impl Fn(&str) -> String, effect: &Effect) {
    let s = project();
    let before = s.read("secrets.toml");
    let after = change(&before);
    assert_ne!(before, after, "{what}: the change is one");
    s.write("secrets.toml", &after);
    assert_eq!(start(&s, &[]).1, effect.starts, "{what}: run");
    let run = s.run(["run", "--", "true"]);
    assert_eq!(run.stderr().contains("warning"), effect.warns, "{what}: {}", run.stderr());
    let get = s.run(["get", "PORT"]);
    assert_eq!(get.code(), if effect.starts { 0 } else { 5 }, "{what}: {}", get.stderr());
    let set = s.call(["set", "NEW"]).stdin("x").go();
    assert_eq!(set.code(), effect.set, "{what}: set\n{}", set.stderr());
    let rekey = s.run(["rekey"]);
    assert_eq!(rekey.code(), effect.rekey, "{what}: rekey\n{}", rekey.stderr());
    assert!(!s.sealed().contains(RECIPIENT), "{what}: nobody new is in the file");
    s.run(["allow", "--no-git"]).succeeds();
    if effect.rekey != 5 || effect.starts {
        assert!(start(&s, &[]).1, "{what}: after allow");
    }
}

#[test]
fn members_stop_only_who_would_wrap_for_them() {
    let effect = Effect { starts: true, warns: false, set: 0, rekey: 5 };
    let more = |text: &str, name: &str| {
        format!(
            "{}\n[members.{name}]\nrecipients = [\"{RECIPIENT}\"]\n",
            text.replace("dev = [\"alice\"]", &format!("dev = [\"alice\", \"{name}\"]"))
        )
    };
    check("a member is new in a group", |text| more(text, "mallory"), &effect);
    check(
        "a member has another recipient",
        |text| text.replacen("recipients = [", &format!("recipients = [\"{RECIPIENT}\", "), 1),
        &effect,
    );
}

#[test]
fn readers_and_plain_names_stop_every_writer() {
    let effect = Effect { starts: true, warns: true, set: 5, rekey: 5 };
    check("plain", |text| text.replace("plain = [\"PORT\"]", "plain = [\"PORT\", \"K*\"]"), &effect);
    check(
        "readers",
        |text| {
            let text = text.replacen("readers = [\"dev\"]", "readers = [\"dev\", \"mallory\"]", 1);
            format!("{text}\n[members.mallory]\nrecipients = [\"{RECIPIENT}\"]\n")
        },
        &effect,
    );
}

#[test]
fn where_values_come_from_stops_every_reader() {
    let effect = Effect { starts: false, warns: false, set: 0, rekey: 0 };
    check("a store", |text| format!("{text}\n[stores.vault]\naddress = \"https://evil.example.com\"\n"), &effect);
    check("a program", |text| format!("{text}\n[values.KEY]\nrotator = \"curl evil\"\n"), &effect);
}

#[test]
fn another_name_of_the_project_is_another_place() {
    let s = project();
    s.write("secrets.toml", s.read("secrets.toml").replace("project = \"shop\"", "project = \"shoq\""));
    s.run(["run", "--", "true"]).exits(125).says("the project's name was `shop`, and is `shoq`");
    s.run(["allow"]).exits(5).says("it is sealed for another place").says("`secrets reseal`");
    s.run(["run", "--", "true"]).exits(125).says("it is sealed for another place");
    s.run(["reseal", "--yes"]).succeeds();
    s.run(["run", "--", "true"]).succeeds();
}

#[test]
fn a_reference_wants_allow_and_a_changed_one_again() {
    let s = project();
    let reference = |scheme: &str| format!("\n[environments.development.from]\nDB = \"{scheme}://a/b#c\"\n");
    let before = s.read("secrets.toml");
    s.write("secrets.toml", before.clone() + &reference("vault"));
    s.run(["run", "--", "true"]).exits(125).says("the reference `DB` is new");
    s.call(["set", "NEW"]).stdin("x").go().succeeds();
    s.run(["allow"]).succeeds().says("accepted");
    s.run(["run", "--except", "DB", "--", "true"]).succeeds();
    s.write("secrets.toml", before + &reference("evil"));
    s.run(["run", "--except", "DB", "--", "true"]).exits(125).says("was vault://a/b#c, and is evil://a/b#c");
    // A machine that never met the project does not take a reference unseen.
    s.forget();
    s.run(["run", "--except", "DB", "--", "true"]).exits(125).says("this machine has not accepted them");
}

#[test]
fn the_default_environment_and_its_layers_are_accepted_once() {
    for (what, from, to) in [
        ("extends", "extends = \"development\"\n", ""),
        ("file", "extends = \"development\"\n", "extends = \"development\"\nfile = \"other.env\"\n"),
    ] {
        let s = project();
        s.call(["set", "P", "--env", "production"]).stdin("p").go().succeeds();
        s.run(["run", "--env", "production", "--", "true"]).succeeds();
        s.write("secrets.toml", s.read("secrets.toml").replace(from, to));
        fs::copy(s.path("secrets/production.env"), s.path("other.env")).unwrap();
        assert_eq!(start(&s, &["--env", "production"]), (125, false), "{what}");
        assert_eq!(start(&s, &[]), (0, true), "{what}: another environment is not concerned");
    }
    let s = project();
    s.call(["set", "P", "--env", "production"]).stdin("p").go().succeeds();
    let text = s.read("secrets.toml");
    let (head, tail) = text.split_at(text.find("[environments.development]").unwrap());
    let production = "[environments.aaa]\nreaders = [\"dev\"]\n\n";
    s.write("secrets.toml", format!("{head}{production}{tail}"));
    s.run(["run", "--", "true"]).exits(125).says("the default environment was `development`, and is `aaa`");
}

#[test]
fn a_name_that_runs_code_wants_the_record_too() {
    let s = Sandbox::new().value("RUBYOPT", "-w");
    let declared = s.read("secrets.toml") + "\n[values.RUBYOPT]\nruns_code = true\n";
    s.write("secrets.toml", declared);
    s.run(["run", "--", "true"]).exits(125).says("this machine has not accepted that");
    s.run(["run", "--except", "RUBYOPT", "--", "true"]).succeeds();
    s.run(["allow"]).succeeds();
    s.run(["run", "--", "printenv", "RUBYOPT"]).succeeds().shows("-w");
    s.run(["deny"]).succeeds();
    s.run(["run", "--", "true"]).exits(125);
    // One name that no project needs passes alone, on this machine.
    let s = Sandbox::new().value("LD_WARN", "yes").value("LD_AUDIT", "/nowhere.so");
    s.run(["allow", "--name", "LD_WARN"]).succeeds();
    s.run(["run", "--", "true"]).exits(125).says("a file or a store must not set `LD_AUDIT`");
    s.run(["run", "--except", "LD_AUDIT", "--", "true"]).succeeds();
}

#[test]
fn a_digest_stands_for_the_record_and_covers_what_run_depends_on() {
    let s = project();
    let print =
        |s: &Sandbox, env: &str| s.run(["allow", "--print", "--env", env]).succeeds().stdout().trim().to_string();
    let digest = print(&s, "development");
    assert_eq!(digest.len(), 43);
    s.forget();
    let ci = |flags: &[&str], digest: &str| {
        let words = ["run"].iter().chain(flags).chain(&["--", "true"]);
        s.call(words).env("SECRETS_TRUST", digest).go().code()
    };
    assert_eq!(ci(&[], &digest), 0);
    assert_eq!(ci(&[], &format!("other, {digest}")), 0);
    let wrong = if digest.starts_with('_') { "-" } else { "_" };
    assert_eq!(ci(&[], &format!("{wrong}{}", &digest[1..])), 125);
    assert_eq!(ci(&[], " , "), 125, "set and without a digest is set");
    assert_eq!(s.call(["set", "KEY"]).stdin("x").env("SECRETS_TRUST", "wrong").go().code(), 5);
    // Neither a value nor a member changes it.
    s.call(["set", "KEY"]).stdin("another").go().succeeds();
    s.run(["member", "add", "bob", RECIPIENT, "--to", "dev"]).succeeds();
    assert_eq!(print(&s, "development"), digest);
    s.call(["set", "P", "--env", "production"]).stdin("p").go().succeeds();
    assert_ne!(print(&s, "production"), digest);
    assert_eq!(ci(&[], &print(&s, "production")), 125, "of another environment");
    for lines in [
        "[environments.development.from]\nDB = \"vault://a/b#c\"\n",
        "[values.RUBYOPT]\nruns_code = true\n",
        "[values.KEY]\nrotator = \"postgres\"\n",
    ] {
        let before = s.read("secrets.toml");
        s.write("secrets.toml", before.clone() + "\n" + lines);
        assert_ne!(print(&s, "development"), digest, "{lines}");
        assert_eq!(ci(&["--except", "NO*"], &digest), 125, "{lines}");
        s.write("secrets.toml", before);
    }
    s.run(["rekey"]).succeeds();
    assert_ne!(print(&s, "development"), digest);
    assert_eq!(ci(&[], &digest), 125, "of before the rekey");
}

#[test]
fn the_record_is_this_users_alone() {
    let s = project();
    let folder = s.root().join("home/.local/state/secrets");
    let record = crate::sandbox::find(&folder, "trust.json");
    assert_eq!(s.mode(&record), 0o600);
    assert_eq!(s.mode(folder.join("projects")), 0o700);
    s.chmod(&record, 0o666);
    s.run(["run", "--", "true"]).exits(125).says("others could have written");
    s.chmod(&record, 0o600);
    s.chmod(&folder, 0o777);
    s.run(["run", "--", "true"]).exits(125).says("others could have written");
}

#[test]
fn a_state_folder_that_cannot_be_written_costs_one_warning() {
    let s = project();
    s.forget();
    s.write("../home/file", "");
    let outcome = s.call(["run", "--", "true"]).env("XDG_STATE_HOME", s.root().join("home/file")).go();
    outcome.succeeds().says("cannot be remembered");
    assert_eq!(outcome.stderr().matches("warning").count(), 1);
}

#[test]
fn the_hook_loads_what_readers_sealed_and_asks_for_everything_else() {
    let s = project();
    let hook = |s: &Sandbox| {
        let script =
            "eval \"$($SECRETS hook bash)\"; cd . && eval \"${PROMPT_COMMAND:-:}\"; printf %s \"${PORT:-none}\"";
        s.program(["bash", "-c", script]).env("SECRETS", crate::sandbox::SECRETS).go().succeeds().stdout()
    };
    assert_eq!(hook(&s), "8080");
    // A teammate's change that is sealed needs no question.
    s.call(["set", "PORT"]).stdin("9090").go().succeeds();
    assert_eq!(hook(&s), "9090");
    s.forget();
    assert_eq!(hook(&s), "none", "never met: it waits for `allow`");
    // A file that was never sealed is accepted by the digest of its bytes.
    let unsealed = crate::trust::without_seal(&s.sealed());
    s.write(crate::sandbox::SEALED, &unsealed);
    s.run(["allow"]).succeeds();
    assert_eq!(hook(&s), "9090");
    s.write(crate::sandbox::SEALED, unsealed.replace("PORT=9090", "PORT=9091"));
    assert_eq!(hook(&s), "none");
}
