//! The clients against the twins of `simulator/`: every code of the tables, as an answer and after acceptance, and
//! webhooks and callbacks with their signatures, opened by our hooks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use providers::meta::{self, ButtonKind, ButtonValue, TemplateMessage};
use providers::receipt::{Delivery, Receipt, Remedy, advances};
use providers::template::{Misfit, Wanted, WantedButton, compare};
use providers::twilio::{self, Auth, From, TwilioTemplate};
use providers::{FailedKind, Freshness, Limits, Outcome};
use schemas::PhoneNumber;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation, Provider, Script, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const AC: &str = "AC00000000000000000000000000000001";
const HX: &str = "HX00000000000000000000000000000001";
const NUMBER: &str = "100000000000001";
const BUSINESS: &str = "200000000000001";
const REFERENCE: &str = "ntf_abc-1";
const VALUES: [&str; 3] = ["Ayşe", "22.11.2026", "14:30"];

/// A request that came to our side: path and query, head, body.
struct Came {
    path: String,
    head: String,
    body: Vec<u8>,
}

impl Came {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next()
    }
}

/// Our side: answers 200 and hands over what came.
struct Side {
    url: String,
    came: mpsc::UnboundedReceiver<Came>,
}

impl Side {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (hand, came) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let hand = hand.clone();
                tokio::spawn(async move {
                    let came = take(stream).await;
                    let _ = hand.send(came);
                });
            }
        });
        Self { url, came }
    }

    async fn next(&mut self) -> Came {
        tokio::time::timeout(Duration::from_secs(20), self.came.recv()).await.unwrap().unwrap()
    }
}

async fn take(mut stream: TcpStream) -> Came {
    let mut bytes = Vec::new();
    let (head, end) = loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break (String::from_utf8(bytes[..end].to_vec()).unwrap(), end + 4);
        }
    };
    let mut came = Came { path: String::new(), head, body: Vec::new() };
    came.path = came.head.split(' ').nth(1).unwrap().to_owned();
    let length: usize = came.header("content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < end + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    came.body = bytes[end..].to_vec();
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(ok).await.unwrap();
    came
}

async fn twin(script: Value) -> Simulator {
    let script = Script::from_json(script.to_string().as_bytes()).unwrap();
    Simulator::start_with("127.0.0.1:0", script).await.unwrap()
}

fn phone(n: u32) -> PhoneNumber {
    PhoneNumber::parse(&format!("+90532{:07}", 1_234_567 + n)).unwrap()
}

fn meta_client(twin: &Simulator) -> meta::Client {
    let account = meta::Account {
        base_url: twin.url(),
        business_account_id: Some(BUSINESS.to_owned()),
        ..meta::Account::new("default", NUMBER, "meta-token".into())
    };
    meta::Client::new(account, Limits::default()).unwrap()
}

fn twilio_client(twin: &Simulator) -> twilio::Client {
    let from = From::WhatsApp("whatsapp:+13185550100".to_owned());
    let mut account = twilio::Account::new("default", AC, Auth::Token("twilio-token".into()), from);
    account.base_url = twin.url();
    twilio::Client::new(account, Limits::default()).unwrap()
}

async fn by_meta(client: &meta::Client, to: &PhoneNumber) -> Outcome {
    let message = TemplateMessage {
        to,
        template: "randevu_hatirlatma",
        language: "tr",
        body: &VALUES,
        buttons: &[],
        reference: REFERENCE,
    };
    client.send(message, Freshness::start()).await
}

async fn by_twilio(client: &twilio::Client, to: &PhoneNumber, callback: Option<&str>) -> Outcome {
    let message = TwilioTemplate {
        to,
        content_sid: HX,
        variables: &VALUES,
        validity: Duration::from_hours(1),
        reference: REFERENCE,
        attempt: 1,
        status_callback: callback,
    };
    client.send_template(message, Freshness::start()).await
}

fn struck(provider: Provider, code: u32) -> Fault {
    let kind = FaultKind::Code { code: code.to_string() };
    Fault::new(provider, Operation::Send, kind).times(1)
}

