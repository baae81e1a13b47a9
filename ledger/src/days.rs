//! The books by clinic and local day, with what the pages draw: what came in, what became of it, how fast, why not, how large.
//!
//! A day's numbers are of the notifications that were received on it, whatever became of them since.

mod hours;
mod kept;

use crate::books::{HOUR_MS, Span, compare};
use crate::db::Ledger;
use crate::error::LedgerError;
use crate::look::parse_state;
use crate::state::State;
use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use hours::{Hours, Took};
use std::collections::BTreeMap;

/// Class of what is not counted.
const NOT_COUNTED: i64 = -1;
/// An event that was planned by a fact has an id that begins so.
const PLANNED: &str = "plan/";

/// Upper ends of the classes of [`TimeToSend::classes`], milliseconds; the last class has none.
pub const CLASSES_MS: [i64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000];

/// How long it took from receiving an event to a provider's acceptance of its first attempt that was accepted. Planned notifications
/// (of facts, due later) are not counted: they wait on purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct TimeToSend {
    /// How many took at most each of [`CLASSES_MS`] and more than the one before; the last: longer than all.
    pub classes: [i64; CLASSES_MS.len() + 1],
}

impl TimeToSend {
    /// How many were sent.
    pub fn count(&self) -> i64 {
        self.classes.iter().sum()
    }

    /// The time within which this share (0 to 1) was sent: the upper end of its class, milliseconds. `None`: nothing was sent, or it
    /// lies beyond the last class.
    pub fn within_ms(&self, share: f64) -> Option<i64> {
        let count = self.count();
        let wanted = (count as f64 * share).ceil().max(1.0) as i64;
        let mut sum = 0;
        for (n, end) in self.classes.iter().zip(CLASSES_MS) {
            sum += n;
            if sum >= wanted && count > 0 {
                return Some(end);
            }
        }
        None
    }

    /// Median.
    pub fn p50_ms(&self) -> Option<i64> {
        self.within_ms(0.50)
    }

    /// 95 of 100 were faster.
    pub fn p95_ms(&self) -> Option<i64> {
        self.within_ms(0.95)
    }

    fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.classes.iter_mut().zip(other.classes) {
            *ours += theirs;
        }
    }
}

/// One reason for which notifications ended otherwise than accepted or delivered.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// State that they ended in.
    pub state: State,
    /// Code of the reason ([`crate::telling::code_of`]).
    pub reason: String,
    /// How many.
    pub n: i64,
}

/// What one lane took of a day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// Provider, account and sender.
    pub lane: String,
    /// Channel.
    pub channel: String,
    /// Attempts that it accepted.
    pub accepted: i64,
    /// Segments that these are billed as. What a segment costs is not known to the ledger.
    pub segments: i64,
}

/// The books of one clinic and local day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DayBooks {
    /// Clinic; empty where it could not be read.
    pub clinic: String,
    /// The day on the wall of the zone that was asked for.
    pub day: NaiveDate,
    /// Events taken in or refused, counted from records.
    pub received: i64,
    /// Notifications in each state, counted from the state table; those of which there is none are left out.
    pub states: BTreeMap<State, i64>,
    /// Copies of an event that was there already.
    pub duplicates: i64,
    /// Notifications of which a second attempt was accepted.
    pub sent_twice: i64,
    /// Received minus everything that is somewhere, events and facts; 0 in a sound ledger.
    pub gap: i64,
    /// How fast they went out.
    pub time_to_send: TimeToSend,
    /// Why not, most first.
    pub failures: Vec<Failure>,
    /// What each lane took, by lane.
    pub taken: Vec<Taken>,
}

impl DayBooks {
    /// Notifications that a provider took.
    pub fn sent(&self) -> i64 {
        self.states.iter().filter(|(state, _)| state.is_sent()).map(|(_, n)| n).sum()
    }

    /// Of those whose way to the person is known, how many arrived, and how many those are: the share is of what is known only.
    pub fn delivered_of_known(&self) -> (i64, i64) {
        let of = |state| self.states.get(&state).copied().unwrap_or(0);
        (of(State::Delivered), of(State::Delivered) + of(State::Undelivered))
    }

