//! `ulak migrate`: the ledger's schema and the broker's topology. Safe to repeat.

use anyhow::Context as _;
use bus::BusSettings;

use super::publish::topology;
use super::{Failure, Settings, runtime, say};
use crate::cli::Global;
use crate::config::Purpose;
use crate::start;

/// Runs the command.
///
/// # Errors
/// The database or the broker is not there, or refuses.
pub fn run(global: &Global) -> Result<(), Failure> {
    let settings = Settings::for_purpose(global, Purpose::Migrate)?;
    let ledger = start::ledger_settings(&settings.config, "migrate", 2)?;
    runtime()?.block_on(async {
        let found = ledger::migrate(&ledger).await.map_err(start::ledger_failure)?;
        if global.json {
            say(serde_json::json!({ "ledger": "ready", "found_schema": found }))?;
        } else {
            say(format_args!("ledger: ready (schema found: {found})"))?;
        }
        let Some(url) = &settings.config.broker.url else { return Ok(()) };
        let topology = topology(&settings.registry);
        topology
            .declare(&BusSettings::new(url.secret(), "migrate"))
            .await
            .context("the broker's queues were not declared")?;
        let queues: Vec<&str> = topology.queues().collect();
        if global.json {
            say(serde_json::json!({ "broker": "ready", "queues": queues }))?;
        } else {
            say(format_args!("broker: ready ({})", queues.join(", ")))?;
        }
        Ok(())
    })
}
