//! The `ulak` command.
fn main() {}
