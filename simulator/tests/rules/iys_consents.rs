use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::Consent;

use crate::caller::{Answer, BRAND, Caller, prompt};

struct Iys {
    caller: Caller,
    token: Value,
}

impl Iys {
    async fn new(default: &str) -> Self {
        let mut script = prompt();
        script["iys"]["consents"] = json!({ "default": default });
        Self::scripted(script).await
    }

    async fn scripted(script: Value) -> Self {
        let caller = Caller::scripted(script).await;
        let token = caller.token().await;
        Self { caller, token }
    }

    async fn post(&self, call: &str, body: &Value) -> Answer {
        self.caller.iys(&self.token, Method::POST, &format!("{BRAND}/{call}"), body).await
    }

    async fn get(&self, call: &str) -> Answer {
        self.caller.iys(&self.token, Method::GET, &format!("{BRAND}/{call}"), &Value::Null).await
    }

    async fn batch(&self, recipients: &Value) -> Answer {
        self.post("consents/BIREYSEL/status/MESAJ", &json!({ "recipients": recipients })).await
    }
}

/// An upload whose date never grows too old.
fn upload(recipient: &str, status: &str) -> Value {
    json!({ "recipient": recipient, "recipientType": "BIREYSEL", "type": "MESAJ", "status": status,
            "source": "HS_2015", "consentDate": "2015-05-01 00:00:00" })
}

#[tokio::test]
async fn a_batch_lists_only_those_with_onay() {
    let iys = Iys::new("ONAY").await;
    iys.caller.twin.set_consent("0532 123 45 67", Consent::Ret).unwrap();
    iys.caller.twin.set_consent("+905321234568", Consent::None).unwrap();
    let answer = iys
        .batch(&json!(["+905321234567", "+905321234568", "+905321234569", "+9005321234569"]))
        .await;
    assert_eq!((answer.0, &answer.1["list"]), (200, &json!(["+905321234569"])));
    assert!(answer.1["requestId"].as_str().is_some_and(|id| id.len() == 36));
    iys.caller.twin.set_default_consent(Consent::None);
    assert_eq!(iys.batch(&json!(["+905321234569"])).await.1["list"], json!([]));
}

#[tokio::test]
async fn a_batch_takes_a_thousand_and_refuses_one_more() {
    let iys = Iys::new("ONAY").await;
    let numbers = |count: u64| -> Value {
        (0..count).map(|n| Value::from(format!("+90532{n:07}"))).collect()
    };
    let full = iys.batch(&numbers(1000)).await;
    assert_eq!(full.1["list"].as_array().unwrap().len(), 1000);
    let over = iys.batch(&numbers(1001)).await;
    assert_eq!((over.0, over.errors()), (422, vec!["H125"]));
}

#[tokio::test]
async fn a_wrong_batch_is_refused_with_its_code() {
    let iys = Iys::new("ONAY").await;
    for (recipients, codes) in [
        (json!([]), vec!["H164"]),
        (json!("x"), vec!["H478"]),
        (json!(["5321234567", "+905321234567", "x"]), vec!["H121", "H121"]),
        (json!(["+905321234567", "+905321234567"]), vec!["H193"]),
        (json!(["a@b.com"]), vec!["H464"]),
        (json!(["+90532123456789012"]), vec!["H166"]),
    ] {
        let answer = iys.batch(&recipients).await;
        assert_eq!((answer.0, answer.errors()), (422, codes), "{recipients}");
    }
    let call = "consents/BIREYSEL/status/MESAJ";
    assert_eq!(iys.post(call, &json!({})).await.errors(), ["H168"]);
    assert_eq!(iys.post(call, &json!({ "numbers": [] })).await.errors(), ["H118"]);
    let path = format!("{BRAND}/{call}");
    let token = iys.token["access_token"].as_str().unwrap();
    let broken = iys.caller.request(Method::POST, &path).bearer_auth(token).body("[");
    assert_eq!(iys.caller.answer(broken).await.errors(), ["H014"]);
    let good = json!({ "recipients": ["+905321234567"] });
    assert_eq!(iys.post("consents/KISI/status/MESAJ", &good).await.errors(), ["H116"]);
    assert_eq!(iys.post("consents/TACIR/status/SMS", &good).await.errors(), ["H117"]);
}

#[tokio::test]
async fn a_single_query_shows_the_record() {
    let iys = Iys::new("NONE").await;
    iys.caller.twin.set_consent("+905321234567", Consent::Ret).unwrap();
    let query = |recipient: &str| json!({ "recipient": recipient, "recipientType": "BIREYSEL", "type": "MESAJ" });
    let found = iys.post("consents/status", &query("+905321234567")).await;
    assert_eq!((found.0, &found.1["status"]), (200, &json!("RET")));
    assert_eq!(found.1["transactionId"].as_str().unwrap().len(), 64);
    assert_eq!(iys.post("consents/status", &query("+905321234568")).await.0, 404);
    assert_eq!(iys.post("consents/status", &query("0532")).await.errors(), ["H121"]);
    let without = json!({ "recipient": "+905321234567", "type": "MESAJ" });
    assert_eq!(iys.post("consents/status", &without).await.errors(), ["H170"]);
}

