//! Dates and times written out.

use chrono::{NaiveDate, NaiveTime};
use schemas::{InstantRefusal, parse_instant};

use super::{Day, Hours, of_serial};
use crate::commands::import::fold::fold;

/// Turkish and English; Excel shortens them to three letters.
const MONTHS: [[&str; 2]; 12] = [
    ["ocak", "january"],
    ["subat", "february"],
    ["mart", "march"],
    ["nisan", "april"],
    ["mayis", "may"],
    ["haziran", "june"],
    ["temmuz", "july"],
    ["agustos", "august"],
    ["eylul", "september"],
    ["ekim", "october"],
    ["kasim", "november"],
    ["aralik", "december"],
];
const WEEKDAYS: [&str; 28] = [
    "pazartesi",
    "sali",
    "carsamba",
    "persembe",
    "cuma",
    "cumartesi",
    "pazar",
    "pzt",
    "sal",
    "car",
    "per",
    "cum",
    "cmt",
    "paz",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
];

/// `22.11.2026`, `2026-11-22`, `22/11/2026`, `22 Kasım 2026 Pazar`, `22-Kas-26`, an Excel serial, each perhaps with a time behind it;
/// or RFC 3339. The day stands before the month, as in Türkiye.
pub(super) fn day(text: &str) -> Option<Day> {
    // somebody's mark that it is text
    let text = text.trim().trim_start_matches('\'');
    match parse_instant(text) {
        Ok(at) => return Some(Day::Instant(at)),
        Err(InstantRefusal::OutOfRange) => return None,
        Err(InstantRefusal::WithoutOffset | InstantRefusal::NotRfc3339) => {}
    }
    if let Some(days) = serial(text) {
        return of_serial(days);
    }
    let text = between_digits(text, ['T', 't']);
    let mut words: Vec<&str> = text
        .split([' ', ',', '\u{a0}', '\t', '\n'])
        .filter(|word| !word.is_empty() && !WEEKDAYS.contains(&fold(word).as_str()))
        .collect();
    let first: Vec<&str> =
        words.first()?.split(['.', '/', '-']).filter(|part| !part.is_empty()).collect();
    let (date, used) = match (first.as_slice(), words.get(1..3)) {
        ([a, b, c], _) => (date([a, b, c])?, 1),
        ([day], Some([month, year])) => (date([day, month, year])?, 3),
        _ => return None,
    };
    words.drain(..used);
    let rest: Vec<&str> =
        words.into_iter().filter(|word| !["-", "–", "saat", "Saat", "at"].contains(word)).collect();
    if rest.is_empty() {
        return Some(Day::Wall(date, None));
    }
    Some(Day::Wall(date, Some(hours(&rest.join(" "))?)))
}

/// `14:30`, `14.30`, `14:30:00`, `2:30 PM`, `ÖS 2:30`, a whole hour; `14:30-15:00` says the end too.
pub(super) fn hours(text: &str) -> Option<Hours> {
    let text = text.trim().trim_start_matches('\'');
    let mut parts = text.split(['-', '–', '—']).map(time);
    let (from, to) = (parts.next()??, parts.next());
    if parts.next().is_some() {
        return None;
    }
    match to {
        None => Some(Hours { from, to: None }),
        Some(to) => Some(Hours { from, to: Some(to?) }),
    }
}

fn time(text: &str) -> Option<NaiveTime> {
    let letter = |c: char| c.is_alphabetic();
    let half = fold(&text.chars().filter(|c| letter(*c)).collect::<String>());
    let digits: String = text.chars().filter(|c| !letter(*c) && !c.is_whitespace()).collect();
    let parts: Vec<u32> =
        digits.split([':', '.']).map(|part| number(part, 1..=3)).collect::<Option<_>>()?;
    let (hour, minute, second) = match parts.as_slice() {
        [hour] => (*hour, 0, 0),
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] | [hour, minute, second, _] => (*hour, *minute, *second),
        _ => return None,
    };
    // minutes of one digit are a slip: 14:3
    if digits.split([':', '.']).nth(1).is_some_and(|minutes| minutes.len() != 2) {
        return None;
    }
    let hour = match half.as_str() {
        "" => hour,
        "am" | "oo" if (1..=12).contains(&hour) => hour % 12,
        "pm" | "os" if (1..=12).contains(&hour) => hour % 12 + 12,
        _ => return None,
    };
    NaiveTime::from_hms_opt(hour, minute, second)
}

/// Year first where it has four digits, else day first; a year of two digits is of this century.
fn date([a, b, c]: [&str; 3]) -> Option<NaiveDate> {
    let (year, month, day) = if a.len() == 4 { (a, b, c) } else { (c, b, a) };
    let year = match year.len() {
        4 => number(year, 4..=4)?,
        2 => 2_000 + number(year, 2..=2)?,
        _ => return None,
    };
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, self::month(month)?, number(day, 1..=2)?)
}

fn month(text: &str) -> Option<u32> {
    if let Some(number) = number(text, 1..=2) {
        return Some(number);
    }
    let word = fold(text);
    let named = |names: &[&str; 2]| {
        names.iter().any(|name| *name == word || (word.len() == 3 && name.starts_with(&word)))
    };
    let found = MONTHS.iter().position(named)?;
    u32::try_from(found + 1).ok()
}

/// A whole number of so many ASCII digits, and nothing else.
fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let plain = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// `46348` or `46348,604166`: what Excel keeps of a date, written out.
fn serial(text: &str) -> Option<f64> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (whole.len() == 5 && digits(whole) && digits(part))
        .then(|| format!("{whole}.{part}").parse().ok())
        .flatten()
}

/// A letter between two digits becomes a blank: `2026-11-22T14:30`.
fn between_digits(text: &str, letters: [char; 2]) -> String {
    let all: Vec<char> = text.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| all.get(at)).is_some_and(char::is_ascii_digit);
    all.iter()
        .enumerate()
        .map(|(at, c)| {
            if letters.contains(c) && digit(at.checked_sub(1)) && digit(Some(at + 1)) {
                ' '
            } else {
                *c
            }
        })
        .collect()
}
