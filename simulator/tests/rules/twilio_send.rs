use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation, Provider};

use crate::caller::{AC, Answer, Caller, KEY, SERVICE, TOKEN, message, sms};

/// A good form with one field in the place of another, or beside the others.
fn with<'a>(field: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut form = sms("+905321234567").to_vec();
    form.retain(|(name, _)| *name != field);
    form.push((field, value));
    form
}

fn without(field: &str) -> Vec<(&'static str, &'static str)> {
    sms("+905321234567").into_iter().filter(|(name, _)| *name != field).collect()
}

async fn refused(caller: &Caller, form: &[(&str, &str)]) -> (u16, u64) {
    let answer = caller.create(form).await;
    let body = &answer.1;
    assert_eq!(body["status"], answer.0, "{answer:?}");
    let code = body["code"].as_u64().unwrap();
    assert_eq!(body["more_info"], format!("https://www.twilio.com/docs/errors/{code}"));
    assert!(body["message"].is_string());
    (answer.0, code)
}

async fn account(extra: Value) -> Caller {
    let mut account = json!({ "account_sid": AC, "auth_token": "twilio-token",
        "api_keys": [{ "sid": KEY.0, "secret": KEY.1 }], "alphanumeric": ["KLINIK"] });
    account.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Caller::scripted(json!({ "twilio": { "accounts": [account] } })).await
}

#[tokio::test]
async fn an_accepted_message_is_answered_with_the_whole_resource() {
    let caller = Caller::new().await;
    let answer = caller.create(&sms("+905321234567")).await;
    assert_eq!(answer.0, 201);
    let body = answer.1.as_object().unwrap();
    let sid = body["sid"].as_str().unwrap();
    assert!(sid.starts_with("SM") && sid.len() == 34);
    assert_eq!(body.len(), 20);
    for (field, wanted) in [
        ("account_sid", json!(AC)),
        ("api_version", json!("2010-04-01")),
        ("body", json!("Sayın Ayşe, randevunuz yarın.")),
        ("date_sent", Value::Null),
        ("direction", json!("outbound-api")),
        ("error_code", Value::Null),
        ("error_message", Value::Null),
        ("from", json!("KLINIK")),
        ("messaging_service_sid", Value::Null),
        ("num_media", json!("0")),
        ("num_segments", json!("1")),
        ("price", Value::Null),
        ("price_unit", Value::Null),
        ("status", json!("queued")),
        ("to", json!("+905321234567")),
        ("uri", json!(format!("/2010-04-01/Accounts/{AC}/Messages/{sid}.json"))),
    ] {
        assert_eq!(body[field], wanted, "{field}");
    }
    assert!(body["date_created"].as_str().unwrap().ends_with(" +0000"));
    assert!(body["subresource_uris"]["media"].as_str().unwrap().ends_with("/Media.json"));
}

#[tokio::test]
async fn messages_of_both_providers_are_in_one_log_under_one_number() {
    let caller = Caller::new().await;
    caller.sent("5321234567").await;
    let sid = caller.created("+905321234567").await;
    let logged = caller.twin.messages_to("0532 123 45 67");
    assert_eq!(logged.len(), 2);
    assert_eq!((logged[0].provider, logged[1].provider), (Provider::Netgsm, Provider::Twilio));
    let twilio = &logged[1];
    assert_eq!((twilio.account.as_str(), twilio.sender.as_str()), (AC, "KLINIK"));
    assert_eq!((twilio.to.as_str(), twilio.jobid.as_str()), ("5321234567", sid.as_str()));
    assert_eq!((twilio.segments, twilio.operation), (1, Operation::Send));
    assert_eq!((&twilio.reference, &twilio.encoding, &twilio.iysfilter), (&None, &None, &None));
    assert_eq!((&twilio.startdate, &twilio.stopdate), (&None, &None));
    let shown = caller.get("/_simulator/messages?to=5321234567").await.1;
    assert_eq!(shown["messages"][1]["provider"], "twilio");
    // Netgsm's report does not know the other's message.
    let answer = caller.send(&message("5321234567")).await;
    assert_eq!(answer.code(), "00");
}

