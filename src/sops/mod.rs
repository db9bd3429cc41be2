//! The sealed file: SOPS' dotenv format in both directions, a reader stricter than sops', and our seal.
//!
//! Source of the rules: `docs/format.md`.

mod cipher;
mod codec;
mod draft;
mod link;
mod mac;
mod merge;
mod metadata;
mod number;
mod rewrap;
mod seal;
mod selector;
mod shamir;
mod spelling;
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
pub use link::Bytes32;
pub use link::LinkKey;
pub use link::MOST_LINKS;
pub use link::commitment;
pub use link::merged_digest;
pub use merge::Conflict;
pub use merge::Merged;
pub use merge::merge;
pub use merge::merge_wraps;
pub use metadata::Metadata;
pub use metadata::Wrap;
pub use seal::Links;
pub use seal::NextSeal;
pub use seal::Place;
pub use seal::Seal;
pub use seal::Version;
pub use selector::Selector;
pub use spelling::from_base64;
pub use spelling::to_base64;
pub use strict::Leniency;
pub use strict::Notes;
pub use text::Content;
pub use text::Item;
pub use text::PlainFile;
pub use text::unescape;
pub use wrap::Recipient;
pub use wrap::key_of;
pub use wrap::short;
pub use write::Written;
