//! Messages from the release in this process, where there is no broker (`docs/adr/0007`).
//!
//! A copy is a hint here as it is on a queue: its row is committed as released, and one that is dropped is released again when
//! patience with it ends, or at once by the next start of `ulak up`. There is nothing to ack. No broker takes a copy back while the
//! ledger is away either: it is kept in its place and begun again when the ledger answers, or it would come only after that minute.

use super::handle::Handled;
use super::{Drained, Floor, RunError};
use crate::pipeline::Arrived;
use crate::worker::Worker;
use ledger::sweep::ReleasedCopy;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// As the queues' `AGAIN_AT_MOST`, but a copy that is given back here comes again only after a minute: the rest of these runs
/// pause instead.
const AGAIN_AT_MOST: u32 = 50;

/// Takes released copies until `soft` is cancelled, then drains until it is empty, the deadline is over, or `hard` is cancelled.
/// Whoever releases sees by the channel's capacity how many more are soon worked on.
///
/// # Errors
/// When the ledger refuses this process for good.
pub async fn run_here(
    worker: Arc<Worker>,
    copies: mpsc::Receiver<ReleasedCopy>,
    soft: &CancellationToken,
    hard: &CancellationToken,
) -> Result<Drained, RunError> {
    let floor = Floor::new(worker);
    let mut failed = floor.fatal.subscribe();
    let background = CancellationToken::new();
    floor.start_background(vec![], &background);
    let stop = soft.child_token();
    floor.tasks.spawn(take(floor.clone(), copies, stop.clone()));
    tracing::info!("taking what is released in this process");
    let ended = tokio::select! {
        () = soft.cancelled() => None,
        Ok(error) = failed.wait_for(Option::is_some) => error.clone(),
    };
    stop.cancel();
    tracing::info!(
        in_flight = floor.tasks.len(),
        "stopping: taking nothing new, finishing what is in flight"
    );
    floor.finish(hard).await;
    background.cancel();
    match ended {
        Some(error) => Err(RunError::Ledger(error)),
        None => Ok(Drained { left: floor.tasks.len() }),
    }
}

async fn take(floor: Floor, mut copies: mpsc::Receiver<ReleasedCopy>, stop: CancellationToken) {
    loop {
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            next = next(&floor, &mut copies) => next,
        };
        let Some((place, copy)) = next else { break };
        let (here, stop) = (floor.clone(), stop.clone());
        floor.tasks.spawn(async move {
            one(&here, &copy, &stop).await;
            drop(place);
        });
    }
    // what is released from here on is nobody's
    copies.close();
    if !copies.is_empty() {
        tracing::info!(left = copies.len(), "released and not begun: they are released again");
    }
}

/// The next copy with its place. The place comes first: a copy that waits does so in the channel, where the release sees it.
/// Nothing is taken while the ledger is away.
async fn next(
    floor: &Floor,
    copies: &mut mpsc::Receiver<ReleasedCopy>,
) -> Option<(OwnedSemaphorePermit, ReleasedCopy)> {
    let place = floor.place().await?;
    floor.worker.outage.over().await;
    Some((place, copies.recv().await?))
}

/// Outages that a copy is kept through before it is given back: one that brings each about by itself must not go round for ever.
const OUTAGES: u32 = 10;

async fn one(floor: &Floor, copy: &ReleasedCopy, stop: &CancellationToken) {
    let registry = &floor.worker.registry;
    let (Some(event_type), Some(reference)) = (registry.get(&copy.event_type), copy.reference())
    else {
        // as with a broker, where no queue takes it: the row stays, and is due again
        tracing::error!(
            alert = "unroutable",
            ntf = copy.ntf,
            event_type = copy.event_type,
            "its event type is not configured in this process: it waits until it is, or expires"
        );
        return;
    };
    let (message_id, body) = (copy.message_id(), reference.to_json());
    let arrived = Arrived {
        queue: &event_type.queue,
        routing_key: &copy.event_type,
        message_id: &message_id,
        redelivered: false,
        body: &body,
        // its event has it, or there is none
        traceparent: None,
        at: Instant::now(),
    };
    let mut met = 0;
    loop {
        met += 1;
        match floor.handle(&arrived, AGAIN_AT_MOST).await {
            Handled::Done(_) => return,
            // released again meanwhile, it ends as stale
            Handled::Away if met < OUTAGES && is_over(floor, stop).await => {}
            Handled::Away | Handled::Back => break,
        }
    }
    floor.worker.metrics.events.given_back();
    tracing::debug!(ntf = copy.ntf, "a released copy was given back: it is released again");
}

/// Waits until the ledger answers again; `false`: nothing is begun any more.
async fn is_over(floor: &Floor, stop: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = floor.worker.outage.over() => true,
    }
}
