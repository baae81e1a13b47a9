use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::{Answer, Caller, OTHER, USER, message};

fn with(field: &str, value: Value) -> Value {
    let mut body = message("5321234567");
    body[field] = value;
    body
}

#[tokio::test]
async fn an_accepted_message_is_logged_with_all_that_was_asked() {
    let caller = Caller::new().await;
    let mut body = message("5321234567");
    body["startdate"] = json!("010120301000");
    body["stopdate"] = json!("010120301500");
    body["messages"][0]["referansID"] = json!("ntf_abc-1");
    let answer = caller.send(&body).await;
    assert_eq!((answer.0, answer.code()), (200, "00"));
    let jobid = answer.1["jobid"].as_str().unwrap();
    assert!(jobid.len() == 26 && jobid.bytes().all(|b| b.is_ascii_digit()));
    let messages = caller.twin.messages();
    let logged = &messages[0];
    assert_eq!((logged.n, logged.jobid.as_str()), (1, jobid));
    assert_eq!((logged.account.as_str(), logged.sender.as_str()), ("8501234567", "KLINIK"));
    assert_eq!((logged.to.as_str(), logged.segments), ("5321234567", 1));
    assert_eq!(logged.text, "Sayın Ayşe, randevunuz yarın.");
    assert_eq!(logged.reference.as_deref(), Some("ntf_abc-1"));
    assert_eq!(logged.encoding.as_deref(), Some("TR"));
    assert_eq!(logged.startdate.as_deref(), Some("010120301000"));
    assert_eq!(logged.stopdate.as_deref(), Some("010120301500"));
    assert_eq!(logged.iysfilter.as_deref(), Some("0"));
}

#[tokio::test]
async fn wrong_or_missing_credentials_get_30() {
    let caller = Caller::new().await;
    for user in
        [("8501234567", "wrong"), ("nobody", "netgsm-secret"), ("8501234567", "other-secret")]
    {
        let answer = caller.netgsm(user, "send", &message("5321234567")).await;
        assert_eq!((answer.0, answer.code()), (406, "30"), "{user:?}");
    }
    let answer = caller.post("/sms/rest/v2/send", &message("5321234567")).await;
    assert_eq!(answer.code(), "30");
    assert!(caller.twin.messages().is_empty());
}

#[tokio::test]
async fn a_sender_must_be_approved_for_that_account() {
    let caller = Caller::new().await;
    let answer = caller.netgsm(OTHER, "send", &message("5321234567")).await;
    assert_eq!((answer.0, answer.code()), (406, "40"));
    assert!(answer.1["jobid"].is_null());
    let mut body = message("5321234567");
    body["msgheader"] = json!("OTHER");
    assert_eq!(caller.netgsm(OTHER, "send", &body).await.code(), "00");
    assert_eq!(caller.send(&body).await.code(), "40");
    body["msgheader"] = json!("8501234567");
    assert_eq!(caller.send(&body).await.code(), "00", "the subscriber number is a sender");
}

#[tokio::test]
async fn numbers_are_ten_digits_and_0_and_90_are_tolerated() {
    let caller = Caller::new().await;
    for to in ["5321234567", "05321234567", "905321234567"] {
        caller.sent(to).await;
    }
    assert_eq!(caller.twin.messages_to("0532 123 45 67").len(), 3);
    for to in ["", "123", "2121234567", "+905321234567", "53212345678", "9005321234567"] {
        assert_eq!(caller.send(&message(to)).await.code(), "70", "{to}");
    }
}

#[tokio::test]
async fn an_empty_or_too_long_text_gets_20() {
    let caller = Caller::new().await;
    for (text, code) in [(String::new(), "20"), ("a".repeat(917), "00"), ("ş".repeat(918), "20")] {
        let mut body = message("5321234567");
        body["messages"][0]["msg"] = json!(text);
        assert_eq!(caller.send(&body).await.code(), code, "{} characters", text.chars().count());
    }
}

