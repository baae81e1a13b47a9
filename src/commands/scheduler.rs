//! `ulak scheduler`: releases what is due until it is asked to stop.

use super::Failure;
use crate::cli::Global;
use crate::config::Purpose;
use crate::process::{self, Extent, Process};
use crate::work;

/// What is particular to this process.
const SCHEDULER: Process = Process {
    purpose: Purpose::Scheduler,
    name: "scheduler",
    connections: 6,
    listen: |config| (config.scheduler.listen, "scheduler.listen"),
    extent: Extent::Part,
};

/// Runs the command.
///
/// # Errors
/// The configuration is wrong, or broker or ledger refuse this process for good.
pub fn run(global: &Global) -> Result<(), Failure> {
    process::run_configured(global, &SCHEDULER, |_| Ok(()), work::scheduler)
}
