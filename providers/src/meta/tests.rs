use std::time::Duration;

use schemas::PhoneNumber;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::peer::{Peer, Then, answer};
use crate::template::{Listed, ListedButton};
use crate::{FailedKind, Freshness, LaneTrouble, Limits, Outcome, ProbeTrouble};

mod hooks;
mod verdicts;

const NUMBER: &str = "106540352242922";
const BUSINESS: &str = "419561257915477";
const WAMID: &str = "wamid.HBgMOTA1MzIxMjM0NTY3FQIAERgSQjM=";
const NAME: &str = "Ayşe Yılmaz";
const SECRETS: [&str; 6] = ["Ayşe", "Ayse", "Yılmaz", "5321234567", "meta-secret", "14:30 ile"];

fn phone() -> PhoneNumber {
    PhoneNumber::parse("+905321234567").unwrap()
}

fn account(url: &str) -> Account {
    Account {
        base_url: url.into(),
        business_account_id: Some(BUSINESS.into()),
        ..Account::new("default", NUMBER, SecretString::from("meta-secret"))
    }
}

fn client(account: Account) -> Client {
    let total = Duration::from_millis(800);
    Client::new(account, Limits { total, ..Limits::default() }).unwrap()
}

fn taken() -> Value {
    json!({"messaging_product": "whatsapp",
        "contacts": [{"input": "905321234567", "wa_id": "905321234567"}],
        "messages": [{"id": WAMID, "message_status": "accepted"}]})
}

fn message<'a>(
    to: &'a PhoneNumber,
    body: &'a [&'a str],
    buttons: &'a [ButtonValue<'a>],
) -> TemplateMessage<'a> {
    TemplateMessage {
        to,
        template: "randevu_hatirlatma",
        language: "tr",
        body,
        buttons,
        reference: "ntf_abc-2",
    }
}

fn assert_no_secret(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn a_send_says_every_field_and_takes_the_id() {
    let peer = Peer::start(vec![Then::Say(answer(200, "", &taken().to_string()))]).await;
    let to = phone();
    let body = [NAME, "22.11.2026\n14:30     ile"];
    let buttons = [
        ButtonValue { index: 0, kind: ButtonKind::QuickReply, value: "CONFIRM:abc" },
        ButtonValue { index: 1, kind: ButtonKind::Url, value: "r/abc" },
    ];
    let sent = message(&to, &body, &buttons);
    let outcome = client(account(&peer.url())).send(sent, Freshness::start()).await;
    let Outcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
    assert_eq!(accepted.provider_ref, WAMID);
    assert_eq!((accepted.code.as_str(), accepted.warning), ("meta:accepted", None));
    let request = peer.seen().remove(0);
    assert!(request.starts_with("POST /v23.0/106540352242922/messages HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer meta-secret\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    assert_eq!(
        peer.only_body(),
        json!({"messaging_product": "whatsapp", "recipient_type": "individual",
            "to": "905321234567", "type": "template",
            "template": {"name": "randevu_hatirlatma", "language": {"code": "tr"},
                "components": [
                    {"type": "body", "parameters": [
                        {"type": "text", "text": NAME},
                        {"type": "text", "text": "22.11.2026 14:30 ile"}]},
                    {"type": "button", "sub_type": "quick_reply", "index": "0",
                        "parameters": [{"type": "payload", "payload": "CONFIRM:abc"}]},
                    {"type": "button", "sub_type": "url", "index": "1",
                        "parameters": [{"type": "text", "text": "r/abc"}]}]},
            "biz_opaque_callback_data": "ntf_abc-2"})
    );
}

#[tokio::test]
async fn a_template_without_values_has_no_components() {
    let peer = Peer::start(vec![Then::Say(answer(200, "", &taken().to_string()))]).await;
    let to = phone();
    let client = client(account(&peer.url()));
    let outcome = client.send(message(&to, &[], &[]), Freshness::start()).await;
    assert!(matches!(outcome, Outcome::Accepted(_)));
    let template = json!({"name": "randevu_hatirlatma", "language": {"code": "tr"}});
    assert_eq!(peer.only_body()["template"], template);
}

#[tokio::test]
async fn transport_faults_are_not_sent_or_unknown_and_never_show_the_message() {
    let to = phone();
    let body = [NAME];
    let sent = message(&to, &body, &[]);
    let stale = Freshness::started_ago(Duration::from_secs(6));
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"messages\":[{\"id\":".to_vec();
    let peer = Peer::start(vec![Then::Close, Then::Hang, Then::SayAndClose(half)]).await;
    let client_ = client(account(&peer.url()));
    let outcome = client_.send(sent, stale).await;
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "stale"));
    for code in ["cut", "timeout", "cut"] {
        let outcome = client_.send(sent, Freshness::start()).await;
        assert!(matches!(&outcome, Outcome::Unknown(t) if t.code == code), "{outcome:?}");
    }
    let nobody = client(account("http://127.0.0.1:1"));
    let outcome = nobody.send(sent, Freshness::start()).await;
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "connect"));
    let reference = "x".repeat(513);
    let long = TemplateMessage { reference: &reference, ..sent };
    let outcome = nobody.send(long, Freshness::start()).await;
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "reference"));
    assert_no_secret(&format!("{outcome:?} {client_:?} {sent:?} {:?}", account("http://x")));
}

