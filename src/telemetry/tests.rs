use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

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
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["ntf"], "ntf_x");
    assert_eq!(lines[0]["attempts"], 2);
    assert_eq!(lines[0]["message"], "sent");
}

const SCHEMA: &str = include_str!("../../docs/log-line.schema.json");

fn schema() -> Validator {
    jsonschema::validator_for(&serde_json::from_str(SCHEMA).expect("JSON")).expect("a schema")
}

#[test]
fn a_line_is_as_its_schema_says_with_and_without_a_trace() {
    let text = logged(LogFormat::Json, "warn", || {
        let span = tracing::error_span!("message", trace_id = "4bf92f3577b34da6a3ce929d0e0e4736");
        let entered = span.enter();
        tracing::error!(target: "worker::lanes", alert = "lane-closed", lane = "netgsm/a/K", "closed");
        tracing::info!(target: "worker", "too fine");
        drop(entered);
        tracing::warn!(target: "bus", error = %"no\nanswer", attempt = 1, late = false, "waiting");
    });
    let schema = schema();
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    for line in &lines {
        assert!(schema.is_valid(line), "{:?}: {line}", schema.iter_errors(line).next());
    }
    assert_eq!(lines[0]["span"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(lines[1]["span"], Value::Null);
    // and it refuses what no line may be
    for (field, wrong) in [
        ("alert", json!("somebody-elses")),
        ("ntf", json!("905321234567")),
        ("level", json!("info")),
        ("person", json!({"name": "x"})),
        ("timestamp", json!("2026-11-22 09:14:03")),
    ] {
        let mut line = lines[0].clone();
        line[field] = wrong;
        assert!(!schema.is_valid(&line), "{line}");
    }
}

/// What stands between `before` and a double quote.
fn words(text: &str, before: &str) -> Vec<String> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| Some(part.split_once('"')?.0.to_owned())).collect()
}

fn sources(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).expect("text");
            found.extend(words(&text, "alert = \""));
        }
    }
}

#[test]
fn every_alert_of_the_code_is_in_the_schema_and_in_the_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut said = BTreeSet::new();
    let crates = ["bus", "gateway", "ledger", "providers", "receipts", "scheduler", "worker", ""];
    for of in crates {
        sources(&root.join(of).join("src"), &mut said);
    }
    assert!(said.len() > 15, "{said:?}");
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let listed = schema["properties"]["alert"]["enum"].as_array().expect("a list");
    let listed: BTreeSet<String> =
        listed.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
    assert_eq!(listed, said, "docs/log-line.schema.json and the code");
    let document = include_str!("../../docs/operations.md");
    for alert in &said {
        assert!(document.contains(&format!("\n| `{alert}` | ")), "{alert} is not in the table");
    }
}
