//! The HTTP door over real TCP, on a real SQLite ledger in a folder of its own.

#![expect(clippy::unwrap_used, reason = "what a test stands on may end it")]

mod document;
mod facts;
mod hooks;
mod house;
mod limits;
mod outcomes;
mod pages;
mod posting;
mod reading;
mod tokens;
