//! The fuzz targets: for every parser of bytes from outside one function that panics where the parser breaks a promise.
//!
//! The same functions are run by `cargo fuzz` (`fuzz/fuzz_targets/`), by `cargo test -p fuzz-targets` on every change, and by
//! `cargo run --release -p fuzz-targets -- all 1000000`. Which parser has which target stands in `fuzz/README.md`.

mod check;
pub mod corpus;
pub mod mutate;
pub mod run;
mod targets;

pub use targets::{TARGETS, find};

/// How inputs of a target are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// JSON behind the head: mostly by its values and names, else as bytes.
    Json,
    /// Text in UTF-8, mostly.
    Text,
    /// Any bytes.
    Bytes,
}

/// One fuzz target.
pub struct Target {
    /// Its name: of the file in `fuzz/fuzz_targets/`, of the folder in the corpus.
    pub name: &'static str,
    /// The function; it panics where a promise is broken.
    pub run: fn(&[u8]),
    /// What inputs are made from.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// How they are changed.
    pub shape: Shape,
    /// Bytes before the input proper that choose how it is read.
    pub head: usize,
    /// Fewest inputs of one run in CI, where nothing is optimised.
    pub in_ci: u64,
}
