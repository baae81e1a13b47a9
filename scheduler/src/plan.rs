//! The plan: which reminders of an appointment go out at which instants, and which do not and why. Pure: (appointment, the clinic's
//! rules, now) and nothing else; the same inputs give the same plan.
//!
//! A rule names a *moment*: so many hours or minutes before the start as they pass, or so many calendar days before it at the same
//! time on the wall of the clinic. From there (DESIGN §4 *Time*):
//!
//! 1. In quiet hours it moves to their end if that leaves the clinic's `min_notice`, else to [`BEFORE_QUIET`] before they began; where
//!    neither is a place ahead of us, it is skipped. Outside of them it stays where it is, however short the rule: `min_notice` bounds
//!    what Ulak moves, not what the clinic asked for.
//! 2. What should have gone by now is skipped, not sent late together with the next one. What counts is the instant it was moved to:
//!    a plan made again at night still holds the reminder that waits for the morning. Up to [`GRACE`] late is now.
//! 3. Of those nearer to each other than `min_gap`, the one nearest to the appointment stays; one that leaves less than `min_notice`
//!    gives way to one that leaves it. Two never share an instant or overtake each other, whatever the gap.
//!
//! A plan knows nothing of what was sent: who replaces one keeps what has already left, and what was due and still waits (for a lane,
//! for a worker) under a rule whose moment has not changed, for here it is too late.

mod notice;

use chrono::{DateTime, Days, FixedOffset, TimeDelta, Utc};
use chrono_tz::Tz;
pub use notice::{Notice, due_now, notice};
use schemas::quiet::{QuietHours, instant};
use schemas::{Before, ReminderRule};
use std::cmp::Reverse;

/// Where a reminder goes that finds no place after quiet hours: so long before they begin (DESIGN §4 *Time*).
pub const BEFORE_QUIET: TimeDelta = TimeDelta::minutes(30);
/// How late is still now: what a fact needs from the clinic's system to here.
pub const GRACE: TimeDelta = TimeDelta::minutes(1);
/// No quiet hours last longer, not even over a clock change: nothing of so long ago still waits for their end.
const LONGER_THAN_QUIET: TimeDelta = TimeDelta::days(3);

/// What a clinic wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The zone of the clock on its wall.
    pub zone: Tz,
    /// Its reminders, for appointments that bring none of their own.
    pub reminders: Vec<ReminderRule>,
    /// When nobody is written to; `None`: any hour.
    pub quiet: Option<QuietHours>,
    /// The least time before the start that a moved reminder leaves.
    pub min_notice: TimeDelta,
    /// The least time between two reminders of one appointment.
    pub min_gap: TimeDelta,
    /// Whether a booking is confirmed.
    pub confirmation: bool,
    /// Whether a cancellation is told.
    pub cancellation: bool,
    /// Whether a change of the start is told.
    pub change_notice: bool,
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The rule as it was written.
    pub rule: String,
    /// The moment it names; the beginning of the calendar where that is before it.
    pub wanted: DateTime<Utc>,
    /// Whether it is sent.
    pub outcome: Outcome,
}

/// Whether something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is.
    Send {
        /// When: not before now, outside quiet hours, before the appointment.
        at: DateTime<Utc>,
    },
    /// It is not.
    Skip {
        /// Why not.
        why: SkipWhy,
    },
}

/// Why something is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipWhy {
    /// The appointment was booked, or moved, after this reminder's moment.
    TooLate,
    /// Its moment is in quiet hours, and no instant outside of them is left.
    QuietHours,
    /// Another reminder of this appointment goes out within the clinic's gap.
    TooClose,
    /// The appointment has begun.
    AppointmentPast,
}

impl SkipWhy {
    /// The word for it in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooLate => "too-late",
            Self::QuietHours => "quiet-hours",
            Self::TooClose => "too-close",
            Self::AppointmentPast => "appointment-past",
        }
    }
}

