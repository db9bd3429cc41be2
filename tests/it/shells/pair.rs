//! The property of the idle test: a shell that tells by itself that nothing changed holds what one holds that always asks.

use crate::sandbox::Sandbox;
use crate::sandbox::python;

use super::Shell;
use super::shells;

/// What happens beside the shells (`!`) or in both of them.
const STEPS: [&str; 51] = [
    "true",
    "true",
    "true",
    "cd sub",
    "cd $TOP",
    "cd $TOP/shop",
    "cd $TOP/shop/sub",
    "cd $TOP/third",
    "cd $TOP/shop",
    "cd $TOP/shop",
    "export SECRETS_ENV=development",
    "export SECRETS_ENV=production",
    "export SECRETS_ENV=nothing",
    "export SECRETS_ENV=",
    "export OTHER=mine",
    "$SECRETS unload",
    "!printf $RANDOM_STEP | $SECRETS set OTHER",
    "!printf $RANDOM_STEP | $SECRETS set OTHER",
    "!printf $RANDOM_STEP | $SECRETS set KEY --env production",
    "!touch secrets.toml",
    "!touch -d 2001-01-01 secrets/development.env",
    "!mv secrets.toml $TOP/away",
    "!mv $TOP/away secrets.toml",
    "!mv $TOP/away secrets.toml",
    "!$SECRETS allow --no-git",
    "!$SECRETS allow --no-git",
    "!$SECRETS deny",
    "!$SECRETS allow --no-git --mode run",
    "!$SECRETS allow --no-git --mode shell --only KEY",
    "!$SECRETS allow --no-git --mode shell --only '*'",
    "!$SECRETS identity lock",
    "!$SECRETS identity unlock",
    "!$SECRETS identity unlock",
    "!git checkout -qf main",
    "!git checkout -qf other",
    "!git commit -qam step",
    "!git reset -q --soft HEAD~1",
    "!git checkout -q HEAD~1 -- secrets/development.env",
    "!sed -i /sops_secrets_seal/d secrets/development.env",
    "!$SECRETS reseal --yes",
    "!rm secrets/development.env",
    "!cp secrets.toml sub/secrets.toml",
    "!rm -f sub/secrets.toml",
    "!rm -f sub/secrets.toml",
    RECOVER,
    RECOVER,
    RECOVER,
    RECOVER,
    "export SECRETS_ENV=",
    "cd $TOP/shop",
    "cd $TOP/shop",
];

/// Whatever happened before, values load again.
const RECOVER: &str = "!mv $TOP/away secrets.toml; rm -f sub/secrets.toml; git checkout -qf main; git checkout -qf HEAD -- .; \
    $SECRETS identity unlock; $SECRETS allow --no-git --mode shell --only '*'; $SECRETS reseal --yes";

/// How many steps each shell takes: `scripts/hook-steps` asks for the 10,000.
fn count() -> usize {
    std::env::var("SECRETS_TEST_STEPS").ok().and_then(|count| count.parse().ok()).unwrap_or(120)
}

fn project() -> Sandbox {
    let s = Sandbox::new().value("OTHER", "o").value("KEY", "k").production().repository();
    std::fs::create_dir(s.path("sub")).expect("a folder");
    s.write("../third/one.env", "KEY=third\n");
    s.call(["init", "--yes", "--no-git"]).cwd("../third").go().succeeds();
    s.call(["import", "one.env"]).cwd("../third").go().succeeds();
    s.commit("first");
    s.set_and_commit("OTHER", "second");
    s.git(["branch", "-M", "main"]);
    s.git(["checkout", "-q", "-b", "other", "HEAD~1"]);
    s.set_and_commit("OTHER", "elsewhere");
    let top = s.root();
    s.env("TOP", top).env("SECRETS", crate::sandbox::SECRETS).env("TERM", "xterm").env("PS1", "")
}

fn steps(seed: u64) -> Vec<String> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let step = |number: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        STEPS[usize::try_from(state >> 20).unwrap_or(0) % STEPS.len()].replace("$RANDOM_STEP", &number.to_string())
    };
    (0..count()).map(step).collect()
}

fn walks(shell: &Shell, seed: u64) {
    let s = project();
    let text = serde_json::to_string(&steps(seed)).expect("strings are JSON");
    s.write("../steps", text);
    let path = s.path("../steps").display().to_string();
    let call = s.program([python(), "-c", include_str!("pair.py"), &path, shell.name, shell.start]);
    let outcome = call.words(shell.words).patient().go();
    outcome.may_reveal_all();
    assert_eq!(outcome.status.code(), Some(0), "{} {seed}: {}{}", shell.name, outcome.stdout(), outcome.stderr());
    let held = outcome.stdout().trim().rsplit(' ').next().and_then(|held| held.parse::<usize>().ok());
    assert!(held.is_some_and(|held| held > count() / 10), "{}: {}", shell.name, outcome.stdout());
}

#[test]
fn a_shell_that_tells_by_itself_holds_what_one_holds_that_asks() {
    let seed = std::env::var("SECRETS_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for shell in shells() {
        walks(shell, seed);
    }
}
