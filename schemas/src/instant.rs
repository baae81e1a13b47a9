//! Instants as events carry them.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime};

/// Years (UTC) of an instant that is believed; outside of them it is a sentinel or a slip of a unit.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;

/// Why a text is no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstantRefusal {
    /// A date and time that says no offset: nobody can know which instant is meant.
    #[error("a time needs its offset: 2026-11-22T14:30:00+03:00")]
    WithoutOffset,
    /// Not RFC 3339.
    #[error("a time is written as RFC 3339: 2026-11-22T14:30:00+03:00")]
    NotRfc3339,
    /// A real instant that nobody can mean, such as year 0001 or 9999.
    #[error("a time lies in the years 1970 to 2199")]
    OutOfRange,
}

/// Reads RFC 3339 with its offset, years 1970 to 2199, seconds up to nine decimals.
pub fn parse_instant(text: &str) -> Result<DateTime<FixedOffset>, InstantRefusal> {
    let separated = matches!(text.as_bytes().get(10), Some(b'T' | b't'));
    match DateTime::parse_from_rfc3339(text) {
        Ok(instant) if separated => {
            // The offset moves an instant by less than a day, and NaiveDateTime reaches ±262,000 years: no overflow.
            if YEARS.contains(&instant.naive_utc().year()) {
                Ok(instant)
            } else {
                Err(InstantRefusal::OutOfRange)
            }
        }
        _ if lacks_only_an_offset(text) => Err(InstantRefusal::WithoutOffset),
        _ => Err(InstantRefusal::NotRfc3339),
    }
}

fn lacks_only_an_offset(text: &str) -> bool {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .any(|form| NaiveDateTime::parse_from_str(text, form).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc_3339_is_read_with_its_offset() {
        for (text, ms) in [
            ("2026-11-22T14:30:00+03:00", 1_795_347_000_000),
            ("2026-11-22T11:30:00Z", 1_795_347_000_000),
            ("2026-11-22t11:30:00.123456789z", 1_795_347_000_123),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            let instant = parse_instant(text).unwrap();
            assert_eq!(instant.timestamp_millis(), ms, "{text}");
            assert_eq!(parse_instant(&instant.to_rfc3339()), Ok(instant), "{text}");
        }
    }

    #[test]
    fn each_way_to_be_no_instant_has_its_name() {
        use InstantRefusal::{NotRfc3339, OutOfRange, WithoutOffset};
        for (text, refusal) in [
            ("2026-11-22T14:30:00", WithoutOffset),
            ("2026-11-22 14:30:00", WithoutOffset),
            ("2026-11-22T14:30", WithoutOffset),
            ("2026-11-22T14:30:00.5", WithoutOffset),
            ("2026-11-22 14:30:00+03:00", NotRfc3339),
            ("2026-11-22T14:30+03:00", NotRfc3339),
            ("2026-02-30T14:30:00+03:00", NotRfc3339),
            ("2026-11-22T25:30:00+03:00", NotRfc3339),
            ("2026-11-22T14:30:00+99:00", NotRfc3339),
            ("22.11.2026 14:30", NotRfc3339),
            ("2026-11-22", NotRfc3339),
            ("", NotRfc3339),
            ("0001-01-01T00:00:00Z", OutOfRange),
            ("0000-01-01T00:00:00+14:00", OutOfRange),
            ("1969-12-31T23:59:59Z", OutOfRange),
            ("2200-01-01T00:00:00Z", OutOfRange),
            ("9999-12-31T23:59:59-14:00", OutOfRange),
        ] {
            assert_eq!(parse_instant(text), Err(refusal), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*", date in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?.{0,8}") {
            let _ = parse_instant(&text);
            let _ = parse_instant(&date);
        }

        #[test]
        fn what_is_read_is_written_and_read_again(ms in 0i64..7_258_118_400_000, minutes in -1_439i32..1_440) {
            let offset = FixedOffset::east_opt(minutes * 60).unwrap();
            let instant = DateTime::from_timestamp_millis(ms).unwrap().with_timezone(&offset);
            prop_assert_eq!(parse_instant(&instant.to_rfc3339()), Ok(instant));
        }
    }
}
