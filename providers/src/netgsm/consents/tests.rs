use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::iys::ConsentStatus;
use crate::netgsm::Account;
use crate::netgsm::codes::{Class, Codes};
use crate::peer::{Peer, Then, answer};
use crate::{LaneTrouble, Limits};

const ONE: &str = "+905321234567";
const TWO: &str = "+905421112233";
const BIREYSEL: RecipientType = RecipientType::Bireysel;

fn phone(number: &str) -> PhoneNumber {
    PhoneNumber::parse(number).unwrap()
}

fn client(url: &str) -> Client {
    let account = Account::new("default", "8501234567", SecretString::from("netgsm-secret"));
    let limits = Limits { total: Duration::from_millis(800), ..Limits::default() };
    Client::new(Account { base_url: url.into(), ..account }, limits).unwrap()
}

async fn talk(script: Vec<Vec<u8>>) -> (Peer, Consents) {
    let peer = Peer::start(script.into_iter().map(Then::Say).collect()).await;
    let consents = client(&peer.url()).consents("100001").unwrap();
    (peer, consents)
}

fn query(status: &str, recipient: &str) -> Value {
    json!({"recipientType": "BIREYSEL", "recipient": recipient, "source": "HS_WEB",
        "type": "MESAJ", "consentDate": "2026-03-01 09:40:00", "status": status,
        "creationDate": "2026-03-01 09:41:00", "retailerAccessCount": 0, "transactionId": "ab12"})
}

fn good(query: &Value) -> Vec<u8> {
    let body = json!({"code": "0", "error": "false", "query": query});
    answer(200, "", &body.to_string())
}

