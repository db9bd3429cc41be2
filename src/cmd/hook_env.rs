//! `secrets hook-env`: what a hooked shell evaluates at a prompt.

mod deadline;
mod decide;
mod fingerprints;
mod place;
mod tell;

use std::cell::Cell;
use std::ffi::OsString;
use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::history;
use crate::project;
use crate::shell;
use crate::shell::END;
use crate::shell::Holds;
use crate::shell::STATE;
use crate::shell::change;
use crate::shell::change::Change;
use crate::shell::change::Wanted;
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
use place::Seen;
use place::asked;
use place::choose;
use place::is_in_run;
use place::look;
use place::unchanged;
use tell::tell;

/// Print what a hooked shell evaluates at its next prompt
#[derive(clap::Args)]
pub struct Arguments {
    shell: String,
    /// The shell's process
    process: u32,
    /// Where it asks
    #[arg(value_enum, default_value = "prompt")]
    event: Event,
}

/// Where a shell asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Event {
    /// At a prompt.
    Prompt,
    /// In the middle of a line, which changed the folder.
    Moved,
    /// There, in a subshell that will be gone.
    Inner,
}

impl Arguments {
    /// Reads the command line as the code of a hook writes it; `None` for any other, which clap reads.
    pub fn of(args: &[OsString]) -> Option<Self> {
        let (command, shell, process, event) = match args {
            [_, command, shell, process] => (command, shell, process, Event::Prompt),
            [_, command, shell, process, event] => {
                (command, shell, process, <Event as clap::ValueEnum>::from_str(event.to_str()?, false).ok()?)
            }
            _ => return None,
        };
        let process = process.to_str()?.parse().ok()?;
        (command == "hook-env").then(|| Self { shell: shell.to_string_lossy().into_owned(), process, event })
    }
}

pub fn run(context: &Context<'_>, arguments: &Arguments) -> Result<()> {
    let kind = shell::kind(&arguments.shell)
        .ok_or_else(|| Error::new(Kind::Usage, format!("there is no hook for `{}`", arguments.shell)))?;
    crate::os::end_after(deadline::SECONDS);
    let looked_at = SystemTime::now();
    let before = context.world.env.get(STATE).and_then(State::parse);
    let prompt = Prompt {
        context,
        kind,
        shell: arguments.process,
        event: arguments.event,
        before,
        looked: look(context),
        looked_at,
        is_unclear: Cell::default(),
    };
    match prompt.same_as_before() {
        Some(seen) => prompt.go_on(&seen),
        None => prompt.answer(),
    }
}

/// A shell that asks, and what it holds.
struct Prompt<'a> {
    context: &'a Context<'a>,
    kind: &'static shell::Kind,
    shell: u32,
    event: Event,
    before: Option<State>,
    looked: Looked,
    /// A moment before any file was looked at.
    looked_at: SystemTime,
    /// Whether the project could not be read: what is wrong may be elsewhere than in the files that are watched.
    is_unclear: Cell<bool>,
}

