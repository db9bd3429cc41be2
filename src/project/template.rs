//! The files that `init` writes.

use crate::base::Name;
use crate::base::Result;
use crate::base::Timestamp;
use crate::sops::Recipient;
use crate::sops::Selector;

use super::config::Project;

/// Renders the `secrets.toml` of a new project with one member and one environment.
pub fn new_project(project: &str, member: &str, recipient: &Recipient, runs_code: &[Name]) -> String {
    let recipient = toml_string(recipient.label());
    let mut text = format!(
        "version = 1\n\
         project = \"{project}\"\n\
         \n\
         [members.{member}]\n\
         recipients = [{recipient}]     # one per machine: the output of `secrets identity show`\n\
         \n\
         [groups]\n\
         dev = [\"{member}\"]\n\
         \n\
         [environments.development]\n\
         # plain = [\"PORT\", \"LOG_*\"]     # configuration, not secret: stays readable in the file\n\
         readers = [\"dev\"]\n"
    );
    for name in runs_code {
        text.push_str(&format!("\n[values.{name}]\nruns_code = true\n"));
    }
    text
}

/// The file in which sops looks for its rules.
pub const SOPS_YAML: &str = ".sops.yaml";
/// The first line of a `.sops.yaml` that is ours.
const SOPS_YAML_MARKER: &str = "# secrets: rendered from secrets.toml; edits are lost";

/// Renders `.sops.yaml`: one rule for each environment, so that plain `sops` seals to the same readers.
///
/// # Errors
/// As [`Project::recipients`].
pub fn sops_yaml(project: &Project, now: Timestamp) -> Result<String> {
    let mut text = format!("{SOPS_YAML_MARKER}\ncreation_rules:\n");
    for environment in &project.environments {
        let path = regex::escape(&environment.file);
        text.push_str(&format!("  - path_regex: {}\n    age:\n", yaml_string(&format!("^{path}$"))));
        let mut labels: Vec<String> =
            project.recipients(environment, now)?.iter().map(|r| r.label().to_string()).collect();
        labels.sort();
        for label in labels {
            text.push_str(&format!("      - {}\n", yaml_string(&label)));
        }
        let selector = Selector::for_plain(&environment.plain)?;
        let (_, pattern) = selector.written().unwrap_or_default();
        let pattern = String::from_utf8_lossy(pattern);
        text.push_str(&format!("    unencrypted_regex: {}\n", yaml_string(&pattern)));
    }
    Ok(text)
}

/// Tells whether a `.sops.yaml` was rendered by us; a foreign one is never touched.
pub fn is_our_sops_yaml(file: &[u8]) -> bool {
    file.starts_with(SOPS_YAML_MARKER.as_bytes())
}

/// A single-quoted YAML scalar (YAML 1.2, 7.3.2): only the quote itself is special.
fn yaml_string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn toml_string(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}
