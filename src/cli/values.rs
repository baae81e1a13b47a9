//! What people write on the command line, read once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ledger::state::State;
use schemas::{ClinicId, NotificationId, PhoneNumber};

/// Longest reason that is recorded.
const LONGEST_REASON: usize = 300;

/// An instant: written out, or so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// RFC 3339.
    At(DateTime<Utc>),
    /// Before now.
    Ago(Duration),
}

impl Moment {
    /// Milliseconds since 1970 UTC, `now` being the same.
    pub fn ms(self, now: i64) -> i64 {
        match self {
            Self::At(at) => at.timestamp_millis(),
            Self::Ago(ago) => {
                now.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}

/// `2026-11-21T14:00:00+03:00`, or `45s`, `30m`, `2h`, `7d`.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Moment::At(at.to_utc()));
    }
    let unit = |last: char| match last {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    };
    text.char_indices()
        .next_back()
        .and_then(|(at, last)| Some((text[..at].parse::<u32>().ok()?, unit(last)?)))
        .map(|(n, unit)| Moment::Ago(Duration::from_secs(u64::from(n) * unit)))
        .ok_or_else(|| {
            "use a time with its offset such as 2026-11-21T14:00:00+03:00, or how long ago: 45s, 30m, 2h, 7d".to_owned()
        })
}

/// `ntf_…` or `bad_…`.
pub(super) fn notification(text: &str) -> Result<NotificationId, String> {
    NotificationId::parse(text).ok_or_else(|| {
        "not the id of a notification; use ntf_… or bad_… as `ulak log list` prints it".to_owned()
    })
}

/// The id of a clinic, known or not.
pub(super) fn clinic(text: &str) -> Result<ClinicId, String> {
    ClinicId::parse(text)
        .map_err(|_| "not the id of a clinic; use 1 to 63 characters of a-z 0-9 -".to_owned())
}

/// A phone number as somebody wrote it, read or not.
///
/// clap repeats a value that its parser refuses, and a number must not be repeated: so this one is refused later.
#[derive(Debug, Clone)]
pub struct WrittenPhone(Option<PhoneNumber>);

impl WrittenPhone {
    /// The number; `None`: it is none.
    pub fn number(&self) -> Option<&PhoneNumber> {
        self.0.as_ref()
    }
}

/// A phone number in E.164 or any Turkish writing.
#[expect(clippy::unnecessary_wraps, reason = "clap's signature")]
pub(super) fn phone(text: &str) -> Result<WrittenPhone, String> {
    Ok(WrittenPhone(PhoneNumber::parse(text).ok()))
}

/// A reason goes into a record that nobody can delete: it is short and holds no number of a person.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_REASON {
        return Err(format!("use 1 to {LONGEST_REASON} characters that say why"));
    }
    if text.chars().any(char::is_control) {
        return Err("use one line of plain text".to_owned());
    }
    if schemas::holds_a_number(text) {
        return Err(
            "leave out the number: a reason is recorded for good and must not name a person"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// One of the states.
pub(super) fn state() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.iter().map(|state| state.as_str()))
        .try_map(|text| State::parse(&text).ok_or("no state"))
}

/// A text that is compared and never printed back, short enough to be an id.
pub(super) fn id(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().count() > 200 {
        return Err("use 1 to 200 characters".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_out_or_so_long_ago() {
        assert_eq!(moment("2h"), Ok(Moment::Ago(Duration::from_hours(2))));
        assert_eq!(moment("7d"), Ok(Moment::Ago(Duration::from_hours(168))));
        assert_eq!(moment("45s").map(|m| m.ms(100_000)), Ok(55_000));
        let at = moment("2026-11-21T14:00:00+03:00").expect("RFC 3339");
        assert_eq!(at.ms(0), 1_795_258_800_000);
        for wrong in ["", "h", "2", "2 h", "-2h", "2w", "1.5h", "yesterday", "2026-11-21", "9é"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_reason_says_why_and_names_nobody() {
        assert_eq!(
            reason("  complaint of 21 November "),
            Ok("complaint of 21 November".to_owned())
        );
        for wrong in [
            "",
            "   ",
            "asked for 0532 123 45 67",
            "TCKN 12345678901",
            "two\nlines",
            &"x".repeat(301),
        ] {
            assert!(reason(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_phone_is_never_repeated() {
        let read = |text| phone(text).expect("never refused here");
        let number = read("0532 123 45 67");
        assert_eq!(number.number().map(PhoneNumber::e164), Some("+905321234567"));
        assert!(!format!("{number:?}").contains("1234567"), "{number:?}");
        assert!(read("0532 123").number().is_none());
    }
}
