//! `ulak schedule cancel`: stops what has not gone out, after it has said what that is.

use anyhow::anyhow;
use ledger::dead::Act;
use ledger::report::Listed;
use ledger::state::State;
use serde_json::json;

use super::{nothing_about, of_appointment, short, wall_ms, zone_of};
use crate::cli::schedule::CancelArgs;
use crate::commands::desk::Desk;
use crate::commands::{Failure, say};
use crate::{operator, start};

/// What can be done about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It has not gone out.
    Stoppable,
    /// It was sent, or is being sent.
    TooLate,
    /// It ended without a send.
    Over,
}

impl Fate {
    fn of(state: State) -> Self {
        match state {
            State::Waiting | State::Released => Self::Stoppable,
            State::Sending
            | State::Unknown
            | State::Unresolved
            | State::Accepted
            | State::Delivered
            | State::Undelivered => Self::TooLate,
            State::Refused
            | State::Suppressed
            | State::Cancelled
            | State::Expired
            | State::DeadLettered => Self::Over,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Stoppable => "stop",
            Self::TooLate => "too-late",
            Self::Over => "over",
        }
    }
}

/// Runs the command.
///
/// # Errors
/// There is no such notification, or with `--yes` something that was named could not be stopped.
pub(super) async fn run(desk: &Desk, args: &CancelArgs) -> Result<(), Failure> {
    let rows = meant(desk, args).await?;
    let wanted: Vec<String> = rows
        .iter()
        .filter(|row| Fate::of(row.state) == Fate::Stoppable)
        .map(|row| row.ntf.clone())
        .collect();
    let mut done = vec![];
    if let (true, Some(why)) = (args.yes, &args.reason) {
        let who = operator::name();
        let stopped = desk.ledger.stop(&wanted, Act { who: &who, why }).await;
        done = stopped.map_err(start::ledger_failure)?;
    }
    for row in rows {
        let stopped = done.contains(&row.ntf);
        // somebody was faster: say what it is now
        let row = if args.yes && !stopped { desk.find(&row.ntf).await? } else { row };
        tell(desk, &row, args.yes, stopped)?;
    }
    end(desk, args, wanted.len(), done.len())
}

/// The notifications that are meant, each once.
async fn meant(desk: &Desk, args: &CancelArgs) -> Result<Vec<Listed>, Failure> {
    if let (Some(id), Some(clinic)) = (&args.appointment, &args.clinic) {
        let (_, rows) = of_appointment(desk, clinic, id).await?;
        return if rows.is_empty() { Err(nothing_about(desk, clinic, id)) } else { Ok(rows) };
    }
    let mut rows: Vec<Listed> = Vec::with_capacity(args.ids.len());
    for id in &args.ids {
        let row = desk.find(id.as_str()).await?;
        if !rows.iter().any(|known| known.ntf == row.ntf) {
            rows.push(row);
        }
    }
    Ok(rows)
}

fn tell(desk: &Desk, row: &Listed, yes: bool, stopped: bool) -> Result<(), Failure> {
    let fate = Fate::of(row.state);
    if desk.json {
        let due_at = row.due_at.map(crate::commands::desk::instant);
        let (state, why) = if stopped {
            (State::Cancelled, ledger::planned::STOPPED)
        } else {
            (row.state, row.why.as_str())
        };
        let line = json!({
            "ntf": row.ntf, "clinic": row.clinic, "type": row.event_type, "id": row.event_id, "state": state,
            "why": why, "due_at": due_at.filter(|_| !stopped), "would": fate.word(), "done": stopped,
        });
        return Ok(say(line)?);
    }
    let zone = zone_of(&desk.settings.config, &row.clinic);
    let due = row.due_at.map(|due| wall_ms(due, zone)).unwrap_or_default();
    let said = said(row, yes, stopped, &due, &wall_ms(row.changed_at, zone));
    Ok(say(format_args!("{}  {} of {}  {said}", row.ntf, short(&row.event_type), row.clinic))?)
}

/// What is, or would be, done about a row. `due`, `since`: on the clinic's wall.
fn said(row: &Listed, yes: bool, stopped: bool, due: &str, since: &str) -> String {
    let why = if row.why.is_empty() { String::new() } else { format!(" ({})", row.why) };
    match (Fate::of(row.state), stopped) {
        (_, true) => format!("stopped: it was {}{why}, due {due}", row.state),
        (Fate::Stoppable, _) if yes => "not stopped: it moved at that moment; try again".to_owned(),
        (Fate::Stoppable, _) => format!("would be stopped: {}{why}, due {due}", row.state),
        (Fate::TooLate, _) if row.state == State::Sending => {
            "too late: it is being sent at this moment".to_owned()
        }
        (Fate::TooLate, _) if matches!(row.state, State::Unknown | State::Unresolved) => {
            format!("too late: it may have arrived, {} since {since}", row.state)
        }
        (Fate::TooLate, _) => format!("too late: it was sent, {} since {since}", row.state),
        (Fate::Over, _) => format!("nothing to stop: {}{why} since {since}", row.state),
    }
}

/// The last line; what could not be stopped although it was to be is a failure.
fn end(desk: &Desk, args: &CancelArgs, possible: usize, done: usize) -> Result<(), Failure> {
    if !args.yes {
        if !desk.json {
            say(format_args!(
                "{possible} would be stopped. Nothing was done: add --yes --reason '…' to do it."
            ))?;
        }
        return Ok(());
    }
    // who names an appointment means what has not gone out of it
    let meant = if args.ids.is_empty() {
        possible
    } else {
        let mut ids: Vec<&str> = args.ids.iter().map(schemas::NotificationId::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    };
    if done == meant {
        return if desk.json { Ok(()) } else { Ok(say(format_args!("{done} stopped."))?) };
    }
    Err(anyhow!("{done} of {meant} were stopped; why the others were not stands above").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: State) -> Listed {
        Listed {
            ntf: "ntf_a".to_owned(),
            clinic: "atasehir".to_owned(),
            event_type: "ulak.appointment-reminder.v1".to_owned(),
            event_id: "e".to_owned(),
            state,
            why: "plan".to_owned(),
            attempts: 0,
            created_at: 0,
            changed_at: 0,
            due_at: None,
            lane: None,
            subject: None,
            expires_at: 0,
            fence: 0,
        }
    }

    #[test]
    fn only_what_waits_or_is_released_can_be_stopped() {
        for &state in State::ALL {
            let stoppable = [State::Waiting, State::Released].contains(&state);
            assert_eq!(Fate::of(state) == Fate::Stoppable, stoppable, "{state}");
            assert!(!stoppable || !state.is_final());
        }
    }

    #[test]
    fn every_state_says_what_is_done_about_it() {
        for (state, yes, stopped, expected) in [
            (State::Waiting, false, false, "would be stopped: waiting (plan), due D"),
            (State::Released, true, true, "stopped: it was released (plan), due D"),
            (State::Waiting, true, false, "not stopped: it moved at that moment; try again"),
            (State::Sending, true, false, "too late: it is being sent at this moment"),
            (State::Unknown, false, false, "too late: it may have arrived, unknown since S"),
            (State::Accepted, false, false, "too late: it was sent, accepted since S"),
            (State::Expired, false, false, "nothing to stop: expired (plan) since S"),
        ] {
            assert_eq!(said(&row(state), yes, stopped, "D", "S"), expected);
        }
    }
}
