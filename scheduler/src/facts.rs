//! Facts: what happened in a clinic, and what follows from it.
//!
//! 1. `decide` is a pure function of the fact, of what is known and of the clinic's rules: it counts, is stale, or contradicts what
//!    is known. `visit` and `draft` say which notifications follow, at which instants.
//! 2. [`Applier`] reads what a decision stands on and writes fact, appointment and plan in one transaction; whoever takes facts in
//!    uses it: the consumer of `ulak.facts` ([`Intake`]), the HTTP door, `ulak publish`, `ulak import`.
//!
//! Facts of one appointment may arrive twice, late, or out of order: what stands afterwards is what the newest version says
//! (PROTOCOL rule 12).

mod applier;
mod content;
mod decide;
mod draft;
mod intake;
pub mod marker;
mod order;
mod visit;
mod writing;

pub use applier::Applier;
pub use content::FactKeys;
pub use decide::{Case, Consequences, Line, Memory, Verdict, What, decide};
pub use intake::{Intake, PREFETCH};
pub use ledger::facts::{Done, Item, Told};

use ledger::state::State;
use schemas::{Event, EventType, Registry};

/// Why a row waits that a fact planned, and where its event came from, for records.
pub const PLAN: &str = "plan";

/// What planned events are held against.
pub struct Desk<'a> {
    /// Event types.
    pub registry: &'a Registry,
    /// Keyed hash of the thing that an event is about.
    pub thing: &'a (dyn Fn(&Event, &EventType) -> String + Sync),
}

/// Whether a notification in this state was sent, or may have been.
fn was_sent(state: State) -> bool {
    matches!(
        state,
        State::Sending
            | State::Unknown
            | State::Accepted
            | State::Delivered
            | State::Undelivered
            | State::Unresolved
    )
}

/// Whether it can still be cancelled.
fn is_open(state: State) -> bool {
    matches!(state, State::Waiting | State::Released)
}

#[cfg(test)]
mod tests;