#[tokio::test]
async fn a_body_of_another_shape_gets_70() {
    let caller = Caller::new().await;
    for body in [
        json!({}),
        json!([]),
        with("messages", json!([])),
        with("messages", json!([{ "no": "5321234567" }])),
        with("messages", json!([{ "msg": "x", "no": 5_321_234_567_u64 }])),
        with("msgheader", Value::Null),
        with("encoding", json!("UTF-8")),
        with("iysfilter", json!("13")),
        with("iysfilter", json!(0)),
    ] {
        assert_eq!(caller.send(&body).await.code(), "70", "{body}");
    }
    let broken = caller
        .request(reqwest::Method::POST, "/sms/rest/v2/send")
        .basic_auth(USER.0, Some(USER.1))
        .body("{\"msgheader\":");
    assert_eq!(caller.answer(broken).await.code(), "70");
}

#[tokio::test]
async fn many_messages_make_one_job_and_one_bad_number_spoils_it() {
    let caller = Caller::new().await;
    let items = json!([{ "msg": "a", "no": "5321234567" }, { "msg": "b", "no": "5321234568" }]);
    assert_eq!(caller.send(&with("messages", items)).await.code(), "00");
    let messages = caller.twin.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].jobid, messages[1].jobid);
    let items = json!([{ "msg": "a", "no": "5321234567" }, { "msg": "b", "no": "123" }]);
    assert_eq!(caller.send(&with("messages", items)).await.code(), "70");
    assert_eq!(caller.twin.messages().len(), 2);
}

#[tokio::test]
async fn the_iys_filter_needs_an_account_with_iys_and_a_brand() {
    let account = |extra: Value| {
        let mut account =
            json!({ "username": "8501234567", "password": "netgsm-secret", "senders": ["KLINIK"] });
        account.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({ "netgsm": { "accounts": [account] } })
    };
    for (extra, code) in
        [(json!({ "iys": false }), "50"), (json!({ "brand_code": null }), "51"), (json!({}), "00")]
    {
        let caller = Caller::scripted(account(extra)).await;
        assert_eq!(caller.send(&with("iysfilter", json!("0"))).await.code(), "00");
        for filter in ["11", "12"] {
            assert_eq!(caller.send(&with("iysfilter", json!(filter))).await.code(), code);
        }
    }
}

#[tokio::test]
async fn malformed_dates_are_refused_or_by_a_switch_replaced() {
    let bad_start = with("startdate", json!("01.01.2030 10:00"));
    let bad_stop = with("stopdate", json!("0101203010000000"));
    let mut backwards = with("startdate", json!("010120301000"));
    backwards["stopdate"] = json!("010120300959");
    let caller = Caller::new().await;
    for body in [&bad_start, &bad_stop, &backwards] {
        assert_eq!(caller.send(body).await.code(), "70");
    }
    let caller = Caller::scripted(json!({ "netgsm": { "bad_dates": "replace" } })).await;
    assert_eq!(caller.send(&bad_start).await.code(), "01");
    assert_eq!(caller.send(&bad_stop).await.code(), "02");
    assert_eq!(caller.send(&backwards).await.code(), "02");
    assert!(caller.twin.messages()[0].startdate.is_none(), "sent at once");
}

#[tokio::test]
async fn a_start_in_the_past_means_now() {
    let caller = Caller::new().await;
    assert_eq!(caller.send(&with("startdate", json!("010120261000"))).await.code(), "00");
    assert_eq!(caller.send(&with("startdate", json!(""))).await.code(), "00");
}

#[tokio::test]
async fn the_gap_rule_between_start_and_stop_is_a_switch() {
    let mut body = with("startdate", json!("010120301000"));
    body["stopdate"] = json!("010120301030");
    assert_eq!(Caller::new().await.send(&body).await.code(), "00");
    let caller = Caller::scripted(json!({ "netgsm": { "stop_gap_1_to_21_h": true } })).await;
    assert_eq!(caller.send(&body).await.code(), "70");
    body["stopdate"] = json!("010120301100");
    assert_eq!(caller.send(&body).await.code(), "00");
}

