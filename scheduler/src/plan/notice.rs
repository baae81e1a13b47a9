//! What goes out because something has just happened.

use super::{Outcome, Rules, SkipWhy};
use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;
use schemas::quiet::{Quiet, QuietHours};

/// Something that has just happened and that a person may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A payment or a refund: at once, at any hour.
    Receipt,
    /// An appointment was booked.
    Confirmation {
        /// When it begins.
        starts_at: DateTime<FixedOffset>,
    },
    /// An appointment was cancelled.
    Cancellation {
        /// When it would have begun.
        starts_at: DateTime<FixedOffset>,
    },
    /// An appointment was moved.
    Change {
        /// When it begins now.
        starts_at: DateTime<FixedOffset>,
    },
}

/// When it is told, or why it is not; `None` if the clinic does not want it told.
pub fn due_now(what: Notice, rules: &Rules, now: DateTime<Utc>) -> Option<Outcome> {
    let (wanted, starts_at) = match what {
        Notice::Receipt => return Some(Outcome::Send { at: now }),
        Notice::Confirmation { starts_at } => (rules.confirmation, starts_at),
        Notice::Cancellation { starts_at } => (rules.cancellation, starts_at),
        Notice::Change { starts_at } => (rules.change_notice, starts_at),
    };
    wanted.then(|| match notice(now, rules.quiet, rules.zone, starts_at) {
        Some(at) => Outcome::Send { at },
        None if now >= starts_at => Outcome::Skip { why: SkipWhy::AppointmentPast },
        None => Outcome::Skip { why: SkipWhy::QuietHours },
    })
}

/// Now, or the end of quiet hours; `None` if the appointment has begun by then.
pub fn notice(
    now: DateTime<Utc>,
    quiet: Option<QuietHours>,
    zone: Tz,
    starts_at: DateTime<FixedOffset>,
) -> Option<DateTime<Utc>> {
    let at = match quiet.map(|quiet| quiet.at(now, zone)) {
        Some(Quiet::Until(end)) => end,
        Some(Quiet::From(_)) | None => now,
    };
    (at < starts_at).then_some(at)
}
