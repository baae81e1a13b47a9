//! Judges that run in Node.js. Without them a test fails; it never passes in silence.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

pub fn tests_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Runs `tests/<script>` with `asked` on its standard input and reads its answer.
pub fn ask(script: &str, arguments: &[&Path], asked: &Value) -> Value {
    let mut node = Command::new("node")
        .arg(tests_folder().join(script))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("node judges this test and cannot be run: {error}; install Node.js 20")
        });
    node.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let answer = node.wait_with_output().unwrap();
    assert!(answer.status.success(), "{script}: {}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice(&answer.stdout).unwrap()
}
