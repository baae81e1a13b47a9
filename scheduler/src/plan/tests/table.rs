//! Quiet hours, case by case. All times are those on a wall in Istanbul (+03:00).

use super::*;
use chrono::NaiveDateTime;

const NIGHT: &str = "20:00-09:00";
/// Long before.
const EARLY: &str = "2026-11-01 12:00:00";

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    quiet: &'static str,
    rule: &'static str,
    starts_at: &'static str,
    now: &'static str,
    expected: &'static str,
}

const fn case(
    name: &'static str,
    rule: &'static str,
    starts_at: &'static str,
    now: &'static str,
    expected: &'static str,
) -> Case {
    Case { name, quiet: NIGHT, rule, starts_at, now, expected }
}

const fn with_quiet(quiet: &'static str, case: Case) -> Case {
    Case { quiet, ..case }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    case("by day it stays", "24h", "2026-11-22 14:30:00", EARLY, "2026-11-21 14:30:00"),
    case("the last minute before them is not quiet", "2h", "2026-11-22 21:59:00", EARLY, "2026-11-22 19:59:00"),
    case("their first minute is quiet", "2h", "2026-11-22 22:00:00", EARLY, "2026-11-22 19:30:00"),
    case("their last minute is quiet", "2h", "2026-11-22 10:59:00", EARLY, "2026-11-22 09:00:00"),
    case("their end is not quiet", "2h", "2026-11-22 11:00:00", EARLY, "2026-11-22 09:00:00"),
    case("their end leaves just min_notice", "2h", "2026-11-22 10:30:00", EARLY, "2026-11-22 09:00:00"),
    case("their end leaves a second less", "2h", "2026-11-22 10:29:59", EARLY, "2026-11-21 19:30:00"),
    case("they end after an early visit", "2h", "2026-11-22 08:00:00", EARLY, "2026-11-21 19:30:00"),
    case("a moment before midnight goes to the next morning", "24h", "2026-11-22 23:00:00", EARLY, "2026-11-22 09:00:00"),
    case("a moment after midnight goes to the same morning", "24h", "2026-11-23 03:00:00", EARLY, "2026-11-22 09:00:00"),
    case("days move like hours", "2d", "2026-11-24 07:15:00", EARLY, "2026-11-22 09:00:00"),
    case("booked at night, the morning is ahead", "2h", "2026-11-22 10:45:00", "2026-11-22 02:00:00", "2026-11-22 09:00:00"),
    case("booked after the moment, its morning is ahead", "24h", "2026-11-23 03:00:00", "2026-11-22 07:00:00", "2026-11-22 09:00:00"),
    case("booked after its morning", "24h", "2026-11-23 03:00:00", "2026-11-22 09:02:00", "too-late"),
    case("booked seconds after its morning began", "24h", "2026-11-23 03:00:00", "2026-11-22 09:00:20", "2026-11-22 09:00:20"),
    case("booked just before the place in the evening", "2h", "2026-11-22 09:30:00", "2026-11-21 19:29:00", "2026-11-21 19:30:00"),
    case("booked seconds after the place in the evening", "2h", "2026-11-22 09:30:00", "2026-11-21 19:30:40", "2026-11-21 19:30:40"),
    case("booked after the place in the evening", "2h", "2026-11-22 09:30:00", "2026-11-21 19:45:00", "quiet-hours"),
    case("booked at night for an early visit", "2h", "2026-11-22 09:30:00", "2026-11-21 23:00:00", "quiet-hours"),
    case("booked at night after the moment too", "12h", "2026-11-22 09:30:00", "2026-11-21 23:00:00", "too-late"),
    case("seconds late, and they have begun meanwhile", "2h", "2026-11-22 21:59:30", "2026-11-22 20:00:10", "quiet-hours"),
    case("a rule shorter than min_notice stays by day", "30m", "2026-11-22 14:00:00", EARLY, "2026-11-22 13:30:00"),
    case("a rule shorter than min_notice at dawn", "30m", "2026-11-22 09:15:00", EARLY, "2026-11-21 19:30:00"),
    with_quiet("none", case("no quiet hours", "2h", "2026-11-22 06:00:00", EARLY, "2026-11-22 04:00:00")),
    with_quiet("12:00-13:30", case("at noon, their end leaves min_notice", "3h", "2026-11-22 15:30:00", EARLY, "2026-11-22 13:30:00")),
    with_quiet("12:00-13:30", case("at noon, their end does not", "2h", "2026-11-22 14:15:00", EARLY, "2026-11-22 11:30:00")),
    with_quiet("00:00-08:00", case("from midnight, the place is the day before", "2h", "2026-11-22 09:00:00", EARLY, "2026-11-21 23:30:00")),
    with_quiet("20:00-19:45", case("the place before them is quiet as well", "2h", "2026-11-22 19:50:00", EARLY, "quiet-hours")),
    with_quiet("20:00-19:45", case("a quarter of an hour a day is enough", "24h", "2026-11-23 12:00:00", EARLY, "2026-11-22 19:45:00")),
];

fn wall(text: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
    instant(ISTANBUL, local)
}

#[test]
fn quiet_hours_case_by_case() {
    for case in CASES {
        let quiet = (case.quiet != "none").then(|| hours(case.quiet));
        let clinic = Rules { quiet, ..rules(ISTANBUL) };
        let own = list(&[case.rule]);
        let starts_at = wall(case.starts_at).fixed_offset();
        let planned = reminders(starts_at, Some(&own), &clinic, wall(case.now));
        let got = match planned[0].outcome {
            Outcome::Send { at } => {
                at.with_timezone(&ISTANBUL).format("%Y-%m-%d %H:%M:%S").to_string()
            }
            Outcome::Skip { why } => why.word().to_owned(),
        };
        assert_eq!(got, case.expected, "{}", case.name);
    }
}
