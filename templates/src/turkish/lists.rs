//! The exceptions, as data: `data/*.tsv`. A form that rules cannot know is a line there.

use std::collections::HashMap;
use std::sync::LazyLock;

const NAMES: &str = include_str!("../../data/names.tsv");
const WORDS: &str = include_str!("../../data/words.tsv");
const ABBREVIATIONS: &str = include_str!("../../data/abbreviations.tsv");
const CURRENCIES: &str = include_str!("../../data/currencies.tsv");
const POSSESSIVES: &str = include_str!("../../data/possessives.tsv");
const NOT_TURKISH: &str = include_str!("../../data/not_turkish.tsv");

/// A common noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    /// Whether its suffixes are of the front though its vowel is not: `saati`.
    pub(super) front: bool,
    /// How it is written before a vowel: `nakit` → `nakd`.
    pub(super) before_vowel: &'static str,
}

/// What kind of name ends on a possessive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Possessive {
    /// Institution or business: no apostrophe.
    Institution,
    /// Place or family name: apostrophe.
    Name,
}

static WORD_LIST: LazyLock<HashMap<&str, Word>> = LazyLock::new(|| {
    let words = rows(WORDS).filter_map(|row| {
        let [word, front, before_vowel] = row.as_slice() else { return None };
        let before_vowel = if *before_vowel == "=" { word } else { before_vowel };
        Some((*word, Word { front: *front == "front", before_vowel }))
    });
    words.collect()
});

static ABBREVIATION_LIST: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| pairs(ABBREVIATIONS));
static CURRENCY_LIST: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| pairs(CURRENCIES));

/// Names whose suffixes are of the front though their last vowel is not: `Kemal'in`.
static FRONT_NAMES: LazyLock<Vec<&str>> =
    LazyLock::new(|| rows(NAMES).filter_map(|row| row.first().copied()).collect());

static POSSESSIVE_LIST: LazyLock<Vec<(&str, Possessive)>> = LazyLock::new(|| {
    let entries = rows(POSSESSIVES).filter_map(|row| match row.as_slice() {
        [ending, "kurum"] => Some((*ending, Possessive::Institution)),
        [ending, "ad"] => Some((*ending, Possessive::Name)),
        _ => None,
    });
    entries.collect()
});

/// The fields of every line that is no comment.
pub(super) fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split('\t').map(str::trim).collect())
}

fn pairs(table: &'static str) -> HashMap<&'static str, &'static str> {
    let found = rows(table).filter_map(|row| match row.as_slice() {
        [key, value, ..] => Some((*key, *value)),
        _ => None,
    });
    found.collect()
}

pub(super) fn word(lower: &str) -> Option<Word> {
    WORD_LIST.get(lower).copied()
}

/// What is spoken of a listed abbreviation; only its end matters.
pub(super) fn abbreviation(token: &str) -> Option<&'static str> {
    ABBREVIATION_LIST.get(token).copied()
}

pub(super) fn currency(token: &str) -> Option<&'static str> {
    CURRENCY_LIST.get(token).copied()
}

pub(super) fn is_front_name(lower: &str) -> bool {
    let plain: String = lower.chars().map(without_circumflex).collect();
    FRONT_NAMES.iter().any(|entry| matches(entry, &plain))
}

pub(super) fn possessive(lower: &str) -> Option<Possessive> {
    let found = POSSESSIVE_LIST.iter().find(|(entry, _)| matches(entry, lower));
    found.map(|(_, kind)| *kind)
}

/// Whether letters stand together that no Turkish name has: `ck`, a last `th`.
pub(super) fn has_foreign_letters(lower: &str) -> bool {
    rows(NOT_TURKISH).any(|row| match row.as_slice() {
        ["any", letters] => lower.contains(letters),
        ["start", letters] => lower.starts_with(letters),
        ["end", letters] => lower.ends_with(letters),
        _ => false,
    })
}

/// `*oğlu` is an ending, `eminönü` a whole word.
fn matches(entry: &str, lower: &str) -> bool {
    match entry.strip_prefix('*') {
        Some(ending) => lower.ends_with(ending),
        None => lower == entry,
    }
}

const fn without_circumflex(c: char) -> char {
    match c {
        'â' => 'a',
        'î' => 'i',
        'û' => 'u',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that is read wrongly would be an exception that nobody has.
    #[test]
    fn every_line_of_every_list_is_well_formed() {
        for row in rows(WORDS) {
            assert!(row.len() == 3 && matches!(row[1], "front" | "-"), "{row:?}");
        }
        for row in rows(NAMES) {
            assert_eq!(row.len(), 1, "{row:?}");
        }
        for row in rows(POSSESSIVES) {
            assert!(row.len() == 2 && matches!(row[1], "kurum" | "ad"), "{row:?}");
        }
        for row in rows(ABBREVIATIONS).chain(rows(CURRENCIES)) {
            assert!((2..=3).contains(&row.len()) && !row[1].is_empty(), "{row:?}");
        }
        for row in rows(NOT_TURKISH) {
            assert!(row.len() == 2 && matches!(row[0], "any" | "start" | "end"), "{row:?}");
        }
    }

    #[test]
    fn no_list_says_a_thing_twice() {
        for table in [NAMES, WORDS, ABBREVIATIONS, CURRENCIES, POSSESSIVES, NOT_TURKISH] {
            let mut seen = std::collections::HashSet::new();
            for row in rows(table) {
                let key = if table == NOT_TURKISH { row.join(" ") } else { row[0].to_owned() };
                assert!(seen.insert(key), "{row:?}");
            }
        }
    }
}
