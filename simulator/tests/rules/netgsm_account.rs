use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Answer, Caller, OTHER, USER, prompt};

async fn get(caller: &Caller, (name, password): (&str, &str), path: &str) -> Answer {
    let path = format!("/sms/rest/v2/{path}");
    caller.answer(caller.request(Method::GET, &path).basic_auth(name, Some(password))).await
}

#[tokio::test]
async fn headers_are_those_of_the_account() {
    let caller = Caller::new().await;
    let answer = get(&caller, USER, "msgheader?appname=x").await;
    assert_eq!(answer.1["msgheaders"], json!(["8501234567", "KLINIK", "DISKLINIGI"]));
    assert_eq!(
        get(&caller, OTHER, "msgheader").await.1["msgheaders"],
        json!(["8507654321", "OTHER"])
    );
    assert_eq!(get(&caller, ("x", "y"), "msgheader").await.code(), "30");
}

#[tokio::test]
async fn an_inbox_message_is_handed_out_once_without_dates_and_always_with() {
    let inbox = json!([{ "account": "8501234567", "message": "IPTAL", "sender": "5321234567",
                         "datetime": "15.01.2026 14:30:00" }]);
    let caller = Caller::scripted(json!({ "netgsm": { "inbox": inbox } })).await;
    assert_eq!(get(&caller, OTHER, "inbox").await.code(), "40");
    let first = get(&caller, USER, "inbox").await;
    assert_eq!(first.1["messages"][0]["message"], "IPTAL");
    assert_eq!(get(&caller, USER, "inbox").await.code(), "40");
    let range = "inbox?startdate=15012026000000&stopdate=15012026235959";
    assert_eq!(get(&caller, USER, range).await.code(), "00");
    let elsewhere = "inbox?startdate=16012026&stopdate=17012026";
    assert_eq!(get(&caller, USER, elsewhere).await.code(), "40");
    let too_long = "inbox?startdate=01012026&stopdate=15032026";
    assert_eq!(get(&caller, USER, too_long).await.code(), "60");
    assert_eq!(get(&caller, USER, "inbox?startdate=2026-01-15&stopdate=x").await.code(), "70");
}

#[tokio::test]
async fn balance_takes_its_credentials_in_the_body() {
    let account = json!({ "username": "8501234567", "password": "netgsm-secret", "senders": ["KLINIK"],
                          "credit": 579 });
    let caller = Caller::scripted(json!({ "netgsm": { "accounts": [account] } })).await;
    caller.sent("5321234567").await;
    let ask = |password: &str, stip: Value| json!({ "usercode": "8501234567", "password": password, "stip": stip });
    let packages = caller.post("/balance", &ask("netgsm-secret", json!(1))).await;
    assert_eq!(packages.1, json!({ "balance": [{ "amount": 578, "balance_name": "SMS Count" }] }));
    let credit = caller.post("/balance", &ask("netgsm-secret", json!(2))).await;
    assert_eq!(credit.1, json!({ "code": "00", "balance": "57,800" }));
    assert_eq!(caller.post("/balance", &ask("wrong", json!(1))).await.code(), "30");
    assert_eq!(caller.post("/balance", &ask("netgsm-secret", json!(9))).await.code(), "70");
}

fn iys_body(data: &Value) -> Value {
    json!({ "header": { "username": "8501234567", "password": "netgsm-secret", "brandCode": "100001" },
            "body": { "data": data } })
}

#[tokio::test]
async fn consents_go_to_iys_through_netgsm_and_are_found_again() {
    let mut script = prompt();
    script["iys"]["consents"] = json!({ "default": "NONE" });
    let caller = Caller::scripted(script).await;
    let key = json!({ "type": "MESAJ", "recipient": "+905321234567", "recipientType": "BIREYSEL" });
    let unknown = caller.post("/iys/search", &iys_body(&json!([key]))).await;
    assert_eq!(unknown.1, json!({ "code": 50, "error": "Kayıt Bulunamadı." }));
    // HS_2015 has the one date that never grows too old.
    let record = json!({ "type": "MESAJ", "recipient": "+905321234567", "recipientType": "BIREYSEL",
                         "status": "ONAY", "source": "HS_2015", "consentDate": "2015-05-01 00:00:00",
                         "refid": "our-id" });
    let added = caller.post("/iys/add", &iys_body(&json!([record]))).await;
    assert_eq!((&added.1["code"], &added.1["error"]), (&json!("0"), &json!("false")));
    assert!(added.1["uid"].is_string());
    let found = caller.post("/iys/search", &iys_body(&json!([key]))).await;
    assert_eq!(found.1["query"]["status"], "ONAY");
}

#[tokio::test]
async fn a_bad_record_a_wrong_password_and_a_foreign_brand_are_refused() {
    let caller = Caller::new().await;
    let bad = json!([{ "type": "MESAJ", "recipient": "0532" }]);
    let refused = caller.post("/iys/add", &iys_body(&bad)).await;
    assert_eq!(
        (&refused.1["code"], &refused.1["erroritem"][0]["recipient"]),
        (&json!(70), &json!("0532"))
    );
    let mut body = iys_body(&bad);
    body["header"]["password"] = json!("wrong");
    assert_eq!(caller.post("/iys/add", &body).await.1["code"], 30);
    let mut body = iys_body(&bad);
    body["header"]["brandCode"] = json!("2");
    assert_eq!(caller.post("/iys/search", &body).await.1["code"], 51);
}
