//! `secrets member` and `secrets rekey`

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::team::Person;
use crate::team::commitment;

fn project() -> (Sandbox, Person) {
    let s = Sandbox::new().settings("[environments.production]\nreaders = [\"alice\"] # few\n").value("KEY", "1");
    s.call(["set", "KEY", "--env", "production"]).stdin("2").go().succeeds();
    let bob = Person::new(&s);
    (s, bob)
}

#[test]
fn who_cannot_open_a_file_gets_the_line_to_send() {
    let (s, bob) = project();
    let locked = s
        .call(["get", "KEY"])
        .env("SECRETS_IDENTITY_FILE", &bob.identity)
        .env("XDG_CONFIG_HOME", "")
        .env("HOME", "/")
        .go();
    let line = format!("secrets member add NAME {} --to GROUP", bob.recipient);
    locked.exits(3).says(&line).says("it is sealed to alice");
}

#[test]
fn a_newcomer_is_one_pair_of_lines_and_reads_back_to_the_last_rekey() {
    let (s, bob) = project();
    let before = s.sealed();
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"])
        .succeeds()
        .says("`bob` reads `development`; 1 file written");
    let after = s.sealed();
    let is_seal = |line: &&str| line.starts_with("sops_secrets_seal=");
    let gone: Vec<&str> = before.lines().filter(|line| !after.contains(line)).collect();
    let new: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
    assert!(gone.len() == 1 && gone.iter().all(is_seal), "{gone:?}");
    assert_eq!(new.len(), 3, "a wrap, its label, the seal");
    assert_eq!(commitment(&before), commitment(&after));
    assert!(s.read("secrets.toml").contains("readers = [\"alice\"] # few\n"), "comments stay");
    assert_eq!(bob.code(&s, &["get", "KEY"]), 0);
    assert_eq!(bob.code(&s, &["get", "KEY", "--env", "production"]), 3);
    // More access for one who is there; with a new data key this time.
    let production = s.read("secrets/production.env");
    s.run(["member", "add", "bob", "--to", "production", "--rekey"]).succeeds();
    assert_ne!(commitment(&production), commitment(&s.read("secrets/production.env")));
    assert_eq!(bob.code(&s, &["get", "KEY", "--env", "production"]), 0);
    s.run(["run", "--env", "production", "--", "true"]).succeeds().says_nothing();
    s.run(["member", "list"]).succeeds().shows_part("reads development, production");
}

#[test]
fn what_is_asked_for_must_make_sense() {
    let (s, bob) = project();
    s.run(["member", "add", "bob", "--to", "dev"]).exits(2).says("whose recipients?");
    s.run(["member", "add", "bob", &bob.recipient]).exits(2);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "nowhere"])
        .exits(1)
        .says("neither a group nor an environment");
    s.run(["member", "add", "bo b", &bob.recipient, "--to", "dev"]).exits(1).says("cannot name a member");
    s.run(["member", "add", "bob", "age1x", "--to", "dev"]).exits(1).says("is not a recipient");
    s.run(["member", "add", "bob", &s.recipient(), "--to", "dev"]).exits(1).says("have the same recipient");
    s.run(["member", "remove", "bob", "--yes"]).exits(1).says("there is no member `bob`");
    s.run(["member", "remove", "alice", "--yes"]).exits(5).says("this machine's identity");
    s.run(["member", "remove", "alice", "--yes", "--yes-me"]).exits(5).says("nobody would read");
    assert!(!s.read("secrets.toml").contains("bob"));
}

#[test]
fn ssh_keys_come_from_a_file_as_github_has_them() {
    let (s, _) = project();
    let ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJTRS5O6NRWmTDnGTz4BLWCh8Lyxa8HcEEQg2BgcOjLE";
    let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA==";
    let made = s.program(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).words([s.root().join("key")]);
    let key = if crate::sandbox::needs("ssh-keygen") {
        made.go().succeeds();
        let key = std::fs::read_to_string(s.root().join("key.pub")).expect("a key");
        std::fs::remove_file(s.root().join("key")).expect("a key");
        key.trim().to_string()
    } else {
        ed25519.to_string()
    };
    s.write("keys", format!("{ecdsa}\n{key}\n"));
    let added = s.run(["member", "add", "carol", "--github-keys", "keys", "--to", "dev"]);
    added.succeeds().says("`keys`: line 1 is left out: an SSH key of that kind signs, and cannot encrypt");
    assert!(s.sealed().contains(&key));
    s.write("keys", ecdsa);
    s.run(["member", "add", "dave", "--github-keys", "keys", "--to", "dev"])
        .exits(1)
        .says("no key that can be a recipient");
}

