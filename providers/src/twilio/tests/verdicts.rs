//! What answers and states mean, and the table behind it.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::verdict::Reading;
use super::super::wire::{ErrorReply, callback, seen_date};
use super::*;
use crate::http::{Answer, Broken};

fn said(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, retry_after: None, body: Ok(body.into()) }
}

fn read(answer: Answer) -> Outcome {
    let codes = Codes::embedded().unwrap();
    let own = [TEXT, "+905321234567", "5321234567"];
    Reading { codes: &codes, own: &own }.outcome(Ok(answer))
}

fn error(status: u16, code: u32) -> Outcome {
    read(said(status, json!({"code": code, "message": "x", "status": status}).to_string()))
}

fn created(changes: &[(&str, Value)]) -> Outcome {
    read(said(201, with(changes)))
}

/// What a class must become, of an error answer or of a `failed` message.
fn expected(outcome: &Outcome, row: &CodeRow) -> bool {
    match (row.class, outcome) {
        (Class::Refused, Outcome::Refused(_))
        | (Class::NextChannel, Outcome::Failed(FailedKind::NextChannel, _))
        | (Class::Unknown | Class::Nothing, Outcome::Unknown(_)) => true,
        (Class::Retry | Class::Failover, Outcome::Failed(FailedKind::Retry { after }, _)) => {
            *after == row.after()
        }
        (class, Outcome::Failed(FailedKind::Lane(lane), _)) => class.lane() == Some(*lane),
        _ => false,
    }
}

#[test]
fn the_table_is_sorted_and_unique() {
    let codes = Codes::embedded().unwrap();
    assert!(codes.rows().windows(2).all(|pair| pair[0].code < pair[1].code));
    for row in codes.rows() {
        assert_eq!(codes.find(row.code), Some(row));
        assert!(row.after().is_none_or(|after| after <= Duration::from_hours(1)), "{row:?}");
        assert!(["A1", "A2", "A7", "EC"].contains(&row.source.as_str()), "{row:?}");
    }
}

/// The rows of A7 with their class there: every code, and no class that contradicts the facts.
#[test]
fn every_code_of_the_facts_stands_in_the_table_with_its_class() {
    use Class::{Failover, LaneAccount, LaneCredentials, LaneSender};
    use Class::{NextChannel, Nothing, Refused, Retry};
    let config: &[Class] = &[LaneAccount, LaneCredentials, LaneSender];
    let config_failover: &[Class] = &[LaneAccount, LaneCredentials, LaneSender, Failover];
    let facts: &[(&[Class], &[u32])] = &[
        (&[Class::Unknown], &[20500, 20503, 30410]),
        (&[Retry], &[20429]),
        (config, &[20003, 20005, 20404, 21212, 21219, 21608, 21601, 21609, 21657]),
        (config, &[21701, 21703, 21704, 21705, 30018, 30024, 30002]),
        (config, &[30022, 30023, 30027, 30032, 30033, 30034, 30035]),
        (config, &[63001, 63002, 63007, 63008, 63013, 63015, 63020, 63022, 63051, 63026]),
        (config_failover, &[21408, 21606, 30007]),
        // a defect or fate of a template says nothing about the SMS, and never closes a lane
        (&[NextChannel], &[21654, 21655, 21656]),
        (&[NextChannel], &[63005, 63006, 63021, 63027, 63028, 63030, 63040, 63041, 63042]),
        (&[Refused], &[20422, 21211, 21602, 21603, 21604, 21610, 21614, 21617]),
        (&[Refused], &[30004, 30005, 30006, 30019]),
        (&[Refused], &[63014, 63019, 63034, 63033]),
        (&[Retry], &[21611, 21619, 30001, 30003, 30008, 30017, 30020, 30021, 30036, 30500]),
        (&[Retry], &[63009, 63010, 63011, 63012, 63017, 63018, 63023, 63038]),
        (&[Failover], &[21612, 30450]),
        (&[NextChannel], &[63003, 63016, 63024, 63032]),
        (&[Nothing], &[30009, 30010, 30409]),
    ];
    let codes = Codes::embedded().unwrap();
    let mut listed = Vec::new();
    for (classes, numbers) in facts {
        for number in *numbers {
            let row = codes.find(*number).unwrap_or_else(|| panic!("{number} is missing"));
            assert!(classes.contains(&row.class), "{row:?}");
            assert_eq!(row.source, "A7", "{row:?}");
            listed.push(*number);
        }
    }
    assert_eq!(codes.rows().iter().filter(|row| row.source == "A7").count(), listed.len());
    // named in A1 and A2
    assert!(codes.find(30404).is_some() && codes.find(30400).is_some());
    // found in no source (A7): they take the default rule
    assert!(codes.find(63049).is_none() && codes.find(63112).is_none());
}

