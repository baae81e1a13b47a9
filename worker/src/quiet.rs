//! Quiet hours in a clinic's local time (DESIGN §4 *Time*).

use chrono::{DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

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

impl QuietHours {
    /// Quiet from `start` up to, but not at, `end`; `None` if they are equal.
    pub fn new(start: NaiveTime, end: NaiveTime) -> Option<Self> {
        (start != end).then_some(Self { start, end })
    }

    /// Whether it is quiet at `now`, and when that changes.
    pub fn at(&self, now: DateTime<Utc>, zone: Tz) -> Quiet {
        let local = now.with_timezone(&zone).naive_local();
        let quiet = if self.start < self.end {
            (self.start..self.end).contains(&local.time())
        } else {
            local.time() >= self.start || local.time() < self.end
        };
        let change = if quiet { self.end } else { self.start };
        let mut at = instant(zone, local.date().and_time(change));
        if at <= now {
            let tomorrow = local.date().checked_add_days(Days::new(1)).unwrap_or(local.date());
            at = instant(zone, tomorrow.and_time(change));
        }
        // the last day of the calendar, or a clock that was set back: never in the past
        let at = at.max(now);
        if quiet { Quiet::Until(at) } else { Quiet::From(at) }
    }
}

/// The instant of a local time: the first one where the clock is set back, the first valid minute after it where it is set
/// forward.
pub fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let mut local = local;
    for _ in 0..24 * 60 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => {
                return at.with_timezone(&Utc);
            }
            LocalResult::None => local += TimeDelta::try_minutes(1).unwrap_or_default(),
        }
    }
    local.and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hours(start: &str, end: &str) -> QuietHours {
        let time = |t| NaiveTime::parse_from_str(t, "%H:%M").unwrap();
        QuietHours::new(time(start), time(end)).unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn evening_and_morning_of_istanbul() {
        let quiet = hours("20:00", "09:00");
        let zone = chrono_tz::Europe::Istanbul;
        // local 19:59, 20:00, 08:59, 09:00
        assert_eq!(
            quiet.at(utc("2026-11-21T16:59:00Z"), zone),
            Quiet::From(utc("2026-11-21T17:00:00Z"))
        );
        assert_eq!(
            quiet.at(utc("2026-11-21T17:00:00Z"), zone),
            Quiet::Until(utc("2026-11-22T06:00:00Z"))
        );
        assert_eq!(
            quiet.at(utc("2026-11-22T05:59:00Z"), zone),
            Quiet::Until(utc("2026-11-22T06:00:00Z"))
        );
        assert_eq!(
            quiet.at(utc("2026-11-22T06:00:00Z"), zone),
            Quiet::From(utc("2026-11-22T17:00:00Z"))
        );
    }

    #[test]
    fn a_span_within_a_day() {
        let quiet = hours("12:00", "13:30");
        let zone = chrono_tz::Europe::Istanbul;
        assert_eq!(
            quiet.at(utc("2026-11-21T09:30:00Z"), zone),
            Quiet::Until(utc("2026-11-21T10:30:00Z"))
        );
        assert_eq!(
            quiet.at(utc("2026-11-21T10:30:00Z"), zone),
            Quiet::From(utc("2026-11-22T09:00:00Z"))
        );
    }

    #[test]
    fn an_end_inside_the_hour_that_does_not_exist_is_the_first_minute_after_it() {
        let quiet = hours("20:00", "02:30");
        let zone = chrono_tz::Europe::Berlin; // 2027-03-28: 02:00 -> 03:00
        assert_eq!(
            quiet.at(utc("2027-03-28T00:30:00Z"), zone),
            Quiet::Until(utc("2027-03-28T01:00:00Z"))
        );
    }

    proptest! {
        #[test]
        fn the_change_is_ahead_and_is_a_change(
            minutes in 0i64..60 * 24 * 365 * 10,
            start in 0u32..1440, end in 0u32..1440,
            zone in prop::sample::select(vec![chrono_tz::Europe::Istanbul, chrono_tz::Europe::Berlin, chrono_tz::Asia::Famagusta]),
        ) {
            let at = |m: u32| NaiveTime::from_hms_opt(m / 60, m % 60, 0).unwrap();
            prop_assume!(start != end);
            let quiet = QuietHours::new(at(start), at(end)).unwrap();
            let now = utc("2020-01-01T00:00:00Z") + TimeDelta::try_minutes(minutes).unwrap();
            match quiet.at(now, zone) {
                Quiet::Until(end) => {
                    prop_assert!(end > now && end <= now + TimeDelta::try_hours(26).unwrap());
                }
                Quiet::From(start) => {
                    prop_assert!(start > now && start <= now + TimeDelta::try_hours(26).unwrap());
                }
            }
        }
    }
}
