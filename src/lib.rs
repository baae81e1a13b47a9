//! The `ulak` command: arguments, configuration, start and stop, and nothing else. What it does is in the crates.

pub mod approved;
pub mod cli;
mod clocks;
pub mod commands;
pub mod config;
pub mod first_start;
pub mod health;
pub mod lifecycle;
pub mod lock;
mod measures;
pub mod operator;
mod otlp;
pub mod process;
pub mod start;
pub mod supervisor;
pub mod telemetry;
pub mod work;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

/// Runs the command that the process was started with, and says how it ended.
pub fn run() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and ends with 0, wrong usage to stderr and ends with 2; if nobody reads, so be it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut stderr = io::stderr().lock();
            for line in failure.lines() {
                let _ = writeln!(stderr, "{line}");
            }
            failure.exit_code()
        }
    }
}