#[test]
fn every_code_means_the_same_in_both_shapes_of_an_error_and_in_a_failed_message() {
    let codes = Codes::embedded().unwrap();
    for row in codes.rows() {
        let code = row.code;
        let label = format!("twilio:{code}");
        let bodies = [
            json!({"code": code, "message": "x", "more_info": "y", "status": 400}).to_string(),
            json!({"code": code.to_string(), "message": "x"}).to_string(),
            json!({"type": "t", "title": "x", "status": 400, "code": code, "detail": "d"})
                .to_string(),
        ];
        for body in bodies {
            for status in [400, 404, 409, 422] {
                let outcome = read(said(status, body.as_str()));
                assert!(expected(&outcome, row), "{body}: {outcome:?}");
                assert_eq!(code_of(&outcome), label);
            }
        }
        let failed = [("status", json!("failed")), ("error_code", json!(code))];
        let outcome = created(&failed);
        assert!(expected(&outcome, row), "{outcome:?}");
        assert_eq!(code_of(&outcome), label);
    }
}

fn code_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(accepted) => accepted.code.clone(),
        Outcome::Refused(t) | Outcome::Failed(_, t) | Outcome::Unknown(t) => t.code.clone(),
    }
}

#[test]
fn the_answers_that_decide_most_are_those_of_the_facts() {
    use LaneTrouble::{Account, Credentials, Sender};
    for (status, code, lane) in [
        (401, 20003, Credentials),
        (403, 20003, Credentials),
        (403, 20005, Account),
        (400, 21212, Sender),
        (400, 21606, Sender),
        (404, 21701, Sender),
        (400, 21608, Account),
        (404, 20404, Account),
    ] {
        let outcome = error(status, code);
        assert!(matches!(&outcome, Outcome::Failed(FailedKind::Lane(l), _) if *l == lane));
    }
    // one recipient never closes a lane
    for code in [21211, 21610, 21614] {
        assert!(matches!(error(400, code), Outcome::Refused(_)));
        assert!(matches!(error(403, code), Outcome::Refused(_)));
    }
    for code in [21408, 21612] {
        assert!(matches!(error(400, code), Outcome::Failed(FailedKind::Retry { .. }, _)));
    }
    for (status, code) in [(500, 20500), (503, 20503), (500, 21211), (502, 20003), (400, 20500)] {
        assert!(matches!(error(status, code), Outcome::Unknown(_)), "{status} {code}");
    }
}

