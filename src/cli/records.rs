//! `ulak log …` and `ulak dead-letter …`: they read the ledger only.

use clap::{Args, Subcommand};
use schemas::{ClinicId, NotificationId};

/// What stands below `ulak log --help`.
pub const LOG_EXAMPLES: &str = "\
Examples:
  ulak log list --clinic atasehir --state suppressed
  ulak log list --json --limit 1000 | jq -r .ntf
  ulak log show ntf_k5xq…                  every record of one notification
  ulak log explain ntf_k5xq…               why it was sent, or was not, in words and with the evidence
  ulak log balance                         received = ended + open; exit code 1 if a message is missing";

/// What stands below `ulak dead-letter --help`.
pub const DEAD_LETTER_EXAMPLES: &str = "\
Examples:
  ulak dead-letter list
  ulak dead-letter list --rule unknown-field --json
  ulak dead-letter show bad_4f2a…";

/// `ulak log …`
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// List notifications, newest first
    List(LogListArgs),
    /// Print every record of one notification
    Show(NotificationArgs),
    /// Say in words what became of one notification, and why
    Explain(NotificationArgs),
    /// Count what came in against what became of it
    Balance(BalanceArgs),
}

/// `ulak log list`
#[derive(Debug, Args)]
pub struct LogListArgs {
    /// Only this clinic
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// Only notifications in this state, such as accepted or waiting
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// The notification that a command is about.
#[derive(Debug, Args)]
pub struct NotificationArgs {
    /// Its id, ntf_… or bad_…
    #[arg(value_name = "ID", value_parser = notification)]
    pub id: NotificationId,
    /// Open the sealed body and texts with the master key and print them. Without it no name, number or text is shown
    #[arg(long)]
    pub reveal: bool,
}

/// `ulak log balance`
#[derive(Debug, Args)]
pub struct BalanceArgs {
    /// Only this clinic
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
}

/// `ulak dead-letter …`
#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// List what was refused or given up, newest first
    List(DeadLetterListArgs),
    /// Print one dead letter: rule, path, and what of it may be shown
    Show(NotificationArgs),
}

/// `ulak dead-letter list`
#[derive(Debug, Args)]
pub struct DeadLetterListArgs {
    /// Only what this rule refused, such as unknown-field
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

fn notification(text: &str) -> Result<NotificationId, String> {
    NotificationId::parse(text).ok_or_else(|| {
        "not the id of a notification; use ntf_… or bad_… as `ulak log list` prints it".to_owned()
    })
}

fn clinic(text: &str) -> Result<ClinicId, String> {
    ClinicId::parse(text)
        .map_err(|_| "not the id of a clinic; use 1 to 63 characters of a-z 0-9 -".to_owned())
}
