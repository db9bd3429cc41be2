//! What a person sees: the only owner of stdout, stderr, colour and questions.

mod ask;
mod turn;
mod ui;

pub use ask::Terminal;
pub use ui::ColorChoice;
pub use ui::Ui;
pub use ui::tell;
