//! `ulak worker`: sends notifications until it is asked to stop; without a broker it releases what is due to itself.

use super::Failure;
use crate::cli::Global;
use crate::config::Purpose;
use crate::process::{self, Extent, Process};
use crate::{start, work};

/// What is particular to this process. There is one connection for each kind of grouped call (`worker::Asks`), since one slice of each
/// is on its way at a time, and one for the rest: each costs the worker and PostgreSQL memory (`docs/performance.md`).
const WORKER: Process = Process {
    purpose: Purpose::Worker,
    name: "worker",
    connections: 8,
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
