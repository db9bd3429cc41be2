//! Enter a folder, have its values; leave it, have none.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::sandbox::secret;

use super::Shell;
use super::out;
use super::project;
use super::shells;

fn each(scene: impl Fn(&Sandbox, &Shell)) {
    shells().for_each(|shell| scene(&project(), shell));
}

/// As [`each`], in the shells that are spoken to in another way, too.
fn everywhere(scene: impl Fn(&Sandbox, &Shell)) {
    super::everywhere().for_each(|shell| scene(&project(), shell));
}

/// Scenes are the same in every shell, but for how a status is called.
fn status(shell: &Shell) -> &'static str {
    if shell.name == "fish" { "$status" } else { "$?" }
}

#[test]
fn values_come_and_go_with_the_folder() {
    everywhere(|s, shell| {
        let shown = shell.types(
            s,
            &[
                "printenv KEY OTHER >>../out; mkdir sub; cd sub",
                "printenv OTHER >>../../out; cd ../..",
                "printenv KEY OTHER >>out; env | grep -c __SECRETS >>out; cd shop",
                "printenv OTHER >>../out; sh -c 'exit 7'",
                &format!("echo code {} >>../out", status(shell)),
            ],
        );
        let want = format!("{}\nof the file\nof the file\n0\nof the file\ncode 7\n", secret("KEY"));
        assert_eq!(out(s), want, "{}: {shown}", shell.name);
        assert!(shown.contains("secrets: loaded 2 (+KEY +OTHER)"), "{}: {shown}", shell.name);
        assert!(shown.contains("secrets: unloaded 2") && shown.contains("P:7> "), "{}: {shown}", shell.name);
        assert!(!shown.contains(&secret("KEY")), "{}: {shown}", shell.name);
    });
}

#[test]
fn what_nobody_accepted_is_not_loaded_and_told_once() {
    everywhere(|s, shell| {
        s.forget();
        let shown = shell.types(
            s,
            &[
                "printenv KEY >>../out; true", "true", "$SECRETS allow --no-git", "printenv OTHER >>../out",
                "$SECRETS deny", "printenv OTHER >>../out; true",
            ],
        );
        assert_eq!(out(s), "of the file\n", "{}: {shown}", shell.name);
        assert_eq!(
            shown.matches("shop is new here; review it with `secrets status`").count(),
            1,
            "{}: {shown}",
            shell.name
        );
        assert!(
            shown.contains("secrets: loaded 2") && shown.contains("secrets: unloaded 2"),
            "{}: {shown}",
            shell.name
        );
    });
}

#[test]
fn a_change_of_a_reader_loads_and_anything_else_unloads() {
    everywhere(|s, shell| {
        s.write("two", "second\n");
        let shown = shell.types(
            s,
            &[
                "$SECRETS set OTHER --from-file two; true",
                "printenv OTHER >>../out; grep -v seal secrets/development.env >plain; cp plain secrets/development.env",
                "printenv OTHER >>../out; printenv KEY >>../out; true",
                "$SECRETS reseal --yes",
                "printenv OTHER >>../out; rm secrets/development.env",
                "printenv OTHER >>../out; echo end >>../out",
            ],
        );
        assert_eq!(out(s), "second\n\nsecond\n\nend\n", "{}: {shown}", shell.name);
        assert!(shown.contains("secrets: reloaded (~OTHER)"), "{}: {shown}", shell.name);
        assert!(shown.contains("secrets: unloaded 2"), "{}: {shown}", shell.name);
    });
}

#[test]
fn what_a_person_changed_is_left_to_him_and_what_was_there_before_returns() {
    everywhere(|s, shell| {
        let shown = shell.types(
            s,
            &[
                "cd ..; true",
                "export OTHER=before; cd shop",
                "printenv OTHER >>../out; export KEY=mine",
                "printenv KEY >>../out; touch secrets.toml",
                "printenv KEY OTHER >>../out; cd ..",
                "printenv KEY OTHER >>out; cd shop",
                "printenv KEY OTHER >>../out; cd ..",
                "printenv KEY OTHER >>out; true",
            ],
        );
        let key = secret("KEY");
        let inside = "of the file\nmine\nmine\nof the file\n";
        let want = format!("{inside}mine\nbefore\n{key}\nof the file\nmine\nbefore\n");
        assert_eq!(out(s), want, "{}: {shown}", shell.name);
        assert!(shown.contains("secrets: kept KEY (changed in this shell)"), "{}: {shown}", shell.name);
        assert!(shown.contains("~OTHER"), "{}: {shown}", shell.name);
    });
}

#[test]
fn names_that_take_the_shell_over_stay_out_and_the_rest_comes() {
    everywhere(|s, shell| {
        for name in ["LD_PRELOAD", "PATH", "NODE_OPTIONS"] {
            s.call(["set", name]).stdin("/nowhere").go().succeeds();
        }
        let shown = shell.types(s, &["printenv OTHER >>../out; env | grep -c /nowhere >>../out; true"]);
        assert_eq!(out(s), "of the file\n0\n", "{}: {shown}", shell.name);
        assert!(shown.contains("refused LD_PRELOAD PATH NODE_OPTIONS"), "{}: {shown}", shell.name);
    });
}

