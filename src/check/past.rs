//! What only git's history shows: seals that were lost, numbers that went back, keys that stayed, values that grew old.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::base::Name;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::quoted_list;
use crate::history::Repository;
use crate::history::Span;
use crate::keys::Keyring;
use crate::sops::Seal;
use crate::sops::SealedFile;
use crate::team::Site;
use crate::team::pasts;

use super::Content;
use super::Finding;
use super::Severity;

/// One committed version, newest first.
struct Old<'b> {
    time: i64,
    bytes: &'b [u8],
}

/// Checks every file against its first-parent history; nothing without git.
pub fn check(contents: &[Content<'_>], git: Option<&Repository>, now: Timestamp) -> Result<Vec<Finding>> {
    let Some(git) = git else { return Ok(Vec::new()) };
    let paths: Vec<String> = contents.iter().map(|content| content.site.path()).collect();
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let changes = git.history(&paths, Span::FirstParents)?.changes;
    let contents_by_blob = git.contents(&changes)?;
    let mut pasts: HashMap<&str, Vec<Old<'_>>> = HashMap::new();
    for change in &changes {
        if let Some(bytes) = change.blob.as_ref().and_then(|blob| contents_by_blob.get(blob)) {
            pasts.entry(&change.path).or_default().push(Old { time: change.time, bytes });
        }
    }
    let mut found = Vec::new();
    for content in contents {
        if let Some(past) = pasts.get(content.site.path().as_str()) {
            seals(content, past, &mut found);
            ages(content, past, now, &mut found);
        }
    }
    Ok(found)
}

fn finding(content: &Content<'_>, id: &'static str, line: Option<usize>, message: String, hint: &str) -> Finding {
    Finding { id, severity: Severity::Error, file: content.site.path(), line, message, hint: hint.to_string() }
}

fn seals(content: &Content<'_>, past: &[Old<'_>], found: &mut Vec<Finding>) {
    let Some(now) = Seal::claimed(&content.bytes) else {
        if past.iter().any(|old| Seal::claimed(old.bytes).is_some()) {
            let message = "it was sealed, and is not any more: `sops`, or somebody, wrote it since".to_string();
            found.push(finding(
                content,
                "lost-seal",
                None,
                message,
                "`secrets reseal` shows what changed, and seals it again",
            ));
        }
        return;
    };
    let mut removed: HashSet<String> = HashSet::new();
    let present: HashSet<String> =
        content.file.as_ref().map(SealedFile::recipient_keys).unwrap_or_default().into_iter().collect();
    let mut highest = now.seq;
    for old in past {
        let Some(seal) = Seal::claimed(old.bytes).filter(|seal| seal.commitment == now.commitment) else { continue };
        highest = highest.max(seal.seq);
        if *old.bytes != *content.bytes
            && let Ok(file) = SealedFile::parse(old.bytes)
        {
            let labels = file.recipients().into_iter().zip(file.recipient_keys());
            removed.extend(labels.filter(|(_, key)| !present.contains(key)).map(|(label, _)| label.to_string()));
        }
    }
    if highest > now.seq {
        let message = format!("its version is {}, and an older commit has {highest}", now.seq);
        found.push(finding(
            content,
            "sequence-back",
            None,
            message,
            "`secrets reseal`, if it was meant, as after `git revert`",
        ));
    }
    if !removed.is_empty() {
        let labels: Vec<&str> = removed.iter().map(String::as_str).collect();
        let who = content.site.project.who(&labels).join(", ");
        let message =
            format!("{who} left the file, and its data key stayed: whoever had it reads what is written since");
        found.push(finding(content, "missing-rekey", None, message, "`secrets rekey`"));
    }
}

/// Values that a former member has seen and that no list names: somebody cut it short.
pub fn left_out(contents: &[Content<'_>], git: Option<&Repository>, keyring: &mut Keyring) -> Result<Vec<Finding>> {
    let Some(first) = contents.first().filter(|content| !content.site.project.former.is_empty()) else {
        return Ok(Vec::new());
    };
    let sites: Vec<Site<'_>> = contents.iter().map(|content| content.site).collect();
    let now: Vec<Option<Vec<u8>>> = contents.iter().map(|content| Some(content.bytes.clone())).collect();
    let pasts = pasts(&sites, &now, git)?;
    let mut found = Vec::new();
    for former in &first.site.project.former {
        let keys = first.site.project.keys_of_former(former);
        for (content, past) in contents.iter().zip(&pasts.files) {
            let listed = former.rotate.get(&content.site.label());
            let is_listed = |name: &Name| listed.is_some_and(|listed| listed.contains(name));
            let current = past.exposure(&keys, keyring).current;
            let names: Vec<&str> = current.iter().filter(|name| !is_listed(name)).map(Name::as_str).collect();
            if !names.is_empty() {
                let message =
                    format!("{} has seen {}, and secrets.toml does not list it", former.name, quoted_list(&names));
                found.push(finding(content, "former-values", None, message, "`secrets set NAME` gives a new value"));
            }
        }
    }
    Ok(found)
}

/// A value is as old as the commit that first had its line as it is now.
fn ages(content: &Content<'_>, past: &[Old<'_>], now: Timestamp, found: &mut Vec<Finding>) {
    let Ok(file) = &content.file else { return };
    let project = content.site.project;
    let aging = |name: &[u8]| {
        let name = Name::parse(name).ok()?;
        let max_age = project.value(&name).max_age?;
        Some((name, max_age))
    };
    let wanted: Vec<(usize, Name, i64, &[u8])> = file
        .numbered_lines()
        .filter_map(|(line, name, text)| aging(name).map(|(name, max_age)| (line, name, max_age, text)))
        .collect();
    if wanted.is_empty() {
        return;
    }
    let parsed: Vec<(i64, SealedFile)> =
        past.iter().filter_map(|old| Some((old.time, SealedFile::parse(old.bytes).ok()?))).collect();
    for (line, name, max_age, text) in wanted {
        let has_it = |file: &SealedFile| file.lines().any(|(found, value)| found == name.as_bytes() && value == text);
        let since = parsed.iter().take_while(|(_, file)| has_it(file)).last().map(|(time, _)| *time);
        let Some(age) = since.map(|since| now.seconds() - since).filter(|age| *age > max_age) else { continue };
        let (days, most) = (age / 86_400, max_age / 86_400);
        let message = format!("the value of `{name}` is {days} days old; `max_age` is {most}");
        found.push(finding(
            content,
            "old-value",
            Some(line),
            message,
            &format!("`secrets set {name}` gives a new one"),
        ));
    }
}
