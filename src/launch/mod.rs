//! Starting the program: its environment, and `exec`.

mod editor;
pub mod ending;
mod environ;
mod exec;

pub use editor::Editor;
pub use editor::Guard;
pub use environ::Conflict;
pub use environ::Environ;
pub use environ::Inherit;
pub use environ::Ours;
pub use exec::exec;
