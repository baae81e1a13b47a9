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
const OURS: [&str; 9] = [
    "ulak",
    "schemas",
    "templates",
    "ledger",
    "bus",
    "providers",
    "scheduler",
    "worker",
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
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str, events: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = Log { format, level: level.to_owned() };
        let subscriber = subscriber(&log, move || writer.clone()).expect("valid level");
        tracing::subscriber::with_default(subscriber, events);
        let bytes = lines.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn a_driver_never_logs_its_details_whatever_the_level() {
        let text = logged(LogFormat::Text, "trace", || {
            tracing::debug!(target: "hyper::client", "body of a message");
            tracing::error!(target: "lapin::returned_messages", "body of a message");
            tracing::info!(target: "hyper::client", "connected");
            tracing::trace!(target: "worker::pipeline", "ours");
            tracing::trace!(target: "workers_of_others", "not ours");
        });
        assert!(!text.contains("body of a message") && !text.contains("not ours"), "{text}");
        assert!(text.contains("connected") && text.contains("ours"), "{text}");
    }

    #[test]
    fn json_lines_are_one_object_each_with_the_fields_on_top() {
        let text = logged(LogFormat::Json, "info", || {
            tracing::info!(target: "worker", ntf = "ntf_x", attempts = 2, "sent");
            tracing::debug!(target: "worker", "too fine");
        });
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["ntf"], "ntf_x");
        assert_eq!(lines[0]["attempts"], 2);
        assert_eq!(lines[0]["message"], "sent");
    }
}
