//! Webhooks: what providers, and anybody else, post to us.

use std::sync::LazyLock;

use providers::receipt::{Delivery, Failure, Receipt};
use providers::webhook::HookTrouble;
use providers::{meta, twilio};
use receipts::{Fate, Provider, Via, attempt_of, write_of};
use serde_json::json;

use crate::check::{has_number, holds_nothing_planted, one_line};
use crate::corpus;

const SECRET: &str = "hunter2-Gizli";

static META: LazyLock<meta::Codes> =
    LazyLock::new(|| meta::Codes::embedded().expect("embedded codes"));
static TWILIO: LazyLock<twilio::Codes> =
    LazyLock::new(|| twilio::Codes::embedded().expect("embedded codes"));

fn failure_is_safe(failure: &Failure) {
    let code = &failure.code;
    assert!(
        (1..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic()),
        "{code:?}"
    );
    one_line("a failure", &failure.detail);
    assert!(!has_number(&failure.detail), "{}", failure.detail);
    assert!(failure.detail.chars().count() <= 400, "{}", failure.detail);
}

/// What every receipt holds to, and what is written of it.
fn receipt_is_safe(provider: Provider, receipt: &Receipt) {
    let plain =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    assert!(receipt.word.len() <= 32 && plain(&receipt.word), "{:?}", receipt.word);
    assert!(receipt.provider_ref.len() <= 256, "{}", receipt.provider_ref.len());
    assert!(
        receipt.provider_ref.bytes().all(|b| b.is_ascii_graphic()),
        "{:?}",
        receipt.provider_ref
    );
    if let Some(failure) = receipt.delivery.as_ref().and_then(Delivery::failure) {
        failure_is_safe(failure);
    }
    let reference = receipt.reference.as_deref();
    assert!(reference.is_none_or(|it| it.len() <= 128 && plain(it)), "{reference:?}");
    let Some(told) = write_of(provider, Via::Webhook, receipt) else {
        assert_eq!(reference.and_then(attempt_of), None);
        return;
    };
    let write = &told.write;
    assert_eq!(reference.map(str::to_owned), Some(format!("{}-{}", write.ntf, write.n)));
    assert!(write.n > 0 && write.code.len() <= 40 && told.provider == provider);
    assert!(!write.next_channel || told.starts.fate == (Fate::Lost { next_channel: true }));
    assert!(!write.bad_number || matches!(told.starts.fate, Fate::Lost { .. }));
}

/// Bodies of Meta's webhooks.
pub(super) fn metas() -> Vec<Vec<u8>> {
    let of = |statuses: serde_json::Value| {
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": "102290129340398", "changes": [{
            "field": "messages", "value": { "messaging_product": "whatsapp",
                "metadata": { "display_phone_number": "905398887766", "phone_number_id": "106540352242922" },
                "statuses": statuses } }] }] })
        .to_string()
        .into_bytes()
    };
    let ntf = "ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa-1";
    let status = |word: &str| {
        json!({ "id": "wamid.HBgMOTA1Mzk4ODg3NzY2FQIAERgS", "status": word, "timestamp": "1795300000",
            "recipient_id": "905398887766", "biz_opaque_callback_data": ntf,
            "pricing": { "billable": true, "pricing_model": "PMP", "type": "regular", "category": "utility" } })
    };
    let mut failed = status("failed");
    failed["errors"] = json!([{ "code": 131_026, "title": "Message undeliverable",
        "message": "Message undeliverable to 905398887766",
        "error_data": { "details": "Gizlisoyad 539 888 77 66" }, "href": "https://x" }]);
    let words =
        ["sent", "delivered", "read", "played", "dreaming"].map(|word| of(json!([status(word)])));
    let mut all = words.to_vec();
    all.push(of(json!([failed, status("sent")])));
    all.push(of(json!({ "id": 1, "status": null })));
    all.push(
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [{ "field": "messages",
            "value": { "metadata": { "phone_number_id": "106540352242922" },
                "messages": [{ "from": "905398887766", "text": { "body": "Gizlikişi" } }] } }] }] })
        .to_string()
        .into_bytes(),
    );
    all
}

/// A body of Meta's webhook whose signature is right, and the same for whoever has not got the secret.
pub(super) fn meta(input: &[u8]) {
    let hook = meta::Hook::new(SECRET.into(), "verify-me".into()).expect("secrets");
    for signature in [None, Some("sha256="), Some("sha256=00"), std::str::from_utf8(input).ok()] {
        let refused = hook.updates(input, signature).expect_err("nobody signed it");
        assert!(refused.is_forbidden() || refused == HookTrouble::TooLarge, "{refused:?}");
    }
    let Some(updates) = meta::outside::updates(&META, input) else { return };
    assert!(updates.statuses.len() <= meta::MOST_STATUSES);
    holds_nothing_planted("the secret's hook", &format!("{hook:?}"));
    for update in &updates.statuses {
        let id = &update.phone_number_id;
        assert!((1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()), "{id:?}");
        receipt_is_safe(Provider::Whatsapp, &update.receipt);
    }
}

