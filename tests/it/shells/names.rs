//! Values and names that somebody chose with a shell in mind.

use crate::sandbox::Sandbox;
use crate::trust::put;
use crate::trust::without_seal;

use super::play::keep;
use super::play::keep_settings;
use super::play::plays;
use super::play::prepared;
use super::play::project;
use super::play::told;
use super::shells;

fn is_pwned(s: &Sandbox) -> bool {
    s.tree("..").keys().any(|path| path.ends_with("pwned"))
}

/// Case 31.
#[test]
fn a_value_runs_nothing() {
    for shell in shells() {
        let s = project();
        for (name, value) in
            [("V", "$(touch pwned)"), ("W", "`touch pwned`"), ("X", "; touch pwned"), ("Y", "'; touch pwned; '")]
        {
            s.call(["set", name]).stdin(value).go().succeeds();
        }
        let all = "$(touch pwned) `touch pwned` ; touch pwned '; touch pwned; '";
        let outside = "$(touch pwned) - - -";
        let steps = [
            ("true", all),
            ("cd ..", "- - - -"),
            ("export V='$(touch pwned)'", outside),
            ("cd shop", all),
            ("cd ..", outside),
        ];
        plays(&s, shell, "V W X Y", &steps);
        assert!(!is_pwned(&s), "{}", shell.name);
    }
}

/// Case 31.
#[test]
fn a_name_that_is_shell_code_is_refused_by_the_reader() {
    for shell in shells() {
        for is_sealed in [true, false] {
            let s = project();
            if !is_sealed {
                s.forget();
                put(&s, without_seal(&s.sealed()));
                s.run(["allow", "--no-git"]).succeeds();
            }
            keep(&s, "good", s.sealed());
            keep(&s, "evil", s.sealed().replace("\nA=", "\nA;touch pwned="));
            let steps = [
                ("true", "1"),
                ("cp $T/evil $FILE", "-"),
                ("$SECRETS allow --no-git; true", "-"),
                ("cp $T/good $FILE", "1"),
            ];
            let shown = plays(&s, shell, "A", &steps);
            told(shell, &shown, 1, "secrets: `secrets/development.env`: line 2: `A;touch pwned` is not a legal name");
            assert!(!is_pwned(&s), "{}", shell.name);
        }
    }
}

/// Case 32.
#[test]
fn a_name_that_takes_over_loads_by_allow_name_alone() {
    for shell in shells() {
        let s = prepared(Sandbox::new().value("A", "1").value("LD_WARN", "yes"));
        keep_settings(&s, "declared", |toml| format!("{toml}\n[values.LD_WARN]\nruns_code = true\n"));
        let steps = [
            ("true", "1 -"),
            ("cp $T/declared secrets.toml", "1 -"),
            ("$SECRETS allow --no-git", "1 -"),
            ("$SECRETS allow --no-git --name LD_WARN", "1 yes"),
            ("cd ..", "- -"),
            ("cd shop; $SECRETS deny; $SECRETS allow --no-git", "1 -"),
        ];
        let shown = plays(&s, shell, "A LD_WARN", &steps);
        told(shell, &shown, 2, "secrets: refused LD_WARN (can change how programs run)");
    }
}

/// Case 32.
#[test]
fn a_declared_name_wants_settings_record_and_seal() {
    const REFUSED: &str = "secrets: refused NODE_OPTIONS (can change how programs run)";
    for shell in shells() {
        let s = prepared(Sandbox::new().value("A", "1").value("NODE_OPTIONS", "--no-warnings"));
        keep_settings(&s, "declared", |toml| format!("{toml}\n[values.NODE_OPTIONS]\nruns_code = true\n"));
        let steps = [
            ("true", "1 -"),
            ("cp $T/declared secrets.toml", "1 -"),
            ("$SECRETS allow --no-git", "1 --no-warnings"),
            ("cp $T/toml secrets.toml", "1 -"),
            ("cp $T/declared secrets.toml", "1 --no-warnings"),
            ("cd ..", "- -"),
        ];
        let shown = plays(&s, shell, "A NODE_OPTIONS", &steps);
        told(shell, &shown, 2, REFUSED);
        s.forget();
        put(&s, without_seal(&s.sealed()));
        s.run(["allow", "--no-git"]).succeeds();
        let shown =
            plays(&s, shell, "A NODE_OPTIONS", &[("true", "1 -"), ("$SECRETS reseal --yes", "1 --no-warnings")]);
        told(shell, &shown, 1, REFUSED);
    }
}
