//! What git has that it should not, and what it needs to know of sealed files.

use crate::base::Result;
use crate::history::Repository;
use crate::project::FILE_NAME;
use crate::team::Scope;

use super::Finding;
use super::Severity;

/// Names of plain files that are meant to be in git: they show which names there are.
const EXAMPLES: [&str; 5] = [".example", ".sample", ".template", ".dist", ".defaults"];

/// Checks the index; nothing without git.
pub fn check(scope: &Scope, git: Option<&Repository>) -> Result<Vec<Finding>> {
    let (Some(git), Some(first)) = (git, scope.projects.first()) else { return Ok(Vec::new()) };
    let sealed: Vec<String> = scope.sites().map(|site| site.path()).collect();
    let finding = |id, severity, file: &str, message: &str, hint: String| Finding {
        id,
        severity,
        file: file.to_string(),
        line: None,
        message: message.to_string(),
        hint,
    };
    let mut found = Vec::new();
    for path in git.tracked()?.iter().filter(|path| !sealed.contains(path)) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_plain_env =
            (name == ".env" || name.starts_with(".env.")) && !EXAMPLES.iter().any(|end| name.ends_with(end));
        let is_key = name == "identity.txt" || name == "keys.txt" || name == "id_ed25519" || name == "id_rsa";
        if (is_plain_env || is_key) && is_secret(first, path) {
            let hint = format!("`git rm --cached {path}`, and give new values to what was in it");
            found.push(finding(
                "plain-file",
                Severity::Error,
                path,
                "git has this file, and it is not encrypted",
                hint,
            ));
        }
    }
    let attributes = git.attributes(&sealed)?;
    for (path, is_set) in sealed.iter().zip(attributes) {
        if !is_set {
            let hint = format!("`secrets init` adds the line, in the folder of {FILE_NAME}");
            let message =
                "`.gitattributes` does not name it: line ends may be converted, and git merges it line by line";
            found.push(finding("missing-attributes", Severity::Error, path, message, hint));
        }
    }
    for path in git.ignored(&sealed)? {
        let hint = "`secrets init` adds a pattern that uncovers it".to_string();
        found.push(finding("ignored-file", Severity::Error, &path, "git ignores it", hint));
    }
    Ok(found)
}

/// A file with such a name may hold nothing that matters, or be sealed itself.
fn is_secret(project: &crate::project::Project, path: &str) -> bool {
    let bytes = crate::disk::read_beneath(&project.home, std::path::Path::new(path), crate::disk::Limit::SEALED_FILE);
    bytes.map_or(true, |bytes| !crate::sops::is_sealed_file(&bytes) && bytes.contains(&b'=') || is_private_key(&bytes))
}

fn is_private_key(bytes: &[u8]) -> bool {
    [&b"AGE-SECRET-KEY-"[..], b"PRIVATE KEY-----"].iter().any(|mark| memchr::memmem::find(bytes, mark).is_some())
}
