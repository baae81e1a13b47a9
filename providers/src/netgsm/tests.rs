use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use schemas::PhoneNumber;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::codes::{Class, Codes, Operation};
use super::verdict::Reading;
use super::wire::{Reply, seen_date, window};
use super::*;
use crate::http::{Answer, Broken};
use crate::peer::{Peer, Then, answer};
use crate::receipt::Remedy;
use crate::{FailedKind, Freshness, LaneTrouble, Limits, Outcome, ProbeTrouble};

mod job;
mod receipts;

const TEXT: &str = "Sayın Ayşe Yılmaz, 22.11.2026 14:30 randevunuz vardır.";
const SECRETS: [&str; 6] = ["Ayşe", "Ayse", "Yılmaz", "5321234567", "randevunuz", "netgsm-secret"];

fn phone() -> PhoneNumber {
    PhoneNumber::parse("+905321234567").unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn account(url: &str) -> Account {
    let password = SecretString::from("netgsm-secret");
    Account { base_url: url.into(), ..Account::new("default", "8501234567", password) }
}

fn client(account: Account) -> Client {
    let total = Duration::from_millis(800);
    Client::new(account, Limits { total, ..Limits::default() }).unwrap()
}

fn sms(to: &PhoneNumber) -> Sms<'_> {
    Sms {
        to,
        text: TEXT,
        turkish: true,
        sender: "KLINIK",
        reference: "ntf_abc-1",
        starts: at("2026-11-21T18:42:10Z"),
        stops: at("2026-11-22T11:30:59Z"),
    }
}

fn read(operation: Operation, answer: Answer, bare_503_failed: bool) -> Outcome {
    let codes = Codes::embedded().unwrap();
    let own = [TEXT, "+905321234567", "5321234567"];
    Reading { codes: &codes, operation, own: &own }.outcome(Ok(answer), bare_503_failed)
}

fn said(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, retry_after: None, body: Ok(body.into()) }
}

fn send_said(status: u16, body: &str) -> Outcome {
    read(Operation::Send, said(status, body), true)
}

