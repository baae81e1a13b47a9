//! Bodies from the broker and from HTTP: events, references, facts; and the canonical form that digests are of.

use schemas::{Incoming, MAX_BODY_BYTES, Refusal, Rule};
use serde_json::Value;

use super::registry;
use crate::check::{choose, has_number, head, holds_nothing_planted, one_line};

fn knows(clinic: &str) -> bool {
    matches!(clinic, "atasehir" | "kadikoy")
}

const KEYS: [Option<&str>; 6] = [
    None,
    None,
    Some("ulak.appointment-reminder.v1"),
    Some("ulak.payment-receipt.v1"),
    Some("clinic.payment-received.v1"),
    Some("ulak.\u{0}"),
];

/// An event or a reference, from a notification queue.
pub(super) fn event(input: &[u8]) {
    let ([key], body) = head(input);
    let key = choose(&KEYS, key);
    let read = registry().read(body, key, &knows);
    assert_eq!(read, registry().read(body, key, &knows), "one body, two answers");
    match read {
        Ok(Incoming::Event(event)) => {
            assert!(body.len() <= MAX_BODY_BYTES && knows(event.clinic.as_str()));
            let debug = format!("{event:?}");
            assert!(!debug.contains(event.recipient.phone.national()), "Debug holds the number");
            holds_nothing_planted("Debug of an event", &debug);
            let kept = event.envelope_json();
            let again = registry().reopen(&kept).expect("what was kept is read back");
            assert_eq!(again.envelope_json(), kept, "what is kept changes when it is read back");
            assert_eq!((again.ntf(), again.digest()), (event.ntf(), event.digest()));
            assert_eq!(again.recipient, event.recipient);
            assert_canonical(&kept);
            let policy = &registry().get(&event.event_type).expect("its type").policy;
            let _ = (event.same_thing(policy), event.gap_key(policy), event.expires_at(policy));
        }
        Ok(Incoming::Reference(reference)) => {
            let written = reference.to_json();
            let key = Some(reference.event_type.as_str());
            let again = registry().read(&written, key, &knows).expect("our own reference");
            assert_eq!(again, Incoming::Reference(reference));
        }
        Err(refusal) => refused(&refusal, body),
    }
}

/// A fact, from `ulak.facts`.
pub(super) fn fact(input: &[u8]) {
    let ([key], body) = head(input);
    let key = choose(&KEYS, key);
    let read = registry().read_fact(body, key, &knows);
    assert_eq!(read, registry().read_fact(body, key, &knows), "one body, two answers");
    match read {
        Ok(fact) => {
            holds_nothing_planted("Debug of a fact", &format!("{fact:?}"));
            let kept = fact.envelope_json();
            let again = registry().reopen_fact(&kept).expect("what was kept is read back");
            assert_eq!(again.envelope_json(), kept, "what is kept changes when it is read back");
            assert_eq!((again.fact_id(), again.digest()), (fact.fact_id(), fact.digest()));
            assert_canonical(&kept);
            let _ = (fact.fact.phone(), fact.fact.appointment());
        }
        Err(refusal) => refused(&refusal, body),
    }
}

/// What the ledger had sealed: read without the schema, and so without its protection.
pub(super) fn reopen(input: &[u8]) {
    if let Ok(event) = registry().reopen(input) {
        let kept = event.envelope_json();
        assert_eq!(registry().reopen(&kept).expect("kept").envelope_json(), kept);
    }
    if let Ok(fact) = registry().reopen_fact(input) {
        let kept = fact.envelope_json();
        assert_eq!(registry().reopen_fact(&kept).expect("kept").envelope_json(), kept);
    }
}

/// RFC 8785: the canonical form of a value is the canonical form of itself.
pub(super) fn canonical(input: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    let Ok(written) = serde_json_canonicalizer::to_vec(&value) else { return };
    assert_canonical(&written);
}

fn assert_canonical(written: &[u8]) {
    let value: Value = serde_json::from_slice(written).expect("canonical JSON is JSON");
    let again = serde_json_canonicalizer::to_vec(&value).expect("canonical");
    assert_eq!(
        String::from_utf8_lossy(&again),
        String::from_utf8_lossy(written),
        "canonical JSON has a canonical form other than itself"
    );
}

/// A refusal names rule and place, and no value.
fn refused(refusal: &Refusal, body: &[u8]) {
    // what a rule means may hold an example of how a time is written
    // and a place names unknown fields that look like identifiers (`schemas/README.md`), numbers never
    one_line("the refusal", &refusal.to_string());
    // each name for itself: places of nested arrays are digits between slashes
    assert!(!refusal.path.split('/').any(has_number), "{}", refusal.path);
    assert!(refusal.path.len() <= 1_000, "a path of {} bytes", refusal.path.len());
    assert_eq!(Rule::parse(refusal.rule.as_str()), Some(refusal.rule));
    assert_eq!(body.len() > MAX_BODY_BYTES, refusal.rule == Rule::TooLarge);
    for name in [&refusal.source, &refusal.id].into_iter().flatten() {
        assert!(name.len() <= 1_000 && !name.chars().any(char::is_control), "{name:?}");
    }
    if refusal.rule == Rule::NotUtf8 {
        assert!(std::str::from_utf8(body).is_err());
    }
}
