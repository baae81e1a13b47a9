//! An instant as people write it, most often ahead: on the wall clock of a clinic, or so long from now.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use schemas::parse_instant;
use schemas::quiet::instant;

/// Longest span from now, in days.
const MOST_DAYS: i64 = 800;

/// An instant as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// With its offset.
    At(DateTime<Utc>),
    /// The instant at which it is read.
    Now,
    /// So long after now.
    In(TimeDelta),
    /// On the wall clock.
    Wall(Day, NaiveTime),
}

/// The day of a time on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// None was written: the day on hand.
    Unsaid,
    /// So many days after today.
    Ahead(u64),
    /// That date.
    On(NaiveDate),
}

impl When {
    /// The instant in a zone. Where the clock is set forward over it, the first one after; where it is set back, the earlier one.
    /// `None`: beyond the calendar.
    pub fn at(self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        match self {
            Self::At(at) => Some(at),
            Self::Now => Some(now),
            Self::In(span) => now.checked_add_signed(span),
            Self::Wall(day, time) => {
                let today = now.with_timezone(&zone).date_naive();
                let date = match day {
                    Day::Unsaid => today,
                    Day::Ahead(days) => today.checked_add_days(Days::new(days))?,
                    Day::On(date) => date,
                };
                Some(instant(zone, date.and_time(time)))
            }
        }
    }

    /// The end of a span that begins at `begin`, the first instant behind it: a bare time of day is the next such after `begin`, `+2h`
    /// counts from it. `now` is still in the span that ends with it, as what goes out now is.
    pub fn end_of(
        self,
        begin: DateTime<Utc>,
        now: DateTime<Utc>,
        zone: Tz,
    ) -> Option<DateTime<Utc>> {
        match self {
            Self::Now => now.checked_add_signed(TimeDelta::milliseconds(1)),
            Self::In(span) => begin.checked_add_signed(span),
            Self::Wall(Day::Unsaid, time) => {
                let date = begin.with_timezone(&zone).date_naive();
                let same_day = instant(zone, date.and_time(time));
                if same_day > begin {
                    return Some(same_day);
                }
                Some(instant(zone, date.checked_add_days(Days::new(1))?.and_time(time)))
            }
            _ => self.at(now, zone),
        }
    }
}

/// Reads one of the writings in `WRITINGS`.
///
/// # Errors
/// It is none of them: which there are.
pub fn when(text: &str) -> Result<When, String> {
    read(text.trim()).ok_or_else(|| format!("use {WRITINGS}"))
}

/// What may be written.
const WRITINGS: &str = "2026-11-22T09:00:00+03:00, '2026-11-22 09:00', 2026-11-22, 09:00, 'tomorrow 9:00', tomorrow, now, or +2h \
                        (m, h, d; at most 800 days)";

fn read(text: &str) -> Option<When> {
    if text == "now" {
        return Some(When::Now);
    }
    if let Some(span) = text.strip_prefix('+') {
        return span_of(span).map(When::In);
    }
    // the years that events may name, so that no sum leaves the calendar
    if let Ok(at) = parse_instant(text) {
        return Some(When::At(at.to_utc()));
    }
    if let Ok(time) = time_of_day(text) {
        return Some(When::Wall(Day::Unsaid, time));
    }
    let (day, time) = match text.split_once(['T', ' ']) {
        Some((day, time)) if !day.is_empty() => (day, time_of_day(time.trim_start()).ok()?),
        _ => (text, NaiveTime::MIN),
    };
    day_of(day).map(|day| When::Wall(day, time))
}

fn day_of(text: &str) -> Option<Day> {
    match text {
        "today" => Some(Day::Ahead(0)),
        "tomorrow" => Some(Day::Ahead(1)),
        _ => {
            let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            // chrono takes 26-1-2 too, of the year 26
            let plain = text.len() == 10 && parse_instant(&format!("{text}T00:00:00Z")).is_ok();
            plain.then_some(Day::On(date))
        }
    }
}

/// `9:00`, `09:00`, `09:00:30`.
fn time_of_day(text: &str) -> Result<NaiveTime, ()> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    let mut parts = text.split(':');
    let lengths = [1..=2, 2..=2, 2..=2];
    let fits = (2..=3).contains(&parts.clone().count())
        && lengths.iter().all(|most| parts.next().is_none_or(|part| most.contains(&part.len())));
    if !plain || !fits {
        return Err(());
    }
    NaiveDateTime::parse_from_str(&format!("2000-01-01 {text}"), "%Y-%m-%d %H:%M")
        .or_else(|_| {
            NaiveDateTime::parse_from_str(&format!("2000-01-01 {text}"), "%Y-%m-%d %H:%M:%S")
        })
        .map(|at| at.time())
        .map_err(|_| ())
}

