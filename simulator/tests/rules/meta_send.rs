use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::caller::{BUSINESS_ID, Caller, META_TOKEN, NUMBER_ID, template};

/// Status, code, subcode of a refusal.
async fn refused(caller: &Caller, body: &Value) -> (u16, u64) {
    let answer = caller.whatsapp(body).await;
    let error = &answer.1["error"];
    assert!(error["message"].is_string() && error["fbtrace_id"].is_string(), "{answer:?}");
    (answer.0, error["code"].as_u64().unwrap())
}

/// A good message with a change at a place.
fn with(place: &str, value: Value) -> Value {
    let mut body = template("905321234567");
    *body.pointer_mut(place).unwrap() = value;
    body
}

#[tokio::test]
async fn an_accepted_message_is_answered_and_logged_with_its_words() {
    let caller = Caller::new().await;
    for to in ["905321234567", "+90 532 123 45 67"] {
        let answer = caller.whatsapp(&template(to)).await;
        assert_eq!(answer.0, 200, "{answer:?}");
        let id = answer.1["messages"][0]["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("wamid."));
        assert_eq!(
            answer.1,
            json!({ "messaging_product": "whatsapp",
                "contacts": [{ "input": to, "wa_id": "905321234567" }],
                "messages": [{ "id": id, "message_status": "accepted" }] })
        );
        let logged = caller.twin.messages_to("5321234567").pop().unwrap();
        assert_eq!((logged.provider, logged.jobid), (Provider::Meta, id));
        assert_eq!((logged.channel.as_str(), logged.to.as_str()), ("whatsapp", "5321234567"));
        assert_eq!(logged.template.as_deref(), Some("randevu_hatirlatma/tr"));
        assert_eq!(logged.text, "Sayın Ayşe, 22.11.2026 günü saat 14:30 randevunuzu hatırlatırız.");
        assert_eq!(logged.reference.as_deref(), Some("ntf_abc-1"));
        assert_eq!(
            (logged.account.as_str(), logged.sender.as_str()),
            (NUMBER_ID, "whatsapp:+908501234567")
        );
    }
}

#[tokio::test]
async fn a_token_opens_its_own_number_and_account_and_nothing_else() {
    let caller = Caller::new().await;
    let path = format!("/v23.0/{NUMBER_ID}/messages");
    let body = template("905321234567");
    let plain = caller.answer(caller.request(Method::POST, &path).json(&body)).await;
    assert_eq!((plain.0, &plain.1["error"]["code"]), (401, &json!(0)));
    let wrong = caller.request(Method::POST, &path).bearer_auth("wrong").json(&body);
    let wrong = caller.answer(wrong).await;
    assert_eq!((wrong.0, &wrong.1["error"]["code"]), (401, &json!(190)));
    let elsewhere = caller.request(Method::POST, "/v23.0/7/messages").bearer_auth(META_TOKEN);
    let elsewhere = caller.answer(elsewhere.json(&body)).await;
    assert_eq!((elsewhere.0, &elsewhere.1["error"]["code"]), (400, &json!(100)));
    assert_eq!(elsewhere.1["error"]["error_subcode"], 33);
    assert_eq!(caller.meta("7/message_templates").await.1["error"]["error_subcode"], 33);
    assert_eq!(caller.twin.accepted(), 0);
}

#[tokio::test]
async fn each_rule_of_a_message_has_its_code() {
    let caller = Caller::new().await;
    let text = |text: &str| json!({ "type": "text", "text": text });
    let place = "/template/components/0/parameters";
    for (body, status, code) in [
        (json!({}), 400, 100),
        (with("/messaging_product", json!("sms")), 400, 100),
        (with("/recipient_type", json!("group")), 400, 100),
        (with("/to", json!("x")), 400, 131_009),
        (with("/type", json!("image")), 400, 131_051),
        (with("/template", Value::Null), 400, 131_008),
        (with("/template/name", json!("makbuz")), 404, 132_001),
        (with("/template/language/code", json!("en_US")), 404, 132_001),
        (with("/template/components", json!([])), 400, 132_000),
        (with(place, json!([text("a"), text("b")])), 400, 132_000),
        (with(place, json!([text("a"), text("b"), text("c"), text("d")])), 400, 132_000),
        (with(place, json!([text("a"), text("b"), text("")])), 400, 131_008),
        (with(place, json!([text("a"), text("b"), text("a\nb")])), 400, 132_018),
        (with(place, json!([text("a"), text("b"), text("a     b")])), 400, 132_018),
        (with(place, json!([text("a"), text("b"), { "type": "image" }])), 400, 132_012),
        (with(place, json!([text("a"), text("b"), text(&"x".repeat(1_100))])), 400, 132_005),
        (with("/biz_opaque_callback_data", json!("x".repeat(513))), 400, 100),
    ] {
        assert_eq!(refused(&caller, &body).await, (status, code), "{body}");
    }
    assert_eq!(caller.twin.accepted(), 0);
    // a text outside the 24 hours is taken, and fails later
    let free = json!({ "messaging_product": "whatsapp", "to": "905321234567", "type": "text",
        "text": { "body": "Merhaba" } });
    assert_eq!(caller.whatsapp(&free).await.0, 200);
}

fn script(templates: &Value) -> Value {
    json!({ "meta": { "accounts": [{ "phone_number_id": NUMBER_ID,
        "display_phone_number": "+90 850 123 45 67", "business_account_id": BUSINESS_ID,
        "access_token": META_TOKEN, "app_secret": "s", "templates": templates }] } })
}

#[tokio::test]
async fn a_template_that_is_not_approved_is_refused_by_its_state() {
    for (state, status, code) in [
        ("PAUSED", 400, 132_015),
        ("DISABLED", 400, 132_016),
        ("PENDING", 404, 132_001),
        ("REJECTED", 404, 132_001),
    ] {
        let one = json!([{ "name": "randevu_hatirlatma", "language": "tr", "status": state,
            "body": "{{1}} {{2}} {{3}}" }]);
        let caller = Caller::scripted(script(&one)).await;
        assert_eq!(refused(&caller, &template("905321234567")).await, (status, code), "{state}");
    }
}

#[tokio::test]
async fn buttons_take_the_values_that_they_need() {
    let templates = json!([{ "name": "onay", "language": "tr", "body": "Geliyor musunuz?",
        "buttons": [{ "kind": "quick_reply", "text": "Evet" },
            { "kind": "url", "text": "Aç", "url": "https://k.example/{{1}}" },
            { "kind": "phone_number", "text": "Ara" }] }]);
    let caller = Caller::scripted(script(&templates)).await;
    let body = |components: Value| {
        let mut body = template("905321234567");
        body["template"] =
            json!({ "name": "onay", "language": { "code": "tr" }, "components": components });
        body
    };
    let url = json!({ "type": "button", "sub_type": "url", "index": "1",
        "parameters": [{ "type": "text", "text": "r/1" }] });
    let reply = json!({ "type": "button", "sub_type": "quick_reply", "index": 0,
        "parameters": [{ "type": "payload", "payload": "OK" }] });
    assert_eq!(caller.whatsapp(&body(json!([url]))).await.0, 200);
    assert_eq!(caller.whatsapp(&body(json!([url, reply]))).await.0, 200);
    assert_eq!(refused(&caller, &body(json!([reply]))).await, (400, 131_008));
    let misplaced = json!({ "type": "button", "sub_type": "url", "index": "0",
        "parameters": [{ "type": "text", "text": "r/1" }] });
    assert_eq!(refused(&caller, &body(json!([url, misplaced]))).await, (400, 132_012));
    let header = json!({ "type": "header", "parameters": [{ "type": "text", "text": "x" }] });
    assert_eq!(refused(&caller, &body(json!([url, header]))).await, (400, 132_012));
}

#[tokio::test]
async fn templates_are_listed_in_pages_and_only_the_fields_asked_for() {
    let many: Vec<Value> = (0..5)
        .map(|n| json!({ "name": format!("t{n}"), "language": "tr", "body": "{{1}}" }))
        .collect();
    let caller = Caller::scripted(script(&json!(many))).await;
    let path = format!("{BUSINESS_ID}/message_templates?fields=name,status&limit=2");
    let first = caller.meta(&path).await.1;
    assert_eq!(
        first["data"][0],
        json!({ "name": "t0", "status": "APPROVED", "id": "1000000000000000" })
    );
    let (mut names, mut page) = (Vec::new(), first);
    loop {
        let rows = page["data"].as_array().unwrap();
        names.extend(rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        if page["paging"]["next"].is_null() {
            break;
        }
        let after = page["paging"]["cursors"]["after"].as_str().unwrap();
        page = caller.meta(&format!("{path}&after={after}")).await.1;
    }
    assert_eq!(names, ["t0", "t1", "t2", "t3", "t4"]);
    let one = caller.meta(&format!("{BUSINESS_ID}/message_templates?name=t3")).await.1;
    assert_eq!(one["data"][0]["components"][0], json!({ "type": "BODY", "text": "{{1}}" }));
    let number = caller.meta(&format!("{NUMBER_ID}?fields=quality_rating")).await.1;
    assert_eq!(number, json!({ "quality_rating": "GREEN", "id": NUMBER_ID }));
}

#[tokio::test]
async fn faults_strike_by_number_and_give_any_code_and_the_throughput_is_limited() {
    let caller = Caller::new().await;
    for (code, status) in [("131026", 400), ("131000", 500), ("130429", 429), ("999", 400)] {
        let kind = FaultKind::Code { code: code.to_owned() };
        let fault = Fault::new(Provider::Meta, Operation::Send, kind).number("5321234567");
        caller.twin.add_fault(fault.times(1)).unwrap();
        assert_eq!(caller.whatsapp(&template("905321234568")).await.0, 200);
        let refused = refused(&caller, &template("905321234567")).await;
        assert_eq!(refused, (status, code.parse().unwrap()));
    }
    let mut script = script(&json!([{ "name": "randevu_hatirlatma", "language": "tr",
        "body": "{{1}} {{2}} {{3}}" }]));
    script["meta"]["accounts"][0]["max_messages_per_s"] = json!(1);
    let caller = Caller::scripted(script).await;
    caller.twin.freeze_clock(true);
    assert_eq!(caller.whatsapp(&template("905321234567")).await.0, 200);
    assert_eq!(refused(&caller, &template("905321234567")).await, (429, 130_429));
}
