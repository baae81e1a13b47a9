//! Capitals and small letters with İ and ı.

/// Capitals: `ışık ipek` → `IŞIK İPEK`.
pub fn tr_upper(text: &str) -> String {
    text.chars().flat_map(upper).collect()
}

/// Small letters: `IŞIK İPEK` → `ışık ipek`.
pub fn tr_lower(text: &str) -> String {
    let mut lower = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        // A capital I with a dot above it in two characters.
        if c == 'I' && letters.peek() == Some(&'\u{307}') {
            letters.next();
            lower.push('i');
        } else {
            lower.extend(lowered(c));
        }
    }
    lower
}

/// Each word with a capital first: `AYŞE NUR` → `Ayşe Nur`, `ayşe-nur` → `Ayşe-Nur`.
///
/// A suffix stays small (`AYŞE'NİN` → `Ayşe'nin`); what stands behind a single letter and an
/// apostrophe is a name of its own (`o'neill` → `O'Neill`).
pub fn tr_title(text: &str) -> String {
    let mut title = String::with_capacity(text.len());
    // Letters and digits of the word so far.
    let mut length = 0_usize;
    let mut keep_small = false;
    for c in tr_lower(text).chars() {
        if c.is_alphanumeric() {
            if length == 0 && !keep_small {
                title.push(one_upper(c));
            } else {
                title.push(c);
            }
            length += 1;
        } else if matches!(c, '\'' | '’') {
            title.push(c);
            keep_small = length > 1 || is_after_digit(&title);
            length = 0;
        } else if is_mark(c) {
            title.push(c);
        } else {
            title.push(c);
            length = 0;
            keep_small = false;
        }
    }
    title
}

/// `3'ÜNCÜ`: what follows a digit is a suffix, however short the number.
fn is_after_digit(title: &str) -> bool {
    let mut before = title.chars().rev().skip(1);
    before.next().is_some_and(|c| c.is_ascii_digit())
}

/// Marks that stand on the letter before them.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}')
}

fn upper(c: char) -> impl Iterator<Item = char> {
    let dotted = if c == 'i' { 'İ' } else { c };
    dotted.to_uppercase()
}

fn lowered(c: char) -> impl Iterator<Item = char> {
    let plain = match c {
        'İ' => 'i',
        'I' => 'ı',
        other => other,
    };
    plain.to_lowercase()
}

/// The capital, where it is one character (`ß` has none of its own).
fn one_upper(c: char) -> char {
    let mut capital = upper(c);
    match (capital.next(), capital.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}
