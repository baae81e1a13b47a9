use super::*;
use chrono::NaiveTime;

mod properties;
mod table;

const ISTANBUL: Tz = chrono_tz::Europe::Istanbul;
const BERLIN: Tz = chrono_tz::Europe::Berlin;

fn hours(text: &str) -> QuietHours {
    let (from, to) = text.split_once('-').unwrap();
    let time = |t| NaiveTime::parse_from_str(t, "%H:%M").unwrap();
    QuietHours::new(time(from), time(to)).unwrap()
}

fn list(texts: &[&str]) -> Vec<ReminderRule> {
    texts.iter().map(|text| ReminderRule::parse(text).unwrap()).collect()
}

/// The defaults of a clinic (DESIGN §3.3).
fn rules(zone: Tz) -> Rules {
    Rules {
        zone,
        reminders: list(&["24h", "2h"]),
        quiet: Some(hours("20:00-09:00")),
        min_notice: TimeDelta::minutes(90),
        min_gap: TimeDelta::hours(6),
        confirmation: false,
        cancellation: false,
        change_notice: false,
    }
}

fn at(text: &str) -> DateTime<FixedOffset> {
    text.parse().unwrap()
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Outcomes as words: `send 2026-11-21T11:30:00Z`, `too-late`.
fn words(planned: &[Planned]) -> Vec<String> {
    planned.iter().map(|one| word(one.outcome)).collect()
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Send { at } => {
            format!("send {}", at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
        }
        Outcome::Skip { why } => why.word().to_owned(),
    }
}

#[test]
fn the_appointments_own_list_stands_in_place_of_the_clinics() {
    let starts_at = at("2026-11-25T14:30:00+03:00");
    let now = utc("2026-11-01T09:00:00Z");
    let clinic = rules(ISTANBUL);
    let named = |own: Option<&[ReminderRule]>| -> Vec<String> {
        reminders(starts_at, own, &clinic, now).into_iter().map(|one| one.rule).collect()
    };
    assert_eq!(named(None), ["24h", "2h"]);
    assert_eq!(named(Some(&list(&["3d"]))), ["3d"]);
    assert!(named(Some(&[])).is_empty());
}

#[test]
fn several_reminders_are_planned_each_at_its_moment() {
    let own = list(&["3d", "24h", "2h"]);
    let planned = reminders(
        at("2026-11-25T14:30:00+03:00"),
        Some(&own),
        &rules(ISTANBUL),
        utc("2026-11-01T09:00:00Z"),
    );
    assert_eq!(
        words(&planned),
        ["send 2026-11-22T11:30:00Z", "send 2026-11-24T11:30:00Z", "send 2026-11-25T09:30:00Z"]
    );
    assert!(planned.iter().all(|one| one.outcome == Outcome::Send { at: one.wanted }));
}

#[test]
fn days_keep_the_time_on_the_wall_and_hours_the_time_that_passes() {
    let now = utc("2014-01-01T00:00:00Z");
    let cases = [
        // the clock was set forward between the moment and the start: 02:00 -> 03:00 on 2027-03-28
        (BERLIN, "2027-03-28T14:30:00+02:00", "1d", "2027-03-27T13:30:00Z"),
        (BERLIN, "2027-03-28T14:30:00+02:00", "24h", "2027-03-27T12:30:00Z"),
        // and back: 03:00 -> 02:00 on 2026-10-25
        (BERLIN, "2026-10-25T14:30:00+01:00", "1d", "2026-10-24T12:30:00Z"),
        (BERLIN, "2026-10-25T14:30:00+01:00", "24h", "2026-10-24T13:30:00Z"),
        // a moment in the hour that does not exist, and in the one that comes twice
        (BERLIN, "2027-03-30T02:30:00+02:00", "2d", "2027-03-28T01:00:00Z"),
        (BERLIN, "2026-10-27T02:30:00+01:00", "2d", "2026-10-25T00:30:00Z"),
        // Türkiye changed its clocks until 2016-03-27, and not in the autumn after
        (ISTANBUL, "2016-03-27T14:30:00+03:00", "1d", "2016-03-26T12:30:00Z"),
        (ISTANBUL, "2016-11-06T14:30:00+03:00", "1d", "2016-11-05T11:30:00Z"),
        // KKTC came back to winter time on 2017-10-29
        (chrono_tz::Asia::Famagusta, "2017-10-29T14:30:00+02:00", "1d", "2017-10-28T11:30:00Z"),
        // what counts is the wall of the clinic, not the offset in the event
        (BERLIN, "2027-03-28T15:30:00+03:00", "1d", "2027-03-27T13:30:00Z"),
    ];
    for (zone, starts_at, rule, expected) in cases {
        let any_hour = Rules { quiet: None, ..rules(zone) };
        let planned = reminders(at(starts_at), Some(&list(&[rule])), &any_hour, now);
        assert_eq!(words(&planned), [format!("send {expected}")], "{zone} {starts_at} {rule}");
    }
}

#[test]
fn booked_after_its_moment_a_reminder_is_skipped_and_the_next_one_stands() {
    let starts_at = at("2026-11-25T14:30:00+03:00");
    let planned = |now| words(&reminders(starts_at, None, &rules(ISTANBUL), utc(now)));
    assert_eq!(planned("2026-11-24T15:00:00Z"), ["too-late", "send 2026-11-25T09:30:00Z"]);
    // up to a minute late is now
    assert_eq!(
        planned("2026-11-24T11:31:00Z"),
        ["send 2026-11-24T11:31:00Z", "send 2026-11-25T09:30:00Z"]
    );
    assert_eq!(planned("2026-11-24T11:31:01Z"), ["too-late", "send 2026-11-25T09:30:00Z"]);
    assert_eq!(planned("2026-11-25T10:00:00Z"), ["too-late", "too-late"]);
}

#[test]
fn an_appointment_that_has_begun_has_no_reminders() {
    let starts_at = at("2026-11-25T14:30:00+03:00");
    for now in ["2026-11-25T11:30:00Z", "2027-01-01T00:00:00Z"] {
        let planned = reminders(starts_at, None, &rules(ISTANBUL), utc(now));
        assert_eq!(words(&planned), ["appointment-past", "appointment-past"], "{now}");
    }
}

#[test]
fn of_reminders_within_the_gap_one_stays() {
    let now = utc("2026-11-01T09:00:00Z");
    let cases: [(&str, &[&str], &[&str]); 8] = [
        ("the nearer one", &["24h", "20h"], &["too-close", "send"]),
        ("also when it is listed first", &["20h", "24h"], &["send", "too-close"]),
        ("exactly the gap apart is apart", &["8h", "2h"], &["send", "send"]),
        (
            "only what is near to one that stays",
            &["10h", "6h", "2h"],
            &["send", "too-close", "send"],
        ),
        ("the one that leaves min_notice", &["2h", "30m"], &["send", "too-close"]),
        ("a short one alone", &["24h", "30m"], &["send", "send"]),
        ("one moment under two names", &["1d", "24h"], &["send", "too-close"]),
        (
            "the nearest of many",
            &["5h", "4h", "3h", "2h"],
            &["too-close", "too-close", "too-close", "send"],
        ),
    ];
    let any_hour = Rules { quiet: None, ..rules(ISTANBUL) };
    for (name, own, expected) in cases {
        let planned = reminders(at("2026-11-25T14:30:00+03:00"), Some(&list(own)), &any_hour, now);
        let kinds: Vec<String> = words(&planned)
            .into_iter()
            .map(|word| word.split(' ').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(kinds, expected, "{name}");
    }
}

#[test]
fn without_a_gap_two_still_share_no_instant_and_do_not_overtake() {
    let no_gap = Rules { min_gap: TimeDelta::zero(), ..rules(ISTANBUL) };
    let planned = |starts_at, own: &[&str]| {
        words(&reminders(at(starts_at), Some(&list(own)), &no_gap, utc("2026-11-01T09:00:00Z")))
    };
    // 22:00 and 08:00 both go to 19:30
    assert_eq!(
        planned("2026-11-25T10:00:00+03:00", &["12h", "2h"]),
        ["too-close", "send 2026-11-24T16:30:00Z"]
    );
    // one moment under two names
    assert_eq!(
        planned("2026-11-25T14:30:00+03:00", &["1d", "24h"]),
        ["send 2026-11-24T11:30:00Z", "too-close"]
    );
    // 19:45 stays where it is, 06:45 would go to 19:30
    assert_eq!(
        planned("2026-11-25T08:45:00+03:00", &["13h", "2h"]),
        ["send 2026-11-24T16:45:00Z", "too-close"]
    );
    assert_eq!(
        planned("2026-11-25T14:30:00+03:00", &["3h", "2h"]),
        ["send 2026-11-25T08:30:00Z", "send 2026-11-25T09:30:00Z"]
    );
}

#[test]
fn also_a_clinic_that_needs_no_notice_reminds_before_the_start() {
    let no_notice = Rules { min_notice: TimeDelta::zero(), ..rules(ISTANBUL) };
    let planned = |starts_at| {
        let own = list(&["2h"]);
        words(&reminders(at(starts_at), Some(&own), &no_notice, utc("2026-11-01T09:00:00Z")))
    };
    assert_eq!(planned("2026-11-25T09:00:01+03:00"), ["send 2026-11-25T06:00:00Z"]);
    assert_eq!(planned("2026-11-25T09:00:00+03:00"), ["send 2026-11-24T16:30:00Z"]);
}

#[test]
fn receipts_go_at_any_hour_and_the_other_notices_wait_for_the_end_of_quiet_hours() {
    let starts_at = at("2026-11-25T14:30:00+03:00");
    let told =
        Rules { confirmation: true, cancellation: true, change_notice: true, ..rules(ISTANBUL) };
    let (day, night) = (utc("2026-11-24T12:00:00Z"), utc("2026-11-24T20:00:00Z"));
    assert_eq!(due_now(Notice::Receipt, &told, night), Some(Outcome::Send { at: night }));
    for what in [
        Notice::Confirmation { starts_at },
        Notice::Cancellation { starts_at },
        Notice::Change { starts_at },
    ] {
        assert_eq!(due_now(what, &told, day), Some(Outcome::Send { at: day }), "{what:?}");
        let morning = utc("2026-11-25T06:00:00Z");
        assert_eq!(due_now(what, &told, night), Some(Outcome::Send { at: morning }), "{what:?}");
        let past = Outcome::Skip { why: SkipWhy::AppointmentPast };
        assert_eq!(due_now(what, &told, starts_at.to_utc()), Some(past), "{what:?}");
        assert_eq!(due_now(what, &rules(ISTANBUL), day), None, "{what:?} is off by default");
    }
    assert!(due_now(Notice::Receipt, &rules(ISTANBUL), day).is_some());
}

#[test]
fn a_notice_that_quiet_hours_hold_until_the_visit_is_skipped() {
    let told = Rules { confirmation: true, ..rules(ISTANBUL) };
    let night = utc("2026-11-24T20:00:00Z");
    let confirmed = |starts_at| {
        due_now(Notice::Confirmation { starts_at: at(starts_at) }, &told, night).map(word)
    };
    assert_eq!(confirmed("2026-11-25T09:00:00+03:00").as_deref(), Some("quiet-hours"));
    assert_eq!(
        confirmed("2026-11-25T09:01:00+03:00").as_deref(),
        Some("send 2026-11-25T06:00:00Z")
    );
    assert_eq!(notice(night, None, ISTANBUL, at("2026-11-25T08:00:00+03:00")), Some(night));
}

#[test]
fn a_moment_before_the_calendar_is_too_late_and_no_panic() {
    let rule = |before| ReminderRule { text: "far".to_owned(), before };
    let own = [rule(Before::Elapsed(TimeDelta::MAX)), rule(Before::Days(u32::MAX))];
    let planned = reminders(
        at("2026-11-25T14:30:00+03:00"),
        Some(&own),
        &rules(ISTANBUL),
        utc("2026-11-01T09:00:00Z"),
    );
    assert_eq!(words(&planned), ["too-late", "too-late"]);
}
