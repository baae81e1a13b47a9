//! `ulak worker`: consumes notifications and sends them until it is asked to stop.

use std::sync::Arc;

use anyhow::anyhow;
use templates::Renderer;
use worker::intake::RunError;

use super::Failure;
use crate::cli::Global;
use crate::config::Purpose;
use crate::lifecycle::Stop;
use crate::start::{self, Process, Ready};

/// What is particular to this process. Leases of many messages at a time want more connections than a scheduler's tick.
const WORKER: Process = Process {
    purpose: Purpose::Worker,
    name: "worker",
    connections: 16,
    listen: |config| (config.worker.listen, "worker.listen"),
};

/// Runs the command.
///
/// # Errors
/// The configuration is wrong, broker or ledger refuse this process for good, or work was cut off.
pub fn run(global: &Global) -> Result<(), Failure> {
    start::long_running(global, &WORKER, start::renderer, work)
}

async fn work(ready: Ready, renderer: Arc<Renderer>, stop: Stop) -> anyhow::Result<()> {
    let told = start::worker_settings(&ready.settings.config);
    let worker = worker::Worker::new(
        told,
        Arc::clone(&ready.settings.registry),
        renderer,
        ready.ledger.clone(),
    )?;
    let drained = worker::intake::run(Arc::new(worker), &ready.bus, &stop.soft, &stop.hard).await;
    match drained {
        Ok(drained) if drained.left > 0 => Err(anyhow!(
            "{} messages were left in flight: they come again or are looked after",
            drained.left
        )),
        Ok(_) => Ok(()),
        Err(RunError::Ledger(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}
