//! Values that lie in stores: references of a project, and a person's own.

use std::fmt;

use crate::base::Error;
use crate::base::Kind;
use crate::base::Name;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Value;
use crate::base::quoted_list;
use crate::store;

/// A name whose value is in a store.
pub struct Stored {
    /// The name.
    pub name: Name,
    /// Where the value is.
    pub reference: Reference,
    /// Whether a program starts without it.
    pub is_optional: bool,
    /// Whether it is this person's own, and not the project's.
    pub is_personal: bool,
    /// The environment that it belongs to.
    pub environment: String,
}

/// What a store said of one name.
struct Failure {
    name: String,
    error: Error,
}

impl Stored {
    /// Refuses a reference that its store cannot mean, before anything is asked.
    ///
    /// # Errors
    /// `Kind::Refused` for a store that this build does not know; whatever the store says of its form.
    pub fn check(&self) -> Result<()> {
        if self.is_personal {
            return Ok(());
        }
        store::kind_of(&self.reference).and_then(|kind| (kind.check)(&self.reference)).map_err(|error| {
            error.in_front(format!("`{}`: ", self.name)).hint(format!("leave it out with `--except {}`", self.name))
        })
    }

    fn absent(&self) -> Error {
        let error = Error::new(Kind::Failed, format!("`{}` has no value yet", self.reference));
        let (name, environment) = (&self.name, &self.environment);
        if self.is_personal {
            return Error::new(Kind::Failed, "your own value is gone from the keychain")
                .hint(format!("`secrets set --local {name} --env {environment}` gives it one again"))
                .hint(format!("`secrets unset --local {name} --env {environment}` leaves it to the project"));
        }
        match store::kind_of(&self.reference) {
            Ok(kind) => error.hint((kind.absent)(name.as_str(), environment)),
            Err(_) => error,
        }
    }
}

/// Reads values, each store once; gives each with its place in `wanted`. An optional one that is absent is left out.
///
/// # Errors
/// All that failed, in one error: its kind is the first of refused, locked, failed and unreachable, since a repetition alone
/// cures only the last.
pub fn read(wanted: &[&Stored]) -> Result<Vec<(usize, Value)>> {
    let mut values = Vec::new();
    let mut failures = Vec::new();
    for kind in store::KINDS {
        let of_kind: Vec<usize> =
            (0..wanted.len()).filter(|at| wanted[*at].reference.scheme() == kind.scheme).collect();
        if of_kind.is_empty() {
            continue;
        }
        let references: Vec<&Reference> = of_kind.iter().map(|at| &wanted[*at].reference).collect();
        let names: Vec<&str> = of_kind.iter().map(|at| wanted[*at].name.as_str()).collect();
        match (kind.open)().read(&references) {
            Err(error) => failures.push(Failure { name: quoted_list(&names), error }),
            Ok(read) => {
                for (at, read) in of_kind.into_iter().zip(read) {
                    let stored = wanted[at];
                    let fail = |error| Failure { name: format!("`{}`", stored.name), error };
                    match read {
                        Ok(Some(value)) => values.push((at, value)),
                        Ok(None) if stored.is_optional => {}
                        Ok(None) => failures.push(fail(stored.absent())),
                        Err(error) => failures.push(fail(error)),
                    }
                }
            }
        }
    }
    if failures.is_empty() { Ok(values) } else { Err(together(failures)) }
}

fn together(mut failures: Vec<Failure>) -> Error {
    if failures.len() == 1 {
        let Failure { name, error } = failures.remove(0);
        return error.in_front(format!("{name}: "));
    }
    let order = [Kind::Refused, Kind::Locked, Kind::Failed];
    let has = |kind: &Kind| failures.iter().any(|failure| failure.error.kind() == *kind);
    let kind = order.into_iter().find(|kind| has(kind)).unwrap_or(Kind::Unreachable);
    let mut hints: Vec<String> = failures.iter().flat_map(|failure| failure.error.hints()).cloned().collect();
    hints.dedup();
    let mut lines = None;
    for Failure { name, error } in failures.iter().rev() {
        let mut parts = vec![format!("{name}: {}", error.message())];
        parts.extend(error.causes());
        lines = Some(Box::new(Line { text: parts.join(": "), next: lines }));
    }
    let error = Error::new(kind, format!("{} values cannot be had from their stores", failures.len()));
    let error = match lines {
        Some(lines) => error.because(*lines),
        None => error,
    };
    hints.into_iter().fold(error, Error::hint)
}

/// One failure of several, with the others as its causes: each is a line of the report.
#[derive(Debug)]
struct Line {
    text: String,
    next: Option<Box<Line>>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Line {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_failures_are_told_and_the_kind_that_no_repetition_cures_decides() {
        let fail = |name: &str, kind, message: &str| Failure { name: name.into(), error: Error::new(kind, message) };
        let error = together(vec![fail("`A`", Kind::Unreachable, "away"), fail("`B`", Kind::Failed, "absent")]);
        assert_eq!(error.kind(), Kind::Failed);
        assert_eq!(error.causes(), ["`A`: away", "`B`: absent"]);
        let error = together(vec![fail("`A`", Kind::Unreachable, "away")]);
        assert_eq!((error.kind(), error.message()), (Kind::Unreachable, "`A`: away"));
    }
}
