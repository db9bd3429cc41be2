//! The team at work: which files there are, who reads them, who has read them, and new wraps and keys for all of them.

mod access;
mod exposure;
mod kin;
mod rewrap;
mod scope;
mod trail;

pub use access::Cell;
pub use access::Column;
pub use access::Matrix;
pub use access::Row;
pub use exposure::Exposure;
pub use exposure::Past;
pub use exposure::Pasts;
pub use exposure::pasts;
pub use kin::copies;
pub use rewrap::Job;
pub use rewrap::Prepared;
pub use rewrap::Rewrap;
pub use rewrap::prepare;
pub use scope::Scope;
pub use scope::Site;
