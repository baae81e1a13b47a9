//! The scheduler: decides *when*. It takes facts in and plans what follows from them (`facts`, `plan`), and releases what is due.

mod divert;
pub mod facts;
pub mod outcomes;
pub mod outlet;
pub mod plan;
pub mod probe;
pub mod relay;
pub mod release;
pub mod returned;
pub mod settings;
pub mod turn;

use bus::{Bus, BusError, names};
use facts::marker::Markers;
use facts::{Applier, Intake};
use ledger::{Ledger, LedgerError};
use outcomes::Outcomes;
pub use outlet::Outlet;
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

/// Runs until `soft` is cancelled; `hard` cuts the waiting short. Without a broker there is nothing to relay to it and nothing comes
/// back from it: what is due is released, lanes are probed, the clock is measured.
///
/// # Errors
/// When broker or ledger refuse this process for good.
pub async fn run(
    settings: Settings,
    registry: Arc<Registry>,
    ledger: Ledger,
    outlet: Outlet,
    applier: Arc<Applier>,
    soft: &CancellationToken,
    hard: &CancellationToken,
) -> Result<(), RunError> {
    let settings = Arc::new(settings);
    let tasks = TaskTracker::new();
    let stop = soft.child_token();
    let prober = Arc::new(Prober::new(ledger.clone(), &settings)?);
    let mut releaser = Releaser::new(ledger.clone(), outlet.clone(), Arc::clone(&settings));
    let consumers = match &outlet {
        Outlet::Bus(bus) => {
            // before the first marker: one that was published earlier says nothing of what this process missed
            releaser = releaser.with_facts_from_a_queue();
            let returns = Returns {
                ledger: ledger.clone(),
                registry,
                settings: Arc::clone(&settings),
                applier: Arc::clone(&applier),
            };
            attend(bus, &ledger, returns, &tasks, &stop)?
        }
        Outlet::Here(_) | Outlet::Nobody => vec![],
    };
    let mut released = tasks.spawn(releaser.run(stop.clone()));
    tasks.spawn(prober.run(stop.clone()));
    tasks.spawn(measure(ledger, stop.clone()));
    let mut watched = consumers.clone();
    let ended = tokio::select! {
        () = soft.cancelled() => Ok(()),
        error = never_taking(&mut watched, &outlet) => Err(RunError::from(error)),
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

/// What only a broker needs: what comes back from it is taken in, dead letters and outcomes are copied to it.
fn attend(
    bus: &Arc<Bus>,
    ledger: &Ledger,
    returns: Returns,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Vec<bus::Consumer>, RunError> {
    let relay = Relay::new(ledger.clone(), Arc::clone(bus))?;
    let outcomes = Outcomes::new(ledger.clone(), Arc::clone(bus))?;
    let facts = Intake::new(Arc::clone(&returns.applier), ledger.clone());
    let (consumer, deliveries) = bus.consume(names::FACTS, facts::PREFETCH);
    tasks.spawn(take_facts(facts, consumer.clone(), deliveries));
    let returns = Arc::new(returns);
    let mut consumers = vec![consumer];
    for queue in [names::UNROUTABLE, names::RETURNED] {
        let (consumer, deliveries) = bus.consume(queue, PREFETCH);
        tasks.spawn(Arc::clone(&returns).run(deliveries));
        consumers.push(consumer);
    }
    tasks.spawn(Markers::new(ledger.clone(), Arc::clone(bus))?.run(stop.clone()));
    tasks.spawn(relay.run(stop.clone()));
    tasks.spawn(outcomes.run(stop.clone()));
    Ok(consumers)
}

/// Until the consumer is stopped. What refuses this process for good refuses its release too, which ends it.
async fn take_facts(facts: Intake, consumer: bus::Consumer, deliveries: bus::Deliveries) {
    if let Err(error) = facts.run(consumer, deliveries).await {
        tracing::error!(alert = "facts", %error, "no facts are taken any more");
    }
}

async fn never_taking(consumers: &mut [bus::Consumer], outlet: &Outlet) -> BusError {
    for consumer in consumers {
        if let Err(error) = consumer.taking().await {
            return error;
        }
    }
    match outlet {
        Outlet::Bus(_) => tracing::info!("releasing what is due"),
        Outlet::Here(_) => tracing::info!("releasing what is due to the worker in this process"),
        Outlet::Nobody => tracing::info!(
            "broker.url is none: workers take what is due by themselves, here only leases and expiry are looked after"
        ),
    }
    std::future::pending().await
}

async fn measure(ledger: Ledger, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ledger::clock::measure_every()) => {}
        }
        if let Err(error) = ledger.measure_clock().await {
            tracing::warn!(%error, "clock not measured");
        }
    }
}
