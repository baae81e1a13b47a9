use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Answer, Caller, OTHER, USER};

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
