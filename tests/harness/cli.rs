//! The command line, as a person or a script uses it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

use super::process::PATIENCE;

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Said {
    /// Standard output as one JSON object a line.
    pub fn json(&self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }

    /// The only line on standard error.
    pub fn one_line(&self) -> &str {
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "not one line on stderr: {}", self.stderr);
        lines[0]
    }
}

/// `ulak ARGS…` with this configuration and nothing else in its environment.
pub fn command(config: &Path, env: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ulak"));
    command.env_clear().envs(env.iter().map(|(name, value)| (name, value)));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.arg("--config").arg(config);
    command
}

/// Runs a command to its end.
pub async fn said(mut command: Command, args: &[impl AsRef<OsStr>]) -> Said {
    let began = Instant::now();
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("a command ends within a minute")
        .expect("ulak starts");
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        took: began.elapsed(),
    }
}
