use super::*;
use chrono::TimeDelta;
use proptest::prelude::*;

const ZONES: [Tz; 4] = [
    chrono_tz::Europe::Istanbul,
    chrono_tz::Europe::Berlin,
    chrono_tz::Asia::Famagusta,
    chrono_tz::Europe::Nicosia,
];

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
fn a_span_knows_when_it_began() {
    let quiet = hours("20:00", "09:00");
    let zone = chrono_tz::Europe::Istanbul;
    let night =
        QuietSpan { begins: utc("2026-11-21T17:00:00Z"), ends: utc("2026-11-22T06:00:00Z") };
    for inside in ["2026-11-21T17:00:00Z", "2026-11-22T00:00:00Z", "2026-11-22T05:59:59Z"] {
        assert_eq!(quiet.span_at(utc(inside), zone), Some(night), "{inside}");
    }
    for outside in ["2026-11-21T16:59:59Z", "2026-11-22T06:00:00Z"] {
        assert_eq!(quiet.span_at(utc(outside), zone), None, "{outside}");
    }
}

#[test]
fn an_end_inside_the_hour_that_does_not_exist_is_the_first_instant_after_it() {
    let quiet = hours("20:00", "02:30");
    let zone = chrono_tz::Europe::Berlin; // 2027-03-28: 02:00 -> 03:00
    assert_eq!(
        quiet.at(utc("2027-03-28T00:30:00Z"), zone),
        Quiet::Until(utc("2027-03-28T01:00:00Z"))
    );
}

#[test]
fn an_end_inside_the_hour_that_comes_twice_is_the_second_one() {
    let quiet = hours("20:00", "02:30");
    let zone = chrono_tz::Europe::Berlin; // 2026-10-25: 03:00 -> 02:00 at 01:00Z
    let end = Quiet::Until(utc("2026-10-25T01:30:00Z"));
    // 02:15 and 02:45 of the first pass, 02:15 of the second
    for now in ["2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z"] {
        assert_eq!(quiet.at(utc(now), zone), end, "{now}");
    }
    assert_eq!(
        quiet.at(utc("2026-10-25T01:30:00Z"), zone),
        Quiet::From(utc("2026-10-25T19:00:00Z"))
    );
}

#[test]
fn a_start_inside_the_hour_that_comes_twice_is_the_first_one() {
    let quiet = hours("02:30", "09:00");
    let zone = chrono_tz::Europe::Berlin;
    assert_eq!(
        quiet.at(utc("2026-10-25T00:00:00Z"), zone),
        Quiet::From(utc("2026-10-25T00:30:00Z"))
    );
    // 02:15 of the second pass
    assert_eq!(
        quiet.at(utc("2026-10-25T01:15:00Z"), zone),
        Quiet::Until(utc("2026-10-25T08:00:00Z"))
    );
}

#[test]
fn quiet_hours_that_fall_into_the_missing_hour_are_none_that_night() {
    let quiet = hours("02:10", "02:50");
    let zone = chrono_tz::Europe::Berlin;
    assert_eq!(
        quiet.at(utc("2027-03-28T00:59:00Z"), zone),
        Quiet::From(utc("2027-03-29T00:10:00Z"))
    );
}

#[test]
fn stretches_that_touch_because_an_hour_is_missing_are_one() {
    // not quiet from 02:10 to 02:50, which that night does not exist
    let quiet = hours("02:50", "02:10");
    let zone = chrono_tz::Europe::Berlin;
    let two_days =
        QuietSpan { begins: utc("2027-03-27T01:50:00Z"), ends: utc("2027-03-29T00:10:00Z") };
    for inside in ["2027-03-27T01:50:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:09:00Z"] {
        assert_eq!(quiet.span_at(utc(inside), zone), Some(two_days), "{inside}");
    }
}

#[test]
fn a_wall_time_has_one_instant_also_where_the_clock_changes() {
    let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
    let berlin = chrono_tz::Europe::Berlin;
    let cases = [
        // 02:00 -> 03:00
        (berlin, "2027-03-28 02:30:15", "2027-03-28T01:00:00Z"),
        (berlin, "2027-03-28 02:00:00", "2027-03-28T01:00:00Z"),
        // 03:00 -> 02:00
        (berlin, "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
        // Türkiye set its clocks for the last time on 2016-03-27, 03:00 -> 04:00
        (chrono_tz::Europe::Istanbul, "2016-03-27 03:30:00", "2016-03-27T01:00:00Z"),
        (chrono_tz::Europe::Istanbul, "2015-11-08 03:30:00", "2015-11-08T00:30:00Z"),
        (chrono_tz::Europe::Istanbul, "2027-03-28 03:30:00", "2027-03-28T00:30:00Z"),
        // KKTC stayed at +03:00 from 2016-09-08 to 2017-10-29
        (chrono_tz::Asia::Famagusta, "2017-01-10 12:00:00", "2017-01-10T09:00:00Z"),
        (chrono_tz::Asia::Famagusta, "2018-01-10 12:00:00", "2018-01-10T10:00:00Z"),
        // a whole day that was left out
        (chrono_tz::Pacific::Apia, "2011-12-30 12:00:00", "2011-12-30T10:00:00Z"),
    ];
    for (zone, wall, expected) in cases {
        assert_eq!(instant(zone, local(wall)), utc(expected), "{zone} {wall}");
    }
}

proptest! {
    #[test]
    fn the_change_is_ahead_and_is_a_change(
        minutes in 0i64..60 * 24 * 365 * 16,
        start in 0u32..1440, end in 0u32..1440,
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let at = |m: u32| NaiveTime::from_hms_opt(m / 60, m % 60, 0).unwrap();
        prop_assume!(start != end);
        let quiet = QuietHours::new(at(start), at(end)).unwrap();
        let now = utc("2014-01-01T00:00:00Z") + TimeDelta::try_minutes(minutes).unwrap();
        let longest = TimeDelta::try_hours(50).unwrap();
        match quiet.at(now, zone) {
            Quiet::Until(end) => {
                prop_assert!(end > now && end <= now + longest);
                prop_assert!(matches!(quiet.at(end, zone), Quiet::From(_)));
                let span = quiet.span_at(now, zone).unwrap();
                prop_assert!(span.begins <= now && span.ends == end);
                let before = span.begins - TimeDelta::try_milliseconds(1).unwrap();
                prop_assert_eq!(quiet.at(before, zone), Quiet::From(span.begins));
            }
            Quiet::From(start) => {
                prop_assert!(start > now && start <= now + longest);
                prop_assert!(matches!(quiet.at(start, zone), Quiet::Until(_)));
                prop_assert_eq!(quiet.span_at(now, zone), None);
            }
        }
    }

    /// What the clock on the wall says is quiet is quiet, in both passes of an hour that comes twice.
    #[test]
    fn the_clock_on_the_wall_agrees(
        minutes in 0i64..60 * 24 * 365 * 16,
        start in 0u32..1440, end in 0u32..1440,
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let at = |m: u32| NaiveTime::from_hms_opt(m / 60, m % 60, 0).unwrap();
        prop_assume!(start != end);
        let quiet = QuietHours::new(at(start), at(end)).unwrap();
        let now = utc("2014-01-01T00:00:00Z") + TimeDelta::try_minutes(minutes).unwrap();
        let wall = now.with_timezone(&zone).time();
        let by_the_wall = if start < end {
            (at(start)..at(end)).contains(&wall)
        } else {
            wall >= at(start) || wall < at(end)
        };
        if by_the_wall {
            prop_assert!(quiet.span_at(now, zone).is_some());
        }
    }
}
