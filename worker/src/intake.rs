//! From queues to the pipeline and back: places in flight, panics, the time in which the ledger is down, and the drain.

use crate::pipeline::{self, Arrived, End, Halt};
use crate::worker::Worker;
use bus::{Acked, Bus, BusError, Consumer, Deliveries, Delivery};
use futures::FutureExt;
use ledger::LedgerError;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the clock is measured.
const CLOCK_EVERY: Duration = Duration::from_mins(1);
/// Runs of one message that ended because another one was in its way.
const AGAIN_AT_MOST: u32 = 5;

/// Why a worker ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The broker refuses us for good.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A key, the schema or the login of the ledger.
    #[error(transparent)]
    Ledger(LedgerError),
}

/// What a worker has done when it ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Deliveries that were not settled within the deadline: their copies come again, their attempts are looked after.
    pub left: usize,
}

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
    let places = Arc::new(Semaphore::new(worker.settings.in_flight));
    let tasks = TaskTracker::new();
    let (fatal, mut failed) = watch::channel(None::<LedgerError>);
    let mut consumers = vec![];
    let mut inlets: Vec<Deliveries> = vec![];
    for event_type in worker.registry.types() {
        let (consumer, deliveries) = bus.consume(&event_type.queue, worker.settings.prefetch);
        consumers.push(consumer);
        inlets.push(deliveries);
    }
    let background = CancellationToken::new();
    tokio::spawn(mind_the_ledger(
        Arc::clone(&worker),
        consumers.clone(),
        fatal.clone(),
        background.clone(),
    ));
    tokio::spawn(follow(Arc::clone(&worker), background.clone()));
    for deliveries in inlets {
        let inlet = Inlet {
            worker: Arc::clone(&worker),
            places: Arc::clone(&places),
            tasks: tasks.clone(),
            fatal: fatal.clone(),
        };
        // tracked: a delivery that waits for its place is in flight too
        tasks.spawn(inlet.take(deliveries));
    }
    let mut broken = consumers.clone();
    let ended = tokio::select! {
        () = soft.cancelled() => Ok(()),
        Ok(error) = failed.wait_for(Option::is_some) => Err(error.clone()),
        error = never_taking(&mut broken) => return Err(error.into()),
    };
    let drained = drain(&worker, &consumers, &tasks, hard).await;
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
async fn drain(
    worker: &Worker,
    consumers: &[Consumer],
    tasks: &TaskTracker,
    hard: &CancellationToken,
) -> Drained {
    tracing::info!(
        in_flight = tasks.len(),
        "stopping: taking nothing new, finishing what is in flight"
    );
    for consumer in consumers {
        consumer.stop_taking().await;
    }
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        () = tokio::time::sleep(worker.settings.drain) => {
            tracing::warn!(left = tasks.len(), "the drain deadline is over: what is left comes again or is looked after");
        }
        () = hard.cancelled() => tracing::warn!(left = tasks.len(), "stopping at once"),
    }
    let grace = if hard.is_cancelled() { Duration::ZERO } else { Duration::from_secs(1) };
    let mut left = 0;
    for consumer in consumers {
        left += consumer.close(grace).await;
    }
    Drained { left }
}

/// Keeps lanes and clock fresh.
async fn follow(worker: Arc<Worker>, stop: CancellationToken) {
    let clock = async {
        loop {
            tokio::time::sleep(CLOCK_EVERY).await;
            if let Err(error) = worker.ledger.measure_clock().await {
                tracing::warn!(%error, "clock not measured");
            }
        }
    };
    tokio::select! {
        () = worker.lanes.follow(&worker.ledger, &stop) => {}
        () = stop.cancelled() => {}
        () = clock => {}
    }
}

/// Takes deliveries of one queue.
struct Inlet {
    worker: Arc<Worker>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    fatal: watch::Sender<Option<LedgerError>>,
}

impl Inlet {
    /// A delivery waits here for its place, so an idle queue keeps none; places are taken here and nowhere else, so the number in
    /// flight cannot overshoot.
    async fn take(self, mut deliveries: Deliveries) {
        while let Some(delivery) = deliveries.recv().await {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let worker = Arc::clone(&self.worker);
            let fatal = self.fatal.clone();
            self.tasks.spawn(async move {
                handle(&worker, &fatal, delivery).await;
                drop(place);
            });
        }
    }
}

/// One delivery to its end.
async fn handle(worker: &Worker, fatal: &watch::Sender<Option<LedgerError>>, delivery: Delivery) {
    let mut panics = 0;
    let mut again = 0;
    loop {
        let message_id = delivery.message_id.clone().unwrap_or_default();
        let arrived = Arrived {
            queue: &delivery.queue,
            routing_key: &delivery.routing_key,
            message_id: &message_id,
            // a second run after a panic sees what the first one wrote: no repetition by the clinic
            redelivered: delivery.redelivered || panics > 0,
            body: &delivery.body,
        };
        let seen = worker.outage.count();
        let run = async {
            if panics < 2 {
                pipeline::run(worker, &arrived).await
            } else {
                pipeline::record::poison(worker, &arrived).await
            }
        };
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(end)) => {
                tracing::debug!(queue = arrived.queue, ?end, "handled");
                return settle(delivery, end).await;
            }
            Ok(Err(Halt::Again)) if again < AGAIN_AT_MOST => again += 1,
            Ok(Err(Halt::Away(error))) => {
                tracing::debug!(%error, "a message met an absent ledger");
                worker.outage.met_and_known(seen, &error).await;
                return give_back(delivery).await;
            }
            Ok(Err(Halt::Fatal(error))) => {
                fatal.send_replace(Some(error));
                return give_back(delivery).await;
            }
            Ok(Err(Halt::Poison(error))) if panics < 2 => {
                panics += 1;
                tracing::error!(queue = arrived.queue, panics, %error, "the ledger refuses a message");
            }
            Err(_) if panics < 2 => {
                panics += 1;
                tracing::error!(queue = arrived.queue, panics, "a handler panicked on a message");
            }
            // it keeps colliding, or recording it fails too: the delivery limit of the queue ends that
            Ok(Err(Halt::Again | Halt::Poison(_))) | Err(_) => return give_back(delivery).await,
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

async fn give_back(delivery: Delivery) {
    let _ = delivery.requeue().await;
}

/// PROTOCOL rule 11: while the ledger is down consumers are cancelled first, then what has no row goes back once, and nothing is
/// taken until a query succeeded.
async fn mind_the_ledger(
    worker: Arc<Worker>,
    consumers: Vec<Consumer>,
    fatal: watch::Sender<Option<LedgerError>>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                // whoever still waits may give back: nothing is taken any more
                worker.outage.begins();
                return;
            }
            () = worker.outage.noticed() => {}
        }
        tracing::error!(
            alert = "ledger-down",
            "the ledger does not answer: taking nothing until it does"
        );
        for consumer in &consumers {
            consumer.pause().await;
        }
        worker.outage.begins();
        let mut wait = Duration::from_millis(200);
        while let Err(error) = worker.ledger.is_back().await {
            if !error.is_away() {
                // waiting does not help: another login, key or schema needs somebody
                fatal.send_replace(Some(error));
                return;
            }
            tracing::debug!(%error, "the ledger is still away");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(Duration::from_secs(5));
        }
        tracing::info!("the ledger answers again: taking messages");
        worker.outage.ends();
        for consumer in &consumers {
            consumer.resume();
        }
    }
}
