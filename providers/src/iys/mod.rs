//! İYS, the register of consents, asked directly (`facts/netgsm_iys.md` B0–B4).
//!
//! The client keeps nothing: the token pair lives in the ledger under a lease, since İYS bans an
//! address after 10 tokens an hour and starts the hour again with each call during the ban; the
//! permits for 10 requests a second belong to the caller too. An answer that cannot be understood
//! is [`IysTrouble::Silent`], never "no consent".

mod client;
mod errors;
#[doc(hidden)]
pub mod outside;
mod wire;

pub use client::{Account, Client, MOST_NUMBERS};
pub use errors::{ErrorClass, ErrorRow, Errors, IysTrouble, Rejection, Silence};
pub use wire::{BatchAnswer, Brand, ConsentRecord, ConsentStatus, SingleAnswer, Tokens};

#[cfg(test)]
mod tests;
