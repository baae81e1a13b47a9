//! What of a message is counted, said once for each place in the pipeline that knows it. Nothing here decides anything.

use crate::pipeline::decide::Consent;
use crate::pipeline::render::Letter;
use crate::pipeline::route::Route;
use crate::pipeline::validate::Work;
use crate::worker::Worker;
use ledger::outcome::Written;
use ledger::protocol::Copy;
use ledger::record::ConsentEvidence;
use ledger::state::State;
use providers::{FailedKind, Outcome};
use std::time::Duration;

/// A message was claimed on this evidence.
pub fn claimed(worker: &Worker, work: &Work<'_>, evidence: &ConsentEvidence) {
    received(worker, work);
    if let Some(asked_at) = evidence.asked_at {
        let age = worker.ledger.clock().now_ms().saturating_sub(asked_at);
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        worker.metrics.work.consent_age(age);
    }
}

/// A decision other than Send is written.
pub fn settled(worker: &Worker, work: &Work<'_>, to: State, why: &str) {
    received(worker, work);
    let event_type = &work.event.event_type;
    if to.is_final() {
        worker.metrics.events.ended(event_type, to.as_str(), why);
    } else {
        worker.metrics.events.deferred(event_type, why);
    }
}

/// The first write about an event takes it in.
fn received(worker: &Worker, work: &Work<'_>) {
    if work.copy == Copy::First {
        worker.metrics.events.received(&work.event.event_type);
    }
}

/// What became of an attempt is written.
pub fn attempt(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    letter: &Letter,
    outcome: &Outcome,
    written: Written,
) {
    let (word, code) = word_and_code(outcome);
    let (provider, account) = (route.lane.provider.as_str(), route.lane.account.as_str());
    let metrics = &worker.metrics;
    metrics.sends.attempt(provider, account, word, code, letter.segments());
    if matches!(outcome, Outcome::Accepted(_)) {
        metrics.costs.accepted(provider, account, route.lane.channel.as_str(), letter.segments());
    }
    if written.applied && written.state.is_final() {
        metrics.events.ended(&work.event.event_type, written.state.as_str(), "provider");
    }
    if written.sent_twice {
        metrics.events.sent_twice();
    }
}

/// What an attempt's end is called, and its code.
pub fn word_and_code(outcome: &Outcome) -> (&'static str, &str) {
    match outcome {
        Outcome::Accepted(a) => ("accepted", &a.code),
        // the attempt is over for its channel
        Outcome::Refused(t) | Outcome::Failed(FailedKind::NextChannel, t) => ("refused", &t.code),
        Outcome::Failed(_, t) => ("failed", &t.code),
        Outcome::Unknown(t) => ("unknown", &t.code),
    }
}

/// The consent source was asked.
pub fn consent(worker: &Worker, consent: Consent, evidence: &ConsentEvidence) {
    let word = match consent {
        Consent::Silent => "silent",
        Consent::NotBefore(_) => "later",
        _ => evidence.answer.as_deref().unwrap_or("none"),
    };
    worker.metrics.work.consent(evidence.source.as_deref().unwrap_or(""), word);
}

/// A place in the pace of the route's account was taken, or there was none in time.
pub fn permit(worker: &Worker, route: &Route<'_>, taken: bool) {
    worker.metrics.sends.permit(route.lane.provider.as_str(), &route.lane.account, taken);
}
