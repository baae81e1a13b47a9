//! Lines of a log as docs/logs.md has them.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let text = include_str!("../../docs/log-line.schema.json");
    jsonschema::validator_for(&serde_json::from_str(text).expect("JSON")).expect("a schema")
});

/// Lines of one process that are held to their schema; more of a test under load are of the same kinds.
const CHECKED: usize = 5_000;

/// Every line of a process, up to a number of them, held to its schema.
pub fn all_checked(lines: &[String]) {
    for line in lines.iter().take(CHECKED) {
        let _ = checked(line);
    }
}

/// A line of the log, held to its schema; `None`: it is something else that was said, such as the last word before the logging began.
pub fn checked(line: &str) -> Option<Value> {
    let said: Value = serde_json::from_str(line).ok().filter(Value::is_object)?;
    said.get("timestamp")?;
    if let Some(wrong) = SCHEMA.iter_errors(&said).next() {
        panic!("{wrong} at {}: {line}", wrong.instance_path());
    }
    Some(said)
}
