//! `secrets unset`

use crate::sandbox::Sandbox;
use crate::sandbox::secret;

#[test]
fn a_value_is_removed_and_no_other_line_changes() {
    let s = Sandbox::new().secret("A").secret("B").secret("C");
    let before = s.sealed();
    s.run(["unset", "B"]).succeeds().shows_nothing().says("removed `B` from `development`");
    let after = s.sealed();
    let items = |text: &str| text.lines().filter(|l| !l.starts_with("sops_")).map(String::from).collect::<Vec<_>>();
    assert_eq!(items(&after), items(&before).into_iter().filter(|l| !l.starts_with("B=")).collect::<Vec<_>>());
    s.run(["list"]).succeeds().shows("A\nC");
    s.run(["get", "C"]).succeeds().shows(secret("C")).reveals("C");
    s.run(["status"]).succeeds().shows_part("nothing was changed without the key");
}

#[test]
fn of_several_names_all_go_or_none() {
    let s = Sandbox::new().secret("A").secret("B");
    let before = s.tree(".");
    s.run(["unset", "A", "NOPE"]).exits(1).says("`NOPE` is not set in `development`");
    assert_eq!(s.tree("."), before);
    s.run(["unset", "A", "B"]).succeeds().says("removed `A` and `B`");
    s.run(["list"]).succeeds().shows_nothing();
}

#[test]
fn only_the_chosen_environment_loses_it() {
    let s = Sandbox::new().production().value("A", "dev").value_in("production", "A", "prod");
    s.run(["unset", "A", "-e", "production"]).succeeds();
    s.run(["get", "A", "-e", "production"]).succeeds().shows("dev");
}

#[test]
fn without_an_identity_nothing_is_removed() {
    let s = Sandbox::new().secret("A");
    let before = s.sealed();
    std::fs::remove_file(s.identity()).unwrap();
    s.run(["unset", "A"]).exits(3).says("no identity on this machine opens");
    assert_eq!(s.sealed(), before);
}