#[tokio::test]
async fn more_than_20_to_one_number_in_a_minute_get_85() {
    let caller = Caller::new().await;
    caller.twin.freeze_clock(true);
    for _ in 0..20 {
        caller.sent("5321234567").await;
    }
    assert_eq!(caller.send(&message("5321234567")).await.code(), "85");
    caller.sent("5321234568").await;
    caller.twin.advance(Duration::from_secs(61));
    caller.sent("5321234567").await;
}

#[tokio::test]
async fn an_account_with_a_rate_limit_gets_80_above_it() {
    let account = json!({ "username": "8501234567", "password": "netgsm-secret",
                          "senders": ["KLINIK"], "max_segments_per_s": 3 });
    let caller = Caller::scripted(json!({ "netgsm": { "accounts": [account] } })).await;
    caller.twin.freeze_clock(true);
    let mut codes = Vec::new();
    for n in 0..4 {
        codes.push(caller.send(&message(&format!("532123456{n}"))).await.code().to_owned());
    }
    assert_eq!(codes, ["00", "00", "00", "80"]);
    caller.twin.advance(Duration::from_secs(1));
    caller.sent("5321234567").await;
}

#[tokio::test]
async fn exhausted_credit_is_62_or_status_14() {
    let script = |switch: &str| {
        json!({ "netgsm": { "report_delay_ms": [0, 0], "delivery_ms": [0, 0], "no_credit": switch,
                "accounts": [{ "username": "8501234567", "password": "netgsm-secret",
                               "senders": ["KLINIK"], "credit": 1 }] } })
    };
    let caller = Caller::scripted(script("code62")).await;
    caller.sent("5321234567").await;
    assert_eq!(caller.send(&message("5321234567")).await.code(), "62");
    assert_eq!(caller.twin.accepted(), 1);

    let caller = Caller::scripted(script("status14")).await;
    caller.sent("5321234567").await;
    let jobid = caller.sent("5321234567").await;
    let report = caller.netgsm(USER, "report", &json!({ "jobids": [jobid] })).await;
    assert_eq!(report.1["jobs"][0]["status"], 14);
}

#[tokio::test]
async fn an_error_has_the_shape_that_the_script_wants() {
    for (shape, wanted) in [
        (
            "http406",
            Answer(
                406,
                json!({ "code": "40", "jobid": null, "description": "Check the msgheader parameter" }),
            ),
        ),
        (
            "http200",
            Answer(
                200,
                json!({ "code": "40", "jobid": null, "description": "Check the msgheader parameter" }),
            ),
        ),
        ("text", Answer(200, json!(40))),
    ] {
        let caller = Caller::scripted(json!({ "netgsm": { "errors": shape } })).await;
        assert_eq!(caller.send(&with("msgheader", json!("NOBODY"))).await, wanted);
    }
}

#[tokio::test]
async fn one_time_codes_have_their_own_rules_and_spelling() {
    let caller = Caller::new().await;
    let body = |text: &str, no: &str| json!({ "msgheader": "KLINIK", "msg": text, "no": no });
    let answer = caller.netgsm(USER, "otp", &body("123456", "5321234567")).await;
    assert_eq!(answer.code(), "00");
    assert!(answer.1["jobId"].is_string() && answer.1.get("jobid").is_none());
    assert_eq!(caller.netgsm(USER, "otp", &body("123456", "123")).await.code(), "50");
    assert_eq!(
        caller.netgsm(USER, "otp", &body(&"1".repeat(161), "5321234567")).await.code(),
        "20"
    );
    assert_eq!(caller.netgsm(OTHER, "otp", &body("1", "5321234567")).await.code(), "40");
}

#[tokio::test]
async fn one_time_codes_are_limited_to_100_a_minute() {
    let caller = Caller::new().await;
    caller.twin.freeze_clock(true);
    let body =
        |n: u32| json!({ "msgheader": "KLINIK", "msg": "1", "no": format!("5321234{n:03}") });
    for n in 0..100 {
        assert_eq!(caller.netgsm(USER, "otp", &body(n)).await.code(), "00");
    }
    assert_eq!(caller.netgsm(USER, "otp", &body(100)).await.code(), "80");
}
