//! Words that every room uses: no disk, no network, no terminal.

mod ask;
mod error;
mod name;
mod random;
mod reference;
mod span;
mod text;
mod timestamp;
mod value;
mod world;

pub use ask::Ask;
pub use error::Error;
pub use error::Kind;
pub use error::Result;
pub use name::Name;
pub use name::Pattern;
pub(crate) use name::glob;
pub use random::random;
pub use reference::Reference;
pub use span::seconds;
pub use text::hex;
pub use text::is_unsafe;
pub use text::printable;
pub use text::quoted_list;
pub use timestamp::Timestamp;
pub use value::Value;
pub use world::Env;
pub use world::Folders;
pub use world::World;
