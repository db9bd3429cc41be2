//! `secrets import`

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

#[test]
fn a_plain_file_is_taken_in_and_left_where_it_is() {
    let plain = format!("A=\"{}\" # note\n", secret("A"));
    let s = Sandbox::new().canary("A", secret("A")).file("plain.env", &plain);
    let outcome = s.run(["import", "plain.env"]);
    outcome.succeeds().shows_nothing().says("1 added, 0 changed, 0 kept").says("`rm plain.env`");
    s.run(["get", "A"]).succeeds().shows(secret("A")).reveals("A");
    assert_eq!(s.read("plain.env"), plain);
    let before = s.sealed();
    s.run(["import", "plain.env"]).succeeds().says("`development` has all of that already");
    assert_eq!(s.sealed(), before);
}

#[test]
fn quotes_are_syntax_and_every_form_arrives() {
    let s = Sandbox::new();
    let plain = "A='single $X'\nB=\"a\\nb\"\nexport C=bare\nD=\nE='two\nlines'\nF=a#b\nG = spaced\n";
    s.call(["import", "-"]).stdin(plain).go().succeeds();
    for (name, value) in [
        ("A", "single $X"),
        ("B", "a\nb"),
        ("C", "bare"),
        ("D", ""),
        ("E", "two\nlines"),
        ("F", "a#b"),
        ("G", "spaced"),
    ] {
        let outcome = s.run(["get", name]);
        assert_eq!(outcome.succeeds().stdout(), value, "{name}");
    }
}

#[test]
fn new_names_go_to_the_end_with_the_comments_above_them() {
    let s = Sandbox::new().value("OLD", "1");
    s.call(["import", "-"]).stdin("# lonely\n\n# of the new one\nNEW=2\n# of the old one\nOLD=1\n").go().succeeds();
    s.run(["decrypt", SEALED]).succeeds().shows("OLD=1\n# of the new one\nNEW=2\n");
}

#[test]
fn other_values_are_replaced_or_kept_as_asked_and_refused_otherwise() {
    let s = Sandbox::new().value("A", "old").value("B", "same");
    let before = s.tree(".");
    let import = |flags: &[&str]| s.call(["import", "-"]).words(flags).stdin("A=new\nB=same\nC=3\n").go();
    import(&[]).exits(1).says("`development` has other values for `A`").says("--replace").says("--keep");
    assert_eq!(s.tree("."), before);
    import(&["--keep"]).succeeds().says("1 added, 0 changed, 1 kept");
    s.run(["get", "A"]).succeeds().shows("old");
    import(&["--replace"]).succeeds().says("0 added, 1 changed, 0 kept");
    s.run(["get", "A"]).succeeds().shows("new");
    import(&["--replace", "--keep"]).exits(2);
}

#[test]
fn a_line_that_is_wrong_is_named_by_its_number_and_not_shown() {
    let s = Sandbox::new().canary("A", secret("A"));
    let before = s.tree(".");
    for (plain, says) in [
        (format!("OK=1\nA='{}\n", secret("A")), "line 2"),
        (format!("OK=1\n\n{} and words\n", secret("A")), "line 3"),
        (format!("A={0}\nA={0}\n", secret("A")), "`A` is set twice"),
        (format!("1A={}\n", secret("A")), "line 1"),
        (format!("A=1\n{}+/==\n", secret("A")), "line 2"),
        (format!("A=\"x\" {}\n", secret("A")), "line 1"),
        (format!("A=\"\\q{}\n", secret("A")), "line 1"),
    ] {
        s.call(["import", "-"]).stdin(plain).go().exits(1).shows_nothing().says("`stdin`: ").says(says);
    }
    assert_eq!(s.tree("."), before);
}

#[test]
fn a_sealed_file_is_not_imported() {
    let s = Sandbox::new().secret("KEY").production();
    s.run(["import", SEALED, "-e", "production"]).exits(1).says("is sealed already").says("secrets decrypt");
}

#[test]
fn names_that_run_code_are_declared_with_yes_and_warned_of_without() {
    let s = Sandbox::new();
    let toml = s.read("secrets.toml");
    let import = |flags: &[&str]| s.call(["import", "-"]).words(flags).stdin("NODE_OPTIONS=x\nEDITOR=vi\n").go();
    import(&[]).succeeds().says("`NODE_OPTIONS` can make programs run code").says("`EDITOR`");
    assert_eq!(s.read("secrets.toml"), toml);
    import(&["--yes"]).succeeds().says("declared `NODE_OPTIONS` and `EDITOR` in secrets.toml").never_says("warning");
    let declared = "\n[values.NODE_OPTIONS]\nruns_code = true\n\n[values.EDITOR]\nruns_code = true\n";
    assert_eq!(s.read("secrets.toml"), toml + declared);
    s.run(["run", "--", "printenv", "EDITOR"]).succeeds().shows("vi");
}

#[test]
fn names_that_take_over_the_shell_are_warned_of() {
    let s = Sandbox::new();
    let outcome = s.call(["import", "-", "--yes"]).stdin("LD_PRELOAD=x\nHTTPS_PROXY=y\nPLAIN=z\n").go();
    outcome.succeeds().says("`run` refuses `LD_PRELOAD`").says("`HTTPS_PROXY` steers").never_says("`PLAIN`");
}

#[test]
fn only_what_can_be_read_again_is_written() {
    let s = Sandbox::new().value("KEY", "v");
    let before = s.tree(".");
    let large: String = (0..30).map(|i| format!("L{i}={}\n", "x".repeat(120 << 10))).collect();
    s.call(["import", "-"]).stdin(large).go().exits(5).says("4096 KiB");
    assert_eq!(s.tree("."), before, "a file beyond 4 MiB");
    let many: String = (0..10_000).map(|i| format!("N{i}=\n")).collect();
    s.call(["import", "-"]).stdin(many).go().exits(5).says("10000");
    assert_eq!(s.tree("."), before, "more than 10,000 entries");
}

#[test]
fn ten_thousand_entries_are_not_too_many() {
    let s = Sandbox::new();
    let many: String = (0..10_000).map(|i| format!("N{i}=v{i}\n")).collect();
    s.call(["import", "-"]).stdin(many).go().succeeds().says("10000 added");
    s.run(["get", "N9999"]).succeeds().shows("v9999");
    s.call(["set", "N10000"]).stdin("one more").go().exits(5).says("10000");
    s.run(["get", "N9999"]).succeeds().shows("v9999");
}
