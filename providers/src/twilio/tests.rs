use std::time::Duration;

use chrono::{DateTime, Utc};
use schemas::PhoneNumber;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::peer::{Peer, Then, answer};
use crate::{FailedKind, Freshness, LaneTrouble, Limits, Outcome, ProbeTrouble};

mod hooks;
mod verdicts;
mod whatsapp;

const TEXT: &str = "Sayın Ayşe Yılmaz, 22.11.2026 14:30 randevunuz vardır.";
const SECRETS: [&str; 7] =
    ["Ayşe", "Ayse", "Yılmaz", "5321234567", "randevunuz", "twilio-secret", "AC0123456789"];
const AC: &str = "AC0123456789abcdef0123456789abcdef";
const SK: &str = "SK0123456789abcdef0123456789abcdef";
const MG: &str = "MG0123456789abcdef0123456789abcdef";
const SM: &str = "SM0123456789abcdef0123456789abcdef";

fn phone() -> PhoneNumber {
    PhoneNumber::parse("+905321234567").unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn secret() -> SecretString {
    SecretString::from("twilio-secret")
}

fn account(url: &str) -> Account {
    let from = From::Number("KLINIK".into());
    Account { base_url: url.into(), ..Account::new("default", AC, Auth::Token(secret()), from) }
}

fn client(account: Account) -> Client {
    let total = Duration::from_millis(800);
    Client::new(account, Limits { total, ..Limits::default() }).unwrap()
}

fn sms(to: &PhoneNumber) -> TwilioSms<'_> {
    TwilioSms {
        to,
        text: TEXT,
        validity: Duration::from_millis(5_400_999),
        reference: "ntf_abc-2",
        attempt: 2,
        status_callback: Some("https://klinik.example/v1/webhooks/twilio/sms/tok#rc=5&rp=all"),
    }
}

/// A message as Twilio answers it (A1).
fn message() -> Value {
    json!({"account_sid": AC, "api_version": "2010-04-01", "body": TEXT,
        "date_created": "Sat, 21 Nov 2026 18:42:10 +0000", "date_sent": null,
        "date_updated": "Sat, 21 Nov 2026 18:42:10 +0000", "direction": "outbound-api",
        "error_code": null, "error_message": null, "from": "KLINIK",
        "messaging_service_sid": null, "num_media": "0", "num_segments": "2", "price": null,
        "price_unit": null, "sid": SM, "status": "queued",
        "subresource_uris": {"media": "/x/Media.json"}, "to": "+905321234567",
        "uri": "/2010-04-01/x.json"})
}

fn with(changes: &[(&str, Value)]) -> String {
    let mut message = message();
    for (name, value) in changes {
        message[name] = value.clone();
    }
    message.to_string()
}

