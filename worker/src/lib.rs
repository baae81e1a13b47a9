//! The worker: decides *whether and how*. Start reading at [`pipeline`].

pub mod consent;
pub mod consent_share;
pub mod gather;
pub mod hold;
pub mod intake;
pub mod lanes;
pub mod outage;
pub mod pipeline;
pub mod quiet;
pub mod retry;
pub mod settings;
pub mod token;
pub mod worker;

pub use quiet::QuietHours;
pub use settings::Settings;
pub use worker::Worker;