#[tokio::test]
async fn a_validity_period_is_shown_as_stopdate_and_must_be_1_to_36000() {
    let caller = Caller::new().await;
    for (value, status) in
        [("1", 201), ("36000", 201), ("0", 400), ("36001", 400), ("1.5", 400), ("x", 400)]
    {
        let answer = caller.create(&with("ValidityPeriod", value)).await;
        assert_eq!(answer.0, status, "{value}");
        if status == 400 {
            assert_eq!(answer.1["code"], 21624, "{value}");
        }
    }
    let logged = caller.twin.messages();
    assert!(logged.iter().all(|message| message.stopdate.as_ref().unwrap().len() == 12));
    assert_ne!(logged[0].stopdate, logged[1].stopdate);
}

#[tokio::test]
async fn an_account_is_opened_by_its_token_and_its_key_and_by_nothing_else() {
    let caller = Caller::new().await;
    for user in [TOKEN, KEY] {
        let form = sms("+905321234567");
        assert_eq!(caller.twilio_form(user, Method::POST, "/Messages.json", &form).await.0, 201);
    }
    for user in [(AC, "wrong"), (KEY.0, "twilio-token"), (AC, KEY.1), ("SK1", KEY.1), ("", "")] {
        let form = sms("+905321234567");
        let answer = caller.twilio_form(user, Method::POST, "/Messages.json", &form).await;
        assert_eq!((answer.0, &answer.1["code"]), (401, &json!(20003)), "{user:?}");
    }
    let elsewhere = "/2010-04-01/Accounts/AC00000000000000000000000000000002/Messages.json";
    let request = caller.request(Method::POST, elsewhere).basic_auth(KEY.0, Some(KEY.1));
    assert_eq!(caller.answer(request.form(&sms("+905321234567"))).await.0, 401);
    assert_eq!(caller.twin.accepted(), 2);
}

#[tokio::test]
async fn a_standard_key_sends_but_may_not_look_at_the_account_itself() {
    let caller = Caller::new().await;
    let by_token = caller.twilio(TOKEN, Method::GET, ".json").await;
    assert_eq!((by_token.0, &by_token.1["status"]), (200, &json!("active")));
    assert_eq!((&by_token.1["sid"], &by_token.1["type"]), (&json!(AC), &json!("Full")));
    let by_key = caller.twilio(KEY, Method::GET, ".json").await;
    assert_eq!((by_key.0, &by_key.1["code"]), (401, &json!(20003)));
    assert_eq!(by_key.1["message"], "Authentication Error - invalid username");
    let balance = caller.twilio(KEY, Method::GET, "/Balance.json").await;
    assert_eq!(
        balance,
        Answer(200, json!({ "account_sid": AC, "balance": "100.00", "currency": "USD" }))
    );
    let main = json!({ "api_keys": [{ "sid": KEY.0, "secret": KEY.1, "kind": "main" }] });
    assert_eq!(account(main).await.twilio(KEY, Method::GET, ".json").await.0, 200);
}

#[tokio::test]
async fn a_suspended_account_gets_20003_for_everything() {
    let caller = account(json!({ "active": false })).await;
    assert_eq!(refused(&caller, &sms("+905321234567")).await, (401, 20003));
    assert_eq!(caller.twilio(TOKEN, Method::GET, ".json").await.0, 401);
}

#[tokio::test]
async fn what_is_missing_is_named_by_its_code() {
    let caller = Caller::new().await;
    for (form, code) in [
        (without("To"), 21604),
        (without("From"), 21603),
        (without("Body"), 21602),
        (with("Body", ""), 21602),
        (with("ContentVariables", "{}"), 21654),
        (with("ContentSid", "HX1"), 21655),
        (with("MediaUrl", "https://example.com/x.png"), 21620),
        (with("StatusCallback", "/relative"), 21609),
        (with("StatusCallback", "http://my_host/x"), 21609),
    ] {
        assert_eq!(refused(&caller, &form).await, (400, code), "{form:?}");
    }
    let mut both = with("ContentSid", "HX1");
    both.push(("ContentVariables", "not json"));
    assert_eq!(refused(&caller, &both).await, (400, 21656));
    // JSON is no form: nothing of it is read.
    let path = format!("/2010-04-01/Accounts/{AC}/Messages.json");
    let json = caller.request(Method::POST, &path).basic_auth(KEY.0, Some(KEY.1));
    let json = caller.answer(json.json(&json!({ "To": "+905321234567" }))).await;
    assert_eq!((json.0, &json.1["code"]), (400, &json!(21604)));
    assert_eq!(caller.twin.accepted(), 0);
}

