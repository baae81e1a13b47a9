//! A test that needs a process of its own, to count in or to be killed, runs itself again in one.

use std::process::{Command, Stdio};

/// What the test that started this process gave it; `None`: this is the suite.
const GIVEN: &str = "ULAK_TEST_GIVEN";

/// What this process was started with, if a test started it.
pub fn given() -> Option<String> {
    std::env::var(GIVEN).ok()
}

/// This program with only one of its tests, by its path (`slices::…`), which finds `given` with [`given`].
pub fn command(test: &str, given: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(GIVEN, given);
    command.stdin(Stdio::null());
    command
}

/// Runs one test in a process of its own, to its end.
pub fn run(test: &str, given: &str) {
    let done = command(test, given).output().unwrap();
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    // a name that no test has passes with 0 tests
    assert!(done.status.success() && said[0].contains("1 passed"), "{}\n{}", said[0], said[1]);
}
