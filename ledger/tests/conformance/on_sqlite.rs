//! The suite of `main.rs` on SQLite, and what only one file promises. Needs nothing: every test has a folder of its own.

#![expect(clippy::unwrap_used, reason = "what a test stands on may end it")]

mod access;
mod alone;
mod appointments;
mod books;
mod caps;
mod claims;
mod crowds;
mod days;
mod door;
mod draft;
mod export;
mod facts;
mod late;
mod moved;
mod next_channel;
mod opt_in;
mod outcomes;
mod place;
mod planned;
mod readers;
mod receipts;
mod receipts_many;
mod reconcile;
mod refusals;
mod releases;
mod same_files;
mod search;
mod settles;
mod shared;
mod slices;
mod slots;
mod sqlite;
mod start;
mod time;
mod told;
mod tools;
mod visits;
mod wakes;

use sqlite::engine;
