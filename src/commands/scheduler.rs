//! `ulak scheduler`: releases what is due until it is asked to stop.

use std::sync::Arc;

use super::{Failure, Settings, runtime};
use crate::cli::Global;
use crate::config::Purpose;
use crate::lifecycle::{self, Stop};
use crate::{health, start, telemetry};

/// Connections to the ledger that one scheduler may open.
const CONNECTIONS: u32 = 6;

/// Runs the command.
///
/// # Errors
/// The configuration is wrong, or broker or ledger refuse this process for good.
pub fn run(global: &Global) -> Result<(), Failure> {
    let settings = Settings::for_purpose(global, Purpose::Scheduler)?;
    telemetry::start(&settings.config.log)?;
    let drain = settings.config.worker.drain;
    let ledger = start::ledger_settings(&settings.config, "scheduler", CONNECTIONS)?;
    let mut wrong = None;
    let ended = runtime()?
        .block_on(lifecycle::run(drain, |stop| work(settings, ledger, stop, &mut wrong)))?;
    match wrong {
        Some(error) => Err(start::ledger_failure(error)),
        None => ended.into(),
    }
}

async fn work(
    settings: Settings,
    ledger: ledger::LedgerSettings,
    stop: Stop,
    wrong: &mut Option<ledger::LedgerError>,
) -> anyhow::Result<()> {
    let listener = health::bind(settings.config.scheduler.listen, "scheduler.listen").await?;
    schemas::PhoneNumber::load_rules();
    let ledger = match start::open_ledger(&ledger, &stop).await {
        Ok(Some(ledger)) => ledger.giving_up_after(settings.config.reconcile.give_up),
        Ok(None) => return Ok(()),
        Err(error) => {
            *wrong = Some(error.clone());
            return Err(error.into());
        }
    };
    let Some(bus) = start::open_bus(&settings, "scheduler", &stop).await? else { return Ok(()) };
    let bus = Arc::new(bus);
    let told = start::scheduler_settings(&settings.config);
    tokio::spawn(health::serve(listener, ledger.clone(), Arc::clone(&bus), stop.hard.clone()));
    let registry = Arc::new(settings.registry);
    let ended =
        scheduler::run(told, registry, ledger.clone(), Arc::clone(&bus), &stop.soft, &stop.hard)
            .await;
    bus.close().await;
    ended?;
    ledger.close().await;
    tracing::info!("drained");
    Ok(())
}
