//! What a value is, by its looks, and how it is spoken.

use super::abbreviations::{self, Read};
use super::harmony::{End, by_letters};
use super::suffix::{Joint, Softened, Spoken};
use super::{Case, Kind, NoSuffix, names, reading};

const MONTHS: [&str; 12] = [
    "Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim",
    "Kasım", "Aralık",
];
const DAYS: [&str; 7] = ["Pazartesi", "Salı", "Çarşamba", "Perşembe", "Cuma", "Cumartesi", "Pazar"];

const OTHER_KIND: NoSuffix = NoSuffix("not of the kind that `tur` says");

/// `value` with the suffix of `case`, spoken as a `kind`, or as what it looks like.
///
/// A value that already has exactly this suffix behind an apostrophe stays as it is.
///
/// # Errors
/// [`NoSuffix`] where the spoken end is not known: then use a wording without suffix.
pub fn with_suffix(value: &str, case: Case, kind: Option<Kind>) -> Result<String, NoSuffix> {
    let value = value.trim();
    let token = last_token(value);
    if let Some(at) = token.rfind(['\'', '’']) {
        if matches!(kind, None | Some(Kind::Ordinal))
            && let Some(spoken) = written_ordinal(token)
        {
            return spoken.join(value, case);
        }
        let base = &value[..value.len() - token.len() + at];
        let again = spoken(base, kind)?.join(base, case)?;
        return if again == value.replace('’', "'") {
            Ok(again)
        } else {
            Err(NoSuffix("already has an apostrophe"))
        };
    }
    spoken(value, kind)?.join(value, case)
}

/// A whole number as an ordinal: `3'üncü`, `2'nci`; then without dot (TDK).
///
/// # Errors
/// [`NoSuffix`] if it is no whole number that can be read.
pub fn ordinal(number: &str) -> Result<String, NoSuffix> {
    let number = number.trim();
    let ending = ordinal_ending(number).ok_or(NoSuffix("not a whole number"))?;
    Ok(format!("{number}'{ending}"))
}

fn ordinal_ending(number: &str) -> Option<String> {
    if number.contains([',', '%', '-']) {
        return None;
    }
    let (harmony, end) = by_letters(reading::of_number(number)?)?;
    let high = harmony.high();
    Some(if end == End::Vowel { format!("nc{high}") } else { format!("{high}nc{high}") })
}

/// `3'üncü`: its apostrophe is there already.
fn written_ordinal(token: &str) -> Option<Spoken> {
    let (number, ending) = token.split_once(['\'', '’'])?;
    if ordinal_ending(number)? != ending {
        return None;
    }
    let (harmony, end) = by_letters(ending)?;
    Some(Spoken { harmony, end, joint: Joint::Nothing })
}

fn last_token(value: &str) -> &str {
    value.rsplit(char::is_whitespace).next().unwrap_or(value)
}

fn spoken(value: &str, kind: Option<Kind>) -> Result<Spoken, NoSuffix> {
    let token = last_token(value);
    let known = |read: Option<Spoken>| read.ok_or(OTHER_KIND);
    match kind {
        None => by_looks(value, token),
        Some(Kind::Name) => names::name(token),
        Some(Kind::Word) => names::word(value, token),
        Some(Kind::Institution) => match abbreviations::read(token) {
            // `Ataşehir AVM'ye`: an abbreviation keeps its apostrophe.
            Some(Read::As(end)) => known(read_as(&end)),
            _ => names::institution(value, token),
        },
        Some(Kind::Time) => known(reading::of_time(token).and_then(read_as)),
        Some(Kind::Number) => known(reading::of_number(token).and_then(read_as)),
        Some(Kind::Year) => known(reading::of_year(token).and_then(read_as)),
        Some(Kind::Date) => known(date(value, token)),
        Some(Kind::Ordinal) => known(dotted_ordinal(token)),
        Some(Kind::Amount) => known(amount(value, token)),
        // Who says that it is an abbreviation without listing it as a word has it spelt out.
        Some(Kind::Abbreviation) => match abbreviations::read(token) {
            Some(Read::As(end) | Read::Either(end, _)) => known(read_as(&end)),
            None => Err(OTHER_KIND),
        },
    }
}

fn by_looks(value: &str, token: &str) -> Result<Spoken, NoSuffix> {
    let digits = reading::of_time(token)
        .or_else(|| reading::of_date(token))
        .or_else(|| reading::of_number(token))
        .and_then(read_as);
    if let Some(found) = digits
        .or_else(|| dotted_ordinal(token))
        .or_else(|| amount(value, token))
        .or_else(|| date(value, token))
    {
        return Ok(found);
    }
    match abbreviations::read(token) {
        Some(Read::As(end)) => return read_as(&end).ok_or(OTHER_KIND),
        // `Dr. Çağrı ŞAHİN`: behind other words it is a family name.
        Some(Read::Either(letters, word)) if value == token => {
            let (letters, word) = (read_as(&letters), names::name(&word));
            return match (letters, word) {
                (Some(letters), Ok(word))
                    if (letters.harmony, letters.end) == (word.harmony, word.end) =>
                {
                    Ok(word)
                }
                _ => Err(NoSuffix("name or abbreviation? say tur=\"ad\" or tur=\"kısaltma\"")),
            };
        }
        _ => {}
    }
    if names::is_listed_word(token) && token.starts_with(char::is_lowercase) {
        return names::word(value, token);
    }
    if token.starts_with(char::is_lowercase) {
        return Err(NoSuffix("name or word? say tur=\"ad\" or tur=\"söz\""));
    }
    if names::is_institution(token) {
        return names::institution(value, token);
    }
    if value != token && names::may_be_possessive(token) {
        return Err(NoSuffix("name or institution? say tur=\"ad\" or tur=\"kurum\""));
    }
    names::name(token)
}

fn read_as(word: &str) -> Option<Spoken> {
    let (harmony, end) = by_letters(word)?;
    Some(Spoken { harmony, end, joint: Joint::Apostrophe })
}

/// `3.` is spoken "üçüncü".
fn dotted_ordinal(token: &str) -> Option<Spoken> {
    let number = token.strip_suffix('.')?;
    if !number.bytes().all(|b| b.is_ascii_digit()) || number.starts_with('0') {
        return None;
    }
    read_as(&ordinal_ending(number)?)
}

/// A number and its currency.
fn amount(value: &str, token: &str) -> Option<Spoken> {
    let before = last_token(value[..value.len() - token.len()].trim_end());
    reading::of_number(before)?;
    if let Some(end) = abbreviations::currency(token) {
        return read_as(&end);
    }
    let word = matches!(token, "lira" | "kuruş" | "dolar" | "avro" | "sterlin");
    let (harmony, end) = word.then(|| by_letters(token)).flatten()?;
    Some(Spoken { harmony, end, joint: Joint::Word { before_vowel: Softened::Same } })
}

/// `22 Kasım`, `Kasım 2026`, `22 Kasım 2026 Pazar`, `22.11.2026`. A day or month that tells a date
/// is a proper name (TDK); it is written without softening: `Ocak'a`.
fn date(value: &str, token: &str) -> Option<Spoken> {
    if let Some(year) = reading::of_date(token) {
        return read_as(year);
    }
    if MONTHS.contains(&token) || DAYS.contains(&token) {
        return read_as(&super::tr_lower(token));
    }
    let before = last_token(value[..value.len() - token.len()].trim_end());
    let behind_month = MONTHS.contains(&before);
    behind_month.then(|| reading::of_year(token)).flatten().and_then(read_as)
}
