//! `ulak schedule …`: what goes out and when, why it was planned so, and a person's brake. Names and numbers are masked; a text is
//! shown to whoever says why.

mod cancel;
mod line;
mod list;
mod preview;
mod show;

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use ledger::find::By;
use ledger::intake;
use ledger::report::Listed;
use schemas::ClinicId;

use super::Failure;
use super::desk::{Desk, with_ledger};
use crate::cli::Global;
use crate::cli::schedule::ScheduleCommand;
use crate::config::Config;
use crate::start;

/// Notifications of one appointment that are looked at.
const MOST: i64 = 500;

/// Runs the command.
///
/// # Errors
/// The ledger is not there, nothing is found, or not everything that was to be stopped could be.
pub fn run(global: &Global, command: &ScheduleCommand) -> Result<(), Failure> {
    match command {
        ScheduleCommand::List(args) => {
            with_ledger(global, async |desk| list::run(desk, args).await)
        }
        ScheduleCommand::Show(args) => {
            with_ledger(global, async |desk| show::run(desk, args).await)
        }
        ScheduleCommand::Cancel(args) => {
            with_ledger(global, async |desk| cancel::run(desk, args).await)
        }
        ScheduleCommand::Preview(args) => preview::run(global, args),
    }
}

/// The zone of the clock on a clinic's wall. Without a clinic that of all of them; Türkiye's where they differ.
fn zone(config: &Config, clinic: Option<&ClinicId>) -> Tz {
    let named = clinic.and_then(|id| config.clinics.get(id)).map(|clinic| clinic.face.zone);
    let mut all = config.clinics.values().map(|clinic| clinic.face.zone);
    let shared = all.next().filter(|first| clinic.is_none() && all.all(|other| other == *first));
    named.or(shared).unwrap_or(Tz::Europe__Istanbul)
}

/// The zone of a clinic that a row names.
fn zone_of(config: &Config, clinic: &str) -> Tz {
    let clinic = ClinicId::parse(clinic).ok();
    clinic
        .and_then(|id| config.clinics.get(&id))
        .map_or(Tz::Europe__Istanbul, |clinic| clinic.face.zone)
}

/// What a clock on the wall shows, with its zone: `2026-11-22 09:00:00 Europe/Istanbul`.
fn wall(at: DateTime<Utc>, zone: Tz) -> String {
    format!("{} {zone}", at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S"))
}

/// As [`wall`], of milliseconds since 1970 UTC.
fn wall_ms(ms: i64, zone: Tz) -> String {
    wall(DateTime::from_timestamp_millis(ms).unwrap_or_default(), zone)
}

/// An event type without what all have: `appointment-reminder`.
fn short(event_type: &str) -> &str {
    let name = event_type.strip_prefix("ulak.").unwrap_or(event_type);
    name.rsplit_once(".v").map_or(name, |(name, _)| name)
}

/// All notifications of an appointment, oldest first, with the hash by which it is found.
async fn of_appointment(
    desk: &Desk,
    clinic: &ClinicId,
    id: &str,
) -> Result<(String, Vec<Listed>), Failure> {
    let key = intake::appointment_key(desk.ledger.vault(), clinic, id);
    let found = desk.ledger.find_by(&By::Appointment(key.clone()), MOST).await;
    let mut rows = found.map_err(start::ledger_failure)?;
    rows.reverse();
    Ok((key, rows))
}

/// There is nothing about it, and where to look next.
fn nothing_about(desk: &Desk, clinic: &ClinicId, id: &str) -> Failure {
    let unknown = if desk.settings.config.clinics.contains_key(clinic) {
        ""
    } else {
        "; that clinic is not in this configuration: is its id right?"
    };
    anyhow!(
        "nothing is planned about appointment {} of clinic {clinic}, and nothing ever was; `ulak log explain --appointment {} --clinic {clinic}` looks through refused events too{unknown}",
        id.escape_debug(),
        id.escape_debug()
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_shown_without_what_all_have() {
        assert_eq!(short("ulak.appointment-reminder.v1"), "appointment-reminder");
        assert_eq!(short("clinic.appointment-booked.v1"), "clinic.appointment-booked");
        assert_eq!(short("own"), "own");
    }

    #[test]
    fn a_wall_is_shown_with_its_zone() {
        assert_eq!(
            wall_ms(1_795_328_100_000, Tz::Europe__Istanbul),
            "2026-11-22 09:15:00 Europe/Istanbul"
        );
        assert_eq!(
            wall_ms(1_795_328_100_000, Tz::Europe__Berlin),
            "2026-11-22 07:15:00 Europe/Berlin"
        );
        assert!(wall_ms(i64::MAX, Tz::Europe__Istanbul).starts_with("1970"));
    }
}
