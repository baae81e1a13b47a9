//! Webhooks: who may call, how much, and what is answered.

use crate::house::{Answer, House, closed, open, receipt};
use data_encoding::{BASE64, HEXLOWER};
use gateway::Hooks;
use hmac::{Hmac, KeyInit as _, Mac as _};
use metrics::Metrics;
use schemas::NotificationId;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PUBLIC: &str = "https://klinik.example";
const ACCOUNT: &str = "AC00000000000000000000000000000001";
const AUTH_TOKEN: &str = "twilio-token";
const SECRET: &str = "app-secret";
const NUMBER: &str = "100000000000001";

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn hooks() -> Hooks {
    Hooks::new(Some(PUBLIC))
        .with_twilio("default", ACCOUNT, secret(AUTH_TOKEN), Some(&secret("twilio-hook")))
        .unwrap()
        .with_twilio("second", ACCOUNT, secret("another"), Some(&secret("second-hook")))
        .unwrap()
        .with_whatsapp(
            "default",
            NUMBER,
            (secret(SECRET), Some(secret("verify"))),
            Some(&secret("meta-hook")),
        )
        .unwrap()
        .with_whatsapp(
            "second",
            "100000000000002",
            (secret("other"), None),
            Some(&secret("second")),
        )
        .unwrap()
        .with_netgsm("default", &secret("netgsm-hook"))
}

/// An open house with hooks, and what it measures.
async fn hooked() -> (House, Arc<Metrics>) {
    let (house, metrics) = shut().await;
    house.open();
    (house, metrics)
}

async fn shut() -> (House, Arc<Metrics>) {
    let house = closed().await;
    let metrics = Metrics::new([]);
    house.door.measured_by(Arc::clone(&metrics));
    house.door.takes(hooks());
    (house, metrics)
}

fn reference() -> String {
    format!("{}-1", NotificationId::of_event("/clinics/a", "1"))
}

/// A status callback as Twilio writes it.
fn form(status: &str) -> Vec<(String, String)> {
    let sid = format!("SM{}", "a".repeat(32));
    [
        ("MessageSid", sid.as_str()),
        ("MessageStatus", status),
        ("AccountSid", ACCOUNT),
        ("From", "KLINIK"),
        ("To", "+905321234567"),
        ("ApiVersion", "2010-04-01"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn body_of(form: &[(String, String)]) -> String {
    let mut body = String::new();
    for (name, value) in form {
        let value = value.replace('+', "%2B");
        write!(body, "{}{name}={value}", if body.is_empty() { "" } else { "&" }).unwrap();
    }
    body
}

/// `X-Twilio-Signature` (facts A4), written here a second time on purpose.
fn twilio_signature(auth_token: &str, path: &str, form: &[(String, String)]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()).unwrap();
    mac.update(format!("{PUBLIC}{path}").as_bytes());
    let mut form = form.to_vec();
    form.sort();
    form.dedup();
    for (name, value) in form {
        mac.update(format!("{name}{value}").as_bytes());
    }
    BASE64.encode(&mac.finalize().into_bytes())
}

fn meta_signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

fn statuses(number: &str, words: &[&str]) -> Value {
    let statuses: Vec<Value> = words
        .iter()
        .map(|word| {
            json!({ "id": "wamid.1", "status": word, "timestamp": "1800000000",
                    "recipient_id": "905321234567", "biz_opaque_callback_data": reference() })
        })
        .collect();
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "200000000000001", "changes": [{
        "field": "messages", "value": { "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "908501112233", "phone_number_id": number },
            "statuses": statuses } }] }] })
}

async fn twilio(
    house: &House,
    path: &str,
    form: &[(String, String)],
    sign: Option<&str>,
) -> Answer {
    let mut request = house.call(path).body(body_of(form));
    if let Some(signature) = sign {
        request = request.header("x-twilio-signature", signature);
    }
    house.ask(request).await
}

