//! What a shell gets of a repository that others write to, and what waits for a person.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::trust::RECIPIENT;
use crate::trust::put;
use crate::trust::without_seal;

use super::play::keep;
use super::play::keep_settings;
use super::play::plays;
use super::play::prepared;
use super::play::project;
use super::play::told;
use super::play::with_bob;
use super::shells;

const NOT_ACCEPTED: &str = "secrets: not accepted:";

/// Case 1.
#[test]
fn what_was_never_accepted_is_not_loaded_whether_run_remembers_it_or_not() {
    for shell in shells() {
        for is_seen in [false, true] {
            let s = project();
            s.forget();
            if is_seen {
                s.run(["run", "--", "true"]).succeeds();
                assert_eq!(s.run(["status", "--json"]).succeeds().json()["trust"], "seen");
            }
            let steps = [("true", "-"), ("touch secrets.toml", "-"), ("$SECRETS allow --no-git", "1")];
            let shown = plays(&s, shell, "A", &steps);
            told(shell, &shown, 1, "secrets: shop is new here; review it with `secrets status`, then `secrets allow`");
            told(shell, &shown, 1, "secrets: loaded 2");
        }
    }
}

/// Replaces the byte behind a text by another one.
fn flip(file: &str, before: &str) -> String {
    let at = file.find(before).expect("it is in the file") + before.len();
    let other = if file[at..].starts_with('7') { "8" } else { "7" };
    [&file[..at], other, &file[at + 1..]].concat()
}

