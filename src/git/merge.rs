//! A merge by name of two sealed files: the rules of `docs/trust.md`, "Merges".

use std::collections::BTreeSet;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Result;
use crate::base::Timestamp;
use crate::base::quoted_list;
use crate::history::Old;
use crate::history::Sides;
use crate::keys::Keyring;
use crate::sops;
use crate::sops::Conflict;
use crate::sops::Draft;
use crate::sops::Leniency;
use crate::sops::Links;
use crate::sops::NextSeal;
use crate::sops::Opened;
use crate::sops::SealedFile;
use crate::sops::Selector;
use crate::sops::Wrap;
use crate::sops::Written;

/// The rule of [`merge`] that one side's data key follows the other's.
pub const DATA_KEYS: &str = "merge-data-keys";

/// Which side's value stays where both changed a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choice {
    Ours,
    Theirs,
}

/// What becomes of names that both sides changed to different values.
pub enum Resolution<'a> {
    /// A person says for each.
    Ask(&'a mut dyn FnMut(&Conflict) -> Result<Choice>),
    /// Ours stay, and the file gets no seal: a person has to look.
    Leave,
}

/// What a merge came to.
pub struct Outcome {
    /// The merged file.
    pub written: Written,
    /// The names that both sides changed, and that nobody decided.
    pub conflicts: Vec<String>,
    /// Why the file has no seal, although a side had one.
    pub unsealed: Option<String>,
}

/// Merges two versions that come from `base`, with an identity that opens all of them.
///
/// # Errors
/// `Kind::Locked` if no identity here opens a side, or one was tampered with; `Kind::Failed` if both sides have data keys
/// of which neither follows the other: nobody can tell which one is meant.
pub fn merge(sides: &Sides, keyring: &mut Keyring, resolution: Resolution<'_>, now: Timestamp) -> Result<Outcome> {
    let (base, ours, theirs) = open_all(sides, keyring)?;
    let (base, ours, theirs) = (base.as_ref(), &ours, &theirs);
    let main = keyed(base, ours, theirs)?;
    let other = if std::ptr::eq(main, ours) { theirs } else { ours };
    let mut merged = merge_drafts(base, ours, theirs)?;
    let conflicts = resolve(&mut merged, resolution)?;
    let unsealed = seal_or_why_not(base, ours, theirs, &conflicts);
    let unsealed = unsealed.map_or_else(|| taken_back(sides.old, ours, theirs, &merged.draft), |why| Ok(Some(why)))?;
    let seal = match (&unsealed, main.version(), other.version()) {
        (None, Some(main), Some(other)) => Some(next_seal(&main, &other)),
        _ => None,
    };
    let wraps = wraps(base, main, other);
    let selector = selector(base, ours, theirs);
    let latest = |side: &Opened| side.file().metadata().last_modified;
    let now = now.later_of(latest(ours)).later_of(latest(theirs));
    let written = merged.draft.rewrite_merged(&[main, other], &wraps, selector, seal, now)?;
    let had_seal = ours.file().seal().is_some() || theirs.file().seal().is_some();
    Ok(Outcome { written, conflicts, unsealed: unsealed.filter(|_| had_seal) })
}

/// Merges two versions of which neither data key follows the other: returns what they come to, and the versions, ours before
/// theirs at the end. The caller writes it under a new data key.
///
/// # Errors
/// As [`merge`].
pub fn merge_anew(sides: &Sides, keyring: &mut Keyring, resolution: Resolution<'_>) -> Result<(Draft, Vec<Opened>)> {
    let (base, ours, theirs) = open_all(sides, keyring)?;
    let mut merged = merge_drafts(base.as_ref(), &ours, &theirs)?;
    resolve(&mut merged, resolution)?;
    Ok((merged.draft, base.into_iter().chain([ours, theirs]).collect()))
}

fn open_all(sides: &Sides, keyring: &mut Keyring) -> Result<(Option<Opened>, Opened, Opened)> {
    let base = sides.base.as_deref().filter(|base| !base.is_empty());
    let base = base.map(|base| open(base, "the common version", keyring)).transpose()?;
    Ok((base, open(&sides.ours, "our side", keyring)?, open(&sides.theirs, "their side", keyring)?))
}

fn merge_drafts(base: Option<&Opened>, ours: &Opened, theirs: &Opened) -> Result<sops::Merged> {
    let base = base.map_or_else(|| Ok(Draft::default()), Draft::of)?;
    Ok(sops::merge(&base, &Draft::of(ours)?, &Draft::of(theirs)?))
}

/// Returns which names an old side takes back, as the reason not to seal; `None` if there is no old side, or it changes nothing.
///
/// A side that the other's history has had brings no change. By value alone it may look like one: committed on a branch from
/// before it, it would come out of the merge with a new number.
fn taken_back(old: Option<Old>, ours: &Opened, theirs: &Opened, merged: &Draft) -> Result<Option<String>> {
    let (side, other) = match old {
        None => return Ok(None),
        Some(Old::Ours) => ("our", theirs),
        Some(Old::Theirs) => ("their", ours),
    };
    let other = Draft::of(other)?;
    let same = |name: &Name| match (merged.value(name), other.value(name)) {
        (Some(one), Some(other)) => one.same_as(other),
        (one, other) => one.is_none() && other.is_none(),
    };
    let names: BTreeSet<&Name> = merged.names().chain(other.names()).filter(|name| !same(name)).collect();
    let names: Vec<&str> = names.into_iter().map(Name::as_str).collect();
    Ok((!names.is_empty())
        .then(|| format!("{side} side is an old version, and with it the merge would change {}", quoted_list(&names))))
}