#[test]
fn a_second_machine_comes_and_an_old_one_goes() {
    let (s, laptop) = project();
    let desktop = Person::new(&s);
    s.run(["member", "add", "bob", &laptop.recipient, "--to", "dev"]).succeeds();
    s.run(["member", "recipient", "remove", "bob", &laptop.recipient]).exits(5).says("no recipient any more");
    s.run(["member", "recipient", "add", "bob", &desktop.recipient]).succeeds();
    assert_eq!(desktop.code(&s, &["get", "KEY"]), 0);
    s.run(["member", "recipient", "remove", "bob", &laptop.recipient]).succeeds();
    assert_eq!((laptop.code(&s, &["get", "KEY"]), desktop.code(&s, &["get", "KEY"])), (3, 0));
    assert!(!s.read("secrets.toml").contains("rotate"), "its owner still reads");
    s.run(["member", "recipient", "add", "bob", &laptop.recipient]).succeeds();
    s.run(["member", "recipient", "remove", "bob", &laptop.recipient, "--lost"]).succeeds().says("development: `KEY`");
    assert!(s.read("secrets.toml").contains("rotate = { development = [\"KEY\"] }"));
}

#[test]
fn the_recipient_of_this_machine_goes_only_when_that_is_meant() {
    let (s, tablet) = project();
    let own = s.recipient();
    s.run(["member", "recipient", "add", "alice", &tablet.recipient]).succeeds();
    let before = (s.read("secrets.toml"), s.sealed());
    s.run(["member", "recipient", "remove", "alice", &own]).exits(5).says("this machine's identity").says("--yes-me");
    assert_eq!((s.read("secrets.toml"), s.sealed()), before);
    s.run(["member", "recipient", "remove", "alice", &own, "--yes-me"]).succeeds();
    s.run(["get", "KEY"]).exits(3);
    assert_eq!(tablet.code(&s, &["get", "KEY"]), 0);
}

#[test]
fn a_rekey_that_would_lock_its_caller_out_is_refused() {
    let (s, bob) = project();
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    s.write("secrets.toml", s.read("secrets.toml").replace("readers = [\"alice\"] # few", "readers = [\"bob\"]"));
    s.run(["allow"]).succeeds();
    let before = s.read("secrets/production.env");
    s.run(["rekey", "--env", "production"]).exits(5).says("nothing here could open it afterwards").says("`--yes-me`");
    assert_eq!(s.read("secrets/production.env"), before);
    s.run(["rekey", "--env", "production", "--yes-me"]).succeeds();
    assert_eq!(bob.code(&s, &["get", "KEY", "--env", "production"]), 0);
}

#[test]
fn the_only_reader_of_an_environment_without_a_file_is_not_removed() {
    let (s, bob) = project();
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    s.write("secrets.toml", s.read("secrets.toml") + "\n[environments.stage]\nreaders = [\"bob\"]\n");
    s.run(["allow"]).succeeds();
    let removed = s.run(["member", "remove", "bob", "--yes"]);
    removed.exits(5).says("nobody would read `secrets/stage.env` any more").says("add another reader first");
}

/// Who came after the removal cannot open what the former member has seen, and so cannot tell that a value is new.
#[test]
fn what_a_newer_member_gave_a_new_value_leaves_the_list_when_an_older_one_looks() {
    let (s, bob) = project();
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    let s = s.repository();
    s.commit("bob");
    s.run(["member", "remove", "bob", "--yes"]).succeeds();
    let dave = Person::new(&s);
    s.run(["member", "add", "dave", &dave.recipient, "--to", "dev", "--rekey"]).succeeds();
    s.commit("dave");
    let set = dave.call(&s, &["set", "KEY"]).stdin("new").go();
    set.succeeds().says("`KEY` stays on the list of what former members have seen");
    s.commit("new");
    assert!(s.read("secrets.toml").contains("rotate = { development = [\"KEY\"] }"));
    s.call(["set", "KEY"]).stdin("new").go().succeeds().says("left the list of what former members have seen");
    assert!(!s.read("secrets.toml").contains("[\"KEY\"]"));
}

#[test]
fn a_file_with_the_marks_of_a_merge_stops_a_removal() {
    let (s, bob) = project();
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    let sealed = s.sealed();
    s.write(SEALED, format!("<<<<<<< HEAD\n{sealed}=======\n{sealed}>>>>>>> theirs\n"));
    s.run(["member", "remove", "bob", "--yes"]).exits(1).says(SEALED);
    assert!(s.read("secrets.toml").contains("[members.bob]"), "nothing was changed");
    s.write(SEALED, sealed);
    s.run(["member", "remove", "bob", "--yes"]).succeeds();
}