#[tokio::test]
async fn a_number_is_e164_a_mobile_and_in_a_country_that_is_allowed() {
    let caller = Caller::new().await;
    for (to, code) in [
        ("905321234567", 21211),
        ("05321234567", 21211),
        ("+90532123456", 21211),
        ("+9005321234567", 21211),
        ("+901321234567", 21211),
        ("+902121234567", 21614),
        ("+908501234567", 21614),
        ("+4915112345678", 21408),
        ("whatsapp:+905321234567", 21910),
    ] {
        assert_eq!(refused(&caller, &sms(to)).await, (400, code), "{to}");
    }
    let mut itself = with("From", "+13185550100");
    itself[0].1 = "+13185550100";
    assert_eq!(refused(&caller, &itself).await, (400, 21211));
    let caller = account(json!({ "countries": ["+90", "+49"] })).await;
    caller.created("+4915112345678").await;
    assert_eq!(caller.twin.messages_to("+49 151 12345678")[0].to, "+4915112345678");
}

#[tokio::test]
async fn who_opted_out_gets_21610() {
    let caller = Caller::scripted(json!({ "twilio": { "opted_out": ["0532 123 45 67"] } })).await;
    assert_eq!(refused(&caller, &sms("+905321234567")).await, (400, 21610));
    caller.created("+905321234568").await;
}

#[tokio::test]
async fn a_sender_is_the_accounts_own_and_registered_where_turkiye_wants_it() {
    let caller = Caller::new().await;
    assert_eq!(caller.create(&with("From", "+13185550100")).await.0, 201);
    for (from, code) in [
        ("+13185550101", 21606),
        ("DENTIST", 21657),
        ("KLİNİK", 21212),
        ("TWELVELETTER", 21212),
        ("INFO", 21212),
        ("whatsapp:+13185550100", 21910),
    ] {
        assert_eq!(refused(&caller, &with("From", from)).await, (400, code), "{from}");
    }
    let warn = json!({ "twilio": { "unregistered_sender": "warning30018",
                                   "send_ms": [0, 0], "delivery_ms": [0, 0] } });
    let caller = Caller::scripted(warn).await;
    let answer = caller.create(&with("From", "DENTIST")).await;
    let message = caller.fetched(answer.1["sid"].as_str().unwrap()).await;
    assert_eq!((&message["status"], &message["error_code"]), (&json!("delivered"), &json!(30018)));
}

#[tokio::test]
async fn a_messaging_service_chooses_its_sender_later() {
    let caller = Caller::new().await;
    let mut form = without("From");
    form.push(("MessagingServiceSid", SERVICE));
    let answer = caller.create(&form).await.1;
    assert_eq!((&answer["status"], &answer["from"]), (&json!("accepted"), &Value::Null));
    assert_eq!(
        (&answer["num_segments"], &answer["messaging_service_sid"]),
        (&json!("0"), &json!(SERVICE))
    );
    caller.twin.advance(Duration::from_mins(1));
    let later = caller.fetched(answer["sid"].as_str().unwrap()).await;
    assert_eq!((&later["from"], &later["num_segments"]), (&json!("KLINIK"), &json!("1")));
    assert_eq!(caller.twin.messages()[0].sender, "KLINIK");
    for (sid, code) in [("MG00000000000000000000000000000002", 21701), ("MG1", 21705)] {
        *form.last_mut().unwrap() = ("MessagingServiceSid", sid);
        assert_eq!(refused(&caller, &form).await, (400, code), "{sid}");
    }
}

