//! Merges, rebases, diffs and `secrets reseal`, by real git.

mod diff;
mod driver;
mod hostile;
mod pairs;
mod random;
mod repository;
mod reseal;
mod strangers;
