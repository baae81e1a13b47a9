//! `preview_event`: what a person would read, and what it would cost at each provider.

use schemas::Channel;
use serde_json::{Value, json};
use templates::{Encoding, Preview, PreviewError, Provider};

use crate::desk::{Desk, REMINDER, now, reminder, with};

fn body(data: &Value) -> String {
    json!({
        "specversion": "1.0", "id": "01JD", "source": "/clinics/atasehir", "type": REMINDER,
        "time": "2026-11-21T10:00:00+03:00", "data": data,
    })
    .to_string()
}

fn preview(body: &str, prices: &[(Provider, &str)]) -> Result<Preview, PreviewError> {
    let desk = Desk::new();
    desk.renderer.preview_event(
        &desk.registry,
        body.as_bytes(),
        &desk.clinic,
        Channel::Sms,
        now(),
        prices,
    )
}

#[test]
fn a_preview_is_the_text_and_its_price_at_each_provider() {
    let found =
        preview(&body(&reminder()), &[(Provider::Netgsm, "0.0525"), (Provider::Twilio, "0.25")])
            .unwrap();
    assert!(found.text.expose().starts_with("Sayın Ayşe, 22 Kasım 2026 Pazar 14:30 için"));
    assert_eq!(found.template, "appointment-reminder/tr/sms");
    assert_eq!((found.encoding, found.characters), (Encoding::Turkish, 201));
    let costs: Vec<_> = found
        .costs
        .iter()
        .map(|cost| {
            (cost.provider, cost.segments.encoding, cost.segments.segments, cost.price.as_deref())
        })
        .collect();
    assert_eq!(
        costs,
        [
            (Provider::Netgsm, Encoding::Turkish, 2, Some("0.1050")),
            // 201 is 3 × 67.
            (Provider::Twilio, Encoding::Ucs2, 3, Some("0.75")),
        ]
    );
    assert!(found.outside_alphabets.is_empty());
    assert!(!format!("{found:?}").contains("Ayşe"));
    let free = preview(&body(&reminder()), &[]).unwrap();
    assert!(free.costs.iter().all(|cost| cost.price.is_none()));
}

#[test]
fn what_cannot_be_previewed_says_why_without_its_values() {
    let broken = with(reminder(), &[("recipient.phone", json!("12"))]);
    let refused = preview(&body(&broken), &[]).unwrap_err();
    assert!(refused.to_string().starts_with("the event would be refused: "), "{refused}");
    assert!(refused.to_string().contains("/data/recipient/phone"), "{refused}");
    assert!(matches!(preview("{", &[]).unwrap_err(), PreviewError::Refused(_)));
    let other = body(&reminder()).replace("/clinics/atasehir", "/clinics/other");
    assert!(preview(&other, &[]).unwrap_err().to_string().contains("unknown-clinic"));
    let price = preview(&body(&reminder()), &[(Provider::Twilio, "0,25")]).unwrap_err();
    assert_eq!(
        price.to_string(),
        "the price of a segment at twilio is no decimal: write it like 0.0525"
    );
}
