//! The way of one notification through a worker, on one screen (`shared/PROTOCOL.md` §2.2).
//!
//! `validate → route → decide → render → claim → send → record`. Each stage is a file; each returns what the next one needs or
//! ends the message durably. Whoever gets `Ok` acks; `Halt` gives the delivery back, because nothing durable has happened.

pub mod validate;

pub mod route;

pub mod decide;

pub mod render;

pub mod claim;

pub mod send;

pub mod record;

mod trace;

pub(crate) use trace::of_attempt;

use crate::hold::{self, Place};
use crate::measure;
use crate::worker::Worker;
use claim::Claim;
use decide::Decision;
use ledger::LedgerError;
use ledger::protocol::Copy;
use metrics::Stage;
use tokio::time::Instant;
use tracing::Instrument as _;
use validate::{Read, Work};

/// A claim that keeps writing nothing is contention, not a decision: after so many looks the row waits a little.
const LOOKS: usize = 6;

/// A copy as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Queue it came from.
    pub queue: &'a str,
    /// Routing key it was published with.
    pub routing_key: &'a str,
    /// AMQP message id, empty if there is none.
    pub message_id: &'a str,
    /// The broker says that it delivered it before.
    pub redelivered: bool,
    /// The body.
    pub body: &'a [u8],
    /// The W3C trace context that its publisher put beside it.
    pub traceparent: Option<&'a str>,
    /// When it came to this process.
    pub at: Instant,
}

/// How a message ended here. All of it is durable: the delivery is acked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// An attempt was made and its outcome is written.
    Sent,
    /// It waits or ended by a decision.
    Settled,
    /// The event was refused.
    Refused,
    /// Another copy has been or is being handled: nothing to do.
    Stale,
}

/// Why a message could not be handled now.
#[derive(Debug, Clone)]
pub enum Halt {
    /// The ledger is away: give the delivery back and stop taking.
    Away(LedgerError),
    /// The ledger refuses what this message would write, and nothing else: as a panic.
    Poison(LedgerError),
    /// Another message was in the way: run it again.
    Again,
    /// The process must stop: a key does not open what it should.
    Fatal(LedgerError),
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Key(_)
            | LedgerError::Schema(_)
            | LedgerError::Login(_)
            | LedgerError::Unsafe(_) => Self::Fatal(error),
            LedgerError::Conflict => Self::Again,
            LedgerError::Away(_) => Self::Away(error),
            LedgerError::Statement(_) | LedgerError::Corrupt(_) => Self::Poison(error),
        }
    }
}

/// Handles one copy.
///
/// # Errors
/// [`Halt`]: nothing durable has happened; the delivery goes back.
pub async fn run(worker: &Worker, copy: &Arrived<'_>) -> Result<End, Halt> {
    hold::at(Place::Received).await;
    let measured = &worker.metrics.work;
    let work = match measured.timed(Stage::Validate, validate::read(worker, copy)).await? {
        Read::Work(work) => work,
        Read::End(end) => return Ok(end),
    };
    let span = trace::span(&work);
    go_on(worker, work).instrument(span).await
}

/// The rest of its way.
async fn go_on(worker: &Worker, mut work: Box<Work<'_>>) -> Result<End, Halt> {
    let measured = &worker.metrics.work;
    if let (Copy::Numbered(_), Some(lane)) = (work.copy, work.waited_on.as_deref()) {
        // rare, and not part of what every message carries along
        Box::pin(worker.lanes.look_for(&worker.ledger, lane)).await;
    }
    let mut lane = "none".to_owned();
    for _ in 0..LOOKS {
        let ways = route::ways(worker, &work);
        let around = validate::look_around(worker, &mut work, &ways);
        measured.timed(Stage::Validate, around).await?;
        let Some(route) = route::choose(&work, ways) else {
            return record::no_way(worker, &work).await;
        };
        if route.number_slot.is_none() {
            // asked for on behalf of a channel that is not taken
            work.seen.number = None;
        }
        hold::at(Place::AfterRead).await;
        let (decision, evidence) =
            measured.timed(Stage::Consent, decide::with_consent(worker, &mut work, &route)).await?;
        hold::at(Place::AfterConsent).await;
        let Decision::Send { until, supersedes } = decision else {
            return record::decision(worker, &work, &route, decision, evidence).await;
        };
        let letter = match measured.of(Stage::Render, || render::letter(worker, &work, &route)) {
            Ok(letter) => letter,
            Err(error) if route.next.is_some() => {
                record::unfit(&work, &route, &error);
                work.unfit.push(route.channel);
                continue;
            }
            Err(error) => return record::unrenderable(worker, &work, &error).await,
        };
        let Some(permit) =
            measured.timed(Stage::Permit, route::rate_permit(worker, &route, &letter)).await?
        else {
            return record::rate(worker, &work, &route).await;
        };
        hold::at(Place::BeforeClaim).await;
        let claim = claim::claim(worker, &work, &route, &letter, &evidence, until, supersedes);
        match measured.timed(Stage::Claim, claim).await? {
            Claim::Won(attempt) => {
                measure::claimed(worker, &work, &evidence);
                hold::at(Place::AfterClaim).await;
                hold::panic_at(Place::AfterClaim, &work.event.id);
                // the largest of all stages, and not every message comes so far
                let sent = Box::pin(send::send(worker, &work, &route, &letter, *attempt, permit));
                return Ok(sent.await);
            }
            Claim::LookAgain(why) => {
                lane.clone_from(&route.lane.name);
                tracing::debug!(ntf = work.ntf, why, "claim wrote nothing: looking again");
                route::give_back(worker, &route, &permit);
                if let Some(end) = validate::look_again(worker, &mut work).await? {
                    return Ok(end);
                }
            }
        }
    }
    record::contended(worker, &work, lane).await
}
