//! What follows from a fact about a visit: its reminders, and what else the clinic wants told about it.

use super::decide::{Case, Line, What};
use super::{draft, is_open, was_sent};
use crate::plan::{self, Notice, Outcome, SkipWhy, due_now};
use chrono::{DateTime, FixedOffset, Utc};
use ledger::facts::MadeRow;
use ledger::state::State;
use schemas::{AppointmentFact, CancelledFact, Event, Refusal};
use serde_json::{Map, Value, json};

/// Why a rule makes nothing whose reminder of this start went out before.
const SENT_BEFORE: &str = "sent-before";
/// Why nobody is told of a cancellation: neither the fact nor anything before it says who would have come and when.
const NOBODY_KNOWN: &str = "nobody-known";
/// Rules of notices, in their ids and records.
const CONFIRMATION: &str = "confirmation";
const CHANGE: &str = "change";
const CANCELLATION: &str = "cancellation";

/// The plan of a visit that stands. `anew`: nothing that stands was known of it.
///
/// # Errors
/// What would be planned is refused by its own schema.
pub fn standing(
    case: &Case<'_>,
    visit: &AppointmentFact,
    anew: bool,
) -> Result<Vec<Line>, Refusal> {
    let mut plan: Vec<Line> = notice(case, visit, anew)?.into_iter().collect();
    let own = visit.reminders.as_deref();
    for planned in plan::reminders(visit.starts_at, own, case.rules, case.now) {
        let what = reminder(case, visit, &planned)?;
        plan.push(Line { rule: planned.rule, what });
    }
    Ok(plan)
}

/// What one rule comes to, seen together with what was made of it for this start before.
fn reminder(
    case: &Case<'_>,
    visit: &AppointmentFact,
    planned: &plan::Planned,
) -> Result<What, Refusal> {
    let mut data = draft::of_visit(case.fact);
    data.insert("reminder".to_owned(), json!({ "rule": planned.rule }));
    let id = draft::visit_id(&visit.id, visit.version, &planned.rule);
    let event = draft::event(case.desk, case.fact, draft::REMINDER, &id, &Value::Object(data))?;
    let before = same_thing(case, &event);
    if before.iter().any(|row| was_sent(row.state)) {
        return Ok(What::Skip(SENT_BEFORE));
    }
    let at = match planned.outcome {
        Outcome::Send { at } => Some(at),
        // it was due and has not left: whoever replaces it takes its place
        Outcome::Skip { why: SkipWhy::TooLate } => {
            before.iter().filter(|row| is_open(row.state)).map(|row| place_of(case, row)).min()
        }
        Outcome::Skip { .. } => None,
    };
    Ok(match (at, planned.outcome) {
        (None, Outcome::Skip { why }) => What::Skip(why.word()),
        (Some(at), _) | (None, Outcome::Send { at }) => What::Make { event: Box::new(event), at },
    })
}

/// Notifications of this visit that are about the same thing as this event.
fn same_thing<'a>(case: &Case<'a>, event: &Event) -> Vec<&'a MadeRow> {
    let thing = case
        .desk
        .registry
        .get(&event.event_type)
        .map(|event_type| (case.desk.thing)(event, event_type));
    case.ground.made.iter().filter(|row| Some(&row.thing) == thing.as_ref()).collect()
}

/// When a row that is replaced would have gone: a released one is on its way.
fn place_of(case: &Case<'_>, row: &MadeRow) -> DateTime<Utc> {
    let due = row.due_at.filter(|_| row.state == State::Waiting);
    due.and_then(DateTime::from_timestamp_millis).unwrap_or(case.now)
}

