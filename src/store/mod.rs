//! Stores: where a value lives that no file of the project holds. One file and one row in the table for each.

mod keychain;

use crate::base::Error;
use crate::base::Kind as ErrorKind;
use crate::base::Reference;
use crate::base::Result;
use crate::base::Value;

/// A store that was reached.
pub trait Store {
    /// Reads what references of this store lead to, in one conversation where the store has one; in their order, each as a
    /// value, as `None` if it is absent, or with its own error.
    ///
    /// # Errors
    /// `Kind::Unreachable` if the store does not answer at all.
    fn read(&self, references: &[&Reference]) -> Result<Vec<Result<Option<Value>>>>;

    /// Writes a value, over one that is there.
    ///
    /// # Errors
    /// `Kind::Failed`, `Kind::Locked` or `Kind::Unreachable`, and then nothing was changed as far as the store tells.
    fn write(&self, reference: &Reference, value: Value) -> Result<()>;

    /// Takes a value away; returns whether there was one.
    ///
    /// # Errors
    /// As [`Self::write`].
    fn remove(&self, reference: &Reference) -> Result<bool>;
}

/// What is known of a store before it is reached: a row of the table.
pub struct Kind {
    /// The word in front of its references.
    pub scheme: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// What to do where a value is absent, for a name of an environment.
    pub absent: fn(&str, &str) -> String,
    /// Refuses a reference of a project that this store cannot mean, before anything is asked.
    pub check: fn(&Reference) -> Result<()>,
    /// Makes what speaks to it; nothing is asked yet.
    pub open: fn() -> Box<dyn Store>,
}

/// Every store that this build knows.
pub const KINDS: &[Kind] = &[keychain::KIND];

/// Returns the row of a reference's store.
///
/// # Errors
/// `Kind::Refused` for a store that this build does not know.
pub fn kind_of(reference: &Reference) -> Result<&'static Kind> {
    let scheme = reference.scheme();
    KINDS.iter().find(|kind| kind.scheme == scheme).ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.scheme).collect();
        Error::new(ErrorKind::Refused, format!("this version knows no store `{scheme}`"))
            .hint(format!("it knows {}", crate::base::quoted_list(&known)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_scheme() {
        for kind in KINDS {
            let reference = Reference::parse(&format!("{}://a/b", kind.scheme)).unwrap();
            assert_eq!(kind_of(&reference).unwrap().scheme, kind.scheme);
            assert!(!kind.summary.is_empty() && (kind.absent)("NAME", "top").contains("NAME"));
        }
        let unknown = Reference::parse("attic://a/b").unwrap();
        assert!(kind_of(&unknown).is_err_and(|error| error.kind() == ErrorKind::Refused));
    }
}
