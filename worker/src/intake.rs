//! To the pipeline and back: places in flight, the time in which the ledger is down, and the drain.
//!
//! Messages come from the broker's queues ([`run`]) or, without a broker, from the release in the same process ([`run_here`]).
//! What becomes of one message is in `handle`, for both.

mod handle;
mod here;
mod queues;

use crate::quota;
use crate::worker::Worker;
use bus::{BusError, Consumer};
pub use here::run_here;
use ledger::LedgerError;
pub use queues::run;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
    /// Messages that were not finished within the deadline: their copies come again, their attempts are looked after.
    pub left: usize,
}

/// What the messages in flight share, wherever they come from.
#[derive(Clone)]
struct Floor {
    worker: Arc<Worker>,
    /// Taken by whoever takes a message and nowhere else, so the number in flight cannot overshoot.
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Held by the one suspect message that is in work.
    suspect: Arc<Semaphore>,
    /// Nothing new is begun any more.
    stopping: CancellationToken,
    /// An error that ends the process.
    fatal: watch::Sender<Option<LedgerError>>,
}

impl Floor {
    fn new(worker: Arc<Worker>) -> Self {
        let places = Arc::new(Semaphore::new(worker.settings.in_flight));
        Self {
            worker,
            places,
            tasks: TaskTracker::new(),
            suspect: Arc::new(Semaphore::new(1)),
            stopping: CancellationToken::new(),
            fatal: watch::Sender::default(),
        }
    }

    /// Waits for a place; `None` never happens while the worker runs.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// What goes on beside the messages, until `stop`. Only a broker has `consumers`.
    fn start_background(&self, consumers: Vec<Consumer>, stop: &CancellationToken) {
        tokio::spawn(mind_the_ledger(self.clone(), consumers, stop.clone()));
        tokio::spawn(follow(Arc::clone(&self.worker), stop.clone()));
    }

    /// Waits until nothing is in flight, the deadline is over, or `hard` is cancelled.
    async fn finish(&self, hard: &CancellationToken) {
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = tokio::time::sleep(self.worker.settings.drain) => {
                tracing::warn!(left = self.tasks.len(), "the drain deadline is over: what is left comes again or is looked after");
            }
            () = hard.cancelled() => tracing::warn!(left = self.tasks.len(), "stopping at once"),
        }
    }
}

/// Keeps lanes and clock fresh.
async fn follow(worker: Arc<Worker>, stop: CancellationToken) {
    let clock = async {
        loop {
            tokio::time::sleep(ledger::clock::measure_every()).await;
            if let Err(error) = worker.ledger.measure_clock().await {
                tracing::warn!(%error, "clock not measured");
            }
        }
    };
    tokio::select! {
        () = worker.lanes.follow(&worker.ledger, &worker.outage, &stop) => {}
        () = stop.cancelled() => {}
        () = clock => {}
        () = quota::follow(&worker) => {}
    }
}

/// PROTOCOL rule 11: while the ledger is down consumers are cancelled first, then what has no row goes back once, and nothing is
/// taken until a query succeeded.
async fn mind_the_ledger(floor: Floor, consumers: Vec<Consumer>, stop: CancellationToken) {
    let worker = &floor.worker;
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
                floor.fatal.send_replace(Some(error));
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
