//! The demo's events, with times as seen from now.

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Europe::Istanbul;
use serde_json::Value;

const FIRST: &str = include_str!("../../../demo/events.json");
const AGAIN: &str = include_str!("../../../demo/again.json");
/// Bytes that are no UTF-8.
pub const MALFORMED: &[u8] = include_bytes!("../../../demo/malformed.bin");

/// What the clinics' systems say.
pub struct Events {
    /// Each event once.
    pub first: Vec<Value>,
    /// What is said again.
    pub again: Vec<Value>,
}

impl Events {
    /// Reads them; `@minutes N@` and `@day N HH:MM@` become instants in Turkey.
    ///
    /// # Errors
    /// A file of the demo is wrong.
    pub fn dated(now: DateTime<Utc>) -> anyhow::Result<Self> {
        Ok(Self { first: read(FIRST, now)?, again: read(AGAIN, now)? })
    }

    /// Names and the last digits of numbers, which no log may hold.
    pub fn personal(&self) -> Vec<String> {
        let recipients = self.first.iter().filter_map(|event| event.pointer("/data/recipient"));
        let mut words = vec![];
        for recipient in recipients {
            let text = |field: &str| recipient[field].as_str().unwrap_or_default();
            let name = text("name").split(' ').filter(|word| word.chars().count() > 3);
            words.extend(name.map(str::to_owned));
            let digits: String = text("phone").chars().filter(char::is_ascii_digit).collect();
            words.extend(digits.len().checked_sub(7).map(|from| digits[from..].to_owned()));
        }
        words
    }
}

/// The number of an event's recipient as the twins list it: ten digits.
pub fn national(event: &Value) -> String {
    let phone = event.pointer("/data/recipient/phone").and_then(Value::as_str).unwrap_or_default();
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(10)..].to_owned()
}

fn read(text: &str, now: DateTime<Utc>) -> anyhow::Result<Vec<Value>> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // a time is a whole value: an @ inside of one means nothing
    while let Some((before, after)) = rest.split_once("\"@") {
        let (time, after) = after.split_once("@\"").context("a time without an end")?;
        out.push_str(before);
        out.push('"');
        out.push_str(&instant(time, now)?);
        out.push('"');
        rest = after;
    }
    out.push_str(rest);
    serde_json::from_str(&out).context("no JSON")
}

fn instant(text: &str, now: DateTime<Utc>) -> anyhow::Result<String> {
    let wrong = || anyhow!("@{text}@ is no time");
    let mut words = text.split(' ');
    let (unit, n) = (words.next(), words.next().and_then(|n| n.parse::<i64>().ok()));
    let here = now.with_timezone(&Istanbul);
    let at = match (unit, n.ok_or_else(wrong)?) {
        (Some("minutes"), n) => here + TimeDelta::try_minutes(n).ok_or_else(wrong)?,
        (Some("day"), n) => {
            let clock = words.next().ok_or_else(wrong)?;
            let clock = chrono::NaiveTime::parse_from_str(clock, "%H:%M").map_err(|_| wrong())?;
            let day = here.date_naive() + TimeDelta::try_days(n).ok_or_else(wrong)?;
            // Turkey has had one offset, summer and winter, since 2016
            day.and_time(clock).and_local_timezone(Istanbul).earliest().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    Ok(at.to_rfc3339_opts(SecondsFormat::Secs, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seen_from_now_in_turkey() {
        let now = "2026-11-21T20:00:00Z".parse().expect("an instant");
        assert_eq!(instant("minutes -5", now).expect("a time"), "2026-11-21T22:55:00+03:00");
        assert_eq!(instant("day 1 14:30", now).expect("a time"), "2026-11-22T14:30:00+03:00");
        for wrong in ["", "day 1", "day x 10:00", "week 1", "day 1 25:00"] {
            assert!(instant(wrong, now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_events_of_the_demo_are_json_and_know_their_numbers() {
        let events =
            Events::dated("2026-11-21T20:00:00Z".parse().expect("an instant")).expect("read");
        assert!(events.first.len() >= 12);
        assert_eq!(national(&events.first[0]), "5321110001");
        assert!(events.personal().contains(&"1110001".to_owned()));
    }
}
