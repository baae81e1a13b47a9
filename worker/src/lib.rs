//! The worker: decides *whether and how*. Start reading at [`pipeline`].

pub mod caps;
pub mod consent;
pub mod consent_netgsm;
pub mod consent_share;
pub mod intake;
pub mod jobs;
pub mod lanes;
mod measure;
pub mod outage;
pub mod pace;
pub mod pipeline;
mod quota;
pub mod retry;
pub mod settings;
pub mod spans;
pub mod token;
pub mod worker;

pub use schemas::hold;
pub use schemas::quiet::{self, QuietHours};
pub use settings::Settings;
pub use worker::Worker;
