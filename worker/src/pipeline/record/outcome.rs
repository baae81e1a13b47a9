//! What became of an attempt, and what follows it.

use crate::pipeline::claim::deadline_ms;
use crate::pipeline::route::Route;
use crate::pipeline::validate::Work;
use crate::retry;
use crate::settings::SendLane;
use crate::worker::Worker;
use ledger::outcome::{Next, OutcomeWrite, Written};
use ledger::protocol;
use ledger::state::State;
use providers::{FailedKind, Outcome, Trouble};
use std::time::Duration;

/// What follows an attempt that certainly failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// The next attempt, by this worker under the same lease.
    Again,
    /// The row is due at once, on a lane of another provider.
    Elsewhere(SendLane),
    /// The attempt is over for its channel: the row is due at once for the next one, decided anew.
    NextChannel(SendLane),
    /// The row waits for its time, or for its lane; over for its channel, it ends.
    Later,
}

/// Writes what became of an attempt, however long the ledger is away: what was sent must be known.
pub async fn outcome(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    n: u32,
    outcome: &Outcome,
    then: &Then,
) -> Written {
    let write = outcome_write(worker, work, route, n, outcome, then);
    let mut pause = Duration::from_millis(100);
    loop {
        let seen = worker.outage.count();
        match worker.asks.outcome.ask(write.clone()).await {
            Ok(written) => {
                say(work, route, n, outcome, written);
                say_where(work, route, &write.code, then, written);
                return written;
            }
            Err(error) => {
                tracing::warn!(ntf = work.ntf, attempt = n, %error, "outcome not written yet: kept and tried again");
                worker.outage.met(seen, &error);
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

fn outcome_write(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    n: u32,
    outcome: &Outcome,
    then: &Then,
) -> OutcomeWrite {
    let (meaning, code, detail) = match outcome {
        Outcome::Accepted(a) => {
            (protocol::Outcome::Accepted, a.code.clone(), a.warning.clone().unwrap_or_default())
        }
        Outcome::Refused(t) => {
            (protocol::Outcome::Refused { next_channel: false }, t.code.clone(), t.detail.clone())
        }
        Outcome::Failed(FailedKind::NextChannel, t) => {
            let next_channel = matches!(then, Then::NextChannel(_));
            (protocol::Outcome::Refused { next_channel }, t.code.clone(), t.detail.clone())
        }
        Outcome::Failed(_, t) => (
            protocol::Outcome::Failed { keep_lease: *then == Then::Again, useful: true },
            t.code.clone(),
            t.detail.clone(),
        ),
        Outcome::Unknown(t) => (protocol::Outcome::Unknown, t.code.clone(), t.detail.clone()),
    };
    let provider_ref = match outcome {
        Outcome::Accepted(a) if !a.provider_ref.is_empty() => Some(a.provider_ref.clone()),
        _ => None,
    };
    let next = match (then, outcome) {
        (Then::Elsewhere(lane), Outcome::Failed(_, trouble)) => Next {
            why: format!("failover: {}", trouble.code),
            after_ms: 0,
            lane: lane.name.clone(),
        },
        (Then::NextChannel(lane), Outcome::Failed(_, trouble)) => Next {
            why: format!("next-channel: {}", trouble.code),
            after_ms: 0,
            lane: lane.name.clone(),
        },
        _ => {
            let (why, after) = later(outcome, n);
            Next { why, after_ms: millis(after), lane: route.lane.name.clone() }
        }
    };
    OutcomeWrite {
        ntf: work.ntf.clone(),
        n,
        outcome: meaning,
        code,
        detail,
        provider_ref,
        next,
        look_in_ms: deadline_ms(worker).saturating_add(millis(worker.settings.first_look)),
        fallback_in_ms: fallback_after(worker, work, route).map(millis),
    }
}

/// After how long without a receipt the next channel is tried: the clinic's word, else the type's. Only on WhatsApp, and only where its
/// receipts come by themselves: elsewhere silence says that nobody was asked yet, and everybody would get two messages.
fn fallback_after(worker: &Worker, work: &Work<'_>, route: &Route<'_>) -> Option<Duration> {
    route.next.as_ref().filter(|_| worker.settings.is_told_of(&route.lane))?;
    let own = work.clinic.fallback_after.get(&work.event.event_type);
    own.copied().unwrap_or(work.event_type.policy.fallback_after)
}

fn say_where(work: &Work<'_>, route: &Route<'_>, code: &str, then: &Then, written: Written) {
    if written.state != State::Waiting {
        return;
    }
    let (ntf, clinic, from) = (&work.ntf, &work.event.clinic, &route.lane.name);
    match then {
        Then::Elsewhere(lane) => {
            let to = &lane.name;
            tracing::warn!(ntf, %clinic, from, to, code, "certainly not sent: the next provider is tried");
        }
        Then::NextChannel(lane) => {
            let to = &lane.name;
            tracing::info!(ntf, %clinic, from, to, code, "cannot arrive there: the next channel is tried");
        }
        Then::Again | Then::Later => {}
    }
}

/// What the row waits for after a failure: its lane, or its time.
fn later(outcome: &Outcome, attempts: u32) -> (String, Duration) {
    match outcome {
        Outcome::Failed(FailedKind::Lane(trouble), _) => {
            (format!("lane-closed: {trouble}"), Duration::from_secs(5))
        }
        Outcome::Failed(FailedKind::Retry { after: Some(after) }, _) => {
            ("retry".to_owned(), (*after).max(Duration::from_secs(5)))
        }
        Outcome::Failed(_, Trouble { code, .. }) if code == "stale" => {
            ("retry".to_owned(), Duration::from_secs(5))
        }
        _ => ("retry".to_owned(), retry::later(attempts)),
    }
}

fn say(work: &Work<'_>, route: &Route<'_>, n: u32, outcome: &Outcome, written: Written) {
    let (word, code) = match outcome {
        Outcome::Accepted(a) => ("accepted", a.code.as_str()),
        Outcome::Refused(t) | Outcome::Failed(FailedKind::NextChannel, t) => {
            ("refused", t.code.as_str())
        }
        Outcome::Failed(_, t) => ("failed", t.code.as_str()),
        Outcome::Unknown(t) => ("unknown", t.code.as_str()),
    };
    tracing::info!(
        ntf = work.ntf, clinic = %work.event.clinic, lane = route.lane.name, attempt = n, outcome = word, code,
        state = %written.state, late = written.late, "attempt ended"
    );
    if written.applied && written.state == State::Unknown {
        tracing::warn!(
            alert = "unknown",
            ntf = work.ntf,
            attempt = n,
            "whether the message arrived is unknown, it is not sent again blindly"
        );
    }
    if written.sent_twice {
        tracing::error!(
            alert = "sent-twice",
            ntf = work.ntf,
            attempt = n,
            "two attempts of one notification were accepted"
        );
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
