use std::collections::BTreeMap;
use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha1::Sha1;
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::caller::{AC, Caller, SERVICE};
use crate::listener::Listener;

/// The signature computed apart from the twin (facts A4).
fn signed(url: &str, form: &BTreeMap<String, String>) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(b"twilio-token").unwrap();
    mac.update(url.as_bytes());
    for (name, value) in form {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64.encode(&mac.finalize().into_bytes())
}

async fn caller(extra: serde_json::Value) -> Caller {
    let mut twilio = json!({ "send_ms": [20, 20], "delivery_ms": [20, 20] });
    twilio.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Caller::scripted(json!({ "twilio": twilio })).await
}

async fn send(caller: &Caller, url: &str) -> String {
    let form = [
        ("To", "+905321234567"),
        ("MessagingServiceSid", SERVICE),
        ("Body", "x"),
        ("StatusCallback", url),
    ];
    let answer = caller.create(&form).await;
    assert_eq!(answer.0, 201, "{answer:?}");
    answer.1["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_status_but_the_first_comes_as_a_signed_form() {
    let listener = Listener::new().await;
    let caller = caller(json!({})).await;
    let url = listener.url("/v1/twilio/status?m=01JD");
    let sid = send(&caller, &format!("{url}#rc=2")).await;
    for status in ["queued", "sending", "sent", "delivered"] {
        let came = listener.take(204).await;
        assert_eq!(came.path, "/v1/twilio/status?m=01JD");
        assert_eq!(came.form["MessageStatus"], status);
        for (name, wanted) in [
            ("MessageSid", sid.as_str()),
            ("SmsSid", &sid),
            ("SmsStatus", status),
            ("AccountSid", AC),
            ("From", "KLINIK"),
            ("To", "+905321234567"),
            ("ApiVersion", "2010-04-01"),
            ("MessagingServiceSid", SERVICE),
        ] {
            assert_eq!(came.form[name], wanted, "{name}");
        }
        assert_eq!(came.form.contains_key("RawDlrDoneDate"), status == "delivered");
        assert!(!came.form.contains_key("ErrorCode"));
        assert_eq!(came.headers["x-twilio-signature"], signed(&url, &came.form));
        assert!(came.headers["content-type"].starts_with("application/x-www-form-urlencoded"));
    }
}

#[tokio::test]
async fn an_end_that_failed_tells_its_error() {
    let listener = Listener::new().await;
    let caller =
        caller(json!({ "default_outcome": { "status": "undelivered", "error_code": 30003 } }))
            .await;
    send(&caller, &listener.url("/")).await;
    for status in ["queued", "sending", "sent", "undelivered"] {
        let came = listener.take(200).await;
        assert_eq!(came.form["MessageStatus"], status);
        let error = came.form.get("ErrorCode").map(String::as_str);
        assert_eq!(error, (status == "undelivered").then_some("30003"));
    }
}

#[tokio::test]
async fn callbacks_may_come_twice_and_in_the_wrong_order() {
    let listener = Listener::new().await;
    let caller = caller(json!({ "callback_copies": 2, "callbacks_reversed": true })).await;
    send(&caller, &listener.url("/")).await;
    let mut came = Vec::new();
    for _ in 0..8 {
        came.push(listener.take(200).await.form["MessageStatus"].clone());
    }
    assert_eq!(
        came,
        ["delivered", "delivered", "sent", "sent", "sending", "sending", "queued", "queued"]
    );
}

#[tokio::test]
async fn an_answer_500_is_not_tried_again_unless_the_url_asks_for_it() {
    let listener = Listener::new().await;
    let caller =
        caller(json!({ "default_outcome": { "status": "failed", "error_code": 30002 } })).await;
    send(&caller, &listener.url("/plain")).await;
    for status in ["queued", "failed"] {
        assert_eq!(listener.take(500).await.form["MessageStatus"], status);
    }
    send(&caller, &listener.url("/again#rc=1&rp=5xx")).await;
    let first = listener.take(500).await;
    let second = listener.take(200).await;
    assert_eq!((first.form, &first.path), (second.form, &second.path));
    let token = "i-twilio-idempotency-token";
    assert_eq!(first.headers[token], second.headers[token]);
    assert_eq!(listener.take(200).await.form["MessageStatus"], "failed");
}

#[tokio::test]
async fn without_a_status_callback_nothing_is_posted_and_the_counters_say_what_was() {
    let listener = Listener::new().await;
    let caller =
        caller(json!({ "default_outcome": { "status": "failed", "error_code": 30002 } })).await;
    caller.created("+905321234567").await;
    send(&caller, &listener.url("/")).await;
    listener.take(200).await;
    let last = listener.take(404).await;
    assert_eq!(last.form["MessageStatus"], "failed");
    // The counter is written after the answer was read.
    let counted = async {
        loop {
            let callbacks = caller.twin.stats()["callbacks"].clone();
            if callbacks["failed"] == 1 {
                break callbacks;
            }
            tokio::task::yield_now().await;
        }
    };
    let callbacks = tokio::time::timeout(Duration::from_secs(5), counted).await.unwrap();
    assert_eq!(callbacks, json!({ "answered": 1, "failed": 1, "dropped": 0, "lost": 0 }));
}

#[tokio::test]
async fn a_fault_loses_a_callback_or_makes_it_late() {
    let listener = Listener::new().await;
    let caller = caller(json!({})).await;
    let callback = |kind| Fault::new(Provider::Twilio, Operation::Callback, kind);
    caller.twin.add_fault(callback(FaultKind::Down).number("5321234567").times(1)).unwrap();
    caller.twin.add_fault(callback(FaultKind::Slow { ms: 1_500 }).times(1)).unwrap();
    send(&caller, &listener.url("/")).await;
    let mut came = Vec::new();
    for _ in 0..3 {
        came.push(listener.take(200).await.form["MessageStatus"].clone());
    }
    // queued was lost, sending came last
    assert_eq!(came, ["sent", "delivered", "sending"]);
    assert_eq!(caller.twin.stats()["callbacks"]["lost"], 1);
}
