//! Abbreviations and currencies: spoken letter by letter, or as a word.

use super::casing::tr_lower;
use super::harmony::{is_turkish, is_vowel};
use super::lists;

/// What is spoken at the end of an abbreviation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// Surely this.
    As(String),
    /// Letters or word, nobody can tell: (last letter's name, the whole as a word).
    Either(String, String),
}

/// Reads `token` as an abbreviation. `None`: it is none (not all capitals, too short or too long).
pub(super) fn read(token: &str) -> Option<Read> {
    let letters = token.chars().count();
    if letters < 2 || !token.chars().all(is_capital) {
        return None;
    }
    if let Some(listed) = lists::abbreviation(token) {
        return Some(Read::As(listed.to_owned()));
    }
    let lower = tr_lower(token);
    let last = letter_name(lower.chars().next_back()?)?;
    if lower.chars().any(is_vowel) { Some(Read::Either(last, lower)) } else { Some(Read::As(last)) }
}

/// The unit of an amount: a currency by its letters.
pub(super) fn currency(token: &str) -> Option<String> {
    if let Some(listed) = lists::currency(token) {
        return Some(listed.to_owned());
    }
    if token.len() != 3 || !token.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    letter_name(tr_lower(token).chars().next_back()?)
}

/// The Turkish name of a letter. K is `ke` (TDK writes `TDK'den`); q, w, x have none.
fn letter_name(letter: char) -> Option<String> {
    if !is_turkish(letter) {
        None
    } else if is_vowel(letter) {
        Some(letter.to_string())
    } else {
        Some(format!("{letter}e"))
    }
}

fn is_capital(c: char) -> bool {
    c.is_uppercase() && c.is_alphabetic()
}
