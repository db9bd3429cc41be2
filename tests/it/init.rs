//! `secrets init`

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::needs;
use crate::sandbox::secret;

#[test]
fn a_new_project_has_an_identity_settings_and_an_empty_sealed_file() {
    let s = Sandbox::empty();
    s.run(["init", "--yes"]).succeeds().shows_nothing().says("done: `shop` is a project");
    assert!(s.read("secrets.toml").contains("project = \"shop\"\n"));
    assert!(s.read("secrets.toml").contains("[members.alice]\n"));
    assert!(
        s.sealed().contains("sops_secrets_seal=v1;project=shop;path=secrets/development.env;env=development;seq=1;")
    );
    s.run(["list"]).succeeds().shows_nothing();
}

#[test]
fn project_and_member_are_named_as_asked() {
    let s = Sandbox::empty();
    s.run(["init", "--yes", "--name", "till", "--member", "bob"]).succeeds().says("`till` is a project");
    assert!(s.read("secrets.toml").contains("project = \"till\"\n\n[members.bob]\n"));
    s.run(["status", "--json"]).succeeds().shows_part("\"bob\"");
}

#[test]
fn a_second_init_changes_nothing() {
    let s = Sandbox::new().secret("KEY");
    let before = s.tree("..");
    s.run(["init", "--yes"]).succeeds().says("nothing was changed");
    assert_eq!(s.tree(".."), before);
}

#[test]
fn a_plain_env_is_sealed_with_its_order_and_comments() {
    let plain = format!("# the database\nB={}\n\nA=\"two words\" # why\n", secret("B"));
    let s = Sandbox::empty().canary("B", secret("B")).file(".env", &plain);
    s.run(["init", "--yes"]).succeeds().says("read back and compared").says("`rm .env`");
    assert_eq!(s.read(".env"), plain);
    s.run(["list"]).succeeds().shows("B\nA");
    s.run(["get", "A"]).succeeds().shows("two words");
    s.run(["get", "B"]).succeeds().shows(secret("B")).reveals("B");
    // As in sops, blank lines stay in the sealed file and are not printed.
    let decrypted = s.run(["decrypt", SEALED]);
    decrypted.succeeds().shows(format!("# the database\nB={}\n# why\nA=two words\n", secret("B"))).reveals("B");
    assert_eq!(s.sealed().lines().position(str::is_empty), Some(2));
}

#[test]
fn a_plain_env_stays_outside_if_nobody_says_yes() {
    let s = Sandbox::empty().canary("A", secret("A")).file(".env", format!("A={}\n", secret("A")));
    s.run(["init"]).succeeds().says("`secrets import .env` takes the plain file in");
    s.run(["list"]).succeeds().shows_nothing();
    let s = Sandbox::empty().canary("A", secret("A")).file(".env", format!("A={}\n", secret("A")));
    s.run(["init", "--yes", "--no-import"]).succeeds().never_says("import");
    s.run(["list"]).succeeds().shows_nothing();
}

#[test]
fn a_plain_env_that_cannot_be_read_stops_init_before_anything_is_made() {
    let s = Sandbox::empty().canary("A", secret("A")).file(".env", format!("A='{}\n", secret("A")));
    s.run(["init", "--yes"]).exits(1).says("line 1").says("--no-import");
    assert!(!s.path("secrets.toml").exists());
    assert!(!s.path(SEALED).exists());
}

#[test]
fn a_file_to_import_is_never_passed_over_in_silence() {
    let s = Sandbox::new().file("plain.env", "A=1\n");
    let outcome = s.run(["init", "--import", "plain.env"]);
    if outcome.status.success() {
        s.run(["get", "A"]).succeeds().shows("1");
    } else {
        outcome.exits(1).says("secrets import");
    }
}

