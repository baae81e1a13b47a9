//! A long-running process from its configuration to its end: what it waits for, what it serves, how it stops.
//!
//! `ulak worker` and `ulak scheduler` are parts of an installation. `ulak up` is a whole one: it holds the lock on its SQLite
//! file, makes the schema itself and serves the HTTP door.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use ledger::{Engine, Ledger, LedgerError, LedgerSettings};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::cli::Global;
use crate::commands::{Failure, Settings, runtime};
use crate::config::{Config, Purpose};
use crate::lifecycle::{self, Stop};
use crate::lock::Lock;
use crate::supervisor::Supervisor;
use crate::{health, measures, start, telemetry};

/// Longest that a request goes on after the stop.
const REQUESTS_FINISH_WITHIN: Duration = Duration::from_secs(18);

/// What is particular to a long-running process.
#[derive(Debug)]
pub struct Process {
    /// What its configuration must be complete for.
    pub purpose: Purpose,
    /// Its name towards broker and database.
    pub name: &'static str,
    /// Connections to the ledger that it may open.
    pub connections: u32,
    /// Where it serves its pages, and the key that says so.
    pub listen: fn(&Config) -> (SocketAddr, &'static str),
    /// How much of an installation it is.
    pub extent: Extent,
}

/// How much of an installation a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// One of several: others bring the schema, and it serves health pages only.
    Part,
    /// One of several that serves the HTTP door and needs no broker.
    Door,
    /// Perhaps the only one: nobody else works with its SQLite file, it brings the schema, and serves the HTTP door.
    Whole,
}

/// What a process works with, once all of it is there.
pub struct Ready {
    /// Configuration and event types.
    pub settings: Settings,
    /// The ledger.
    pub ledger: Ledger,
    /// The broker, if there is one.
    pub bus: Option<Arc<Bus>>,
    /// What its readiness is asked of; the work may add to it.
    pub health: health::Parts,
}

