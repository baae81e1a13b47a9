//! Parsers of single values: each gives the typed value, or the sentence that says what is allowed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::NaiveTime;
use chrono_tz::Tz;
use figment::value::Value;
use metrics::Price;
use schemas::ReminderRule;
use url::Url;

use super::reader::Parsed;

/// The word that turns a limit or a rule off.
const NONE: &str = "none";

/// The local hours in which nobody is written to: from `from` until `to`, over midnight if `from` is later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// The first quiet minute, in the clinic's zone.
    pub from: NaiveTime,
    /// The first minute that is not quiet any more, in the clinic's zone.
    pub to: NaiveTime,
}

/// Text as written: a string, or a whole number (codes and subscriber numbers are often written bare).
pub(super) fn raw_text(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Num(_, num) => num.to_actual_whole(),
        _ => None,
    }
}

trait Whole {
    fn to_actual_whole(&self) -> Option<String>;
}

impl Whole for figment::value::Num {
    fn to_actual_whole(&self) -> Option<String> {
        self.to_i128().map(|n| n.to_string()).or_else(|| self.to_u128().map(|n| n.to_string()))
    }
}

/// One line of text with at most `longest` characters.
pub(super) fn text(longest: usize) -> impl Fn(&Value) -> Parsed<String> {
    move |value| {
        raw_text(value)
            .map(|text| text.trim().to_owned())
            .filter(|text| {
                !text.is_empty()
                    && text.chars().count() <= longest
                    && !text.contains(char::is_control)
            })
            .ok_or_else(|| format!("one line of text with 1 to {longest} characters, in quotes"))
    }
}

/// What somebody says in words, such as a legal basis: too short a text says nothing.
pub(super) fn words(shortest: usize, longest: usize) -> impl Fn(&Value) -> Parsed<String> {
    move |value| {
        text(longest)(value).ok().filter(|text| text.chars().count() >= shortest).ok_or_else(|| {
            format!("words: one line of text with {shortest} to {longest} characters, in quotes")
        })
    }
}

/// A secret: any text that is not empty, spaces kept.
pub(super) fn secret(value: &Value) -> Parsed<secrecy::SecretString> {
    raw_text(value)
        .filter(|text| !text.is_empty() && !text.contains(char::is_control))
        .map(Into::into)
        .ok_or_else(|| "one line of text, in quotes".to_owned())
}

/// A secret that stands in the path of an address: nobody guesses it, and no proxy changes it.
pub(super) fn path_token(value: &Value) -> Parsed<secrecy::SecretString> {
    raw_text(value)
        .map(|text| text.trim().to_owned())
        .filter(|text| {
            (16..=128).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
        .map(Into::into)
        .ok_or_else(|| {
            "16 to 128 letters, digits, - and _ that nobody can guess (`openssl rand -hex 24`)"
                .to_owned()
        })
}

/// A whole number, also in quotes (the environment has only text).
pub(super) fn whole(allowed: RangeInclusive<u32>) -> impl Fn(&Value) -> Parsed<u32> {
    move |value| {
        raw_text(value)
            .and_then(|text| text.trim().parse().ok())
            .filter(|number| allowed.contains(number))
            .ok_or_else(|| format!("a whole number from {} to {}", allowed.start(), allowed.end()))
    }
}

/// A limit: a whole number from 1, or `none`.
pub(super) fn limit(highest: u32) -> impl Fn(&Value) -> Parsed<Option<NonZeroU32>> {
    move |value| {
        if value.as_str().is_some_and(|text| text.trim() == NONE) {
            return Ok(None);
        }
        let allowed = || format!("a whole number from 1 to {highest}, or \"{NONE}\"");
        whole(1..=highest)(value).map(NonZeroU32::new).map_err(|_| allowed())
    }
}

/// `true` or `false`.
pub(super) fn flag(value: &Value) -> Parsed<bool> {
    match value {
        Value::Bool(_, flag) => Ok(*flag),
        Value::String(_, text) if text == "true" => Ok(true),
        Value::String(_, text) if text == "false" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&Value) -> Parsed<T> {
    move |value| {
        let found =
            value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text.trim()));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let allowed: Vec<String> =
                words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            format!("one of {}", allowed.join(", "))
        })
    }
}

/// A list of texts; one text with commas is a list too (the environment has only text).
fn list(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(_, values) => Some(values.clone()),
        Value::String(_, text) if text.trim_start().starts_with('[') => {
            super::sources::literal(text).and_then(Value::into_array)
        }
        Value::String(_, text) => {
            Some(text.split(',').map(|part| Value::from(part.trim())).collect())
        }
        _ => None,
    }
}

