//! The worker: decides *whether and how*. Start reading at [`pipeline`].

pub mod consent;
pub mod gather;
pub mod hold;
pub mod intake;
pub mod lanes;
pub mod pipeline;
pub mod quiet;
pub mod retry;
pub mod settings;
pub mod worker;

pub use quiet::QuietHours;
pub use settings::Settings;
pub use worker::Worker;
