//! What comes in over HTTP: events of clinics whose systems do not speak AMQP, and what became of them.
//!
//! `POST /v1/events`, `GET /v1/notifications/{id}`, `GET /v1/outcomes`, `/v1/webhooks/…`, described by `/openapi.json`, and the
//! auditors' pages below `/audit`. A token belongs to one
//! clinic and opens nothing of another one. What is answered with 202 is committed; what is answered otherwise is not in the
//! ledger at all. No answer, error or log line carries a name, a number or a text.
//!
//! ```text
//! let door = gateway::Door::new(settings, registry, stop);
//! let serving = gateway::serve(listener, gateway::router(&door).merge(health_pages), stop);
//! door.open(&ledger);            // until then every /v1 request is answered 503 with Retry-After
//! ```

mod audit;
mod auth;
mod body;
mod door;
mod events;
mod hooks;
mod linger;
mod notifications;
mod outcomes;
#[doc(hidden)]
pub mod outside;
mod problem;
mod routes;
mod serve;
mod trace;

pub use audit::{ClinicPage, Need, PAGES, Page, PageSettings, Reached};
pub use door::{Door, Settings};
pub use events::VIA;
pub use hooks::Hooks;
pub use routes::{OPENAPI, ROUTES, Route, router};
pub use serve::serve;