/// Reminders of an appointment, or `none`; what is written twice counts once.
pub(super) fn reminders(value: &Value) -> Parsed<Vec<ReminderRule>> {
    const ALLOWED: &str = "1 to 10 times before the visit such as [\"3d\", \"24h\", \"90m\"], each more than zero and at most 60 days, or \"none\"";
    if value.as_str().is_some_and(|text| text.trim() == NONE) {
        return Ok(vec![]);
    }
    let rule = |value: &Value| {
        let text = value.as_str().map(str::trim).unwrap_or_default();
        ReminderRule::parse(text).map_err(|_| ALLOWED.to_owned())
    };
    let mut rules = list_of(10, rule)(value).map_err(|_| ALLOWED.to_owned())?;
    let mut seen = vec![];
    rules.retain(|rule| {
        let new = !seen.contains(&rule.before);
        seen.push(rule.before);
        new
    });
    Ok(rules)
}

/// A list of 1 to `most` values, each read by `item`.
pub(super) fn list_of<T>(
    most: usize,
    item: impl Fn(&Value) -> Parsed<T>,
) -> impl Fn(&Value) -> Parsed<Vec<T>> {
    move |value| {
        let values = list(value).filter(|values| (1..=most).contains(&values.len()));
        let Some(values) = values else {
            return Err(format!("a list of 1 to {most} values, such as [\"…\", \"…\"]"));
        };
        values
            .iter()
            .map(&item)
            .collect::<Parsed<Vec<T>>>()
            .map_err(|allowed| format!("a list, each value {allowed}"))
    }
}

/// Units of a duration, longest first, in seconds.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// A duration such as `90m`, `6h` or `1h30m`, within bounds that are written the same way.
pub(super) fn duration(
    shortest: &'static str,
    longest: &'static str,
) -> impl Fn(&Value) -> Parsed<Duration> {
    move |value| {
        let bounds = parse_duration(shortest).zip(parse_duration(longest));
        value
            .as_str()
            .and_then(|text| parse_duration(text.trim()))
            .filter(|duration| bounds.is_some_and(|(low, high)| (low..=high).contains(duration)))
            .ok_or_else(|| format!("a duration from \"{shortest}\" to \"{longest}\", written like \"45s\", \"90m\", \"6h\" or \"1h30m\""))
    }
}

/// Numbers with units, the units falling: `1d12h`. `None` for anything else, and for more than `u64` seconds.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        // `find` goes on where the last unit was found, so a unit cannot come twice or out of order.
        let (unit, each) = units.find(|(unit, _)| tail.starts_with(unit))?;
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(*each)?)?;
        rest = &tail[unit.len()..];
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

/// `HH:MM-HH:MM` local time, or `none`.
pub(super) fn quiet_hours(value: &Value) -> Parsed<Option<QuietHours>> {
    let allowed = || {
        format!(
            "\"HH:MM-HH:MM\" in the clinic's local time, such as \"20:00-09:00\", or \"{NONE}\""
        )
    };
    let text = value.as_str().map(str::trim).ok_or_else(allowed)?;
    if text == NONE {
        return Ok(None);
    }
    let (from, to) = text.split_once('-').ok_or_else(allowed)?;
    let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| allowed());
    let hours = QuietHours { from: time(from)?, to: time(to)? };
    if hours.from == hours.to { Err(allowed()) } else { Ok(Some(hours)) }
}

/// A time zone of the IANA list.
pub(super) fn zone(value: &Value) -> Parsed<Tz> {
    value
        .as_str()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| "a zone of the IANA list, such as \"Europe/Istanbul\"".to_owned())
}

/// Address and port to listen on; port 0 lets the system choose.
pub(super) fn listen(value: &Value) -> Parsed<SocketAddr> {
    value.as_str().and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
        "\"ADDRESS:PORT\" such as \"127.0.0.1:9464\" or \"[::]:9464\"; port 0 takes a free one"
            .to_owned()
    })
}

/// The root of an HTTP service, without a closing slash.
pub(super) fn base_url(value: &Value) -> Parsed<String> {
    let allowed = || "http://HOST or https://HOST, without user, password, ? or #".to_owned();
    let text = value.as_str().map(str::trim).ok_or_else(allowed)?;
    let url = Url::parse(text).map_err(|_| allowed())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https")
        && plain
        && url.host_str().is_some()
        && !url.path().contains('@')
    {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(allowed())
    }
}

/// A sender name as Netgsm accepts it: 3 to 11 characters, no Turkish letters (facts/netgsm_iys.md A1).
pub(super) fn sender(value: &Value) -> Parsed<String> {
    raw_text(value)
        .map(|text| text.trim().to_owned())
        .filter(|text| {
            (3..=11).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
        })
        .ok_or_else(|| "an approved sender name: 3 to 11 characters, no Turkish letters".to_owned())
}

/// A number that İYS gave: the code of a service provider or of a brand.
pub(super) fn code(value: &Value) -> Parsed<u64> {
    raw_text(value)
        .filter(|text| (1..=12).contains(&text.trim().len()))
        .and_then(|text| text.trim().parse().ok())
        .filter(|code| *code > 0)
        .ok_or_else(|| "the number that İYS gave you, only digits".to_owned())
}

