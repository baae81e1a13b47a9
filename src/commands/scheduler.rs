//! `ulak scheduler`: releases what is due until it is asked to stop.

use std::sync::Arc;

use scheduler::RunError;

use super::Failure;
use crate::cli::Global;
use crate::config::Purpose;
use crate::lifecycle::Stop;
use crate::start::{self, Process, Ready};

/// What is particular to this process.
const SCHEDULER: Process = Process {
    purpose: Purpose::Scheduler,
    name: "scheduler",
    connections: 6,
    listen: |config| (config.scheduler.listen, "scheduler.listen"),
};

/// Runs the command.
///
/// # Errors
/// The configuration is wrong, or broker or ledger refuse this process for good.
pub fn run(global: &Global) -> Result<(), Failure> {
    start::long_running(global, &SCHEDULER, |_| Ok(()), work)
}

async fn work(ready: Ready, (): (), stop: Stop) -> anyhow::Result<()> {
    let told = start::scheduler_settings(&ready.settings.config);
    let ledger = ready.ledger.clone().giving_up_after(ready.settings.config.reconcile.give_up);
    let (registry, bus) = (Arc::clone(&ready.settings.registry), Arc::clone(&ready.bus));
    match scheduler::run(told, registry, ledger, bus, &stop.soft, &stop.hard).await {
        Ok(()) => Ok(()),
        Err(RunError::Ledger(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}
