use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;
use schemas::{PhoneNumber, RecipientType};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::errors::{ErrorClass, Errors};
use super::wire::brands;
use super::*;
use crate::http::Limits;
use crate::peer::{Peer, Then, answer};

const ONE: &str = "+905321234567";
const TWO: &str = "+905421112233";
const SECRETS: [&str; 5] = ["5321234567", "5421112233", "iys-secret", "access-1", "refresh-1"];
const BIREYSEL: RecipientType = RecipientType::Bireysel;

fn phones() -> [PhoneNumber; 2] {
    [ONE, TWO].map(|number| PhoneNumber::parse(number).unwrap())
}

fn account(url: &str) -> Account {
    Account {
        name: "default".into(),
        base_url: url.into(),
        username: "iys-user".into(),
        password: "iys-secret".into(),
        iys_code: "100001".into(),
        brand_code: "100002".into(),
    }
}

/// A peer that says these answers in order, and a client of it.
async fn talk(script: Vec<Vec<u8>>) -> (Peer, Client) {
    let peer = Peer::start(script.into_iter().map(Then::Say).collect()).await;
    let limits = Limits { total: Duration::from_millis(800), ..Limits::default() };
    let client = Client::new(account(&peer.url()), limits).unwrap();
    (peer, client)
}

fn token() -> SecretString {
    "access-1".into()
}

fn error(status: u16, code: &str) -> Vec<u8> {
    let message = format!("reddedildi {ONE} 0532 123 45 67");
    let body = json!({"errors": [{"code": code, "location": ["recipients"], "index": 1,
        "value": ONE, "message": message}]});
    answer(status, "", &body.to_string())
}

fn assert_no_secret(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

const TOKENS: &str = r#"{"access_token":"access-1","refresh_token":"refresh-1","expires_in":7200,
    "refresh_expires_in":"14400","token_type":"bearer"}"#;

