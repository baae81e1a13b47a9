//! `ulak up`: all it needs stands in the configuration.

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  ulak up                                  in an empty folder: writes ulak.toml and ulak.key, and says what to fill in
  ulak up                                  from then on: releases, sends and takes events in over HTTP
  ulak --config /etc/ulak/ulak.toml up     with another file, which the first start writes too

Events come in at gateway.listen (POST /v1/events, with a token of `ulak token create`) or by `ulak publish` beside it.
/healthz and /readyz are there too. It makes and updates its database itself. One at a time works with a SQLite file; it
also runs on PostgreSQL, and with a broker. SIGTERM finishes what is in flight (worker.drain_s) and ends with 0; a second
one ends at once.";

/// Run all of it in one process, for one clinic on one machine; the first start writes a configuration
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct UpArgs {}