/// What one segment or message costs: a decimal and its currency.
pub(super) fn price(value: &Value) -> Parsed<Price> {
    value.as_str().and_then(Price::parse).ok_or_else(|| {
        "an amount above zero and its currency, such as \"0.215 TRY\": a decimal point, at most 6 digits behind it, at most 100000, \
         and the three capital letters of ISO 4217"
            .to_owned()
    })
}

/// Known names, for a message that lists what is allowed.
pub(super) fn choices<V>(map: &BTreeMap<String, V>) -> String {
    map.keys().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v(text: &str) -> Value {
        Value::from(text)
    }

    #[test]
    fn durations_have_units_that_fall() {
        for (text, seconds) in [
            ("30s", 30),
            ("90m", 5_400),
            ("6h", 21_600),
            ("1h30m", 5_400),
            ("2d", 172_800),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "6",
            "h",
            "6 h",
            "30m1h",
            "1h1h",
            "-1h",
            "1.5h",
            "6H",
            "99999999999999999999d",
            "18446744073709551615d",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn quiet_hours_may_pass_midnight_and_may_be_off() {
        let time = |h, m| NaiveTime::from_hms_opt(h, m, 0).expect("valid");
        let night = QuietHours { from: time(20, 0), to: time(9, 0) };
        assert_eq!(quiet_hours(&v("20:00-09:00")), Ok(Some(night)));
        assert_eq!(quiet_hours(&v("none")), Ok(None));
        for wrong in ["20-9", "20:00", "25:00-09:00", "09:00-09:00", "", "off"] {
            assert!(quiet_hours(&v(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_a_number_or_none() {
        assert_eq!(limit(100)(&v("none")), Ok(None));
        assert_eq!(limit(100)(&Value::from(8_u32)), Ok(NonZeroU32::new(8)));
        for wrong in ["0", "101", "8/s", "-1"] {
            assert!(limit(100)(&v(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_may_be_written_as_toml_or_with_commas() {
        let durations = list_of(3, duration("1s", "1h"));
        let expected = Ok(vec![Duration::from_secs(30), Duration::from_mins(1)]);
        assert_eq!(durations(&v("30s,60s")), expected);
        assert_eq!(durations(&v("[\"30s\", \"60s\"]")), expected);
        assert_eq!(durations(&Value::from(vec!["30s", "60s"])), expected);
        assert!(durations(&v("")).is_err());
        assert!(durations(&v("1s,1s,1s,1s")).is_err());
        assert!(durations(&Value::from(5_u32)).is_err());
    }

    #[test]
    fn bare_numbers_are_text_where_a_code_is_meant() {
        assert_eq!(text(20)(&Value::from(8_501_234_567_u64)), Ok("8501234567".to_owned()));
        assert_eq!(code(&Value::from(100_001_u64)), Ok(100_001));
        for wrong in ["", "0", "12a", "1234567890123"] {
            assert!(code(&v(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_price_is_a_text_with_its_currency() {
        assert_eq!(price(&v("0.215 TRY")).map(|price| price.micros()), Ok(215_000));
        for wrong in [v("0.215"), v("0,215 TRY"), v("0 TRY"), v("0.2 TL"), Value::from(1_u32)] {
            assert!(price(&wrong).is_err_and(|allowed| allowed.contains("\"0.215 TRY\"")));
        }
    }

    #[test]
    fn senders_have_no_turkish_letters_and_3_to_11_characters() {
        assert!(sender(&v("KLINIK")).is_ok());
        for wrong in ["KLİNİK", "AB", "ABCDEFGHIJKL", ""] {
            assert!(sender(&v(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_service_address_holds_no_password() {
        assert_eq!(
            base_url(&v("https://api.netgsm.com.tr/")),
            Ok("https://api.netgsm.com.tr".to_owned())
        );
        assert_eq!(base_url(&v("http://127.0.0.1:8090")), Ok("http://127.0.0.1:8090".to_owned()));
        for wrong in
            ["ftp://x", "http://u:hunter2@x", "http://x/?k=hunter2", "x", "http://x/hunter2@y"]
        {
            let problem = base_url(&v(wrong)).expect_err(wrong);
            assert!(!problem.contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in any::<String>()) {
            let value = v(&text);
            let _ = duration("1s", "7d")(&value);
            let _ = quiet_hours(&value);
            let _ = list_of(5, duration("1s", "7d"))(&value);
            let _ = (zone(&value), listen(&value), base_url(&value), sender(&value), code(&value), price(&value));
        }

        #[test]
        fn a_duration_is_the_sum_of_its_parts(h in 0_u64..100, m in 0_u64..100, s in 0_u64..100) {
            let parsed = parse_duration(&format!("{h}h{m}m{s}s"));
            prop_assert_eq!(parsed, Some(Duration::from_secs(h * 3_600 + m * 60 + s)));
        }
    }
}
