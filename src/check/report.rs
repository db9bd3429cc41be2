//! Findings for a person, for GitHub's annotations, and as SARIF.

use serde_json::json;

use super::Finding;
use super::RULES;
use super::Severity;

/// Returns two lines for each finding.
pub fn text(findings: &[Finding]) -> Vec<String> {
    let mut lines = Vec::with_capacity(findings.len() * 2);
    for finding in findings {
        let word = if finding.severity == Severity::Error { "error" } else { "warning" };
        let line = finding.line.map_or_else(String::new, |line| format!(":{line}"));
        lines.push(format!("{}{line}: {word}: {} [{}]", finding.file, finding.message, finding.id));
        lines.push(format!("  {}", finding.hint));
    }
    lines
}

/// Returns workflow commands, which GitHub shows beside the lines of a pull request.
pub fn github(findings: &[Finding]) -> Vec<String> {
    let command = |finding: &Finding| {
        let word = if finding.severity == Severity::Error { "error" } else { "warning" };
        let line = finding.line.map_or_else(String::new, |line| format!(",line={line}"));
        let message = escape(&format!("{}. {}", finding.message, finding.hint));
        let (file, id) = (escape(&finding.file).replace(':', "%3A").replace(',', "%2C"), finding.id);
        format!("::{word} file={file}{line},title=secrets {id}::{message}")
    };
    findings.iter().map(command).collect()
}

/// A workflow command is one line; these three bytes are escaped in it.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Returns a SARIF 2.1.0 log (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>).
pub fn sarif(findings: &[Finding]) -> serde_json::Value {
    let rules = RULES.iter().map(|(id, what)| json!({ "id": id, "shortDescription": { "text": what } }));
    let results = findings.iter().map(|finding| {
        let level = if finding.severity == Severity::Error { "error" } else { "warning" };
        json!({
            "ruleId": finding.id,
            "ruleIndex": RULES.iter().position(|(id, _)| *id == finding.id),
            "level": level,
            "message": { "text": format!("{}. {}", finding.message, finding.hint) },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": finding.file.replace(' ', "%20"), "uriBaseId": "%SRCROOT%" },
                    "region": { "startLine": finding.line.unwrap_or(1) },
                },
            }],
        })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "secrets",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            } },
            "results": results.collect::<Vec<_>>(),
        }],
    })
}
