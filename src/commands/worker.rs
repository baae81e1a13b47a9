//! `ulak worker`: consumes notifications and sends them until it is asked to stop.

use std::sync::Arc;

use anyhow::anyhow;

use super::{Failure, Settings, runtime};
use crate::cli::Global;
use crate::config::Purpose;
use crate::lifecycle::{self, Stop};
use crate::{health, start, telemetry};

/// Connections to the ledger that one worker may open.
const CONNECTIONS: u32 = 16;

/// Runs the command.
///
/// # Errors
/// The configuration is wrong, broker or ledger refuse this process for good, or work was cut off.
pub fn run(global: &Global) -> Result<(), Failure> {
    let settings = Settings::for_purpose(global, Purpose::Worker)?;
    telemetry::start(&settings.config.log)?;
    let drain = settings.config.worker.drain;
    let ledger = start::ledger_settings(&settings.config, "worker", CONNECTIONS)?;
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
    let listener = health::bind(settings.config.worker.listen, "worker.listen").await?;
    let renderer = start::renderer(&settings)?;
    schemas::PhoneNumber::load_rules();
    let ledger = match start::open_ledger(&ledger, &stop).await {
        Ok(Some(ledger)) => ledger,
        Ok(None) => return Ok(()),
        Err(error) => {
            *wrong = Some(error.clone());
            return Err(error.into());
        }
    };
    let Some(bus) = start::open_bus(&settings, "worker", &stop).await? else { return Ok(()) };
    let bus = Arc::new(bus);
    let told = start::worker_settings(&settings.config);
    let worker = worker::Worker::new(told, Arc::new(settings.registry), renderer, ledger.clone())?;
    tokio::spawn(health::serve(listener, ledger.clone(), Arc::clone(&bus), stop.hard.clone()));
    let ended = worker::intake::run(Arc::new(worker), &bus, &stop.soft, &stop.hard).await;
    bus.close().await;
    let drained = match ended {
        Ok(drained) => drained,
        Err(worker::intake::RunError::Ledger(error)) => {
            *wrong = Some(error.clone());
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    ledger.close().await;
    if drained.left > 0 {
        return Err(anyhow!(
            "{} messages were left in flight: they come again or are looked after",
            drained.left
        ));
    }
    tracing::info!("drained");
    Ok(())
}