/// The reminders of an appointment that begins at `starts_at`: one entry for each rule, in the order of the rules. `own` is the
/// appointment's own list, which stands in place of the clinic's; an empty one means none.
pub fn reminders(
    starts_at: DateTime<FixedOffset>,
    own: Option<&[ReminderRule]>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Vec<Planned> {
    let visit = Visit { starts_at: starts_at.to_utc(), rules, now };
    let mut planned: Vec<Planned> = own
        .unwrap_or(&rules.reminders)
        .iter()
        .map(|rule| {
            let wanted = visit.moment(&rule.before);
            let outcome = match visit.place(wanted) {
                Ok(at) => Outcome::Send { at },
                Err(why) => Outcome::Skip { why },
            };
            Planned { rule: rule.text.clone(), wanted, outcome }
        })
        .collect();
    visit.keep_apart(&mut planned);
    planned
}

/// One appointment, seen from now.
struct Visit<'a> {
    starts_at: DateTime<Utc>,
    rules: &'a Rules,
    now: DateTime<Utc>,
}

impl Visit<'_> {
    /// The moment a rule names.
    fn moment(&self, before: &Before) -> DateTime<Utc> {
        let moment = match before {
            Before::Elapsed(time) => self.starts_at.checked_sub_signed(*time),
            Before::Days(days) => {
                let wall = self.starts_at.with_timezone(&self.rules.zone).naive_local();
                wall.checked_sub_days(Days::new(u64::from(*days)))
                    .map(|wall| instant(self.rules.zone, wall))
            }
        };
        moment.unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// Where a reminder goes that is wanted at a moment.
    fn place(&self, wanted: DateTime<Utc>) -> Result<DateTime<Utc>, SkipWhy> {
        if self.now >= self.starts_at {
            return Err(SkipWhy::AppointmentPast);
        }
        let late = self.now - wanted;
        if wanted >= self.starts_at || late > LONGER_THAN_QUIET {
            return Err(SkipWhy::TooLate);
        }
        let missed = late > GRACE;
        let moment = if missed { wanted } else { wanted.max(self.now) };
        let Some(span) = self.rules.quiet.and_then(|quiet| quiet.span_at(moment, self.rules.zone))
        else {
            return self.free(moment).ok_or(SkipWhy::TooLate);
        };
        let after = Some(span.ends).filter(|end| self.leaves_notice(*end));
        after
            .and_then(|end| self.free(end))
            .or_else(|| self.free(span.begins - BEFORE_QUIET))
            .ok_or(if missed { SkipWhy::TooLate } else { SkipWhy::QuietHours })
    }

    /// The instant, or now if it has just passed, if something can be sent at it.
    fn free(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.now - at > GRACE {
            return None;
        }
        let at = at.max(self.now);
        let quiet = self.rules.quiet.is_some_and(|q| q.span_at(at, self.rules.zone).is_some());
        (!quiet && at < self.starts_at).then_some(at)
    }

    fn leaves_notice(&self, at: DateTime<Utc>) -> bool {
        self.starts_at - at >= self.rules.min_notice
    }

    /// Of those that are too close to each other, all but the best are skipped.
    fn keep_apart(&self, planned: &mut [Planned]) {
        let mut best_first: Vec<Sent> = planned
            .iter()
            .enumerate()
            .filter_map(|(index, one)| match one.outcome {
                Outcome::Send { at } => Some(Sent { index, at, wanted: one.wanted }),
                Outcome::Skip { .. } => None,
            })
            .collect();
        // stable: of equal ones the first in the list
        best_first.sort_by_key(|one| Reverse((self.leaves_notice(one.at), one.at, one.wanted)));
        let mut kept: Vec<Sent> = vec![];
        for one in best_first {
            if kept.iter().all(|other| one.apart_from(other, self.rules.min_gap)) {
                kept.push(one);
            } else if let Some(close) = planned.get_mut(one.index) {
                close.outcome = Outcome::Skip { why: SkipWhy::TooClose };
            }
        }
    }
}

/// A reminder that has found its place.
struct Sent {
    index: usize,
    at: DateTime<Utc>,
    wanted: DateTime<Utc>,
}

impl Sent {
    /// Far enough from another, and on the same side of it as the rules say.
    fn apart_from(&self, other: &Self, gap: TimeDelta) -> bool {
        let order = self.at.cmp(&other.at);
        order.is_ne()
            && order == self.wanted.cmp(&other.wanted)
            && (self.at - other.at).abs() >= gap
    }
}

#[cfg(test)]
mod tests;
