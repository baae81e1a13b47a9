//! The `ulak` command.

use std::process::ExitCode;

/// A message is some two hundred small allocations, many of them freed by another thread than made them (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ulak::run()
}
