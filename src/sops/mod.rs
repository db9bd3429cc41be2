//! The sealed file: SOPS' dotenv format in both directions, a reader stricter than sops', and our seal.
//!
//! Source of the rules: `docs/format.md`.

mod cipher;
mod codec;
mod draft;
mod mac;
mod metadata;
mod number;
mod seal;
mod selector;
mod shamir;
mod strict;
mod text;
mod wrap;
mod write;

pub use cipher::DataKey;
pub use codec::MOST_FILE;
pub use codec::Opened;
pub use codec::Plain;
pub use codec::SealedFile;
pub use codec::is_sealed_file;
pub use draft::Draft;
pub use draft::Row;
pub use metadata::Metadata;
pub use metadata::Wrap;
pub use seal::Place;
pub use seal::Seal;
pub use selector::Selector;
pub use strict::Leniency;
pub use strict::Notes;
pub use text::Content;
pub use text::Item;
pub use text::PlainFile;
pub use text::unescape;
pub use wrap::Recipient;
pub use wrap::short;
pub use write::Sealing;
pub use write::Written;
