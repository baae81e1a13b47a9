use chrono_tz::Europe::{Berlin, Istanbul};
use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
}

fn said(slot: Result<Slot, Bad>) -> String {
    match slot {
        Ok(Slot { starts_at, ends_at: None }) => starts_at.to_rfc3339(),
        Ok(Slot { starts_at, ends_at: Some(ends_at) }) => {
            format!("{} to {}", starts_at.to_rfc3339(), ends_at.format("%d %H:%M"))
        }
        Err(bad) => format!("{} {}", bad.field.map_or("row", Field::word), bad.rule),
    }
}

fn at(date: &Cell, time: Option<&Cell>) -> String {
    said(slot(date, time, None, Istanbul))
}

const EXPECTED: &str = "2026-11-22T14:30:00+03:00";

#[test]
fn dates_are_read_in_every_usual_writing() {
    for date in [
        "22.11.2026",
        "22/11/2026",
        "22-11-2026",
        "2026-11-22",
        "2026/11/22",
        "22.11.26",
        "22.11.2026 ",
        "22 Kasım 2026",
        "22 KASIM 2026",
        "22 Kasim 2026 Pazar",
        "Pazar, 22 Kasım 2026",
        "22-Kas-26",
        "22.Kas.2026",
        "22 Nov 2026",
        "46348",
        "'22.11.2026",
        "22.11.2026 00:00:00",
        "22.11.2026 Pazar",
    ] {
        assert_eq!(at(&text(date), Some(&text("14:30"))), EXPECTED, "{date}");
    }
    for date in [Cell::Number(46_348.0), Cell::Serial(46_348.0)] {
        assert_eq!(at(&date, Some(&text("14:30"))), EXPECTED);
    }
}

#[test]
fn times_are_read_in_every_usual_writing() {
    let date = text("22.11.2026");
    for time in
        ["14:30", "14.30", "14:30:00", "2:30 PM", "02:30 ös", "ÖS 2:30", " 14:30 ", "'14:30"]
    {
        assert_eq!(at(&date, Some(&text(time))), EXPECTED, "{time}");
    }
    for time in [
        Cell::Number(14.3),
        Cell::Number(0.604_166_666_666),
        Cell::Serial(0.604_166_666_666),
        Cell::Serial(46_348.604_166_67),
    ] {
        assert_eq!(at(&date, Some(&time)), EXPECTED);
    }
    for (time, expected) in [
        ("9", "09:00"),
        ("9.00", "09:00"),
        ("00:15", "00:15"),
        ("12:05 AM", "00:05"),
        ("12:05 PM", "12:05"),
    ] {
        assert_eq!(
            at(&date, Some(&text(time))),
            format!("2026-11-22T{expected}:00+03:00"),
            "{time}"
        );
    }
    assert_eq!(at(&date, Some(&Cell::Number(9.0))), "2026-11-22T09:00:00+03:00");
    assert_eq!(at(&date, Some(&Cell::Number(14.05))), "2026-11-22T14:05:00+03:00");
}

#[test]
fn date_and_time_may_stand_in_one_cell() {
    for both in [
        "22.11.2026 14:30",
        "22.11.2026 14.30",
        "2026-11-22T14:30",
        "2026-11-22 14:30:00",
        "22/11/2026, 14:30",
        "22 Kasım 2026 14:30",
        "22.11.2026 - 14:30",
        "22.11.2026 saat 14:30",
        "2026-11-22T14:30:00+03:00",
        "2026-11-22T14:30:00.000",
        "46348,6041666667",
        "46348.6041666667",
        "22.11.2026 Pazar 14:30",
    ] {
        assert_eq!(at(&text(both), None), EXPECTED, "{both}");
        assert_eq!(at(&text(both), Some(&Cell::Empty)), EXPECTED, "{both}");
        assert_eq!(at(&text(both), Some(&text("14:30"))), EXPECTED, "{both}");
        assert_eq!(at(&text(both), Some(&text("14:45"))), "time two-times", "{both}");
    }
    assert_eq!(at(&Cell::Serial(46_348.604_166_67), None), EXPECTED);
    // an offset that the file says is believed
    assert_eq!(at(&text("2026-11-22T11:30:00Z"), None), "2026-11-22T11:30:00+00:00");
}

#[test]
fn the_end_is_a_time_of_the_same_day_or_stands_with_the_start() {
    let ends = |time: &str, end: &str| {
        said(slot(&text("22.11.2026"), Some(&text(time)), Some(&text(end)), Istanbul))
    };
    let expected = format!("{EXPECTED} to 22 15:00");
    assert_eq!(ends("14:30", "15:00"), expected);
    assert_eq!(ends("14:30 - 15:00", ""), expected);
    assert_eq!(ends("14.30–15.00", ""), expected);
    assert_eq!(ends("14:30", "22.11.2026 15:00"), expected);
    assert_eq!(ends("14:30", ""), EXPECTED);
    assert_eq!(ends("14:30", "later"), "end no-time");
    let serial =
        slot(&text("22.11.2026"), Some(&text("14:30")), Some(&Cell::Serial(0.625)), Istanbul);
    assert_eq!(said(serial), expected);
    let serial =
        slot(&text("22.11.2026"), Some(&text("14:30")), Some(&Cell::Serial(46_348.625)), Istanbul);
    assert_eq!(said(serial), expected);
}

