//! `ulak migrate`: the ledger's schema and the broker's topology, or a whole ledger to another database. Safe to repeat.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bus::BusSettings;
use indicatif::{ProgressBar, ProgressStyle};
use ledger::LedgerSettings;
use ledger::carry::Carried;
use secrecy::SecretString;

use super::publish::topology;
use super::{Failure, Settings, runtime, say};
use crate::cli::Global;
use crate::cli::process::MigrateArgs;
use crate::config::{Address, ConfigError, Database, Origin, Purpose};
use crate::lock::Lock;
use crate::start;

/// Runs the command.
///
/// # Errors
/// The database or the broker is not there, or refuses.
pub fn run(global: &Global, args: &MigrateArgs) -> Result<(), Failure> {
    let settings = Settings::for_purpose(global, Purpose::Migrate)?;
    let ledger = start::ledger_settings(&settings.config, "migrate", 2)?;
    if let Some(from) = &args.from {
        let to = args.to.as_deref().unwrap_or(settings.config.database.url.expose());
        return move_to(global, &ledger, from, to);
    }
    runtime()?.block_on(async {
        let said = start::Said::by(&settings.config);
        let found = ledger::migrate(&ledger).await.map_err(|error| said.ledger_failure(error))?;
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

/// An address on the command line, with the file if it names one.
fn address(option: &str, url: &str) -> Result<(Address, Option<PathBuf>), Failure> {
    Database::address(url).map_err(|allowed| {
        let problem = format!("must be {allowed}");
        Failure::Config(vec![ConfigError::new(option, Origin::Unset, problem)])
    })
}

fn move_to(
    global: &Global,
    settings: &LedgerSettings,
    from: &str,
    to: &str,
) -> Result<(), Failure> {
    let (from, old) = address("--from", from)?;
    let (to, new) = address("--to", to)?;
    if let (Some(old), Some(new)) = (&old, &new)
        && old.canonicalize().ok().zip(new.canonicalize().ok()).is_some_and(|(old, new)| old == new)
    {
        let problem = "is the file of --from too; nothing was changed";
        return Err(Failure::Config(vec![ConfigError::new("--to", Origin::Unset, problem)]));
    }
    if let Some(old) = old.as_ref().filter(|old| !old.exists()) {
        return Err(anyhow!("there is no ledger at {}: --from must name one", old.display()).into());
    }
    // neither may be in use: what a running process holds is on its way
    let _old = old.as_deref().map(Lock::take).transpose()?;
    let _new = new.as_deref().map(Lock::take).transpose()?;
    let at = |address: &Address| LedgerSettings {
        url: SecretString::from(address.expose().to_owned()),
        ..settings.clone()
    };
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut progress = |table: &'static str, rows: u64| {
        bar.set_message(format!("{table}: {rows} rows"));
    };
    let (old, new) = (at(&from), at(&to));
    let shown = to.to_string();
    let carried = runtime()?.block_on(ledger::carry::carry(&old, (&new, &shown), &mut progress));
    bar.finish_and_clear();
    tell(global, &carried.map_err(|error| Failure::Failed(anyhow!(error)))?, &from, &shown)
}

fn tell(global: &Global, carried: &Carried, from: &Address, to: &str) -> Result<(), Failure> {
    for table in &carried.tables {
        if global.json {
            say(serde_json::to_string(table).context("a table")?)?;
        } else {
            say(format_args!(
                "{:<13} {:>9} rows  {}",
                table.table,
                table.rows,
                &table.digest[..16]
            ))?;
        }
    }
    if global.json {
        let line = serde_json::json!({ "moved_to": to, "already": carried.already });
        return Ok(say(line)?);
    }
    let done = if carried.already {
        "was moved before; counts and hashes still agree"
    } else {
        "everything is there; counts and hashes agree"
    };
    say(format_args!(
        "{done}. Set database.url to {to}; nothing is sent from {from} any more, keep it as a backup."
    ))?;
    Ok(())
}
