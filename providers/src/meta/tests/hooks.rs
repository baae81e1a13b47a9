//! Webhooks: challenge, signature, states.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;
use crate::receipt::{Delivery, Receipt};
use crate::webhook::{HookTrouble, MOST_BODY_BYTES};

const SECRET: &str = "app-secret";

fn hook() -> Hook {
    Hook::new(SECRET.into(), "verify-me".into()).unwrap()
}

/// Computed apart from the hook.
fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

fn status(changes: &Value) -> Value {
    let mut status = json!({"id": WAMID, "status": "delivered", "timestamp": "1750857384",
        "recipient_id": "905321234567", "biz_opaque_callback_data": "ntf_abc-2",
        "pricing": {"billable": true, "pricing_model": "PMP", "type": "regular",
            "category": "utility"}});
    status.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    status
}

fn webhook(statuses: &Value) -> Vec<u8> {
    json!({"object": "whatsapp_business_account", "entry": [{"id": BUSINESS, "changes": [
        {"value": {"messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "905321234567", "phone_number_id": NUMBER},
            "statuses": statuses}, "field": "messages"}]}]})
    .to_string()
    .into_bytes()
}

fn read(body: &[u8]) -> Updates {
    hook().updates(body, Some(&signed(body))).unwrap()
}

fn one(changes: &Value) -> Receipt {
    let updates = read(&webhook(&json!([status(changes)])));
    assert_eq!((updates.statuses.len(), updates.unreadable), (1, 0));
    assert_eq!(updates.statuses[0].phone_number_id, NUMBER);
    updates.statuses[0].receipt.clone()
}

#[test]
fn the_challenge_is_given_back_to_who_knows_the_token() {
    let ask = |query: &str| hook().challenge(query);
    let good = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-me";
    assert_eq!(ask(good).as_deref(), Ok("1158201444"));
    for (query, trouble) in [
        ("", HookTrouble::Unsigned),
        ("hub.mode=subscribe&hub.challenge=1", HookTrouble::Unsigned),
        ("hub.mode=subscribe&hub.challenge=1&hub.verify_token=verify-m", HookTrouble::Forged),
        ("hub.mode=subscribe&hub.challenge=1&hub.verify_token=", HookTrouble::Forged),
        ("hub.mode=x&hub.challenge=1&hub.verify_token=verify-me", HookTrouble::Unreadable),
        ("hub.mode=subscribe&hub.verify_token=verify-me", HookTrouble::Unreadable),
        (
            "hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=verify-me",
            HookTrouble::Unreadable,
        ),
    ] {
        assert_eq!(ask(query), Err(trouble), "{query}");
    }
}

#[test]
fn only_metas_signature_over_the_raw_body_opens_it() {
    let body = webhook(&json!([status(&json!({}))]));
    let good = signed(&body);
    assert_eq!(hook().updates(&body, Some(&good)).unwrap().statuses.len(), 1);
    let upper = format!("sha256={}", good[7..].to_ascii_uppercase());
    assert!(hook().updates(&body, Some(&upper)).is_ok());
    let other = Hook::new("other".into(), "verify-me".into()).unwrap();
    assert_eq!(other.updates(&body, Some(&good)), Err(HookTrouble::Forged));
    for missing in
        [None, Some(""), Some("sha256="), Some("sha256=zz"), Some(&good[7..]), Some("sha1=00")]
    {
        assert_eq!(hook().updates(&body, missing), Err(HookTrouble::Unsigned), "{missing:?}");
    }
    // one blank more in the body, and it is another body
    let mut changed = body.clone();
    changed.push(b' ');
    assert_eq!(hook().updates(&changed, Some(&good)), Err(HookTrouble::Forged));
    let huge = vec![b' '; MOST_BODY_BYTES + 1];
    assert_eq!(hook().updates(&huge, Some(&signed(&huge))), Err(HookTrouble::TooLarge));
    for body in [&b""[..], b"[]", b"{}", b"{\"object\":\"page\",\"entry\":[]}"] {
        assert_eq!(hook().updates(body, Some(&signed(body))), Err(HookTrouble::Unreadable));
    }
    for (secret, token) in [("", "x"), ("x", "")] {
        assert!(Hook::new(secret.into(), token.into()).is_err());
    }
    assert!(!format!("{:?}", hook()).contains(SECRET));
}

