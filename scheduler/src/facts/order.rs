//! Which of the facts of one appointment counts (PROTOCOL rule 12).

use ledger::facts::FactGround;
use ledger::look::SeenAppointment;
use schemas::{Rule, Version};

/// A newer version is known, and the visit stands in it.
pub const OLDER: &str = "older";
/// A tombstone of this version or a newer one is known.
pub const CANCELLED: &str = "cancelled";
/// The same was said before.
pub const KNOWN: &str = "known";

/// How a fact stands to what is known of its appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// No fact about it came before.
    First,
    /// It counts.
    Newer,
    /// Something newer is known, or the same.
    Stale(&'static str),
    /// It contradicts what is known.
    Refuse(Rule),
}

/// What facts have said of the appointment; what direct notifications made of it does not count against a fact.
pub fn known(ground: &FactGround) -> Option<&SeenAppointment> {
    ground.appointment.as_ref().filter(|known| known.from_fact)
}

/// Orders a fact. A cancellation stops everything up to its own version, so it comes after a booking of the same one.
pub fn order(ground: &FactGround, version: Version, cancels: bool, content: &str) -> Order {
    let Some(known) = known(ground) else { return Order::First };
    let known_version = known.known_version();
    match version.newer_than(&known_version) {
        None => Order::Refuse(Rule::VersionMissing),
        Some(true) => Order::Newer,
        Some(false) if version == known_version => match (cancels, known.cancelled) {
            (true, true) => Order::Stale(KNOWN),
            (true, false) => Order::Newer,
            (false, true) => Order::Stale(CANCELLED),
            (false, false) if ground.content.as_deref() == Some(content) => Order::Stale(KNOWN),
            (false, false) => Order::Refuse(Rule::VersionConflict),
        },
        Some(false) => Order::Stale(if known.cancelled { CANCELLED } else { OLDER }),
    }
}
