//! The other formats of `export`, each read by whom it is for.

use super::needs::needs;
use super::needs::needs_python_package;
use super::place::Place;
use super::values::export;
use super::values::pairs;
use super::values::pairs_of_json;
use super::values::project_of;
use super::values::same;
use super::values::values;

type Pairs = Vec<(String, Vec<u8>)>;

#[test]
fn shells_evaluate_the_shell_format() {
    let want = values();
    let place = project_of(&want);
    let place = place.with("SECRETS", env!("CARGO_BIN_EXE_secrets"));
    for shell in ["bash", "dash", "sh", "zsh"] {
        let Some(program) = needs(shell) else { continue };
        let script = "eval \"$(\"$SECRETS\" export --format shell)\"; exec env -0";
        let got = place.call(program).args(["-c", script]).run().ok().stdout;
        same(shell, &pairs(&got, 0), &want);
    }
}

#[test]
fn python_reads_the_json_format() {
    let Some(python) = needs("python3") else { return };
    let want = values();
    let place = project_of(&want);
    let script = "import json, sys; print(json.dumps(json.load(sys.stdin.buffer)))";
    let got = place.call(python).args(["-c", script]).stdin(export(&place, "json")).run().ok().stdout;
    same("python's json", &pairs_of_json(&got), &want);
    assert_eq!(export(&place, "json"), place.secrets(["export", "--json"]).ok().stdout);
}

#[test]
fn pyyaml_reads_the_yaml_format() {
    let (Some(python), Some(package)) = (needs("python3"), needs_python_package("yaml")) else { return };
    let want = values();
    let place = project_of(&want);
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin.buffer)))";
    let call = place.call(python).env("PYTHONPATH", package).args(["-c", script]);
    let got = call.stdin(export(&place, "yaml")).run().ok().stdout;
    same("PyYAML", &pairs_of_json(&got), &want);
}

#[test]
fn docker_reads_the_docker_format() {
    let several_lines = |value: &[u8]| value.iter().any(|byte| b"\n\r".contains(byte));
    let (refused, want): (Pairs, Pairs) = values().into_iter().partition(|(_, value)| several_lines(value));
    let place = project_of(&want);
    let got = docker_env_file(&export(&place, "docker")).unwrap();
    same("docker", &got, &want);
    for (name, value) in refused.into_iter().take(6) {
        let place = project_of(&[("OTHER".to_string(), b"x".to_vec()), (name.clone(), value)]);
        let refused = place.secrets(["export", "--format", "docker"]).ends_with(1).says(&format!("`{name}`"));
        assert!(refused.stdout.is_empty());
        let _ = place.secrets(["export", "--format", "docker", "--except", &name]).prints("OTHER=x\n");
    }
}

/// The rules of docker's `--env-file` (docker/cli, pkg/kvfile/kvfile.go): lines of valid UTF-8 and at most 64 KiB, white
/// space before a name and lines that begin with `#` fall away, and what follows the first `=` is the value, verbatim.
fn docker_env_file(file: &[u8]) -> Result<Pairs, String> {
    let text = std::str::from_utf8(file).map_err(|error| error.to_string())?;
    let mut pairs = Vec::new();
    for line in text.trim_start_matches('\u{feff}').split_terminator('\n') {
        if line.len() >= 64 << 10 {
            return Err("token too long".to_string());
        }
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or("a name of the outer environment")?;
        pairs.push((name.to_string(), value.as_bytes().to_vec()));
    }
    Ok(pairs)
}

/// Whatever `export --format docker` prints, docker takes; what it would not take is refused by name.
#[test]
fn what_docker_cannot_take_is_refused() {
    for value in [b"\xff not UTF-8".to_vec(), vec![b'x'; 64 << 10]] {
        let place = Place::new().with("SOPS_AGE_KEY", super::keys::Key::new().secret);
        let _ = place.secrets(["init", "--no-import"]).ok();
        place.write("value", &value);
        let _ = place.secrets(["set", "BAD", "--from-file", "value"]).ok();
        let _ = place.secrets(["export", "--format", "docker"]).ends_with(1).says("`BAD`");
    }
}

#[test]
fn a_runner_of_github_reads_the_github_format() {
    let want = values();
    let place = project_of(&want);
    let exported = place.secrets(["export", "--format", "github"]).ok();
    same("the runner", &github_file(&exported.text()), &want);

    // Every value that is worth it is masked, as a whole and by its longer lines.
    let masks: Vec<String> =
        exported.stderr.lines().filter_map(|line| line.strip_prefix("::add-mask::")).map(unmask).collect();
    assert_eq!(exported.stderr.lines().filter(|line| !line.starts_with("::add-mask::")).count(), 0);
    for (name, value) in &want {
        let value = String::from_utf8(value.clone()).unwrap();
        if value.len() >= 12 {
            assert!(masks.contains(&value), "{name} is not masked: {value:?}");
            for line in value.split('\n').filter(|line| line.len() >= 12) {
                let line = line.trim_end_matches('\r').to_string();
                assert!(masks.contains(&line), "a line of {name} is not masked: {line:?}");
            }
        }
    }
}

/// The rules of `$GITHUB_ENV` (actions/runner, FileCommandManager.cs): `NAME<<BORDER`, lines ended by LF, the border alone
/// on a line. A `=` before the `<<` would make it `NAME=VALUE`.
fn github_file(text: &str) -> Pairs {
    let mut pairs = Vec::new();
    let mut lines = text.split('\n');
    while let Some(head) = lines.next().filter(|line| !line.is_empty()) {
        let (name, border) = head.split_once("<<").unwrap();
        assert!(!name.contains('='));
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != border).collect();
        pairs.push((name.to_string(), value.join("\n").into_bytes()));
    }
    assert_eq!(lines.next(), None, "something stands behind an empty line");
    pairs
}

/// The runner's own order (actions/runner, ActionCommand.cs).
fn unmask(data: &str) -> String {
    data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}
