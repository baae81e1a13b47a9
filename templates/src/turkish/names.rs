//! Names, institutions and common nouns: spoken as they are written, but for the lists.

use super::NoSuffix;
use super::casing::{tr_lower, tr_upper};
use super::harmony::{End, by_letters, is_turkish, is_vowel};
use super::lists::{self, Possessive, Word};
use super::suffix::{Joint, Softened, Spoken};

const FOREIGN: NoSuffix = NoSuffix("not Turkish by its letters");

/// A person's or place's name, by its last word.
pub(super) fn name(token: &str) -> Result<Spoken, NoSuffix> {
    let lower = tr_lower(last_part(token));
    let (harmony, end) = turkish(&lower)?;
    let harmony = if lists::is_front_name(&lower) { harmony.fronted() } else { harmony };
    let end = if lists::possessive(&lower).is_some() { End::Possessive } else { end };
    Ok(Spoken { harmony, end, joint: Joint::Name })
}

/// An institution or business: no apostrophe (TDK), so that a last consonant shows its softening.
pub(super) fn institution(value: &str, token: &str) -> Result<Spoken, NoSuffix> {
    let lower = tr_lower(last_part(token));
    let (harmony, end) = turkish(&lower)?;
    if lists::possessive(&lower).is_some() {
        let joint = Joint::Word { before_vowel: Softened::Same };
        return Ok(Spoken { harmony, end: End::Possessive, joint });
    }
    if let Some(listed) = lists::word(&lower) {
        return Ok(listed_word(value, token, listed, (harmony, end)));
    }
    // `Diş Hekimliği` ends on a possessive, `Yeni Akademi` does not; letters do not tell.
    if value.contains(' ') && lower.ends_with(['ı', 'i', 'u', 'ü']) {
        return Err(NoSuffix("its last vowel may be a possessive: add it to possessives.tsv"));
    }
    let front = lists::is_front_name(&lower);
    let harmony = if front { harmony.fronted() } else { harmony };
    Ok(Spoken { harmony, end, joint: Joint::Word { before_vowel: softened(&lower) } })
}

/// A common noun, by `data/words.tsv`.
pub(super) fn word(value: &str, token: &str) -> Result<Spoken, NoSuffix> {
    let lower = tr_lower(token);
    let spoken = turkish(&lower)?;
    match lists::word(&lower) {
        Some(listed) => Ok(listed_word(value, token, listed, spoken)),
        None => Err(NoSuffix("a common noun that words.tsv does not have")),
    }
}

/// Whether `words.tsv` has it.
pub(super) fn is_listed_word(token: &str) -> bool {
    lists::word(&tr_lower(token)).is_some()
}

/// Whether it is an institution by its last word.
pub(super) fn is_institution(token: &str) -> bool {
    lists::possessive(&tr_lower(last_part(token))) == Some(Possessive::Institution)
}

/// Whether its last letters are those of a possessive (`Lokantası`, `Konağı`) and no list knows it.
pub(super) fn may_be_possessive(token: &str) -> bool {
    let lower = tr_lower(last_part(token));
    let before = lower.strip_suffix(['ı', 'i', 'u', 'ü']).unwrap_or_default();
    before.ends_with(['s', 'ğ']) && lists::possessive(&lower).is_none()
}

fn listed_word(
    value: &str,
    token: &str,
    listed: Word,
    (harmony, end): (super::harmony::Harmony, End),
) -> Spoken {
    let harmony = if listed.front { harmony.fronted() } else { harmony };
    let before_vowel = if tr_lower(token) == listed.before_vowel {
        Softened::Same
    } else {
        Softened::Value(format!(
            "{}{}",
            &value[..value.len() - token.len()],
            cased_as(token, listed.before_vowel)
        ))
    };
    Spoken { harmony, end, joint: Joint::Word { before_vowel } }
}

/// `softened` in the case of `token`: `Klinik` → `Kliniğ`, `KLİNİK` → `KLİNİĞ`.
fn cased_as(token: &str, softened: &str) -> String {
    let mut letters = token.chars();
    let first = letters.next().is_some_and(char::is_uppercase);
    if first && letters.clone().next().is_some() && letters.all(char::is_uppercase) {
        return tr_upper(softened);
    }
    match softened.char_indices().nth(1) {
        Some((at, _)) if first => format!("{}{}", tr_upper(&softened[..at]), &softened[at..]),
        _ => softened.to_owned(),
    }
}

fn softened(lower: &str) -> Softened {
    if lower.ends_with(['p', 'ç', 't', 'k']) { Softened::Unknown } else { Softened::Same }
}

/// `Ayşe-Nur` is spoken as `Nur` at its end.
fn last_part(token: &str) -> &str {
    token.rsplit('-').next().unwrap_or(token)
}

/// Harmony and end of a word in small letters, if it may be Turkish.
fn turkish(lower: &str) -> Result<(super::harmony::Harmony, End), NoSuffix> {
    if lower.chars().count() < 2 || !lower.chars().all(is_turkish) || !y_beside_vowel(lower) {
        return Err(FOREIGN);
    }
    if lists::has_foreign_letters(lower) {
        return Err(FOREIGN);
    }
    by_letters(lower).ok_or(FOREIGN)
}

/// In Turkish y is a consonant: `Mary` and `Sylvia` use it as a vowel.
fn y_beside_vowel(lower: &str) -> bool {
    let letters: Vec<char> = lower.chars().collect();
    letters.iter().enumerate().filter(|(_, c)| **c == 'y').all(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        [before, after].into_iter().flatten().any(|c| is_vowel(*c))
    })
}
