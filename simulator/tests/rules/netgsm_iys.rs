use std::time::Duration;

use serde_json::{Value, json};
use simulator::{Consent, Fault, FaultKind, Operation, Provider};

use crate::caller::{Answer, Caller, USER, message, prompt};

/// A body with good credentials and the account's brand.
fn asked(data: &Value) -> Value {
    json!({ "header": { "username": "8501234567", "password": "netgsm-secret", "brandCode": "100001" },
            "body": { "data": data } })
}

fn key(recipient: &str) -> Value {
    json!({ "type": "MESAJ", "recipient": recipient, "recipientType": "BIREYSEL" })
}

/// HS_2015 has the one date that never grows too old.
fn record(recipient: &str) -> Value {
    json!({ "type": "MESAJ", "recipient": recipient, "recipientType": "BIREYSEL", "status": "ONAY",
            "source": "HS_2015", "consentDate": "2015-05-01 00:00:00" })
}

fn search_of(recipient: &str) -> Value {
    asked(&json!([key(recipient)]))
}

async fn search(caller: &Caller, recipient: &str) -> Answer {
    caller.post("/iys/search", &search_of(recipient)).await
}

async fn caller_without_consents() -> Caller {
    let mut script = prompt();
    script["iys"]["consents"] = json!({ "default": "NONE" });
    Caller::scripted(script).await
}

