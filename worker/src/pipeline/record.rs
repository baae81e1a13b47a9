//! What ends durably: decisions other than Send, refused events, outcomes.

mod outcome;

pub use outcome::{Then, outcome};

use super::decide::{CONSENT_LATER, CONSENT_SILENT, Decision, LANE_CLOSED, NO_CONSENT};
use super::route::{self, Route};
use super::validate::{Work, refusal as refusal_of};
use super::{Arrived, End, Halt, claim, trace};
use crate::measure;
use crate::settings::Provider;
use crate::worker::Worker;
use chrono::{DateTime, TimeDelta, Utc};
use ledger::decision::{Origin, PersonBasis, Settle};
use ledger::intake;
use ledger::protocol::Copy;
use ledger::record::{ConsentEvidence, Entry};
use ledger::state::State;
use schemas::Refusal;
use std::time::Duration;
use templates::RenderError;

/// Writes a decision other than Send.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn decision(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    decision: Decision,
    evidence: ConsentEvidence,
) -> Result<End, Halt> {
    let (to, why) = match decision {
        Decision::Defer { until, why } => {
            let lane = if matches!(why, CONSENT_SILENT | CONSENT_LATER) {
                worker.settings.consent_lane(work.clinic)
            } else {
                route.lane.name.clone()
            };
            let led = work.waited_on.as_deref();
            let until = if why == LANE_CLOSED && was_led_astray(led, &route.lane.name) {
                until.max(in_future(worker, AFTER_ASTRAY))
            } else {
                until
            };
            return wait(worker, work, until, why, lane, route.number_slot.clone(), Some(evidence))
                .await;
        }
        Decision::Reject(rule) => {
            let refusal = refusal_of(rule, "/data/appointment/version", Some(&work.event));
            return reject(worker, work, &refusal).await;
        }
        Decision::Suppress(why) => {
            if why == NO_CONSENT {
                let now = worker.ledger.clock().now_ms();
                let clinic = work.event.clinic.as_str();
                worker.consent_share.count(clinic, &work.event.event_type, now, true);
            }
            (State::Suppressed, why)
        }
        Decision::Cancel(why) => (State::Cancelled, why),
        Decision::Expire(why) => (State::Expired, why),
        // the caller sends
        Decision::Send { .. } => return Ok(End::Settled),
    };
    tracing::info!(ntf = work.ntf, clinic = %work.event.clinic, state = %to, why, "not sent: decided");
    let said = evidence.answer.is_some() || evidence.opt_in.is_some();
    let consent = said.then_some(evidence);
    settle(worker, work, to, why, None, None, consent).await
}

/// No permit of the lane's rate within a second.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn rate(worker: &Worker, work: &Work<'_>, route: &Route<'_>) -> Result<End, Halt> {
    // spread, so that rows that found no place do not all come back at once; the first of them while what is taken lasts, else nobody
    // uses the cap until then (ADR 0010)
    let spread = work.ntf.bytes().map(u64::from).sum::<u64>() % 8;
    let until = in_future(worker, Duration::from_millis(1_500 + 500 * spread));
    wait(worker, work, until, "rate", route.lane.name.clone(), route.number_slot.clone(), None)
        .await
}

/// No channel is left. Where attempts took them, that is the end: what was accepted stays so (PROTOCOL transition 17). Else nobody has
/// configured one.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn no_way(worker: &Worker, work: &Work<'_>) -> Result<End, Halt> {
    if !route::is_any_taken(&work.tried) {
        return no_route(worker, work).await;
    }
    tracing::info!(ntf = work.ntf, clinic = %work.event.clinic, "no channel is left");
    let why = "no-channel-left".to_owned();
    settle(worker, work, State::Refused, why, None, None, None).await
}

/// It cannot be written for this channel, and another one is left.
pub fn unfit(work: &Work<'_>, route: &Route<'_>, error: &RenderError) {
    tracing::error!(alert = "template", ntf = work.ntf, channel = %route.channel, %error, "the template cannot be filled: the next channel is taken");
}

/// No account or sender for the clinic: somebody has to configure one.
///
/// # Errors
/// [`Halt`] while the ledger is away.
async fn no_route(worker: &Worker, work: &Work<'_>) -> Result<End, Halt> {
    tracing::error!(alert = "no-route", clinic = %work.event.clinic, "no provider account or sender for this clinic's channel: its messages wait");
    let until = in_future(worker, Duration::from_mins(1));
    wait(worker, work, until, "no-route", "none".to_owned(), None, None).await
}

/// Claims kept colliding; `lane` is the last one that was chosen.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn contended(worker: &Worker, work: &Work<'_>, lane: String) -> Result<End, Halt> {
    let until = in_future(worker, Duration::from_secs(5));
    wait(worker, work, until, "contended", lane, None, None).await
}

/// The text cannot be made: a defect of a template or a value that does not fit.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn unrenderable(
    worker: &Worker,
    work: &Work<'_>,
    error: &RenderError,
) -> Result<End, Halt> {
    tracing::error!(alert = "dead-letter", ntf = work.ntf, %error, "the text cannot be made");
    settle(
        worker,
        work,
        State::DeadLettered,
        format!("template: {}", error.as_str()),
        None,
        None,
        None,
    )
    .await
}

/// A handler panicked on it twice: parked alone, neighbours go on.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn poison(worker: &Worker, arrived: &Arrived<'_>) -> Result<End, Halt> {
    let rule = schemas::Rule::HandlerPanic;
    if let Ok(schemas::Incoming::Reference(reference)) =
        worker.registry.read(arrived.body, Some(arrived.routing_key), &|_| true)
    {
        let copy = Copy::Numbered(reference.release);
        return dead_letter(worker, reference.ntf.as_str(), copy, rule.as_str()).await;
    }
    let mut refusal = refusal_of(rule, "", None);
    refusal.holds_person = true;
    refused(worker, arrived, &refusal).await
}

