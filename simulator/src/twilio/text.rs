//! What Twilio makes of a text: how many segments, and Smart Encoding (facts twilio A1, A8).

use crate::gsm7::{Width, width};

/// Longest body, in characters (facts A1).
pub(super) const MOST_CHARACTERS: usize = 1_600;

/// Segments that a text costs: GSM-7 160, 153 each when split; UCS-2 70, 67 each (facts A8).
///
/// One letter outside GSM-7 (`ç ğ Ğ ı İ ş Ş ₺`) makes the text UCS-2: Twilio has no Turkish shift tables.
/// Neither an escaped character nor a surrogate pair is split between two segments.
pub(super) fn segments(text: &str) -> u32 {
    let septets = |c| match width(c) {
        Some(Width::Plain) => Some(1),
        Some(Width::Extended) => Some(2),
        Some(Width::Turkish) | None => None,
    };
    if text.chars().all(|c| septets(c).is_some()) {
        split(text.chars().filter_map(septets), 160, 153)
    } else {
        split(text.chars().map(|c| c.len_utf16() as u32), 70, 67)
    }
}

fn split(widths: impl Iterator<Item = u32>, one: u32, many: u32) -> u32 {
    let (mut total, mut filled, mut segments) = (0, 0, 1);
    for width in widths {
        total += width;
        if filled + width > many {
            (filled, segments) = (0, segments + 1);
        }
        filled += width;
    }
    if total <= one { 1 } else { segments }
}

/// Smart Encoding: look-alikes outside GSM-7 become plain characters. Quotes, dashes, dots and blanks; no
/// Turkish letter was in the part of Twilio's list that could be read (facts A8).
pub(super) fn smart(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{00ab}' | '\u{00bb}' => plain.push('"'),
            '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' => plain.push('\''),
            '\u{2010}'..='\u{2015}' => plain.push('-'),
            '\u{2026}' => plain.push_str("..."),
            '\u{00a0}' | '\u{2002}'..='\u{200a}' | '\u{202f}' => plain.push(' '),
            '\u{200b}' | '\u{feff}' => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_letter_outside_gsm7_makes_the_text_ucs2() {
        for (text, wanted) in [
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("Çö Öü Ü".repeat(20), 1),
            ("ı".repeat(70), 1),
            ("ı".repeat(71), 2),
            (format!("{}ş", "a".repeat(134)), 3),
            (format!("{}ş", "a".repeat(133)), 2),
            ("₺".to_owned(), 1),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            (String::new(), 1),
        ] {
            assert_eq!(segments(&text), wanted, "{} of {text:.10}", text.chars().count());
        }
    }

    #[test]
    fn an_escaped_character_and_a_surrogate_pair_stay_whole() {
        // 152 + 1 septet free: the euro sign goes into the second segment, which then is full at 153.
        assert_eq!(segments(&format!("{}€{}", "a".repeat(152), "a".repeat(151))), 2);
        assert_eq!(segments(&format!("{}€{}", "a".repeat(152), "a".repeat(152))), 3);
        assert_eq!(segments(&format!("{}😀{}", "ı".repeat(66), "ı".repeat(66))), 3);
    }

    #[test]
    fn smart_encoding_replaces_look_alikes_and_no_turkish_letter() {
        assert_eq!(smart("“Ayşe”\u{a0}– 14:30…"), "\"Ayşe\" - 14:30...");
    }

    proptest! {
        #[test]
        fn a_longer_text_never_costs_less(text in "\\PC{0,300}", more in "[a-zıü€]{0,40}") {
            let longer = format!("{text}{more}");
            prop_assert!(segments(&longer) >= segments(&text));
            let _ = smart(&text);
        }
    }
}
