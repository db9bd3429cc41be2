//! Without a key: a copy of a file under another name, with readers of somebody's choice; and seals that somebody invented.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::team::Person;
use crate::trust::put;
use crate::trust::without_seal;

const PRODUCTION: &str = "secrets/production.env";
const STAGING: &str = "secrets/staging.env";

/// `bob` reads development alone; production has a value, and what stands in `staging` is a copy of it.
fn copied(settings: &str, copy: impl FnOnce(&str) -> String) -> (Sandbox, Person) {
    let s = Sandbox::new().settings("[environments.production]\nreaders = [\"alice\"]\n").secret("KEY");
    let bob = Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    let s = s.value_in("production", "PASSWORD", "the password of production");
    s.run(["member", "add", "carol", &Person::new(&s).recipient, "--to", "dev"]).succeeds();
    let s = s.repository();
    s.write(STAGING, copy(&s.read(PRODUCTION)));
    s.write("secrets.toml", s.read("secrets.toml") + "\n[environments.staging]\n" + settings);
    s.commit("a copy");
    (s, bob)
}

/// Whatever is tried, nobody gets what production has.
fn holds(s: &Sandbox, bob: &Person) {
    for words in [
        &["run", "--", "true"][..],
        &["rekey", "--all"],
        &["reseal", "--all", "--yes"],
        &["rekey", "--all"],
        &["rekey", "--env", "staging"],
        &["member", "remove", "carol", "--yes"],
        &["run", "--env", "staging", "--", "true"],
        &["rekey", "--all"],
    ] {
        s.run(words).code();
        assert!(!s.read(STAGING).contains("the password of production"), "{words:?}");
        let opened = bob.call(s, &["get", "PASSWORD", "--file", STAGING]).go();
        assert_ne!(opened.code(), 0, "{words:?}");
    }
    s.call(["set", "NEW", "--env", "staging"]).stdin("x").go().code();
    assert!(!s.read(STAGING).contains("the password of production"));
}

#[test]
fn a_copy_without_its_seal_is_not_bared_by_plain() {
    let (s, bob) = copied("readers = [\"alice\"]\nplain = [\"*\"]\n", without_seal);
    holds(&s, &bob);
    s.run(["rekey", "--env", "staging"]).exits(5).says("has not accepted who reads `staging`");
    let shown = s.run(["allow"]);
    shown.says("`staging` has in clear: *").says("`secrets/staging.env` has the data key of `secrets/production.env`");
}

#[test]
fn a_copy_without_its_seal_is_not_wrapped_for_other_readers() {
    let (s, bob) = copied("readers = [\"dev\"]\n", without_seal);
    holds(&s, &bob);
}

#[test]
fn a_copy_with_its_seal_is_not_wrapped_for_other_readers() {
    let (s, bob) = copied("readers = [\"dev\"]\n", str::to_string);
    holds(&s, &bob);
}

/// One commit with a number that nobody sealed does not stop anybody.
#[test]
fn an_invented_number_is_not_believed() {
    let s = Sandbox::new().secret("KEY").repository();
    let sealed = s.sealed();
    let seq = sealed.split(";seq=").nth(1).and_then(|rest| rest.split(';').next()).expect("a number");
    put(&s, sealed.replace(&format!(";seq={seq}"), ";seq=99999999"));
    s.commit("invented");
    put(&s, &sealed);
    s.commit("and back");
    s.forget();
    s.run(["run", "--", "true"]).succeeds();
    s.set_and_commit("KEY", "new");
    s.run(["run", "--", "true"]).succeeds();
    s.git(["checkout", "--quiet", "HEAD~1", "--", SEALED]);
    s.run(["run", "--", "true"]).exits(125).says("brought back on top of a newer one");
}

/// Nor does one with a seal that no key made, or one that somebody made with public keys alone.
#[test]
fn an_invented_seal_does_not_end_a_plain_sops_file() {
    let s = Sandbox::new().secret("KEY");
    let sealed = s.sealed();
    put(&s, without_seal(&sealed));
    let s = s.repository();
    s.forget();
    let stranger = s.root().join("stranger");
    let plain = s.sealed();
    let seal = sealed.lines().find(|line| line.contains("_seal=")).expect("a seal").replace(";seq=2", ";seq=9");
    put(&s, plain.clone() + &seal.replace(";mac=", ";mac=A") + "\n");
    s.commit("invented");
    put(&s, &plain);
    s.commit("and back");
    s.run(["run", "--", "true"]).succeeds();
    std::fs::remove_file(s.path(SEALED)).expect("it is there");
    s.call(["set", "KEY"]).stdin("evil").env("XDG_STATE_HOME", &stranger).go().succeeds();
    s.commit("with public keys alone");
    put(&s, &plain);
    s.commit("and back again");
    s.forget();
    s.run(["run", "--", "true"]).exits(125).says("it lost its seal");
    s.run(["allow"]).succeeds().says("has no seal, although git's history has a sealed version");
    s.run(["run", "--", "true"]).succeeds();
    s.call(["set", "OTHER"]).stdin("x").go().succeeds();
    s.run(["run", "--", "true"]).succeeds();
}