#[tokio::test]
async fn a_send_says_every_field_and_takes_the_jobid() {
    let body = r#"{"code":"00","jobid":"17377215342605050417149344","description":"queued"}"#;
    let peer = Peer::start(vec![Then::Say(answer(200, "", body))]).await;
    let account = Account {
        app_name: Some("ulak".into()),
        partner_code: Some("P1".into()),
        echoes_reference: true,
        ..account(&peer.url())
    };
    let outcome = client(account).send(sms(&phone()), Freshness::start()).await;
    let Outcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
    assert_eq!(accepted.provider_ref, "17377215342605050417149344");
    assert_eq!((accepted.code.as_str(), accepted.warning), ("netgsm:00", None));
    assert_eq!(
        peer.only_body(),
        json!({"msgheader": "KLINIK", "encoding": "TR", "iysfilter": "0",
            "startdate": "211120262142", "stopdate": "221120261430",
            "appname": "ulak", "partnercode": "P1",
            "messages": [{"msg": TEXT, "no": "5321234567", "referansID": "ntf_abc-1"}]})
    );
    let head = peer.seen().remove(0);
    assert!(head.starts_with("POST /sms/rest/v2/send HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Basic ODUwMTIzNDU2NzpuZXRnc20tc2VjcmV0\r\n"), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
}

#[tokio::test]
async fn what_is_optional_is_left_out() {
    let peer = Peer::start(vec![Then::Say(answer(200, "", "00 1311033503"))]).await;
    let to = phone();
    let plain = Sms { turkish: false, text: "Merhaba", ..sms(&to) };
    client(account(&peer.url())).send(plain, Freshness::start()).await;
    assert_eq!(
        peer.only_body(),
        json!({"msgheader": "KLINIK", "iysfilter": "0", "startdate": "211120262142",
            "stopdate": "221120261430", "messages": [{"msg": "Merhaba", "no": "5321234567"}]})
    );
}

#[tokio::test]
async fn a_one_time_code_goes_by_its_own_route() {
    let peer = Peer::start(vec![Then::Say(answer(200, "", r#"{"code":"00","jobId":"77"}"#))]).await;
    let to = phone();
    let code = OneTimeCode { to: &to, text: "Kod 1234", sender: "KLINIK" };
    let outcome = client(account(&peer.url())).otp(code, Freshness::start()).await;
    let Outcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
    assert_eq!(accepted.provider_ref, "77");
    assert!(peer.seen()[0].starts_with("POST /sms/rest/v2/otp "));
    assert_eq!(
        peer.only_body(),
        json!({"msgheader": "KLINIK", "msg": "Kod 1234", "no": "5321234567"})
    );
}

#[tokio::test]
async fn transport_faults_are_not_sent_or_unknown_and_never_show_the_message() {
    let to = phone();
    let stale = Freshness::started_ago(Duration::from_secs(6));
    let peer = Peer::start(vec![Then::Close, Then::Hang]).await;
    let client_ = client(account(&peer.url()));
    let outcome = client_.send(sms(&to), stale).await;
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "stale"));
    let outcome = client_.send(sms(&to), Freshness::start()).await;
    assert!(matches!(&outcome, Outcome::Unknown(t) if t.code == "cut"), "{outcome:?}");
    let outcome = client_.send(sms(&to), Freshness::start()).await;
    assert!(matches!(&outcome, Outcome::Unknown(t) if t.code == "timeout"), "{outcome:?}");
    assert_eq!(peer.seen().len(), 2);

    let nobody = client(account("http://127.0.0.1:1"));
    let outcome = nobody.send(sms(&to), Freshness::start()).await;
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "connect"));
    assert_no_secret(&format!("{outcome:?} {client_:?} {:?} {:?}", sms(&to), account("http://x")));
}

fn assert_no_secret(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

/// What a class must become when a send hears it.
fn expected(outcome: &Outcome, class: Class, after: Option<Duration>) -> bool {
    match (class, outcome) {
        (Class::Accepted, Outcome::Accepted(_)) | (Class::Refused, Outcome::Refused(_)) => true,
        (Class::Retry, Outcome::Failed(FailedKind::Retry { after: said }, _)) => *said == after,
        (class, Outcome::Failed(FailedKind::Lane(lane), _)) => class.lane() == Some(*lane),
        _ => false,
    }
}

#[test]
fn every_code_means_the_same_with_200_and_406_and_in_each_shape() {
    let codes = Codes::embedded().unwrap();
    for operation in [Operation::Send, Operation::Otp] {
        for row in codes.rows(operation) {
            let code = &row.code;
            let bodies = [
                format!(r#"{{"code":"{code}","jobid":null,"description":"x"}}"#),
                format!(r#"{{"error":"x","CODE":"{code}"}}"#),
                code.clone(),
                format!(" {code}\r\n"),
                format!("\"{code}\""),
            ];
            for status in [200, 406] {
                for body in &bodies {
                    let outcome = read(operation, said(status, body.as_str()), true);
                    assert!(expected(&outcome, row.class, row.after()), "{body}: {outcome:?}");
                }
            }
        }
    }
}

#[test]
fn the_codes_that_close_a_lane_and_the_ones_that_retry_are_those_of_the_protocol() {
    use LaneTrouble::{Account, Credentials, Credit, Sender};
    for (code, lane) in
        [("30", Credentials), ("40", Sender), ("50", Account), ("51", Account), ("62", Credit)]
    {
        let outcome = send_said(406, &format!(r#"{{"code":"{code}"}}"#));
        assert!(matches!(&outcome, Outcome::Failed(FailedKind::Lane(l), _) if *l == lane));
    }
    let minute = Some(Duration::from_mins(1));
    for (code, wait) in [("80", None), ("85", minute), ("100", None), ("101", None)] {
        let outcome = send_said(406, &format!(r#"{{"code":{code}}}"#));
        assert!(matches!(&outcome, Outcome::Failed(FailedKind::Retry { after }, t)
            if *after == wait && t.code == format!("netgsm:{code}")));
    }
    for code in ["20", "70"] {
        assert!(matches!(send_said(406, code), Outcome::Refused(_)));
    }
}

#[test]
fn fifty_means_the_account_in_a_send_and_the_recipient_in_a_one_time_code() {
    let body = r#"{"code":"50","description":"number format"}"#;
    assert!(matches!(send_said(406, body), Outcome::Failed(FailedKind::Lane(_), _)));
    assert!(matches!(read(Operation::Otp, said(406, body), true), Outcome::Refused(_)));
}

#[test]
fn acceptance_without_a_jobid_is_acceptance_with_a_warning() {
    for body in
        ["00", r#"{"code":"00"}"#, r#"{"code":"00","jobid":"a b"}"#, r#"{"code":"00","jobid":"0"}"#]
    {
        let outcome = send_said(200, body);
        let Outcome::Accepted(accepted) = outcome else { panic!("{body}: {outcome:?}") };
        assert_eq!(accepted.provider_ref, "");
        assert!(accepted.warning.unwrap().contains("no usable jobid"));
    }
    for code in ["01", "02", "1000"] {
        let Outcome::Accepted(accepted) = send_said(200, &format!("{code} 1311033503")) else {
            panic!("{code}")
        };
        assert_eq!(accepted.provider_ref, "1311033503");
        assert!(accepted.warning.is_some());
    }
}

#[test]
fn statuses_decide_where_no_code_does() {
    let retry =
        |status| Answer { retry_after: Some(Duration::from_secs(9)), ..said(status, "slow") };
    let outcome = read(Operation::Send, retry(429), true);
    let nine = Some(Duration::from_secs(9));
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::Retry { after }, t)
        if *after == nine && t.code == "http:429"));
    for status in [401, 403] {
        let outcome = send_said(status, "");
        let lane = FailedKind::Lane(LaneTrouble::Credentials);
        assert!(matches!(&outcome, Outcome::Failed(kind, _) if *kind == lane));
    }
    let outcome = read(Operation::Send, retry(503), true);
    assert!(matches!(&outcome, Outcome::Failed(FailedKind::Retry { after }, _) if *after == nine));
    assert!(matches!(read(Operation::Send, said(503, ""), false), Outcome::Unknown(_)));
    assert!(matches!(send_said(503, r#"{"code":"00","jobid":"1"}"#), Outcome::Unknown(_)));
    for (code, asked, wait) in [("80", 9, 9), ("85", 9, 60), ("85", 90, 90)] {
        let retry_after = Some(Duration::from_secs(asked));
        let outcome = read(Operation::Send, Answer { retry_after, ..said(406, code) }, true);
        assert!(matches!(&outcome, Outcome::Failed(FailedKind::Retry { after }, _)
            if *after == Some(Duration::from_secs(wait))));
    }
    for status in [201, 204, 301, 302, 400, 404, 408, 422, 500, 502, 504] {
        for body in ["", "<html>", "00 123456", r#"{"code":"80"}"#] {
            let outcome = send_said(status, body);
            assert!(matches!(outcome, Outcome::Unknown(_)), "{status} {body}: {outcome:?}");
        }
    }
}

#[test]
fn a_body_that_broke_off_is_unknown_unless_its_status_is_certain() {
    let broken = Broken { may_have_left: true, code: "cut", detail: "x" };
    let cut = |status| Answer { status, retry_after: None, body: Err(broken) };
    assert!(matches!(read(Operation::Send, cut(200), true), Outcome::Unknown(_)));
    assert!(matches!(read(Operation::Send, cut(406), true), Outcome::Unknown(_)));
    assert!(matches!(read(Operation::Send, cut(503), true), Outcome::Unknown(_)));
    assert!(matches!(read(Operation::Send, cut(429), true), Outcome::Failed(..)));
}

#[test]
fn an_answer_that_contradicts_itself_is_unknown() {
    for body in [
        r#"{"code":"80","jobid":"123456"}"#,
        r#"{"code":"20","jobid":"123456"}"#,
        r#"{"code":"00","Code":"30"}"#,
        "30 123456",
    ] {
        assert!(matches!(send_said(200, body), Outcome::Unknown(_)), "{body}");
    }
}

#[test]
fn the_providers_words_are_masked_in_every_outcome() {
    for code in ["20", "30", "80", "999"] {
        let said = format!("{TEXT} AYSE YILMAZ 0532 123 45 67 905321234567");
        let body = json!({"code": code, "description": said}).to_string();
        let shown = format!("{:?}", send_said(406, &body));
        assert_no_secret(&shown);
        assert!(!shown.contains("YILMAZ") && !shown.contains("123 45"), "{shown}");
    }
}

#[test]
fn a_window_is_whole_minutes_of_turkish_time_and_never_later_than_asked() {
    let starts = at("2026-11-21T18:42:10Z");
    assert_eq!(window(starts, starts), None);
    assert_eq!(window(starts, at("2026-11-21T18:42:59Z")), None);
    assert_eq!(window(starts, at("2026-11-21T17:00:00Z")), None);
    let far = window(starts, at("2026-12-21T00:00:00Z")).unwrap();
    assert_eq!(far.1, "221120261842", "21 h after the start");
    assert_eq!(window(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC), None);
}

#[tokio::test]
async fn a_closed_window_asks_nobody() {
    let peer = Peer::start(vec![]).await;
    let to = phone();
    let late = Sms { stops: at("2026-11-21T18:42:30Z"), ..sms(&to) };
    let outcome = client(account(&peer.url())).send(late, Freshness::start()).await;
    assert!(
        matches!(&outcome, Outcome::Failed(FailedKind::NotSent, t) if t.code == "window-closed")
    );
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn sender_names_are_the_probe() {
    let good = r#"{"code":"00","description":"ok","msgheaders":["8501234567","KLINIK"]}"#;
    let script = [
        answer(200, "", good),
        answer(406, "", r#"{"code":"30"}"#),
        answer(401, "", ""),
        answer(429, "retry-after: 5\r\n", ""),
        answer(500, "", ""),
        answer(200, "", r#"{"code":"00"}"#),
        answer(406, "", r#"{"code":"70"}"#),
    ];
    let peer = Peer::start(script.into_iter().map(Then::Say).collect()).await;
    let named = Account { app_name: Some("ulak app".into()), ..account(&peer.url()) };
    let client = client(named);
    assert_eq!(client.headers().await.unwrap(), ["8501234567", "KLINIK"]);
    assert!(peer.seen()[0].starts_with("GET /sms/rest/v2/msgheader?appname=ulak+app HTTP/1.1"));
    for _ in 0..2 {
        let trouble = client.headers().await.unwrap_err();
        assert!(matches!(trouble, ProbeTrouble::Lane(LaneTrouble::Credentials, _)), "{trouble}");
    }
    let five = Some(Duration::from_secs(5));
    let trouble = client.headers().await.unwrap_err();
    assert!(matches!(&trouble, ProbeTrouble::Busy { after, .. } if *after == five), "{trouble}");
    for _ in 0..2 {
        assert!(matches!(client.headers().await.unwrap_err(), ProbeTrouble::Silent(_)));
    }
    assert!(matches!(client.headers().await.unwrap_err(), ProbeTrouble::Request(_)));
}

#[tokio::test]
async fn a_report_is_read_whatever_its_spelling() {
    let rows = r#"{"code":"00","jobs":[
        {"jobid":"1","number":"905321234567","status":1,"operator":30,"msglen":1,
         "deliveredDate":"06.10.2026 14:30:12","errorCode":0,"referansID":"ntf_a-1"},
        {"jobId":17377215342605050417149344,"telno":"5321234567","status":"3","errorCode":"105",
         "deliveredDate":"2026-10-06 14:30:12"},
        {"jobid":"3","number":"+441234","status":999,"deliveredDate":""},
        {"status":1}, 7]}"#;
    let peer = Peer::start(vec![
        Then::Say(answer(200, "", rows)),
        Then::Say(answer(406, "", r#"{"code":"60"}"#)),
        Then::Say(answer(406, "", r#"{"code":"80"}"#)),
        Then::Say(answer(200, "", r#"{"code":"00"}"#)),
    ])
    .await;
    let client = client(account(&peer.url()));
    let jobs = ["1".to_owned()];
    let page = client.report(ReportQuery::Jobs(&jobs), 0).await.unwrap();
    assert_eq!((page.rows.len(), page.unreadable, page.last), (3, 2, true));
    let first = &page.rows[0];
    assert_eq!(first.status, ReportStatus { code: Some(1), class: StatusClass::Delivered });
    assert_eq!(first.number, Some(phone()));
    assert_eq!(first.delivered_at, Some(at("2026-10-06T11:30:12Z")));
    assert_eq!((first.segments, first.operator, first.error), (Some(1), Some(30), None));
    assert_eq!(first.reference.as_deref(), Some("ntf_a-1"));
    let second = &page.rows[1];
    assert_eq!(second.jobid, "17377215342605050417149344");
    assert_eq!((second.number.clone(), second.error), (Some(phone()), Some(105)));
    assert_eq!(
        (second.status.class, second.delivered_at),
        (StatusClass::BadNumber, first.delivered_at)
    );
    assert_eq!((page.rows[2].status.class, &page.rows[2].number), (StatusClass::Pending, &None));
    assert_no_secret(&format!("{page:?}"));
    assert_eq!(peer.only_body(), json!({"jobids": ["1"], "pagenumber": 0, "pagesize": 100}));

    let range =
        ReportQuery::Range { from: at("2026-11-21T18:00:00Z"), to: at("2026-11-21T18:01:30Z") };
    let none = client.report(range, 2).await.unwrap();
    assert!(none.rows.is_empty() && none.last);
    let asked: Value =
        serde_json::from_str(peer.seen()[1].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        asked,
        json!({"startdate": "21.11.2026 21:00:00", "stopdate": "21.11.2026 21:01:30",
            "pagenumber": 2, "pagesize": 100})
    );
    let busy = client.report(range, 0).await.unwrap_err();
    let minute = Some(Duration::from_mins(1));
    assert!(matches!(&busy, ProbeTrouble::Busy { after, .. } if *after == minute), "{busy}");
    assert!(matches!(client.report(range, 0).await.unwrap_err(), ProbeTrouble::Silent(_)));
    let nothing = client.report(ReportQuery::Jobs(&[]), 0).await.unwrap_err();
    assert!(matches!(nothing, ProbeTrouble::Request(_)));
    assert_eq!(peer.seen().len(), 4);
}

#[test]
fn a_full_page_is_not_the_last_one() {
    let codes = Codes::embedded().unwrap();
    let jobs: Vec<Value> =
        (1..=100).map(|n| json!({"jobid": n.to_string(), "status": 0})).collect();
    let body = json!({"code": "00", "jobs": jobs}).to_string();
    let page = ReportPage::parse(&codes, body.as_bytes()).unwrap();
    assert!(!page.last && page.rows.len() == 100);
}

#[tokio::test]
async fn cancel_and_balance_are_read() {
    let packages = r#"{"balance":[{"amount":399,"balance_name":"SMS Count"}]}"#;
    let script = [
        answer(200, "", r#"{"code":"00","jobid":"1"}"#),
        answer(406, "", r#"{"code":"60"}"#),
        answer(200, "", r#"{"code":"00","balance":"57,860"}"#),
        answer(200, "", packages),
        answer(200, "", r#"{"code":"30"}"#),
        answer(200, "", r#"{"code":"00","balance":"viele"}"#),
    ];
    let peer = Peer::start(script.into_iter().map(Then::Say).collect()).await;
    let client = client(account(&peer.url()));
    assert_eq!(client.cancel("1").await.unwrap(), Cancelled::Yes);
    assert_eq!(client.cancel("1").await.unwrap(), Cancelled::TooLate);
    assert_eq!(client.credit().await.unwrap().credit.as_deref(), Some("57.860"));
    let package = Package { amount: 399, name: "SMS Count".into() };
    assert_eq!(client.packages().await.unwrap().packages, [package]);
    assert!(matches!(client.credit().await.unwrap_err(), ProbeTrouble::Lane(..)));
    assert!(matches!(client.credit().await.unwrap_err(), ProbeTrouble::Silent(_)));
    let asked = &peer.seen()[2];
    assert!(asked.starts_with("POST /balance ") && !asked.contains("authorization:"), "{asked}");
    assert!(asked.ends_with(r#"{"usercode":"8501234567","password":"netgsm-secret","stip":2}"#));
}

#[test]
fn credentials_that_no_header_can_carry_are_refused_at_start() {
    for (user, password) in [("", "x"), ("a:b", "x"), ("a", "")] {
        let mut account = Account::new("klinik", user, SecretString::from(password));
        account.base_url = "http://127.0.0.1".into();
        let error = Client::new(account, Limits::default()).unwrap_err().to_string();
        assert!(error.contains("netgsm account klinik"), "{error}");
    }
}

#[test]
fn the_readme_shows_the_tables_as_they_are() {
    let codes = Codes::embedded().unwrap();
    let mut table =
        String::from("| call | code | class | meaning | what happens |\n|---|---|---|---|---|\n");
    for operation in Operation::ALL {
        for row in codes.rows(operation) {
            let (code, class) = (&row.code, row.class.as_str());
            writeln!(
                table,
                "| {operation} | {code} | {class} | {} | {} |",
                row.meaning, row.action
            )
            .unwrap();
        }
    }
    table += "\n| report status | class | delivery | then | meaning | again? |\n|---|---|---|---|---|---|\n";
    for row in codes.statuses() {
        let (class, delivery) = (row.class.as_str(), row.delivery.as_str());
        let then = row.remedy.map_or("", Remedy::as_str);
        let (code, meaning, again) = (row.code, &row.meaning, &row.again);
        writeln!(table, "| {code} | {class} | {delivery} | {then} | {meaning} | {again} |")
            .unwrap();
    }
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&table), "put this into providers/README.md:\n{table}");
}

#[test]
fn no_code_stands_twice_in_a_table() {
    let codes = Codes::embedded().unwrap();
    for operation in Operation::ALL {
        let rows = codes.rows(operation);
        for row in rows {
            assert_eq!(rows.iter().filter(|other| other.code == row.code).count(), 1, "{row:?}");
        }
        assert!(codes.find(operation, "00").is_some_and(|row| row.class == Class::Accepted));
    }
    assert_eq!(codes.delivery_errors().iter().filter(|row| row.transient).count(), 5);
    assert_eq!(codes.operators().len(), 13);
}

fn documented(body: &[u8]) -> bool {
    let codes = Codes::embedded().unwrap();
    Reply::parse(body).is_some_and(|reply| codes.find(Operation::Send, &reply.code).is_some())
}

fn bytes_like_an_answer() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "[0-9]{1,5}( [0-9]{1,30})?".prop_map(String::into_bytes),
        "\\PC{0,60}".prop_map(String::into_bytes),
        ("[0-9]{1,5}|[a-z]{0,3}|null", "\\PC{0,20}").prop_map(|(code, words)| {
            json!({"code": code, "description": words}).to_string().into_bytes()
        }),
        "\\{\"code\":(\"[0-9]{1,3}\"|[0-9]{1,3}|\\[\\]|\\{\\})(,\"jobid\":[0-9]{1,30})?\\}?"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_undocumented_ones_are_unknown(
        body in bytes_like_an_answer(),
        status in prop_oneof![Just(200u16), Just(406), Just(500), 100u16..600],
    ) {
        let outcome = read(Operation::Send, said(status, body.clone()), false);
        let certain_by_status = matches!(status, 401 | 403 | 429);
        let by_code = matches!(status, 200 | 406) && documented(&body);
        if !certain_by_status && !by_code {
            prop_assert!(matches!(outcome, Outcome::Unknown(_)), "{:?}", outcome);
        }
        let codes = Codes::embedded().unwrap();
        let _ = ReportPage::parse(&codes, &body);
        let _ = Balance::parse(&body);
    }

    #[test]
    fn any_text_is_a_date_or_none(text in "[0-9.: T-]{0,24}|\\PC{0,20}") {
        let _ = seen_date(&text);
    }

    #[test]
    fn trouble_codes_are_labels(body in bytes_like_an_answer(), status in 100u16..600) {
        let outcome = read(Operation::Send, said(status, body), true);
        let code = match outcome {
            Outcome::Accepted(accepted) => accepted.code,
            Outcome::Refused(t) | Outcome::Failed(_, t) | Outcome::Unknown(t) => t.code,
        };
        let label = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-');
        prop_assert!(code.len() <= 24 && code.bytes().all(label), "{}", code);
    }

    #[test]
    fn a_window_is_open_exactly_when_a_minute_is_left(start in 100_000_000i64..4_000_000_000, minutes in -100i64..3_000) {
        let starts = DateTime::from_timestamp(start, 0).unwrap();
        let stops = starts + TimeDelta::try_minutes(minutes).unwrap();
        prop_assert_eq!(window(starts, stops).is_some(), minutes > 0);
    }
}
