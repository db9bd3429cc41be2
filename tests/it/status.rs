//! `secrets status`

use serde_json::json;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;

#[test]
fn a_project_in_order_says_so() {
    let s = Sandbox::new().secret("A").secret("B");
    insta::assert_snapshot!(s.run(["status"]).snapshot(), @r"
    exit: 0
    -- stdout
    project      shop
    environment  development
    file         secrets/development.env
    names        2
    readers      alice
    seal         version 3, for shop secrets/development.env
    opens        yes, and nothing was changed without the key
    identity     [root]/home/.config/secrets/identity.txt: opens development
    trust        accepted on this machine
    -- stderr
    ");
}

#[test]
fn json_has_the_same() {
    let s = Sandbox::new().secret("A");
    let want = json!({
        "project": "shop",
        "environment": "development",
        "file": SEALED,
        "names": 1,
        "readers": ["alice"],
        "seal": "version 2, for shop secrets/development.env",
        "opens": true,
        "problem": null,
        "warning": null,
        "trust": "trusted",
        "shell": null,
        "state": null,
        "changed": [],
        "rotate": [],
        "interrupted": null,
        "personal": [],
        "identities": [{ "place": s.identity(), "note": "opens development" }],
    });
    assert_eq!(s.run(["status", "--json"]).succeeds().json(), want);
}

#[test]
fn an_environment_without_a_file_says_how_to_make_one() {
    let s = Sandbox::new().production();
    let outcome = s.run(["status", "-e", "production"]);
    outcome.succeeds().shows_part("secrets/production.env (not there yet: `secrets set NAME` makes it)");
}

#[test]
fn a_locked_file_is_told_and_is_no_failure() {
    let s = Sandbox::new().secret("A");
    std::fs::remove_file(s.identity()).unwrap();
    s.run(["status"]).succeeds().shows_part("opens        no: no identity on this machine opens");
    let status = s.run(["status", "--json"]);
    assert_eq!(status.succeeds().json()["opens"], false);
}

#[test]
fn a_changed_file_is_told() {
    let s = Sandbox::new().secret("A");
    s.write(SEALED, s.sealed().replace("A=ENC", "B=ENC"));
    s.run(["status"]).succeeds().shows_part("opens        no: `secrets/development.env`: ");
}

#[test]
fn a_file_that_lost_its_seal_is_told() {
    let s = Sandbox::new().secret("A").value("EMPTY", "");
    let unsealed: String = s.sealed().lines().filter(|l| !l.contains("_seal=")).map(|l| format!("{l}\n")).collect();
    s.write(SEALED, unsealed);
    s.run(["status"]).succeeds().shows_part("state        it lost its seal; `secrets reseal` shows what changed");
    s.forget();
    s.run(["status"]).succeeds().shows_part("seal         none: a plain sops file").shows_part("empty: `EMPTY`");
}