#[tokio::test]
async fn a_body_has_at_most_1600_characters_and_costs_twilios_segments() {
    let caller = Caller::new().await;
    assert_eq!(refused(&caller, &with("Body", &"ş".repeat(1601))).await, (400, 21617));
    for (text, segments) in [
        ("a".repeat(160), "1"),
        ("a".repeat(161), "2"),
        ("ş".repeat(70), "1"),
        ("ş".repeat(71), "2"),
        ("ş".repeat(1600), "24"),
    ] {
        let answer = caller.create(&with("Body", &text)).await.1;
        assert_eq!(answer["num_segments"], segments, "{}", text.chars().count());
    }
    let mut smart = with("Body", "“Randevu” – 14:30…");
    smart.push(("SmartEncoded", "true"));
    assert_eq!(caller.create(&smart).await.1["body"], "\"Randevu\" - 14:30...");
}

#[tokio::test]
async fn more_requests_than_the_account_may_make_get_20429_and_nothing_is_accepted() {
    let caller = account(json!({ "max_requests_per_s": 3 })).await;
    caller.twin.freeze_clock(true);
    for _ in 0..3 {
        caller.created("+905321234567").await;
    }
    assert_eq!(refused(&caller, &sms("+905321234567")).await, (429, 20429));
    assert_eq!(caller.twin.accepted(), 3);
    caller.twin.advance(Duration::from_secs(1));
    caller.created("+905321234567").await;
}

#[tokio::test]
async fn a_slow_sender_queues_expires_and_after_ten_hours_takes_no_more() {
    let script = json!({ "twilio": { "sender_segments_per_s": 1, "send_ms": [0, 0], "delivery_ms": [0, 0] } });
    let caller = Caller::scripted(script).await;
    caller.twin.freeze_clock(true);
    let first = caller.created("+905321234567").await;
    // 24 segments each: the next in line waits longer than its five seconds.
    let long = "ş".repeat(1600);
    let large = caller.create(&with("Body", &long)).await.1;
    let late = caller.create(&with("ValidityPeriod", "5")).await.1;
    caller.twin.advance(Duration::from_secs(30));
    let status = async |sid: &Value| caller.fetched(sid.as_str().unwrap()).await;
    assert_eq!(status(&json!(first)).await["status"], "delivered");
    assert_eq!(status(&large["sid"]).await["status"], "delivered");
    let late = status(&late["sid"]).await;
    assert_eq!((&late["status"], &late["error_code"]), (&json!("failed"), &json!(30036)));
    let mut full = 0;
    while caller.create(&with("Body", &long)).await.0 == 201 {
        full += 1;
        assert!(full < 2_000);
    }
    assert_eq!(refused(&caller, &with("Body", &long)).await, (400, 21611));
    assert!(full >= 36_000 / 24);
}

#[tokio::test]
async fn a_scheduled_message_needs_a_service_and_a_time_and_can_be_cancelled() {
    let caller = Caller::new().await;
    let at = |hours: i64| {
        let now = chrono::DateTime::parse_from_rfc3339("2026-11-21T00:00:00Z").unwrap();
        (now + chrono::TimeDelta::try_hours(hours).unwrap()).to_rfc3339()
    };
    // Far from now either way: the twin's clock is the machine's.
    let (past, far) = (at(-24 * 365 * 5), at(24 * 365 * 50));
    let mut form = with("ScheduleType", "fixed");
    form.push(("SendAt", &far));
    assert_eq!(refused(&caller, &form).await, (400, 35118));
    form.push(("MessagingServiceSid", SERVICE));
    assert_eq!(refused(&caller, &form).await, (400, 35114));
    form.retain(|(name, _)| *name != "SendAt");
    assert_eq!(refused(&caller, &form).await, (400, 35111));
    form.push(("SendAt", &past));
    assert_eq!(refused(&caller, &form).await, (400, 35114));
    // One hour after the time that the twin shows.
    let sid = caller.created("+905321234567").await;
    let created = caller.fetched(&sid).await["date_created"].as_str().unwrap().to_owned();
    let created = chrono::DateTime::parse_from_rfc2822(&created).unwrap();
    let soon = (created + chrono::TimeDelta::try_hours(1).unwrap()).to_rfc3339();
    form.retain(|(name, _)| *name != "SendAt" && *name != "From");
    form.push(("SendAt", &soon));
    let scheduled = caller.create(&form).await.1;
    assert_eq!(scheduled["status"], "scheduled");
    let path = format!("/Messages/{}.json", scheduled["sid"].as_str().unwrap());
    let cancel = [("Status", "canceled")];
    let canceled = caller.twilio_form(KEY, Method::POST, &path, &cancel).await;
    assert_eq!((canceled.0, &canceled.1["status"]), (200, &json!("canceled")));
    let again = caller.twilio_form(KEY, Method::POST, &path, &cancel).await;
    assert_eq!((again.0, &again.1["code"]), (400, &json!(30409)));
}

