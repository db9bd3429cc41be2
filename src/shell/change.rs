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
pub struct Change {
    /// One line of statements, without the end; empty where there is nothing to do.
    pub text: Zeroizing<String>,
    /// The names that came: `+` new, `~` over another value.
    pub loaded: Vec<(char, Name)>,
    /// How many names are loaded now.
    pub held: usize,
    /// How many names went.
    pub unloaded: usize,
    /// Names that a person changed, and that were left to him.
    pub kept: Vec<Name>,
}

/// Makes the statements that lead from `before` to `wanted`.
///
/// Only a name whose value is still the one that the hook gave is touched, by `known`, which may have another key than
/// `fingerprints`, for what comes; what a person changed is his until he leaves. A state that somebody else planted can so unset nothing but what the hook could have set.
pub fn change(
    kind: &Kind,
    before: Option<&State>,
    wanted: Option<Wanted>,
    env: &Env,
    known: &Fingerprints<'_>,
    fingerprints: &Fingerprints<'_>,
) -> Change {
    let mut change = Change { text: Zeroizing::default(), loaded: Vec::new(), held: 0, unloaded: 0, kept: Vec::new() };
    let own = |name: &Name| env.get_even_empty(name.as_str());
    let is_ours =
        |held: &Held| own(&held.name).is_some_and(|v| known(&held.name, v.as_encoded_bytes()) == held.fingerprint);
    let none = State::default();
    let before = before.unwrap_or(&none);
    let (mut state, values) = match wanted {
        Some(wanted) => (Some(wanted.state), wanted.values),
        None => (None, Vec::new()),
    };
    let is_same_place = state.as_ref().is_some_and(|state| state.root == before.root);
    let (ours, users): (Vec<&Held>, Vec<&Held>) = before.held.iter().partition(|held| is_ours(held));
    // Room for every byte as `'\XHH'`, so that the text does not grow and leave copies behind.
    let room = values.iter().map(|(name, value)| 6 * value.len() + 16 * name.as_bytes().len() + 512).sum::<usize>();
    let mut text = Zeroizing::new(String::with_capacity(room + 512 * before.held.len() + (64 << 10)));
    let mut sets = Zeroizing::new(String::with_capacity(room));
    for held in &users {
        text.push_str(&(kind.forget)(&Saved::of(&held.name)));
        change.kept.push(held.name.clone());
    }
    for held in ours.iter().filter(|held| !values.iter().any(|(name, _)| *name == held.name)) {
        let restore = if held.was_exported { kind.restore_exported } else { kind.restore_plain };
        let (open, close) = (kind.guard)(&held.name);
        text.extend([open.as_str(), &restore(&Saved::of(&held.name)), close]);
        change.unloaded += 1;
    }
    if let Some(state) = &mut state {
        let left: Vec<Name> = users.iter().map(|held| held.name.clone()).chain(before.users.iter().cloned()).collect();
        state.users = if is_same_place { left } else { Vec::new() };
        for (name, value) in values.into_iter().filter(|(name, _)| !state.users.contains(name)) {
            let fingerprint = fingerprints(&name, value.expose());
            let known = ours.iter().find(|held| held.name == name);
            let is_exported = own(&name).is_some();
            if known.is_none_or(|held| held.fingerprint != fingerprint) {
                let (open, close) = (kind.guard)(&name);
                sets.push_str(&open);
                if known.is_none() {
                    sets.push_str(&(kind.save)(&Saved::of(&name)));
                }
                kind.export(&mut sets, &name, value.expose());
                sets.push_str(close);
                change.loaded.push((if is_exported { '~' } else { '+' }, name.clone()));
            }
            let was_exported = known.map_or(is_exported, |held| held.was_exported);
            state.held.push(Held { name, fingerprint, was_exported });
        }
        change.held = state.held.len();
    }
    match state.and_then(|state| state.print()) {
        Some(printed) => {
            kind.export(&mut text, &state_name(), printed.as_bytes());
        }
        None if env.get_even_empty(STATE).is_some() => text.push_str(kind.unset_state),
        None => {}
    }
    // What is to be given back is noted before anything comes.
    text.push_str(&sets);
    change.text = text;
    change
}
