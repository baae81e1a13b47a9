use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{BRAND, Caller, login};

fn refresh(token: &Value) -> Value {
    json!({ "grant_type": "refresh_token", "refresh_token": token["refresh_token"] })
}

#[tokio::test]
async fn a_password_gives_a_token_that_lives_two_hours() {
    let caller = Caller::new().await;
    let token = caller.token().await;
    assert_eq!((&token["expires_in"], &token["refresh_expires_in"]), (&json!(7200), &json!(14400)));
    assert_eq!(token["token_type"], "bearer");
    let brands = "/sps/100001/brands";
    assert_eq!(caller.iys(&token, Method::GET, brands, &Value::Null).await.0, 200);
    caller.twin.advance(Duration::from_secs(7201));
    let late = caller.iys(&token, Method::GET, brands, &Value::Null).await;
    assert_eq!((late.0, late.errors()), (401, vec!["H351"]));
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_spends_the_old_refresh_token() {
    let caller = Caller::new().await;
    let first = caller.token().await;
    let second = caller.post("/oauth2/token", &refresh(&first)).await.1;
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let again = caller.post("/oauth2/token", &refresh(&first)).await;
    assert_eq!((again.0, &again.1["error"]), (400, &json!("invalid_grant")));
    caller.twin.advance(Duration::from_secs(14_401));
    let late = caller.post("/oauth2/token", &refresh(&second)).await;
    assert_eq!((late.0, &late.1["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_form_is_as_good_as_json() {
    let caller = Caller::new().await;
    let form = [("username", "iys-user"), ("password", "iys-secret"), ("grant_type", "password")];
    let answer = caller.answer(caller.request(Method::POST, "/oauth2/token").form(&form)).await;
    assert_eq!(answer.0, 200);
}

#[tokio::test]
async fn wrong_credentials_get_401_h251_or_by_a_switch_400() {
    let mut wrong = login();
    wrong["password"] = json!("wrong");
    let answer = Caller::new().await.post("/oauth2/token", &wrong).await;
    assert_eq!((answer.0, answer.errors()), (401, vec!["H251"]));
    let script = json!({ "iys": { "credential_refusal": "invalid_request" } });
    let answer = Caller::scripted(script).await.post("/oauth2/token", &wrong).await;
    assert_eq!((answer.0, &answer.1["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn missing_parts_of_a_login_are_named() {
    let caller = Caller::scripted(json!({ "iys": { "limits": { "enabled": false } } })).await;
    for (body, error) in [
        (json!({}), "invalid_request"),
        (json!({ "grant_type": "" }), "invalid_grant"),
        (json!({ "grant_type": "magic" }), "invalid_grant"),
        (json!({ "grant_type": "password", "password": "x" }), "invalid_request"),
        (json!({ "grant_type": "password", "username": "x" }), "invalid_request"),
        (json!({ "grant_type": "refresh_token" }), "invalid_request"),
    ] {
        let answer = caller.post("/oauth2/token", &body).await;
        assert_eq!((answer.0, &answer.1["error"]), (400, &json!(error)), "{body}");
    }
}

#[tokio::test]
async fn the_eleventh_token_of_an_hour_is_banned_and_each_call_starts_the_hour_anew() {
    let caller = Caller::new().await;
    caller.twin.freeze_clock(true);
    for _ in 0..10 {
        caller.token().await;
        caller.twin.advance(Duration::from_millis(150));
    }
    let banned = caller.post("/oauth2/token", &login()).await;
    assert_eq!((banned.0, banned.errors()), (429, vec!["H084"]));
    caller.twin.advance(Duration::from_secs(3_590));
    assert_eq!(caller.post("/oauth2/token", &login()).await.errors(), ["H084"]);
    caller.twin.advance(Duration::from_secs(3_590));
    assert_eq!(caller.post("/oauth2/token", &login()).await.errors(), ["H084"]);
    caller.twin.advance(Duration::from_secs(3_601));
    caller.token().await;
}

#[tokio::test]
async fn the_eleventh_request_of_a_second_gets_h124() {
    let caller = Caller::new().await;
    caller.twin.freeze_clock(true);
    let token = caller.token().await;
    let path = format!("{BRAND}/consents/BIREYSEL/status/MESAJ");
    let body = json!({ "recipients": ["+905321234567"] });
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(caller.iys(&token, Method::POST, &path, &body).await.0);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 9, "{statuses:?}");
    assert_eq!(caller.iys(&token, Method::POST, &path, &body).await.errors(), ["H124"]);
    caller.twin.advance(Duration::from_secs(1));
    assert_eq!(caller.iys(&token, Method::POST, &path, &body).await.0, 200);
}

#[tokio::test]
async fn a_bearer_that_is_not_ours_gets_h351_and_a_foreign_code_h353() {
    let caller = Caller::new().await;
    let path = format!("{BRAND}/consents/BIREYSEL/status/MESAJ");
    let body = json!({ "recipients": ["+905321234567"] });
    assert_eq!(caller.post(&path, &body).await.errors(), ["H351"]);
    let made_up = json!({ "access_token": "made-up" });
    assert_eq!(caller.iys(&made_up, Method::POST, &path, &body).await.0, 401);
    let token = caller.token().await;
    for foreign in ["/sps/2/brands/100001", "/sps/100001/brands/2"] {
        let path = format!("{foreign}/consents/BIREYSEL/status/MESAJ");
        let answer = caller.iys(&token, Method::POST, &path, &body).await;
        assert_eq!((answer.0, answer.errors()), (403, vec!["H353"]), "{foreign}");
    }
}