/// The fields of the form in a request, in their order.
fn form_of(request: &str) -> Vec<(String, String)> {
    let body = request.split_once("\r\n\r\n").unwrap().1;
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn assert_no_secret(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn a_send_says_every_field_and_takes_the_sid() {
    let peer = Peer::start(vec![Then::Say(answer(201, "", &message().to_string()))]).await;
    let outcome = client(account(&peer.url())).send(sms(&phone()), Freshness::start()).await;
    let Outcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
    assert_eq!(accepted.provider_ref, SM);
    assert_eq!((accepted.code.as_str(), accepted.warning), ("twilio:queued", None));
    let request = peer.seen().remove(0);
    let path = format!("POST /2010-04-01/Accounts/{AC}/Messages.json HTTP/1.1\r\n");
    assert!(request.starts_with(&path), "{request}");
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"), "{request}");
    let basic = data_encoding::BASE64.encode(format!("{AC}:twilio-secret").as_bytes());
    assert!(request.contains(&format!("authorization: Basic {basic}\r\n")), "{request}");
    assert!(request.contains("&Body=Say%C4%B1n+Ay%C5%9Fe+Y%C4%B1lmaz%2C+22.11"), "{request}");
    assert_eq!(
        form_of(&request),
        pairs(&[
            ("To", "+905321234567"),
            ("From", "KLINIK"),
            ("Body", TEXT),
            ("ValidityPeriod", "5400"),
            ("SmartEncoded", "false"),
            ("Attempt", "2"),
            (
                "StatusCallback",
                "https://klinik.example/v1/webhooks/twilio/sms/tok?m=ntf_abc-2#rc=5&rp=all"
            ),
        ])
    );
}

#[tokio::test]
async fn an_api_key_signs_a_message_of_a_service_and_the_path_keeps_the_account() {
    let body = with(&[("status", json!("accepted")), ("from", Value::Null)]);
    let peer = Peer::start(vec![Then::Say(answer(201, "", &body))]).await;
    let account = Account {
        auth: Auth::Key { sid: SK.into(), secret: secret() },
        from: From::MessagingService(MG.into()),
        ..account(&peer.url())
    };
    let to = phone();
    let plain = TwilioSms { status_callback: None, validity: Duration::MAX, ..sms(&to) };
    let outcome = client(account).send(plain, Freshness::start()).await;
    assert!(matches!(&outcome, Outcome::Accepted(it) if it.code == "twilio:accepted"));
    let request = peer.seen().remove(0);
    assert!(request.starts_with(&format!("POST /2010-04-01/Accounts/{AC}/")), "{request}");
    let basic = data_encoding::BASE64.encode(format!("{SK}:twilio-secret").as_bytes());
    assert!(request.contains(&format!("authorization: Basic {basic}\r\n")), "{request}");
    assert_eq!(
        form_of(&request),
        pairs(&[
            ("To", "+905321234567"),
            ("MessagingServiceSid", MG),
            ("Body", TEXT),
            ("ValidityPeriod", "36000"),
            ("SmartEncoded", "false"),
            ("Attempt", "2"),
        ])
    );
}

#[tokio::test]
async fn without_a_second_left_nobody_is_asked() {
    let peer = Peer::start(vec![]).await;
    let to = phone();
    let late = TwilioSms { validity: Duration::from_millis(999), ..sms(&to) };
    let outcome = client(account(&peer.url())).send(late, Freshness::start()).await;
    assert!(
        matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "window-closed")
    );
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn transport_faults_are_not_sent_or_unknown_and_never_show_the_message() {
    let to = phone();
    let stale = Freshness::started_ago(Duration::from_secs(6));
    let half = b"HTTP/1.1 201 Created\r\ncontent-length: 900\r\n\r\n{\"sid\":\"SM01".to_vec();
    let peer = Peer::start(vec![Then::Close, Then::Hang, Then::SayAndClose(half)]).await;
    let client_ = client(account(&peer.url()));
    let outcome = client_.send(sms(&to), stale).await;
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "stale"));
    for code in ["cut", "timeout", "cut"] {
        let outcome = client_.send(sms(&to), Freshness::start()).await;
        assert!(matches!(&outcome, Outcome::Unknown(t) if t.code == code), "{outcome:?}");
    }
    assert_eq!(peer.seen().len(), 3);

    let nobody = client(account("http://127.0.0.1:1"));
    let outcome = nobody.send(sms(&to), Freshness::start()).await;
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "connect"));
    let account = account("http://x");
    let key = Auth::Key { sid: SK.into(), secret: secret() };
    let shown = format!("{outcome:?} {client_:?} {:?} {account:?} {key:?}", sms(&to));
    assert_no_secret(&format!("{shown} {:?}", account.auth));
}