#[test]
fn names_that_run_code_are_declared_with_yes() {
    let s = Sandbox::empty().file(".env", "NODE_OPTIONS=--max-old-space-size=64\n");
    s.run(["init", "--yes"]).succeeds();
    assert!(s.read("secrets.toml").contains("[values.NODE_OPTIONS]\nruns_code = true\n"));
    s.run(["run", "--", "printenv", "NODE_OPTIONS"]).succeeds().shows("--max-old-space-size=64");
    let s = Sandbox::empty().file(".env", "NODE_OPTIONS=--max-old-space-size=64\n");
    s.run(["init", "--import", ".env"]).succeeds().says("`run` refuses until secrets.toml declares it");
    s.run(["run", "--", "true"]).exits(125);
}

#[test]
fn an_interrupted_init_is_taken_up_with_its_sealed_file() {
    let s = Sandbox::new().secret("KEY");
    let sealed = s.sealed();
    std::fs::remove_file(s.path("secrets.toml")).unwrap();
    s.run(["init", "--yes"]).succeeds();
    assert_eq!(s.sealed(), sealed);
    s.run(["get", "KEY"]).succeeds().shows(secret("KEY")).reveals("KEY");
}

#[test]
fn a_project_inside_another_one_is_refused() {
    let s = Sandbox::new().file("sub/x", "");
    s.call(["init", "--yes"]).cwd("sub").go().exits(1).says("belongs to the project");
    assert!(!s.path("sub/secrets.toml").exists());
}

#[test]
fn an_identity_that_is_there_is_used() {
    let s = Sandbox::empty();
    s.run(["identity", "new"]).succeeds();
    let before = std::fs::read(s.identity()).unwrap();
    s.run(["init", "--yes"]).succeeds().never_says("made an identity");
    assert_eq!(std::fs::read(s.identity()).unwrap(), before);
    assert!(s.read("secrets.toml").contains(&s.recipient()));
}

#[test]
fn the_identity_is_private_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let s = Sandbox::empty();
        s.call(["init", "--yes"]).after(&format!("umask {umask}")).go().succeeds();
        let (file, folder) = (s.mode(s.identity()), s.mode(s.identity().parent().unwrap()));
        assert_eq!((file, folder), (0o600, 0o700), "umask {umask}");
    }
}

#[test]
fn without_a_home_init_says_where_an_identity_could_go() {
    let s = Sandbox::empty().without("HOME").without("XDG_CONFIG_HOME");
    // Anybody in /etc/passwd has a home, and the identity would land there; only root can become somebody else.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let Some(call) = s.call_as_nobody(["init", "--yes"]) else { return };
    call.go().exits(1).says("there is no home folder to put an identity").says("`secrets identity new --output FILE`");
    assert!(!s.path("secrets.toml").exists());
}

#[test]
fn git_settings_are_added_once_and_keep_what_is_there() {
    let s = Sandbox::empty().file(".gitignore", "/target").file(".gitattributes", "*.png binary\n");
    s.run(["init", "--yes"]).succeeds();
    let attributes = "*.png binary\n/secrets/*.env -text diff=secrets merge=secrets\n";
    assert_eq!(s.read(".gitattributes"), attributes);
    assert_eq!(s.read(".gitignore"), "/target\n.env\n.env.*\n!.env.example\n");
    s.run(["init", "--yes"]).succeeds();
    assert_eq!(s.read(".gitattributes"), attributes);
}

#[test]
fn git_does_not_ignore_the_sealed_file_whatever_hid_it() {
    if !needs("git") {
        return;
    }
    for hiding in ["*.env\n", "secrets/\n", "/secrets\n", "*.env\nsecrets/\n", "secrets/*\n", "**/*.env\n"] {
        let s = Sandbox::empty().file(".gitignore", hiding);
        s.program(["git", "init", "-q"]).go().succeeds();
        s.program(["git", "check-ignore", SEALED]).go().succeeds();
        s.run(["init", "--yes"]).succeeds();
        s.program(["git", "check-ignore", SEALED]).go().exits(1);
        s.program(["git", "check-ignore", ".env"]).go().succeeds();
        let text = s.read(".gitignore");
        s.run(["init", "--yes"]).succeeds().says("nothing was changed");
        assert_eq!(s.read(".gitignore"), text);
    }
}