#[test]
fn statuses_decide_where_no_code_does() {
    let nine = Some(Duration::from_secs(9));
    for body in ["", "<html>", r#"{"code":20429,"status":429}"#, r#"{"code":20003}"#] {
        let outcome = read(Answer { retry_after: nine, ..said(429, body) });
        assert!(matches!(&outcome, Outcome::Failed(FailedKind::Retry { after }, t)
            if *after == nine && t.code == "http:429"));
    }
    for status in [401, 403] {
        for body in ["", "<html>", r#"{"code":99999}"#, r#"{"code":30410}"#] {
            let outcome = read(said(status, body));
            let lane = FailedKind::Lane(LaneTrouble::Credentials);
            assert!(matches!(&outcome, Outcome::Failed(kind, _) if *kind == lane));
        }
    }
    let bodies =
        ["", "<html>", r#"{"code":99999}"#, r#"{"status":400}"#, r#"{"code":21211,"Code":20429}"#];
    for status in [400, 402, 404, 405, 408, 409, 422, 451] {
        for body in bodies {
            let outcome = read(said(status, body));
            assert!(matches!(outcome, Outcome::Unknown(_)), "{status} {body}: {outcome:?}");
        }
    }
    let good = message().to_string();
    for status in [200, 202, 204, 301, 302, 307, 500, 502, 503, 504] {
        for body in ["", r#"{"code":21211}"#, r#"{"code":20429}"#, &good] {
            let outcome = read(said(status, body));
            assert!(matches!(outcome, Outcome::Unknown(_)), "{status} {body}: {outcome:?}");
        }
    }
}

#[test]
fn the_longer_of_two_waits_counts() {
    for (asked, wait) in [(9, 60), (90, 90)] {
        let retry_after = Some(Duration::from_secs(asked));
        let outcome = read(Answer { retry_after, ..said(400, r#"{"code":21619}"#) });
        assert!(matches!(&outcome, Outcome::Failed(FailedKind::Retry { after }, _)
            if *after == Some(Duration::from_secs(wait))));
    }
}

#[test]
fn a_body_that_broke_off_is_unknown_unless_its_status_is_certain() {
    let broken = Broken { may_have_left: true, code: "cut", detail: "x" };
    let cut = |status| read(Answer { status, retry_after: None, body: Err(broken) });
    for status in [201, 400, 404, 500] {
        assert!(matches!(cut(status), Outcome::Unknown(_)), "{status}");
    }
    for status in [401, 403, 429] {
        assert!(matches!(cut(status), Outcome::Failed(..)), "{status}");
    }
}

#[test]
fn an_answer_that_contradicts_itself_is_unknown() {
    let numbered = with(&[("code", json!(21211))]);
    for (status, body) in [
        (201, numbered.as_str()),
        (400, numbered.as_str()),
        (403, numbered.as_str()),
        (201, r#"{"code":21211,"message":"x","status":400}"#),
    ] {
        assert_eq!(code_of(&read(said(status, body))), "twilio:contradiction");
    }
}

#[test]
fn a_201_is_read_by_its_state() {
    for status in Status::LISTED {
        let outcome = created(&[("status", json!(status.as_str()))]);
        match status {
            Status::Failed => assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}"),
            Status::Canceled => assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}"),
            _ => {
                let Outcome::Accepted(accepted) = outcome else { panic!("{status}: {outcome:?}") };
                let odd = status == Status::Undelivered || status.is_inbound();
                assert_eq!(accepted.warning.is_some(), odd, "{accepted:?}");
                assert_eq!(accepted.provider_ref, SM);
            }
        }
    }
    let Outcome::Accepted(new) = created(&[("status", json!("dreaming"))]) else { panic!() };
    assert_eq!(new.code, "twilio:unlisted");
    assert!(new.warning.unwrap().contains("nobody documented"));
    let media = created(&[("sid", json!(SM.replace("SM", "MM")))]);
    assert!(matches!(media, Outcome::Accepted(_)));
}

#[test]
fn an_error_code_beside_a_living_state_is_a_warning_and_beside_failed_the_reason() {
    let Outcome::Accepted(warned) = created(&[("error_code", json!(30018))]) else { panic!() };
    assert!(warned.warning.unwrap().starts_with("code 30018: "));
    let Outcome::Accepted(warned) = created(&[("error_code", json!(99999))]) else { panic!() };
    assert!(warned.warning.unwrap().contains("documented nowhere"));
    let failed = |code: Value| created(&[("status", json!("failed")), ("error_code", code)]);
    for code in [json!(30410), json!(99999), json!(63049), Value::Null, json!("x"), json!(0)] {
        assert!(matches!(failed(code.clone()), Outcome::Unknown(_)), "{code}");
    }
    assert!(matches!(failed(json!("30005")), Outcome::Refused(_)));
    assert!(matches!(failed(json!(30002)), Outcome::Failed(FailedKind::Lane(_), _)));
}

#[test]
fn a_201_without_a_message_is_unknown() {
    let sids =
        ["", "SM1", "XX0123456789abcdef0123456789abcdef", "SM0123456789abcdef../../89abcdef"];
    let mut bodies: Vec<String> = sids.iter().map(|sid| with(&[("sid", json!(sid))])).collect();
    bodies.extend(["", "{}", "[]", "null", "<html>", "{\"sid\":"].map(String::from));
    for body in bodies {
        let outcome = read(said(201, body.as_str()));
        assert!(matches!(&outcome, Outcome::Unknown(t) if t.code == "no-sid"), "{body}");
    }
}

#[test]
fn the_providers_words_are_masked_in_every_outcome() {
    let words = format!("{TEXT} AYSE YILMAZ 0532 123 45 67 905321234567");
    for code in [21211, 21212, 20429, 20500, 99999] {
        for status in [400, 401, 429, 500] {
            let body = json!({"code": code, "message": words, "detail": words}).to_string();
            let shown = format!("{:?}", read(said(status, body)));
            assert_no_secret(&shown);
            assert!(!shown.contains("YILMAZ") && !shown.contains("123 45"), "{shown}");
        }
    }
    for code in [30003, 30005, 99999] {
        let outcome = created(&[
            ("status", json!("failed")),
            ("error_code", json!(code)),
            ("error_message", json!(words)),
        ]);
        assert_no_secret(&format!("{outcome:?}"));
    }
}

#[test]
fn the_reference_stands_in_the_query_and_the_connection_settings_stay_at_the_end() {
    for (address, expected) in [
        ("https://k.example/h", "https://k.example/h?m=ntf_a-1"),
        ("https://k.example/h?", "https://k.example/h?m=ntf_a-1"),
        ("https://k.example/h?a=b", "https://k.example/h?a=b&m=ntf_a-1"),
        ("https://k.example/h#rc=5", "https://k.example/h?m=ntf_a-1#rc=5"),
        ("https://k.example/h?a=b&#rc=5&rp=all", "https://k.example/h?a=b&m=ntf_a-1#rc=5&rp=all"),
    ] {
        assert_eq!(callback(address, "ntf_a-1"), expected);
    }
    assert_eq!(callback("https://k", "a&b"), "https://k?m=a%26b");
}

#[test]
fn dates_are_read_in_both_writings() {
    let moment = Some(at("2023-08-24T05:01:45Z"));
    assert_eq!(seen_date("Thu, 24 Aug 2023 05:01:45 +0000"), moment);
    assert_eq!(seen_date("2023-08-24T05:01:45Z"), moment);
    assert_eq!(seen_date("24.08.2023"), None);
}

#[test]
fn the_readme_shows_the_table_as_it_is() {
    let codes = Codes::embedded().unwrap();
    let mut table = String::from(
        "| code | class | wait | meaning | what happens | source |\n|---|---|---|---|---|---|\n",
    );
    for row in codes.rows() {
        let class = row.class.as_str();
        let wait = row.after().map_or_else(String::new, |after| format!("{} s", after.as_secs()));
        let (meaning, action) = (&row.meaning, &row.action);
        let source = &row.source;
        writeln!(table, "| {} | {class} | {wait} | {meaning} | {action} | {source} |", row.code)
            .unwrap();
    }
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&table), "put this into providers/README.md:\n{table}");
}

fn documented(body: &[u8]) -> bool {
    let codes = Codes::embedded().unwrap();
    ErrorReply::parse(body).is_some_and(|reply| codes.find(reply.code).is_some())
}

fn a_code() -> impl Strategy<Value = Value> {
    let listed: Vec<u32> = Codes::embedded().unwrap().rows().iter().map(|row| row.code).collect();
    prop_oneof![
        proptest::sample::select(listed).prop_map(|code| json!(code)),
        any::<u64>().prop_map(|code| json!(code)),
        any::<f64>().prop_map(|code| json!(code)),
        "\\PC{0,8}".prop_map(|code| json!(code)),
        Just(Value::Null),
    ]
}

fn bytes_like_an_answer() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        proptest::sample::select(Status::LISTED.to_vec()).prop_map(|s| s.as_str().to_owned()),
        "\\PC{0,10}",
    ];
    let sid = prop_oneof![Just(SM.to_owned()), "(SM|MM)[0-9a-z/.]{30,34}", "\\PC{0,8}"];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "\\PC{0,60}".prop_map(String::into_bytes),
        (a_code(), "\\PC{0,20}").prop_map(|(code, words)| {
            json!({"code": code, "message": words, "status": 400}).to_string().into_bytes()
        }),
        (sid, word, a_code(), "\\PC{0,40}").prop_map(|(sid, status, code, text)| {
            let row = json!({"sid": sid, "status": status, "error_code": code, "body": text,
                "date_created": text, "to": text});
            let list = json!({"messages": [row, text], "next_page_uri": text});
            [row, list].map(|it| it.to_string().into_bytes())[usize::from(text.len() % 2 == 0)]
                .clone()
        }),
        "\\{\"(code|sid|messages)\":(\"[0-9]{1,5}\"|[0-9]{1,6}|\\[\\]|\\{\\})?\\}?"
            .prop_map(String::into_bytes),
    ]
}

