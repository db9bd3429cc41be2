//! Git's side of a sealed file: the merge driver, what a diff shows, and their installation.

mod compare;
mod install;
mod merge;
mod show;

pub use compare::Changes;
pub use compare::Side;
pub use compare::compare;
pub use compare::read;
pub use install::install;
pub use merge::Choice;
pub use merge::DATA_KEYS;
pub use merge::Outcome;
pub use merge::Resolution;
pub use merge::merge;
pub use merge::merge_anew;
pub use show::show;