    /// Segments of all lanes.
    pub fn segments(&self) -> i64 {
        self.taken.iter().map(|taken| taken.segments).sum()
    }

    /// Adds another day's or clinic's.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.duplicates += other.duplicates;
        self.sent_twice += other.sent_twice;
        self.gap += other.gap;
        for (state, n) in &other.states {
            *self.states.entry(*state).or_default() += n;
        }
        self.time_to_send.add(&other.time_to_send);
        for theirs in &other.failures {
            self.fail(theirs.state, &theirs.reason, theirs.n);
        }
        for theirs in &other.taken {
            self.take(theirs);
        }
        self.tidy();
    }

    /// A day on which nothing came.
    pub fn empty(clinic: &str, day: NaiveDate) -> Self {
        Self {
            clinic: clinic.to_owned(),
            day,
            received: 0,
            states: BTreeMap::new(),
            duplicates: 0,
            sent_twice: 0,
            gap: 0,
            time_to_send: TimeToSend::default(),
            failures: vec![],
            taken: vec![],
        }
    }

    fn fail(&mut self, state: State, reason: &str, n: i64) {
        let same = |failure: &&mut Failure| failure.state == state && failure.reason == reason;
        match self.failures.iter_mut().find(same) {
            Some(failure) => failure.n += n,
            None => self.failures.push(Failure { state, reason: reason.to_owned(), n }),
        }
    }

    fn take(&mut self, theirs: &Taken) {
        let same =
            |taken: &&mut Taken| taken.lane == theirs.lane && taken.channel == theirs.channel;
        match self.taken.iter_mut().find(same) {
            Some(taken) => {
                taken.accepted += theirs.accepted;
                taken.segments += theirs.segments;
            }
            None => self.taken.push(theirs.clone()),
        }
    }

    fn tidy(&mut self) {
        self.failures.sort_by(|a, b| {
            b.n.cmp(&a.n).then_with(|| (a.state, &a.reason).cmp(&(b.state, &b.reason)))
        });
        self.taken.sort_by(|a, b| (&a.lane, &a.channel).cmp(&(&b.lane, &b.channel)));
    }
}

/// The days of a zone, told by the hour.
struct Calendar {
    zone: Tz,
    days: BTreeMap<(NaiveDate, String), DayBooks>,
}

impl Calendar {
    /// The books of the day in which an hour begins.
    fn of(&mut self, clinic: &str, hour: i64) -> &mut DayBooks {
        let day = DateTime::from_timestamp_millis(hour).unwrap_or_default();
        let day = day.with_timezone(&self.zone).date_naive();
        let key = (day, clinic.to_owned());
        self.days.entry(key).or_insert_with(|| DayBooks::empty(clinic, day))
    }
}

/// The beginning of the first hour that begins on or after a day does, on the wall of a zone.
fn begin(day: NaiveDate, zone: Tz) -> i64 {
    let midnight = day.and_time(NaiveTime::MIN);
    let at = match zone.from_local_datetime(&midnight) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.timestamp_millis(),
        // midnight is skipped there on that day: it begins with what follows
        LocalResult::None => zone
            .from_local_datetime(
                &day.and_time(NaiveTime::from_hms_opt(1, 0, 0).unwrap_or_default()),
            )
            .earliest()
            .map_or(0, |at| at.timestamp_millis()),
    };
    at.saturating_add(HOUR_MS - 1).div_euclid(HOUR_MS) * HOUR_MS
}