#[test]
fn the_line_for_git_adds_all_that_was_made() {
    if !needs("git") {
        return;
    }
    let s = Sandbox::empty();
    s.program(["git", "init", "-q"]).go().succeeds();
    let outcome = s.run(["init", "--yes", "--sops-yaml"]);
    let line = outcome.succeeds().stderr();
    let line = line.split("to commit: `").nth(1).and_then(|rest| rest.split('`').next()).expect("the line for git");
    s.program(["sh", "-c", line]).go().succeeds();
    let files = ".gitattributes\n.gitignore\n.sops.yaml\nsecrets.toml\nsecrets/development.env";
    s.program(["git", "ls-files"]).go().succeeds().shows(files);
    s.program(["git", "status", "--porcelain", "--untracked-files=all"]).go().succeeds().never_says("??");
}

#[test]
fn a_plain_env_that_git_knows_is_warned_of() {
    if !needs("git") {
        return;
    }
    let s = Sandbox::empty().canary("A", secret("A")).file(".env", format!("A={}\n", secret("A")));
    s.program(["git", "init", "-q"]).go().succeeds();
    s.program(["git", "add", ".env"]).go().succeeds();
    s.run(["init", "--yes"]).succeeds().says("git has `.env` in its history").says("`git rm --cached .env`");
}

#[test]
fn a_sops_yaml_is_rendered_and_is_the_same_the_second_time() {
    let s = Sandbox::new().production();
    s.run(["init", "--yes", "--sops-yaml"]).succeeds();
    let rendered = s.read(".sops.yaml");
    let key = s.recipient();
    assert_eq!(
        rendered,
        format!(
            "# secrets: rendered from secrets.toml; edits are lost\ncreation_rules:\n  \
             - path_regex: '^secrets/development\\.env$'\n    age:\n      - '{key}'\n    unencrypted_regex: '^$'\n  \
             - path_regex: '^secrets/production\\.env$'\n    age:\n      - '{key}'\n    unencrypted_regex: '^$'\n"
        )
    );
    s.run(["init", "--yes", "--sops-yaml"]).succeeds().says("nothing was changed");
    assert_eq!(s.read(".sops.yaml"), rendered);
    // An edit by hand is followed when it is accepted.
    s.write(
        "secrets.toml",
        s.read("secrets.toml").replacen("readers = [\"dev\"]", "readers = [\"dev\"]\nplain = [\"PORT\"]", 1),
    );
    s.run(["allow"]).succeeds().says("`.sops.yaml` follows secrets.toml");
    assert_eq!(s.read(".sops.yaml"), rendered.replacen("'^$'", "'^(?:PORT)$'", 1));
    s.run(["allow"]).succeeds().never_says("follows");
}

#[test]
fn a_foreign_sops_yaml_is_never_touched() {
    for s in [Sandbox::empty(), Sandbox::new()] {
        let s = s.file(".sops.yaml", "creation_rules: []\n");
        s.run(["init", "--yes", "--sops-yaml"]).exits(1).says(".sops.yaml that `secrets` did not write");
        assert_eq!(s.read(".sops.yaml"), "creation_rules: []\n");
    }
    let s = Sandbox::empty().file(".sops.yaml", "creation_rules: []\n");
    s.run(["init", "--yes", "--sops-yaml"]).exits(1);
    assert!(!s.path("secrets.toml").exists(), "nothing was begun");
}

#[test]
fn on_a_terminal_the_plain_env_is_offered() {
    if !needs("python3") {
        return;
    }
    for (answer, names) in [("\r", "A\n"), ("y\r", "A\n"), ("n\r", "")] {
        let s = Sandbox::empty().canary("A", secret("A")).file(".env", format!("A={}\n", secret("A")));
        let question = [("Seal the 1 values of .env? [Y/n] ", answer)];
        s.call(["init"]).on_terminal(&question).go().succeeds().shows_part("`shop` is a project");
        s.run(["list"]).succeeds().shows(names);
    }
}