/// A script in which everything happens at once, and Meta's webhooks go to our side.
fn prompt(webhook_url: Option<&str>) -> Value {
    let body = "Sayın {{1}}, {{2}} günü saat {{3}} randevunuzu hatırlatırız.";
    json!({
        "twilio": { "send_ms": [5, 5], "delivery_ms": [5, 5] },
        "meta": { "send_ms": [5, 5], "delivery_ms": [5, 5], "read_ms": [5, 5],
            "accounts": [{ "phone_number_id": NUMBER, "display_phone_number": "+90 850 123 45 67",
                "business_account_id": BUSINESS, "access_token": "meta-token",
                "app_secret": "app-secret", "webhook_url": webhook_url,
                "templates": [
                    { "name": "randevu_hatirlatma", "language": "tr", "body": body },
                    { "name": "onay", "language": "tr", "body": "{{1}}", "buttons": [
                        { "kind": "quick_reply", "text": "Evet" },
                        { "kind": "url", "text": "Aç", "url": "https://k.example/{{1}}" }] },
                    { "name": "kampanya", "language": "tr", "status": "PAUSED", "body": "x" }] }] },
    })
}

#[tokio::test]
async fn every_code_that_meta_answers_leads_to_the_outcome_of_its_row() {
    let twin = twin(prompt(None)).await;
    let client = meta_client(&twin);
    let to = phone(0);
    for row in meta::Codes::embedded().unwrap().rows().iter().filter(|row| row.subcode.is_none()) {
        twin.add_fault(struck(Provider::Meta, row.code)).unwrap();
        let outcome = by_meta(&client, &to).await;
        let (kind, trouble) = match &outcome {
            Outcome::Failed(kind, trouble) => (Some(kind), trouble),
            Outcome::Unknown(trouble) => (None, trouble),
            _ => panic!("{row:?}: {outcome:?}"),
        };
        assert_eq!(trouble.code, format!("meta:{}", row.code));
        let wanted = match row.class {
            meta::Class::Unknown => None,
            meta::Class::NextChannel => Some(FailedKind::NextChannel),
            meta::Class::Retry => Some(FailedKind::Retry { after: row.after() }),
            class => class.lane().map(FailedKind::Lane),
        };
        assert_eq!(kind.copied(), wanted, "{row:?}");
    }
    assert_eq!(twin.accepted(), 0);
    assert!(matches!(by_meta(&client, &to).await, Outcome::Accepted(_)));
    assert_eq!(twin.messages()[0].reference.as_deref(), Some(REFERENCE));
}

#[tokio::test]
async fn every_code_that_meta_tells_later_leads_to_its_remedy() {
    let mut side = Side::start().await;
    let mut script = prompt(Some(&side.url));
    let codes = meta::Codes::embedded().unwrap();
    let rows: Vec<_> =
        codes.rows().iter().filter(|row| row.subcode.is_none() && row.code > 0).collect();
    let outcomes = rows.iter().zip(0..).map(|(row, n)| {
        (phone(n).national().to_owned(), json!({ "status": "failed", "error_code": row.code }))
    });
    script["meta"]["outcomes"] = outcomes.collect::<serde_json::Map<_, _>>().into();
    let twin = twin(script).await;
    let client = meta_client(&twin);
    let hook = meta::Hook::new("app-secret".into(), "verify-me".into()).unwrap();
    for (row, n) in rows.iter().zip(0..) {
        let Outcome::Accepted(accepted) = by_meta(&client, &phone(n)).await else { panic!() };
        let came = side.next().await;
        let signature = came.header("X-Hub-Signature-256");
        let updates = hook.updates(&came.body, signature).unwrap();
        assert_eq!((updates.statuses.len(), updates.unreadable + updates.other), (1, 0));
        let update = &updates.statuses[0];
        assert_eq!(update.phone_number_id, NUMBER);
        assert_eq!(update.receipt.provider_ref, accepted.provider_ref);
        assert_eq!(update.receipt.reference.as_deref(), Some(REFERENCE));
        assert!(update.receipt.at.is_some());
        let failure = update.receipt.delivery.as_ref().and_then(Delivery::failure).unwrap();
        assert_eq!(failure.code, format!("meta:{}", row.code));
        assert_eq!(
            (failure.remedy, failure.lane),
            (row.class.remedy(), row.class.lane()),
            "{row:?}"
        );
        assert_eq!(failure.bad_number, row.bad_number, "{row:?}");
    }
}

