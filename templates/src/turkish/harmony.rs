//! Vowels and consonants.

/// The vowels that a suffix takes after a spoken vowel: great and small harmony together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harmony {
    /// After a, ı: ı and a.
    BackFlat,
    /// After o, u: u and a.
    BackRound,
    /// After e, i: i and e.
    FrontFlat,
    /// After ö, ü: ü and e.
    FrontRound,
}

impl Harmony {
    /// After the vowel `c`; `None` for a consonant.
    pub(super) const fn of(c: char) -> Option<Self> {
        Some(match c {
            'a' | 'ı' | 'â' => Self::BackFlat,
            'o' | 'u' | 'û' => Self::BackRound,
            'e' | 'i' | 'î' => Self::FrontFlat,
            'ö' | 'ü' => Self::FrontRound,
            _ => return None,
        })
    }

    /// The vowel of -in, -i, -li, -lik.
    pub(super) const fn high(self) -> char {
        match self {
            Self::BackFlat => 'ı',
            Self::BackRound => 'u',
            Self::FrontFlat => 'i',
            Self::FrontRound => 'ü',
        }
    }

    /// The vowel of -e, -de, -den, -le.
    pub(super) const fn low(self) -> char {
        match self {
            Self::BackFlat | Self::BackRound => 'a',
            Self::FrontFlat | Self::FrontRound => 'e',
        }
    }

    /// The front partner: what a soft l (`Kemal`, `Resul`) or a soft end (`saat`) asks for.
    pub(super) const fn fronted(self) -> Self {
        match self {
            Self::BackFlat | Self::FrontFlat => Self::FrontFlat,
            Self::BackRound | Self::FrontRound => Self::FrontRound,
        }
    }
}

/// How a spoken value ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Vowel,
    /// On the possessive suffix: what follows begins with n (`Kliniğine`, `Beyoğlu'nda`).
    Possessive,
    /// On one of f s t k ç ş h p: -de becomes -te.
    Hard,
    Soft,
}

pub(super) const fn is_vowel(c: char) -> bool {
    Harmony::of(c).is_some()
}

/// Letters of the Turkish alphabet, small, with the three that carry a circumflex.
pub(super) const fn is_turkish(c: char) -> bool {
    is_vowel(c)
        || matches!(c, 'b'..='d' | 'f'..='h' | 'j'..='n' | 'p' | 'r'..='t' | 'v' | 'y' | 'z'
            | 'ç' | 'ğ' | 'ş')
}

/// Harmony and end of a word in small letters, by its letters alone; `None` without a vowel.
pub(super) fn by_letters(word: &str) -> Option<(Harmony, End)> {
    let harmony = word.chars().rev().find_map(Harmony::of)?;
    let end = match word.chars().next_back()? {
        c if is_vowel(c) => End::Vowel,
        'f' | 's' | 't' | 'k' | 'ç' | 'ş' | 'h' | 'p' => End::Hard,
        _ => End::Soft,
    };
    Some((harmony, end))
}
