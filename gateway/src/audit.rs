//! The auditors' pages: what was sent to whom, when, why and on which permission, without a shell.
//!
//! Rendered here, in Turkish or English, working without scripts. Nothing but the login is shown to a stranger; a token opens a
//! session, a session opens what its role may see and of which clinic. Names, numbers and texts stay sealed until somebody opens
//! them with a reason, which is recorded first. Every denial is recorded.
//!
//! ```text
//! async fn show(door: &Door, call: Call) -> Result<Response, Turned> {
//!     let shell = guard(door, call, Right::Read).await?;           // who looks, and the ledger
//!     let mut context = Context::new();
//!     context.insert("rows", &rows);
//!     Ok(page(&shell, "books.html", context))                      // {% extends "layout.html" %}
//! }
//! async fn act(door: &Door, call: Call, body: Body) -> Result<Response, Turned> {
//!     let (shell, form) = form_guard(door, call, Right::Operate, body).await?;
//!     …
//!     Ok(shell.call.see("/audit/lanes?said=lanes.paused"))         // 303
//! }
//! ```

mod access;
mod asked;
mod books;
mod call;
mod catalogue;
mod cookies;
mod dead;
mod export;
mod filter;
mod form;
mod guard;
mod lanes;
mod login;
mod message;
mod opened;
mod page;
mod paper;
mod places;
mod plots;
mod reason;
mod routes;
mod search;
mod settings;
mod style;
mod when;

pub use routes::{Need, PAGES, Page};
pub use settings::{ClinicPage, PageSettings, Reached};

pub(crate) use places::Places;
pub(crate) use routes::{panicked, router};
