//! What the processes do: send, release, or both. Without a broker whoever sends also releases, to itself.

use std::sync::Arc;

use anyhow::anyhow;
use bus::Bus;
use ledger::sweep::ReleasedCopy;
use scheduler::Outlet;
use templates::Renderer;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use worker::Worker;
use worker::intake::{self, Drained};
use worker::spans::Spans;

use crate::approved::Approved;
use crate::lifecycle::Stop;
use crate::process::Ready;
use crate::{otlp, start};

/// Most copies that wait for a place in this process. More would only age here while another process could take them.
const WAITING_AT_MOST: usize = 512;

/// Where a worker's messages come from.
enum Inlet {
    Bus(Arc<Bus>),
    Here(mpsc::Receiver<ReleasedCopy>),
}

/// `ulak up`: sends and releases.
///
/// # Errors
/// Broker or ledger refuse this process for good, or messages were left in flight.
pub async fn both(ready: Ready, renderer: Arc<Renderer>, stop: Stop) -> anyhow::Result<()> {
    let (outlet, inlet) = match &ready.bus {
        Some(bus) => (Outlet::Bus(Arc::clone(bus)), Inlet::Bus(Arc::clone(bus))),
        None => here(&ready),
    };
    send_and_release(&ready, renderer, (outlet, inlet), &stop).await
}

/// `ulak worker`: sends what the broker delivers; without one, what it releases itself.
///
/// # Errors
/// Broker or ledger refuse this process for good, or messages were left in flight.
pub async fn worker(ready: Ready, renderer: Arc<Renderer>, stop: Stop) -> anyhow::Result<()> {
    match &ready.bus {
        Some(bus) => {
            let worker = sender(&ready, renderer, &stop).await?;
            send(worker, Inlet::Bus(Arc::clone(bus)), &stop).await
        }
        None => send_and_release(&ready, renderer, here(&ready), &stop).await,
    }
}

/// `ulak scheduler`: releases to the broker; without one, time passes and workers take what is due.
///
/// # Errors
/// Broker or ledger refuse this process for good.
pub async fn scheduler(ready: Ready, (): (), stop: Stop) -> anyhow::Result<()> {
    let outlet = ready.bus.clone().map_or(Outlet::Nobody, Outlet::Bus);
    release(&ready, outlet, &stop).await
}

/// Both ends of the way inside this process.
fn here(ready: &Ready) -> (Outlet, Inlet) {
    let in_flight = usize::try_from(ready.settings.config.worker.in_flight).unwrap_or(1);
    let (to, from) = mpsc::channel(in_flight.clamp(1, WAITING_AT_MOST));
    (Outlet::Here(to), Inlet::Here(from))
}

/// One does not go on without the other.
async fn send_and_release(
    ready: &Ready,
    renderer: Arc<Renderer>,
    (outlet, inlet): (Outlet, Inlet),
    stop: &Stop,
) -> anyhow::Result<()> {
    let worker = sender(ready, renderer, stop).await?;
    let stop = Stop { soft: stop.soft.child_token(), hard: stop.hard.clone() };
    let (sent, released) = tokio::join!(
        ending(&stop.soft, send(worker, inlet, &stop)),
        ending(&stop.soft, release(ready, outlet, &stop)),
    );
    sent.and(released)
}

/// Tells the other one when this one ends.
async fn ending<T>(other: &CancellationToken, work: impl Future<Output = T>) -> T {
    let done = work.await;
    other.cancel();
    done
}

async fn sender(
    ready: &Ready,
    renderer: Arc<Renderer>,
    stop: &Stop,
) -> anyhow::Result<Arc<Worker>> {
    let told = start::worker_settings(&ready.settings.config);
    if !told.templates.is_empty() {
        compare_templates(ready, &told, stop).await?;
    }
    let registry = Arc::clone(&ready.settings.registry);
    let worker = Worker::new(told, registry, renderer, ready.ledger.clone())?;
    let spans = match &ready.settings.config.otlp_endpoint {
        Some(endpoint) => Spans::to(otlp::start(endpoint, "worker")?),
        None => Spans::default(),
    };
    let worker = Arc::new(worker.measured_by(ready.health.metrics()).traced_to(spans));
    ready.health.has_worker(Arc::clone(&worker));
    Ok(worker)
}

/// A template that is not what its vendor approved refuses the start; a vendor that does not answer is asked again later.
async fn compare_templates(
    ready: &Ready,
    told: &worker::Settings,
    stop: &Stop,
) -> anyhow::Result<()> {
    let approved = Arc::new(Approved::default());
    tokio::select! {
        () = stop.soft.cancelled() => return Ok(()),
        fits = approved.at_start(told, &ready.settings.config) => fits?,
    }
    ready.health.has_templates(Arc::clone(&approved));
    let (told, soft) = (told.clone(), stop.soft.clone());
    tokio::spawn(async move { approved.keep_asking(&told, &soft).await });
    Ok(())
}

async fn send(worker: Arc<Worker>, inlet: Inlet, stop: &Stop) -> anyhow::Result<()> {
    let drained = match inlet {
        Inlet::Bus(bus) => intake::run(worker, &bus, &stop.soft, &stop.hard).await,
        Inlet::Here(copies) => intake::run_here(worker, copies, &stop.soft, &stop.hard).await,
    };
    match drained {
        Ok(Drained { left: 0 }) => Ok(()),
        Ok(Drained { left }) => {
            Err(anyhow!("{left} messages were left in flight: they come again or are looked after"))
        }
        // as itself: it has exit codes of its own
        Err(intake::RunError::Ledger(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}

async fn release(ready: &Ready, outlet: Outlet, stop: &Stop) -> anyhow::Result<()> {
    let mut told = start::scheduler_settings(&ready.settings.config);
    told.metrics = ready.health.metrics();
    ready.health.reconciles(Arc::clone(&told.reconcile.counts));
    let reconcile = &ready.settings.config.reconcile;
    let ledger = ready.ledger.clone();
    let ledger =
        ledger.giving_up_after(reconcile.give_up).looking_first_after(reconcile.first_look());
    let registry = Arc::clone(&ready.settings.registry);
    let applier = start::applier(&ready.settings.config, &registry, &ledger);
    match scheduler::run(told, registry, ledger, outlet, applier, &stop.soft, &stop.hard).await {
        Ok(()) => Ok(()),
        Err(scheduler::RunError::Ledger(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}
