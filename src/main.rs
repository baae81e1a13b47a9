//! The `ulak` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ulak::run()
}