fn assert_no_secret(shown: &str) {
    for secret in ["5321234567", "532 123", "netgsm-secret"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn a_question_says_account_brand_and_number_and_the_record_comes_back() {
    let (peer, consents) = talk(vec![good(&query("ONAY", ONE))]).await;
    let found = consents.of(BIREYSEL, &phone(ONE)).await.unwrap();
    let record = ConsentRecord {
        status: ConsentStatus::Onay,
        source: Some("HS_WEB".into()),
        consent_at: Some("2026-03-01T06:40:00Z".parse().unwrap()),
        transaction_id: Some("ab12".into()),
    };
    assert_eq!(found, SingleAnswer::Found(record));
    let head = peer.seen().remove(0);
    assert!(head.starts_with("POST /iys/search HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Basic ODUwMTIzNDU2NzpuZXRnc20tc2VjcmV0\r\n"), "{head}");
    assert_eq!(
        peer.only_body(),
        json!({"header": {"username": "8501234567", "password": "netgsm-secret",
                "brandCode": "100001"},
            "body": {"data": [{"type": "MESAJ", "recipient": ONE, "recipientType": "BIREYSEL"}]}})
    );
    assert_no_secret(&format!("{consents:?}"));
}

#[tokio::test]
async fn a_refusal_and_a_missing_record_are_answers() {
    let mut tacir = query("RET", "0532 123 45 67");
    tacir["recipientType"] = "TACIR".into();
    let script = vec![
        good(&tacir),
        good(&json!([query("RET", ONE)])),
        answer(200, "", r#"{"code":"00","query":{"status":"ONAY"}}"#),
        answer(200, "", r#"{"code":50,"error":"Kayıt Bulunamadı."}"#),
        answer(406, "", r#"{"code":"50"}"#),
    ];
    let (_peer, consents) = talk(script).await;
    let status = |answer| match answer {
        SingleAnswer::Found(ConsentRecord { status, .. }) => Some(status),
        SingleAnswer::NoRecord => None,
    };
    let said = consents.of(RecipientType::Tacir, &phone(ONE)).await.unwrap();
    assert_eq!(status(said), Some(ConsentStatus::Ret));
    for expected in [Some(ConsentStatus::Ret), Some(ConsentStatus::Onay), None, None] {
        assert_eq!(status(consents.of(BIREYSEL, &phone(ONE)).await.unwrap()), expected);
    }
}

#[tokio::test]
async fn nothing_that_cannot_be_understood_is_an_answer_about_consent() {
    let mut call = query("ONAY", ONE);
    call["type"] = "ARAMA".into();
    let mut script = vec![
        good(&query("ONAY", TWO)),
        good(&query("BELKI", ONE)),
        good(&call),
        good(&json!([query("ONAY", ONE), query("RET", ONE)])),
        good(&json!([])),
        good(&json!([query("ONAY", ONE), 7])),
        answer(200, "", r#"{"code":"0","error":"true","query":{"status":"ONAY"}}"#),
        answer(200, "", r#"{"code":"0","query":{"status":"ONAY","recipientType":"TACIR"}}"#),
        answer(200, "", r#"{"code":50,"query":{"status":"RET"}}"#),
        answer(200, "", r#"{"code":"0","Code":"50"}"#),
        answer(200, "", r#"{"code":999,"error":"Kayıt Bulunamadı. +905321234567"}"#),
        answer(200, "", r#"{"error":"Kayıt Bulunamadı."}"#),
        answer(200, "", ""),
        answer(200, "", "<html>"),
        answer(200, "", "0"),
    ];
    for status in [201, 204, 302, 400, 404, 500, 503] {
        script.push(answer(status, "", r#"{"code":50,"error":"Kayıt Bulunamadı."}"#));
    }
    let count = script.len();
    let (_peer, consents) = talk(script).await;
    for n in 0..count {
        let trouble = consents.of(BIREYSEL, &phone(ONE)).await.unwrap_err();
        assert!(matches!(trouble, ProbeTrouble::Silent(_)), "{n}: {trouble:?}");
        assert_no_secret(&format!("{trouble:?} {trouble}"));
    }
    let trouble = consents.of(BIREYSEL, &phone(ONE)).await.unwrap_err();
    assert!(matches!(&trouble, ProbeTrouble::Silent(t) if t.code == "timeout"), "{trouble}");
}

#[tokio::test]
async fn every_documented_error_becomes_its_class_and_none_is_no_consent() {
    let codes = Codes::embedded().unwrap();
    let rows: Vec<_> = codes
        .rows(Operation::IysSearch)
        .iter()
        .filter(|row| !matches!(row.class, Class::Accepted | Class::Nothing))
        .collect();
    let script = rows
        .iter()
        .map(|row| {
            let body = json!({"code": row.code.parse::<u32>().unwrap(),
                "error": "0532 123 45 67 netgsm-secret",
                "erroritem": [{"recipient": ONE}]});
            answer(200, "", &body.to_string())
        })
        .chain([answer(401, "", ""), answer(429, "retry-after: 7\r\n", "")]);
    let (_peer, consents) = talk(script.collect()).await;
    for row in &rows {
        let trouble = consents.of(BIREYSEL, &phone(ONE)).await.unwrap_err();
        assert_no_secret(&format!("{trouble:?} {trouble}"));
        let as_said = match &trouble {
            ProbeTrouble::Lane(lane, _) => row.class.lane() == Some(*lane),
            ProbeTrouble::Busy { after, .. } => row.class == Class::Retry && *after == row.after(),
            ProbeTrouble::Request(_) => row.class == Class::Refused,
            ProbeTrouble::Silent(_) => false,
        };
        assert!(as_said, "{row:?} became {trouble:?}");
        assert_eq!(trouble.trouble().code, format!("netgsm:{}", row.code));
    }
    let refused = consents.of(BIREYSEL, &phone(ONE)).await.unwrap_err();
    assert!(matches!(refused, ProbeTrouble::Lane(LaneTrouble::Credentials, _)), "{refused}");
    let seven = Some(Duration::from_secs(7));
    let busy = consents.of(BIREYSEL, &phone(ONE)).await.unwrap_err();
    assert!(matches!(&busy, ProbeTrouble::Busy { after, .. } if *after == seven), "{busy}");
}

#[tokio::test]
async fn the_probe_asks_about_nobody_and_is_content_with_any_understood_answer() {
    let blamed = |number: &str| {
        let body = json!({"code": 70, "error": "Hatalı", "erroritem": [{"recipient": number}]});
        answer(200, "", &body.to_string())
    };
    let script = vec![
        answer(200, "", r#"{"code":50,"error":"Kayıt Bulunamadı."}"#),
        blamed(NOBODY),
        blamed(ONE),
        answer(200, "", r#"{"code":70,"error":"Hatalı JSON formatı."}"#),
        answer(200, "", r#"{"code":51}"#),
        answer(500, "", ""),
    ];
    let (peer, consents) = talk(script).await;
    for _ in 0..2 {
        consents.probe().await.unwrap();
    }
    for _ in 0..2 {
        assert!(matches!(consents.probe().await.unwrap_err(), ProbeTrouble::Request(_)));
    }
    let brand = consents.probe().await.unwrap_err();
    assert!(matches!(brand, ProbeTrouble::Lane(LaneTrouble::Account, _)), "{brand}");
    assert!(matches!(consents.probe().await.unwrap_err(), ProbeTrouble::Silent(_)));
    assert!(PhoneNumber::parse(NOBODY).is_ok(), "a number that cannot be one would be refused");
    assert!(peer.seen().iter().all(|request| request.contains(NOBODY)));
}

#[tokio::test]
async fn no_network_is_silence() {
    let consents = client("http://127.0.0.1:1").consents("100001").unwrap();
    let trouble = consents.of(BIREYSEL, &phone(ONE)).await.unwrap_err();
    assert!(matches!(&trouble, ProbeTrouble::Silent(t) if t.code == "connect"), "{trouble}");
}

#[test]
fn a_brand_that_is_no_number_is_refused_at_start() {
    for code in ["", "12a", "../1", "123456789012345678901"] {
        let error = client("http://127.0.0.1").consents(code).unwrap_err().to_string();
        assert!(error.contains("iys_brand_code of netgsm account default"), "{error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_only_a_record_is_one(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "\\{\"(query|code|error|erroritem)\":(\"\\PC{0,9}\"|\\[.{0,9}\\]|\\{.{0,9}\\}|[0-9]{1,9})\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        prop_assert!(record(&body, BIREYSEL, &phone(ONE)).is_none());
        prop_assert!(!says_more(&body));
        let _ = blames(&body, ONE);
    }

    #[test]
    fn a_record_is_taken_only_about_the_number_and_kind_that_was_asked(
        number in prop_oneof![Just(ONE.to_owned()), Just(TWO.to_owned()), "\\PC{0,12}"],
        kind in "BIREYSEL|TACIR|\\PC{0,4}",
        status in "ONAY|RET|\\PC{0,4}",
    ) {
        let mut said = query(&status, &number);
        said["recipientType"] = kind.clone().into();
        let body = json!({"code": "0", "query": said}).to_string();
        let taken = record(body.as_bytes(), BIREYSEL, &phone(ONE)).is_some();
        let documented = matches!(status.as_str(), "ONAY" | "RET");
        let same = PhoneNumber::parse(&number).is_ok_and(|n| n.e164() == ONE);
        prop_assert_eq!(taken, same && documented && kind.trim() == "BIREYSEL");
    }
}