impl Prompt<'_> {
    /// Returns the files that the answer depends on, if nothing at all changed for this shell: by their names and times alone, so
    /// that such a prompt opens none.
    fn same_as_before(&self) -> Option<Vec<Seen>> {
        let (world, before) = (self.context.world, self.before.as_ref()?);
        let is_same = self.looked.folder.as_ref() == Some(&before.root)
            && before.shell == self.shell
            && before.asked == asked(world)
            && world.env.get("SECRETS_RUN").is_none();
        let seen = if is_same { unchanged(before, world.now) } else { None };
        // What was given in the middle of a line may have gone with it.
        let is_there = || {
            let known = Fingerprints::of(world, Some(before));
            let known = |name: &Name, value: &[u8]| known.print(name, value);
            let shell = self.shell(&known, &known);
            before.held.iter().all(|held| shell.is_ours(held))
        };
        seen.filter(|_| !before.has_moved || !self.is_at_prompt() || is_there())
    }

    fn answer(&self) -> Result<()> {
        let (context, world) = (self.context, self.context.world);
        deadline::begin(self.looked_at);
        context.keyring().keep_quiet();
        let Some(folder) = self.looked.folder.clone() else {
            self.forget_mark();
            return self.leave(&[]);
        };
        if let Some(before) = self.before.as_ref().filter(|before| before.root != folder) {
            let mut text = self.given_back(Some(before)).text;
            text.push_str(self.kind.never_idle);
            text.push_str(END);
            deadline::prints(text);
        }
        let target = project::load(&folder).and_then(|project| choose(context, project));
        self.is_unclear.set(target.is_err());
        let mut place = Place::of(context, &folder, target.as_ref().ok());
        if is_in_run(context, target.as_ref().ok()) {
            return self.leave(&place.watched);
        }
        place.watch(unloaded::path(world, self.shell));
        if unloaded::is_marked(world, self.shell, &folder) {
            return self.load(place, Outcome::nothing());
        }
        self.forget_mark();
        let heads: Vec<Seen> = history::head_files(&folder).into_iter().map(Seen::of).collect();
        let outcome = match &target {
            Ok(target) => decide(context, target, &place.watched),
            Err(error) => Outcome::refuses(error.line()),
        };
        let selected = target.as_ref().ok().and_then(Target::selected);
        if selected.is_some_and(|selected| selected.trust.borrow().asked_history()) {
            place.watched.extend(heads);
        }
        self.load(place, outcome)
    }

    /// Leads the shell to what was decided.
    fn load(&self, place: Place, mut outcome: Outcome) -> Result<()> {
        let (world, before) = (self.context.world, self.before.as_ref());
        if self.kind.holds == Holds::Unicode {
            outcome = outcome.only_text(self.kind.name);
        }
        // What is held was marked with the key that was there then; without one what comes needs another.
        let known = Fingerprints::of(world, before);
        let made = if known.is_lost() { Some(Fingerprints::make(world)) } else { None };
        let new = match &made {
            Some(Ok(made)) => made,
            Some(Err(error)) if !outcome.values.is_empty() => {
                outcome = Outcome::refuses(format!("nothing loaded: {}", error.message()));
                &known
            }
            _ => &known,
        };
        // What was judged is what was there before: a change in between is seen at the next prompt.
        let watched = place.watched.clone();
        // Another file than those that are watched may put it right: the state of no shell is never the same.
        let shell = if self.is_unclear.get() { 0 } else { self.shell };
        let state = State { asked: asked(world), shell, expires: outcome.expires, ..place.into_state() };
        let held = before.into_iter().flat_map(|before| &before.held).map(|held| &held.name);
        let held = held.chain(before.into_iter().flat_map(|before| &before.users));
        if !state.has_room_for(outcome.values.iter().map(|(name, _)| name).chain(held)) {
            outcome = Outcome::refuses("the names together are too large for a shell; `secrets run` passes them");
        }
        let told = tell::digest(&outcome.remarks);
        if before.is_some_and(|before| before.told == told && before.root == state.root) {
            outcome.remarks.clear();
        }
        let state = State { told, has_moved: !self.is_at_prompt(), ..state };
        let wanted = Wanted { state, values: outcome.values };
        let known = |name: &Name, value: &[u8]| known.print(name, value);
        let new = |name: &Name, value: &[u8]| new.print(name, value);
        let change = self.shell(&known, &new).change(before, Some(wanted));
        self.tell(&change, &outcome.remarks);
        self.print(change.text, &Basis { watched: &watched, expires: outcome.expires, is_settled: self.is_at_prompt() })
    }

    fn go_on(&self, seen: &[Seen]) -> Result<()> {
        let mut text = Zeroizing::default();
        let moved = self.before.as_ref().filter(|before| before.has_moved);
        let settled = moved.filter(|_| self.is_at_prompt());
        if let Some(state) = settled.and_then(|before| State { has_moved: false, ..before.clone() }.print()) {
            self.kind.export(&mut text, &shell::state_name(), state.as_bytes());
        }
        let expires = self.before.as_ref().and_then(|before| before.expires);
        self.print(text, &Basis { watched: seen, expires, is_settled: moved.is_none() || settled.is_some() })
    }

    fn is_at_prompt(&self) -> bool {
        self.event == Event::Prompt
    }

    fn shell<'a>(
        &'a self,
        known: &'a change::Fingerprints<'a>,
        new: &'a change::Fingerprints<'a>,
    ) -> change::Shell<'a> {
        let is_moving = !self.is_at_prompt();
        change::Shell { kind: self.kind, env: &self.context.world.env, known, new, is_moving }
    }

    /// The shell left the project for which it was emptied; a subshell is not the one that leaves.
    fn forget_mark(&self) {
        if self.event != Event::Inner {
            unloaded::forget(self.context.world, self.shell);
        }
    }

    /// Says what came and went, and the remarks; of a subshell nobody wants to know.
    fn tell(&self, change: &Change, remarks: &[String]) {
        if self.event != Event::Inner {
            tell(self.context.world, change, remarks);
        }
    }

    fn leave(&self, watched: &[Seen]) -> Result<()> {
        let mut basis = Basis { watched, expires: None, is_settled: true };
        if self.context.world.env.get_even_empty(STATE).is_none() {
            return self.print(Zeroizing::default(), &basis);
        }
        let change = self.given_back(self.before.as_ref());
        self.tell(&change, &[]);
        basis.is_settled = self.is_at_prompt();
        self.print(change.text, &basis)
    }

    fn given_back(&self, before: Option<&State>) -> Change {
        let world = self.context.world;
        let fingerprints = Fingerprints::of(world, before);
        let print = |name: &Name, value: &[u8]| fingerprints.print(name, value);
        self.shell(&print, &print).change(before, None)
    }

    /// Prints the statements, what the shell compares at its next prompts, and the end.
    fn print(&self, mut text: Zeroizing<String>, basis: &Basis<'_>) -> Result<()> {
        text.push_str(&shell::note_idle(self.kind, self.idle(basis).as_ref()));
        text.push_str(END);
        self.context.ui.data(text.as_bytes())
    }

    fn idle(&self, basis: &Basis<'_>) -> Option<Idle> {
        let world = self.context.world;
        let is_wanted = world.env.get("SECRETS_HOOK_IDLE").is_none_or(|wanted| wanted != "0");
        // A mode that is put right leaves a file's time as it is.
        let is_open = basis.watched.iter().any(|seen| seen.is_open);
        if !is_wanted || !basis.is_settled || is_open || self.is_unclear.get() {
            return None;
        }
        let folder = world.folders.runtime.as_ref().or(world.folders.state.as_ref())?.join("secrets/stamps");
        // The stamps have the times of what was judged: what changed since is another time, and judged anew.
        let files = basis.watched.iter().map(|seen| (seen.path.as_path(), seen.modified));
        Idle::of(&folder, files, self.looked_at, self.looked.absent.clone(), basis.expires)
    }
}

/// What an answer rests on.
struct Basis<'a> {
    watched: &'a [Seen],
    /// When it ends by itself, in seconds since 1970.
    expires: Option<u64>,
    /// Whether the next prompt need not look once more: what was done in the middle of a line may have gone with it.
    is_settled: bool,
}
