//! Where a project lies, who may write there, and which of several a shell is in.

use crate::sandbox::SEALED;
use crate::sandbox::Sandbox;
use crate::trust::put;
use crate::trust::without_seal;

use super::play::keep;
use super::play::plays;
use super::play::project;
use super::play::told;
use super::shells;

/// Makes one more trusted project beside the first.
fn beside(s: &Sandbox, name: &str, values: &[(&str, &str)]) {
    let folder = format!("../{name}");
    std::fs::create_dir(s.path(&folder)).expect("a folder");
    s.call(["init", "--yes", "--no-git"]).cwd(&folder).go().succeeds();
    for (name, value) in values {
        s.call(["set", name]).stdin(value).cwd(&folder).go().succeeds();
    }
}

/// Case 4.
#[test]
fn a_project_beside_it_swaps_and_a_folder_below_keeps() {
    for shell in shells() {
        let s = project().value("SHOP", "shop");
        beside(&s, "other", &[("A", "2"), ("OTHER", "other")]);
        beside(&s, "unknown", &[("A", "3")]);
        s.call(["deny"]).cwd("../unknown").go().succeeds();
        std::fs::create_dir_all(s.path("sub/deep")).expect("a folder");
        let steps = [
            ("true", "1 shop -"),
            ("cd sub/deep", "1 shop -"),
            ("cd ../../../other", "2 - other"),
            ("cd ../shop", "1 shop -"),
            ("cd ../unknown", "- - -"),
            ("cd ../other", "2 - other"),
            ("cd ..; export A=mine", "mine - -"),
            ("cd shop", "1 shop -"),
            ("cd ../other", "2 - other"),
            ("cd ..", "mine - -"),
        ];
        plays(&s, shell, "A SHOP OTHER", &steps);
    }
}

/// Settings for a folder below, with the members of those above.
fn nested(s: &Sandbox) -> String {
    s.read("secrets.toml").replace("project = \"shop\"", "project = \"nested\"")
}