fn any_status() -> impl Strategy<Value = u16> {
    prop_oneof![Just(201u16), Just(200), Just(400), Just(404), Just(500), 100u16..600]
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_undocumented_ones_are_unknown(
        body in bytes_like_an_answer(),
        status in any_status(),
    ) {
        let outcome = read(said(status, body.clone()));
        let certain_by_status = matches!(status, 401 | 403 | 429);
        let by_code = (400..500).contains(&status) && documented(&body);
        if !certain_by_status && !by_code && status != 201 {
            prop_assert!(matches!(outcome, Outcome::Unknown(_)), "{:?}", outcome);
        }
        if status == 201 && !String::from_utf8_lossy(&body).contains("\"error_code\"") {
            prop_assert!(!matches!(outcome, Outcome::Failed(..)), "{:?}", outcome);
        }
        let label = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-');
        let code = code_of(&outcome);
        prop_assert!(code.len() <= 26 && code.bytes().all(label), "{}", code);
    }

    #[test]
    fn only_failed_with_a_listed_code_makes_a_201_certainly_not_sent(
        word in "[a-z_]{0,12}|failed|undelivered",
        code in a_code(),
    ) {
        let outcome = created(&[("status", json!(word)), ("error_code", code.clone())]);
        if matches!(outcome, Outcome::Failed(..)) {
            let codes = Codes::embedded().unwrap();
            let number = code.as_u64().or_else(|| code.as_str()?.trim().parse().ok());
            let row = number.and_then(|n| codes.find(u32::try_from(n).ok()?));
            prop_assert!(word == "failed" && row.is_some(), "{} {}: {:?}", word, code, outcome);
        }
    }

    #[test]
    fn any_bytes_are_a_page_or_none(body in bytes_like_an_answer()) {
        let page = MessagePage::parse(&body, "/Messages.json");
        prop_assert!(page.is_none_or(|page| page.rows.len() + page.unreadable <= body.len()));
    }

    #[test]
    fn a_form_says_what_was_put_into_it(name in "[A-Za-z]{1,12}", value in "\\PC{0,80}") {
        let form = wire::form(&[(&name, &value)]);
        let back: Vec<_> = form_urlencoded::parse(&form).into_owned().collect();
        prop_assert_eq!(back, [(name, value)]);
    }
}
