//! What a decision writes: a claim (transition 6), or a row that waits or ends without a send (transitions 1 and 5).

use crate::protocol::Copy;
use crate::record::Entry;
use crate::slots::SlotNeed;
use crate::state::State;
use serde::Serialize;

/// How long after the request deadline a lease ends, in milliseconds (PROTOCOL §1 `sending`).
pub const LEASE_AFTER_DEADLINE_MS: i64 = 30_000;

/// A notification that has no row yet.
#[derive(Debug, Clone, Serialize)]
pub struct NewNotification {
    /// Identity.
    pub ntf: String,
    /// Clinic.
    pub clinic: String,
    /// CloudEvents type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// CloudEvents source.
    pub source: String,
    /// CloudEvents id.
    pub event_id: String,
    /// CloudEvents subject.
    pub subject: Option<String>,
    /// Hex digest of the event.
    pub digest: String,
    /// Person.
    pub person: String,
    /// Keyed hash of the appointment.
    pub appointment: Option<String>,
    /// Version of the appointment that the event carries.
    pub version: Option<i64>,
    /// `explicit` or `event-time`.
    pub version_kind: Option<String>,
    /// Keyed hash of the same thing.
    pub thing: String,
    /// Keyed hash of the gap.
    pub gap: Option<String>,
    /// How long the gap is held after a send, milliseconds.
    pub gap_ms: i64,
    /// Release order: smaller first.
    pub class: i64,
    /// `resend` or `stop`.
    pub on_unknown: String,
    /// When it is of no use any more, milliseconds since 1970 UTC.
    pub expires_at: i64,
}

/// What the worker holds.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The clinic's own copy of an event that has no row.
    New(Box<NewNotification>),
    /// A released copy.
    Released {
        /// Notification.
        ntf: String,
        /// Its release number.
        fence: u64,
    },
}

impl Origin {
    /// The notification.
    pub fn ntf(&self) -> &str {
        match self {
            Self::New(new) => &new.ntf,
            Self::Released { ntf, .. } => ntf,
        }
    }

    pub(crate) fn copy(&self) -> Copy {
        match self {
            Self::New(_) => Copy::First,
            Self::Released { fence, .. } => Copy::Numbered(*fence),
        }
    }
}

/// The person that the decision saw.
#[derive(Debug, Clone, Serialize)]
pub struct PersonBasis {
    /// Identifier.
    pub id: String,
    /// Clinic.
    pub clinic: String,
    /// Keyed hash of clinic and number.
    pub lookup: String,
    /// Wrapped data key.
    pub wrapped: String,
    /// Name of the master key that wraps it.
    pub master: String,
    /// Revision as seen; 0: not known before, to be inserted.
    pub rev: i64,
}

/// The appointment that the decision saw.
#[derive(Debug, Clone, Serialize)]
pub struct AppointmentBasis {
    /// Keyed hash.
    pub key: String,
    /// Clinic.
    pub clinic: String,
    /// Revision as seen; 0: not known before.
    pub rev: i64,
    /// What a direct notification makes of it (PROTOCOL rule 12); `None`: it stays.
    pub becomes: Option<AppointmentVersion>,
}

impl AppointmentBasis {
    /// The revision once this basis is written.
    pub fn rev_after(&self) -> i64 {
        match &self.becomes {
            Some(_) if self.rev == 0 => 1,
            Some(version) => self.rev + i64::from(version.moved),
            None => self.rev,
        }
    }
}

/// A version of an appointment.
#[derive(Debug, Clone, Serialize)]
pub struct AppointmentVersion {
    /// The number.
    pub version: i64,
    /// `explicit` or `event-time`.
    pub kind: String,
    /// Start, milliseconds since 1970 UTC.
    pub starts_at: i64,
    /// It says that the visit was cancelled: a tombstone, and no booking.
    pub cancelled: bool,
    /// The start differs from the known one, or the visit stands that was cancelled, or the reverse: the revision rises.
    pub moved: bool,
}

/// The claim: the one write that must precede a request.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What the worker holds.
    pub origin: Origin,
    /// The person as seen.
    pub person: PersonBasis,
    /// The appointment as seen.
    pub appointment: Option<AppointmentBasis>,
    /// The instant at which the decision would change by itself, milliseconds since 1970 UTC.
    pub until: i64,
    /// Number that the attempt must get; the records name it.
    pub n: u32,
    /// Channel.
    pub channel: String,
    /// What may be tried instead when it certainly cannot arrive on this one, or is not heard of for too long.
    pub next_channel: Option<String>,
    /// Provider, account and sender.
    pub lane: String,
    /// Keyed hash of (account, number).
    pub number: String,
    /// Random token by which the worker finds its claim again after an error in doubt.
    pub token: String,
    /// Billed segments.
    pub segments: u32,
    /// Longest time from this claim to the end of the request, milliseconds.
    pub deadline_ms: i64,
    /// Slots.
    pub needs: Vec<SlotNeed>,
    /// A waiting notification of the same thing that gives way to this one.
    pub supersedes: Option<String>,
    /// Entries for the log: `Received` if new, then `Claimed`.
    pub entries: Vec<Entry>,
}

/// Answer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The attempt is ours.
    Won,
    /// Nothing was written: look again. Says what stood in the way.
    LookAgain(&'static str),
}

/// A decision other than Send.
#[derive(Debug, Clone)]
pub struct Settle {
    /// What the worker holds.
    pub origin: Origin,
    /// The person, inserted with a new row.
    pub person: PersonBasis,
    /// The appointment, moved with a new row.
    pub appointment: Option<AppointmentBasis>,
    /// Where it goes.
    pub to: State,
    /// Why, in bounded words.
    pub why: String,
    /// Due time and lane of a row that waits.
    pub due: Option<(i64, String)>,
    /// Keyed hash of (account, number), for rows that wait for a number.
    pub number: Option<String>,
    /// Entries for the log.
    pub entries: Vec<Entry>,
}