#[tokio::test]
async fn every_whatsapp_code_of_twilio_leads_to_its_outcome_or_remedy() {
    let mut side = Side::start().await;
    let twin = twin(prompt(None)).await;
    let client = twilio_client(&twin);
    let hook = twilio::Hook::new("twilio-token".into()).unwrap();
    let callback = format!("{}/v1/webhooks/twilio/status/tok#rc=2", side.url);
    let codes = twilio::Codes::embedded().unwrap();
    let (mut at_once, mut later) = (0, 0);
    for (row, n) in codes.rows().iter().zip(0..) {
        let to = phone(n);
        twin.add_fault(struck(Provider::Twilio, row.code)).unwrap();
        let outcome = by_twilio(&client, &to, Some(&callback)).await;
        let Outcome::Accepted(accepted) = &outcome else {
            at_once += 1;
            let wanted = match row.class {
                twilio::Class::Unknown | twilio::Class::Nothing => None,
                twilio::Class::Refused => Some(None),
                twilio::Class::NextChannel => Some(Some(FailedKind::NextChannel)),
                twilio::Class::Retry | twilio::Class::Failover => {
                    Some(Some(FailedKind::Retry { after: row.after() }))
                }
                class => Some(class.lane().map(FailedKind::Lane)),
            };
            match (&outcome, wanted) {
                (Outcome::Unknown(_), None) | (Outcome::Refused(_), Some(None)) => {}
                // 429 is a wait whatever its code says
                (Outcome::Failed(kind, _), Some(Some(wanted))) => assert_eq!(*kind, wanted),
                _ => panic!("{row:?}: {outcome:?}"),
            }
            continue;
        };
        later += 1;
        // every status but the first is told; the last has the code
        let last: Receipt = loop {
            let came = side.next().await;
            let address = format!("{}{}", side.url, came.path);
            let signature = came.header("X-Twilio-Signature");
            let status = hook.status(&address, &came.body, signature).unwrap().unwrap();
            assert_eq!(status.account_sid, AC);
            let receipt = status.receipt;
            assert_eq!(receipt.provider_ref, accepted.provider_ref);
            assert_eq!(receipt.reference.as_deref(), Some(REFERENCE));
            if receipt.delivery.as_ref().is_some_and(|delivery| delivery.rank() == 2) {
                break receipt;
            }
        };
        // 30018 is a warning: it arrived
        if row.code == 30018 {
            assert_eq!(last.delivery, Some(Delivery::Delivered));
            continue;
        }
        let failure = last.delivery.as_ref().and_then(Delivery::failure).unwrap();
        assert_eq!(failure.code, format!("twilio:{}", row.code));
        assert_eq!((failure.remedy, failure.bad_number), (row.remedy(), row.bad_number), "{row:?}");
        assert_eq!(failure.lane, row.class.lane(), "{row:?}");
    }
    assert!(at_once > 40 && later > 40, "{at_once} {later}");
}

#[tokio::test]
async fn late_doubled_and_turned_statuses_end_alike_at_both_and_a_lost_one_is_made_up_by_polling() {
    let mut side = Side::start().await;
    let mut script = prompt(Some(&side.url));
    let end = json!({ "status": "read" });
    for (twin, keys) in [
        ("meta", ["webhook_copies", "webhooks_reversed", "default_outcome"]),
        ("twilio", ["callback_copies", "callbacks_reversed", "whatsapp_default_outcome"]),
    ] {
        for (key, value) in keys.iter().zip([json!(2), json!(true), end.clone()]) {
            script[twin][*key] = value;
        }
    }
    let twin = twin(script).await;
    let (to, merged) = (phone(0), |state: &mut Option<Delivery>, receipt: Receipt| {
        let new = receipt.delivery.unwrap();
        if advances(state.as_ref(), &new) {
            *state = Some(new);
        }
    });
    let hook = meta::Hook::new("app-secret".into(), "verify-me".into()).unwrap();
    assert!(matches!(by_meta(&meta_client(&twin), &to).await, Outcome::Accepted(_)));
    let mut state = None;
    for _ in 0..6 {
        let came = side.next().await;
        let updates = hook.updates(&came.body, came.header("X-Hub-Signature-256")).unwrap();
        updates.statuses.into_iter().for_each(|update| merged(&mut state, update.receipt));
    }
    assert_eq!(state, Some(Delivery::Read));

    let (client, hook) = (twilio_client(&twin), twilio::Hook::new("twilio-token".into()).unwrap());
    let kind = FaultKind::Down;
    twin.add_fault(Fault::new(Provider::Twilio, Operation::Callback, kind).times(2)).unwrap();
    let callback = format!("{}/h", side.url);
    let Outcome::Accepted(accepted) = by_twilio(&client, &to, Some(&callback)).await else {
        panic!()
    };
    let mut state = None;
    // sending, sent, delivered, read, each twice and the last first: both of read are lost
    for _ in 0..6 {
        let came = side.next().await;
        let address = format!("{}{}", side.url, came.path);
        let status = hook.status(&address, &came.body, came.header("X-Twilio-Signature"));
        merged(&mut state, status.unwrap().unwrap().receipt);
    }
    assert_eq!(state, Some(Delivery::Delivered));
    let row = client.fetch(&accepted.provider_ref).await.unwrap().unwrap();
    assert_eq!(row.to.as_ref(), Some(&to));
    merged(&mut state, client.receipt_of(&row));
    assert_eq!(state, Some(Delivery::Read));
}

