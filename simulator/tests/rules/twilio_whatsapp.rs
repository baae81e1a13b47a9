use reqwest::Method;
use serde_json::{Value, json};
use simulator::Provider;

use crate::caller::{AC, Caller, KEY, TOKEN};
use crate::listener::Listener;

const HX: &str = "HX00000000000000000000000000000001";
const SENDER: &str = "whatsapp:+13185550100";
const TO: &str = "whatsapp:+905321234567";
const VALUES: &str = r#"{"1":"Ayşe","2":"22.11.2026","3":"14:30"}"#;

fn form<'a>(values: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form =
        vec![("To", TO), ("From", SENDER), ("ContentSid", HX), ("ContentVariables", values)];
    for (name, value) in more {
        form.retain(|(field, _)| field != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    form
}

async fn caller(extra: Value) -> Caller {
    let mut twilio = json!({ "send_ms": [20, 20], "delivery_ms": [20, 20] });
    twilio.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Caller::scripted(json!({ "twilio": twilio })).await
}

#[tokio::test]
async fn a_template_is_taken_and_logged_with_its_words() {
    let caller = caller(json!({})).await;
    let answer = caller.create(&form(VALUES, &[])).await;
    assert_eq!(answer.0, 201, "{answer:?}");
    let words = "Sayın Ayşe, 22.11.2026 günü saat 14:30 randevunuzu hatırlatırız.";
    for (field, wanted) in [
        ("to", json!(TO)),
        ("from", json!(SENDER)),
        ("body", json!(words)),
        ("num_segments", json!("1")),
        ("status", json!("queued")),
    ] {
        assert_eq!(answer.1[field], wanted, "{field}");
    }
    let logged = caller.twin.messages_to("+905321234567").pop().unwrap();
    assert_eq!((logged.provider, logged.channel.as_str()), (Provider::Twilio, "whatsapp"));
    assert_eq!((logged.text.as_str(), logged.template.as_deref()), (words, Some(HX)));
    assert_eq!(logged.sender, SENDER);
    // the list tells the channels apart
    caller.created("+905321234567").await;
    for (to, count) in [("whatsapp%3A%2B905321234567", 1), ("%2B905321234567", 1)] {
        let page = caller.twilio(KEY, Method::GET, &format!("/Messages.json?To={to}")).await.1;
        assert_eq!(page["messages"].as_array().unwrap().len(), count, "{to}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_refused_at_once() {
    let caller = caller(json!({})).await;
    for (more, code) in [
        (&[("From", "whatsapp:+13185550101")][..], 63_007),
        (&[("From", "KLINIK")], 21_910),
        (&[("From", "")], 21_603),
        (&[("To", "whatsapp:5321234567")], 21_211),
        (&[("To", "+905321234567")], 21_910),
        (&[("ContentSid", "HX00000000000000000000000000000009")], 21_655),
        (&[("ContentSid", "")], 21_654),
        (&[("ContentVariables", "x")], 21_656),
        (&[("ContentVariables", r#"{"1":1}"#)], 21_656),
        (&[("ContentVariables", "[]")], 21_656),
    ] {
        let answer = caller.create(&form(VALUES, more)).await;
        assert_eq!(answer.1["code"], code, "{more:?} {answer:?}");
    }
    assert_eq!(caller.twin.accepted(), 0);
}

/// What WhatsApp itself says comes after the 201 only (facts A6, A7).
#[tokio::test]
async fn what_whatsapp_refuses_ends_later_with_its_code() {
    let template = |status: &str| {
        json!([{ "account_sid": AC, "auth_token": "twilio-token",
            "api_keys": [{ "sid": KEY.0, "secret": KEY.1 }], "whatsapp": ["+13185550100"],
            "contents": [{ "sid": HX, "body": "{{1}} {{2}} {{3}}", "status": status,
                "variables": { "3": "öğlen" } }] }])
    };
    for (status, values, code) in [
        ("approved", r#"{"1":"a","2":"b"}"#, Value::Null),
        ("approved", r#"{"1":"a"}"#, json!(63_028)),
        ("approved", r#"{"1":"a","2":"b","4":"c"}"#, json!(63_028)),
        ("approved", r#"{"1":"a","2":"b     c"}"#, json!(63_013)),
        ("rejected", VALUES, json!(63_040)),
        ("paused", VALUES, json!(63_041)),
        ("disabled", VALUES, json!(63_042)),
        ("unsubmitted", VALUES, json!(63_016)),
    ] {
        let caller = caller(json!({ "accounts": template(status) })).await;
        let answer = caller.create(&form(values, &[])).await;
        assert_eq!(answer.0, 201, "{answer:?}");
        caller.twin.advance(std::time::Duration::from_mins(1));
        let ended = caller.fetched(answer.1["sid"].as_str().unwrap()).await;
        assert_eq!(ended["error_code"], code, "{status} {values}");
        let wanted = if code.is_null() { "delivered" } else { "failed" };
        assert_eq!(ended["status"], wanted, "{status} {values}");
    }
    // a free text: nobody wrote in the last 24 hours
    let caller = caller(json!({})).await;
    let free = caller.create(&[("To", TO), ("From", SENDER), ("Body", "Merhaba")]).await;
    caller.twin.advance(std::time::Duration::from_mins(1));
    assert_eq!(caller.fetched(free.1["sid"].as_str().unwrap()).await["error_code"], 63_016);
}

#[tokio::test]
async fn callbacks_of_whatsapp_tell_the_channel_and_reach_read() {
    let listener = Listener::new().await;
    let outcomes = json!({ "5321234567": { "status": "read" } });
    let caller = caller(json!({ "whatsapp_outcomes": outcomes })).await;
    let url = listener.url("/h?m=ntf_a-1");
    let answer = caller.create(&form(VALUES, &[("StatusCallback", &url)])).await;
    assert_eq!(answer.0, 201, "{answer:?}");
    for (status, event) in [
        ("sending", None),
        ("sent", None),
        ("delivered", Some("DELIVERED")),
        ("read", Some("READ")),
    ] {
        let came = listener.take(200).await;
        assert_eq!(came.form["MessageStatus"], status);
        assert_eq!((came.form["To"].as_str(), came.form["From"].as_str()), (TO, SENDER));
        assert_eq!(came.form["ChannelPrefix"], "whatsapp");
        assert_eq!(came.form["ChannelToAddress"], "+905321234567");
        assert_eq!(came.form.get("EventType").map(String::as_str), event);
        assert!(!came.form.contains_key("RawDlrDoneDate"));
    }
}

#[tokio::test]
async fn a_number_without_whatsapp_and_one_that_blocked_us() {
    let outcomes = json!({ "5321234567": { "status": "undelivered", "error_code": 63_003 },
        "5321234568": { "status": "sent" } });
    let caller = caller(json!({ "whatsapp_outcomes": outcomes })).await;
    let gone = caller.create(&form(VALUES, &[])).await;
    let blocked = caller.create(&form(VALUES, &[("To", "whatsapp:+905321234568")])).await;
    caller.twin.advance(std::time::Duration::from_hours(48));
    let gone = caller.fetched(gone.1["sid"].as_str().unwrap()).await;
    assert_eq!((&gone["status"], &gone["error_code"]), (&json!("undelivered"), &json!(63_003)));
    let blocked = caller.fetched(blocked.1["sid"].as_str().unwrap()).await;
    assert_eq!((&blocked["status"], &blocked["error_code"]), (&json!("sent"), &Value::Null));
}

#[tokio::test]
async fn templates_and_approvals_are_listed_to_whoever_may() {
    let caller = Caller::new().await;
    let ask = |(user, password): (&'static str, &'static str), path: String| {
        let request = caller.request(Method::GET, &path).basic_auth(user, Some(password));
        caller.answer(request)
    };
    let page = ask(KEY, "/v1/ContentAndApprovals?PageSize=50".to_owned()).await.1;
    let content = &page["contents"][0];
    assert_eq!((&content["sid"], &content["language"]), (&json!(HX), &json!("tr")));
    assert_eq!(content["approval_requests"]["status"], "approved");
    assert_eq!(page["meta"]["next_page_url"], Value::Null);
    let one = ask(TOKEN, format!("/v1/Content/{HX}")).await.1;
    let body = one["types"]["twilio/text"]["body"].as_str().unwrap();
    assert!(body.contains("{{3}}"), "{body}");
    let approval = ask(TOKEN, format!("/v1/Content/{HX}/ApprovalRequests")).await.1;
    assert_eq!(approval["whatsapp"]["category"], "UTILITY");
    let missing = ask(KEY, "/v1/Content/HX1".to_owned()).await;
    assert_eq!((missing.0, &missing.1["code"]), (404, &json!(20404)));
    let denied = ask((AC, "wrong"), "/v1/ContentAndApprovals".to_owned()).await;
    assert_eq!((denied.0, &denied.1["code"]), (401, &json!(20003)));
}
