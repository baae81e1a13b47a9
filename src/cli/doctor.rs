//! `ulak doctor`

use clap::Args;

/// What stands below `ulak doctor --help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  ulak doctor                              one line a check: ok, warn or fail, and what to do
  ulak doctor --json | jq -r 'select(.status == \"fail\") | .todo'

Nothing is sent and nothing is changed. Netgsm is asked for the approved senders, İYS for the brands, with the token that all
workers share, so that its ten logins an hour are not used up. Exit code 1 if anything fails.";

/// Check configuration, broker, database, clock, accounts and texts, and say what to do
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {}
