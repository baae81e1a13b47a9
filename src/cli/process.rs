//! `ulak worker`, `ulak scheduler`, `ulak migrate`: all they need stands in the configuration.

use clap::Args;

const WORKER_EXAMPLES: &str = "\
Examples:
  ulak worker
  ULAK_WORKER__LISTEN=127.0.0.1:0 ulak worker    a second one on the same machine

Run as many as you like. SIGTERM finishes what is in flight (worker.drain_s) and ends with 0; a second one ends at once.";

const SCHEDULER_EXAMPLES: &str = "\
Examples:
  ulak scheduler

SIGTERM ends it with 0; a second one ends it at once.";

const GATEWAY_EXAMPLES: &str = "\
Examples:
  ulak gateway                             POST /v1/events and the rest of docs/http.md, at gateway.listen

For an installation on PostgreSQL; `ulak up` has the door inside. As many as you like. SIGTERM finishes the requests that have
begun and ends with 0; a second one ends at once.";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  ulak migrate                             as a role that may create tables
  ulak migrate --from sqlite://ulak.db --to postgres://ulak@db/ulak

Run it once after each update, before workers and schedulers start. It may be repeated.

With --from everything moves to another database: stop `ulak up` first. All rows are written in one transaction, counted and
compared by their hashes; the old ledger is then marked and nothing is sent from it any more. Both use the same master key.";

/// Consume notifications and send them
#[derive(Debug, Args)]
#[command(after_help = WORKER_EXAMPLES)]
pub struct WorkerArgs {}

/// Release what is due, sweep leases, close and open lanes
#[derive(Debug, Args)]
#[command(after_help = SCHEDULER_EXAMPLES)]
pub struct SchedulerArgs {}

/// Serve the HTTP door: events in, what became of them out
#[derive(Debug, Args)]
#[command(after_help = GATEWAY_EXAMPLES)]
pub struct GatewayArgs {}

/// Bring the database to this version and declare the broker's queues
#[derive(Debug, Args)]
#[command(after_help = MIGRATE_EXAMPLES)]
pub struct MigrateArgs {
    /// Move the ledger at this address (sqlite:// or postgres://) instead
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// Where it moves to [default: database.url]
    #[arg(long, value_name = "URL", requires = "from")]
    pub to: Option<String>,
}
