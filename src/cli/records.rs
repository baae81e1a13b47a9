//! `ulak log …`: reads the ledger only.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use ledger::export::Format;
use ledger::state::State;
use schemas::{ClinicId, NotificationId};

use super::schedule::{Named, named};
use super::values::{Moment, WrittenPhone, clinic, id, moment, notification, phone, reason, state};

/// What stands below `ulak log --help`.
pub const LOG_EXAMPLES: &str = "\
Examples:
  ulak log explain --appointment A-1042 --clinic atasehir
                                           why did A-1042 get nothing?
  ulak log list --clinic atasehir --state suppressed --since 2h
  ulak log list --json --limit 1000 | jq -r .ntf
  ulak log show ntf_k5xq…                  every record of one notification
  ulak log explain fct_m3ab…               what followed from one fact
  ulak log balance                         received = ended + open; exit code 1 if a message is missing
  ulak log balance --clinic atasehir --by hour --since 2h
  ulak log export --clinic atasehir --since 30d --output november.csv

No name, number or text is shown unless --reveal --reason asks for it, and that is recorded first.";

/// What stands below `ulak log explain --help`.
const EXPLAIN_EXAMPLES: &str = "\
Examples:
  ulak log explain ntf_k5xq…
  ulak log explain --appointment A-1042 --clinic atasehir
  ulak log explain --payment P-77 --clinic atasehir --lang tr
  ulak log explain --phone '0532 123 45 67' --clinic atasehir
  ulak log explain --source /clinics/atasehir --id 01JD0000000000000000000001
  ulak log explain ntf_k5xq… --reveal --reason 'complaint 2026/114'
                                           with the exact text; who looked and why is recorded first

One hit is told as a story; several are listed, newest first, each with its answer. The newest 200 refused events are looked
through too, and it is said if there are more. Phone numbers and ids are compared as keyed hashes and never printed.";

/// What stands below `ulak log list --help`.
const LIST_EXAMPLES: &str = "\
Examples:
  ulak log list --since 2h --state waiting
  ulak log list --clinic atasehir --type appointment-reminder --reason no-consent
  ulak log list --provider netgsm/default --since 2026-11-21T08:00:00+03:00 --until 2026-11-21T12:00:00+03:00
  ulak log list --state dead-lettered --json | jq -r .ntf";

/// What stands below `ulak log export --help`.
const EXPORT_EXAMPLES: &str = "\
Examples:
  ulak log export --since 2026-11-01T00:00:00+03:00 --clinic atasehir --output kasim.csv
  ulak log export --state suppressed --reason no-consent --since 7d --format jsonl | jq -r .id
  ulak log export --phone '0532 123 45 67' --clinic atasehir --open 'request of 21 November' --output request.csv

Newest first, the same columns in every export, as many rows as there are. Names, numbers and texts are *** unless --open says why
they are wanted; that is recorded before the first row. A cell that a spreadsheet would take for a formula begins with '.";

/// `ulak log …`
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// List notifications, newest first
    #[command(after_help = LIST_EXAMPLES)]
    List(LogListArgs),
    /// Print every record of one notification or fact
    Show(RecordArgs),
    /// Say in words what became of a notification or a fact, why, and what happens next
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Count what came in against what became of it
    Balance(BalanceArgs),
    /// Write notifications to a file, as CSV or JSON Lines
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
}

/// Which notifications: what `ulak log list` and `ulak log export` are both asked by.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Received at or after: a time with its offset, or how long ago (45s, 30m, 2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Moment>,
    /// Received before: the same; now unless told
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Moment>,
    /// Only this clinic
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// Only this event type: ulak.payment-receipt.v1, or payment-receipt
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Only notifications in this state
    #[arg(long, value_name = "STATE", value_parser = state())]
    pub state: Option<State>,
    /// Only what is, or was last, on lanes that begin so: netgsm, netgsm/default, iys
    #[arg(long, value_name = "LANE", value_parser = id)]
    pub provider: Option<String>,
    /// Only what has a reason that begins so: no-consent, quiet-hours, lane-closed
    #[arg(long, value_name = "WORDS", value_parser = id)]
    pub reason: Option<String>,
}

