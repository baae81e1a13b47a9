//! `ulak worker`: sends notifications until it is asked to stop; without a broker it releases what is due to itself.

use super::Failure;
use crate::cli::Global;
use crate::config::Purpose;
use crate::process::{self, Extent, Process};
use crate::{start, work};

/// What is particular to this process. Two slices of each of seven kinds of grouped calls (`worker::Asks`) may be on their way, and
/// two connections are for the rest: a worker that is stopped in a transaction must not take the last one from those that wait for it.
const WORKER: Process = Process {
    purpose: Purpose::Worker,
    name: "worker",
    connections: 16,
    listen: |config| (config.worker.listen, "worker.listen"),
    extent: Extent::Part,
};

/// Runs the command.
///
/// # Errors
/// The configuration is wrong, broker or ledger refuse this process for good, or work was cut off.
pub fn run(global: &Global) -> Result<(), Failure> {
    process::run_configured(global, &WORKER, start::renderer, work::worker)
}