/// The word about a booking or a move, if the clinic wants it: one for what the person has not been told.
fn notice(case: &Case<'_>, visit: &AppointmentFact, anew: bool) -> Result<Option<Line>, Refusal> {
    let waits = |rule: &str| {
        let ours = |row: &&MadeRow| {
            row.event_id.starts_with(draft::OURS) && row.event_id.ends_with(&format!("/{rule}"))
        };
        case.ground.made.iter().filter(ours).any(|row| is_open(row.state))
    };
    let starts_at = visit.starts_at;
    let told = case.memory.told.as_ref().and_then(|told| told.appointment.as_ref());
    let told_of = told.map(|told| told.starts_at);
    let moved = super::order::known(case.ground)
        .is_some_and(|known| known.starts_at != starts_at.timestamp_millis());
    let (rule, what, change) = if anew || waits(CONFIRMATION) {
        // who was told of it before, and is told of it anew, is told of a change
        let again = case
            .ground
            .made
            .iter()
            .any(|row| row.event_type == draft::CONFIRMATION && was_sent(row.state));
        let change = again.then(|| draft::change(case.fact.time, None));
        (CONFIRMATION, Notice::Confirmation { starts_at }, change)
    } else if (moved || waits(CHANGE)) && told_of != Some(starts_at) {
        let change = draft::change(case.fact.time, told_of);
        (CHANGE, Notice::Change { starts_at }, Some(change))
    } else {
        return Ok(None);
    };
    let Some(outcome) = due_now(what, case.rules, case.now) else { return Ok(None) };
    let mut data = draft::of_visit(case.fact);
    data.extend(change.map(|change| ("change".to_owned(), change)));
    let id = draft::visit_id(&visit.id, visit.version, rule);
    line(case, draft::CONFIRMATION, &id, rule, data, outcome).map(Some)
}

/// The word about a cancellation, if the clinic wants it and the person is known.
///
/// # Errors
/// What would be planned is refused by its own schema.
pub fn cancelled(case: &Case<'_>, visit: &CancelledFact) -> Result<Vec<Line>, Refusal> {
    let known = super::order::known(case.ground);
    if !case.rules.cancellation || known.is_some_and(|known| known.cancelled) {
        return Ok(vec![]);
    }
    let Some((mut data, starts_at)) = gone(case, visit) else {
        return Ok(vec![Line { rule: CANCELLATION.to_owned(), what: What::Skip(NOBODY_KNOWN) }]);
    };
    let Some(outcome) = due_now(Notice::Cancellation { starts_at }, case.rules, case.now) else {
        return Ok(vec![]);
    };
    let again = |row: &MadeRow| row.event_type == draft::CANCELLATION && was_sent(row.state);
    if case.ground.made.iter().any(again) {
        data.insert("change".to_owned(), draft::change(case.fact.time, None));
    }
    let id = draft::visit_id(&visit.id, visit.version, CANCELLATION);
    let line = line(case, draft::CANCELLATION, &id, CANCELLATION, data, outcome)?;
    Ok(vec![line])
}

/// Whose visit was cancelled and when it would have been: from the fact itself, else from what is known of the visit.
fn gone(
    case: &Case<'_>,
    visit: &CancelledFact,
) -> Option<(Map<String, Value>, DateTime<FixedOffset>)> {
    let mut data = draft::of_visit(case.fact);
    let newest = case.memory.newest.as_ref();
    if visit.recipient.is_none() {
        let recipient = newest?.data.get("recipient")?;
        data.insert("recipient".to_owned(), recipient.clone());
    }
    let known = super::order::known(case.ground)
        .filter(|known| known.starts_at != 0)
        .and_then(|known| DateTime::from_timestamp_millis(known.starts_at))
        .map(|at| at.with_timezone(&case.rules.zone).fixed_offset());
    let of_newest = newest.and_then(|newest| newest.appointment.as_ref()).map(|a| a.starts_at);
    let starts_at = visit.starts_at.or(known).or(of_newest)?;
    let appointment = data.get_mut("appointment")?.as_object_mut()?;
    if visit.starts_at.is_none() {
        appointment.insert("starts_at".to_owned(), starts_at.to_rfc3339().into());
        // without it the old end could lie before the start
        appointment.remove("ends_at");
    }
    if visit.with.is_none() {
        let with = newest.and_then(|newest| newest.data.pointer("/appointment/with"));
        appointment.extend(with.map(|with| ("with".to_owned(), with.clone())));
    }
    Some((data, starts_at))
}

fn line(
    case: &Case<'_>,
    event_type: &str,
    id: &str,
    rule: &str,
    data: Map<String, Value>,
    outcome: Outcome,
) -> Result<Line, Refusal> {
    let event = draft::event(case.desk, case.fact, event_type, id, &Value::Object(data))?;
    let what = match outcome {
        Outcome::Send { at } => What::Make { event: Box::new(event), at },
        Outcome::Skip { why } => What::Skip(why.word()),
    };
    Ok(Line { rule: rule.to_owned(), what })
}
