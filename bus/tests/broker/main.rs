//! The bus against a real RabbitMQ: `scripts/services run DIR -- cargo test -p bus`.
//!
//! One binary, because its tests share a node: those that disturb the whole node take it for themselves (see `node`).
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]
#![expect(
    clippy::print_stderr,
    reason = "what a disturbance did is worth reading with --nocapture"
)]

mod connecting;
mod consuming;
mod disturbing;
mod draining;
mod node;
mod publishing;
mod topology;
mod wire;
