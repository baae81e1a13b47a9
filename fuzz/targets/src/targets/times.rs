//! When: instants, reminders, quiet hours, moments as people read them.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use schemas::quiet::QuietHours;
use schemas::{Before, Language, ReminderRule, parse_instant};
use templates::Moment;

use crate::check::{head, holds_nothing_planted, one_line, tells_nothing};
use crate::corpus;

const ZONES: [Tz; 5] =
    [Tz::Europe__Istanbul, Tz::UTC, Tz::Pacific__Apia, Tz::Asia__Kathmandu, Tz::America__St_Johns];

pub(super) fn instants() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "2026-11-22T14:30:00+03:00",
        "2026-11-22T14:30:00Z",
        "2026-11-22t14:30:00.123456789z",
        "2026-02-30T14:30:00Z",
        "9999-12-31T23:59:60+23:59",
        "0000-01-01T00:00:00Z",
        "2026-03-29T03:30:00+03:00",
        "2026-11-22 14:30:00",
        "1970-01-01T00:00:00-00:00",
    ])
}

/// An instant with its offset; then as people read it, in zones that are hard.
pub(super) fn instant(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match parse_instant(&text) {
        Ok(at) => {
            assert_eq!(parse_instant(&at.to_rfc3339()).as_ref(), Ok(&at), "{text}");
            for zone in ZONES {
                let Some(moment) = Moment::at(at, zone) else { continue };
                for language in [Language::Tr, Language::En] {
                    let shown =
                        moment.date_time(language) + &moment.date(language) + &moment.day(language);
                    one_line("a moment", &shown);
                    let _ = moment.near(at.to_utc(), zone, language);
                }
            }
        }
        Err(refusal) => holds_nothing_planted("the refusal", &refusal.to_string()),
    }
}

pub(super) fn rules() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "24h",
        "90m",
        "1h30m",
        "3d",
        "60d",
        "61d",
        "0m",
        "1440h",
        "86400m",
        "1h60m",
        "01h",
        "1d2h",
        "-1h",
        "h",
        "99999999999999999999h",
    ])
}

/// A reminder rule.
pub(super) fn reminder_rule(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match ReminderRule::parse(&text) {
        Ok(rule) => {
            assert_eq!(rule.as_str(), text);
            match rule.before {
                Before::Days(days) => assert!((1..=60).contains(&days)),
                Before::Elapsed(span) => {
                    assert!(span > TimeDelta::zero() && span <= TimeDelta::days(60))
                }
            }
        }
        Err(refusal) => tells_nothing("the refusal", &refusal.to_string()),
    }
}

pub(super) fn moments() -> Vec<Vec<u8>> {
    let at = |seconds: i64, from: u16, to: u16, zone: u8| {
        let mut bytes = seconds.to_le_bytes().to_vec();
        bytes.extend(from.to_le_bytes());
        bytes.extend(to.to_le_bytes());
        bytes.push(zone);
        bytes
    };
    vec![
        at(1_795_000_000, 1200, 540, 0),
        at(0, 0, 1439, 1),
        at(1_325_203_200, 1380, 60, 2),
        at(-1, 720, 719, 4),
    ]
}

/// Quiet hours at any time, in zones with gaps and folds.
pub(super) fn quiet_hours(input: &[u8]) {
    let (bytes, _) = head::<13>(input);
    let seconds = i64::from_le_bytes(bytes[..8].try_into().expect("eight"));
    // as far as appointments and clocks are believed
    let Some(now) = DateTime::<Utc>::from_timestamp(seconds.rem_euclid(253_000_000_000), 0) else {
        return;
    };
    let minute = |low: u8, high: u8| {
        let minute = u32::from(u16::from_le_bytes([low, high])) % 1_440;
        NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).expect("a time of day")
    };
    let (start, end) = (minute(bytes[8], bytes[9]), minute(bytes[10], bytes[11]));
    let zone = crate::check::choose(&ZONES, bytes[12]);
    let Some(quiet) = QuietHours::new(start, end) else {
        assert_eq!(start, end);
        return;
    };
    let _ = quiet.at(now, zone);
    if let Some(span) = quiet.span_at(now, zone) {
        assert!(span.begins <= now && now < span.ends, "{span:?} does not hold {now}");
    }
}
