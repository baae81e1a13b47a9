//! What only a file has: one writer, a disk that fills up, a power cut, somebody else's process beside it, rights of its own.

pub mod engine;

mod full;
mod killed;
mod neighbours;
mod power;
mod promises;
mod refused;
mod removed;
mod turns;
