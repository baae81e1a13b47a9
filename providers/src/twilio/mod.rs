//! Twilio: SMS and WhatsApp by the Messages resource (`facts/twilio_turkeysms_smsala.md` part A and D).
//!
//! | rule | source | where |
//! |---|---|---|
//! | address, Basic authentication, form fields, 201 and error answers, 429, no idempotency key | A1 | `client`, `account`, `wire`, `verdict` |
//! | list and one message, its filters and pages, balance | A2 | `listing`, `message` |
//! | states of a message | A3 | `message` |
//! | WhatsApp templates | A6 | `whatsapp`, `content` |
//! | status callbacks and their signature | A3, A4 | `hook`, `signature` |
//! | codes | A7 | `codes.json` |
//! | what Türkiye takes: registered alphanumeric senders, no promotional texts | A8 | `account` |
//! | at most once per attempt; failover on a definite failure only | D1, D3, D6 | `verdict` |
//!
//! Twilio has no idempotency key and no field for our reference (A1), so a request is made once.
//! The reference travels in the query of the status callback, where there is one (A2); without a
//! callback an attempt in doubt is looked for by number, time and text.
//!
//! Left out on purpose (A1): `SmartEncoded` is always `false`, whatever a messaging service says,
//! so that the text that arrives is the text on record; `ProvideFeedback` and `ShortenUrls`,
//! because nothing here reports back; `RiskCheck`, because the account decides; `ContentRetention`
//! and `AddressRetention`, because a text that Twilio discarded could not be compared any more;
//! `MaxPrice`, because it has no effect; `ScheduleType` and `SendAt`, because the ledger waits.

mod account;
mod client;
mod codes;
mod content;
mod hook;
mod listing;
mod message;
#[doc(hidden)]
pub mod outside;
mod signature;
mod verdict;
mod whatsapp;
mod wire;

pub use account::{Account, Auth, From};
pub use client::{AccountInfo, Balance, Client, LONGEST_VALIDITY, TwilioSms};
pub use codes::{Class, CodeRow, Codes};
pub use content::ContentPage;
pub use hook::{Form, Hook, MOST_FIELDS, StatusCallback};
pub use listing::{ListQuery, MOST_PER_PAGE, MessagePage, NextPage};
pub use message::{MessageRow, MessageState, MessageText, Status};
pub use whatsapp::TwilioTemplate;
pub(crate) use wire::WHATSAPP;

#[cfg(test)]
mod tests;
