//! Which values a program gets: first names and origins, without a key; then the values.

mod fill;
mod layer;
mod plan;
pub mod policy;
mod stored;

pub use fill::Filled;
pub use fill::Filling;
pub use fill::Judge;
pub use fill::open;
pub use layer::Layer;
pub use layer::Source;
pub use layer::personal_reference;
pub use layer::sealed_layer;
pub use layer::unsealed_warning;
pub use plan::Plan;
pub use plan::Request;
pub use plan::Row;
pub use plan::Selected;
pub use plan::plan;
pub use stored::Stored;