#[test]
fn every_byte_reaches_a_child_and_no_trace_shows_a_value() {
    each(|s, shell| {
        let all: Vec<u8> = (1..=255).collect();
        s.write("all", &all);
        s.run(["set", "ALL", "--from-file", "all"]).succeeds();
        let trace = if shell.name == "fish" { "set -g fish_trace 1" } else { "set -x" };
        let shown =
            shell.types(s, &["printenv ALL >bytes; true", trace, "touch secrets.toml; cd ..", "cd shop", "true"]);
        let got = s.bytes("bytes");
        assert!(got == [&all[..], b"\n"].concat(), "{}: {shown}", shell.name);
        assert!(!shown.contains(&secret("KEY")), "{}: {shown}", shell.name);
    });
}

#[test]
fn a_reference_is_for_run_alone_and_nothing_is_asked() {
    everywhere(|s, shell| {
        let toml = s.read("secrets.toml");
        s.write("secrets.toml", format!("{toml}\n[environments.development.from]\nTOKEN = \"keychain://x/y\"\n"));
        s.run(["allow", "--no-git"]).succeeds();
        let shown = shell.types(s, &["printenv OTHER TOKEN >>../out; true"]);
        assert_eq!(out(s), "of the file\n", "{}: {shown}", shell.name);
        assert!(shown.contains("1 with `secrets run` only (TOKEN)"), "{}: {shown}", shell.name);
    });
}

#[test]
fn a_planted_state_unsets_nothing_and_the_code_is_registered_once() {
    everywhere(|s, shell| {
        let shown = shell.types(
            s,
            &[
                shell.start.rsplit("; ").next().unwrap_or_default(),
                "cd ..; true",
                "export HOME_TOWN=here; export __SECRETS=1/rL3RtcA/edevelopment/kHOME_TOWN.0101010101010101.+; true",
                "printenv HOME_TOWN >>out; env | grep -c __SECRETS >>out; true",
                "export __SECRETS='1; touch pwned'; true",
                "env | grep -c __SECRETS >>out; cd shop",
                "printenv OTHER >>../out; true",
            ],
        );
        assert_eq!(out(s), "here\n0\n0\nof the file\n", "{}: {shown}", shell.name);
        assert!(!s.path("../pwned").exists() && !s.path("pwned").exists());
        assert_eq!(shown.matches("secrets: loaded 2").count(), 2, "{}: {shown}", shell.name);
    });
}

#[test]
fn without_a_terminal_or_in_a_script_it_is_silent() {
    let s = project();
    for shell in ["bash", "zsh", "fish", "elvish", "nu"] {
        let code = s.run(["hook", shell]).succeeds().stdout();
        assert!(code.contains(crate::sandbox::SECRETS) && !code.contains("@BIN@"));
        s.run(["hook-env", shell, "1"]).succeeds().says_nothing().reveals("KEY").reveals("OTHER");
    }
    s.run(["hook", "csh"]).exits(2);
    s.run(["hook-env", "csh", "1"]).exits(2);
    assert!(s.sealed().contains("OTHER") && !SEALED.is_empty());
}

#[test]
fn identity_lock_empties_every_shell_at_its_next_prompt() {
    everywhere(|s, shell| {
        let shown = shell.types(
            s,
            &[
                "printenv OTHER >>../out; $SECRETS identity lock",
                "printenv OTHER >>../out; $SECRETS run -- printenv OTHER >>../out",
                "$SECRETS identity unlock",
                "printenv OTHER >>../out; true",
            ],
        );
        assert_eq!(out(s), "of the file\nof the file\nof the file\n", "{}: {shown}", shell.name);
        assert!(shown.contains("secrets: locked; `secrets identity unlock`"), "{}: {shown}", shell.name);
    });
}

#[test]
fn a_teammates_sealed_change_loads_and_another_environment_is_another_set() {
    everywhere(|s, shell| {
        let toml = s.read("secrets.toml");
        s.write("secrets.toml", format!("{toml}\n[environments.production]\nreaders = [\"dev\"]\n"));
        s.run(["allow", "--no-git"]).succeeds();
        s.call(["set", "OTHER", "--env", "production"]).stdin("there").go().succeeds();
        let bob = crate::team::Person::new(s);
        s.run(["member", "add", "bob", &bob.recipient, "--to", "dev"]).succeeds();
        let change = format!("printf from-bob | {} $SECRETS set OTHER", bob.env());
        let leave = if shell.name == "fish" { "set -e SECRETS_ENV" } else { "unset SECRETS_ENV" };
        let shown = shell.types(
            s,
            &[
                "printenv OTHER >>../out; true",
                &change,
                "printenv OTHER >>../out; export SECRETS_ENV=production",
                &format!("printenv OTHER >>../out; printenv KEY >>../out; {leave}"),
                "printenv OTHER >>../out; true",
            ],
        );
        assert_eq!(out(s), "of the file\nfrom-bob\nthere\nfrom-bob\n", "{}: {shown}", shell.name);
    });
}