/// A removal holds the lock of the folder; the name is set into a file that does not exist yet.
#[test]
fn who_waited_for_a_removal_seals_to_nobody_whom_it_removed() {
    let (s, bob) = project();
    let without_bob = s.read("secrets.toml");
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    s.write("secrets.toml", s.read("secrets.toml") + "\n[environments.stage]\nreaders = [\"dev\"]\n");
    s.run(["allow"]).succeeds();
    s.write("after.toml", without_bob + "\n[environments.stage]\nreaders = [\"dev\"]\n");
    let script = "exec 9<secrets; flock 9
        printf x | exec $SECRETS set NEW --env stage 9<&- & waiting=$!
        for _ in $(seq 10000); do ls -l /proc/$waiting/fd | grep -q '/secrets$' && break; done
        cp after.toml secrets.toml; exec 9<&-; wait $waiting";
    s.shell(script).env("SECRETS", crate::sandbox::SECRETS).go().succeeds().says("added `NEW` to `stage`");
    let sealed = s.read("secrets/stage.env");
    assert!(sealed.contains(&s.recipient()) && !sealed.contains(&bob.recipient));
}

#[test]
fn what_a_former_member_has_seen_stays_listed_until_it_is_new() {
    let (s, bob) = project();
    s.call(["set", "OTHER"]).stdin("o").go().succeeds();
    s.call(["set", "THIRD"]).stdin("t").go().succeeds();
    s.run(["init", "--sops-yaml"]).succeeds();
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    assert!(s.read(".sops.yaml").contains(&bob.recipient), "a rendered file follows");
    s.call(["set", "NEVER_SEEN", "--env", "production"]).stdin("x").go().succeeds();
    s.run(["member", "remove", "bob"]).exits(1).says("say `--yes`");
    s.call(["member", "remove", "bob"]).on_terminal(&[("Remove the member", "y\r")]).go().succeeds();
    assert!(!s.read(".sops.yaml").contains(&bob.recipient));
    let listed = |s: &Sandbox| s.run(["status", "--json"]).succeeds().json()["rotate"].to_string();
    assert_eq!(
        listed(&s),
        r#"[{"environment":"development","member":"bob","names":["KEY","OTHER","THIRD"]}]"#.replace(
            r#"{"environment":"development","member":"bob""#,
            r#"{"member":"bob","environment":"development""#
        )
    );
    s.call(["set", "KEY"]).stdin("1").go().succeeds();
    assert!(listed(&s).contains("KEY"), "the same value is no new one");
    s.call(["set", "KEY"]).stdin("new").go().succeeds().says("`KEY` left the list of what former members have seen");
    s.run(["unset", "OTHER"]).succeeds();
    assert!(listed(&s).contains("[\"THIRD\"]"));
    s.write("new.env", "THIRD=new\n");
    s.run(["import", "--replace", "new.env"]).succeeds();
    assert_eq!(listed(&s), "[]");
    s.run(["run", "--", "true"]).succeeds().says_nothing();
}

#[test]
fn nobody_is_wrapped_for_who_stands_in_a_changed_file_only() {
    let (s, mallory) = project();
    let settings = s.read("secrets.toml");
    let member = format!("\n[members.mallory]\nrecipients = [\"{}\"]\n", mallory.recipient);
    let changed = settings.replace("dev = [\"alice\"]", "dev = [\"alice\", \"mallory\"]") + &member;
    s.write("secrets.toml", &changed);
    s.call(["set", "KEY"]).stdin("next").go().succeeds();
    s.run(["rekey"]).exits(5).says("would be sealed to mallory, whom this machine has not accepted");
    s.write("plain", "A=1\n");
    s.run(["encrypt", "plain"]).exits(5).says("mallory would read it, whom this machine has not accepted");
    let bob = Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "production"]).succeeds();
    s.run(["member", "add", "carol", &Person::new(&s).recipient, "--to", "dev"]).succeeds();
    for name in [SEALED, "secrets/production.env"] {
        assert!(!s.read(name).contains(&mallory.recipient), "{name}");
    }
    // Whom a holder of the data key sealed the file to, that one goes on.
    s.write("secrets.toml", &settings);
    s.run(["allow"]).succeeds();
    s.run(["member", "add", "mallory", &mallory.recipient, "--to", "dev"]).succeeds();
    s.forget();
    s.write("secrets.toml", &settings);
    s.run(["allow"]).succeeds();
    s.write("secrets.toml", &changed);
    s.run(["rekey"]).succeeds();
    assert!(s.sealed().contains(&mallory.recipient));
}