#[tokio::test]
async fn the_1001st_single_query_of_an_hour_gets_h086() {
    let mut script = prompt();
    script["iys"]["limits"] = json!({ "requests_per_s": 0, "single_queries_per_h": 3 });
    let iys = Iys::scripted(script).await;
    let query =
        json!({ "recipient": "+905321234567", "recipientType": "BIREYSEL", "type": "MESAJ" });
    for _ in 0..3 {
        assert_eq!(iys.post("consents/status", &query).await.0, 200);
    }
    let over = iys.post("consents/status", &query).await;
    assert_eq!((over.0, over.errors()), (429, vec!["H086"]));
    assert_eq!(iys.batch(&json!(["+905321234567"])).await.0, 200, "batches have no such limit");
    iys.caller.twin.advance(Duration::from_secs(3_601));
    assert_eq!(iys.post("consents/status", &query).await.0, 200);
    assert_eq!(simulator::IysLimits::default().single_queries_per_h, 1_000);
}

#[tokio::test]
async fn an_upload_is_found_afterwards_and_the_business_rules_hold() {
    let iys = Iys::new("NONE").await;
    let to = "+905321234567";
    assert_eq!(iys.post("consents", &upload(to, "RET")).await.errors(), ["H175"]);
    let stored = iys.post("consents", &upload(to, "ONAY")).await;
    assert_eq!(stored.1["transactionId"].as_str().unwrap().len(), 64);
    assert_eq!(iys.batch(&json!([to])).await.1["list"], json!([to]));
    let again = iys.post("consents", &upload(to, "ONAY")).await;
    assert_eq!((again.0, again.errors()), (400, vec!["H174"]));
    assert_eq!(iys.post("consents", &upload(to, "RET")).await.errors(), ["H178"]);
    let mut unknown = upload(to, "RET");
    unknown["phone"] = json!("x");
    let unknown = iys.post("consents", &unknown).await;
    assert_eq!((unknown.0, unknown.errors()), (422, vec!["H118"]));
}

#[tokio::test]
async fn the_v2_upload_gives_an_identical_repeat_the_first_answer_again() {
    let iys = Iys::new("NONE").await;
    let path = format!("/v2{BRAND}/consents");
    let body = upload("+905321234567", "ONAY");
    let first = iys.caller.iys(&iys.token, Method::POST, &path, &body).await;
    let second = iys.caller.iys(&iys.token, Method::POST, &path, &body).await;
    assert_eq!((second.0, &second), (200, &first));
}

#[tokio::test]
async fn an_asynchronous_upload_is_known_five_minutes_later() {
    let iys = Iys::new("NONE").await;
    let body = json!([upload("+905321234567", "ONAY"), upload("+905321234568", "RET")]);
    let taken = iys.post("consents/request", &body).await;
    assert_eq!((taken.0, taken.1["subRequests"].as_array().unwrap().len()), (202, 2));
    let call = format!("consents/request/{}", taken.1["requestId"].as_str().unwrap());
    assert_eq!(iys.get(&call).await.1, json!([]));
    iys.caller.twin.advance(Duration::from_secs(301));
    let done = iys.get(&call).await.1;
    assert_eq!((&done[0]["status"], &done[1]["status"]), (&json!("success"), &json!("failure")));
    assert_eq!(done[1]["error"]["code"], "H175");
}

#[tokio::test]
async fn a_wrong_asynchronous_upload_is_refused_whole() {
    let iys = Iys::new("NONE").await;
    let one = upload("+905321234567", "ONAY");
    let twice = iys.post("consents/request", &json!([one, one])).await;
    assert_eq!((twice.errors(), &twice.1["errors"][0]["index"]), (vec!["H194"], &json!(1)));
    let many: Vec<&Value> = vec![&one; 1001];
    assert_eq!(iys.post("consents/request", &json!(many)).await.errors(), ["H091"]);
    assert_eq!(iys.post("consents/request", &json!([])).await.errors(), ["H092"]);
}

#[tokio::test]
async fn changes_are_told_an_hour_later_and_page_by_page() {
    let iys = Iys::new("NONE").await;
    for n in 0..3 {
        let body = upload(&format!("+90532123456{n}"), "ONAY");
        assert_eq!(iys.post("consents", &body).await.0, 200);
    }
    assert_eq!(iys.get("consents/changes?source=HS").await.0, 204);
    iys.caller.twin.advance(Duration::from_secs(3_700));
    assert_eq!(iys.get("consents/changes").await.0, 204, "nobody changed anything at İYS itself");
    let first = iys.get("consents/changes?source=HS&limit=2").await.1;
    assert_eq!(first["list"].as_array().unwrap().len(), 2);
    let after = first["after"].as_str().unwrap();
    let rest = iys.get(&format!("consents/changes?source=HS&after={after}")).await.1;
    assert_eq!(rest["list"][0]["recipient"], "+905321234562");
    assert_eq!(rest["list"].as_array().unwrap().len(), 1);
    assert_eq!(iys.get("consents/changes?limit=1001").await.errors(), ["H507"]);
    assert_eq!(iys.get("consents/changes?source=X").await.errors(), ["H506"]);
}

#[tokio::test]
async fn history_and_brands_know_what_was_uploaded() {
    let iys = Iys::new("NONE").await;
    iys.post("consents", &upload("+905321234567", "ONAY")).await;
    let query =
        json!({ "recipient": "+905321234567", "recipientType": "BIREYSEL", "type": "MESAJ" });
    let history = iys.post("consents/history", &query).await.1;
    assert_eq!(history["list"][0]["status"], "ONAY");
    let brands = iys.caller.iys(&iys.token, Method::GET, "/sps/100001/brands", &Value::Null).await;
    assert_eq!(brands.1[0]["brandCode"], 100_001);
    assert_eq!(brands.1[0]["stats"]["consents"]["approval"], 1);
}
