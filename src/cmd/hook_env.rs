//! `secrets hook-env`: what a hooked shell evaluates at a prompt.

mod decide;
mod place;

use std::path::PathBuf;
use std::sync::Mutex;
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
use crate::shell::END;
use crate::shell::STATE;
use crate::shell::change::Change;
use crate::shell::change::Wanted;
use crate::shell::change::change;
use crate::shell::idle::Idle;
use crate::shell::state::Fingerprint;
use crate::shell::state::State;

use super::context::Context;

use decide::Outcome;
use decide::decide;
use place::Looked;
use place::Place;
use place::Watched;
use place::choose;
use place::is_in_run;
use place::look;
use place::signature;

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
    watch_the_clock();
    context.keyring().keep_quiet();
    let before = context.world.env.get(STATE).and_then(State::parse);
    let looked = look(context);
    let Some(folder) = looked.folder.clone() else {
        return leave(context, kind, before.as_ref(), &looked, &[]);
    };
    let target = project::load(&folder).and_then(|project| choose(context, project));
    let place = Place::of(context, &folder, target.as_ref().ok());
    if is_in_run(context, target.as_ref().ok()) {
        return leave(context, kind, before.as_ref(), &looked, &place.watched);
    }
    if before.as_ref().is_some_and(|before| place.is_as(before)) {
        return print(context, kind, Zeroizing::default(), &looked, &place.watched);
    }
    if let Some(before) = before.as_ref().filter(|before| before.root != folder) {
        let mut text = given_back(context, kind, Some(before))?.text;
        text.push_str(kind.never_idle);
        text.push_str(END);
        at_the_deadline(text);
    }
    let outcome = match &target {
        Ok(target) => decide(context, target),
        Err(error) => Outcome::Refuses(error.message().to_string()),
    };
    let (values, remarks) = match outcome {
        Outcome::Loads { values, remarks } => (values, remarks),
        Outcome::Refuses(line) => (Vec::new(), vec![line]),
    };
    // What was judged is what was there before: a change in between is seen at the next prompt.
    let key = key(context)?;
    let watched = place.watched.clone();
    let wanted = Wanted { state: place.into_state(), values };
    let fingerprints = |name: &Name, value: &[u8]| fingerprint(&key, name, value);
    let change = change(kind, before.as_ref(), Some(wanted), &context.world.env, &fingerprints);
    tell(context, &change, &remarks);
    print(context, kind, change.text, &looked, &watched)
}

/// Prints the statements, what the shell compares at its next prompts, and the end.
fn print(
    context: &Context<'_>,
    kind: &shell::Kind,
    mut text: Zeroizing<String>,
    looked: &Looked,
    watched: &Watched,
) -> Result<()> {
    let world = context.world;
    let place = world.folders.runtime.as_ref().or(world.folders.state.as_ref());
    let is_wanted = world.env.get("SECRETS_HOOK_IDLE").is_none_or(|wanted| wanted != "0");
    let folder = place.filter(|_| is_wanted).map(|place| place.join("secrets/stamps"));
    let files: Vec<PathBuf> = watched.iter().map(|(path, _)| path.clone()).collect();
    let idle = folder.and_then(|folder| Idle::of(&folder, &files, looked.absent.clone()));
    // What changed since it was judged is judged anew: a stamp would hide it.
    let idle = idle.filter(|_| watched.iter().all(|(path, seen)| signature(path) == *seen));
    text.push_str(&shell::note_idle(kind, idle.as_ref()));
    text.push_str(END);
    context.ui.data(text.as_bytes())
}

fn leave(
    context: &Context<'_>,
    kind: &shell::Kind,
    before: Option<&State>,
    looked: &Looked,
    watched: &Watched,
) -> Result<()> {
    if context.world.env.get_even_empty(STATE).is_none() {
        return print(context, kind, Zeroizing::default(), looked, watched);
    }
    let change = given_back(context, kind, before)?;
    tell(context, &change, &[]);
    print(context, kind, change.text, looked, watched)
}

/// Returns what gives everything back. Where the key of the fingerprints is gone nothing tells a person's change from ours: a
/// value that stayed would be worse.
fn given_back(context: &Context<'_>, kind: &shell::Kind, before: Option<&State>) -> Result<Change> {
    let is_lost = before.is_some_and(|before| !before.held.is_empty()) && !key_path(context)?.exists();
    let key = if is_lost { Zeroizing::default() } else { key(context)? };
    let fingerprints = |name: &Name, value: &[u8]| {
        let held = before.and_then(|before| before.held.iter().find(|held| held.name == *name));
        match held.filter(|_| is_lost) {
            Some(held) => held.fingerprint.clone(),
            None => fingerprint(&key, name, value),
        }
    };
    Ok(change(kind, before, None, &context.world.env, &fingerprints))
}

fn joined(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(" ")
}

/// Returns the key of the fingerprints, which only this user can read; made where there is none.
fn key(context: &Context<'_>) -> Result<Zeroizing<Vec<u8>>> {
    let path = key_path(context)?;
    if let Some(folder) = path.parent().filter(|_| !path.exists()) {
        disk::make_private_folder(folder)?;
        // Another shell may be first.
        let _ = disk::write_new(&path, &random::<32>()?, 0o600);
    }
    disk::read(&path, Limit(64))
}

fn key_path(context: &Context<'_>) -> Result<PathBuf> {
    let state = context.world.folders.state.as_ref();
    let state = state.ok_or_else(|| Error::new(Kind::Failed, "there is no state folder for the hook"))?;
    Ok(state.join("secrets/hook.key"))
}

fn fingerprint(key: &[u8], name: &Name, value: &[u8]) -> Fingerprint {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(name.as_bytes());
    mac.update(&[0]);
    mac.update(value);
    Fingerprint::of(&mac.finalize().into_bytes())
}

/// What gives back what another project loaded, if this one takes too long: at no prompt are both there.
static AT_THE_DEADLINE: Mutex<Option<Zeroizing<String>>> = Mutex::new(None);

fn at_the_deadline(text: Zeroizing<String>) {
    if let Ok(mut kept) = AT_THE_DEADLINE.lock() {
        *kept = Some(text);
    }
}

/// A prompt is not kept waiting: what is not there by then is nothing.
#[expect(clippy::exit, reason = "whatever hangs cannot be called off, and nothing was printed yet")]
fn watch_the_clock() {
    let is_shown = std::io::IsTerminal::is_terminal(&std::io::stderr());
    std::thread::spawn(move || {
        std::thread::sleep(DEADLINE);
        if let Some(text) = AT_THE_DEADLINE.lock().ok().and_then(|mut text| text.take()) {
            let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
        }
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
