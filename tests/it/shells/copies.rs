//! Case 36: what a copy, a work tree and a service have of what was accepted for another folder.

use crate::sandbox::Sandbox;
use crate::trust::RECIPIENT;

use super::play::keep;
use super::play::keep_settings;
use super::play::plays;
use super::play::project;
use super::play::told;
use super::shells;

#[test]
fn a_project_that_was_copied_or_moved_is_new_there() {
    for shell in shells() {
        let s = project();
        let steps = [
            ("true", "1"),
            ("cp -R ../shop ../copy; cd ../copy", "-"),
            ("cd ../shop", "1"),
            ("cd ..; mv shop moved; cd moved", "-"),
            ("cd ..; mv moved shop; cd shop", "1"),
            ("cd ../copy", "-"),
            ("$SECRETS allow --no-git", "1"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 3, "secrets: shop is new here");
    }
}

#[test]
fn a_work_tree_is_known_while_it_says_the_same_and_one_that_is_planted_is_not() {
    for shell in shells() {
        let s = project().repository();
        keep_settings(&s, "reference", |toml| {
            format!("{toml}\n[environments.development.from]\nB = \"keychain://x/y\"\n")
        });
        s.git(["worktree", "add", "--quiet", "../tree"]);
        let git = s.project().join(".git");
        keep(&s, "tree.git", format!("gitdir: {}\n", git.join("worktrees/tree").display()));
        keep(&s, "main.git", format!("gitdir: {}\n", git.display()));
        let steps = [
            ("cd ../tree", "1"),
            ("cp $T/reference secrets.toml", "-"),
            ("true", "-"),
            ("git checkout -q -- secrets.toml", "1"),
            ("mkdir ../planted; cp -R secrets.toml secrets ../planted; cd ../planted", "-"),
            ("cp $T/main.git .git; touch secrets.toml", "-"),
            ("cp $T/tree.git .git; touch secrets.toml", "-"),
            ("cd ../shop", "1"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 2, "shop is new here");
    }
}

const SERVICE: &str =
    "version = 1\nproject = \"api\"\nroot = \"../..\"\n\n[environments.development]\nreaders = [\"dev\"]\n";

/// A service two folders below the project, whose members it has; its `A` is 7.
fn service() -> Sandbox {
    let s = project().file("services/api/secrets.toml", SERVICE);
    s.call(["allow", "--no-git"]).cwd("services/api").go().succeeds();
    s.call(["set", "A"]).stdin("7").cwd("services/api").go().succeeds();
    s
}

#[test]
fn a_service_follows_its_root() {
    for shell in shells() {
        let s = service();
        keep_settings(&s, "member", |toml| format!("{toml}\n[members.mallory]\nrecipients = [\"{RECIPIENT}\"]\n"));
        keep_settings(&s, "store", |toml| format!("{toml}\n[stores.vault]\naddress = \"http://127.0.0.1:9\"\n"));
        s.forget();
        let steps = [
            ("$SECRETS allow --no-git; cd services/api", "-"),
            ("$SECRETS allow --no-git", "7"),
            ("cp $T/member ../../secrets.toml", "7"),
            ("cp $T/store ../../secrets.toml", "-"),
            ("cp $T/toml ../../secrets.toml", "7"),
            ("cd ../..", "1"),
        ];
        let shown = plays(&s, shell, "A", &steps);
        told(shell, &shown, 1, "secrets: api is new here");
        told(shell, &shown, 1, "the member `mallory` is new; rekey waits for `secrets allow`");
        told(shell, &shown, 1, "the store `vault` is new");
    }
}

#[test]
fn settings_above_that_were_wrong_are_seen_when_they_are_right_again() {
    for shell in shells() {
        let s = service();
        keep_settings(&s, "broken", |toml| format!("{toml}\n[what"));
        let steps = [
            ("cd services/api", "7"),
            ("mv ../../secrets.toml ../../away", "-"),
            ("true", "-"),
            ("mv ../../away ../../secrets.toml", "7"),
            ("cp $T/broken ../../secrets.toml", "-"),
            ("true", "-"),
            ("cp $T/toml ../../secrets.toml", "7"),
        ];
        plays(&s, shell, "A", &steps);
    }
}

#[test]
fn a_work_tree_sees_what_is_accepted_in_the_main_one() {
    for shell in shells() {
        let s = project().repository();
        s.git(["worktree", "add", "--quiet", "../tree"]);
        s.forget();
        let steps = [("cd ../tree", "-"), ("true", "-"), ("sh -c 'cd ../shop && $SECRETS allow --no-git'", "1")];
        plays(&s, shell, "A", &steps);
    }
}

/// A folder that says of itself that it is a work tree's, and whose it is.
#[test]
fn a_planted_git_folder_is_not_believed() {
    for shell in shells() {
        let s = project().repository();
        let (planted, git) = (s.root().join("planted"), s.project().join(".git"));
        keep(&s, "git", "gitdir: own\n");
        keep(&s, "own/gitdir", format!("{}/.git\n", planted.display()));
        keep(&s, "own/commondir", format!("{}\n", git.display()));
        let plant = "mkdir ../planted; cp -R secrets.toml secrets $T/own ../planted; cp $T/git ../planted/.git";
        plays(&s, shell, "A", &[(plant, "1"), ("cd ../planted", "-"), ("cd ../shop", "1")]);
    }
}

/// `git config worktree.useRelativePaths`.
#[test]
fn a_work_tree_that_git_names_by_a_relative_path_is_known() {
    for shell in shells() {
        let s = project().repository();
        s.git(["worktree", "add", "--quiet", "../tree"]);
        s.write(".git/worktrees/tree/gitdir", "../../../../tree/.git\n");
        plays(&s, shell, "A", &[("cd ../tree", "1")]);
    }
}

/// Only the record that says where `root` led changes.
#[test]
fn a_root_that_is_accepted_again_is_seen() {
    for shell in shells() {
        let s = service();
        let team = s.read("secrets.toml");
        let own = team.lines().skip_while(|line| !line.starts_with("[members")).map(|line| format!("{line}\n"));
        let alone = format!("version = 1\nproject = \"api\"\n\n{}", own.collect::<String>());
        keep(&s, "alone", alone);
        keep(&s, "service", SERVICE);
        let steps = [
            ("cd services/api; cp $FILE $T/sealed", "7"),
            ("cp $T/alone secrets.toml", "-"),
            ("$SECRETS allow --no-git; $SECRETS reseal --yes; $SECRETS allow --no-git", "7"),
            ("cp $T/service secrets.toml; cp $T/sealed $FILE", "-"),
            ("true", "-"),
            ("$SECRETS allow --no-git", "7"),
        ];
        plays(&s, shell, "A", &steps);
    }
}
