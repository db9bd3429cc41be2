//! `secrets check`

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::team::Person;
use crate::trust::without_seal;

/// A project in order: two environments, a colleague, in a repository.
fn project() -> (Sandbox, Person) {
    let s = Sandbox::new().settings("[environments.production]\nreaders = [\"dev\"]\n").secret("KEY");
    let bob = Person::new(&s);
    s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
    s.call(["set", "KEY", "--env", "production"]).stdin("p").go().succeeds();
    let s = s.repository();
    (s, bob)
}

/// Returns the identifiers that are found, with the exit code.
fn found(s: &Sandbox, flags: &[&str]) -> (BTreeSet<String>, i32) {
    let words = ["check", "--json"].iter().chain(flags);
    let outcome = s.run(words.copied().collect::<Vec<_>>());
    let list: Json =
        serde_json::from_str(&outcome.stdout()).unwrap_or_else(|error| panic!("{error}: {}", outcome.stderr()));
    let ids = list.as_array().expect("a list").iter().map(|finding| finding["id"].as_str().expect("an id").to_string());
    (ids.collect(), outcome.code())
}

fn edit(s: &Sandbox, path: &str, edit: impl Fn(String) -> String) {
    let (before, after) = (s.read(path), edit(s.read(path)));
    assert_ne!(before, after, "the edit of {path} is one");
    s.write(path, after);
}

/// Plants one fault in a project in order.
type Plant = fn(&Sandbox, &Person);

const PLANTS: &[(&str, Plant)] = &[
    ("broken-seal", |s, _| edit(s, SEALED, |f| f.replace("KEY=ENC", "YEK=ENC"))),
    ("clear-comment", |s, _| edit(s, SEALED, |f| format!("# in clear\n{f}"))),
    ("clear-value", |s, _| {
        edit(s, "secrets.toml", |t| t.replacen("readers = [\"dev\"]", "plain = [\"PORT\"]\nreaders = [\"dev\"]", 1));
        s.run(["allow", "--no-git"]).succeeds();
        s.call(["set", "PORT"]).stdin("80").go().succeeds();
        edit(s, "secrets.toml", |t| t.replace("plain = [\"PORT\"]\n", ""));
    }),
    ("code-name", |s, _| {
        s.call(["set", "NODE_OPTIONS"]).stdin("x").go().succeeds();
    }),
    ("empty-value", |s, _| {
        s.call(["set", "NOTHING"]).stdin("").go().succeeds();
    }),
    ("expired-member", |s, _| edit(s, "secrets.toml", |t| until(&t, "2026-01-01"))),
    ("expiring-member", |s, _| edit(s, "secrets.toml", |t| until(&t, "2026-01-10"))),
    ("file-and-reference", |s, _| {
        edit(s, "secrets.toml", |t| t + "\n[environments.development.from]\nKEY = \"vault://a/b#c\"\n");
    }),
    ("former-values", |s, _| {
        s.run(["member", "remove", "bob", "--yes"]).succeeds();
    }),
    ("ignored-file", |s, _| s.write(".gitignore", "*.env\n")),
    ("lost-seal", |s, _| edit(s, SEALED, |f| without_seal(&f))),
    ("missing-attributes", |s, _| s.write(".gitattributes", "")),
    ("missing-file", |s, _| edit(s, "secrets.toml", |t| t + "\n[environments.new]\nreaders = [\"dev\"]\n")),
    ("missing-name", |s, _| {
        edit(s, "secrets.toml", |t| t + "\n[environments.third]\nreaders = [\"dev\"]\n");
        s.call(["set", "OTHER", "--env", "third"]).stdin("x").go().succeeds();
    }),
    ("missing-recipient", |s, _| {
        edit(s, "secrets.toml", |t| {
            t.replace(
                "recipients = [",
                "recipients = [\"age1pvugvqht7rm5le7hxqweerjquntt9n948tduzys67gqjl8ymgchq8je9xx\", ",
            )
            .replacen("\"age1pvugvqht7rm5le7hxqweerjquntt9n948tduzys67gqjl8ymgchq8je9xx\", ", "", 1)
        })
    }),
    ("missing-rekey", |s, bob| {
        // Plain sops takes a recipient out and leaves the data key; somebody seals the file again.
        let taken: String = s
            .sealed()
            .lines()
            .filter(|line| !line.contains("age__list_1_") && !line.contains("_seal="))
            .map(|line| format!("{line}\n"))
            .collect();
        assert!(!taken.contains(&bob.recipient));
        s.write(SEALED, taken);
        s.run(["reseal", "--yes"]).succeeds();
    }),
    ("missing-required", |s, _| edit(s, "secrets.toml", |t| t + "\n[values.DB]\nrequired = true\n")),
    ("old-value", |s, _| {
        edit(s, "secrets.toml", |t| t + "\n[values.KEY]\nmax_age = \"30d\"\n");
        let amend = s.program(["git", "commit", "--quiet", "--amend", "--no-edit"]);
        amend.env("GIT_COMMITTER_DATE", "2025-11-01T00:00:00Z").go().succeeds();
    }),
    ("plain-file", |s, _| {
        s.write("service/.env", "A=1\n");
        s.git(["add", "--force", "service/.env"]);
    }),
    ("selector-drift", |s, _| {
        edit(s, "secrets.toml", |t| t.replacen("readers = [\"dev\"]", "plain = [\"PORT\"]\nreaders = [\"dev\"]", 1));
    }),
    ("sequence-back", |s, _| {
        let old = s.sealed();
        s.set_and_commit("KEY", "newer");
        s.write(SEALED, old);
    }),
    ("shared-key", |s, _| {
        edit(s, "secrets.toml", |t| t + "\n[environments.copy]\nreaders = [\"dev\"]\n");
        s.write("secrets/copy.env", without_seal(&s.sealed()));
    }),
    ("sops-yaml-drift", |s, _| {
        s.run(["init", "--sops-yaml"]).succeeds();
        edit(s, ".sops.yaml", |f| f + "# changed\n");
    }),
    ("stale-recipient", |s, _| {
        edit(s, "secrets.toml", |t| t.replace("dev = [\"alice\", \"bob\"]", "dev = [\"alice\"]"))
    }),
    ("unknown-recipient", |s, _| {
        edit(s, "secrets.toml", |t| {
            let (head, tail) = t.split_once("[members.bob]").expect("bob");
            let (_, tail) = tail.split_once("\n\n").expect("what follows");
            format!("{head}{tail}").replace(", \"bob\"", "")
        });
    }),
    ("unreadable-file", |s, _| edit(s, SEALED, |f| format!("KEY=\n{f}"))),
    ("unsealed-file", |s, _| edit(s, SEALED, |f| without_seal(&f))),
    ("warn-name", |s, _| {
        s.call(["set", "HTTPS_PROXY"]).stdin("x").go().succeeds();
    }),
    ("wrap-form", |s, _| {
        edit(s, SEALED, |f| {
            let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJTRS5O6NRWmTDnGTz4BLWCh8Lyxa8HcEEQg2BgcOjLE";
            let line = f.lines().find(|line| line.starts_with("sops_age__list_1__map_recipient=")).expect("bob's");
            f.replace(line, &format!("sops_age__list_1__map_recipient={key}"))
        });
    }),
    ("wrong-place", |s, _| edit(s, "secrets.toml", |t| t.replace("project = \"shop\"", "project = \"shoq\""))),
];

