use std::time::Duration;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::caller::{BUSINESS_ID, Caller, META_TOKEN, NUMBER_ID, template};
use crate::listener::{Came, Listener};

/// The signature computed apart from the twin (facts A8).
fn signed(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"app-secret").unwrap();
    mac.update(body);
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

async fn caller(listener: &Listener, extra: Value) -> Caller {
    let mut meta = json!({ "send_ms": [20, 20], "delivery_ms": [20, 20], "read_ms": [20, 20],
        "webhook_retry_ms": [],
        "accounts": [{ "phone_number_id": NUMBER_ID, "display_phone_number": "+90 850 123 45 67",
            "business_account_id": BUSINESS_ID, "access_token": META_TOKEN,
            "app_secret": "app-secret", "webhook_url": listener.url("/v1/webhooks/whatsapp/status/tok"),
            "templates": [{ "name": "randevu_hatirlatma", "language": "tr", "body": "{{1}} {{2}} {{3}}" }]
        }] });
    meta.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Caller::scripted(json!({ "meta": meta })).await
}

async fn send(caller: &Caller) -> String {
    let answer = caller.whatsapp(&template("905321234567")).await;
    assert_eq!(answer.0, 200, "{answer:?}");
    answer.1["messages"][0]["id"].as_str().unwrap().to_owned()
}

/// The statuses of a webhook, after its envelope was looked at.
fn statuses(came: &Came) -> Vec<Value> {
    assert_eq!(came.headers["x-hub-signature-256"], signed(&came.body));
    assert_eq!(came.headers["content-type"], "application/json");
    let body: Value = serde_json::from_slice(&came.body).unwrap();
    assert_eq!(body["object"], "whatsapp_business_account");
    assert_eq!(body["entry"][0]["id"], BUSINESS_ID);
    let change = &body["entry"][0]["changes"][0];
    assert_eq!(change["field"], "messages");
    let value = &change["value"];
    assert_eq!(value["messaging_product"], "whatsapp");
    let metadata = json!({ "display_phone_number": "908501234567", "phone_number_id": NUMBER_ID });
    assert_eq!(value["metadata"], metadata);
    value["statuses"].as_array().unwrap().clone()
}

async fn next(listener: &Listener) -> Value {
    let statuses = statuses(&listener.take(200).await);
    assert_eq!(statuses.len(), 1);
    statuses[0].clone()
}

#[tokio::test]
async fn every_status_comes_signed_with_our_reference() {
    let listener = Listener::new().await;
    let caller = caller(&listener, json!({ "default_outcome": { "status": "read" } })).await;
    let id = send(&caller).await;
    for word in ["sent", "delivered", "read"] {
        let status = next(&listener).await;
        assert_eq!((&status["status"], &status["id"]), (&json!(word), &json!(id)));
        assert_eq!(status["biz_opaque_callback_data"], "ntf_abc-1");
        assert_eq!(status["recipient_id"], "905321234567");
        let timestamp = status["timestamp"].as_str().unwrap();
        assert!(timestamp.len() == 10 && timestamp.parse::<u64>().is_ok());
        assert_eq!(status["pricing"]["category"], "utility");
    }
}

#[tokio::test]
async fn a_failure_carries_its_code_and_may_come_after_sent() {
    let listener = Listener::new().await;
    let outcomes =
        json!({ "5321234567": { "status": "failed", "error_code": 131_026, "after_sent": true } });
    let caller = caller(&listener, json!({ "outcomes": outcomes })).await;
    send(&caller).await;
    assert_eq!(next(&listener).await["status"], "sent");
    let failed = next(&listener).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["errors"][0]["code"], 131_026);
    assert_eq!(failed["errors"][0]["title"], "Message Undeliverable");
    assert!(failed["pricing"].is_null());
}

#[tokio::test]
async fn a_free_text_fails_for_want_of_the_window() {
    let listener = Listener::new().await;
    let caller = caller(&listener, json!({})).await;
    let free = json!({ "messaging_product": "whatsapp", "to": "905321234567", "type": "text",
        "text": { "body": "Merhaba" } });
    assert_eq!(caller.whatsapp(&free).await.0, 200);
    let failed = next(&listener).await;
    assert_eq!(failed["errors"][0]["code"], 131_047);
    assert!(failed["biz_opaque_callback_data"].is_null());
}

