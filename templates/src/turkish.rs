//! Turkish grammar and casing, for the texts' filters and for anybody who writes about a value.
//!
//! What a suffix looks like follows from how the value is *spoken*: `14:30` is "on dört otuz", so
//! `14:30'da`; `TL` is "te le", so `TL'lik`. This module finds the spoken end of a value
//! (`reading`, `abbreviations`, `names`), then joins the suffix by vowel and consonant harmony
//! (`suffix`). Where the spoken end cannot be known there is no suffix but [`NoSuffix`]: a wording
//! without one is always right. Rules: TDK Yazım Kılavuzu; `docs/turkish.md` says which, with
//! the doubtful forms.

mod abbreviations;
mod casing;
mod harmony;
mod lists;
mod names;
mod reading;
mod recognise;
mod suffix;

#[cfg(test)]
mod tests;

pub use casing::{tr_lower, tr_title, tr_upper};
pub use recognise::{ordinal, with_suffix};

use std::fmt;

/// A case or derivation whose suffix can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// `-in` (tamlayan): `Ayşe'nin`.
    In,
    /// `-e` (yönelme): `Ahmet'e`.
    E,
    /// `-i` (belirtme): `14:30'u`.
    I,
    /// `-de` (bulunma): `15:00'te`.
    De,
    /// `-den` (ayrılma): `20:00'den`.
    Den,
    /// `-deki`: `22 Kasım'daki`.
    Deki,
    /// `-le` (vasıta): `Ayşe'yle`.
    Le,
    /// `-li`: `80'li`; after names without apostrophe (`Ankaralı`).
    Li,
    /// `-lik`: `1.250,50 TL'lik`; after names without apostrophe.
    Lik,
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::In,
        Self::E,
        Self::I,
        Self::De,
        Self::Den,
        Self::Deki,
        Self::Le,
        Self::Li,
        Self::Lik,
    ];

    /// Reads `hal` of the filter `ek`: the suffix in its front form, or the case's Turkish name.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "in" | "tamlayan" => Self::In,
            "e" | "yönelme" => Self::E,
            "i" | "belirtme" => Self::I,
            "de" | "bulunma" => Self::De,
            "den" | "ayrılma" => Self::Den,
            "deki" => Self::Deki,
            "le" | "vasıta" => Self::Le,
            "li" => Self::Li,
            "lik" => Self::Lik,
            _ => return None,
        })
    }

    /// Whether it makes a new word; such a suffix joins a name without apostrophe (TDK).
    const fn derives(self) -> bool {
        matches!(self, Self::Li | Self::Lik)
    }
}

/// What a value is. Most are known by their looks; a name in capitals or in small letters is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Name of a person or a place.
    Name,
    /// Common noun, without apostrophe; by `data/words.tsv`.
    Word,
    /// Institution or business, without apostrophe: `Ataşehir Kliniğine`.
    Institution,
    /// `14:30`, `14.30`.
    Time,
    /// `1.250,5`, `%20`.
    Number,
    /// `2026`.
    Year,
    /// `22 Kasım`, `22 Kasım 2026 Pazar`, `22.11.2026`.
    Date,
    /// `3.` or `3'üncü`.
    Ordinal,
    /// `1.250,50 TL`.
    Amount,
    /// `SGK`, `NATO`.
    Abbreviation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Name,
        Self::Word,
        Self::Institution,
        Self::Time,
        Self::Number,
        Self::Year,
        Self::Date,
        Self::Ordinal,
        Self::Amount,
        Self::Abbreviation,
    ];

    /// Reads `tur` of the filter `ek`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "ad" => Self::Name,
            "söz" => Self::Word,
            "kurum" => Self::Institution,
            "saat" => Self::Time,
            "sayı" => Self::Number,
            "yıl" => Self::Year,
            "tarih" => Self::Date,
            "sıra" => Self::Ordinal,
            "tutar" => Self::Amount,
            "kısaltma" => Self::Abbreviation,
            _ => return None,
        })
    }
}

/// Why a value takes no suffix. It never carries the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuffix(&'static str);

impl fmt::Display for NoSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NoSuffix {}

/// Whether every case suffix (not `-li`, `-lik`) can be added to `value`.
///
/// A word of unknown softening takes `-de` but not `-e`; then the answer is no.
pub fn takes_suffix(value: &str, kind: Option<Kind>) -> bool {
    [Case::In, Case::De].iter().all(|case| with_suffix(value, *case, kind).is_ok())
}