#[test]
fn every_state_becomes_its_delivery_and_an_unknown_one_keeps_its_word() {
    for (word, delivery) in [
        ("sent", Some(Delivery::Sent)),
        ("delivered", Some(Delivery::Delivered)),
        ("READ", Some(Delivery::Read)),
        ("played", Some(Delivery::Read)),
        ("deleted", None),
        ("warning", None),
    ] {
        let receipt = one(&json!({"status": word}));
        assert_eq!(receipt.delivery, delivery, "{word}");
        assert_eq!(receipt.word, word.to_ascii_lowercase());
        assert_eq!(receipt.provider_ref, WAMID);
        assert_eq!(receipt.reference.as_deref(), Some("ntf_abc-2"));
        assert_eq!(receipt.at.unwrap().to_rfc3339(), "2025-06-25T13:16:24+00:00");
    }
}

#[test]
fn a_failed_message_says_why_and_shows_nobody() {
    let receipt = one(&json!({"status": "failed", "errors": [{"code": 131_026,
        "title": "Message undeliverable", "message": "Message undeliverable",
        "error_data": {"details": "905321234567 has no WhatsApp"}, "href": "https://x"}]}));
    let Some(Delivery::Failed(failure)) = &receipt.delivery else { panic!("{receipt:?}") };
    assert_eq!((failure.code.as_str(), failure.bad_number), ("meta:131026", true));
    assert_eq!(failure.detail.matches("undeliverable").count(), 2, "{}", failure.detail);
    assert_no_secret(&format!("{receipt:?}"));
    for errors in [json!(null), json!([]), json!([7]), json!([{"title": "x"}])] {
        let receipt = one(&json!({"status": "failed", "errors": errors}));
        let failure = receipt.delivery.unwrap();
        assert_eq!(failure.failure().unwrap().code, "meta:failed", "{errors}");
    }
}

#[test]
fn what_cannot_be_read_is_counted_and_the_rest_is_taken() {
    let statuses = json!([status(&json!({})), {"id": WAMID}, {"status": "sent"}, 7,
        status(&json!({"biz_opaque_callback_data": "a b", "timestamp": "soon"}))]);
    let updates = read(&webhook(&statuses));
    assert_eq!((updates.statuses.len(), updates.unreadable), (2, 3));
    assert_eq!(updates.statuses[1].receipt.reference, None);
    assert_eq!(updates.statuses[1].receipt.at, None);
    let many: Vec<Value> =
        (0..MOST_STATUSES + 3).map(|_| json!({"id": "w", "status": "sent"})).collect();
    let updates = read(&webhook(&json!(many)));
    assert_eq!((updates.statuses.len(), updates.dropped), (MOST_STATUSES, 3));
    // a patient's message, a change of a template, no number
    for body in [
        json!({"object": "whatsapp_business_account", "entry": [{"changes": [
            {"value": {"metadata": {"phone_number_id": "1"}, "messages": [{"from": "905321234567"}]}}]}]}),
        json!({"object": "whatsapp_business_account", "entry": [{"changes": [
            {"field": "message_template_status_update", "value": {"event": "PAUSED"}}]}]}),
        json!({"object": "whatsapp_business_account", "entry": [{"changes": [7]}]}),
        json!({"object": "whatsapp_business_account", "entry": [{}]}),
    ] {
        let updates = read(body.to_string().as_bytes());
        assert_eq!((updates.statuses.len(), updates.other), (0, 1), "{body}");
        assert_no_secret(&format!("{updates:?}"));
    }
    let no_number = json!({"object": "whatsapp_business_account", "entry": [{"changes": [
        {"value": {"statuses": [status(&json!({}))]}}]}]});
    assert_eq!(read(no_number.to_string().as_bytes()).unreadable, 1);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_no_other_signature_opens_it(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        flipped in 0_usize..32,
    ) {
        let good = signed(&body);
        let _ = hook().updates(&body, Some(&good));
        let mut bytes = HEXLOWER.decode(&good.as_bytes()[7..]).unwrap();
        bytes[flipped] ^= 1;
        let wrong = format!("sha256={}", HEXLOWER.encode(&bytes));
        prop_assert_eq!(hook().updates(&body, Some(&wrong)), Err(HookTrouble::Forged));
    }

    #[test]
    fn any_challenge_query_is_answered(query in "\\PC{0,80}") {
        prop_assert!(hook().challenge(&query).is_err());
    }
}
