use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{AC, Answer, Caller, KEY, sms};

async fn list(caller: &Caller, query: &str) -> Answer {
    caller.twilio(KEY, Method::GET, &format!("/Messages.json{query}")).await
}

fn sids(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array();
    messages.into_iter().flatten().filter_map(|message| message["sid"].as_str()).collect()
}

/// A twin whose messages arrive at once.
async fn prompt() -> Caller {
    Caller::scripted(json!({ "twilio": { "send_ms": [0, 0], "delivery_ms": [0, 0] } })).await
}

#[tokio::test]
async fn the_list_is_newest_first_and_goes_by_number_and_sender() {
    let caller = prompt().await;
    let a = caller.created("+905321234567").await;
    caller.sent("5321234567").await;
    let b = caller.created("+905321234568").await;
    let c = caller.created("+905321234567").await;
    let all = list(&caller, "").await.1;
    assert_eq!(sids(&all), [&c, &b, &a], "and Netgsm's is not in it");
    assert_eq!(all["messages"][0], caller.fetched(&c).await);
    assert_eq!(sids(&list(&caller, "?To=%2B905321234567").await.1), [&c, &a]);
    assert_eq!(sids(&list(&caller, "?To=%2B905321234567&From=KLINIK").await.1), [&c, &a]);
    assert!(sids(&list(&caller, "?From=%2B13185550100").await.1).is_empty());
    assert!(sids(&list(&caller, "?To=%2B905321234569").await.1).is_empty());
    // A plus sign that was not encoded is a blank, which is nobody's number.
    assert!(sids(&list(&caller, "?To=+905321234567").await.1).is_empty());
}