/// Address, signature and form of Twilio's callbacks, one a line.
pub(super) fn callbacks() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "https://hooks.example.com/v1/webhooks/twilio/status?m=ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa-1\nd5dEcRVxwRka8McdYS3NRxigauo=\nAccountSid=ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb&ApiVersion=2010-04-01&From=KLINIK&To=%2B905398887766&MessageSid=SMcccccccccccccccccccccccccccccccc&MessageStatus=undelivered&SmsStatus=undelivered&ErrorCode=30003&ErrorMessage=Gizlisoyad+5398887766&RawDlrDoneDate=2601151230",
        "https://user:pass@h.example:443/x?m=ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa-12&b=It's+a#rc=5\nRSOYDt4T1cUTdK1PDd93/VVr8B8=\nEventType=READ&SmsStatus=read&MessageStatus=read&ChannelToAddress=%2B905398887766&To=whatsapp%3A%2B905398887766&MessageSid=MMcccccccccccccccccccccccccccccccc&AccountSid=ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "http://[::1]:8080/?\n\nMessageStatus=dreaming&MessageSid=SM1&a=1&a=1&a=2",
        "x\nx\nSmsStatus=received&SmsSid=SMcccccccccccccccccccccccccccccccc&Body=Gizliki%C5%9Fi",
    ])
}

/// A callback as it comes: nobody's signature fits, and ours does, in whatever order the fields stand.
pub(super) fn callback(input: &[u8]) {
    let hook = twilio::Hook::new(SECRET.into()).expect("a token");
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (url, signature, body) = (line(), line(), line());
    let refused = hook.status(url, body.as_bytes(), Some(signature)).expect_err("nobody signed it");
    assert_ne!(refused, HookTrouble::Unreadable);
    let form = twilio::outside::form(body.as_bytes());
    holds_nothing_planted("Debug of a form", &format!("{form:?}"));
    if let Some(callback) = twilio::outside::status(&TWILIO, url, &form) {
        assert!(callback.account_sid.len() == 34 && callback.account_sid.is_ascii());
        receipt_is_safe(Provider::Twilio, &callback.receipt);
    }
    // signed by the twin, which writes the rule a second time
    let decoded: Vec<(String, String)> = decoded(body);
    let pairs: Vec<(&str, &str)> = decoded.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let signed = url.split('#').next().unwrap_or_default();
    let Some(own) = simulator::outside::signature(SECRET, signed, &pairs) else { return };
    match hook.status(url, body.as_bytes(), Some(&own)) {
        Ok(_) => {
            let longer = format!("{body}&Gizli=1");
            let forged = hook.status(url, longer.as_bytes(), Some(&own));
            assert!(forged.is_err(), "a form with one field more has the same signature");
        }
        Err(trouble) => assert_eq!(trouble, HookTrouble::TooLarge, "{signed:?}"),
    }
}

/// A form, read anew here.
fn decoded(body: &str) -> Vec<(String, String)> {
    let value = |text: &str| {
        let mut bytes = vec![];
        let mut rest = text.as_bytes();
        while let Some((first, tail)) = rest.split_first() {
            let hex =
                tail.get(..2).filter(|it| *first == b'%' && it.iter().all(u8::is_ascii_hexdigit));
            let byte =
                hex.and_then(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok());
            bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
            rest = &tail[if byte.is_some() { 2 } else { 0 }..];
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let fields = body.split('&').filter(|field| !field.is_empty());
    let fields = fields.map(|field| field.split_once('=').unwrap_or((field, "")));
    fields.map(|(name, it)| (value(name), value(it))).collect()
}

/// Queries of Meta's challenge, and bodies of Netgsm's hint.
pub(super) fn queries() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-me",
        "hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=verify-me",
        "hub.verify_token=verify-me&hub.verify_token=x&hub.mode=&hub.challenge=1",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=hunter2-Gizli",
        "{\"jobid\":\"17377215342605050417149344\",\"number\":\"905398887766\",\"status\":1}",
        "gorevid=112000720&ceptel=5398887766&durum=1",
    ])
}

/// The challenge is given back only to who knows the token, and only if it is harmless; a hint is job ids and nothing else.
pub(super) fn query(input: &[u8]) {
    let hook = meta::Hook::new(SECRET.into(), "verify-me".into()).expect("secrets");
    let text = String::from_utf8_lossy(input);
    if let Ok(said) = hook.challenge(&text) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        assert!((1..=256).contains(&said.len()) && said.bytes().all(plain), "{said:?}");
        assert!(text.contains("verify") || text.contains('%'), "{text:?}");
    }
    let jobs = gateway::outside::hinted_jobs(input);
    assert!(jobs.len() <= 200);
    for job in &jobs {
        assert!((6..=40).contains(&job.len()) && job.bytes().all(|b| b.is_ascii_digit()), "{job}");
    }
}