#[tokio::test]
async fn the_account_is_the_probe() {
    let states = [
        answer(200, "", r#"{"status":"active","type":"Full"}"#),
        answer(200, "", r#"{"status":"active","type":"Trial"}"#),
        answer(200, "", r#"{"status":"suspended"}"#),
        answer(200, "", r#"{"status":"closed"}"#),
        answer(401, "", r#"{"code":20003,"message":"Authenticate","status":401}"#),
        answer(404, "", r#"{"code":20404,"status":404}"#),
        answer(403, "", "<html>"),
        answer(429, "retry-after: 5\r\n", r#"{"code":20429,"status":429}"#),
        answer(400, "", r#"{"code":20422,"status":400}"#),
        answer(500, "", r#"{"code":20003}"#),
        answer(200, "", r#"{"status":"dreaming"}"#),
        answer(200, "", "[]"),
    ];
    let peer = Peer::start(states.into_iter().map(Then::Say).collect()).await;
    let client = client(account(&peer.url()));
    assert_eq!(client.account().await.unwrap(), AccountInfo { trial: false });
    let head = peer.seen().remove(0);
    assert!(head.starts_with(&format!("GET /2010-04-01/Accounts/{AC}.json HTTP/1.1\r\n")));
    assert!(head.contains("authorization: Basic "), "{head}");
    assert_eq!(client.account().await.unwrap(), AccountInfo { trial: true });
    let (account, credentials) = (LaneTrouble::Account, LaneTrouble::Credentials);
    for lane in [account, account, credentials, account, credentials] {
        let trouble = client.account().await.unwrap_err();
        assert!(matches!(&trouble, ProbeTrouble::Lane(l, _) if *l == lane), "{trouble}");
    }
    let five = Some(Duration::from_secs(5));
    let trouble = client.account().await.unwrap_err();
    assert!(matches!(&trouble, ProbeTrouble::Busy { after, .. } if *after == five), "{trouble}");
    assert!(matches!(client.account().await.unwrap_err(), ProbeTrouble::Request(_)));
    for _ in 0..3 {
        assert!(matches!(client.account().await.unwrap_err(), ProbeTrouble::Silent(_)));
    }
}

#[tokio::test]
async fn the_balance_is_read() {
    let peer = Peer::start(vec![
        Then::Say(answer(200, "", r#"{"account_sid":"x","balance":"-0.05","currency":"USD"}"#)),
        Then::Say(answer(200, "", r#"{"balance":"lots","currency":"USD"}"#)),
    ])
    .await;
    let client = client(account(&peer.url()));
    let balance = Balance { amount: "-0.05".into(), currency: "USD".into() };
    assert_eq!(client.balance().await.unwrap(), balance);
    assert!(matches!(client.balance().await.unwrap_err(), ProbeTrouble::Silent(_)));
    assert!(peer.seen()[0].starts_with(&format!("GET /2010-04-01/Accounts/{AC}/Balance.json ")));
}

fn list_of(messages: &[Value], next: &Value) -> String {
    json!({"messages": messages, "next_page_uri": next, "page": 0, "page_size": 50}).to_string()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_to_its_end() {
    let sid = |n: u8| json!(format!("SM{n:032x}"));
    let failed: Value = serde_json::from_str(&with(&[
        ("sid", sid(2)),
        ("status", json!("failed")),
        ("error_code", json!(30003)),
        ("error_message", json!("to +905321234567: Ayşe")),
        ("body", json!("Sent from your Twilio trial account - Merhaba Ayşe\r\n")),
    ]))
    .unwrap();
    let mut inbound = message();
    inbound["status"] = json!("received");
    let odd = [json!({"sid": "x"}), json!(7), json!({"sid": SM, "status": "queued", "body": "x"})];
    let page_2 = format!(
        "/2010-04-01/Accounts/{AC}/Messages.json?To=%2B905321234567&PageSize=50&Page=1&PageToken=PASM1"
    );
    let first =
        [vec![message(), failed, inbound], odd.to_vec()].into_iter().flatten().collect::<Vec<_>>();
    let peer = Peer::start(vec![
        Then::Say(answer(200, "", &list_of(&first, &json!(page_2)))),
        Then::Say(answer(200, "", &list_of(&[], &Value::Null))),
    ])
    .await;
    let client = client(account(&peer.url()));
    let to = phone();
    let page = client.list(ListQuery::of_number(&to)).await.unwrap();
    assert_eq!((page.rows.len(), page.unreadable), (2, 3));
    let row = &page.rows[0];
    assert_eq!((row.state.sid.as_str(), row.state.status), (SM, Status::Queued));
    assert_eq!((row.to.as_ref(), row.from.as_deref()), (Some(&to), Some("KLINIK")));
    assert_eq!((row.created_at, row.sent_at), (at("2026-11-21T18:42:10Z"), None));
    assert_eq!((row.segments, row.state.error_code), (Some(2), None));
    assert!(row.text.is(TEXT) && !row.text.is("Merhaba") && !row.text.is(""));
    assert!(matches!(client.outcome_of(row), Outcome::Accepted(_)));
    let row = &page.rows[1];
    assert!(row.text.is("Merhaba Ayşe\n") && !row.text.is(TEXT));
    assert_eq!(row.text.comparable(), "Sent from your Twilio trial account - Merhaba Ayşe");
    assert_eq!((row.state.status, row.state.error_code), (Status::Failed, Some(30003)));
    let outcome = client.outcome_of(row);
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::Retry { .. }, t)
        if t.code == "twilio:30003"));
    assert_no_secret(&format!("{page:?} {outcome:?}"));

    let last = client.list_next(page.next.as_ref().unwrap()).await.unwrap();
    assert_eq!((last.rows.len(), last.unreadable, last.next), (0, 0, None));
    let seen = peer.seen();
    let path =
        format!("GET /2010-04-01/Accounts/{AC}/Messages.json?To=%2B905321234567&PageSize=50");
    assert!(seen[0].starts_with(&format!("{path} HTTP/1.1\r\n")), "{}", seen[0]);
    assert!(seen[1].starts_with(&format!("{path}&Page=1&PageToken=PASM1 HTTP/1.1")), "{}", seen[1]);
}

#[tokio::test]
async fn a_range_asks_for_whole_days_that_contain_it() {
    let peer = Peer::start(vec![Then::Say(answer(200, "", &list_of(&[], &Value::Null)))]).await;
    let query = ListQuery {
        sent_after: Some(at("2026-11-21T23:59:59Z")),
        sent_before: Some(at("2026-11-22T00:00:30Z")),
        per_page: 0,
        ..ListQuery::of_account()
    };
    client(account(&peer.url())).list(query).await.unwrap();
    let asked = "Messages.json?DateSent%3E=2026-11-21&DateSent%3C=2026-11-23&PageSize=1 HTTP/1.1";
    assert!(peer.seen()[0].contains(asked), "{}", peer.seen()[0]);
}

#[tokio::test]
async fn a_list_without_a_clear_end_is_no_answer() {
    let elsewhere = [
        json!("https://elsewhere.example/steal?x=1"),
        json!(format!("/2010-04-01/Accounts/{AC}/Calls.json?Page=1")),
        json!(format!("/2010-04-01/Accounts/{AC}/Messages.json")),
        json!(7),
        json!([]),
    ];
    let mut bodies: Vec<String> = elsewhere.iter().map(|next| list_of(&[], next)).collect();
    bodies.push(r#"{"messages":[]}"#.into());
    bodies.push(r#"{"messages":[],"next_page_uri":null,"Next_Page_Uri":"/x?y=1"}"#.into());
    bodies.push(r#"{"next_page_uri":null}"#.into());
    bodies.push("<html>".into());
    let script = bodies.iter().map(|body| Then::Say(answer(200, "", body))).collect();
    let peer = Peer::start(script).await;
    let client = client(account(&peer.url()));
    for body in &bodies {
        let trouble = client.list(ListQuery::of_account()).await.unwrap_err();
        assert!(matches!(trouble, ProbeTrouble::Silent(_)), "{body}: {trouble}");
    }
}

#[tokio::test]
async fn a_full_page_of_the_longest_texts_is_read() {
    let escaped = format!("\"{}\"", "\\u0131".repeat(1600));
    let row = message().to_string().replace(&json!(TEXT).to_string(), &escaped);
    let rows = vec![row; usize::from(MOST_PER_PAGE)].join(",");
    let body = format!(r#"{{"messages":[{rows}],"next_page_uri":null}}"#);
    let peer = Peer::start(vec![Then::Say(answer(200, "", &body))]).await;
    let page = client(account(&peer.url())).list(ListQuery::of_account()).await.unwrap();
    assert_eq!((page.rows.len(), page.unreadable), (50, 0));
    assert_eq!(page.rows[0].text.expose(), "ı".repeat(1600));
}

#[tokio::test]
async fn one_message_is_fetched_by_its_sid() {
    let other = with(&[("sid", json!("SM00000000000000000000000000000000"))]);
    let script = [
        answer(200, "", &message().to_string()),
        answer(404, "", r#"{"code":20404,"message":"not found","status":404}"#),
        answer(404, "", "<html>"),
        answer(200, "", &other),
    ];
    let peer = Peer::start(script.into_iter().map(Then::Say).collect()).await;
    let client = client(account(&peer.url()));
    let row = client.fetch(SM).await.unwrap().unwrap();
    assert_eq!(row.state.sid, SM);
    let path = format!("GET /2010-04-01/Accounts/{AC}/Messages/{SM}.json HTTP/1.1\r\n");
    assert!(peer.seen()[0].starts_with(&path));
    assert_eq!(client.fetch(SM).await.unwrap(), None);
    assert!(matches!(client.fetch(SM).await.unwrap_err(), ProbeTrouble::Silent(_)));
    assert!(matches!(client.fetch(SM).await.unwrap_err(), ProbeTrouble::Silent(_)));
    for wrong in ["", "SM1", "../Balance", "XX0123456789abcdef0123456789abcdef"] {
        assert!(matches!(client.fetch(wrong).await.unwrap_err(), ProbeTrouble::Request(_)));
    }
    assert_eq!(peer.seen().len(), 4);
}

#[test]
fn an_account_that_cannot_work_is_refused_at_start() {
    let good = || account("http://127.0.0.1");
    let number = |text: &str| From::Number(text.into());
    let key = |sid: &str, secret: &str| Auth::Key { sid: sid.into(), secret: secret.into() };
    let bad = [
        Account { account_sid: SK.into(), ..good() },
        Account { account_sid: "AC../../x".into(), ..good() },
        Account { auth: Auth::Token("".into()), ..good() },
        Account { auth: Auth::Token("twilio-secret \n".into()), ..good() },
        Account { auth: key(AC, "x"), ..good() },
        Account { auth: key(SK, ""), ..good() },
        Account { from: number(""), ..good() },
        Account { from: number("KLINIKKLINIK"), ..good() },
        Account { from: number("KLİNİK"), ..good() },
        Account { from: number("+90 532"), ..good() },
        Account { from: number("12"), ..good() },
        Account { from: From::MessagingService(AC.into()), ..good() },
        Account { base_url: "ftp://x".into(), ..good() },
    ];
    for account in bad {
        let error = Client::new(account, Limits::default()).unwrap_err().to_string();
        assert!(error.contains("twilio account default"), "{error}");
        assert_no_secret(&error);
    }
    for sender in ["KLINIK", "Klinik 7", "+14155552345", "12345"] {
        let account = Account { from: number(sender), ..good() };
        let client = Client::new(account, Limits::default()).unwrap();
        assert_eq!((client.name(), client.sender().as_str()), ("default", sender));
    }
}
