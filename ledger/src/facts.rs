//! Facts: what was decided about one is written together with everything that follows from it, or not at all.

mod ground;
mod look;
mod together;
mod told;
mod watch;
mod words;
mod write;

use crate::decision::{PersonBasis, Settle};
use crate::record::Entry;

pub use ground::{FactGround, MadeRow};
pub use look::FactRow;
pub use together::FactTx;
pub use told::{Answer, Done, Item, TakesFacts, Told};
pub use watch::FACTS;
pub use words::{FactWord, SaidWord, WordBy};
pub(crate) use words::{put_on_list, said};

/// What becomes of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactState {
    /// It counts.
    Applied,
    /// Something newer was known already.
    Stale,
}

impl FactState {
    /// `applied`, `stale`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Stale => "stale",
        }
    }
}

/// What a fact makes of its appointment.
#[derive(Debug, Clone)]
pub struct FactAppointment {
    /// Keyed hash of clinic and appointment id.
    pub key: String,
    /// The revision that was decided on; 0: it was not known.
    pub seen_rev: i64,
    /// Version kind and number.
    pub version: (&'static str, i64),
    /// When the visit starts, milliseconds since 1970 UTC; 0: not known.
    pub starts_at: i64,
    /// It is cancelled.
    pub cancelled: bool,
    /// Hash of what the fact says.
    pub content: String,
}

/// Why rows of an appointment are cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactCancel {
    /// Notification; one that has moved on meanwhile stays what it is.
    pub ntf: String,
    /// Why, in bounded words.
    pub why: &'static str,
}

/// A fact with everything that follows from it.
#[derive(Debug, Clone)]
pub struct FactWrite {
    /// Identity of the fact.
    pub id: String,
    /// Clinic.
    pub clinic: String,
    /// CloudEvents type.
    pub fact_type: String,
    /// CloudEvents source.
    pub source: String,
    /// CloudEvents id.
    pub event_id: String,
    /// Hex of SHA-256 over the canonical `type`, `subject`, `data`.
    pub digest: String,
    /// What becomes of it.
    pub state: FactState,
    /// Why it is stale, in bounded words.
    pub why: String,
    /// Keyed hash of the appointment, or of the thing that a receipt is about, by which people find the fact, stale or not.
    pub about: Option<String>,
    /// What it makes of its appointment.
    pub appointment: Option<FactAppointment>,
    /// Rows that it cancels, if they still wait or are only released.
    pub cancels: Vec<FactCancel>,
    /// What a person said.
    pub word: Option<FactWord>,
    /// The person whose key seals what the fact says.
    pub person: Option<PersonBasis>,
    /// Notifications that it plans.
    pub plan: Vec<Settle>,
    /// For the log.
    pub entry: Entry,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It is written, and these notifications were cancelled by it.
    Written {
        /// Notifications.
        cancelled: Vec<String>,
    },
    /// A fact of this source and id is there already.
    Known {
        /// It says the same.
        same: bool,
    },
    /// What was decided on has changed: nothing is written, and nothing of its transaction may be.
    LookAgain,
}
