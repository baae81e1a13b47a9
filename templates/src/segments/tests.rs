use proptest::prelude::*;

use super::*;

/// Longest texts of 1, 2, … segments, by the alphabet (A9, with the operator's suffix).
const PLAIN_CAPS: [u32; 6] = [155, 301, 454, 607, 760, 913];
const TURKISH_CAPS: [u32; 6] = [150, 293, 442, 591, 740, 889];
const UCS2_CAPS: [u32; 6] = [65, 129, 196, 263, 330, 397];

fn segments_by(caps: [u32; 6], units: u32) -> Option<u32> {
    caps.iter().position(|cap| units <= *cap).map(|at| at as u32 + 1)
}

#[test]
fn the_vectors_of_the_fact_sheet_hold() {
    let letters = count("çÇğĞıİöÖşŞüÜ");
    assert_eq!((letters.characters, letters.units), (12, 19));
    assert_eq!(letters.encoding, Encoding::Turkish);
    let reminder =
        count("Sayın Ayşe, 12.03.2026 14:30 randevunuz vardır. Değişiklik için: 0212 000 00 00");
    assert_eq!(
        reminder,
        Segments { encoding: Encoding::Turkish, characters: 79, units: 85, segments: 1 }
    );
}

#[test]
fn caps_with_the_suffix_are_those_of_the_fact_sheet() {
    for (caps, seed) in [(PLAIN_CAPS, ""), (TURKISH_CAPS, "ş"), (UCS2_CAPS, "â")] {
        for (at, cap) in caps.iter().enumerate() {
            let fill = *cap - count(seed).units;
            let text = format!("{seed}{}", "a".repeat(fill as usize));
            assert_eq!(count(&text).units, *cap);
            assert_eq!(count(&text).segments, at as u32 + 1, "{cap} units fit");
            assert_eq!(count(&format!("{text}a")).segments, at as u32 + 2, "{cap} + 1 do not");
        }
    }
}

#[test]
fn only_turkish_letters_ask_for_the_turkish_table() {
    assert_eq!(count("öüÖÜÇ^{}\\[]~|€").encoding, Encoding::Gsm7);
    assert_eq!(count("öüÖÜÇ^{}\\[]~|€").units, 5 + 18);
    for letter in ["ç", "ğ", "ı", "ş", "Ğ", "İ", "Ş"] {
        let counted = count(letter);
        assert_eq!((counted.encoding, counted.units), (Encoding::Turkish, 2), "{letter}");
    }
}

#[test]
fn what_no_alphabet_has_makes_the_text_ucs2_and_is_named() {
    let text = "Merhaba 😀 Kâmil 😀 dağ";
    let counted = count(text);
    assert_eq!(counted.encoding, Encoding::Ucs2);
    assert_eq!(counted.units, text.encode_utf16().count() as u32);
    assert_eq!(outside_alphabets(text), ['😀', 'â']);
    assert!(outside_alphabets("Işık ğüşiöç €").is_empty());
}

#[test]
fn an_escape_pair_is_not_parted() {
    // 148 single septets, then pairs: the first pair does not fit into the 149th septet.
    let text = format!("{}{}", "a".repeat(148), "ş".repeat(74));
    assert_eq!(count(&text).units, 148 + 148);
    // By plain division (301 septets ÷ 149) this would be 3 segments anyway: 148 | 148 | suffix.
    assert_eq!(count(&text).segments, 3);
    // 1 + 74 pairs = 149 fills a segment exactly; 2 + 74 pairs does not, so one pair moves on.
    let even = format!("{}{}", "ş".repeat(74), "ş".repeat(71));
    assert_eq!(count(&even).units, 290, "fits 293 by division");
    assert_eq!(count(&even).segments, 2, "148 and 142 + 5");
    let tight = format!("a{}b{}", "ş".repeat(73), "ş".repeat(72));
    assert_eq!((count(&tight).units, count(&tight).segments), (292, 2), "148 | 144 + 5 = 149");
    let over = format!("{}{}bb", "ş".repeat(74), "ş".repeat(71));
    assert_eq!((count(&over).units, count(&over).segments), (292, 2), "148 | 142 + 2 + 5 = 149");
    let lost = format!("{}{}bbb", "ş".repeat(74), "ş".repeat(71));
    assert_eq!((count(&lost).units, count(&lost).segments), (293, 3), "the lost septet costs one");
}

