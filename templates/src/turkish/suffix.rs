//! The suffix itself, from the spoken end of what it follows.

use super::casing::tr_upper;
use super::harmony::{End, Harmony};
use super::{Case, NoSuffix};

/// How a value ends when it is spoken, and how a suffix is joined to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spoken {
    pub(super) harmony: Harmony,
    pub(super) end: End,
    pub(super) joint: Joint,
}

/// What stands between a value and its suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Joint {
    /// A straight apostrophe, always: numbers, abbreviations.
    Apostrophe,
    /// An apostrophe before case suffixes, none before -li and -lik: names.
    Name,
    /// Nothing: what already has its apostrophe (`3'üncü`).
    Nothing,
    /// Nothing, and before a vowel the last word is written so: `nakit` → `nakd`.
    Word { before_vowel: Softened },
}

/// The last word of a value before a suffix that begins with a vowel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Softened {
    Same,
    /// The whole value with its last word softened.
    Value(String),
    /// Nobody can tell from the letters: p, ç, t, k of a word that no list has.
    Unknown,
}

/// Whether the last word is all capitals.
fn is_capitals(value: &str) -> bool {
    let word = value.rsplit(char::is_whitespace).next().unwrap_or(value);
    word.chars().count() > 1 && word.chars().all(char::is_uppercase)
}

impl Spoken {
    /// `value` with the suffix of `case`.
    pub(super) fn join(&self, value: &str, case: Case) -> Result<String, NoSuffix> {
        if self.end == End::Possessive && case.derives() {
            return Err(NoSuffix("a possessive takes no -li or -lik"));
        }
        let suffix = self.suffix(case);
        let begins_with_vowel = suffix.starts_with(|c| Harmony::of(c).is_some());
        let (stem, apostrophe) = match &self.joint {
            Joint::Apostrophe => (value, "'"),
            Joint::Name if !case.derives() => (value, "'"),
            Joint::Word { before_vowel } if begins_with_vowel => match before_vowel {
                Softened::Same => (value, ""),
                Softened::Value(softened) => (softened.as_str(), ""),
                Softened::Unknown => {
                    return Err(NoSuffix("its last consonant may soften: add it to words.tsv"));
                }
            },
            Joint::Name | Joint::Nothing | Joint::Word { .. } => (value, ""),
        };
        // `ATAŞEHİR KLİNİĞİNE`: without an apostrophe the suffix is a part of the word.
        let suffix =
            if apostrophe.is_empty() && is_capitals(value) { tr_upper(&suffix) } else { suffix };
        Ok(format!("{stem}{apostrophe}{suffix}"))
    }

    fn suffix(&self, case: Case) -> String {
        let (high, low) = (self.harmony.high(), self.harmony.low());
        let d = match self.end {
            End::Hard => "t",
            End::Possessive => "nd",
            End::Vowel | End::Soft => "d",
        };
        let vowel = matches!(self.end, End::Vowel | End::Possessive);
        // The buffer before a single vowel.
        let buffer = match self.end {
            End::Vowel => "y",
            End::Possessive => "n",
            End::Hard | End::Soft => "",
        };
        match case {
            Case::In if vowel => format!("n{high}n"),
            Case::In => format!("{high}n"),
            Case::E => format!("{buffer}{low}"),
            Case::I => format!("{buffer}{high}"),
            Case::De => format!("{d}{low}"),
            Case::Den => format!("{d}{low}n"),
            Case::Deki => format!("{d}{low}ki"),
            Case::Le if vowel => format!("yl{low}"),
            Case::Le => format!("l{low}"),
            Case::Li => format!("l{high}"),
            Case::Lik => format!("l{high}k"),
        }
    }
}
