//! WhatsApp on Meta's Cloud API (`facts/netgsm_iys.md` A8), whoever the number was registered through.
//!
//! | rule | source | where |
//! |---|---|---|
//! | address, bearer token, template message, answer | A8, Meta's OpenAPI v23.0 | `client`, `message`, `verdict` |
//! | codes | A8; `EP`: Meta's page of error codes | `codes.json` |
//! | list of templates | Meta's OpenAPI v23.0, `GET /{Version}/{WABA-ID}/message_templates` | `listing` |
//! | webhooks: challenge, signature, states | A8 | `webhook` |
//!
//! Outside the 24 hours after a patient's own message only an approved template may be sent, so templates are all that
//! this client sends. Meta cannot be asked what became of a message: `biz_opaque_callback_data` carries our reference,
//! and a status webhook brings it back. A message has no end of validity of its own; the template has one.
//!
//! Left out on purpose: `language.policy` (Meta's own examples leave it out), named parameters, headers with parameters
//! (the comparison at start refuses such a template), media, groups, `marketing_messages`.

mod account;
mod client;
mod codes;
mod listing;
mod message;
#[doc(hidden)]
pub mod outside;
mod verdict;
mod webhook;

pub use account::{Account, VERSION};
pub use client::{Client, NumberInfo};
pub use codes::{Class, CodeRow, Codes};
pub use listing::{NextTemplates, TemplatePage};
pub use message::{ButtonKind, ButtonValue, TemplateMessage};
pub use webhook::{Hook, MOST_STATUSES, Update, Updates};

#[cfg(test)]
mod tests;