/// An array, an integer whose value is evaluated, a read-only name: the person's, and everything else comes and goes.
#[test]
fn a_name_that_is_no_plain_variable_is_left_alone() {
    each(|s, shell| {
        s.call(["set", "AAA"]).stdin("first").go().succeeds();
        s.call(["set", "NUMBER"]).stdin("a[$(touch pwned; echo 0)]").go().succeeds();
        s.call(["set", "ZZZ"]).stdin("last").go().succeeds();
        let declare = match shell.name {
            "bash" => "declare -i NUMBER=5; OTHER=(one two); readonly KEY=mine",
            "zsh" => "integer NUMBER=5; OTHER=(one two); readonly KEY=mine",
            _ => "set -U OTHER one two",
        };
        let shown = shell.types(
            s,
            &[
                "cd ..; true",
                &format!("{declare}; cd shop"),
                "printenv AAA ZZZ >>../out; cd ..",
                "printenv AAA ZZZ >>out; env | grep -c __SECRETS >>out; echo $OTHER >>out; cd shop",
                "printenv AAA >>../out; cd ..",
                "printenv AAA ZZZ >>out; echo end >>out",
            ],
        );
        let array = match shell.name {
            "bash" => "one",
            _ => "one two",
        };
        assert_eq!(out(s), format!("first\nlast\n0\n{array}\nfirst\nend\n"), "{}: {shown}", shell.name);
        assert!(!s.path("pwned").exists() && !s.path("../pwned").exists(), "{}", shell.name);
    });
}

#[test]
fn whatever_is_lost_nothing_stays_outside() {
    everywhere(|s, shell| {
        let shown = shell.types(
            s,
            &[
                "printenv OTHER >>../out; rm $XDG_STATE_HOME/secrets/hook.key; cd ..",
                "printenv OTHER >>out; echo end >>out; cd shop",
                "$SECRETS set XDG_STATE_HOME --from-file secrets.toml; true",
                "printenv OTHER >>../out; cd ..",
                "printenv OTHER >>out; echo end >>out",
            ],
        );
        assert_eq!(out(s), "of the file\nend\nof the file\nend\n", "{}: {shown}", shell.name);
        assert!(shown.contains("refused XDG_STATE_HOME"), "{}: {shown}", shell.name);
    });
}

#[test]
fn too_many_names_are_refused_and_a_run_inside_gives_another_projects_values_back() {
    each(|s, shell| {
        let many: String = (0..400).map(|n| format!("N{n:0190}=x\n")).collect();
        s.write("../many/many.env", many);
        s.call(["init", "--yes", "--no-git"]).cwd("../many").go().succeeds();
        s.call(["import", "many.env"]).cwd("../many").go().succeeds();
        s.write("../third/one.env", "THIRD=3\n");
        s.call(["init", "--yes", "--no-git"]).cwd("../third").go().succeeds();
        s.call(["import", "one.env"]).cwd("../third").go().succeeds();
        let shown = shell.types(
            s,
            &[
                "cd ../many; true",
                "env | grep -c ^N00 >>../out; cd ../shop",
                &format!("$SECRETS run -- {}", shell.inner()),
                shell.start,
                "cd ../third; true",
                "printenv THIRD >>../out; cd ../shop",
                "printenv THIRD >>../out; printenv OTHER >>../out; exit",
                "true",
            ],
        );
        assert_eq!(out(s), "0\n3\nof the file\n", "{}: {shown}", shell.name);
        assert!(shown.contains("the names together are too large"), "{}: {shown}", shell.name);
    });
}

#[test]
fn what_was_locked_loads_after_unlock_in_the_same_shell() {
    for shell in shells() {
        let s = crate::identity::unlock::project();
        s.write("../out", "");
        let typed = crate::identity::passphrase::answer();
        let mut dialogue = vec![("", format!("{}\r", shell.start)), ("P:", "$SECRETS identity unlock\r".into())];
        dialogue.push(("Passphrase of", format!("hidden:{typed}")));
        dialogue.push(("P:", "printenv KEY | wc -c >>../out\r".into()));
        dialogue.push(("P:", "$SECRETS identity lock\r".into()));
        dialogue.push(("P:", "printenv KEY | wc -c >>../out\r".into()));
        dialogue.push(("P:", "exit\r".into()));
        let dialogue: Vec<(&str, &str)> = dialogue.iter().map(|(wait, send)| (*wait, send.as_str())).collect();
        let shown = shell.talks(&s, crate::sandbox::SECRETS, &dialogue);
        let counts: Vec<String> = out(&s).split_whitespace().map(str::to_string).collect();
        assert_eq!(counts, [(secret("KEY").len() + 1).to_string(), "0".to_string()], "{}: {shown}", shell.name);
    }
}