#[tokio::test]
async fn a_fault_answers_with_twilios_code_and_its_own_status() {
    let caller = Caller::new().await;
    let fault = |code: &str| {
        Fault::new(Provider::Twilio, Operation::Send, FaultKind::Code { code: code.into() })
            .times(1)
    };
    for (code, status) in [("20429", 429), ("20003", 401), ("21610", 400), ("20503", 503)] {
        caller.twin.add_fault(fault(code)).unwrap();
        let wanted = (status, code.parse().unwrap());
        assert_eq!(refused(&caller, &sms("+905321234567")).await, wanted);
    }
    assert_eq!(caller.twin.accepted(), 0);
    // A code of a delivery: accepted, and the message ends with it.
    caller.twin.add_fault(fault("30003")).unwrap();
    let sid = caller.created("+905321234567").await;
    assert_eq!(caller.fetched(&sid).await["error_code"], Value::Null);
    caller.twin.advance(Duration::from_mins(1));
    let ended = caller.fetched(&sid).await;
    assert_eq!((&ended["status"], &ended["error_code"]), (&json!("undelivered"), &json!(30003)));
    assert_eq!(ended["error_message"], "Unreachable destination handset");
}

#[tokio::test]
async fn a_hang_and_a_reset_may_accept_and_the_list_then_knows_the_message() {
    let caller = Caller::new().await;
    for (kind, accepted) in [
        (FaultKind::Hang { accept: true, seconds: 0 }, 1),
        (FaultKind::Reset { accept: true }, 2),
        (FaultKind::Hang { accept: false, seconds: 0 }, 2),
        (FaultKind::Down, 2),
    ] {
        let fault =
            Fault::new(Provider::Twilio, Operation::Send, kind).number("5321234567").account(AC);
        caller.twin.add_fault(fault.times(1)).unwrap();
        let path = format!("/2010-04-01/Accounts/{AC}/Messages.json");
        let request = caller.request(Method::POST, &path).basic_auth(KEY.0, Some(KEY.1));
        assert!(request.form(&sms("+905321234567")).send().await.is_err());
        assert_eq!(caller.twin.accepted(), accepted);
    }
    let list = caller.twilio(KEY, Method::GET, "/Messages.json?To=%2B905321234567").await;
    assert_eq!(list.1["messages"].as_array().unwrap().len(), 2);
    let stats = caller.get("/_simulator/stats").await.1;
    assert_eq!(stats["calls"]["twilio.list"]["requests"], 1);
}

#[tokio::test]
async fn a_fault_strikes_only_the_call_it_names() {
    let caller = Caller::new().await;
    let sid = caller.created("+905321234567").await;
    for (operation, path) in [
        (Operation::List, "/Messages.json".to_owned()),
        (Operation::Fetch, format!("/Messages/{sid}.json")),
        (Operation::Account, ".json".to_owned()),
        (Operation::Any, "/Balance.json".to_owned()),
    ] {
        let kind = FaultKind::Http { status: 502 };
        caller.twin.add_fault(Fault::new(Provider::Twilio, operation, kind)).unwrap();
        assert_eq!(caller.twilio(TOKEN, Method::GET, &path).await.0, 502, "{operation:?}");
        caller.twin.clear_faults();
        assert_eq!(caller.twilio(TOKEN, Method::GET, &path).await.0, 200, "{operation:?}");
    }
}
