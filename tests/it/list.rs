//! `secrets list`

use serde_json::json;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;

#[test]
fn names_come_in_file_order_and_want_no_identity() {
    let s = Sandbox::new().secret("B").secret("A").value("EMPTY", "");
    std::fs::remove_file(s.identity()).unwrap();
    s.run(["list"]).succeeds().shows("B\nA\nEMPTY").says_nothing();
    s.run(["list", "--file", SEALED]).succeeds().shows("B\nA\nEMPTY");
}

#[test]
fn json_tells_where_each_name_comes_from() {
    let s = Sandbox::new()
        .production()
        .value("A", "1")
        .value("B", "2")
        .value_in("production", "A", "3")
        .settings("[environments.production.from]\nC = \"vault://a/b#c\"\n");
    let outcome = s.run(["list", "-e", "production", "--json"]);
    let want = json!([
        {"name": "A", "origin": "secrets/production.env"},
        {"name": "B", "origin": "secrets/development.env"},
        {"name": "C", "origin": "reference"},
    ]);
    assert_eq!(outcome.succeeds().json(), want);
}

#[test]
fn outside_a_project_there_is_nothing_to_list() {
    Sandbox::empty().run(["list"]).exits(1).shows_nothing().says("there is no project here");
}
