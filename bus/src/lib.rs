//! RabbitMQ as Ulak uses it: one topology, publishing with confirms, supervised consuming.
//!
//! The rules are `DESIGN.md` §3.2; why each of them is there was measured, see the project's RabbitMQ fact sheet
//! (`rabbitmq_practice.md`, `probes.md` §7) and the tests in `bus/tests`.
//!
//! A process has one [`Bus`]: two connections (publishing apart from consuming, because the broker stops *publishing*
//! connections when it runs short of memory, and acks must still flow), both supervised without limit of time.

mod consumer;
mod delivery;
mod error;
mod inspect;
mod link;
mod process;
mod publisher;
mod settings;
mod topology;

pub use consumer::{ConsumeCounts, Consumer, ConsumerState, Deliveries};
pub use delivery::{Acked, Death, Delivery, Headers};
pub use error::{BusError, Object};
pub use inspect::Inspected;
pub use link::LinkState;
pub use process::Bus;
pub use publisher::{Fate, Outgoing, PublishCounts, Publisher};
pub use settings::BusSettings;
pub use topology::{Topology, names};

/// Directive for the log filter of every process that uses this crate.
///
/// lapin logs a returned message *with its body* at `warn` and repeats at `error` what this crate already says once:
/// without this directive a clinic's event could reach a log line (lapin 4.12 `returned_messages.rs`).
pub const LOG_DIRECTIVE: &str = "lapin=off";
