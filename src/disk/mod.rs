//! Files: bounded reads, private atomic writes, locks, temp folders in memory, and programs on `PATH`.

mod journal;
mod lock;
mod program;
mod read;
mod scratch;
mod transaction;
mod write;

pub use lock::Lock;
pub use program::find_guarded;
pub use program::find_installed;
pub use program::find_program;
pub use read::Limit;
pub use read::read;
pub use read::read_beneath;
pub use read::read_stdin;
pub use scratch::Scratch;
pub use transaction::Change;
pub use transaction::Placed;
pub use transaction::Unfinished;
pub use transaction::commit;
pub use write::make_private_folder;
pub use write::write_new;
pub use write::write_over;
