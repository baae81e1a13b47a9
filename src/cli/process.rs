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

const MIGRATE_EXAMPLES: &str = "\
Examples:
  ulak migrate                             as a role that may create tables

Run it once after each update, before workers and schedulers start. It may be repeated.";

/// Consume notifications and send them
#[derive(Debug, Args)]
#[command(after_help = WORKER_EXAMPLES)]
pub struct WorkerArgs {}

/// Release what is due, sweep leases, close and open lanes
#[derive(Debug, Args)]
#[command(after_help = SCHEDULER_EXAMPLES)]
pub struct SchedulerArgs {}

/// Bring the database to this version and declare the broker's queues
#[derive(Debug, Args)]
#[command(after_help = MIGRATE_EXAMPLES)]
pub struct MigrateArgs {}
