//! What Netgsm makes of a text: allowed at all, and how many segments it bills (facts A9).

use crate::gsm7::{Width, width};

/// Longest text that Netgsm takes, in characters (facts A1: "standart maksimum 917 karakter").
pub(crate) const MOST_CHARACTERS: usize = 917;

/// Longest one-time-code text, in characters (facts A3).
pub(crate) const MOST_OTP_CHARACTERS: usize = 160;

/// Operators append " Bxxx" to every bulk SMS (facts A9, BTK).
const SUFFIX: u32 = 5;

/// Segments that a text costs.
///
/// With encoding `TR` the Turkish single-shift table is used (155/149 septets); without, Turkish letters
/// were replaced by plain ones before counting (160/153). A character outside both tables makes the
/// message UCS-2 (70/67); what Netgsm really does with those is not published.
pub(crate) fn segments(text: &str, turkish: bool) -> u32 {
    let mut septets = 0_u32;
    let mut units = 0_u32;
    let mut ucs2 = false;
    for c in text.chars() {
        units += c.len_utf16() as u32;
        match width(c) {
            Some(Width::Plain) => septets += 1,
            Some(Width::Extended) => septets += 2,
            Some(Width::Turkish) => septets += if turkish { 2 } else { 1 },
            None => ucs2 = true,
        }
    }
    let (length, one, many) = if ucs2 {
        (units, 70, 67)
    } else if turkish {
        (septets, 155, 149)
    } else {
        (septets, 160, 153)
    };
    let length = length + SUFFIX;
    if length <= one { 1 } else { length.div_ceil(many) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_caps_with_the_operators_suffix_hold() {
        for (count, cap) in [(1, 155), (2, 301), (3, 454), (4, 607), (5, 760), (6, 913)] {
            assert_eq!(segments(&"a".repeat(cap), false), count);
            assert_eq!(segments(&"a".repeat(cap + 1), false), count + 1);
        }
        for (count, cap) in [(1, 150), (2, 293), (3, 442), (4, 591), (5, 740), (6, 889)] {
            assert_eq!(segments(&"a".repeat(cap), true), count);
            assert_eq!(segments(&"a".repeat(cap + 1), true), count + 1);
        }
    }

    #[test]
    fn turkish_letters_cost_two_with_the_encoding_and_one_without() {
        assert_eq!(segments(&"ş".repeat(75), true), 1);
        assert_eq!(segments(&"ş".repeat(76), true), 2);
        assert_eq!(segments(&"ş".repeat(155), false), 1);
    }

    #[test]
    fn a_foreign_letter_makes_the_message_ucs2() {
        assert_eq!(segments(&"я".repeat(65), false), 1);
        assert_eq!(segments(&"я".repeat(66), false), 2);
    }
}