#[tokio::test]
async fn consents_go_to_iys_through_netgsm_and_are_found_again() {
    let caller = caller_without_consents().await;
    let unknown = search(&caller, "+905321234567").await;
    assert_eq!(unknown, Answer(200, json!({ "code": 50, "error": "Kayıt Bulunamadı." })));
    let mut record = record("+905321234567");
    record["refid"] = json!("our-id");
    let added = caller.post("/iys/add", &asked(&json!([record]))).await;
    assert_eq!((&added.1["code"], &added.1["error"]), (&json!("0"), &json!("false")));
    assert!(added.1["uid"].is_string());
    let found = search(&caller, "+905321234567").await.1;
    assert_eq!((&found["code"], &found["error"]), (&json!("0"), &json!("false")));
    let query = &found["query"];
    assert_eq!((&query["status"], &query["source"]), (&json!("ONAY"), &json!("HS_2015")));
    assert_eq!(query["consentDate"], "2015-05-01 00:00:00");
    for field in [
        "recipientType",
        "recipient",
        "type",
        "creationDate",
        "retailerAccessCount",
        "transactionId",
    ] {
        assert!(query.get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn the_search_and_the_twin_of_iys_know_the_same_consents() {
    let caller = caller_without_consents().await;
    let body = json!({ "numbers": { "0532 123 45 67": "ONAY", "0532 123 45 68": "RET" } });
    assert_eq!(caller.post("/_simulator/consents", &body).await.0, 200);
    assert_eq!(search(&caller, "+905321234567").await.1["query"]["status"], "ONAY");
    assert_eq!(search(&caller, "+905321234568").await.1["query"]["status"], "RET");
    caller.twin.set_consent("+905321234567", Consent::None).unwrap();
    assert_eq!(search(&caller, "+905321234567").await.1["code"], 50);
    // What was uploaded through Netgsm is what İYS's own batch lists.
    caller.post("/iys/add", &asked(&json!([record("+905321234569")]))).await;
    let token = caller.token().await;
    let batch = json!({ "recipients": ["+905321234567", "+905321234569"] });
    let path = format!("{}/consents/BIREYSEL/status/MESAJ", crate::caller::BRAND);
    let listed = caller.iys(&token, reqwest::Method::POST, &path, &batch).await;
    assert_eq!(listed.1["list"], json!(["+905321234569"]));
}

#[tokio::test]
async fn wrong_credentials_get_30_and_another_brand_gets_51() {
    let caller = Caller::new().await;
    for path in ["/iys/add", "/iys/search"] {
        for (field, value, code) in [
            ("username", json!("nobody"), 30),
            ("password", json!("wrong"), 30),
            ("brandCode", json!("2"), 51),
        ] {
            let mut body = search_of("+905321234567");
            body["header"][field] = value;
            assert_eq!(caller.post(path, &body).await.1["code"], code, "{path} {field}");
        }
    }
    let mut body = search_of("+905321234567");
    body["header"]["brandCode"] = json!(100_001);
    assert_eq!(caller.post("/iys/search", &body).await.1["code"], "0", "a number is a brand code");
}

#[tokio::test]
async fn an_account_without_iys_or_without_a_brand_gets_51_and_never_50() {
    for extra in [json!({ "iys": false }), json!({ "brand_code": null })] {
        let mut account = json!({ "username": "8501234567", "password": "netgsm-secret" });
        account.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let caller = Caller::scripted(json!({ "netgsm": { "accounts": [account] } })).await;
        assert_eq!(search(&caller, "+905321234567").await.1["code"], 51);
    }
}

#[tokio::test]
async fn a_search_names_one_address_in_full_and_anything_else_gets_70() {
    let caller = Caller::new().await;
    let mut bodies = vec![json!({}), json!([]), asked(&json!([])), asked(&json!({}))];
    bodies.push(asked(&json!([key("+905321234567"), key("+905321234568")])));
    for (field, value) in [
        ("recipient", json!("5321234567")),
        ("recipient", json!("a@b.com")),
        ("recipient", Value::Null),
        ("type", json!("SMS")),
        ("recipientType", json!("SAHIS")),
        ("recipientType", Value::Null),
    ] {
        let mut item = key("+905321234567");
        item[field] = value;
        bodies.push(asked(&json!([item])));
    }
    caller.twin.freeze_clock(true);
    for body in bodies {
        let answer = caller.post("/iys/search", &body).await;
        assert_eq!(answer.1, json!({ "code": 70, "error": "Hatalı JSON formatı." }), "{body}");
        caller.twin.advance(Duration::from_mins(1));
    }
}

#[tokio::test]
async fn an_upload_with_a_bad_record_stores_none_and_names_the_bad_ones() {
    let caller = caller_without_consents().await;
    let mut without_type = record("+905321234568");
    without_type.as_object_mut().unwrap().remove("recipientType");
    let body = asked(&json!([record("+905321234567"), record("0532"), without_type]));
    let refused = caller.post("/iys/add", &body).await;
    assert_eq!(
        refused,
        Answer(
            200,
            json!({ "code": 70, "error": "Hatalı JSON formatı.",
            "erroritem": [{ "recipient": "0532" }, { "recipient": "+905321234568" }] })
        )
    );
    assert_eq!(search(&caller, "+905321234567").await.1["code"], 50);
}

#[tokio::test]
async fn an_upload_holds_500_records() {
    let caller = caller_without_consents().await;
    let records = |count: u64| {
        let records = (0..count).map(|n| record(&format!("+9053200{n:05}")));
        asked(&Value::Array(records.collect()))
    };
    assert_eq!(caller.post("/iys/add", &records(501)).await.1["code"], 70);
    assert_eq!(caller.post("/iys/add", &records(500)).await.1["code"], "0");
    assert_eq!(search(&caller, "+905320000499").await.1["query"]["status"], "ONAY");
}

#[tokio::test]
async fn ten_calls_a_minute_and_account_and_then_80() {
    let caller = Caller::new().await;
    caller.twin.freeze_clock(true);
    for n in 0..10 {
        let path = if n % 2 == 0 { "/iys/search" } else { "/iys/add" };
        assert_ne!(caller.post(path, &search_of("+905321234567")).await.1["code"], 80, "{n}");
    }
    assert_eq!(search(&caller, "+905321234567").await.1["code"], 80);
    assert_eq!(caller.send(&message("5321234567")).await.code(), "00", "sending is not counted");
    caller.twin.advance(Duration::from_mins(1));
    assert_eq!(search(&caller, "+905321234567").await.1["code"], "0");
    let caller = Caller::scripted(json!({ "netgsm": { "iys_requests_per_minute": 0 } })).await;
    for _ in 0..15 {
        assert_eq!(search(&caller, "+905321234567").await.1["code"], "0");
    }
}

#[tokio::test]
async fn the_shape_of_an_error_is_a_switch() {
    for (shape, wanted) in [
        (
            "http200",
            Answer(200, json!({ "code": 30, "error": "Kullanıcı adı ya da şifre hatalı." })),
        ),
        (
            "http406",
            Answer(406, json!({ "code": 30, "error": "Kullanıcı adı ya da şifre hatalı." })),
        ),
        ("text", Answer(200, json!(30))),
    ] {
        let caller = Caller::scripted(json!({ "netgsm": { "iys_errors": shape } })).await;
        let mut body = search_of("+905321234567");
        body["header"]["password"] = json!("wrong");
        assert_eq!(caller.post("/iys/search", &body).await, wanted);
    }
}

#[tokio::test]
async fn faults_on_iys_strike_both_calls_and_those_on_one_call_only_it() {
    let caller = Caller::new().await;
    let fault = |operation, kind| Fault::new(Provider::Netgsm, operation, kind);
    let code = FaultKind::Code { code: "100".into() };
    caller.twin.add_fault(fault(Operation::Iys, code).times(2)).unwrap();
    let down = FaultKind::Http { status: 503 };
    caller.twin.add_fault(fault(Operation::IysSearch, down).number("5321234567")).unwrap();
    let add = asked(&json!([record("+905321234567")]));
    let struck = json!({ "code": 100, "error": "Sistem hatası." });
    assert_eq!(caller.post("/iys/add", &add).await.1, struck);
    assert_eq!(search(&caller, "+905321234568").await.1, struck);
    assert_eq!(search(&caller, "+905321234567").await.0, 503);
    assert_eq!(search(&caller, "+905321234568").await.1["code"], "0");
    assert_eq!(caller.netgsm(USER, "send", &message("5321234567")).await.code(), "00");
}