/// `30m`, `2h`, `3d`: minutes, hours and days of 24 hours.
fn span_of(text: &str) -> Option<TimeDelta> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit)?;
    if number.is_empty() || number.len() > 7 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: i64 = number.parse().ok()?;
    let span = match unit {
        'm' => TimeDelta::try_minutes(n),
        'h' => TimeDelta::try_hours(n),
        'd' => TimeDelta::try_days(n),
        _ => None,
    }?;
    (span <= TimeDelta::try_days(MOST_DAYS)?).then_some(span)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ISTANBUL: Tz = chrono_tz::Europe::Istanbul;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc()
    }

    fn now() -> DateTime<Utc> {
        utc("2026-11-21T22:30:00+03:00")
    }

    #[test]
    fn every_writing_is_an_instant_of_the_clinics_wall() {
        for (text, at) in [
            ("2026-11-22T09:00:00+02:00", "2026-11-22T09:00:00+02:00"),
            ("2026-11-22T09:00", "2026-11-22T09:00:00+03:00"),
            ("2026-11-22T09:00:30", "2026-11-22T09:00:30+03:00"),
            ("2026-11-22 9:05", "2026-11-22T09:05:00+03:00"),
            ("2026-11-22", "2026-11-22T00:00:00+03:00"),
            ("09:00", "2026-11-21T09:00:00+03:00"),
            ("today 23:59", "2026-11-21T23:59:00+03:00"),
            ("tomorrow 9:00", "2026-11-22T09:00:00+03:00"),
            ("tomorrow  09:00", "2026-11-22T09:00:00+03:00"),
            ("tomorrow", "2026-11-22T00:00:00+03:00"),
            (" now ", "2026-11-21T22:30:00+03:00"),
            ("+2h", "2026-11-22T00:30:00+03:00"),
            ("+45m", "2026-11-21T23:15:00+03:00"),
            ("+3d", "2026-11-24T22:30:00+03:00"),
        ] {
            let read = when(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(read.at(now(), ISTANBUL), Some(utc(at)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_is_one() {
        for text in [
            "",
            "9",
            "9:0",
            "24:00",
            "09:60",
            "009:00",
            "9.00",
            "+",
            "+2",
            "+2w",
            "+-2h",
            "+801d",
            "2h",
            "yesterday",
            "tomorrow at 9",
            "2026-11-31",
            "2026-11-2",
            "26-11-22",
            "22.11.2026",
            "T09:00",
            "tomorrowT",
            "+99999999999999999999h",
            "1950-01-01 09:00",
            "2026-11-22T09:00+3",
        ] {
            let said = when(text).expect_err(text);
            assert!(said.contains("tomorrow 9:00"), "{said}");
        }
    }

    #[test]
    fn the_end_of_a_span_is_counted_from_its_beginning() {
        let begin = utc("2026-11-22T09:00:00+03:00");
        for (text, at) in [
            ("10:00", "2026-11-22T10:00:00+03:00"),
            ("09:00", "2026-11-23T09:00:00+03:00"),
            ("+2h", "2026-11-22T11:00:00+03:00"),
            ("tomorrow 10:00", "2026-11-22T10:00:00+03:00"),
            ("now", "2026-11-21T22:30:00.001+03:00"),
        ] {
            let end = when(text).expect("a time").end_of(begin, now(), ISTANBUL);
            assert_eq!(end, Some(utc(at)), "{text}");
        }
    }

    #[test]
    fn a_time_that_the_wall_does_not_show_is_the_first_after_it() {
        let berlin = chrono_tz::Europe::Berlin;
        let read = when("2026-03-29 02:30").expect("a time");
        assert_eq!(read.at(now(), berlin), Some(utc("2026-03-29T03:00:00+02:00")));
        let twice = when("2026-10-25 02:30").expect("a time");
        assert_eq!(twice.at(now(), berlin), Some(utc("2026-10-25T02:30:00+02:00")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_never_panics(text in "\\PC{0,24}|[0-9T:+ .hmd-]{0,24}|(today|tomorrow|now)[0-9: ]{0,8}") {
            if let Ok(read) = when(&text) {
                prop_assert!(read.at(now(), ISTANBUL).is_some(), "{text}");
                prop_assert!(read.end_of(now(), now(), ISTANBUL).is_some(), "{text}");
            }
        }

        #[test]
        fn what_the_wall_shows_is_read_back(minutes in 0_i64..60 * 24 * 365 * 20) {
            let at = utc("2026-01-01T00:00:00+03:00") + TimeDelta::minutes(minutes);
            let wall = at.with_timezone(&ISTANBUL).format("%Y-%m-%d %H:%M").to_string();
            prop_assert_eq!(when(&wall).map(|read| read.at(now(), ISTANBUL)), Ok(Some(at)));
            let written = at.with_timezone(&ISTANBUL).to_rfc3339();
            prop_assert_eq!(when(&written), Ok(When::At(at)));
        }

        #[test]
        fn a_bare_end_is_within_a_day_of_the_beginning(minutes in 0_i64..60 * 24 * 400, hour in 0_u32..24, minute in 0_u32..60) {
            let begin = now() + TimeDelta::minutes(minutes);
            let end = when(&format!("{hour}:{minute:02}")).expect("a time").end_of(begin, now(), ISTANBUL).expect("an instant");
            prop_assert!(end > begin && end - begin <= TimeDelta::hours(24));
        }
    }
}
