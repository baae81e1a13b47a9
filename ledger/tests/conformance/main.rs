//! What every engine of the ledger must do, seen through its public calls on a real database: here on PostgreSQL, the same files
//! on SQLite in `on_sqlite.rs`.
//!
//! Needs `DATABASE_URL`: `scripts/services run DIR -- cargo test -p ledger`. Every test has a database of its own. Time in the
//! ledger is the database's, so tests do not sleep: they move due times with SQL.

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
mod postgres;
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
mod start;
mod time;
mod told;
mod tools;
mod visits;
mod wakes;

use postgres::engine;
