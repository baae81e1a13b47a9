//! Who a message is for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::PhoneNumber;

/// A person's name: blanks collapsed, at most 100 characters, at least one letter.
///
/// `Debug` and `Display` show `A*** Y***`; there is no `Serialize`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PersonName(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonNameRefusal {
    /// Control characters, line breaks, or marks that turn the direction of writing.
    #[error("a name holds no control characters")]
    ControlCharacter,
    /// More than 100 characters.
    #[error("a name is at most 100 characters")]
    TooLong,
    /// Nothing in it is a letter.
    #[error("a name has a letter in it")]
    NoLetter,
}

const MOST_CHARACTERS: usize = 100;

impl PersonName {
    /// Trims, collapses blanks (also no-break ones) and takes the rest as it is written.
    pub fn parse(text: &str) -> Result<Self, PersonNameRefusal> {
        if text.chars().any(steers_text) {
            return Err(PersonNameRefusal::ControlCharacter);
        }
        let mut name = String::with_capacity(text.len());
        for word in text.split_whitespace() {
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(word);
        }
        if name.chars().count() > MOST_CHARACTERS {
            return Err(PersonNameRefusal::TooLong);
        }
        if name.chars().any(char::is_alphabetic) {
            Ok(Self(name))
        } else {
            Err(PersonNameRefusal::NoLetter)
        }
    }

    /// The whole name.
    pub fn full(&self) -> &str {
        &self.0
    }

    /// The first word that has a letter in it.
    pub fn first(&self) -> &str {
        self.words().next().unwrap_or(&self.0)
    }

    /// First letters as capitals, in Turkish: `irem ışık` is `İ.I.`.
    pub fn initials(&self) -> String {
        self.words().filter_map(first_letter).fold(String::new(), |mut initials, letter| {
            initials.extend(capital(letter));
            initials.push('.');
            initials
        })
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|word| first_letter(word).is_some())
    }
}

fn first_letter(word: &str) -> Option<char> {
    word.chars().find(|letter| letter.is_alphabetic())
}

/// `i` has a dot in Turkish, as a capital too. A name is Turkish until somebody says otherwise.
fn capital(letter: char) -> impl Iterator<Item = char> {
    let letter = if letter == 'i' { 'İ' } else { letter };
    letter.to_uppercase()
}

/// Characters that do not show but steer how text shows, or break lines; NUL among them, which PostgreSQL refuses.
pub(crate) fn steers_text(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, letter) in self.words().filter_map(first_letter).enumerate() {
            write!(f, "{}{letter}***", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A way to reach a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Short message of the mobile network.
    Sms,
    /// WhatsApp Business.
    Whatsapp,
}

impl Channel {
    /// `sms`, `whatsapp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sms, Self::Whatsapp].into_iter().find(|channel| channel.as_str() == text)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The language of a text.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Turkish.
    #[default]
    Tr,
    /// English.
    En,
}

impl Language {
    /// `tr`, `en`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tr => "tr",
            Self::En => "en",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Tr, Self::En].into_iter().find(|language| language.as_str() == text)
    }
}

/// How İYS knows a number (`facts/netgsm_iys.md` B3, *recipientType*).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecipientType {
    /// A consumer.
    #[default]
    Bireysel,
    /// A merchant.
    Tacir,
}

impl RecipientType {
    /// `BIREYSEL`, `TACIR`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bireysel => "BIREYSEL",
            Self::Tacir => "TACIR",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Bireysel, Self::Tacir].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whom a message is for, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The person's name.
    pub name: PersonName,
    /// The number it goes to.
    pub phone: PhoneNumber,
    /// Channels, best first; the policy's where the event names none. Never empty.
    pub channels: Vec<Channel>,
    /// Language of the text.
    pub language: Language,
    /// How İYS knows the number.
    pub recipient_type: RecipientType,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blanks_are_trimmed_and_collapsed() {
        let name = PersonName::parse("  Ayşe\u{a0}  Nur   Yılmaz ").unwrap();
        assert_eq!(name.full(), "Ayşe Nur Yılmaz");
        assert_eq!(name.first(), "Ayşe");
        assert_eq!(name.initials(), "A.N.Y.");
    }

    #[test]
    fn initials_are_turkish_capitals() {
        assert_eq!(PersonName::parse("irem ışık").unwrap().initials(), "İ.I.");
        assert_eq!(PersonName::parse("şule ökçün-çağ").unwrap().initials(), "Ş.Ö.");
        assert_eq!(PersonName::parse("(2) ali 3").unwrap().initials(), "A.");
        assert_eq!(PersonName::parse("(2) ali 3").unwrap().first(), "ali");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        use PersonNameRefusal::{ControlCharacter, NoLetter, TooLong};
        for (text, refusal) in [
            ("", NoLetter),
            ("   ", NoLetter),
            ("123 .", NoLetter),
            ("Ayşe\nYılmaz", ControlCharacter),
            ("Ayşe\tYılmaz", ControlCharacter),
            ("Ayşe\u{0}", ControlCharacter),
            ("\u{202e}zamlıY eşyA", ControlCharacter),
            (&"a".repeat(101), TooLong),
        ] {
            assert_eq!(PersonName::parse(text), Err(refusal), "{text:?}");
        }
        assert!(PersonName::parse(&"ş".repeat(100)).is_ok());
    }

    #[test]
    fn a_name_prints_masked() {
        let name = PersonName::parse("Ayşe Yılmaz").unwrap();
        assert_eq!(format!("{name} {name:?}"), "A*** Y*** A*** Y***");
    }

    proptest! {
        #[test]
        fn a_name_never_panics_and_reads_back_as_itself(text in ".*") {
            if let Ok(name) = PersonName::parse(&text) {
                prop_assert_eq!(PersonName::parse(name.full()), Ok(name.clone()));
                prop_assert!(!name.first().is_empty() && !name.initials().is_empty());
                prop_assert!(!name.to_string().is_empty());
            }
        }
    }
}
