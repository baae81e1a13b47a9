//! What no text of ours may say.

use schemas::{Channel, Language};
use serde_json::json;
use templates::Encoding;

use crate::desk::{Desk, with};
use crate::golden::shapes;

/// One promotion sentence makes a message commercial (facts/netgsm_iys.md B5).
const PROMOTION: [&str; 22] = [
    "indirim",
    "kampanya",
    "fırsat",
    "hediye",
    "ücretsiz",
    "bedava",
    "promosyon",
    "kaçırma",
    "avantaj",
    "puan kazan",
    "size özel",
    "http",
    "www.",
    "%",
    "discount",
    "offer",
    "free",
    "sale",
    "promo",
    "gift",
    "bonus",
    "deal",
];

/// Health data has no place on a lock screen (facts/netgsm_iys.md B6).
const HEALTH: [&str; 24] = [
    "teşhis",
    "tanı",
    "tedavi",
    "muayene",
    "ameliyat",
    "tahlil",
    "reçete",
    "ilaç",
    "hastalık",
    "diş ",
    "göz ",
    "kalp",
    "psikiyatr",
    "psikolog",
    "kardiyo",
    "onkolo",
    "jinekolo",
    "üroloji",
    "diagnos",
    "treatment",
    "surgery",
    "clinic for",
    "dental",
    "prescription",
];

fn lower(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'İ' => 'i',
            'I' => 'ı',
            other => other.to_lowercase().next().unwrap_or(other),
        })
        .collect()
}

#[test]
fn no_text_promotes_or_tells_why_somebody_is_treated() {
    let desk = Desk::new();
    let mut seen = 0;
    for shape in shapes() {
        for language in ["tr", "en"] {
            let data = with(shape.data.clone(), &[("recipient.language", json!(language))]);
            let text = desk.text(shape.event_type, &data);
            for word in PROMOTION.iter().chain(&HEALTH) {
                assert!(!lower(&text).contains(&lower(word)), "{word:?} in {text}");
            }
            seen += 1;
        }
    }
    assert!(seen > 20);
}

#[test]
fn normal_texts_are_at_most_two_segments() {
    let desk = Desk::new();
    for event_type in desk.registry.types() {
        for language in [Language::Tr, Language::En] {
            let message =
                desk.renderer.preview(event_type, &desk.clinic, language, Channel::Sms).unwrap();
            assert!(message.segments.segments <= 2, "{}", message.text.expose());
            assert_ne!(message.segments.encoding, Encoding::Ucs2);
        }
    }
    for shape in shapes().iter().filter(|s| !s.name.contains("long")) {
        for language in ["tr", "en"] {
            let data = with(shape.data.clone(), &[("recipient.language", json!(language))]);
            let message = desk.render(&desk.event(shape.event_type, &data)).unwrap();
            assert!(message.segments.segments <= 2, "{}", message.text.expose());
        }
    }
}

#[test]
fn no_built_in_text_has_a_character_of_no_sms_alphabet() {
    assert_eq!(Desk::new().renderer.notes(), [""; 0]);
}

#[test]
fn sentences_are_whole_whatever_is_absent() {
    let desk = Desk::new();
    for shape in shapes() {
        for language in ["tr", "en"] {
            let data = with(shape.data.clone(), &[("recipient.language", json!(language))]);
            let text = desk.text(shape.event_type, &data);
            for hole in ["  ", " .", " ,", "..", ": .", "{", "}", "()", ", .", ":."] {
                assert!(!text.contains(hole), "{hole:?} in {text}");
            }
        }
    }
}