/// Puts a last day on bob.
fn until(settings: &str, day: &str) -> String {
    settings.replace("[members.bob]\n", &format!("[members.bob]\nuntil = \"{day}\"\n"))
}

#[test]
fn each_fault_is_found_by_its_name() {
    for (id, plant) in PLANTS {
        let (s, bob) = project();
        plant(&s, &bob);
        let (ids, code) = found(&s, &[]);
        assert!(ids.contains(*id), "`{id}` is not among {ids:?}");
        assert!(code <= 1, "{id}: {code}");
    }
    let planted: BTreeSet<&str> = PLANTS.iter().map(|(id, _)| *id).collect();
    let rules: BTreeSet<&str> = secrets::check::RULES.iter().map(|(id, _)| *id).collect();
    let left: Vec<&&str> = rules.difference(&planted).collect();
    assert_eq!(left, [&"trust-digest"], "it has a test of its own");
}

#[test]
fn a_pipeline_learns_that_its_digest_does_not_fit() {
    let (s, _) = project();
    let call = |digest: &str| s.call(["check", "--ci"]).env("SECRETS_TRUST", digest).go();
    call("wrong").exits(1).shows_part("[trust-digest]");
    let digest = s.run(["allow", "--print"]).succeeds().stdout();
    call(digest.trim()).succeeds();
}

#[test]
fn a_project_in_order_has_no_finding() {
    let (s, bob) = project();
    assert_eq!(found(&s, &[]), (BTreeSet::new(), 0));
    assert_eq!(found(&s, &["--ci"]), (BTreeSet::new(), 0));
    s.run(["check"]).succeeds().shows_nothing().says("nothing was found");
    // A rendered .sops.yaml, and one that somebody else keeps and that agrees.
    s.run(["init", "--sops-yaml"]).succeeds();
    assert_eq!(found(&s, &[]), (BTreeSet::new(), 0));
    let rule = format!("creation_rules:\n  - path_regex: secrets/\n    age: {},{}\n", s.recipient(), bob.recipient);
    s.write(".sops.yaml", &rule);
    assert_eq!(found(&s, &[]), (BTreeSet::new(), 0));
    s.write(".sops.yaml", rule.replace(&format!(",{}", bob.recipient), ""));
    assert!(found(&s, &[]).0.contains("sops-yaml-drift"));
}

