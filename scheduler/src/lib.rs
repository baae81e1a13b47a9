//! The scheduler: decides *when*. For now it releases what is due; plan and facts come with their own issue.

pub mod outcomes;
pub mod probe;
pub mod relay;
pub mod release;
pub mod returned;
pub mod settings;
pub mod turn;

use bus::{Bus, BusError, names};
use ledger::{Ledger, LedgerError};
use outcomes::Outcomes;
use probe::Prober;
use relay::Relay;
use release::Releaser;
use returned::Returns;
use schemas::Registry;
pub use settings::Settings;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the clock is measured.
const CLOCK_EVERY: Duration = Duration::from_mins(1);
/// Returned messages in work at the same time.
const PREFETCH: u16 = 20;

/// Why a scheduler cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The broker refuses us for good.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An account's settings make no client.
    #[error(transparent)]
    Client(#[from] providers::ClientError),
}

/// Runs until `soft` is cancelled; `hard` cuts the waiting short.
///
/// # Errors
/// When broker or ledger refuse this process for good.
pub async fn run(
    settings: Settings,
    registry: Arc<Registry>,
    ledger: Ledger,
    bus: Arc<Bus>,
    soft: &CancellationToken,
    hard: &CancellationToken,
) -> Result<(), RunError> {
    let settings = Arc::new(settings);
    let tasks = TaskTracker::new();
    let stop = soft.child_token();
    let prober = Arc::new(Prober::new(ledger.clone(), &settings)?);
    let relay = Relay::new(ledger.clone(), Arc::clone(&bus))?;
    let outcomes = Outcomes::new(ledger.clone(), Arc::clone(&bus))?;
    let releaser = Releaser::new(ledger.clone(), Arc::clone(&bus), Arc::clone(&settings));
    let returns =
        Arc::new(Returns { ledger: ledger.clone(), registry, settings: Arc::clone(&settings) });
    let mut consumers = vec![];
    for queue in [names::UNROUTABLE, names::RETURNED] {
        let (consumer, deliveries) = bus.consume(queue, PREFETCH);
        tasks.spawn(Arc::clone(&returns).run(deliveries));
        consumers.push(consumer);
    }
    let mut released = tasks.spawn(releaser.run(stop.clone()));
    tasks.spawn(prober.run(stop.clone()));
    tasks.spawn(relay.run(stop.clone()));
    tasks.spawn(outcomes.run(stop.clone()));
    tasks.spawn(measure(ledger, stop.clone()));
    let mut watched = consumers.clone();
    let ended = tokio::select! {
        () = soft.cancelled() => Ok(()),
        error = never_taking(&mut watched) => Err(RunError::from(error)),
        Ok(Err(error)) = &mut released => Err(RunError::from(error)),
    };
    stop.cancel();
    for consumer in &consumers {
        consumer.stop_taking().await;
    }
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        () = hard.cancelled() => tracing::warn!("stopping at once"),
        () = tokio::time::sleep(settings.drain) => tracing::warn!("the drain deadline is over"),
    }
    for consumer in &consumers {
        let _ = consumer.close(Duration::from_secs(1)).await;
    }
    ended
}

async fn never_taking(consumers: &mut [bus::Consumer]) -> BusError {
    for consumer in consumers {
        if let Err(error) = consumer.taking().await {
            return error;
        }
    }
    tracing::info!("releasing what is due");
    std::future::pending().await
}

async fn measure(ledger: Ledger, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CLOCK_EVERY) => {}
        }
        if let Err(error) = ledger.measure_clock().await {
            tracing::warn!(%error, "clock not measured");
        }
    }
}
