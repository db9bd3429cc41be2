//! What a shell has to do: from what it holds to what is wanted.

use zeroize::Zeroizing;

use crate::base::Env;
use crate::base::Name;
use crate::base::Value;

use super::Kind;
use super::STATE;
use super::Saved;
use super::state::Fingerprint;
use super::state::Held;
use super::state::State;
use super::state_name;

/// Tells a value from another one without holding it.
pub type Fingerprints<'a> = dyn Fn(&Name, &[u8]) -> Fingerprint + 'a;

/// What a shell is to hold.
pub struct Wanted {
    /// The project and the files that the answer depends on; what is held is filled in here.
    pub state: State,
    /// The values, in order; none where nothing is to be loaded.
    pub values: Vec<(Name, Value)>,
}

/// The statements, and what a person is told of them.
#[derive(Default)]
pub struct Change {
    /// One line of statements, without the end; empty where there is nothing to do.
    pub text: Zeroizing<String>,
    /// The names that came: `+` new, `~` over another value.
    pub loaded: Vec<(char, Name)>,
    /// How many names are loaded now.
    pub held: usize,
    /// Whether some of them were loaded before.
    pub is_reload: bool,
    /// The names that went.
    pub unloaded: Vec<Name>,
    /// Names that a person changed, and that were left to him.
    pub kept: Vec<Name>,
}

/// A shell, and what tells the values that it got from those of a person.
pub struct Shell<'a> {
    pub kind: &'a Kind,
    pub env: &'a Env,
    /// For what it holds; the key may be another one than for what comes.
    pub known: &'a Fingerprints<'a>,
    /// For what comes.
    pub new: &'a Fingerprints<'a>,
    /// Whether it is in the middle of a line that changed the folder. There a name may be shadowed, by a local variable or an
    /// assignment before a command: what it holds is told at the prompt.
    pub is_moving: bool,
}

impl Shell<'_> {
    /// Makes the statements that lead from `before` to `wanted`.
    ///
    /// Only a name whose value is still the one that the hook gave is touched; what a person changed is his until he leaves. A
    /// state that somebody else planted can so unset nothing but what the hook could have set.
    pub fn change(&self, before: Option<&State>, wanted: Option<Wanted>) -> Change {
        let none = State::default();
        let before = before.unwrap_or(&none);
        let (ours, users): (Vec<&Held>, Vec<&Held>) = before.held.iter().partition(|held| self.is_ours(held));
        let (mut state, mut values) = match wanted {
            Some(wanted) => (Some(wanted.state), wanted.values),
            None => (None, Vec::new()),
        };
        let mut change = Change::default();
        // Room for every byte as `'\XHH'`, so that the text does not grow and leave copies behind.
        let room = values.iter().map(|(name, value)| 6 * value.len() + 16 * name.as_bytes().len() + 512).sum::<usize>();
        let mut text = Zeroizing::new(String::with_capacity(room + 512 * before.held.len() + (64 << 10)));
        if self.is_moving && !users.is_empty() {
            let left = || State { held: Vec::new(), users: Vec::new(), has_moved: true, ..before.clone() };
            state.get_or_insert_with(left).held.extend(users.iter().map(|held| (*held).clone()));
            values.retain(|(name, _)| !users.iter().any(|held| held.name == *name));
        }
        for held in users.iter().filter(|_| !self.is_moving) {
            text.push_str(&(self.kind.forget)(&Saved::of(&held.name)));
            // What was given in the middle of a line went with it, and comes anew.
            if !(before.has_moved && values.iter().any(|(name, _)| *name == held.name)) {
                change.kept.push(held.name.clone());
            }
        }
        for held in ours.iter().filter(|held| !values.iter().any(|(name, _)| *name == held.name)) {
            text.push_str(&self.back(held));
            change.unloaded.push(held.name.clone());
        }
        let mut sets = Zeroizing::new(String::with_capacity(room));
        if let Some(state) = &mut state {
            if state.root == before.root {
                let now = users.iter().filter(|_| !before.has_moved && !self.is_moving);
                state.users = now.map(|held| held.name.clone()).chain(before.users.iter().cloned()).collect();
            }
            values.retain(|(name, _)| !state.users.contains(name));
            self.load(state, values, &ours, &mut sets, &mut change);
        }
        match state.and_then(|state| state.print()) {
            Some(printed) => self.kind.export(&mut text, &state_name(), printed.as_bytes()),
            None if self.env.get_even_empty(STATE).is_some() => text.push_str(self.kind.unset_state),
            None => {}
        }
        // What is to be given back is noted before anything comes.
        text.push_str(&sets);
        change.text = text;
        change
    }

    /// Tells whether a name has the value that the hook gave.
    pub fn is_ours(&self, held: &Held) -> bool {
        let own = self.env.get_even_empty(held.name.as_str());
        own.is_some_and(|value| (self.known)(&held.name, value.as_encoded_bytes()) == held.fingerprint)
    }

    /// Gives a name back; where it is no plain variable any more, no child gets it at least.
    fn back(&self, held: &Held) -> String {
        let restore = if held.was_exported { self.kind.restore_exported } else { self.kind.restore_plain };
        let (open, close) = (self.kind.guard)(&held.name);
        [open.as_str(), &restore(&Saved::of(&held.name)), &(self.kind.hide)(&held.name), close].concat()
    }

    /// Sets what is wanted and not there.
    fn load(
        &self,
        state: &mut State,
        values: Vec<(Name, Value)>,
        ours: &[&Held],
        sets: &mut String,
        change: &mut Change,
    ) {
        for (name, value) in values {
            let fingerprint = (self.new)(&name, value.expose());
            let known = ours.iter().find(|held| held.name == name);
            let is_exported = self.env.get_even_empty(name.as_str()).is_some();
            change.is_reload |= known.is_some();
            if known.is_none_or(|held| held.fingerprint != fingerprint) {
                let (open, close) = (self.kind.guard)(&name);
                sets.push_str(&open);
                if known.is_none() {
                    sets.push_str(&(self.kind.save)(&Saved::of(&name)));
                }
                self.kind.export(sets, &name, value.expose());
                sets.push_str(close);
                change.loaded.push((if is_exported { '~' } else { '+' }, name.clone()));
            }
            let was_exported = known.map_or(is_exported, |held| held.was_exported);
            state.held.push(Held { name, fingerprint, was_exported });
        }
        change.held = state.held.len();
    }
}