fn open(file: &[u8], shown: &str, keyring: &mut Keyring) -> Result<Opened> {
    let in_side = |error: Error| error.in_front(format!("{shown}: "));
    let (file, _) = SealedFile::read(file, Leniency::None, None).map_err(in_side)?;
    let key = keyring.open(&file, shown, &file.recipients().into_iter().map(sops::short).collect::<Vec<_>>())?;
    file.open(key).map_err(in_side)
}

/// Returns the side whose data key the merged file has.
///
/// A key that is new on one side must have proof of the other side's key. Without that somebody who can write to the
/// repository could make a file of his own, and a merge would encrypt our values under his key.
fn keyed<'a>(base: Option<&Opened>, ours: &'a Opened, theirs: &'a Opened) -> Result<&'a Opened> {
    let (our_key, their_key) = (ours.commitment(), theirs.commitment());
    if our_key == their_key {
        return Ok(ours);
    }
    // Where both sides were rekeyed each key may have a proof of the other: whoever made the second one knew the first. But
    // the readers of neither are those of both, and one side may have removed somebody.
    let both = base.is_some_and(|base| ![our_key, their_key].contains(&base.commitment()));
    match (follows(ours, theirs), follows(theirs, ours)) {
        (true, false) if !both => Ok(ours),
        (false, true) if !both => Ok(theirs),
        _ => {
            let what =
                if both { "both sides were rekeyed" } else { "one side has a data key without proof of the other's" };
            let error = Error::new(Kind::Failed, what);
            let error = if both {
                error
            } else {
                error.because("whoever can write to the repository could have made that side")
            };
            Err(error.rule(DATA_KEYS).hint("`secrets reseal` merges them by name and makes a new data key"))
        }
    }
}

/// Tells whether a version's data key has proof of the other's.
fn follows(new: &Opened, old: &Opened) -> bool {
    let (old_key, link) = (old.commitment(), old.link_key());
    new.version().is_some_and(|version| {
        let proof = version.links.iter().find(|(named, _)| *named == old_key);
        proof.is_some_and(|(_, tag)| link.proves(&version.place, &old_key, &version.commitment, tag))
    })
}

/// Decides each conflict, or names those that nobody decided.
fn resolve(merged: &mut sops::Merged, resolution: Resolution<'_>) -> Result<Vec<String>> {
    let ask = match resolution {
        Resolution::Leave => return Ok(merged.conflicts.iter().map(|conflict| conflict.name.to_string()).collect()),
        Resolution::Ask(ask) => ask,
    };
    for conflict in &merged.conflicts {
        let chosen = match ask(conflict)? {
            Choice::Ours => &conflict.ours,
            Choice::Theirs => &conflict.theirs,
        };
        match chosen {
            Some(value) => merged.draft.set(&conflict.name, value.duplicate()),
            None => {
                merged.draft.unset(&conflict.name);
            }
        }
    }
    Ok(Vec::new())
}

/// Returns why the merged file is not sealed; `None` if it is. A driver must not bless what nobody sealed.
fn seal_or_why_not(base: Option<&Opened>, ours: &Opened, theirs: &Opened, conflicts: &[String]) -> Option<String> {
    let (Some(our), Some(their)) = (ours.version(), theirs.version()) else {
        return Some("a side has no seal".to_string());
    };
    if our.place != their.place {
        return Some("the sides are sealed for different places".to_string());
    }
    if let Some(common) = base {
        let Some(base) = common.version() else { return Some("the common version has no seal".to_string()) };
        for (opened, side) in [(ours, &our), (theirs, &their)] {
            if side.commitment != base.commitment && !follows(opened, common) {
                return Some("a side went back to a data key that was replaced".to_string());
            }
            // Else an old version, put back on a branch, would come out of the merge with a new number.
            if side.digest != base.digest && side.seq <= base.seq {
                return Some(format!(
                    "a side has version {}, which is not newer than the common one, {}",
                    side.seq, base.seq
                ));
            }
        }
    }
    (!conflicts.is_empty()).then(|| "both sides changed the same names".to_string())
}

fn next_seal(main: &sops::Version, other: &sops::Version) -> NextSeal {
    let is_same_key = main.commitment == other.commitment;
    let links = if is_same_key && other.links.len() > main.links.len() { &other.links } else { &main.links };
    NextSeal {
        place: main.place.clone(),
        // Numbers of two data keys are not compared: whoever holds the old one could have made any.
        seq: if is_same_key { main.seq.max(other.seq) } else { main.seq }.saturating_add(1),
        prev: sops::merged_digest(&main.digest, &other.digest),
        links: Links::Carried(links.clone()),
    }
}

/// Under one data key the wraps of both sides; after a rekey those of the new key alone. Whoever holds the old key could
/// have made the other side, so nobody gets the new one because he stands there.
fn wraps(base: Option<&Opened>, main: &Opened, other: &Opened) -> Vec<Wrap> {
    let of = |side: &Opened| side.file().metadata().wraps().cloned().collect::<Vec<Wrap>>();
    if main.commitment() != other.commitment() {
        return of(main);
    }
    sops::merge_wraps(&base.map(of).unwrap_or_default(), &of(main), &of(other))
}

fn selector<'a>(base: Option<&Opened>, ours: &'a Opened, theirs: &'a Opened) -> &'a Selector {
    let of = |side: &Opened| {
        side.file().metadata().selector.written().map(|(name, value)| (name.to_string(), value.to_vec()))
    };
    let is_ours_changed = base.is_none_or(|base| of(base) != of(ours));
    let side = if is_ours_changed { ours } else { theirs };
    &side.file().metadata().selector
}