/// Case 22.
#[test]
fn settings_that_appear_nearer_are_refused_until_allow_and_then_switch() {
    for shell in shells() {
        let s = project();
        keep(&s, "nested", nested(&s));
        std::fs::create_dir(s.path("sub")).expect("a folder");
        let steps = [
            ("cd sub", "1"),
            ("cp $T/nested secrets.toml", "-"),
            ("true", "-"),
            ("$SECRETS allow --no-git", "-"),
            ("printf 7 | $SECRETS set A", "7"),
            ("cd ..", "1"),
            ("cd sub", "7"),
            ("mv secrets.toml away", "-"),
            ("mv away secrets.toml", "7"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 1, "it is new inside the project in `");
        told(shell, &shown, 1, "`sub` had a secrets.toml of its own, and has none");
    }
}

/// Case 33.
#[test]
fn a_link_to_the_project_leads_to_the_same_record() {
    for shell in shells() {
        let s = project();
        s.forget();
        std::os::unix::fs::symlink("shop", s.path("../link")).expect("a link");
        let steps = [
            ("cd ../link", "-"),
            ("$SECRETS allow --no-git", "1"),
            ("cd ../shop", "1"),
            ("$SECRETS deny", "-"),
            ("cd ../link", "-"),
            ("cd ../shop; $SECRETS allow --no-git", "1"),
            ("cd ../link", "1"),
        ];
        plays(&s, shell, "A", &steps);
        crate::sandbox::find(&s.root().join("home/.local/state/secrets"), "trust.json");
    }
}

/// Case 33.
#[test]
fn a_sealed_file_that_is_a_link_out_of_the_project_is_refused() {
    for shell in shells() {
        let s = project();
        let steps = [
            ("true", "1"),
            ("mv $FILE ../elsewhere.env; touch ../elsewhere.env; ln -s ../../elsewhere.env $FILE", "-"),
            ("mv ../elsewhere.env real.env; touch real.env; ln -sf ../real.env $FILE", "1"),
            ("mv secrets ../elsewhere; ln -s ../elsewhere secrets; touch real.env", "-"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 2, "secrets/development.env` is a link that leads out of the project");
    }
}

/// Case 34.
#[test]
fn what_everybody_may_write_is_refused() {
    for shell in shells() {
        let s = project();
        let sealed = s.sealed();
        let steps = [
            ("chmod 664 secrets.toml $FILE; touch secrets.toml", "1"),
            ("chmod 666 secrets.toml; touch secrets.toml", "-"),
            ("true", "-"),
            ("chmod o-w secrets.toml; touch secrets.toml", "1"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 1, "secrets: everybody may write to secrets.toml; `chmod o-w secrets.toml`");
        s.forget();
        put(&s, without_seal(&sealed));
        s.run(["allow", "--no-git"]).succeeds();
        s.chmod(SEALED, 0o666);
        let steps = [("true", "-"), ("chmod o-w $FILE; touch $FILE", "1"), ("chmod o+w $FILE; touch $FILE", "-")];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 2, "everybody may write to secrets/development.env; `chmod o-w");
    }
}

/// Case 34.
#[test]
fn a_sealed_file_that_everybody_may_write_loads_by_its_seal() {
    for shell in shells() {
        let s = project();
        keep(&s, "plain", without_seal(&s.sealed()));
        keep(&s, "good", s.sealed());
        s.chmod(SEALED, 0o666);
        plays(&s, shell, "A", &[("true", "1"), ("cp $T/plain $FILE", "-"), ("cp $T/good $FILE", "1")]);
    }
}

/// Case 34.
#[test]
fn a_state_folder_that_others_may_write_is_refused() {
    for shell in shells() {
        let s = project();
        // Who is not root gives nothing away.
        let of_another = if rustix::process::geteuid().is_root() { "-" } else { "1" };
        let steps = [
            ("true", "1"),
            ("chmod 777 $XDG_STATE_HOME/secrets; touch secrets.toml", "-"),
            ("true", "-"),
            ("chmod 700 $XDG_STATE_HOME/secrets; touch secrets.toml", "1"),
            ("chmod 777 $XDG_STATE_HOME/secrets; cd ..", "-"),
            ("cd shop", "-"),
            ("chmod 700 $XDG_STATE_HOME/secrets; touch secrets.toml", "1"),
            ("chown 64123 $XDG_STATE_HOME/secrets; touch secrets.toml", of_another),
        ];
        let shown = plays(&s, shell, "A", &steps);
        assert!(shown.matches("others could have written `").count() >= 2, "{}: {shown}", shell.name);
    }
}

/// Case 22: after the settings of a folder are gone.
#[test]
fn a_folder_that_lost_its_settings_has_those_above_after_allow() {
    for shell in shells() {
        let s = project();
        s.write("sub/secrets.toml", nested(&s));
        s.call(["allow", "--no-git"]).cwd("sub").go().succeeds();
        let steps = [("cd sub", "-"), ("rm secrets.toml", "-"), ("true", "-"), ("$SECRETS allow --no-git", "1")];
        plays(&s, shell, "A", &steps);
    }
}

/// Case 34: what the line tells to do is enough.
#[test]
fn a_mode_that_was_put_right_is_seen_at_the_next_prompt() {
    for shell in shells() {
        let s = project();
        s.chmod("secrets.toml", 0o666);
        let steps = [
            ("true", "-"),
            ("true", "-"),
            ("chmod o-w secrets.toml", "1"),
            ("chmod 777 $XDG_STATE_HOME/secrets; touch secrets.toml", "-"),
            ("true", "-"),
            ("chmod go-w $XDG_STATE_HOME/secrets", "1"),
        ];
        plays(&s, shell, "A", &steps);
    }
}

/// Case 22.
#[test]
fn a_link_that_leads_nowhere_is_settings_that_appear() {
    for shell in shells() {
        let s = project();
        std::fs::create_dir(s.path("sub")).expect("a folder");
        let steps = [("cd sub", "1"), ("true", "1"), ("ln -s nowhere secrets.toml", "-"), ("rm secrets.toml", "1")];
        plays(&s, shell, "A", &steps);
    }
}
