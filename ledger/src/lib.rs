//! All that is durable: records, notifications, attempts, due times, persons and keys, slots, lanes, permits.
//!
//! Hot calls take and return slices: what many workers' tasks ask at the same moment goes through one transaction. The pure
//! transition function is in [`protocol`]; SQL locks rows, asks it, and writes what it says together with the record.

pub mod access;
mod attempts;
pub mod bench;
pub mod books;
pub mod caps;
pub mod carry;
mod claim;
pub mod clock;
pub mod days;
mod db;
pub mod dead;
pub mod decision;
pub mod door;
pub mod due;
mod engine;
mod error;
pub mod export;
pub mod facts;
pub mod find;
pub mod gather;
mod ground;
pub mod intake;
pub mod lanes;
pub mod look;
pub mod opt_in;
pub mod outcome;
mod pace;
pub mod pauses;
pub mod planned;
pub mod protocol;
pub mod receipts;
pub mod reconcile;
pub mod record;
pub mod refused;
pub mod report;
mod revs;
pub mod search;
pub mod server;
mod settle;
pub mod shared;
mod slice;
pub mod slots;
pub mod state;
mod stretch;
pub mod sweep;
mod take_in;
pub mod telling;
mod test_clock;
pub mod tokens;
pub mod told;
pub mod vault;
pub mod wakes;
mod write;

pub use clock::Clock;
pub use db::{Changes, Ledger, LedgerSettings, migrate};
pub use engine::Engine;
pub use error::LedgerError;
pub use wakes::Wakes;