#[test]
fn the_exit_code_tells_findings_from_what_cannot_be_read() {
    let (s, _) = project();
    s.call(["set", "NOTHING"]).stdin("").go().succeeds();
    s.run(["check"]).succeeds().shows_part("warning: `NOTHING` is empty [empty-value]");
    s.write(".gitattributes", "");
    s.run(["check"]).exits(1).says("2 findings");
    s.write("secrets.toml", "version = \n");
    s.run(["check"]).exits(2).says("cannot be understood");
}

#[test]
fn github_and_sarif_have_the_lines() {
    let (s, _) = project();
    s.call(["set", "NOTHING"]).stdin("").go().succeeds();
    let line = "::warning file=secrets/development.env,line=2,title=secrets empty-value::`NOTHING` is empty. ";
    s.run(["check", "--github"]).succeeds().shows_part(line);
    s.call(["check", "--ci"]).env("GITHUB_ACTIONS", "true").go().succeeds().shows_part(line);
    let log = s.run(["check", "--sarif"]).succeeds().json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(secrets::check::RULES.len()));
    let result = &run["results"][0];
    assert_eq!(result["ruleId"], "empty-value");
    assert_eq!(
        run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().expect("an index") as usize]["id"],
        "empty-value"
    );
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
}

#[test]
fn no_identity_is_needed() {
    let (s, _) = project();
    std::fs::remove_file(s.identity()).expect("`init` made it");
    assert_eq!(found(&s, &["--ci"]), (BTreeSet::new(), 0));
    edit(&s, SEALED, |f| f.replace("KEY=ENC", "YEK=ENC"));
    assert_eq!(found(&s, &["--ci"]), (BTreeSet::new(), 0), "a key would be needed to see that");
}

/// Foreign rules that give the same recipients, in the styles that people write.
#[test]
fn a_foreign_sops_yaml_that_agrees_is_no_finding_in_any_style() {
    let (s, bob) = project();
    let (a, b, other) = (s.recipient(), bob.recipient, Person::new(&s).recipient);
    let rest = format!("    unencrypted_regex: ^$\n  - age: {other}\n");
    let file = "path_regex: secrets/.*\\.env$";
    let styles = [
        format!("  - {file}\n    age: {a},{b}\n"),
        format!("  - {file}\n    age: >-\n      {a},\n      {b}\n"),
        format!("  - age:\n      - {b}\n      - \"{a}\"\n    {file}\n"),
        format!("  - {file} # ours\n    age: [{a}, {b}] # alice, bob\n"),
        format!("  - path_regex: \"secrets/.*\\\\.env$\"\n    age: '{a}, {b}'\n"),
        format!("  - path_regex: other\n    pgp: ABC\n  - {file}\n    age: {b},{a}\n"),
    ];
    let mut wrong = Vec::new();
    for style in styles {
        s.write(".sops.yaml", format!("creation_rules:\n{style}{rest}"));
        if found(&s, &["--ci"]) != (BTreeSet::new(), 0) {
            wrong.push(style);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_foreign_rule_with_another_selector_is_found() {
    let (s, bob) = project();
    for selector in ["unencrypted_regex: ^PORT$", "encrypted_regex: KEY", "unencrypted_suffix: _plain"] {
        let rule = format!("  - path_regex: secrets/\n    age: {},{}\n", s.recipient(), bob.recipient);
        s.write(".sops.yaml", format!("creation_rules:\n{rule}    {selector}\n"));
        assert!(found(&s, &["--ci"]).0.contains("sops-yaml-drift"), "{selector}");
    }
}

/// The lowest layer is not the one that forgot a name.
#[test]
fn what_an_upper_layer_hands_down_is_missing_nowhere() {
    let (s, _) = project();
    let layers = ["production", "restricted"];
    edit(&s, "secrets.toml", |text| {
        text.replace("[environments.production]\n", "[environments.production]\nextends = \"development\"\n")
    });
    let s = s.settings("[environments.restricted]\nextends = \"production\"\nreaders = [\"dev\"]\n");
    for name in layers {
        s.call(["set", &format!("OF_{name}").to_uppercase(), "--env", name]).stdin("value").go().succeeds();
    }
    assert!(!found(&s, &["--ci"]).0.contains("missing-name"));
}
