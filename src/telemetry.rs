//! Logs: one line each on stderr, as text for people or JSON for machines.
//!
//! What is never logged: names, numbers, texts, bodies, secrets. Our own types mask themselves; other people's
//! code is held at `info` whatever the level, because the details of a driver or an HTTP client hold bodies, and
//! what `bus` names in its log directive is silent.

use std::io;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Log, LogFormat};

/// The crates of this workspace: only they log below `info`.
const OURS: [&str; 11] = [
    "ulak",
    "schemas",
    "templates",
    "ledger",
    "bus",
    "providers",
    "scheduler",
    "worker",
    "gateway",
    "receipts",
    "simulator",
];

/// Starts logging for this process.
///
/// # Errors
/// Logging was started before, or the level is no filter (the configuration has checked it).
pub fn start(log: &Log) -> anyhow::Result<()> {
    tracing::subscriber::set_global_default(subscriber(log, io::stderr)?)?;
    // what a panic says may quote a value: only its place is logged
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(())
}

/// The subscriber behind `start`, writing where it is told to.
fn subscriber<W>(log: &Log, writer: W) -> anyhow::Result<impl Subscriber + Send + Sync + use<W>>
where
    W: for<'w> fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&log.level)?;
    let lines = fmt::layer().with_writer(writer).with_ansi(false).with_target(true);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    };
    Ok(Registry::default().with(lines.with_filter(filter).with_filter(filter_fn(may_be_logged))))
}

/// Ours at any level; other people's from `info` up; never what logs bodies.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let of_crate = metadata.target().split("::").next().unwrap_or_default();
    let is_silenced = bus::LOG_DIRECTIVE.strip_suffix("=off") == Some(of_crate);
    // `Level` orders by verbosity: TRACE is the greatest.
    !is_silenced && (*metadata.level() <= Level::INFO || OURS.contains(&of_crate))
}

#[cfg(test)]
mod tests;
