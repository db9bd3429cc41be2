//! `secrets hook-env`: what a hooked shell evaluates at a prompt.

mod deadline;
mod decide;
mod fingerprints;
mod place;
mod tell;

use std::path::Path;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Value;
use crate::history;
use crate::project;
use crate::shell;
use crate::shell::END;
use crate::shell::Holds;
use crate::shell::STATE;
use crate::shell::change::Change;
use crate::shell::change::Wanted;
use crate::shell::change::change;
use crate::shell::idle::Idle;
use crate::shell::state::State;
use crate::shell::unloaded;

use super::context::Context;
use super::target::Target;

use decide::Outcome;
use decide::decide;
use fingerprints::Fingerprints;
use place::Looked;
use place::Place;
use place::Watched;
use place::choose;
use place::is_in_run;
use place::look;
use place::signature;
use tell::joined;
use tell::tell;

/// Print what a hooked shell evaluates at its next prompt
#[derive(clap::Args)]
pub struct Arguments {
    shell: String,
    /// The shell's process
    process: u32,
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let kind = shell::kind(&arguments.shell)
        .ok_or_else(|| Error::new(Kind::Usage, format!("there is no hook for `{}`", arguments.shell)))?;
    deadline::begin();
    context.keyring().keep_quiet();
    let before = context.world.env.get(STATE).and_then(State::parse);
    Prompt { context, kind, shell: arguments.process, before, looked: look(context) }.answer()
}

/// A shell that asks, and what it holds.
struct Prompt<'a> {
    context: &'a Context<'a>,
    kind: &'static shell::Kind,
    shell: u32,
    before: Option<State>,
    looked: Looked,
}

impl Prompt<'_> {
    fn answer(&self) -> Result<()> {
        let (context, world) = (self.context, self.context.world);
        let Some(folder) = self.looked.folder.clone() else {
            unloaded::forget(world, self.shell);
            return self.leave(&[]);
        };
        let target = project::load(&folder).and_then(|project| choose(context, project));
        let mut place = Place::of(context, &folder, target.as_ref().ok());
        place.watch(unloaded::path(world, self.shell));
        if is_in_run(context, target.as_ref().ok()) {
            return self.leave(&place.watched);
        }
        if let Some(before) = self.before.as_ref().filter(|before| place.is_as(before, world.now)) {
            return self.go_on(before);
        }
        if let Some(before) = self.before.as_ref().filter(|before| before.root != folder) {
            let mut text = self.given_back(Some(before)).text;
            text.push_str(self.kind.never_idle);
            text.push_str(END);
            deadline::prints(text);
        }
        if unloaded::is_marked(world, self.shell, &folder) {
            return self.load(place, Outcome::nothing());
        }
        unloaded::forget(world, self.shell);
        let heads: Vec<_> = history::head_files(&folder).into_iter().map(|path| (signature(&path), path)).collect();
        let outcome = match &target {
            Ok(target) => decide(context, target),
            Err(error) => Outcome::refuses(error.message()),
        };
        let selected = target.as_ref().ok().and_then(Target::selected);
        if selected.is_some_and(|selected| selected.trust.borrow().asked_history()) {
            place.watched.extend(heads.into_iter().map(|(seen, path)| (path, seen)));
        }
        self.load(place, outcome)
    }

    /// Leads the shell to what was decided.
    fn load(&self, place: Place, mut outcome: Outcome) -> Result<()> {
        if self.kind.holds == Holds::Unicode {
            outcome = only_text(outcome, self.kind.name);
        }
        let (values, mut remarks) = (outcome.values, outcome.remarks);
        let world = self.context.world;
        let before = self.before.as_ref();
        // What was judged is what was there before: a change in between is seen at the next prompt.
        let watched = place.watched.clone();
        let (fingerprints, values) = match Fingerprints::new(world) {
            Ok(fingerprints) => (fingerprints, values),
            Err(error) if values.is_empty() => {
                remarks.extend((remarks.is_empty()).then(|| error.message().to_string()));
                (Fingerprints::of(world, before), values)
            }
            Err(error) => {
                remarks = vec![format!("nothing loaded: {}", error.message())];
                (Fingerprints::of(world, before), Vec::new())
            }
        };
        let told = tell::digest(&remarks);
        if before.is_some_and(|before| before.told == told) {
            remarks.clear();
        }
        let expires = outcome.expires;
        let wanted = Wanted { state: State { shell: self.shell, expires, told, ..place.into_state() }, values };
        let print = |name: &Name, value: &[u8]| fingerprints.print(name, value);
        let change = change(self.kind, before, Some(wanted), &world.env, &print);
        tell(world, &change, &remarks);
        self.print(change.text, &watched, expires)
    }

    /// Nothing changed; a shell that inherited the state takes it over.
    fn go_on(&self, before: &State) -> Result<()> {
        let mut text = Zeroizing::default();
        if before.shell != self.shell
            && let Some(state) = (State { shell: self.shell, ..before.clone() }).print()
        {
            self.kind.export(&mut text, &shell::state_name(), state.as_bytes());
        }
        self.print(text, &before.watched, before.expires)
    }

    fn leave(&self, watched: &Watched) -> Result<()> {
        if self.context.world.env.get_even_empty(STATE).is_none() {
            return self.print(Zeroizing::default(), watched, None);
        }
        let change = self.given_back(self.before.as_ref());
        tell(self.context.world, &change, &[]);
        self.print(change.text, watched, None)
    }

    fn given_back(&self, before: Option<&State>) -> Change {
        let world = self.context.world;
        let fingerprints = Fingerprints::of(world, before);
        change(self.kind, before, None, &world.env, &|name, value| fingerprints.print(name, value))
    }

    /// Prints the statements, what the shell compares at its next prompts, and the end.
    fn print(&self, mut text: Zeroizing<String>, watched: &Watched, expires: Option<u64>) -> Result<()> {
        text.push_str(&shell::note_idle(self.kind, self.idle(watched, expires).as_ref()));
        text.push_str(END);
        self.context.ui.data(text.as_bytes())
    }

    fn idle(&self, watched: &Watched, expires: Option<u64>) -> Option<Idle> {
        let world = self.context.world;
        if world.env.get("SECRETS_HOOK_IDLE").is_some_and(|wanted| wanted == "0") {
            return None;
        }
        let folder = world.folders.runtime.as_ref().or(world.folders.state.as_ref())?.join("secrets/stamps");
        let files: Vec<PathBuf> = watched.iter().map(|(path, _)| path.clone()).collect();
        let idle = Idle::of(&folder, &files, self.looked.absent.clone(), expires)?;
        // What changed since it was judged is judged anew: a stamp would hide it.
        let is_seen = |(path, seen): &(PathBuf, _)| signature(Path::new(path)) == *seen;
        watched.iter().all(is_seen).then_some(idle)
    }
}

/// Leaves out what is no text, for a shell that can hold nothing else.
fn only_text(mut outcome: Outcome, shell: &str) -> Outcome {
    let is_text = |(_, value): &(Name, Value)| value.is_text();
    let (values, left): (Vec<_>, Vec<_>) = outcome.values.into_iter().partition(is_text);
    let left: Vec<Name> = left.into_iter().map(|(name, _)| name).collect();
    if !left.is_empty() {
        outcome.remarks.push(format!("left out {} (no text, and {shell} holds nothing else)", joined(&left)));
    }
    Outcome { values, ..outcome }
}
