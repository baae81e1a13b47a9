//! `ulak gateway`: the HTTP door of an installation on PostgreSQL. `ulak up` has it inside.

use super::Failure;
use crate::cli::Global;
use crate::config::Purpose;
use crate::lifecycle::Stop;
use crate::process::{self, Extent, Process, Ready};

/// What is particular to this process.
const GATEWAY: Process = Process {
    purpose: Purpose::Gateway,
    name: "gateway",
    connections: 8,
    listen: |config| (config.gateway.listen, "gateway.listen"),
    extent: Extent::Door,
};

/// Runs the command.
///
/// # Errors
/// The configuration is wrong, or the ledger refuses this process for good.
pub fn run(global: &Global) -> Result<(), Failure> {
    process::run_configured(global, &GATEWAY, |_| Ok(()), work)
}

/// Requests are answered by the pages of the process; what is left is to keep the clock right until the stop.
async fn work(ready: Ready, (): (), stop: Stop) -> anyhow::Result<()> {
    let mut minute = tokio::time::interval(ledger::clock::measure_every());
    loop {
        tokio::select! {
            () = stop.soft.cancelled() => return Ok(()),
            _ = minute.tick() => {
                if let Err(error) = ready.ledger.measure_clock().await {
                    tracing::debug!(%error, "the clock is measured later");
                }
            }
        }
    }
}
