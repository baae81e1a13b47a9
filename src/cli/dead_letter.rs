//! `ulak dead-letter …`

use clap::{ArgGroup, Args, Subcommand};
use schemas::{ClinicId, NotificationId};

use super::records::NotificationArgs;
use super::values::{Moment, clinic, moment, notification, reason};

/// What stands below `ulak dead-letter --help`.
pub const EXAMPLES: &str = "\
Examples:
  ulak dead-letter list
  ulak dead-letter list --rule unknown-field --since 1d --json
  ulak dead-letter show bad_4f2a…
  ulak dead-letter replay bad_4f2a…        what would happen; nothing is done
  ulak dead-letter replay --rule unknown-clinic --yes --reason 'clinic configured'
  ulak dead-letter drop --rule not-json --since 7d --yes --reason 'test of the new booking system'

replay and drop only say what they would do until --yes --reason is given; who did it and why is recorded.";

/// `ulak dead-letter …`
#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// List what was refused or given up and nobody has looked after, newest first
    List(ListArgs),
    /// Print one dead letter: rule, path, and what of it may be shown
    Show(NotificationArgs),
    /// Put dead letters back, so that every decision about them is made again; first say what would happen
    #[command(after_help = REPLAY_NOTES)]
    Replay(ActArgs),
    /// Mark dead letters as looked after; they stay in the books
    Drop(ActArgs),
}

/// What stands below `ulak dead-letter replay --help`.
const REPLAY_NOTES: &str = "\
Without --yes it is a dry run: each body is validated with the event types as they are now, and the decision that is
possible at this moment is shown.

  ntf_…  waits again, due now: a worker decides anew about consent, quiet hours, expiry, duplicates.
  bad_…  was never taken in. If its body is valid now it becomes a new notification; else it stays, and what has to be
         mended is shown. A corrected event is published again by the clinic, with the same id if it likes.

Examples:
  ulak dead-letter replay ntf_k5xq…
  ulak dead-letter replay --rule crash-loop --clinic atasehir
  ulak dead-letter replay ntf_k5xq… --yes --reason 'template mended'";

/// Which dead letters.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// Only what this rule refused, such as unknown-field
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// Only this clinic; refused events whose clinic cannot be read have none
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// Received at or after: a time with its offset, or how long ago (45s, 30m, 2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Moment>,
    /// Only this event type: ulak.payment-receipt.v1, or payment-receipt
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// `ulak dead-letter list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Which
    #[command(flatten)]
    pub filter: Filter,
    /// Also those that were dropped, or taken in after all
    #[arg(long)]
    pub all: bool,
}

/// `ulak dead-letter replay`, `ulak dead-letter drop`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["ids", "rule", "clinic", "since", "event_type"]))]
pub struct ActArgs {
    /// Their ids, ntf_… or bad_…
    #[arg(value_name = "ID", value_parser = notification, conflicts_with_all = ["rule", "clinic", "since", "event_type"])]
    pub ids: Vec<NotificationId>,
    /// Which, if no ids are given
    #[command(flatten)]
    pub filter: Filter,
    /// Do it
    #[arg(long, requires = "reason")]
    pub yes: bool,
    /// Why; recorded for good, with user and machine
    #[arg(long, value_name = "WORDS", requires = "yes", value_parser = reason)]
    pub reason: Option<String>,
}
