//! `ulak publish`

use std::path::PathBuf;

use clap::Args;

pub(super) const EXAMPLES: &str = "\
Examples:
  ulak publish event.json                  one event, an array of events, or one event a line
  generate-events | ulak publish -         from standard input
  ulak publish booked.json                 a fact: what follows from it is planned
  ulak publish --raw --routing-key ulak.payment-receipt.v1 broken.bin
                                           any bytes as they are, to see what becomes of them
  ulak publish --dry-run event.json        only checks; needs no broker

Facts (clinic.…) go to clinic.events, notifications (ulak.…) to ulak.notifications.
Every event is checked as a worker would, and in its words, before the first one is published; if one is refused,
nothing is. Clinics are those of the configuration; where it has none, any clinic passes.
Each event is confirmed by RabbitMQ before its line is printed. With broker.url = \"none\" it goes straight into the ledger and is
in it when its line is printed; `ulak up` beside it sends at once. What a worker makes of it: `ulak log explain ID`.";

/// Publish events to RabbitMQ, each checked and confirmed; without a broker into the ledger
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PublishArgs {
    /// File with one event, a JSON array of events, or one event a line; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Exchange to publish to, instead of clinic.events for facts and ulak.notifications for all else
    #[arg(long)]
    pub exchange: Option<String>,
    /// Routing key instead of each event's own `type`
    #[arg(long, value_name = "KEY")]
    pub routing_key: Option<String>,
    /// Publish the whole file as one body, whatever it is
    #[arg(long, requires = "routing_key")]
    pub raw: bool,
    /// Publish also what a worker will refuse, to see what becomes of it. --raw and other exchanges are never checked
    #[arg(long)]
    pub no_check: bool,
    /// Check, and publish nothing
    #[arg(long, conflicts_with_all = ["no_check", "exchange"])]
    pub dry_run: bool,
}