/// Runs a process until it is asked to stop: prepares what needs nobody else (so that what is wrong is said at once), takes its
/// lock and its address, waits for ledger and broker, works.
///
/// # Errors
/// Another process holds the lock or the address, broker or ledger refuse this process for good, or the work failed.
pub fn run<P, F>(
    settings: Settings,
    process: &'static Process,
    prepare: impl FnOnce(&Settings) -> anyhow::Result<P>,
    work: impl FnOnce(Ready, P, Stop) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = anyhow::Result<()>>,
{
    telemetry::start(&settings.config.log)?;
    let prepared = prepare(&settings)?;
    let told = start::ledger_settings(&settings.config, process.name, process.connections)?;
    // held until the process ends: nobody else may release or send from this file
    let _lock = match (process.extent, &settings.config.database.file) {
        (Extent::Whole, Some(file)) => Some(Lock::take(file)?),
        _ => None,
    };
    let drain = settings.config.worker.drain;
    let said = start::Said::by(&settings.config);
    let supervisor = Supervisor::of_environment();
    let told_of = supervisor.clone();
    let run = |stop: Stop| async move {
        let (listen, key) = (process.listen)(&settings.config);
        let listener = health::bind(listen, key).await?;
        let health = health::Parts::default();
        health.measures(measures::of(
            process.name,
            &settings.registry,
            &start::prices(&settings.config),
        ));
        health.ends_with(stop.soft.clone());
        if matches!(process.purpose, Purpose::Worker | Purpose::Up) {
            health.will_send();
        }
        tokio::spawn(health.clone().keep_looking(stop.soft.clone()));
        told_of.follow(&health, &stop.soft);
        let pages = Pages::serve(process.extent, listener, &settings, &health, &stop)?;
        schemas::PhoneNumber::load_rules();
        let Some(ledger) = open(process.extent, &told, &stop).await? else { return Ok(()) };
        health.has_ledger(ledger.clone());
        if process.extent == Extent::Whole {
            tokio::spawn(health::mind_the_file(ledger.clone(), stop.soft.clone()));
        }
        pages.open(&settings, &ledger);
        let Some(bus) = broker(&settings, process, &stop).await? else { return Ok(()) };
        health.has_broker(bus.clone());
        let ready = Ready { settings, ledger: ledger.clone(), bus: bus.clone(), health };
        let (soft, hard) = (stop.soft.clone(), stop.hard.clone());
        let worked = work(ready, prepared, stop).await;
        // where it failed by itself nobody was asked to stop: the door would stay open for ever, and this process with it
        soft.cancel();
        pages.finish(&hard).await;
        if let Some(bus) = bus {
            bus.close().await;
        }
        ledger.close().await;
        if worked.is_ok() {
            tracing::info!("drained");
        }
        worked
    };
    let ended: Result<(), Failure> =
        runtime()?.block_on(lifecycle::run(drain, &supervisor, run))?.into();
    ended.map_err(|failure| said.of(failure))
}

/// [`run`] with the configuration of the command line.
///
/// # Errors
/// The configuration is wrong or incomplete, and what [`run`] fails for.
pub fn run_configured<P, F>(
    global: &Global,
    process: &'static Process,
    prepare: impl FnOnce(&Settings) -> anyhow::Result<P>,
    work: impl FnOnce(Ready, P, Stop) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = anyhow::Result<()>>,
{
    run(Settings::for_purpose(global, process.purpose)?, process, prepare, work)
}

/// What a process serves.
struct Pages {
    door: Option<gateway::Door>,
    serving: JoinHandle<()>,
}

impl Pages {
    /// Serves at once, also while ledger and broker are waited for: health pages say so, the door answers 503.
    fn serve(
        extent: Extent,
        listener: TcpListener,
        settings: &Settings,
        health: &health::Parts,
        stop: &Stop,
    ) -> anyhow::Result<Self> {
        Ok(match extent {
            Extent::Part => {
                let serving = health::serve(listener, health.clone(), stop.hard.clone());
                Self { door: None, serving: tokio::spawn(serving) }
            }
            Extent::Door | Extent::Whole => {
                let told = start::gateway_settings(&settings.config);
                let registry = Arc::clone(&settings.registry);
                let door = gateway::Door::new(told, registry, stop.soft.clone());
                door.measured_by(health.metrics());
                door.takes(start::gateway_hooks(&settings.config)?);
                let router = gateway::router(&door).merge(health::pages(health.clone()));
                // a stop takes nothing new; what has begun is finished
                let finish = finish_within(settings.config.worker.drain);
                let serving = gateway::serve(listener, router, stop.soft.clone(), finish);
                Self { door: Some(door), serving: tokio::spawn(serving) }
            }
        })
    }

    fn open(&self, settings: &Settings, ledger: &Ledger) {
        if let Some(door) = &self.door {
            door.open(ledger, start::applier(&settings.config, &settings.registry, ledger));
            tracing::info!("events come in at POST /v1/events; /openapi.json describes it");
            start::tell_of_pages(&settings.config);
        }
    }

    /// Requests that have begun get their answer while the ledger is still open. Health pages are simply dropped.
    async fn finish(self, hard: &tokio_util::sync::CancellationToken) {
        if self.door.is_none() {
            return;
        }
        tokio::select! {
            _ = self.serving => {}
            () = hard.cancelled() => {}
        }
    }
}

/// How long requests may go on after the stop: as long as an answer ever takes, and in any case less than everything else has, so
/// that nobody outside decides how a stop ends.
fn finish_within(drain: Duration) -> Duration {
    (drain * 3 / 5).min(REQUESTS_FINISH_WITHIN)
}

/// Opens the ledger, or `None` if the stop came first.
async fn open(
    extent: Extent,
    told: &LedgerSettings,
    stop: &Stop,
) -> Result<Option<Ledger>, LedgerError> {
    if extent != Extent::Whole {
        return start::wait_for_ledger(stop, || Ledger::open(told)).await;
    }
    let ledger = start::wait_for_ledger(stop, || async {
        ledger::migrate(told).await?;
        Ledger::open(told).await
    })
    .await?;
    if let Some(ledger) = &ledger
        && ledger.engine() == Engine::Sqlite
    {
        // under the lock nobody else has anything in flight
        ledger.take_over().await?;
    }
    Ok(ledger)
}

/// Reaches the broker if there is to be one. The outer `None`: the stop came first.
async fn broker(
    settings: &Settings,
    process: &Process,
    stop: &Stop,
) -> anyhow::Result<Option<Option<Arc<Bus>>>> {
    if settings.config.broker.url.is_none() || process.extent == Extent::Door {
        return Ok(Some(None));
    }
    Ok(start::open_bus(settings, process.name, stop).await?.map(|bus| Some(Arc::new(bus))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_end_before_the_drain_does() {
        for (drain, finish) in [(0, 0), (5, 3), (25, 15), (30, 18), (3_600, 18)] {
            let [drain, finish] = [drain, finish].map(Duration::from_secs);
            assert_eq!(finish_within(drain), finish, "{drain:?}");
        }
    }
}