#[test]
fn what_is_no_date_or_no_time_is_said_to_be_none() {
    for (date, time, expected) in [
        ("", "14:30", "date empty"),
        ("tomorrow", "14:30", "date no-date"),
        ("11/22/2026", "14:30", "date no-date"),
        ("31.02.2026", "14:30", "date no-date"),
        ("22.11", "14:30", "date no-date"),
        ("22.11.2026 x", "14:30", "date no-date"),
        ("0532 123 45 67", "14:30", "date no-date"),
        ("9999-12-31T00:00:00Z", "14:30", "date no-date"),
        ("12345", "14:30", "date no-date"),
        ("22.11.2026", "", "time no-time"),
        ("22.11.2026 00:00", "", "time no-time"),
        ("22.11.2026", "25:00", "time no-time"),
        ("22.11.2026", "14:3", "time no-time"),
        ("22.11.2026", "14:60", "time no-time"),
        ("22.11.2026", "13:30 PM", "time no-time"),
        ("22.11.2026", "1-2-3", "time no-time"),
        ("22.11.2026", "14:30-", "time no-time"),
        ("22.11.2026", "-2h", "time no-time"),
        ("22.11.2026", "soon", "time no-time"),
    ] {
        assert_eq!(at(&text(date), Some(&text(time))), expected, "{date} {time}");
    }
    assert_eq!(at(&text("22.11.2026"), None), "date no-time");
    assert_eq!(at(&Cell::Broken, None), "date formula");
    assert_eq!(at(&Cell::Serial(0.5), None), "date no-date");
    assert_eq!(at(&Cell::Number(f64::NAN), None), "date no-date");
    assert_eq!(at(&text("22.11.2026"), Some(&Cell::Number(1e300))), "time no-time");
    assert_eq!(at(&text("22.11.2026"), Some(&Cell::Serial(0.999_999))), "time no-time");
}

#[test]
fn a_time_that_the_clock_skips_is_refused_and_one_that_it_shows_twice_is_the_earlier() {
    let berlin = |date: &str| said(slot(&text(date), None, None, Berlin));
    assert_eq!(berlin("28.03.2027 02:30"), "time clock-set-forward");
    assert_eq!(berlin("28.03.2027 03:00"), "2027-03-28T03:00:00+02:00");
    assert_eq!(berlin("25.10.2026 02:30"), "2026-10-25T02:30:00+02:00");
    assert_eq!(berlin("25.10.2026 03:00"), "2026-10-25T03:00:00+01:00");
}

proptest! {
    #[test]
    fn reading_cells_never_panics(date in ".{0,24}", time in "[0-9:. APMpmöÖsS–-]{0,12}", end in ".{0,12}", number in any::<f64>()) {
        for cell in [Cell::Text(date.clone()), Cell::Number(number), Cell::Serial(number)] {
            let _ = slot(&cell, Some(&Cell::Text(time.clone())), Some(&Cell::Text(end.clone())), Berlin);
            let _ = slot(&Cell::Text("22.11.2026".to_owned()), Some(&cell), Some(&cell), Istanbul);
        }
    }

    #[test]
    fn every_minute_survives_a_serial(minutes in 0_u32..(365 * 3 * 1_440)) {
        let day = 46_000 + minutes / 1_440;
        let serial = f64::from(day) + f64::from(minutes % 1_440) / 1_440.0;
        let slot = slot(&Cell::Serial(serial), Some(&Cell::Empty), None, chrono_tz::UTC);
        if minutes % 1_440 == 0 {
            prop_assert_eq!(said(slot), "time no-time");
        } else {
            let at = slot.map(|slot| slot.starts_at.timestamp()).unwrap();
            prop_assert_eq!(at, (i64::from(day) - 25_569) * 86_400 + i64::from(minutes % 1_440) * 60);
        }
    }

    #[test]
    fn every_wall_time_is_read_back(day in 0_i64..2_000, minute in 1_i64..1_440) {
        let wall = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().and_time(NaiveTime::MIN)
            + TimeDelta::days(day) + TimeDelta::minutes(minute);
        let written = text(&wall.format("%d.%m.%Y %H:%M").to_string());
        match slot(&written, None, None, Berlin) {
            Ok(slot) => prop_assert_eq!(slot.starts_at.naive_local(), wall),
            Err(bad) => {
                prop_assert_eq!(bad.rule, "clock-set-forward");
                prop_assert!(matches!(Berlin.from_local_datetime(&wall), LocalResult::None));
            }
        }
    }
}
