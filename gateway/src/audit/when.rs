//! Times as people write and read them: on the wall of the clinic.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, TimeZone};
use chrono_tz::Tz;
use serde::Serialize;
use story::Tongue;

/// An instant for a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct When {
    /// For machines: RFC 3339 in the zone, with its offset.
    pub iso: String,
    /// For people.
    pub text: String,
}

/// An instant on the wall of a zone. `ms` since 1970 UTC; what is no date is shown as none.
pub(crate) fn shown(ms: i64, zone: Tz, tongue: Tongue) -> When {
    let Some(at) = DateTime::from_timestamp_millis(ms) else {
        return When { iso: String::new(), text: "–".to_owned() };
    };
    let at = at.with_timezone(&zone);
    let pattern = match tongue {
        Tongue::Tr => "%d.%m.%Y %H:%M:%S",
        Tongue::En => "%d %b %Y %H:%M:%S",
    };
    When {
        iso: at.to_rfc3339_opts(SecondsFormat::Millis, false),
        text: at.format(pattern).to_string(),
    }
}

/// A day for people.
pub(crate) fn day(date: NaiveDate, tongue: Tongue) -> String {
    let pattern = match tongue {
        Tongue::Tr => "%d.%m.%Y",
        Tongue::En => "%d %b %Y",
    };
    date.format(pattern).to_string()
}

/// What a field for a time (`2026-11-22T14:30`) or a day (`2026-11-22`) says, on the wall of a zone, milliseconds since 1970 UTC. A
/// day alone is its beginning, or at the end of a span the beginning of the next one. `None`: it is neither.
pub(super) fn read(text: &str, zone: Tz, ends: bool) -> Option<i64> {
    let wall = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok());
    match wall {
        Some(wall) => instant(wall, zone, ends),
        None => {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            let day = if ends { day.succ_opt()? } else { day };
            // a day ends where the next one first begins
            instant(day.and_time(NaiveTime::MIN), zone, false)
        }
    }
}

/// Of a wall time that is there twice the earlier one, or for the end of a span the later one, so that both lie in it; of one that is
/// left out the instant an hour later.
fn instant(wall: NaiveDateTime, zone: Tz, ends: bool) -> Option<i64> {
    let at = zone.from_local_datetime(&wall);
    let at = if ends { at.latest() } else { at.earliest() };
    let at = at.or_else(|| {
        let later = wall.checked_add_signed(TimeDelta::try_hours(1)?)?;
        zone.from_local_datetime(&later).earliest()
    })?;
    Some(at.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::{Berlin, Istanbul};

    #[test]
    fn a_time_is_shown_on_the_wall_of_its_clinic() {
        let at = shown(1_795_350_605_000, Istanbul, Tongue::Tr);
        assert_eq!(at.text, "22.11.2026 15:30:05");
        assert_eq!(at.iso, "2026-11-22T15:30:05.000+03:00");
        assert_eq!(shown(1_795_350_605_000, Berlin, Tongue::En).text, "22 Nov 2026 13:30:05");
        assert_eq!(shown(i64::MAX, Istanbul, Tongue::Tr).text, "–");
    }

    #[test]
    fn what_is_written_in_a_field_is_read_back_in_the_same_zone() {
        let at = |text, ends| read(text, Istanbul, ends);
        assert_eq!(at("2026-11-22T15:30", false), Some(1_795_350_600_000));
        assert_eq!(at("2026-11-22", false), at("2026-11-22T00:00", false));
        assert_eq!(at("2026-11-22", true), at("2026-11-23T00:00", false));
        for wrong in ["", "2026-13-01", "tomorrow", "2026-11-22T25:00"] {
            assert_eq!(at(wrong, false), None, "{wrong}");
        }
    }

    #[test]
    fn a_wall_time_that_summer_time_leaves_out_is_the_hour_after_it() {
        let (left_out, after) = ("2026-03-29T02:30", "2026-03-29T03:30");
        assert_eq!(read(left_out, Berlin, false), read(after, Berlin, false));
        assert!(read(left_out, Berlin, false).is_some());
    }

    #[test]
    fn a_span_over_an_hour_that_is_there_twice_holds_both() {
        let at = |ends| read("2026-10-25T02:30", Berlin, ends).unwrap();
        assert_eq!(at(true) - at(false), 3_600_000);
        assert_eq!(read("2026-10-24", Berlin, true), read("2026-10-25T00:00", Berlin, false));
    }
}
