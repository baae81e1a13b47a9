//! `ulak schedule …`

pub mod when;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use schemas::{ClinicId, FactId, NotificationId};

use super::values::{clinic, id, notification, reason};
pub use when::When;
use when::when;

/// What stands below `ulak schedule --help`.
pub const EXAMPLES: &str = "\
Examples:
  ulak schedule list --from 'tomorrow 09:00' --until 10:00
                                           what goes out then, to whom, masked
  ulak schedule list --clinic atasehir --from tomorrow --with-text --reason 'price list check'
  ulak schedule show --appointment A-1042 --clinic atasehir
                                           its plan: what was planned, what was skipped and why, what became of it
  ulak schedule cancel --appointment A-1042 --clinic atasehir
                                           what would be stopped; nothing is done
  ulak schedule cancel ntf_k5xq… --yes --reason 'wrong price in the text'
  ulak schedule preview booked.json --at '2026-11-21 22:30'

Times: 2026-11-22T09:00:00+03:00, '2026-11-22 09:00', 2026-11-22, 09:00, 'tomorrow 9:00', tomorrow, now, +2h. Without an
offset they are the clinic's wall clock.";

/// `ulak schedule …`
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// List what goes out in a span of time, to whom (masked), and count it by hour and clinic
    #[command(after_help = LIST_NOTES)]
    List(ListArgs),
    /// Print the plan of an appointment: what facts planned and skipped, and what became of each notification
    Show(ShowArgs),
    /// Stop what has not gone out yet; first say what would be stopped
    Cancel(CancelArgs),
    /// Print what a fact would plan if it arrived at a given time, with each text; nothing is written
    #[command(after_help = PREVIEW_NOTES)]
    Preview(PreviewArgs),
}

/// What stands below `ulak schedule list --help`.
const LIST_NOTES: &str = "\
What is overdue (its lane is closed, its number is busy) and what is on its way goes out now: it is listed if the span begins
by now. What was sent is in `ulak log list`.

Examples:
  ulak schedule list
  ulak schedule list --from '2026-11-22 09:00' --until +14h --type appointment-reminder
  ulak schedule list --from tomorrow --limit 100000 --json";

/// What stands below `ulak schedule preview --help`.
const PREVIEW_NOTES: &str = "\
The file holds one fact as a clinic publishes it (clinic.appointment-booked.v1, …), or only its data, or only the appointment:
then --clinic says whose rules apply, and a made-up person stands in for the missing one.

Examples:
  ulak schedule preview booked.json
  ulak schedule preview appointment.json --clinic atasehir --at 'tomorrow 23:00'
  ulak schedule preview - --json";

/// `ulak schedule list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// From when on [default: now]
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub from: Option<When>,
    /// Until when; a time of day is that of the day of --from [default: a day after --from]
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub until: Option<When>,
    /// Only this clinic; times are those of its wall clock
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// Only this event type: ulak.appointment-reminder.v1, or appointment-reminder
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Print the text that each would have; needs --reason, and is recorded first
    #[arg(long, requires = "text_reason")]
    pub with_text: bool,
    /// Why somebody reads the texts; recorded for good, with user and machine
    #[arg(long = "reason", id = "text_reason", value_name = "WORDS", requires = "with_text", value_parser = reason)]
    pub reason: Option<String>,
    /// At most so many; the counts at the end are of all
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// `ulak schedule show`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["id", "appointment"]))]
pub struct ShowArgs {
    /// A notification (ntf_…) or a fact (fct_…)
    #[arg(value_name = "ID", value_parser = named)]
    pub id: Option<Named>,
    /// By the appointment's id, with --clinic
    #[arg(long, value_name = "ID", requires = "clinic", value_parser = id)]
    pub appointment: Option<String>,
    /// The clinic that the appointment belongs to
    #[arg(long, value_name = "ID", value_parser = clinic, requires = "appointment")]
    pub clinic: Option<ClinicId>,
}

/// `ulak schedule cancel`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["ids", "appointment"]))]
pub struct CancelArgs {
    /// Notifications, ntf_…
    #[arg(value_name = "ID", value_parser = notification)]
    pub ids: Vec<NotificationId>,
    /// All that has not gone out about this appointment, with --clinic
    #[arg(long, value_name = "ID", requires = "clinic", value_parser = id)]
    pub appointment: Option<String>,
    /// The clinic that the appointment belongs to
    #[arg(long, value_name = "ID", value_parser = clinic, requires = "appointment")]
    pub clinic: Option<ClinicId>,
    /// Do it
    #[arg(long, requires = "reason")]
    pub yes: bool,
    /// Why; recorded for good, with user and machine
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    pub reason: Option<String>,
}

/// `ulak schedule preview`
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The fact, its data, or the appointment, as JSON; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// When it would arrive [default: now]
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub at: Option<When>,
    /// Whose rules apply, where the file does not say it
    #[arg(long, value_name = "ID", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
}

/// What a plan is asked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// `ntf_…`
    Notification(NotificationId),
    /// `fct_…`
    Fact(FactId),
}

/// `ntf_…` or `fct_…`.
pub(super) fn named(text: &str) -> Result<Named, String> {
    NotificationId::parse(text)
        .map(Named::Notification)
        .or_else(|| FactId::parse(text).map(Named::Fact))
        .ok_or_else(|| {
            "neither a notification (ntf_…) nor a fact (fct_…); or use --appointment with --clinic"
                .to_owned()
        })
}

#[cfg(test)]
mod tests;
