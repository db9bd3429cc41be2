//! What a person is told at a prompt: a line for each thing, where somebody reads it, and never twice.

use std::io::IsTerminal as _;

use sha2::Digest as _;
use sha2::Sha256;

use crate::base::Name;
use crate::base::World;
use crate::shell::change::Change;
use crate::shell::state::Signature;

/// So many names are shown.
const SHOWN: usize = 3;

/// Returns what tells remarks from others; `None` where there are none.
pub fn digest(remarks: &[String]) -> Option<Signature> {
    (!remarks.is_empty()).then(|| Signature::of(Some(&Sha256::digest(remarks.join("\n")))))
}

/// Says what came and went, and the remarks.
pub fn tell(world: &World, change: &Change, remarks: &[String]) {
    let how = world.env.get("SECRETS_HOOK_OUTPUT").and_then(|how| how.to_str()).unwrap_or("full");
    if how == "none" || !std::io::stderr().is_terminal() {
        return;
    }
    let mut lines = Vec::new();
    if how != "errors" {
        lines.extend(news(change, how == "count"));
    }
    lines.extend(remarks.iter().cloned());
    if !change.kept.is_empty() {
        lines.push(format!("kept {} (changed in this shell)", joined(&change.kept)));
    }
    lines.iter().for_each(|line| crate::term::tell(&format!("secrets: {line}")));
}

/// Returns names as a line shows them.
pub fn joined(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(" ")
}

fn news(change: &Change, is_count: bool) -> Option<String> {
    let (came, gone) = (change.loaded.len(), change.unloaded.len());
    let word = match (came, gone) {
        (0, 0) => return None,
        (0, gone) if change.held == 0 => return Some(format!("unloaded {gone}")),
        _ if came == change.held && !change.is_reload => format!("loaded {came}"),
        _ => "reloaded".to_string(),
    };
    if is_count {
        return Some(word);
    }
    // Of another project's names that went with it the count of those that came says enough.
    let gone = change.unloaded.iter().filter(|_| word == "reloaded").map(|name| ('-', name));
    let names: Vec<_> = change.loaded.iter().map(|(sign, name)| (*sign, name)).chain(gone).collect();
    let shown: Vec<String> = names.iter().take(SHOWN).map(|(sign, name)| format!("{sign}{name}")).collect();
    let more = if names.len() > SHOWN { format!(" … {} more", names.len() - SHOWN) } else { String::new() };
    Some(format!("{word} ({}{more})", shown.join(" ")))
}
