//! A lossless `.env`: what was read prints back to the byte.
//!
//! The dialect that people really have, where quotes are syntax. Nothing is interpolated. Where the common readers
//! disagree, a file is refused with line and column instead of guessed at; `docs/dotenv.md` has the table.

mod cursor;
mod document;
mod parse;
mod quote;

pub use document::Document;
pub use document::Entry;
pub use document::Line;
pub use quote::Quoted;
pub use quote::quote;
