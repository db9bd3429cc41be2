//! `secrets hook-env`: what a hooked shell evaluates at a prompt.

mod decide;
mod place;

use std::time::Duration;

use hmac::Hmac;
use hmac::Mac as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::random;
use crate::disk;
use crate::disk::Limit;
use crate::project;
use crate::shell;
use crate::shell::STATE;
use crate::shell::change::Change;
use crate::shell::change::Wanted;
use crate::shell::change::change;
use crate::shell::state::Fingerprint;
use crate::shell::state::State;

use super::context::Context;

use decide::Outcome;
use decide::decide;
use place::Place;
use place::choose;
use place::find;
use place::is_in_run;

/// A prompt waits no longer.
const DEADLINE: Duration = Duration::from_secs(2);
/// Print what a hooked shell evaluates at its next prompt
#[derive(clap::Args)]
pub struct Arguments {
    shell: String,
    /// The shell's process
    #[allow(dead_code, reason = "the hook's code gives it; marks for one shell need it")]
    process: u32,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let kind = shell::kind(&arguments.shell)
        .ok_or_else(|| Error::new(Kind::Usage, format!("there is no hook for `{}`", arguments.shell)))?;
    watch_the_clock(context);
    context.keyring().keep_quiet();
    let before = context.world.env.get(STATE).and_then(State::parse);
    let Some(folder) = find(context) else {
        return leave(context, kind, before.as_ref());
    };
    let target = project::load(&folder).and_then(|project| choose(context, project));
    let place = Place::of(context, &folder, target.as_ref().ok());
    if is_in_run(context, target.as_ref().ok()) || before.as_ref().is_some_and(|before| place.is_as(before)) {
        return Ok(());
    }
    let outcome = match &target {
        Ok(target) => decide(context, target),
        Err(error) => Outcome::Refuses(error.message().to_string()),
    };
    let (values, remarks) = match outcome {
        Outcome::Loads { values, remarks } => (values, remarks),
        Outcome::Refuses(line) => (Vec::new(), vec![line]),
    };
    // What was learned of a version is written down by now, and so is part of what is watched.
    let place = Place::of(context, &folder, target.as_ref().ok());
    let key = key(context)?;
    let wanted = Wanted { state: place.into_state(), values };
    let change =
        change(kind, before.as_ref(), Some(wanted), &context.world.env, &|name, value| fingerprint(&key, name, value));
    tell(context, &change, &remarks);
    context.ui.data(change.text.as_bytes())
}

fn leave(context: &Context<'_>, kind: &shell::Kind, before: Option<&State>) -> Result<()> {
    if context.world.env.get_even_empty(STATE).is_none() {
        return Ok(());
    }
    let key = key(context)?;
    let change = change(kind, before, None, &context.world.env, &|name, value| fingerprint(&key, name, value));
    tell(context, &change, &[]);
    context.ui.data(change.text.as_bytes())
}

fn joined(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(" ")
}

/// Returns the key of the fingerprints, which only this user can read; made where there is none.
fn key(context: &Context<'_>) -> Result<Zeroizing<Vec<u8>>> {
    let folder = context.world.folders.state.as_ref().map(|state| state.join("secrets"));
    let folder = folder.ok_or_else(|| Error::new(Kind::Failed, "there is no state folder for the hook"))?;
    let path = folder.join("hook.key");
    if !path.exists() {
        disk::make_private_folder(&folder)?;
        // Another shell may be first.
        let _ = disk::write_new(&path, &random::<32>()?, 0o600);
    }
    disk::read(&path, Limit(64))
}

fn fingerprint(key: &[u8], name: &Name, value: &[u8]) -> Fingerprint {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(name.as_bytes());
    mac.update(&[0]);
    mac.update(value);
    Fingerprint::of(&mac.finalize().into_bytes())
}

/// A prompt is not kept waiting: what is not there by then is nothing.
#[expect(clippy::exit, reason = "whatever hangs cannot be called off, and nothing was printed yet")]
fn watch_the_clock(context: &Context<'_>) {
    let is_shown = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let _ = context;
    std::thread::spawn(move || {
        std::thread::sleep(DEADLINE);
        if is_shown {
            crate::term::tell("secrets: nothing loaded: it took longer than two seconds");
        }
        std::process::exit(0);
    });
}

/// Says in a line each what a person should know, where somebody reads it.
fn tell(context: &Context<'_>, change: &Change, remarks: &[String]) {
    let how = context.world.env.get("SECRETS_HOOK_OUTPUT").and_then(|how| how.to_str()).unwrap_or("full");
    if how == "none" || !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
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

fn news(change: &Change, is_count: bool) -> Option<String> {
    const SHOWN: usize = 3;
    let came = change.loaded.len();
    let word = match (came, change.unloaded) {
        (0, 0) => return None,
        (0, gone) if change.held == 0 => return Some(format!("unloaded {gone}")),
        _ if came == change.held => format!("loaded {came}"),
        _ => "reloaded".to_string(),
    };
    if is_count || came == 0 {
        return Some(word);
    }
    let names: Vec<String> = change.loaded.iter().take(SHOWN).map(|(sign, name)| format!("{sign}{name}")).collect();
    let more = if came > SHOWN { format!(" … {} more", came - SHOWN) } else { String::new() };
    Some(format!("{word} ({}{more})", names.join(" ")))
}
