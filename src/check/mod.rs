//! What a team wants to know before it merges: readers, keys and settings that do not agree. No network; a key is of use,
//! and not needed.

mod files;
mod past;
mod report;
mod settings;
mod tree;

use crate::base::Result;
use crate::base::Timestamp;
use crate::history::Repository;
use crate::keys::Keyring;
use crate::sops::SealedFile;
use crate::team;
use crate::team::Scope;
use crate::team::Site;

pub use report::github;
pub use report::sarif;
pub use report::text;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// It should be looked at; alone it is no failure.
    Warning,
    /// Something is wrong.
    Error,
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Stable; `docs/check.md` lists all.
    pub id: &'static str,
    pub severity: Severity,
    /// The file, below the project's home.
    pub file: String,
    pub line: Option<usize>,
    /// What is wrong; never a value.
    pub message: String,
    /// What to type.
    pub hint: String,
}

/// What is checked, and with what.
pub struct Subject<'a> {
    pub scope: &'a Scope,
    pub git: Option<&'a Repository>,
    /// With identities the files are opened too.
    pub keyring: Option<&'a mut Keyring>,
    pub now: Timestamp,
}

/// One environment's file.
struct Content<'a> {
    site: Site<'a>,
    bytes: Vec<u8>,
    /// Why it cannot be read, or what it says.
    file: Result<SealedFile>,
}

/// Every rule's identifier, with what it finds; the documents and SARIF have it from here.
pub const RULES: &[(&str, &str)] = &[
    ("broken-seal", "the seal or sops' mac does not fit the file"),
    ("clear-comment", "a comment stands in clear in a sealed file"),
    ("clear-value", "a value stands in clear that `plain` does not name"),
    ("code-name", "a name can make programs run code and is not declared"),
    ("empty-value", "a value is empty"),
    ("expired-member", "a member is past `until` and still in a file"),
    ("expiring-member", "a member's `until` comes within 14 days"),
    ("file-and-reference", "a name stands in the file and among the references"),
    ("former-values", "a former member has seen values that still work"),
    ("ignored-file", "git ignores a sealed file"),
    ("lost-seal", "a file that was sealed is not any more"),
    ("missing-attributes", "`.gitattributes` does not name a sealed file"),
    ("missing-file", "an environment has no file yet"),
    ("missing-name", "the other environments have a name that this one has not"),
    ("missing-recipient", "a reader is not in the file"),
    ("missing-rekey", "a reader was removed and the data key is the same"),
    ("missing-required", "a required name has no value"),
    ("old-value", "a value is older than `max_age`"),
    ("plain-file", "git has a plain `.env`, an identity or a private key"),
    ("selector-drift", "the file's selector differs from `plain`"),
    ("sequence-back", "the sequence number went back"),
    ("shared-key", "two files have the same data key: one is a copy of the other"),
    ("sops-yaml-drift", "`.sops.yaml` differs from secrets.toml"),
    ("stale-recipient", "somebody is in the file who is no reader of it"),
    ("trust-digest", "`SECRETS_TRUST` has no digest that fits"),
    ("unknown-recipient", "a recipient is in the file whom secrets.toml does not name"),
    ("unreadable-file", "the file breaks a rule of the strict reader"),
    ("unsealed-file", "the file was never sealed"),
    ("warn-name", "a name steers where programs talk"),
    ("wrap-form", "a wrap does not fit its recipient"),
    ("wrong-place", "the seal is for another place"),
];

/// Runs every rule; the findings come by file and line.
///
/// # Errors
/// As [`Site::read`], and if git cannot say what it was asked.
pub fn check(subject: Subject<'_>) -> Result<Vec<Finding>> {
    let Subject { scope, git, keyring, now } = subject;
    let mut contents = Vec::new();
    let mut findings = Vec::new();
    for site in scope.sites() {
        match site.read()? {
            None => findings.push(missing_file(site)),
            Some(bytes) => {
                let read = SealedFile::read(&bytes, crate::sops::Leniency::None, None);
                contents.push(Content { site, file: read.map(|(file, _)| file), bytes });
            }
        }
    }
    findings.extend(settings::check(scope, &contents, now)?);
    for content in &contents {
        findings.extend(files::check(content, now));
    }
    findings.extend(shared_keys(&contents));
    findings.extend(past::check(&contents, git, now)?);
    findings.extend(tree::check(scope, git)?);
    if let Some(keyring) = keyring {
        findings.extend(contents.iter().filter_map(|content| files::open(content, keyring)));
        findings.extend(past::left_out(&contents, git, keyring)?);
    }
    findings.sort_by(|a, b| (&a.file, a.line, a.id, &a.message).cmp(&(&b.file, b.line, b.id, &b.message)));
    Ok(findings)
}

/// Who reads one of two files with the same data key opens the other, too.
fn shared_keys(contents: &[Content<'_>]) -> Vec<Finding> {
    let read: Vec<(&Content<'_>, &SealedFile)> =
        contents.iter().filter_map(|content| Some((content, content.file.as_ref().ok()?))).collect();
    let copies = team::copies(&read.iter().map(|(_, file)| *file).collect::<Vec<_>>());
    let finding = |(copy, first): (usize, usize)| Finding {
        id: "shared-key",
        severity: Severity::Error,
        file: read[copy].0.site.path(),
        line: None,
        message: format!(
            "it has the data key of `{}`, so whoever reads one opens the other",
            read[first].0.site.path()
        ),
        hint: "find out who copied it; `secrets rekey` gives each a key of its own".to_string(),
    };
    copies.into_iter().map(finding).collect()
}

fn missing_file(site: Site<'_>) -> Finding {
    Finding {
        id: "missing-file",
        severity: Severity::Warning,
        file: site.path(),
        line: None,
        message: format!("the environment `{}` has no file yet", site.environment.name),
        hint: format!("`secrets set NAME --env {}` makes it", site.environment.name),
    }
}