async fn meta(house: &House, path: &str, body: &[u8], signature: Option<&str>) -> Answer {
    let mut request = house.call(path).body(body.to_vec());
    if let Some(signature) = signature {
        request = request.header("x-hub-signature-256", signature);
    }
    house.ask(request).await
}

fn counted(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> u64 {
    let fits = |line: &&str| {
        line.starts_with(&format!("{name}{{"))
            && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
    };
    let text = metrics.text();
    let values = text.lines().filter(fits).filter_map(|line| line.rsplit_once(' '));
    values.map(|(_, value)| value.parse::<f64>().unwrap() as u64).sum()
}

fn webhooks(metrics: &Metrics, provider: &str, result: &str) -> u64 {
    counted(metrics, "ulak_webhooks_total", &[("provider", provider), ("result", result)])
}

#[tokio::test]
async fn only_what_is_signed_for_its_address_and_account_is_taken() {
    let (house, metrics) = hooked().await;
    let (plain, own) = ("/v1/webhooks/twilio/status", "/v1/webhooks/twilio/status/twilio-hook");
    let form = form("delivered");
    let asked = format!("{plain}?m={}", reference());
    let good = twilio_signature(AUTH_TOKEN, &asked, &form);
    assert_eq!(twilio(&house, &asked, &form, Some(&good)).await.status, 200);
    let by_token = format!("{own}?m={}", reference());
    let signed = twilio_signature(AUTH_TOKEN, &by_token, &form);
    assert_eq!(twilio(&house, &by_token, &form, Some(&signed)).await.status, 200);
    assert_eq!(webhooks(&metrics, "twilio", "taken"), 2);
    // another address, another account's token, another form, none at all
    let another =
        form.iter().cloned().chain([("x".to_owned(), "1".to_owned())]).collect::<Vec<_>>();
    let foreign = format!("/v1/webhooks/twilio/status/second-hook?m={}", reference());
    let of_first = twilio_signature(AUTH_TOKEN, &foreign, &form);
    for (path, form, signature, word) in [
        (by_token.as_str(), &form, Some(good.as_str()), "forged"),
        (&foreign, &form, Some(of_first.as_str()), "forged"),
        (&asked, &another, Some(&good), "forged"),
        (&asked, &form, None, "unsigned"),
        (&asked, &form, Some("nonsense"), "unsigned"),
        ("/v1/webhooks/twilio/status/nobodys", &form, Some(&good), "token"),
    ] {
        let before = webhooks(&metrics, "twilio", word);
        let answer = twilio(&house, path, form, signature).await;
        assert_eq!(answer.status, 403, "{path} {word}");
        assert_eq!(webhooks(&metrics, "twilio", word), before + 1, "{word}");
        assert!(!answer.text.contains("nobodys") && !answer.text.contains("SM"), "{}", answer.text);
    }
}

#[tokio::test]
async fn metas_webhooks_are_known_by_their_app_and_speak_of_its_numbers_only() {
    let (house, metrics) = hooked().await;
    let path = "/v1/webhooks/whatsapp/status";
    let body = statuses(NUMBER, &["sent", "delivered", "read"]).to_string().into_bytes();
    let good = meta_signature(SECRET, &body);
    for path in [path, "/v1/webhooks/whatsapp/status/meta-hook"] {
        assert_eq!(meta(&house, path, &body, Some(&good)).await.status, 200);
    }
    let wrong = meta_signature("wrong", &body);
    for (signature, word) in [(Some(wrong.as_str()), "forged"), (None, "unsigned")] {
        assert_eq!(meta(&house, path, &body, signature).await.status, 403);
        assert_eq!(webhooks(&metrics, "whatsapp", word), 1);
    }
    // one byte more
    let longer = [body.as_slice(), b" "].concat();
    assert_eq!(meta(&house, path, &longer, Some(&good)).await.status, 403);
    // another app's number, and one that nobody has: signed, and of no message of this app
    let ignored = |why: &str| {
        counted(
            &metrics,
            "ulak_receipts_without_effect_total",
            &[("provider", "whatsapp"), ("why", why)],
        )
    };
    let before = ignored("unmatched");
    for number in ["100000000000002", "100000000000009"] {
        let body = statuses(number, &["delivered"]).to_string().into_bytes();
        let signature = meta_signature(SECRET, &body);
        assert_eq!(meta(&house, path, &body, Some(&signature)).await.status, 200);
    }
    assert_eq!(ignored("unmatched"), before + 2);
    // a reply of a patient, a word that nobody documents, no reference of ours
    let mut odd = statuses(NUMBER, &["dreaming"]);
    odd["entry"][0]["changes"][0]["value"]["statuses"][0]["biz_opaque_callback_data"] =
        json!("order 17");
    odd["entry"][0]["changes"].as_array_mut().unwrap().push(json!({
        "field": "messages", "value": { "metadata": { "phone_number_id": NUMBER },
            "messages": [{ "from": "905321234567", "text": { "body": "Merhaba" } }] } }));
    let odd = odd.to_string().into_bytes();
    let signature = meta_signature(SECRET, &odd);
    assert_eq!(meta(&house, path, &odd, Some(&signature)).await.status, 200);
    assert_eq!((ignored("no-reference"), ignored("other")), (1, 1));
    // signed, and no webhook of WhatsApp
    let page = br#"{"object":"page"}"#;
    let signature = meta_signature(SECRET, page);
    assert_eq!(meta(&house, path, page, Some(&signature)).await.status, 400);
    assert!(!metrics.text().contains("532123"), "no number becomes a label");
}

#[tokio::test]
async fn metas_challenge_is_given_back_only_for_the_verify_token() {
    let (house, _) = hooked().await;
    let ask = async |path: &str| house.ask(house.look(path)).await;
    let query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token";
    let answer = ask(&format!("/v1/webhooks/whatsapp/status?{query}=verify")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "1158201444"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    for (path, status) in [
        (format!("/v1/webhooks/whatsapp/status?{query}=v2"), 403),
        (format!("/v1/webhooks/whatsapp/status/second?{query}=other"), 403),
        ("/v1/webhooks/whatsapp/status".to_owned(), 403),
        (format!("/v1/webhooks/whatsapp/status/nobodys?{query}=verify"), 403),
        ("/v1/webhooks/whatsapp/status?hub.mode=subscribe&hub.challenge=%3Cb%3E&hub.verify_token=verify".to_owned(), 400),
        (format!("/v1/webhooks/twilio/status?{query}=verify"), 404),
        (format!("/v1/webhooks/netgsm/report/netgsm-hook?{query}=verify"), 404),
    ] {
        let answer = ask(&path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.text.contains("<b>"), "{}", answer.text);
    }
}

#[tokio::test]
async fn netgsms_hints_need_the_token_and_are_never_believed() {
    let (house, metrics) = hooked().await;
    let path = "/v1/webhooks/netgsm/report/netgsm-hook";
    for body in ["", "{\"jobid\":\"17377215342605050417149344\",\"status\":1}", "\u{fffd}gorevid=1"]
    {
        assert_eq!(house.ask(house.call(path).body(body)).await.status, 200);
    }
    for path in ["/v1/webhooks/netgsm/report", "/v1/webhooks/netgsm/report/netgsm"] {
        assert_eq!(house.ask(house.call(path).body("x")).await.status, 403);
    }
    assert_eq!(
        (webhooks(&metrics, "netgsm", "taken"), webhooks(&metrics, "netgsm", "token")),
        (3, 2)
    );
    assert_eq!(counted(&metrics, "ulak_receipts_total", &[]), 0);
    for path in ["/v1/webhooks/netgsm/status", "/v1/webhooks/x/y/z", "/v1/webhooks/twilio/inbound"]
    {
        assert_eq!(house.ask(house.call(path).body("x")).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn without_configuration_every_webhook_is_forbidden() {
    let house = open().await;
    for path in
        ["twilio/status", "whatsapp/status", "netgsm/report", "twilio/status/x", "netgsm/report/x"]
    {
        let answer = house.ask(house.call(&format!("/v1/webhooks/{path}")).body("x")).await;
        assert_eq!(answer.status, 403, "{path}");
    }
}

#[tokio::test]
async fn ten_mebibytes_and_ten_thousand_fields_are_bounded_and_answered() {
    let (house, metrics) = hooked().await;
    let large = vec![b'a'; 10 * 1024 * 1024];
    let signature = meta_signature(SECRET, &large);
    let path = "/v1/webhooks/whatsapp/status";
    // declared, and not
    assert_eq!(meta(&house, path, &large, Some(&signature)).await.status, 413);
    let chunks = large.chunks(64 * 1024).map(|it| Ok::<_, std::io::Error>(it.to_vec()));
    let chunks: Vec<_> = chunks.collect();
    let stream = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
    let request = house.call(path).header("x-hub-signature-256", &signature).body(stream);
    assert_eq!(house.ask(request).await.status, 413);
    assert_eq!(webhooks(&metrics, "whatsapp", "too-large"), 2);
    let path = format!("/v1/webhooks/twilio/status?m={}", reference());
    let form: Vec<_> = (0..10_000).map(|n| (format!("a{n}"), "1".to_owned())).collect();
    let signature = twilio_signature(AUTH_TOKEN, &path, &form);
    assert_eq!(twilio(&house, &path, &form, Some(&signature)).await.status, 413);
    let long = vec![("a".to_owned(), "x".repeat(128 * 1024))];
    assert_eq!(twilio(&house, &path, &long, Some(&signature)).await.status, 413);
    assert_eq!(webhooks(&metrics, "twilio", "too-large"), 2);
    assert_eq!(house.send(&receipt("e1")).await.status, 202);
}

#[tokio::test]
async fn senders_that_stall_hold_up_nobody_else() {
    let (house, metrics) = hooked().await;
    // more than there are places for large bodies, and many small ones: half a request each
    let mut stalled = vec![];
    for n in 0..60 {
        let length = if n % 2 == 0 { 1024 * 1024 } else { 900 };
        let head = format!(
            "POST /v1/webhooks/whatsapp/status HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: sha256=00\r\ncontent-length: {length}\r\n\r\n{{\"object\""
        );
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stalled.push(stream);
    }
    // those that found no place are told so
    let mut crowded = 0;
    for (n, stream) in stalled.iter_mut().enumerate().filter(|(n, _)| n % 2 == 0) {
        if n / 2 < 16 {
            continue;
        }
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 503");
        crowded += 1;
    }
    assert_eq!(webhooks(&metrics, "whatsapp", "crowded"), crowded);
    let body = statuses(NUMBER, &["sent"]).to_string().into_bytes();
    let signature = meta_signature(SECRET, &body);
    let path = "/v1/webhooks/whatsapp/status";
    let taken =
        tokio::time::timeout(Duration::from_secs(5), meta(&house, path, &body, Some(&signature)));
    assert_eq!(taken.await.expect("nobody waits for those who stall").status, 200);
    assert_eq!(house.send(&receipt("e1")).await.status, 202);
}

#[tokio::test]
async fn while_the_ledger_is_away_the_vendor_is_told_to_come_again() {
    let (house, metrics) = shut().await;
    let body = statuses(NUMBER, &["sent"]).to_string().into_bytes();
    let signature = meta_signature(SECRET, &body);
    let path = "/v1/webhooks/whatsapp/status";
    let answer = meta(&house, path, &body, Some(&signature)).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert_eq!(webhooks(&metrics, "whatsapp", "away"), 1);
    house.open();
    assert_eq!(meta(&house, path, &body, Some(&signature)).await.status, 200);
    house.ledger.close().await;
    assert_eq!(meta(&house, path, &body, Some(&signature)).await.status, 503);
}
