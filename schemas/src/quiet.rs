//! Quiet hours and wall times in a clinic's zone (DESIGN §4 *Time*): the plan and the worker ask the same functions.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// A daily span in which nobody is reminded. May go over midnight; start and end differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    start: NaiveTime,
    end: NaiveTime,
}

/// Where an instant lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// It is quiet until this instant.
    Until(DateTime<Utc>),
    /// It is not, and becomes so at this instant.
    From(DateTime<Utc>),
}

/// One stretch of quiet: from `begins` up to, but not at, `ends`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietSpan {
    /// The first quiet instant.
    pub begins: DateTime<Utc>,
    /// The first instant that is not quiet any more.
    pub ends: DateTime<Utc>,
}

impl QuietHours {
    /// Quiet from `start` up to, but not at, `end`; `None` if they are equal.
    pub fn new(start: NaiveTime, end: NaiveTime) -> Option<Self> {
        (start != end).then_some(Self { start, end })
    }

    /// Whether it is quiet at `now`, and when that changes.
    pub fn at(&self, now: DateTime<Utc>, zone: Tz) -> Quiet {
        match self.next_span(now, zone) {
            Some(span) if span.begins <= now => Quiet::Until(span.ends),
            Some(span) => Quiet::From(span.begins),
            // the last days of the calendar: it stays as it is
            None => Quiet::From(DateTime::<Utc>::MAX_UTC),
        }
    }

    /// The stretch of quiet in which `now` lies; `None` if it is not quiet.
    pub fn span_at(&self, now: DateTime<Utc>, zone: Tz) -> Option<QuietSpan> {
        self.next_span(now, zone).filter(|span| span.begins <= now)
    }

    /// The stretch in which `now` lies, or the next one. Stretches that touch, as they may on the day of a clock change, are one.
    fn next_span(&self, now: DateTime<Utc>, zone: Tz) -> Option<QuietSpan> {
        let today = zone.from_utc_datetime(&now.naive_utc()).naive_local().date();
        // a stretch of the day before yesterday has ended in every zone; those of two days ahead are enough to see what touches
        let first = today.checked_sub_days(Days::new(2))?;
        let mut found: Option<QuietSpan> = None;
        for span in (0..5).filter_map(|n| self.span_of(first.checked_add_days(Days::new(n))?, zone))
        {
            match &mut found {
                Some(before) if span.begins <= before.ends => {
                    before.ends = before.ends.max(span.ends);
                }
                Some(before) if now < before.ends => break,
                _ => found = Some(span),
            }
        }
        found.filter(|span| now < span.ends)
    }

    /// The stretch that begins on a local date. Where the clock is set back within it, both passes of an hour are quiet: it begins at
    /// the earlier and ends at the later instant of its wall times. `None` if nothing is left of it where the clock is set forward.
    fn span_of(&self, date: NaiveDate, zone: Tz) -> Option<QuietSpan> {
        let over_midnight = self.end < self.start;
        let last_date = date.checked_add_days(Days::new(u64::from(over_midnight)))?;
        let (begins, _) = instants(zone, date.and_time(self.start));
        let (_, ends) = instants(zone, last_date.and_time(self.end));
        (begins < ends).then_some(QuietSpan { begins, ends })
    }
}

/// The one instant of a local time: the earlier one where the clock is set back, the first valid instant after it where it is set
/// forward.
pub fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    instants(zone, local).0
}

/// First and last instant of a local time.
fn instants(zone: Tz, local: NaiveDateTime) -> (DateTime<Utc>, DateTime<Utc>) {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => (at.to_utc(), at.to_utc()),
        LocalResult::Ambiguous(first, last) => (first.to_utc(), last.to_utc()),
        LocalResult::None => {
            let after = GapInfo::new(&local, &zone).and_then(|gap| gap.end);
            // no known zone has a gap without an end
            let at = after.map_or_else(|| local.and_utc(), |at| at.to_utc());
            (at, at)
        }
    }
}

#[cfg(test)]
mod tests;
