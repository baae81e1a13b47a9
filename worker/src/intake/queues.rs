//! Messages from the broker's queues: acked when they are durable, else given back.

use super::handle::{AGAIN_AT_MOST, Handled};
use super::{Drained, Floor, RunError};
use crate::pipeline::{Arrived, End};
use crate::worker::Worker;
use bus::{Acked, Bus, BusError, Consumer, Deliveries, Delivery};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A message that came back so often may be what ended the process each time: it is suspect.
const SUSPECT: u64 = 3;
/// Suspect messages begin spread over so long, milliseconds, in another order after each start.
const SPREAD_MS: u64 = 300;

/// Consumes until `soft` is cancelled, then drains until it is empty, the deadline is over, or `hard` is cancelled.
///
/// # Errors
/// When the broker or the ledger refuses this process for good.
pub async fn run(
    worker: Arc<Worker>,
    bus: &Bus,
    soft: &CancellationToken,
    hard: &CancellationToken,
) -> Result<Drained, RunError> {
    let floor = Floor::new(worker);
    let mut failed = floor.fatal.subscribe();
    let mut consumers = vec![];
    let mut inlets: Vec<Deliveries> = vec![];
    for event_type in floor.worker.registry.types() {
        let (consumer, deliveries) = bus.consume(&event_type.queue, floor.worker.settings.prefetch);
        consumers.push(consumer);
        inlets.push(deliveries);
    }
    let background = CancellationToken::new();
    floor.start_background(consumers.clone(), &background);
    for deliveries in inlets {
        // tracked: a delivery that waits for its place is in flight too
        floor.tasks.spawn(take(floor.clone(), deliveries));
    }
    let mut broken = consumers.clone();
    let ended = tokio::select! {
        () = soft.cancelled() => Ok(()),
        Ok(error) = failed.wait_for(Option::is_some) => Err(error.clone()),
        error = never_taking(&mut broken) => return Err(error.into()),
    };
    let drained = drain(&floor, &consumers, hard).await;
    background.cancel();
    match ended {
        Err(Some(error)) => Err(RunError::Ledger(error)),
        Ok(()) | Err(None) => Ok(drained),
    }
}

/// The permanent error of a consumer that will never take anything.
async fn never_taking(consumers: &mut [Consumer]) -> BusError {
    for consumer in consumers {
        if let Err(error) = consumer.taking().await {
            return error;
        }
    }
    tracing::info!("taking messages from all queues");
    std::future::pending().await
}

/// The order of `rabbitmq_practice.md` §2.11: cancel, finish, ack, flush, close.
async fn drain(floor: &Floor, consumers: &[Consumer], hard: &CancellationToken) -> Drained {
    tracing::info!(
        in_flight = floor.tasks.len(),
        "stopping: taking nothing new, finishing what is in flight"
    );
    floor.stopping.cancel();
    for consumer in consumers {
        consumer.stop_taking().await;
    }
    floor.finish(hard).await;
    let grace = if hard.is_cancelled() { Duration::ZERO } else { Duration::from_secs(1) };
    let mut left = 0;
    for consumer in consumers {
        left += consumer.close(grace).await;
    }
    Drained { left }
}

/// Takes the deliveries of one queue. A delivery waits here for its place, so an idle queue keeps none.
async fn take(floor: Floor, mut deliveries: Deliveries) {
    while let Some(delivery) = deliveries.recv().await {
        if delivery.headers.delivery_count >= SUSPECT {
            floor.tasks.spawn(suspect(floor.clone(), delivery));
            continue;
        }
        let Some(place) = floor.place().await else { return };
        let here = floor.clone();
        floor.tasks.spawn(async move {
            one(&here, delivery).await;
            drop(place);
        });
    }
}

/// Suspect messages run one at a time and in no fixed order. With the one that ends the process its neighbours come back as often
/// as it does; so each of them has had its turn before it, if not after this start then after one of the next, and when the broker
/// throws out what comes back, only that one is left.
async fn suspect(floor: Floor, delivery: Delivery) {
    let its_turn = async {
        tokio::time::sleep(any_while()).await;
        let turn = floor.suspect.acquire().await.ok();
        (turn, floor.place().await)
    };
    tokio::select! {
        _turn = its_turn => one(&floor, delivery).await,
        () = floor.stopping.cancelled() => drop(delivery.requeue().await),
    }
}

fn any_while() -> Duration {
    // without randomness they run as they came
    let random = ledger::vault::random_id("").unwrap_or_default();
    let random =
        random.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    Duration::from_millis(random % SPREAD_MS)
}

async fn one(floor: &Floor, delivery: Delivery) {
    let message_id = delivery.message_id.clone().unwrap_or_default();
    let arrived = Arrived {
        queue: &delivery.queue,
        routing_key: &delivery.routing_key,
        message_id: &message_id,
        redelivered: delivery.redelivered,
        body: &delivery.body,
        traceparent: delivery.headers.traceparent.as_deref(),
        at: delivery.arrived_at,
    };
    match floor.handle(&arrived, AGAIN_AT_MOST).await {
        Handled::Done(end) => settle(delivery, end).await,
        Handled::Back | Handled::Away => {
            floor.worker.metrics.events.given_back();
            let _ = delivery.requeue().await;
        }
    }
}

async fn settle(delivery: Delivery, end: End) {
    let queue = delivery.queue.clone();
    if delivery.ack().await == Acked::Lost {
        // the copy comes again and is found stale
        tracing::debug!(queue, ?end, "ack lost");
    }
}