#[test]
fn an_account_that_cannot_work_is_refused_before_it_is_used() {
    let good = || account("https://graph.facebook.com");
    let bad = [
        Account { phone_number_id: "+905321234567".into(), ..good() },
        Account { phone_number_id: String::new(), ..good() },
        Account { business_account_id: Some("x/../y".into()), ..good() },
        Account { version: "23".into(), ..good() },
        Account { version: "v23.0/x".into(), ..good() },
        Account { access_token: "".into(), ..good() },
        Account { access_token: "meta-secret \n".into(), ..good() },
        Account { base_url: "ftp://x".into(), ..good() },
    ];
    for account in bad {
        let error = Client::new(account, Limits::default()).unwrap_err().to_string();
        assert!(error.contains("whatsapp account default"), "{error}");
        assert_no_secret(&error);
    }
    let client = Client::new(good(), Limits::default()).unwrap();
    assert_eq!((client.name(), client.sender()), ("default", NUMBER));
}

#[tokio::test]
async fn the_number_is_the_probe() {
    let good = r#"{"display_phone_number":"+90 850 123 45 67","quality_rating":"GREEN","id":"1"}"#;
    let peer = Peer::start(vec![
        Then::Say(answer(200, "", good)),
        Then::Say(answer(200, "", "{}")),
        Then::Say(answer(401, "", r#"{"error":{"code":190,"message":"expired"}}"#)),
        Then::Say(answer(400, "", r#"{"error":{"code":100,"error_subcode":33,"message":"x"}}"#)),
        Then::Say(answer(429, "retry-after: 5\r\n", "")),
        Then::Say(answer(400, "", r#"{"error":{"code":131008,"message":"x"}}"#)),
        Then::Say(answer(500, "", "<html>")),
        Then::Say(answer(403, "", "<html>")),
    ])
    .await;
    let client = client(account(&peer.url()));
    let info = client.number().await.unwrap();
    assert_eq!(info.display_phone_number, "+90 850 123 45 67");
    assert_eq!(info.quality_rating, "GREEN");
    let path = "GET /v23.0/106540352242922?fields=display_phone_number%2Cquality_rating HTTP/1.1";
    assert!(peer.seen()[0].starts_with(path), "{}", peer.seen()[0]);
    assert!(matches!(client.number().await, Err(ProbeTrouble::Silent(_))));
    let lane = |kind| move |it: &ProbeTrouble| matches!(it, ProbeTrouble::Lane(l, _) if *l == kind);
    assert!(lane(LaneTrouble::Credentials)(&client.number().await.unwrap_err()));
    assert!(lane(LaneTrouble::Account)(&client.number().await.unwrap_err()));
    let busy = client.number().await.unwrap_err();
    assert!(matches!(busy, ProbeTrouble::Busy { after: Some(a), .. } if a.as_secs() == 5));
    assert!(matches!(client.number().await, Err(ProbeTrouble::Request(_))));
    assert!(matches!(client.number().await, Err(ProbeTrouble::Silent(_))));
    assert!(lane(LaneTrouble::Credentials)(&client.number().await.unwrap_err()));
}

/// A page as Meta's OpenAPI has it.
fn page(next: bool) -> Value {
    let mut page = json!({"data": [
        {"name": "randevu_hatirlatma", "language": "tr", "status": "APPROVED",
            "category": "UTILITY", "id": "1192339204654487",
            "components": [
                {"type": "HEADER", "format": "TEXT", "text": "Randevu"},
                {"type": "BODY", "text": "Sayın {{1}}, {{2}} randevunuz.",
                    "example": {"body_text": [["Ayşe", "14:30"]]}},
                {"type": "FOOTER", "text": "Klinik"},
                {"type": "BUTTONS", "buttons": [
                    {"type": "QUICK_REPLY", "text": "Onayla"},
                    {"type": "URL", "text": "Aç", "url": "https://k.example/{{1}}"},
                    {"type": "URL", "text": "Aç", "url": "https://k.example/"},
                    {"type": "PHONE_NUMBER", "text": "Ara", "phone_number": "+90850"},
                    {"type": "COPY_CODE", "example": "X"}]}]},
        {"name": "kampanya", "language": "en_US", "status": "paused", "category": "MARKETING",
            "id": "2", "components": [{"type": "HEADER", "format": "IMAGE"},
                {"type": "BODY", "text": "Hi"}, {"type": "CAROUSEL", "cards": []}]},
        {"name": "", "language": "tr", "status": "APPROVED", "components": []},
        {"language": "tr"}, 7],
        "paging": {"cursors": {"before": "MAZDZD", "after": "MjQZD"}}});
    if next {
        page["paging"]["next"] = json!("https://graph.facebook.com/x?access_token=meta-secret");
    }
    page
}

#[tokio::test]
async fn the_templates_are_listed_page_by_page_and_the_token_in_next_is_not_kept() {
    let peer = Peer::start(vec![
        Then::Say(answer(200, "", &page(true).to_string())),
        Then::Say(answer(200, "", &json!({"data": []}).to_string())),
        Then::Say(answer(200, "", &page(true).to_string())),
        Then::Say(answer(200, "", &page(false).to_string())),
        Then::Say(answer(200, "", "{}")),
    ])
    .await;
    let client = client(account(&peer.url()));
    let first = client.templates().await.unwrap();
    assert_no_secret(&format!("{:?}", first.next));
    assert_eq!((first.templates.len(), first.unreadable), (2, 3));
    let value = |kind, needs_value| ListedButton { kind, needs_value };
    assert_eq!(
        first.templates[0],
        Listed {
            id: "1192339204654487".into(),
            name: "randevu_hatirlatma".into(),
            language: "tr".into(),
            status: "APPROVED".into(),
            category: "UTILITY".into(),
            parameters: vec!["1".into(), "2".into()],
            buttons: vec![
                value(Some(ButtonKind::QuickReply), false),
                value(Some(ButtonKind::Url), true),
                value(Some(ButtonKind::Url), false),
                value(None, false),
                value(None, true),
            ],
            unsupported: vec![],
        }
    );
    assert_eq!(first.templates[1].status, "PAUSED");
    assert_eq!(first.templates[1].unsupported, ["header image", "carousel"]);
    let second = client.templates_next(&first.next.unwrap()).await.unwrap();
    assert_eq!((second.templates.len(), second.next), (0, None));
    let path = "GET /v23.0/419561257915477/message_templates?fields=name%2Clanguage%2Cstatus%2C\
                category%2Ccomponents&limit=50";
    assert!(peer.seen()[0].starts_with(&format!("{path} HTTP/1.1")), "{}", peer.seen()[0]);
    assert!(peer.seen()[1].starts_with(&format!("{path}&after=MjQZD HTTP/1.1")));
    assert_eq!(client.all_templates().await.unwrap().len(), 4);
    assert!(matches!(client.templates().await, Err(ProbeTrouble::Silent(_))));
    let none = Account { business_account_id: None, ..account(&peer.url()) };
    let none = Client::new(none, Limits::default()).unwrap();
    assert!(matches!(none.templates().await, Err(ProbeTrouble::Request(_))));
}
