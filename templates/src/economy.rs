//! What is given up so that a text costs less: first accents, then, if its clinic wants, Turkish.

use unicode_normalization::UnicodeNormalization;

use crate::segments::{Encoding, Provider, Segments, count_for, is_inside_alphabets};

/// What a clinic gives up for a cheaper text ([`Renderer::set_policy`](crate::Renderer::set_policy)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RenderPolicy {
    /// Write ş ğ ı ç Ş Ğ İ as s g i c S G I where that saves a segment. Off by default: it is
    /// worse Turkish, and some words change their meaning.
    pub fold_turkish: bool,
}

/// `text` as it is sent by `provider`, and its cost there.
///
/// Letters of no SMS alphabet lose their accents whenever that avoids UCS-2: it triples the price,
/// and what Netgsm does with such characters is unknown (facts/netgsm_iys.md A9). A text that stays
/// UCS-2 anyway (emoji, Cyrillic; at Twilio every ş) stays as it is.
pub(crate) fn lighter(
    text: String,
    policy: RenderPolicy,
    provider: Provider,
) -> (String, Segments) {
    let mut text = text;
    let mut segments = count_for(provider, &text);
    if segments.encoding == Encoding::Ucs2 {
        let plain = without_accents(&text);
        let counted = count_for(provider, &plain);
        if counted.encoding != Encoding::Ucs2 {
            (text, segments) = (plain, counted);
        }
    }
    if policy.fold_turkish && segments.encoding != Encoding::Gsm7 {
        // a text that is UCS-2 for a ş alone leaves it only without its accents too
        let plain: String = without_accents(&text).chars().map(without_turkish).collect();
        let counted = count_for(provider, &plain);
        if counted.segments < segments.segments {
            (text, segments) = (plain, counted);
        }
    }
    (text, segments)
}

/// Writes Latin letters of no SMS alphabet by their base letter: `Kâmil` → `Kamil`; `Muñoz` stays,
/// for the alphabet has its ñ.
pub(crate) fn without_accents(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // The only one whose base letter is another one in Turkish.
            'Î' => plain.push('İ'),
            _ if is_inside_alphabets(c) => plain.push(c),
            _ => match by_hand(c) {
                Some(letters) => plain.push_str(letters),
                None => plain.push(base(c)),
            },
        }
    }
    plain
}

/// The letter under the accents; whatever is no Latin letter stays.
fn base(c: char) -> char {
    match std::iter::once(c).nfd().next() {
        Some(base) if base.is_ascii_alphabetic() => base,
        _ => c,
    }
}

/// Latin letters without a base letter of their own: Azerbaijani, Polish, Croatian, Icelandic.
const fn by_hand(c: char) -> Option<&'static str> {
    Some(match c {
        'ə' => "e",
        'Ə' => "E",
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'ħ' => "h",
        'Ħ' => "H",
        'œ' => "oe",
        'Œ' => "OE",
        'þ' => "th",
        'Þ' => "Th",
        'ẞ' => "SS",
        _ => return None,
    })
}

/// ö ü Ö Ü Ç are in the basic alphabet and cost nothing.
const fn without_turkish(c: char) -> char {
    match c {
        'ş' => 's',
        'Ş' => 'S',
        'ğ' => 'g',
        'Ğ' => 'G',
        'ı' => 'i',
        'İ' => 'I',
        'ç' => 'c',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::segments::count;

    const FOLD: RenderPolicy = RenderPolicy { fold_turkish: true };

    fn written(text: &str, policy: RenderPolicy) -> String {
        lighter(text.to_owned(), policy, Provider::Netgsm).0
    }

    #[test]
    fn accents_are_dropped_only_where_no_alphabet_has_the_letter() {
        assert_eq!(
            without_accents("Kâmil Hâlit ÎLKER Çığır José Dvořák Əli Łukasz 😀 Иван"),
            "Kamil Halit İLKER Çığır José Dvorak Eli Lukasz 😀 Иван"
        );
    }

    #[test]
    fn accents_go_whenever_that_avoids_ucs2_and_only_then() {
        let default = RenderPolicy::default();
        assert_eq!(written("Sayın Kâzım", default), "Sayın Kazım");
        assert_eq!(written("Sayın Kâzım 😀", default), "Sayın Kâzım 😀");
        assert_eq!(written("Señor José", default), "Señor José");
    }

    #[test]
    fn turkish_letters_go_only_by_policy_and_only_for_a_segment() {
        let default = RenderPolicy::default();
        let dear = "ş".repeat(80);
        assert_eq!(count(&dear).segments, 2);
        assert_eq!(written(&dear, default), dear);
        assert_eq!(written(&dear, FOLD), "s".repeat(80));
        assert_eq!(written("Işık ğüşiöç", FOLD), "Işık ğüşiöç", "one segment either way");
        let all = format!("şŞğĞıİç öüÖÜÇ{}", "ş".repeat(70));
        assert_eq!(written(&all, FOLD), format!("sSgGiIc öüÖÜÇ{}", "s".repeat(70)));
    }

    #[test]
    fn at_twilio_a_turkish_letter_costs_ucs2_and_is_folded_only_by_policy() {
        let at_twilio = |text: &str, policy| lighter(text.to_owned(), policy, Provider::Twilio);
        let dear = format!("Sayın Kâzım {}", "a".repeat(80));
        let (text, counted) = at_twilio(&dear, RenderPolicy::default());
        assert_eq!((text, counted.encoding, counted.segments), (dear.clone(), Encoding::Ucs2, 2));
        let (text, counted) = at_twilio(&dear, FOLD);
        assert!(text.starts_with("Sayin Kazim aaa"), "{text}");
        assert_eq!((counted.encoding, counted.segments), (Encoding::Gsm7, 1));
        assert_eq!(at_twilio("Sayın Kâzım", FOLD).0, "Sayın Kâzım", "one segment either way");
    }

    proptest! {
        #[test]
        fn a_lighter_text_never_costs_more(text in "\\PC{0,200}|[a-zâîûşğı]{0,400}", fold: bool) {
            let policy = RenderPolicy { fold_turkish: fold };
            for provider in Provider::ALL {
                let before = count_for(provider, &text);
                let (after, counted) = lighter(text.clone(), policy, provider);
                prop_assert_eq!(counted, count_for(provider, &after));
                prop_assert!(counted.segments <= before.segments);
                prop_assert_eq!(lighter(after.clone(), policy, provider).0, after.clone());
                if before.encoding != Encoding::Ucs2 && !fold {
                    prop_assert_eq!(&after, &text);
                }
            }
        }
    }
}