/// Parks a released row.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn dead_letter(worker: &Worker, ntf: &str, copy: Copy, why: &str) -> Result<End, Halt> {
    let Copy::Numbered(fence) = copy else { return Ok(End::Stale) };
    tracing::error!(alert = "dead-letter", ntf, why, "dead-lettered");
    let nobody = PersonBasis {
        id: String::new(),
        clinic: String::new(),
        lookup: String::new(),
        wrapped: String::new(),
        master: String::new(),
        // known: nothing is inserted
        rev: 1,
    };
    let settle = Settle {
        origin: Origin::Released { ntf: ntf.to_owned(), fence },
        person: nobody,
        appointment: None,
        to: State::DeadLettered,
        why: why.to_owned(),
        due: None,
        number: None,
        entries: vec![Entry::Ended {
            state: State::DeadLettered,
            why: why.to_owned(),
            consent: None,
        }],
    };
    if !worker.asks.settle.ask(settle).await? {
        return Ok(End::Stale);
    }
    worker.metrics.events.ended("", State::DeadLettered.as_str(), why);
    Ok(End::Settled)
}

/// Records a refused event; the relay makes its dead letter from the record.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn refused(
    worker: &Worker,
    arrived: &Arrived<'_>,
    refusal: &Refusal,
) -> Result<End, Halt> {
    let clinic = refusal
        .source
        .as_deref()
        .and_then(|source| schemas::ClinicId::of_source(source).ok())
        .filter(|clinic| worker.clinic(clinic).is_some())
        .map(|clinic| clinic.as_str().to_owned())
        .unwrap_or_default();
    // a routing key may be anything; only names of types are kept
    let event_type = worker.registry.get(arrived.routing_key).map_or("", |t| t.name.as_str());
    let body = (arrived.queue, arrived.message_id, arrived.body);
    let event = intake::refused(worker.ledger.vault(), body, refusal, &clinic, event_type)?;
    let (rule, path) = (refusal.rule.as_str(), &refusal.path);
    trace::span_beside(arrived.traceparent).in_scope(|| {
        tracing::warn!(ntf = event.ntf, queue = arrived.queue, rule, path, "event refused");
    });
    if worker.asks.refuse.ask(event).await? {
        worker.metrics.events.refused(event_type, rule);
    }
    Ok(End::Refused)
}

async fn reject(worker: &Worker, work: &Work<'_>, refusal: &Refusal) -> Result<End, Halt> {
    if let Copy::Numbered(_) = work.copy {
        return dead_letter(worker, &work.ntf, work.copy, refusal.rule.as_str()).await;
    }
    let (message_id, body) = &work.arrived;
    let arrived = Arrived {
        queue: &work.via,
        routing_key: &work.event.event_type,
        message_id,
        redelivered: false,
        body,
        traceparent: work.event.traceparent.as_deref(),
        at: work.since,
    };
    refused(worker, &arrived, refusal).await
}

async fn wait(
    worker: &Worker,
    work: &Work<'_>,
    until: DateTime<Utc>,
    why: &str,
    lane: String,
    number: Option<String>,
    consent: Option<ConsentEvidence>,
) -> Result<End, Halt> {
    let due = (until.timestamp_millis(), lane);
    settle(worker, work, State::Waiting, why.to_owned(), Some(due), number, consent).await
}

async fn settle(
    worker: &Worker,
    work: &Work<'_>,
    to: State,
    why: String,
    due: Option<(i64, String)>,
    number: Option<String>,
    consent: Option<ConsentEvidence>,
) -> Result<End, Halt> {
    let mut entries = vec![];
    if work.copy == Copy::First {
        entries.push(claim::received(work)?);
    }
    entries.push(match &due {
        Some((until, lane)) => {
            Entry::Waiting { why: why.clone(), until: *until, lane: lane.clone(), consent }
        }
        None => Entry::Ended { state: to, why: why.clone(), consent },
    });
    let settle = Settle {
        origin: claim::origin(work),
        person: claim::person_basis(worker, work),
        appointment: claim::appointment_basis(work),
        to,
        why: why.clone(),
        due,
        number,
        entries,
    };
    if worker.asks.settle.ask(settle).await? {
        measure::settled(worker, work, to, &why);
        return Ok(End::Settled);
    }
    if work.copy != Copy::First {
        return Ok(End::Stale);
    }
    // nothing was written for a first copy: its row is there by now, and this is a duplicate or another event under its id; or
    // the person got another key meanwhile. The next run sees which.
    Err(Halt::Again)
}

/// How long a copy stays away that was led onto a lane which it cannot use.
const AFTER_ASTRAY: Duration = Duration::from_mins(1);

/// Whether a copy was released onto another lane because its own is closed, and cannot use that one: a message that may go by WhatsApp
/// only, led to SMS. The scheduler cannot know; coming back every few seconds it would hold places of those who can.
fn was_led_astray(led: Option<&str>, own: &str) -> bool {
    led.is_some_and(|led| led != own && Provider::of_lane(led).is_some())
}

fn in_future(worker: &Worker, after: Duration) -> DateTime<Utc> {
    worker.ledger.clock().now() + TimeDelta::from_std(after).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_on_a_lane_that_is_not_its_own_was_led_astray() {
        let (sms, whatsapp) = ("netgsm/default/KLINIK", "whatsapp/default/1065");
        assert!(was_led_astray(Some(sms), whatsapp));
        assert!(!was_led_astray(Some(whatsapp), whatsapp));
        for nobodys in [None, Some("none"), Some("iys/default")] {
            assert!(!was_led_astray(nobodys, whatsapp), "{nobodys:?}");
        }
    }
}
