//! Clients of the outside services, one folder each.
//!
//! A client turns one request into one answer and says what that answer means: it never retries,
//! never follows a redirect, never touches the ledger. Retries, lanes, rate permits and tokens
//! belong to the caller. What an answer means is data (`netgsm/codes.json`, `iys/errors.json`,
//! `twilio/codes.json`,
//! `meta/codes.json`); everything that is not a documented answer is [`Outcome::Unknown`]
//! (`PROTOCOL.md` rule 8).
//!
//! Nothing in this crate prints, and nothing it returns shows a name, a number or a text through
//! `Debug` or `Display`: provider words pass [`mask::mask`] first.

mod fields;
mod freshness;
pub mod http;
pub mod iys;
pub mod lane;
pub mod mask;
pub mod meta;
pub mod netgsm;
mod outcome;
#[doc(hidden)]
pub mod outside;
#[cfg(test)]
mod peer;
pub mod receipt;
pub mod template;
mod traced;
pub mod twilio;
pub mod wall;
pub mod webhook;

pub use freshness::{FRESH_FOR, Freshness};
pub use http::{ClientError, Limits};
pub use outcome::{Accepted, FailedKind, LaneTrouble, Outcome, ProbeTrouble, Trouble};
pub use traced::traced;