#[tokio::test]
async fn login_and_refresh_give_a_pair_with_its_lives() {
    let (peer, client) = talk(vec![answer(200, "", TOKENS), answer(200, "", TOKENS)]).await;
    let tokens = client.login().await.unwrap();
    assert_eq!(tokens.access.expose_secret(), "access-1");
    assert_eq!(tokens.expires_in, Duration::from_hours(2));
    assert_eq!(tokens.refresh_expires_in, Duration::from_hours(4));
    client.refresh(&tokens.refresh).await.unwrap();
    let seen = peer.seen();
    assert!(seen[0].starts_with("POST /oauth2/token HTTP/1.1\r\n"));
    assert!(
        seen[0].ends_with(
            r#"{"username":"iys-user","password":"iys-secret","grant_type":"password"}"#
        )
    );
    assert!(seen[1].ends_with(r#"{"refresh_token":"refresh-1","grant_type":"refresh_token"}"#));
    assert_no_secret(&format!("{tokens:?} {client:?} {:?}", account("http://x")));
}

#[tokio::test]
async fn a_refused_login_is_the_account_and_a_refused_refresh_is_a_login() {
    let grant = r#"{"error":"invalid_grant","error_description":"iys-secret is wrong"}"#;
    let script = vec![
        answer(400, "", grant),
        error(401, "H251"),
        answer(401, "", ""),
        answer(400, "", grant),
        answer(401, "", ""),
    ];
    let (_peer, client) = talk(script).await;
    for _ in 0..3 {
        let trouble = client.login().await.unwrap_err();
        assert!(matches!(trouble, IysTrouble::Account(_)), "{trouble:?}");
        assert_no_secret(&format!("{trouble:?} {trouble}"));
    }
    for _ in 0..2 {
        assert_eq!(client.refresh(&"refresh-1".into()).await.unwrap_err(), IysTrouble::Reauth);
    }
}

#[tokio::test]
async fn the_hourly_ban_on_tokens_waits_an_hour_even_if_it_cannot_be_read() {
    let script = vec![error(429, "H084"), answer(429, "", ""), answer(429, "", "<html>")];
    let (_peer, client) = talk(script).await;
    for _ in 0..3 {
        let IysTrouble::Silent(silence) = client.login().await.unwrap_err() else { panic!() };
        assert_eq!(silence.after, Some(Duration::from_hours(1)));
    }
}

#[tokio::test]
async fn an_answer_without_tokens_is_silence() {
    for body in
        ["", "{}", r#"{"access_token":"a"}"#, r#"{"access_token":"a b","refresh_token":"r"}"#]
    {
        let (_peer, client) = talk(vec![answer(200, "", body)]).await;
        assert!(matches!(client.login().await.unwrap_err(), IysTrouble::Silent(_)), "{body}");
    }
}

#[tokio::test]
async fn a_batch_lists_those_with_consent_and_ignores_strangers() {
    let body = json!({"requestId": "r-1", "list": ["905321234567", "+905009998877", "x", ""]});
    let (peer, client) = talk(vec![answer(200, "", &body.to_string())]).await;
    let got = client.with_consent(&token(), RecipientType::Tacir, &phones()).await.unwrap();
    assert_eq!(got.request_id, "r-1");
    assert_eq!(got.listed, HashSet::from([ONE.to_owned()]));
    assert_no_secret(&format!("{got:?}"));
    let head = peer.seen().remove(0);
    let path = "/sps/100001/brands/100002/consents/TACIR/status/MESAJ";
    assert!(head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{head}");
    assert!(head.contains("authorization: Bearer access-1\r\n"), "{head}");
    assert_eq!(peer.only_body(), json!({"recipients": [ONE, TWO]}));
}

#[tokio::test]
async fn nothing_that_cannot_be_understood_reads_as_no_consent() {
    let bodies = [
        "",
        "[]",
        "null",
        "<html>",
        "{}",
        r#"{"list":[]}"#,
        r#"{"requestId":"r"}"#,
        r#"{"requestId":"r","list":null}"#,
        r#"{"requestId":"r","list":{}}"#,
        r#"{"requestId":"r","list":[{"recipient":"+905321234567"}]}"#,
        r#"{"requestId":"","list":[]}"#,
        r#"{"requestId":"r","list":[],"LIST":["+905321234567"]}"#,
    ];
    let mut script: Vec<_> = bodies.iter().map(|body| answer(200, "", body)).collect();
    let understood = r#"{"requestId":"r","list":[]}"#;
    for status in [201, 202, 302, 404, 500, 503] {
        script.push(answer(status, "", understood));
    }
    let count = script.len();
    let (_peer, client) = talk(script).await;
    for _ in 0..count {
        let trouble = client.with_consent(&token(), BIREYSEL, &phones()).await.unwrap_err();
        assert!(matches!(trouble, IysTrouble::Silent(_)), "{trouble:?}");
    }
    let trouble = client.with_consent(&token(), BIREYSEL, &phones()).await.unwrap_err();
    assert!(matches!(&trouble, IysTrouble::Silent(s) if s.trouble.code == "timeout"));
}

#[tokio::test]
async fn too_many_numbers_and_none_ask_nobody() {
    let (peer, client) = talk(vec![]).await;
    let [one, _] = phones();
    let many = vec![one; MOST_NUMBERS + 1];
    let trouble = client.with_consent(&token(), BIREYSEL, &many).await.unwrap_err();
    assert!(matches!(trouble, IysTrouble::BadRequest(_)));
    assert!(client.with_consent(&token(), BIREYSEL, &[]).await.unwrap().listed.is_empty());
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn every_documented_error_becomes_its_class_without_personal_data() {
    let errors = Errors::embedded().unwrap();
    let script = errors.rows().iter().map(|row| error(row.http, &row.code)).collect();
    let (_peer, client) = talk(script).await;
    for row in errors.rows() {
        let trouble = client.with_consent(&token(), BIREYSEL, &phones()).await.unwrap_err();
        let shown = format!("{trouble:?} {trouble}");
        assert_no_secret(&shown);
        let as_said = match (&trouble, row.class) {
            (IysTrouble::Silent(s), ErrorClass::Retry) => s.after == row.after(),
            (
                IysTrouble::BadRequest(r),
                ErrorClass::BadData | ErrorClass::Refused | ErrorClass::Done,
            ) => {
                let of_number = ["H120", "H121", "H166", "H464"].contains(&row.code.as_str());
                r.indexes == [1] && r.of_number == of_number
            }
            (IysTrouble::Reauth, ErrorClass::Reauth)
            | (IysTrouble::Account(_), ErrorClass::Account) => true,
            _ => false,
        };
        assert!(as_said, "{row:?} became {shown}");
        let label = format!("iys:{}", row.code);
        assert!(trouble.code() == label || trouble == IysTrouble::Reauth, "{shown}");
    }
}

#[tokio::test]
async fn undocumented_errors_follow_their_status() {
    let script = vec![
        error(422, "H999"),
        error(400, "H500"),
        error(500, "H999"),
        error(403, "X"),
        error(401, "X"),
        error(429, "X"),
    ];
    let (_peer, client) = talk(script).await;
    let next = async || client.with_consent(&token(), BIREYSEL, &phones()).await.unwrap_err();
    for _ in 0..2 {
        let IysTrouble::BadRequest(refused) = next().await else { panic!() };
        assert_eq!(refused.trouble.code, "iys:unlisted");
        assert!(!refused.of_number, "a code that nobody knows says nothing about a person");
    }
    assert!(matches!(next().await, IysTrouble::Silent(_)));
    assert!(matches!(next().await, IysTrouble::Account(_)));
    assert_eq!(next().await, IysTrouble::Reauth);
    let second = Some(Duration::from_secs(1));
    assert!(matches!(next().await, IysTrouble::Silent(s) if s.after == second));
}

#[tokio::test]
async fn of_several_errors_the_gravest_counts() {
    let body = json!({"errors": [{"code": "H114", "index": 0}, {"code": "H353"}, {"code": "H083"},
        {"code": "nope"}]});
    let (_peer, client) = talk(vec![answer(422, "", &body.to_string())]).await;
    let trouble = client.with_consent(&token(), BIREYSEL, &phones()).await.unwrap_err();
    assert!(matches!(trouble, IysTrouble::Account(t) if t.code == "iys:H353"));
}

#[tokio::test]
async fn a_single_answer_is_a_record_no_record_or_silence() {
    let record = |status: &str, number: &str| {
        json!({"consentDate": "2026-03-01 09:40:00", "source": "HS_WEB", "recipient": number,
            "recipientType": "BIREYSEL", "status": status, "type": "MESAJ",
            "transactionId": "ab12"})
        .to_string()
    };
    let script = vec![
        answer(200, "", &record("ONAY", ONE)),
        answer(200, "", &record("RET", ONE)),
        answer(204, "", ""),
        error(404, "H171"),
        answer(404, "", r#"{"errors":[{"message":"İzin bulunamadı."}]}"#),
        answer(404, "", r#"{"errors":[]}"#),
        answer(404, "", r#"{"errors":"no such page"}"#),
        error(404, "H103"),
        answer(200, "", &record("BELKI", ONE)),
        answer(200, "", &record("ONAY", TWO)),
        answer(200, "", "{}"),
        answer(404, "", "<html>not found</html>"),
        answer(429, "", ""),
    ];
    let (peer, client) = talk(script).await;
    let [one, _] = phones();
    let next = async || client.status(&token(), BIREYSEL, &one).await;
    let found = ConsentRecord {
        status: ConsentStatus::Onay,
        source: Some("HS_WEB".into()),
        consent_at: Some("2026-03-01T06:40:00Z".parse().unwrap()),
        transaction_id: Some("ab12".into()),
    };
    assert_eq!(next().await.unwrap(), SingleAnswer::Found(found.clone()));
    let refused = ConsentRecord { status: ConsentStatus::Ret, ..found };
    assert_eq!(next().await.unwrap(), SingleAnswer::Found(refused));
    for _ in 0..3 {
        assert_eq!(next().await.unwrap(), SingleAnswer::NoRecord);
    }
    for _ in 0..7 {
        let trouble = next().await.unwrap_err();
        assert!(matches!(trouble, IysTrouble::Silent(_)), "{trouble:?}");
    }
    let hour = Some(Duration::from_hours(1));
    assert!(matches!(next().await.unwrap_err(), IysTrouble::Silent(s) if s.after == hour));
    let first = &peer.seen()[0];
    assert!(first.starts_with("POST /sps/100001/brands/100002/consents/status "), "{first}");
    assert!(
        first.ends_with(
            r#"{"recipient":"+905321234567","recipientType":"BIREYSEL","type":"MESAJ"}"#
        )
    );
}

#[tokio::test]
async fn brands_are_the_probe() {
    let list = r#"[{"brandCode":100002,"name":"Klinik"}]"#;
    let held = format!(r#"{{"list":{list}}}"#);
    let script = vec![
        answer(200, "", list),
        answer(200, "", &held),
        error(403, "H353"),
        answer(200, "", "7"),
    ];
    let (peer, client) = talk(script).await;
    for _ in 0..2 {
        let brand = Brand { code: "100002".into(), name: Some("Klinik".into()) };
        assert_eq!(client.brands(&token()).await.unwrap(), [brand]);
    }
    assert!(matches!(client.brands(&token()).await.unwrap_err(), IysTrouble::Account(_)));
    assert!(matches!(client.brands(&token()).await.unwrap_err(), IysTrouble::Silent(_)));
    assert!(peer.seen()[0].starts_with("GET /sps/100001/brands HTTP/1.1\r\n"));
}

#[tokio::test]
async fn no_network_is_silence() {
    let client = Client::new(account("http://127.0.0.1:1"), Limits::default()).unwrap();
    let trouble = client.with_consent(&token(), BIREYSEL, &phones()).await.unwrap_err();
    assert!(matches!(&trouble, IysTrouble::Silent(s) if s.trouble.code == "connect"));
}

#[test]
fn codes_that_are_no_numbers_are_refused_at_start() {
    for code in ["", "12a", "../1", "123456789012345678901"] {
        let bad = Account { brand_code: code.into(), ..account("http://127.0.0.1") };
        let error = Client::new(bad, Limits::default()).unwrap_err().to_string();
        assert!(error.contains("brand_code of iys account default"), "{error}");
    }
}

#[test]
fn the_readme_shows_the_table_as_it_is() {
    let errors = Errors::embedded().unwrap();
    let mut table =
        String::from("| code | HTTP | class | wait | meaning |\n|---|---|---|---|---|\n");
    for row in errors.rows() {
        let wait = row.after().map_or(String::new(), |after| format!("{} s", after.as_secs()));
        let (code, http, class) = (&row.code, row.http, row.class.as_str());
        writeln!(table, "| {code} | {http} | {class} | {wait} | {} |", row.meaning).unwrap();
        assert_eq!(errors.rows().iter().filter(|other| other.code == row.code).count(), 1);
    }
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&table), "put this into providers/README.md:\n{table}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "\\{\"(list|requestId|status|errors|access_token)\":(\"\\PC{0,9}\"|\\[.{0,9}\\]|[0-9]{1,9})\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        prop_assert!(BatchAnswer::parse(&body, &phones()).is_none());
        let _ = Tokens::parse(&body);
        let _ = ConsentRecord::parse(&body, &phones()[0]);
        let _ = brands(&body);
    }

    #[test]
    fn only_numbers_that_were_asked_about_are_listed(
        list in proptest::collection::vec("(\\+90|0|90)?5[0-9]{9}|\\PC{0,12}", 0..20),
    ) {
        let body = json!({"requestId": "r", "list": list}).to_string();
        let asked = phones();
        let answer = BatchAnswer::parse(body.as_bytes(), &asked).unwrap();
        prop_assert!(answer.listed.iter().all(|n| asked.iter().any(|p| p.e164() == n)));
    }
}