#[test]
fn a_surrogate_pair_is_not_parted() {
    // 66 code units, then a pair: it goes to the second segment as a whole.
    let text = format!("{}😀{}", "â".repeat(66), "a".repeat(60));
    assert_eq!((count(&text).units, count(&text).segments), (128, 2), "66 | 62 + 5");
    let lost = format!("{text}a");
    assert_eq!((count(&lost).units, count(&lost).segments), (129, 3), "by division it would fit");
}

#[test]
fn an_empty_text_still_carries_the_suffix() {
    assert_eq!(
        count(""),
        Segments { encoding: Encoding::Gsm7, characters: 0, units: 0, segments: 1 }
    );
}

/// The judge: lays the units out one by one and looks where boundaries fall.
fn laid_out(costs: &[u32], single: u32, part: u32) -> u32 {
    if costs.iter().sum::<u32>() <= single {
        return 1;
    }
    let mut at = 0;
    for cost in costs {
        if at / part != (at + cost - 1) / part {
            at = (at / part + 1) * part;
        }
        at += cost;
    }
    at.div_ceil(part)
}

fn turkish_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            6 => proptest::char::range('a', 'z'),
            2 => proptest::sample::select("çğışĞİŞ".chars().collect::<Vec<_>>()),
            1 => proptest::sample::select("^{}\\[]~|€".chars().collect::<Vec<_>>()),
            1 => proptest::sample::select("öüÖÜÇ @£$0123456789.,:;'\"!?-".chars().collect::<Vec<_>>()),
        ],
        0..950,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn plain_texts_follow_the_caps(length in 0_u32..=913) {
        let counted = count(&"a".repeat(length as usize));
        prop_assert_eq!(counted.encoding, Encoding::Gsm7);
        prop_assert_eq!(Some(counted.segments), segments_by(PLAIN_CAPS, length));
    }

    #[test]
    fn turkish_texts_never_beat_the_caps(text in turkish_text()) {
        let counted = count(&text);
        prop_assume!(counted.encoding == Encoding::Turkish);
        if let Some(least) = segments_by(TURKISH_CAPS, counted.units) {
            // A pair at a boundary costs at most one septet a segment.
            prop_assert!(counted.segments >= least);
            prop_assert!(counted.segments <= least + 1);
        }
        let costs: Vec<u32> = text.chars()
            .map(|c| if "çğışĞİŞ^{}\\[]~|€".contains(c) { 2 } else { 1 })
            .chain([1; 5]).collect();
        prop_assert_eq!(counted.segments, laid_out(&costs, 155, 149));
        prop_assert_eq!(counted.units + 5, costs.iter().sum::<u32>());
    }

    #[test]
    fn any_text_is_counted_as_it_is_laid_out(text in "\\PC{0,300}") {
        let counted = count(&text);
        prop_assert_eq!(counted.characters as usize, text.chars().count());
        if counted.encoding == Encoding::Ucs2 {
            let costs: Vec<u32> =
                text.chars().map(|c| c.len_utf16() as u32).chain([1; 5]).collect();
            prop_assert_eq!(counted.units as usize, text.encode_utf16().count());
            prop_assert_eq!(counted.segments, laid_out(&costs, 70, 67));
            prop_assert!(!outside_alphabets(&text).is_empty());
        } else {
            prop_assert!(outside_alphabets(&text).is_empty());
        }
    }

    #[test]
    fn a_longer_text_never_costs_less(text in turkish_text(), more in turkish_text()) {
        let longer = format!("{text}{more}");
        prop_assert!(count(&longer).segments >= count(&text).segments);
    }
}
