//! A rendered text.

use std::fmt;

use crate::segments::Segments;

/// The text of one message. It holds a person's data: `Debug` shows its length only, and there is
/// neither `Display` nor `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// From here on it is masked.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the provider's request and for sealing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// As [`Self::expose`], by value.
    pub fn into_exposed(self) -> String {
        self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text(<{} characters>)", self.0.chars().count())
    }
}

/// What is sent to one person, and what it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line, ready to send.
    pub text: Text,
    /// Which text it was: `appointment-reminder/tr/sms`, or `atasehir:appointment-reminder/tr/sms`
    /// for the text of a clinic's own folder.
    pub template: String,
    /// Hex of the first 8 bytes of SHA-256 over the source of the text (its `sms.txt`, followed by
    /// its `words.json` if it has one).
    pub template_version: String,
    /// What it costs at the provider it was written for. `Ucs2` says that a character of no SMS alphabet is in it
    /// ([`crate::outside_alphabets`] finds it).
    pub segments: Segments,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_text() {
        let text = Text::new("Sayın Ayşe".to_owned());
        assert_eq!(format!("{text:?}"), "Text(<10 characters>)");
        assert_eq!(text.expose(), "Sayın Ayşe");
    }
}