#[tokio::test]
async fn configured_templates_are_compared_with_what_the_twins_approved() {
    let twin = twin(prompt(None)).await;
    let wanted = |name: &str, parameters: usize, buttons: Vec<WantedButton>| Wanted {
        name: name.to_owned(),
        language: "tr".to_owned(),
        parameters: (0..parameters).map(|n| format!("field{n}")).collect(),
        buttons,
    };
    let url = WantedButton { index: 1, kind: ButtonKind::Url };
    let client = meta_client(&twin);
    let listed = client.all_templates().await.unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(compare(&wanted("randevu_hatirlatma", 3, vec![]), &listed), Ok(()));
    assert_eq!(compare(&wanted("onay", 1, vec![url.clone()]), &listed), Ok(()));
    let misfit = compare(&wanted("randevu_hatirlatma", 2, vec![]), &listed).unwrap_err();
    assert!(matches!(misfit, Misfit::Differs { .. }));
    let misfit = compare(&wanted("onay", 1, vec![]), &listed).unwrap_err();
    assert!(misfit.to_string().contains("button 1 url"), "{misfit}");
    let misfit = compare(&wanted("kampanya", 0, vec![]), &listed).unwrap_err();
    assert!(matches!(misfit, Misfit::NotApproved { .. }));
    assert!(matches!(compare(&wanted("yok", 0, vec![]), &listed), Err(Misfit::Missing { .. })));
    // what fits is taken, buttons and all
    let to = phone(0);
    let buttons = [ButtonValue { index: 1, kind: ButtonKind::Url, value: "r/1" }];
    let message = TemplateMessage {
        to: &to,
        template: "onay",
        language: "tr",
        body: &["Ayşe"],
        buttons: &buttons,
        reference: REFERENCE,
    };
    assert!(matches!(client.send(message, Freshness::start()).await, Outcome::Accepted(_)));
    assert_eq!(client.number().await.unwrap().quality_rating, "GREEN");

    let client = twilio_client(&twin);
    let listed = client.all_templates().await.unwrap();
    assert_eq!(compare(&wanted(HX, 3, vec![]), &listed), Ok(()));
    assert_eq!(client.template(HX).await.unwrap().as_ref(), listed.first());
    assert!(matches!(compare(&wanted(HX, 4, vec![]), &listed), Err(Misfit::Differs { .. })));
    assert_eq!(client.template(&HX.replace('1', "2")).await.unwrap(), None);
}

/// A receipt that nothing can be done about is told as such.
#[tokio::test]
async fn a_whatsapp_message_that_may_have_arrived_is_left_alone() {
    let mut side = Side::start().await;
    let twin = twin(prompt(None)).await;
    let hook = twilio::Hook::new("twilio-token".into()).unwrap();
    twin.add_fault(struck(Provider::Twilio, 30410)).unwrap();
    let callback = format!("{}/h", side.url);
    let outcome = by_twilio(&twilio_client(&twin), &phone(0), Some(&callback)).await;
    assert!(matches!(outcome, Outcome::Accepted(_)));
    let came = side.next().await;
    let address = format!("{}{}", side.url, came.path);
    let status = hook.status(&address, &came.body, came.header("X-Twilio-Signature"));
    let delivery = status.unwrap().unwrap().receipt.delivery.unwrap();
    assert_eq!(delivery.failure().unwrap().remedy, Remedy::Unclear);
}
