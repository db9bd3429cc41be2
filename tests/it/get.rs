//! `secrets get`

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

#[test]
fn the_bytes_are_printed_as_they_are() {
    for value in
        [&b"plain value"[..], b" spaces ", b"two\nlines and\r\nmore", b"\xff\xfe not text", b"\x1b[31mred\x07 alert"]
    {
        let s = Sandbox::new().value("KEY", value);
        let outcome = s.run(["get", "KEY"]);
        assert_eq!(outcome.succeeds().says_nothing().reveals("KEY").stdout, value);
    }
}

#[test]
fn on_a_terminal_a_line_end_follows() {
    if !needs("python3") {
        return;
    }
    let s = Sandbox::new().secret("KEY");
    let outcome = s.call(["get", "KEY"]).on_terminal(&[]).go();
    outcome.succeeds().shows(format!("{}\r\n", secret("KEY"))).reveals("KEY");
}

#[test]
fn json_has_name_and_value() {
    let s = Sandbox::new().value("KEY", "a \"quoted\" 'value'\n");
    let outcome = s.run(["get", "KEY", "--json"]);
    let want = serde_json::json!({"name": "KEY", "value": "a \"quoted\" 'value'\n"});
    assert_eq!(outcome.succeeds().reveals("KEY").json(), want);
    let s = Sandbox::new().value("KEY", b"not text \xff\xfe");
    s.run(["get", "KEY", "--json"]).exits(1).shows_nothing().says("not UTF-8");
}

#[test]
fn the_upper_layer_wins_and_the_lower_one_fills_in() {
    let s = Sandbox::new().production().value("A", "dev").value("B", "dev").value_in("production", "A", "prod");
    s.run(["get", "A", "-e", "production"]).succeeds().shows("prod");
    s.run(["get", "B", "-e", "production"]).succeeds().shows("dev");
    s.run(["get", "A"]).succeeds().shows("dev");
}

#[test]
fn a_name_that_is_not_set_is_an_error() {
    let s = Sandbox::new().secret("KEY");
    s.run(["get", "NOPE"]).exits(1).shows_nothing().says("`NOPE` is not set in `development`");
    s.run(["get", "A B"]).exits(1).shows_nothing().says("`A…` is not a legal name");
    s.run(["get"]).exits(2);
    s.run(["get", "KEY", "OTHER"]).exits(2).shows_nothing();
}

#[test]
fn a_file_by_its_path_needs_no_project() {
    let s = Sandbox::new().secret("KEY");
    std::fs::rename(s.path(SEALED), s.root().join("moved.env")).unwrap();
    let outcome = s.call(["get", "KEY", "--file", "moved.env"]).cwd("..").go();
    outcome.succeeds().shows(secret("KEY")).reveals("KEY");
    s.call(["get", "KEY"]).cwd("..").go().exits(1).says("there is no project here");
}

#[test]
fn from_a_folder_below_the_project_is_found() {
    let s = Sandbox::new().secret("KEY").file("a/b/c", "");
    s.call(["get", "KEY"]).cwd("a/b").go().succeeds().shows(secret("KEY")).reveals("KEY");
}

#[test]
fn a_value_that_runs_code_can_be_looked_at() {
    let s = Sandbox::new().value("LD_PRELOAD", "x.so");
    s.run(["get", "LD_PRELOAD"]).succeeds().shows("x.so");
}