#[test]
fn a_member_is_no_reader_because_a_group_says_so_that_nobody_accepted() {
    let (s, bob) = project();
    s.write("secrets.toml", s.read("secrets.toml").replace("[groups]\n", "[groups]\nfew = [\"alice\"]\n"));
    s.write("secrets.toml", s.read("secrets.toml").replace("readers = [\"alice\"]", "readers = [\"few\"]"));
    s.run(["allow"]).succeeds();
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    s.write("secrets.toml", s.read("secrets.toml").replace("few = [\"alice\"]", "few = [\"alice\", \"bob\"]"));
    s.call(["set", "KEY", "--env", "production"]).stdin("next").go().succeeds();
    s.run(["rekey", "--env", "production"]).exits(5).says("would be sealed to bob");
    s.run(["rekey", "--all"]).exits(5);
    std::fs::remove_file(s.path("secrets/production.env")).expect("it is there");
    let anew = s.call(["set", "KEY", "--env", "production"]).stdin("anew").go();
    anew.succeeds().says("not sealed to `bob`, whom this machine has not accepted");
    assert_eq!(bob.code(&s, &["get", "KEY", "--env", "production"]), 3);
    s.run(["allow"]).succeeds().says("the group `few` has other members");
    s.run(["rekey", "--env", "production"]).succeeds();
    assert_eq!(bob.code(&s, &["get", "KEY", "--env", "production"]), 0);
}

#[test]
fn services_under_one_root_share_their_team() {
    let s = Sandbox::new().value("KEY", "1");
    let service = |name: &str| {
        format!("version = 1\nproject = \"{name}\"\nroot = \"../..\"\n\n[environments.dev]\nreaders = [\"dev\"]\n")
    };
    for name in ["api", "web"] {
        s.write(format!("services/{name}/secrets.toml"), service(name));
        s.run(["-C", &format!("services/{name}"), "allow"]).succeeds();
        s.call(["-C", &format!("services/{name}"), "set", "KEY"]).stdin(name).go().succeeds();
    }
    let bob = Person::new(&s);
    s.run(["-C", "services/api", "member", "add", "bob", &bob.recipient, "--to", "dev"])
        .succeeds()
        .says("3 files written");
    for folder in [".", "services/api", "services/web"] {
        assert_eq!(bob.code(&s, &["-C", folder, "get", "KEY"]), 0, "{folder}");
    }
    let (api, web) = (s.read("services/api/secrets/dev.env"), s.read("services/web/secrets/dev.env"));
    s.write("services/web/secrets/dev.env", &api);
    s.run(["-C", "services/web", "get", "KEY"]).exits(5).says("sealed for another place");
    s.write("services/web/secrets/dev.env", web);
    s.run(["-C", "services/web", "member", "remove", "bob", "--yes"]).succeeds().says("3 files have a new data key");
    for folder in [".", "services/api", "services/web"] {
        assert_eq!(bob.code(&s, &["-C", folder, "get", "KEY"]), 3, "{folder}");
    }
    assert!(s.read("secrets.toml").contains("\"services/web/dev\" = [\"KEY\"]"));
    s.call(["-C", "services/web", "set", "KEY"]).stdin("new").go().succeeds();
    assert!(!s.read("secrets.toml").contains("services/web/dev"));
    for (root, why) in [
        ("..", "a folder without a secrets.toml"),
        ("../../..", "a folder without a secrets.toml"),
        ("../../x", "it leads upward"),
        ("/etc", "it leads upward"),
    ] {
        s.write("services/web/secrets.toml", service("web").replace("../..", root));
        s.run(["-C", "services/web", "get", "KEY"]).exits(5).says(why);
    }
}

/// What is bared is no new value: whoever has seen it has it still.
#[test]
fn a_value_that_stands_in_clear_now_stays_on_the_list() {
    let (s, bob) = project();
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    let s = s.repository();
    s.run(["member", "remove", "bob", "--yes"]).succeeds();
    s.commit("without bob");
    s.write(
        "secrets.toml",
        s.read("secrets.toml").replacen("readers = [\"dev\"]", "readers = [\"dev\"]\nplain = [\"KEY\"]", 1),
    );
    s.run(["allow"]).succeeds();
    s.call(["set", "OTHER"]).stdin("x").go().succeeds().never_says("left the list");
    assert!(s.sealed().contains("KEY=1\n"));
    s.call(["set", "KEY"]).stdin("2").go().succeeds().says("`KEY` left the list");
}