impl Ledger {
    /// The books of each clinic and day from `from` to `to`, both included, on the wall of `zone`; of one clinic or of all, in the
    /// order of day and clinic. Days on which nothing came are left out. An hour lies with the day in which it begins. Reads what was
    /// received on these days and nothing else.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn days(
        &self,
        clinic: Option<&str>,
        from: NaiveDate,
        to: NaiveDate,
        zone: Tz,
    ) -> Result<Vec<DayBooks>, LedgerError> {
        let after = to.checked_add_days(Days::new(1)).unwrap_or(to);
        let span = Span { clinic, from: begin(from, zone), until: begin(after, zone) };
        let mut days = Calendar { zone, days: BTreeMap::new() };
        let mut tx = self.looking().await?;
        let counted = kept::hours(&mut tx, &span).await?;
        let told = span.told(&mut tx).await?;
        tx.rollback().await?;
        for hour in compare(&told, &counted.rows, &counted.facts) {
            let day = days.of(&hour.clinic, hour.hour);
            day.received += hour.received;
            day.duplicates += hour.duplicates;
            day.sent_twice += hour.sent_twice;
            day.gap += hour.gap() + hour.facts.gap();
            for (state, n) in &hour.states {
                *day.states.entry(*state).or_default() += n;
            }
        }
        put(counted, &mut days)?;
        let mut days: Vec<DayBooks> = days.days.into_values().collect();
        days.iter_mut().for_each(DayBooks::tidy);
        Ok(days)
    }
}

/// Puts what was counted of hours to their days.
fn put(hours: Hours, days: &mut Calendar) -> Result<(), LedgerError> {
    for failed in hours.failed {
        let state = parse_state(&failed.state)?;
        days.of(&failed.clinic, failed.hour).fail(state, &failed.code, failed.n);
    }
    for took in hours.took {
        let day = days.of(&took.clinic, took.hour);
        if let Some(of_class) = usize::try_from(took.class)
            .ok()
            .and_then(|class| day.time_to_send.classes.get_mut(class))
        {
            *of_class += took.n;
        }
        let Took { lane, channel, n: accepted, segments, .. } = took;
        day.take(&Taken { lane, channel, accepted, segments });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_at_midnight_on_its_own_wall() {
        let begins = |day, zone| {
            DateTime::from_timestamp_millis(begin(date(day), zone)).unwrap().to_rfc3339()
        };
        assert_eq!(begins("2026-11-22", Tz::Europe__Istanbul), "2026-11-21T21:00:00+00:00");
        // summer time ended in the night before in Berlin
        assert_eq!(begins("2026-10-25", Tz::Europe__Berlin), "2026-10-24T22:00:00+00:00");
        assert_eq!(begins("2026-10-26", Tz::Europe__Berlin), "2026-10-25T23:00:00+00:00");
        // half past: the first hour that begins on that day
        assert_eq!(begins("2026-11-22", Tz::Asia__Kolkata), "2026-11-21T19:00:00+00:00");
        // there is no midnight on that day in Beirut: clocks go from 0 to 1
        assert_eq!(begins("2026-03-29", Tz::Asia__Beirut), "2026-03-28T22:00:00+00:00");
    }

    #[test]
    fn shares_are_those_of_what_was_sent_and_say_the_end_of_their_class() {
        let mut time = TimeToSend::default();
        assert_eq!((time.p50_ms(), time.count()), (None, 0));
        time.classes[0] = 94;
        time.classes[3] = 5;
        time.classes[CLASSES_MS.len()] = 1;
        assert_eq!((time.p50_ms(), time.p95_ms()), (Some(100), Some(1_000)));
        assert_eq!(time.within_ms(1.0), None, "one took longer than all classes");
    }

    proptest! {
        /// Every hour lies on the day in which it begins, and days follow each other without a gap.
        #[test]
        fn hours_lie_on_one_day(hour in 400_000_i64..600_000, zone in prop::sample::select(vec![
            Tz::Europe__Istanbul, Tz::Europe__Berlin, Tz::Asia__Kolkata, Tz::America__Santiago, Tz::Asia__Beirut,
        ])) {
            let at = hour * HOUR_MS;
            let day = DateTime::from_timestamp_millis(at).unwrap().with_timezone(&zone).date_naive();
            let next = day.checked_add_days(Days::new(1)).unwrap();
            prop_assert!(begin(day, zone) <= at && at < begin(next, zone), "{day} {zone}");
        }
    }
}