#[tokio::test]
async fn pages_are_followed_by_their_uri_and_hold_each_message_once() {
    let caller = prompt().await;
    let mut sent = Vec::new();
    for n in 0..7 {
        sent.push(caller.created("+905321234567").await);
        caller.created(&format!("+90533123456{n}")).await;
    }
    sent.reverse();
    let mut found: Vec<String> = Vec::new();
    let mut page = list(&caller, "?To=%2B905321234567&PageSize=3").await.1;
    assert_eq!(
        (&page["page"], &page["page_size"], &page["start"], &page["end"]),
        (&json!(0), &json!(3), &json!(0), &json!(2))
    );
    assert_eq!(page["previous_page_uri"], Value::Null);
    loop {
        found.extend(sids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next_page_uri"].as_str() else { break };
        assert!(
            next.starts_with(&format!(
                "/2010-04-01/Accounts/{AC}/Messages.json?To=%2B905321234567&"
            ))
        );
        // What is sent in between moves no page.
        caller.created("+905321234567").await;
        let request = caller.request(Method::GET, next).basic_auth(KEY.0, Some(KEY.1));
        page = caller.answer(request).await.1;
    }
    assert_eq!(found, sent);
    assert_eq!((&page["page"], &page["start"], &page["end"]), (&json!(2), &json!(6), &json!(6)));
}

#[tokio::test]
async fn fifty_rows_are_a_page_and_a_thousand_are_the_most() {
    let caller = prompt().await;
    for _ in 0..51 {
        caller.created("+905321234567").await;
    }
    let page = list(&caller, "").await.1;
    assert_eq!((sids(&page).len(), page["next_page_uri"].is_string()), (50, true));
    let page = list(&caller, "?PageSize=1000").await.1;
    assert_eq!((sids(&page).len(), &page["next_page_uri"]), (51, &Value::Null));
    for (query, code) in [
        ("?PageSize=1001", 20007),
        ("?PageSize=0", 20422),
        ("?PageSize=x", 20422),
        ("?Page=1", 20422),
        ("?PageToken=x", 20422),
        ("?DateSent=01.01.2026", 20422),
    ] {
        let answer = list(&caller, query).await;
        assert_eq!((answer.0, &answer.1["code"]), (400, &json!(code)), "{query}");
    }
}

#[tokio::test]
async fn the_day_of_sending_filters_and_what_is_not_sent_has_none() {
    let script = json!({ "twilio": { "send_ms": [60_000, 60_000], "delivery_ms": [0, 0] } });
    let caller = Caller::scripted(script).await;
    caller.twin.freeze_clock(true);
    let sid = caller.created("+905321234567").await;
    let day = |offset: i64| {
        let at = caller.twin.messages()[0].at.clone();
        let at = chrono::DateTime::parse_from_rfc3339(&at).unwrap();
        // The message is sent a minute later, which may be the next day.
        let sent = at + chrono::TimeDelta::try_minutes(1).unwrap();
        (sent + chrono::TimeDelta::try_days(offset).unwrap()).format("%Y-%m-%d").to_string()
    };
    let found = async |query: String| sids(&list(&caller, &query).await.1).len();
    assert_eq!(found(format!("?DateSent={}", day(0))).await, 0, "not sent yet");
    caller.twin.advance(Duration::from_mins(1));
    for (query, wanted) in [
        (format!("?DateSent={}", day(0)), 1),
        (format!("?DateSent={}T23:59:59Z", day(0)), 1),
        (format!("?DateSent={}", day(-1)), 0),
        (format!("?DateSent%3E={}", day(0)), 1),
        (format!("?DateSent>={}", day(1)), 0),
        (format!("?DateSent%3C={}", day(0)), 1),
        (format!("?DateSent%3C={}", day(-1)), 0),
        (format!("?DateSent%3E={}&DateSent%3C={}", day(-1), day(1)), 1),
    ] {
        assert_eq!(found(query.clone()).await, wanted, "{query}");
    }
    let page = list(&caller, &format!("?DateSent%3E={}", day(0))).await.1;
    assert!(page["uri"].as_str().unwrap().contains("DateSent%3E="));
    assert_eq!(sids(&page), [sid]);
}

#[tokio::test]
async fn the_list_may_lag_behind_and_the_sid_does_not() {
    let caller = Caller::scripted(json!({ "twilio": { "list_lag_ms": [5_000, 5_000] } })).await;
    caller.twin.freeze_clock(true);
    let sid = caller.created("+905321234567").await;
    assert!(sids(&list(&caller, "?To=%2B905321234567").await.1).is_empty());
    caller.fetched(&sid).await;
    caller.twin.advance(Duration::from_secs(5));
    assert_eq!(sids(&list(&caller, "?To=%2B905321234567").await.1), [sid]);
}

#[tokio::test]
async fn a_message_goes_from_queued_to_its_end_and_is_priced_once_sent() {
    let outcomes = json!({ "+905321234561": { "status": "undelivered", "error_code": 30005 },
                           "05321234562": { "status": "failed", "error_code": 30002 },
                           "5321234563": { "status": "sent" },
                           "5321234564": { "status": "queued" } });
    let script = json!({ "twilio": { "send_ms": [3_000, 3_000], "delivery_ms": [5_000, 5_000],
                                     "outcomes": outcomes } });
    let caller = Caller::scripted(script).await;
    caller.twin.freeze_clock(true);
    let mut all = Vec::new();
    for to in 0..5 {
        all.push(caller.created(&format!("+90532123456{to}")).await);
    }
    for (seconds, wanted) in [
        (0, ["queued"; 5]),
        (2, ["sending", "sending", "queued", "sending", "queued"]),
        (1, ["sent", "sent", "failed", "sent", "queued"]),
        (5, ["delivered", "undelivered", "failed", "sent", "queued"]),
        (3_600, ["delivered", "undelivered", "failed", "sent", "queued"]),
    ] {
        caller.twin.advance(Duration::from_secs(seconds));
        for (sid, status) in all.iter().zip(wanted) {
            assert_eq!(caller.fetched(sid).await["status"], status);
        }
    }
    let delivered = caller.fetched(&all[0]).await;
    assert_eq!(
        (&delivered["price"], &delivered["price_unit"]),
        (&json!("-0.04200"), &json!("USD"))
    );
    assert!(delivered["date_sent"].is_string() && delivered["error_code"].is_null());
    let failed = caller.fetched(&all[2]).await;
    assert_eq!(
        (&failed["error_code"], &failed["price"], &failed["date_sent"]),
        (&json!(30002), &Value::Null, &Value::Null)
    );
    assert_eq!(caller.fetched(&all[1]).await["error_code"], 30005);
}

#[tokio::test]
async fn a_message_is_found_by_its_own_sid_in_its_own_account_only() {
    let accounts: Vec<Value> = (1..3)
        .map(|n| {
            json!({ "account_sid": format!("AC{n:032}"), "auth_token": "twilio-token",
                    "api_keys": [{ "sid": format!("SK{n:032}"), "secret": "twilio-key-secret" }],
                    "alphanumeric": ["KLINIK"] })
        })
        .collect();
    let caller = Caller::scripted(json!({ "twilio": { "accounts": accounts } })).await;
    let sid = caller.created("+905321234567").await;
    let other = format!("/2010-04-01/Accounts/AC{:032}/Messages/{sid}.json", 2);
    let other = caller
        .request(Method::GET, &other)
        .basic_auth(format!("AC{:032}", 2), Some("twilio-token"));
    let other = caller.answer(other).await;
    assert_eq!((other.0, &other.1["code"]), (404, &json!(20404)));
    let forged = format!("{}0", &sid[..33]);
    for wrong in ["SM1", "SM00000000000000000000000000000001", forged.as_str(), "%C3%A7"] {
        let answer = caller.twilio(KEY, Method::GET, &format!("/Messages/{wrong}.json")).await;
        assert_eq!((answer.0, &answer.1["code"]), (404, &json!(20404)), "{wrong}");
    }
}

#[tokio::test]
async fn a_message_is_redacted_cancelled_and_deleted_by_the_rules() {
    let script = json!({ "twilio": { "send_ms": [1_000, 1_000], "delivery_ms": [0, 0] } });
    let caller = Caller::scripted(script).await;
    caller.twin.freeze_clock(true);
    let sid = caller.created("+905321234567").await;
    let path = format!("/Messages/{sid}.json");
    let update =
        async |form: &[(&str, &str)]| caller.twilio_form(KEY, Method::POST, &path, form).await;
    for form in
        [&[("Body", "x")][..], &[("Status", "sent")], &[("Status", "canceled"), ("Body", "")]]
    {
        let answer = update(form).await;
        assert_eq!((answer.0, &answer.1["code"]), (400, &json!(30400)), "{form:?}");
    }
    let early = caller.twilio(KEY, Method::DELETE, &path).await;
    assert_eq!((early.0, &early.1["code"]), (409, &json!(20009)));
    assert_eq!(update(&[("Body", "")]).await.1["body"], "");
    assert_eq!(caller.fetched(&sid).await["body"], "");
    assert_eq!(caller.twin.messages()[0].text, sms("")[2].1, "the log keeps what was accepted");
    caller.twin.advance(Duration::from_secs(1));
    assert_eq!(update(&[("Status", "canceled")]).await.1["code"], 30409);
    assert_eq!(caller.twilio(KEY, Method::DELETE, &path).await.0, 204);
    assert_eq!(caller.twilio(KEY, Method::GET, &path).await.0, 404);
    assert!(sids(&list(&caller, "").await.1).is_empty());
    assert_eq!(caller.twin.accepted(), 1);
}
