//! The last spoken word of what is written in digits.

const UNITS: [&str; 10] =
    ["sıfır", "bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz"];
const TENS: [&str; 10] =
    ["sıfır", "on", "yirmi", "otuz", "kırk", "elli", "altmış", "yetmiş", "seksen", "doksan"];
/// Of each group of three digits, from the last.
const SCALES: [&str; 7] = ["", "bin", "milyon", "milyar", "trilyon", "katrilyon", "kentilyon"];

/// Of digits alone, read as one number: `1000` → `bin`. `None` beyond 21 digits, and for what is
/// read digit by digit (`0120`), where a last zero may be "sıfır", "on" or "yirmi".
pub(super) fn last_word(digits: &str) -> Option<&'static str> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = |at: usize| usize::from(digits.as_bytes()[at] - b'0');
    let Some(last) = digits.bytes().rposition(|b| b != b'0') else {
        // `0`, and `00` of a telephone number: "sıfır sıfır".
        return (digits.len() <= 2).then_some(UNITS[0]);
    };
    if digits.starts_with('0') {
        return (last + 1 == digits.len()).then(|| UNITS[value(last)]);
    }
    let zeros = digits.len() - 1 - last;
    match (zeros / 3, zeros % 3) {
        (0, 0) => Some(UNITS[value(last)]),
        (0, 1) => Some(TENS[value(last)]),
        (0, _) => Some("yüz"),
        (scale, _) => SCALES.get(scale).copied(),
    }
}

/// Of a number as Turkish writes it: `1.250`, `12,5`, `%20`, `-3`.
///
/// A fraction is read as a number (`12,50`: "on iki virgül elli"); one of zeros is not read.
pub(super) fn of_number(text: &str) -> Option<&'static str> {
    let text = text.strip_prefix(['%', '-']).unwrap_or(text);
    let (whole, fraction) = match text.split_once(',') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let whole = ungrouped(whole)?;
    let Some(fraction) = fraction else { return last_word(&whole) };
    last_word(&whole)?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match fraction.trim_start_matches('0') {
        "" => last_word(&whole),
        read => last_word(read),
    }
}

/// `1.250.000` → `1250000`; groups must be of three.
fn ungrouped(text: &str) -> Option<String> {
    let mut groups = text.split('.');
    let first = groups.next()?;
    let mut rest = groups.peekable();
    let grouped = rest.peek().is_some();
    if grouped && (first.is_empty() || first.len() > 3 || first.starts_with('0')) {
        return None;
    }
    let mut digits = first.to_owned();
    for group in rest {
        if group.len() != 3 {
            return None;
        }
        digits.push_str(group);
    }
    Some(digits)
}

/// Of a time of day, `14:30` or `14.30`; a full hour is read as its hour alone.
pub(super) fn of_time(text: &str) -> Option<&'static str> {
    let (hour, minute) = text.split_once([':', '.'])?;
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !matches!(hour.len(), 1 | 2) || minute.len() != 2 || !digits(hour) || !digits(minute) {
        return None;
    }
    let (h, m): (u8, u8) = (hour.parse().ok()?, minute.parse().ok()?);
    if h > 24 || m > 59 || (h == 24 && m > 0) {
        return None;
    }
    last_word(&if m == 0 { h } else { m }.to_string())
}

/// Of a date in digits, `22.11.2026`: its year.
pub(super) fn of_date(text: &str) -> Option<&'static str> {
    let mut parts = text.split(['.', '/']);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let within = |part: &str, most: u8| {
        matches!(part.len(), 1 | 2)
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse().is_ok_and(|n: u8| (1..=most).contains(&n))
    };
    (parts.next().is_none() && within(day, 31) && within(month, 12) && year.len() == 4)
        .then(|| of_year(year))
        .flatten()
}

/// Of a year: four digits, none of them grouped.
pub(super) fn of_year(text: &str) -> Option<&'static str> {
    (text.len() == 4 && !text.starts_with('0')).then(|| last_word(text)).flatten()
}
