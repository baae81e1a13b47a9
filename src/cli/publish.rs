//! `ulak publish`

use std::path::PathBuf;

use clap::Args;

pub(super) const EXAMPLES: &str = "\
Examples:
  ulak publish event.json                  one event, an array of events, or one event a line
  generate-events | ulak publish -         from standard input
  ulak publish --exchange clinic.events fact.json
  ulak publish --raw --routing-key ulak.payment-receipt.v1 broken.bin
                                           any bytes as they are, to see what becomes of them

Each event is confirmed by RabbitMQ before its line is printed. What a worker makes of it: `ulak log explain ID`.";

/// Publish events to RabbitMQ, each confirmed
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PublishArgs {
    /// File with one event, a JSON array of events, or one event a line; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Exchange to publish to
    #[arg(long, default_value = "ulak.notifications")]
    pub exchange: String,
    /// Routing key instead of each event's own `type`
    #[arg(long, value_name = "KEY")]
    pub routing_key: Option<String>,
    /// Publish the whole file as one body, whatever it is
    #[arg(long, requires = "routing_key")]
    pub raw: bool,
}