/// Case 10.
#[test]
fn one_byte_of_a_sealed_file_that_no_reader_changed_unloads_all_of_it() {
    for shell in shells() {
        let s = prepared(Sandbox::new().secret("KEY")).file("a.env", "# a comment\nA=1\n");
        s.run(["import", "a.env"]).succeeds();
        let good = s.sealed();
        keep(&s, "good", &good);
        keep(&s, "value", flip(&good, "\nA=ENC[AES256_GCM,data:"));
        keep(&s, "name", good.replace("\nA=ENC", "\nB=ENC"));
        keep(&s, "comment", flip(&good, "#ENC[AES256_GCM,data:"));
        keep(&s, "recipient", flip(&good, "map_recipient=age1"));
        keep(&s, "stranger", good.replace(&s.recipient(), RECIPIENT));
        keep(&s, "number", flip(&good, ";seq="));
        let steps = [
            ("true", "1"),
            ("cp $T/value $FILE", "-"),
            ("cp $T/good $FILE", "1"),
            ("cp $T/name $FILE", "-"),
            ("cp $T/good $FILE", "1"),
            ("cp $T/comment $FILE", "-"),
            ("cp $T/good $FILE", "1"),
            ("cp $T/recipient $FILE", "-"),
            ("cp $T/good $FILE", "1"),
            ("cp $T/stranger $FILE", "-"),
            ("cp $T/good $FILE", "1"),
            ("cp $T/number $FILE", "-"),
            ("cp $T/good $FILE", "1"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 7, "secrets: loaded 2");
        told(shell, &shown, 6, "secrets: unloaded 2");
    }
}

/// Case 12.
#[test]
fn a_rekey_loads_with_a_proof_and_waits_for_allow_without_one() {
    for shell in shells() {
        let (s, _bob) = with_bob(project());
        let steps = [
            ("true", "1"),
            ("$T/bob rekey", "1"),
            ("printf 2 | $T/bob set A", "2"),
            ("$T/bob rekey; $T/bob rekey", "2"),
            // The proof of a machine that has met the file since is under a key that nobody has seen here.
            ("$T/bob rekey; env MACHINE=two $T/bob rekey", "-"),
            ("true", "-"),
            ("$SECRETS allow --no-git", "2"),
            // The same names in the same place.
            ("rm $FILE; printf 3 | env MACHINE=three $T/bob set A", "-"),
            ("$SECRETS allow --no-git", "3"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 2, "is not sealed by a known key");
    }
}

/// Case 14.
#[test]
fn members_readers_and_plain_names_load_and_are_told_once() {
    let mallory = format!("\n[members.mallory]\nrecipients = [\"{RECIPIENT}\"]\n");
    for shell in shells() {
        let s = project();
        keep_settings(&s, "member", |toml| toml.replace("\"alice\"]", "\"alice\", \"mallory\"]") + &mallory);
        keep_settings(&s, "reader", |toml| {
            toml.replace("readers = [\"dev\"", "readers = [\"dev\", \"mallory\"") + &mallory
        });
        keep_settings(&s, "plain", |toml| toml.replace("readers =", "plain = [\"K*\"]\nreaders ="));
        let steps = [
            ("true", "1"),
            ("cp $T/member secrets.toml", "1"),
            ("touch secrets.toml", "1"),
            ("cp $T/toml secrets.toml", "1"),
            ("cp $T/reader secrets.toml", "1"),
            ("touch secrets.toml", "1"),
            ("cp $T/plain secrets.toml", "1"),
            ("touch secrets.toml", "1"),
            ("cp $T/toml secrets.toml", "1"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        // The second time with a new reader: other remarks.
        told(shell, &shown, 2, "rekey waits for `secrets allow`");
        told(shell, &shown, 1, "secrets: `development`: the reader `mallory` is new; `secrets allow` accepts it");
        told(shell, &shown, 1, "secrets: `development`: the plain name `K*` is new; `secrets allow` accepts it");
        told(shell, &shown, 0, "secrets: unloaded");
    }
}

/// Case 15.
#[test]
fn where_values_come_from_and_what_runs_unloads_and_nothing_of_it_is_asked() {
    for shell in shells() {
        let s = prepared(Sandbox::new().value("A", "1").value("NODE_OPTIONS", "--no-warnings"));
        let (s, bus) = crate::keychain::silent(s);
        bus.set_nonblocking(true).expect("a socket");
        let store = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        store.set_nonblocking(true).expect("a socket");
        let port = store.local_addr().expect("it has one").port();
        let add = |name: &str, lines: &str| keep_settings(&s, name, |toml| format!("{toml}\n{lines}\n"));
        add("reference", "[environments.development.from]\nB = \"keychain://x/y\"");
        add("other", "[environments.development.from]\nB = \"keychain://x/z\"");
        add("store", &format!("[stores.vault]\naddress = \"http://127.0.0.1:{port}\""));
        add("program", "[values.A]\nrotator = \"touch ran\"");
        add("another", "[values.A]\nrotator = \"touch ran; true\"");
        add("code", "[values.NODE_OPTIONS]\nruns_code = true");
        let steps = [
            ("true", "1 - -"),
            ("cp $T/reference secrets.toml", "- - -"),
            ("$SECRETS allow --no-git", "1 - -"),
            ("cp $T/other secrets.toml", "- - -"),
            ("cp $T/reference secrets.toml", "1 - -"),
            ("cp $T/store secrets.toml", "- - -"),
            ("cp $T/toml secrets.toml", "1 - -"),
            ("cp $T/program secrets.toml", "- - -"),
            ("$SECRETS allow --no-git", "1 - -"),
            ("cp $T/another secrets.toml", "- - -"),
            ("cp $T/toml secrets.toml", "1 - -"),
            // The name alone: the rest is what it was.
            ("cp $T/code secrets.toml", "1 - -"),
            ("$SECRETS allow --no-git", "1 - --no-warnings"),
            ("cp $T/toml secrets.toml", "1 - -"),
        ];
        let shown = plays(&s, shell, "A B NODE_OPTIONS", &steps);
        told(shell, &shown, 1, &format!("{NOT_ACCEPTED} `development`: the reference `B` is new: keychain://x/y"));
        told(shell, &shown, 1, "the reference `B` was keychain://x/y, and is keychain://x/z");
        told(shell, &shown, 1, &format!("{NOT_ACCEPTED} the store `vault` is new"));
        told(shell, &shown, 1, &format!("{NOT_ACCEPTED} what rotates `A` is new: touch ran"));
        assert!(bus.accept().is_err() && store.accept().is_err(), "{}: nobody was asked", shell.name);
        assert!(!s.path("ran").exists(), "{}", shell.name);
    }
}

/// Case 16.
#[test]
fn another_default_environment_waits_for_allow() {
    for shell in shells() {
        let s = project().settings("[environments.production]\nreaders = [\"dev\"]\n").value_in("production", "A", "9");
        keep_settings(&s, "switched", |toml| {
            let (head, rest) = toml.split_at(toml.find("[environments.development]").expect("it is there"));
            let (first, second) = rest.split_at(rest.find("[environments.production]").expect("it is there"));
            format!("{head}{second}\n{first}")
        });
        let s = s.repository();
        s.git(["switch", "--quiet", "--create", "switched"]);
        s.program(["cp", "../t/switched", "secrets.toml"]).go().succeeds();
        s.commit("production comes first");
        s.git(["switch", "--quiet", "main"]);
        let steps = [
            ("true", "1"),
            ("git merge -q switched", "-"),
            ("true", "-"),
            ("$SECRETS allow --no-git", "9"),
            ("git reset -q --hard HEAD~1", "-"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(
            shell,
            &shown,
            1,
            &format!("{NOT_ACCEPTED} the default environment was `development`, and is `production`"),
        );
    }
}

/// Case 17.
#[test]
fn a_plain_sops_file_is_loaded_by_its_bytes() {
    for shell in shells() {
        let s = project();
        let plain = without_seal(&s.sealed());
        keep(&s, "plain", &plain);
        // Sops' own check does not see it, so `run` goes on.
        keep(&s, "changed", format!("NEW=\n{plain}"));
        s.forget();
        put(&s, plain);
        s.run(["allow", "--no-git"]).succeeds();
        let steps = [
            ("true", "1"),
            ("cp $T/changed $FILE", "-"),
            ("$SECRETS run -- true && echo goes on", "-"),
            ("cp $T/plain $FILE", "1"),
            ("cp $T/changed $FILE", "-"),
            ("$SECRETS allow --no-git", "1"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 2, "secrets/development.env changed since you allowed it");
        assert!(shown.contains("\ngoes on"), "{}: {shown}", shell.name);
    }
}

/// Case 17.
#[test]
fn what_this_machine_writes_into_a_plain_sops_file_stays_trusted() {
    for shell in shells() {
        let s = project();
        s.forget();
        put(&s, without_seal(&s.sealed()));
        s.run(["allow", "--no-git"]).succeeds();
        plays(&s, shell, "A", &[("true", "1"), ("printf 2 | $SECRETS set A", "2")]);
    }
}

/// Case 18.
#[test]
fn what_a_stranger_encrypts_to_our_recipients_is_not_loaded() {
    for shell in shells().filter(|_| needs("sops")) {
        let s = project();
        s.write("plain.env", "A=evil\n");
        let sops = s.program(["sops", "--disable-version-check", "encrypt", "--age", &s.recipient(), "plain.env"]).go();
        keep(&s, "sops", sops.succeeds().stdout());
        let mallory = Sandbox::empty();
        mallory.run(["init", "--yes", "--name", "shop"]).succeeds();
        mallory.write("secrets.toml", s.read("secrets.toml"));
        std::fs::remove_file(mallory.path(SEALED)).expect("`init` made it");
        mallory.run(["allow"]).succeeds();
        mallory.call(["set", "A"]).stdin("evil").go().succeeds();
        keep(&s, "secrets", mallory.sealed());
        keep(&s, "good", s.sealed());
        let steps = [
            ("true", "1"),
            ("cp $T/sops $FILE", "-"),
            ("cp $T/good $FILE", "1"),
            ("cp $T/secrets $FILE", "-"),
            ("cp $T/good $FILE", "1"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 1, "lost its seal");
        told(shell, &shown, 1, "is not sealed by a known key");
    }
}

/// Case 20.
#[test]
fn a_change_is_seen_whatever_the_time_of_the_file() {
    for shell in shells() {
        let (s, _bob) = with_bob(project());
        let copy = |name: &str| {
            s.program(["cp"]).words([s.path(SEALED), s.root().join("t").join(name)]).go().succeeds().code()
        };
        copy("one");
        s.call(["set", "A"]).stdin("2").go().succeeds();
        copy("two");
        s.program(["touch", "-d", "2001-01-01", "../t/one", "../t/two"]).go().succeeds();
        let steps = [
            ("true", "2"),
            ("printf 3 | $T/bob set A; touch -d 2001-01-01 $FILE", "3"),
            ("printf 4 | $T/bob set A; touch -d 2002-01-01 $FILE", "4"),
            ("cp -p $T/one $FILE", "1"),
            // The same time: whatever is asked next sees it.
            ("cp -p $T/two $FILE; mkdir sub; cd sub", "2"),
        ];
        plays(&s, shell, "A", &steps);
    }
}