#[tokio::test]
async fn statuses_may_come_twice_in_the_wrong_order_and_without_delivered() {
    let listener = Listener::new().await;
    let extra = json!({ "webhook_copies": 2, "webhooks_reversed": true,
        "read_without_delivered": true, "statuses_per_webhook": 4, "gather_ms": 5_000,
        "default_outcome": { "status": "read" } });
    let caller = caller(&listener, extra).await;
    send(&caller).await;
    let words: Vec<Value> = statuses(&listener.take(200).await)
        .into_iter()
        .map(|status| status["status"].clone())
        .collect();
    assert_eq!(words, ["read", "read", "sent", "sent"]);
}

#[tokio::test]
async fn a_fault_loses_a_status_or_makes_it_late() {
    let listener = Listener::new().await;
    let caller = caller(&listener, json!({ "default_outcome": { "status": "read" } })).await;
    let callback = |kind| Fault::new(Provider::Meta, Operation::Callback, kind);
    caller
        .twin
        .add_fault(callback(FaultKind::Slow { ms: 1_500 }).number("0532 123 45 67").times(1))
        .unwrap();
    caller.twin.add_fault(callback(FaultKind::Down).account(NUMBER_ID).times(1)).unwrap();
    send(&caller).await;
    // sent is late, delivered was lost
    assert_eq!(next(&listener).await["status"], "read");
    assert_eq!(next(&listener).await["status"], "sent");
    assert_eq!(caller.twin.stats()["webhooks"]["lost"], 1);
}

#[tokio::test]
async fn what_is_not_answered_200_comes_again_alike() {
    let listener = Listener::new().await;
    let extra = json!({ "webhook_retry_ms": [10, 10], "default_outcome": { "status": "sent" } });
    let caller = caller(&listener, extra).await;
    send(&caller).await;
    let first = listener.take(500).await;
    let second = listener.take(403).await;
    let third = listener.take(200).await;
    assert!(first.body == second.body && second.body == third.body);
    let counted = async {
        loop {
            let webhooks = caller.twin.stats()["webhooks"].clone();
            if webhooks["answered"] == 1 {
                break webhooks;
            }
            tokio::task::yield_now().await;
        }
    };
    let webhooks = tokio::time::timeout(Duration::from_secs(5), counted).await.unwrap();
    let wanted = json!({ "answered": 1, "failed": 0, "dropped": 0, "lost": 0, "statuses": 1 });
    assert_eq!(webhooks, wanted);
}

#[tokio::test]
async fn a_subscription_shakes_hands_and_moves_the_webhooks() {
    let (old, listener) = (Listener::new().await, Listener::new().await);
    let caller = caller(&old, json!({ "default_outcome": { "status": "sent" } })).await;
    let subscribe = |token: &'static str| {
        let body = json!({ "business_account_id": BUSINESS_ID, "url": listener.url("/hook?x=1"),
            "verify_token": token });
        let caller = &caller;
        async move { caller.post("/_simulator/meta/subscribe", &body).await }
    };
    let challenge = |came: &Came| {
        let query = came.path.split_once('?').unwrap().1.to_owned();
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        assert_eq!(
            (came.method.as_str(), value("hub.mode").as_deref()),
            ("GET", Some("subscribe"))
        );
        assert_eq!(value("x").as_deref(), Some("1"));
        match value("hub.verify_token").as_deref() {
            Some("verify-me") => (200, value("hub.challenge").unwrap()),
            _ => (403, String::new()),
        }
    };
    let (answer, _) = tokio::join!(subscribe("wrong"), listener.answer(challenge));
    assert_eq!(answer.0, 400, "{answer:?}");
    let (answer, _) = tokio::join!(subscribe("verify-me"), listener.answer(challenge));
    assert_eq!(answer.0, 200, "{answer:?}");
    send(&caller).await;
    let came = listener.take(200).await;
    assert_eq!(came.path, "/hook?x=1");
    assert_eq!(statuses(&came)[0]["status"], "sent");
    let unknown = caller.twin.subscribe_meta("7", &listener.url("/"), "verify-me").await;
    assert!(unknown.unwrap_err().to_string().contains("business_account_id 7"));
}
