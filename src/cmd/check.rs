//! `secrets check`

use std::cell::RefCell;

use serde_json::json;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Result;
use crate::check;
use crate::check::Finding;
use crate::check::Severity;
use crate::check::Subject;
use crate::history::Repository;
use crate::project;
use crate::project::Trust;
use crate::project::trust::VARIABLE;
use crate::resolve::Selected;
use crate::team::Scope;

use super::context::Context;
use super::judge;

/// Check readers, keys, values and settings; no key is needed, and with one more is checked
///
/// Exit code 0: nothing is wrong, warnings aside. 1: something is. 2: secrets.toml cannot be read.
#[derive(clap::Args)]
pub struct Arguments {
    /// For a pipeline: no identity is looked for, and GitHub gets its annotations where it runs
    #[arg(long)]
    ci: bool,
    /// Print GitHub's annotations
    #[arg(long, conflicts_with = "sarif")]
    github: bool,
    /// Print SARIF 2.1.0
    #[arg(long)]
    sarif: bool,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    // Who cannot read the settings has not checked anything: another exit code than that of a finding.
    let unreadable = |error: Error| error.as_kind(Kind::Usage);
    let scope = context.project().and_then(Scope::of).map_err(unreadable)?;
    let first = &scope.projects[0];
    let git = Repository::of(context.world, &first.home);
    let mut keyring = context.keyring();
    let has_identity = !arguments.ci && keyring.has_any();
    let keyring = has_identity.then_some(&mut *keyring);
    let mut findings = check::check(Subject { scope: &scope, git: git.as_ref(), keyring, now: context.world.now })?;
    findings.extend(digest(context, &scope)?);
    let is_github = arguments.github || (arguments.ci && context.world.env.get("GITHUB_ACTIONS").is_some());
    print(context, arguments, &findings, is_github)?;
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if errors > 0 {
        let plural = if errors == 1 { "" } else { "s" };
        return Err(Error::new(Kind::Failed, format!("{errors} finding{plural}")));
    }
    if findings.is_empty() {
        context.ui.done("nothing was found");
    }
    Ok(())
}

fn print(context: &Context<'_>, arguments: &Arguments, findings: &[Finding], is_github: bool) -> Result<()> {
    if arguments.sarif {
        return context.ui.json(&check::sarif(findings));
    }
    if context.ui.is_json() {
        let rows = findings.iter().map(|finding| {
            json!({
                "id": finding.id,
                "severity": if finding.severity == Severity::Error { "error" } else { "warning" },
                "file": finding.file,
                "line": finding.line,
                "message": finding.message,
                "hint": finding.hint,
            })
        });
        return context.ui.json(&rows.collect::<Vec<_>>());
    }
    context.ui.lines(if is_github { check::github(findings) } else { check::text(findings) })
}

/// A pipeline that demands a digest should not find out in the deployment that none fits.
fn digest(context: &Context<'_>, scope: &Scope) -> Result<Option<Finding>> {
    let first = &scope.projects[0];
    let trust = Trust::load(context.world, first)?;
    if !trust.is_digest_demanded() {
        return Ok(None);
    }
    let environment = first.environment(context.world.env.get("SECRETS_ENV").and_then(std::ffi::OsStr::to_str))?;
    let selected = Selected { project: first, environment, trust: &RefCell::new(trust) };
    let Err(error) = judge::check_digest(&selected) else { return Ok(None) };
    Ok(Some(Finding {
        id: "trust-digest",
        severity: Severity::Error,
        file: first.below_home(project::FILE_NAME),
        line: None,
        message: format!("{} ({VARIABLE})", error.message()),
        hint: error.hints().first().cloned().unwrap_or_default(),
    }))
}
