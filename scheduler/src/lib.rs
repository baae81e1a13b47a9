//! The scheduler: decides *when*. It takes facts in and plans what follows from them (`facts`, `plan`), and releases what is due.

pub mod books;
mod credit;
mod divert;
pub mod facts;
pub mod outcomes;
pub mod outlet;
pub mod plan;
pub mod probe;
pub mod receipts;
pub mod reconcile;
pub mod relay;
pub mod release;
pub mod returned;
pub mod settings;
mod trace;
pub mod turn;

use books::Books;
use bus::{Bus, BusError, names};
use credit::Credit;
use facts::marker::Markers;
use facts::{Applier, Intake};
use futures::FutureExt;
use ledger::{Ledger, LedgerError};
use outcomes::Outcomes;
pub use outlet::Outlet;
use probe::Prober;
pub use reconcile::ReconcileSettings;
use reconcile::Reconciler;
use relay::Relay;
use release::Releaser;
use returned::Returns;
use schemas::Registry;
pub use settings::Settings;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
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
    /// Whoever started this process should start it again: one that silently does half of its work is worse.
    #[error("a panic ended {0}; its place is in the log: tell the project")]
    Panic(&'static str),
    /// An account's settings make no client.
    #[error(transparent)]
    Client(#[from] providers::ClientError),
}

impl From<reconcile::NewError> for RunError {
    fn from(error: reconcile::NewError) -> Self {
        match error {
            reconcile::NewError::Client(error) => Self::Client(error),
            reconcile::NewError::Ledger(error) => Self::Ledger(error),
        }
    }
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
    let (broken, mut first_broken) = watch::channel(None);
    let prober = Arc::new(Prober::new(ledger.clone(), &settings)?);
    let reconciler = Arc::new(Reconciler::new(ledger.clone(), Arc::clone(&registry), &settings)?);
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
            attend(bus, &ledger, returns, (&tasks, &broken), &stop)?
        }
        Outlet::Here(_) | Outlet::Nobody => vec![],
    };
    let mut released = tasks.spawn(guarded_release(releaser, stop.clone(), broken.clone()));
    tasks.spawn(part("the probes of lanes", &broken, prober.run(stop.clone())));
    let gatherer = receipts::Gatherer::new(ledger.clone(), &reconciler.accounts())?;
    tasks.spawn(part("the gathering of receipts to ask for", &broken, gatherer.run(stop.clone())));
    let reconciled = reconciler.run(stop.clone());
    tasks.spawn(part("the search for unknown attempts", &broken, reconciled));
    let books = Books::new(ledger.clone(), Arc::clone(&settings.metrics))?;
    tasks.spawn(part("the comparison of the books", &broken, books.run(stop.clone())));
    let credit = Credit::new(&settings)?;
    tasks.spawn(part("the question for credit", &broken, credit.run(stop.clone())));
    tasks.spawn(part("the clock", &broken, measure(ledger, stop.clone())));
    let mut watched = consumers.clone();
    let ended = tokio::select! {
        () = soft.cancelled() => Ok(()),
        error = never_taking(&mut watched, &outlet) => Err(RunError::from(error)),
        Ok(Err(error)) = &mut released => Err(RunError::from(error)),
        Ok(part) = first_broken.wait_for(Option::is_some) => Err(RunError::Panic(part.unwrap_or_default())),
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
    (tasks, broken): (&TaskTracker, &watch::Sender<Option<&'static str>>),
    stop: &CancellationToken,
) -> Result<Vec<bus::Consumer>, RunError> {
    let relay = Relay::new(ledger.clone(), Arc::clone(bus))?;
    let outcomes = Outcomes::new(ledger.clone(), Arc::clone(bus))?;
    let facts = Intake::new(Arc::clone(&returns.applier), ledger.clone());
    let (consumer, deliveries) = bus.consume(names::FACTS, facts::PREFETCH);
    let taken = take_facts(facts, consumer.clone(), deliveries);
    tasks.spawn(part("the intake of facts", broken, taken));
    let returns = Arc::new(returns);
    let mut consumers = vec![consumer];
    for queue in [names::UNROUTABLE, names::RETURNED] {
        let (consumer, deliveries) = bus.consume(queue, PREFETCH);
        let taken = Arc::clone(&returns).run(deliveries);
        tasks.spawn(part("the intake of returned messages", broken, taken));
        consumers.push(consumer);
    }
    let metrics = Arc::clone(&returns.settings.metrics);
    let markers = Markers::new(ledger.clone(), Arc::clone(bus), metrics)?;
    tasks.spawn(part("the markers of facts", broken, markers.run(stop.clone())));
    tasks.spawn(part("the relay of dead letters", broken, relay.run(stop.clone())));
    tasks.spawn(part("the outcomes", broken, outcomes.run(stop.clone())));
    Ok(consumers)
}

/// A part of the scheduler. A panic that no handler caught ends it, and is told.
fn part<W: Future<Output = ()>>(
    name: &'static str,
    broken: &watch::Sender<Option<&'static str>>,
    work: W,
) -> impl Future<Output = ()> + use<W> {
    let broken = broken.clone();
    async move {
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            broken.send_replace(Some(name));
        }
    }
}

/// The release, which has an error of its own.
async fn guarded_release(
    releaser: Releaser,
    stop: CancellationToken,
    broken: watch::Sender<Option<&'static str>>,
) -> Result<(), LedgerError> {
    let released = AssertUnwindSafe(releaser.run(stop)).catch_unwind().await;
    released.unwrap_or_else(|_| {
        broken.send_replace(Some("the release"));
        Ok(())
    })
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