/// `ulak log export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Which notifications
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Only what was last tried on this channel
    #[arg(long, value_name = "CHANNEL", value_parser = ["sms", "whatsapp"])]
    pub channel: Option<String>,
    /// Only events with this CloudEvents id
    #[arg(long = "id", id = "event_id", value_name = "ID", value_parser = id)]
    pub event_id: Option<String>,
    /// Only what is about this appointment, with --clinic
    #[arg(long, value_name = "ID", requires = "clinic", value_parser = id)]
    pub appointment: Option<String>,
    /// Only what is about this payment, with --clinic
    #[arg(long, value_name = "ID", requires = "clinic", value_parser = id)]
    pub payment: Option<String>,
    /// Only what is for this phone number, with --clinic
    #[arg(long, value_name = "NUMBER", requires = "clinic", value_parser = phone)]
    pub phone: Option<WrittenPhone>,
    /// How it is written
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = format())]
    pub format: Format,
    /// The file to write, which must not be there yet; standard output unless told
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write names, numbers and texts too; why is recorded for good, with user and machine
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub open: Option<String>,
}

/// One of the formats.
fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.iter().map(|format| format.as_str()))
        .try_map(|text| Format::parse(&text).ok_or("no format"))
}

/// `ulak log list`
#[derive(Debug, Args)]
pub struct LogListArgs {
    /// Which notifications
    #[command(flatten)]
    pub filter: FilterArgs,
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
    /// Whether personal data is shown
    #[command(flatten)]
    pub reveal: RevealArgs,
}

/// `ulak log show`
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// A notification, ntf_… or bad_…, or a fact, fct_…
    #[arg(value_name = "ID", value_parser = record)]
    pub id: Named,
    /// Whether personal data is shown
    #[command(flatten)]
    pub reveal: RevealArgs,
}

/// `ntf_…`, `bad_…` or `fct_…`.
fn record(text: &str) -> Result<Named, String> {
    named(text).map_err(|_| {
        "not the id of a notification or a fact; use ntf_…, bad_… or fct_… as Ulak prints it"
            .to_owned()
    })
}

/// Whether personal data is shown.
#[derive(Debug, Clone, Default, Args)]
pub struct RevealArgs {
    /// Open the sealed body and texts with the master key and print them; needs --reason, and is recorded first
    #[arg(long, requires = "reveal_reason")]
    pub reveal: bool,
    /// Why somebody looks at personal data; recorded for good, with user and machine
    #[arg(long = "reason", id = "reveal_reason", value_name = "WORDS", requires = "reveal", value_parser = reason)]
    pub reason: Option<String>,
}

/// `ulak log explain`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["ntf", "source", "appointment", "payment", "phone"]))]
pub struct ExplainArgs {
    /// A notification, ntf_… or bad_…, or a fact, fct_…
    #[arg(value_name = "ID", id = "ntf", value_parser = record)]
    pub ntf: Option<Named>,
    /// By the event: its CloudEvents source, with --id
    #[arg(long, value_name = "SOURCE", requires = "event_id", value_parser = id)]
    pub source: Option<String>,
    /// By the event: its CloudEvents id, with --source
    #[arg(long = "id", id = "event_id", value_name = "ID", requires = "source", value_parser = id)]
    pub event_id: Option<String>,
    /// By the appointment's id, with --clinic
    #[arg(long, value_name = "ID", requires = "clinic", value_parser = id)]
    pub appointment: Option<String>,
    /// By the payment's id, with --clinic
    #[arg(long, value_name = "ID", requires = "clinic", value_parser = id)]
    pub payment: Option<String>,
    /// By the phone number, with --clinic
    #[arg(long, value_name = "NUMBER", requires = "clinic", value_parser = phone)]
    pub phone: Option<WrittenPhone>,
    /// The clinic that an appointment, a payment or a number belongs to
    #[arg(long, value_name = "ID", value_parser = clinic, conflicts_with_all = ["ntf", "source"])]
    pub clinic: Option<ClinicId>,
    /// Language of the story
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t = Tongue::En)]
    pub lang: Tongue,
    /// Whether personal data is shown
    #[command(flatten)]
    pub reveal: RevealArgs,
}

/// A language that stories are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tongue {
    /// Turkish
    Tr,
    /// English
    En,
}

/// `ulak log balance`
#[derive(Debug, Args)]
pub struct BalanceArgs {
    /// Only this clinic
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// One line for each clinic and hour, or day, by the clinic's own clock
    #[arg(long, value_name = "SPAN", value_enum)]
    pub by: Option<By>,
    /// What was received at or after, from the beginning of that hour: a time with its offset, or how long ago (2h, 7d); 24h unless told, 30d by day
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "by")]
    pub since: Option<Moment>,
}

/// What one line of the books is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// An hour
    Hour,
    /// A day
    Day,
}
