use std::sync::LazyLock;

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Before, Refusal, Registry, Rule};

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::embedded().unwrap());

const BOOKED: &str = "clinic.appointment-booked.v1";

fn body(fact_type: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": "01JF", "source": "/clinics/atasehir", "type": fact_type,
        "time": "2026-11-14T10:00:00+03:00", "subject": "appointment/A-1042", "data": data
    })
}

fn booked() -> Value {
    body(
        BOOKED,
        &json!({
            "recipient": {"name": "Ayşe Yılmaz", "phone": "0532 123 45 67", "language": "en"},
            "appointment": {"id": "A-1042", "version": 3, "starts_at": "2026-11-22T14:30:00+03:00",
                            "ends_at": "2026-11-22T14:50:00+03:00", "with": "Dr. Çağrı Şahin",
                            "reminders": ["3d", "24h", "1h30m"]}
        }),
    )
}

fn read(body: &Value) -> Result<FactEvent, Refusal> {
    REGISTRY.read_fact(body.to_string().as_bytes(), None, &|clinic| clinic == "atasehir")
}

fn changed(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn refused(body: &Value) -> (Rule, String) {
    let refusal = read(body).unwrap_err();
    (refusal.rule, refusal.path)
}

fn range_at(path: &str) -> (Rule, String) {
    (Rule::Range, path.to_owned())
}

#[test]
fn a_booking_becomes_typed() {
    let event = read(&booked()).unwrap();
    assert_eq!(event.fact_id(), FactId::of_event("/clinics/atasehir", "01JF"));
    assert_eq!(event.fact.appointment(), Some(("A-1042", Version::Explicit(3))));
    assert_eq!(event.fact.phone().unwrap().e164(), "+905321234567");
    let Fact::Booked(fact) = event.fact else { panic!() };
    assert_eq!(fact.recipient.name.full(), "Ayşe Yılmaz");
    assert_eq!(fact.recipient.channels, [Channel::Sms, Channel::Whatsapp]);
    assert_eq!(fact.starts_at.to_rfc3339(), "2026-11-22T14:30:00+03:00");
    assert_eq!(fact.ends_at.unwrap() - fact.starts_at, TimeDelta::minutes(20));
    assert_eq!(fact.with.as_deref(), Some("Dr. Çağrı Şahin"));
    let before: Vec<Before> = fact.reminders.unwrap().iter().map(|rule| rule.before).collect();
    let elapsed = |minutes| Before::Elapsed(TimeDelta::minutes(minutes));
    assert_eq!(before, [Before::Days(3), elapsed(1_440), elapsed(90)]);
}

#[test]
fn no_list_of_reminders_is_the_clinics_and_an_empty_one_is_none() {
    let reminders = |body: &Value| match read(body).unwrap().fact {
        Fact::Booked(fact) => fact.reminders,
        other => panic!("{other:?}"),
    };
    let mut absent = booked();
    absent["data"]["appointment"].as_object_mut().unwrap().remove("reminders");
    assert_eq!(reminders(&absent), None);
    assert_eq!(
        reminders(&changed(booked(), "/data/appointment/reminders", json!([]))),
        Some(vec![])
    );
}

#[test]
fn without_a_version_the_time_of_the_fact_orders() {
    let mut body = booked();
    body["data"]["appointment"].as_object_mut().unwrap().remove("version");
    let version = Version::EventTime(1_794_639_600_000);
    assert_eq!(read(&body).unwrap().fact.appointment(), Some(("A-1042", version)));
}

#[test]
fn a_visit_starts_within_two_years_of_its_booking_and_not_before_it() {
    let starts = |fact_type: &str, at: &str| {
        let mut body = changed(booked(), "/type", json!(fact_type));
        body["data"]["appointment"].as_object_mut().unwrap().remove("ends_at");
        changed(body, "/data/appointment/starts_at", json!(at))
    };
    let rescheduled = "clinic.appointment-rescheduled.v1";
    let place = "/data/appointment/starts_at";
    for at in ["2026-11-14T09:00:00+03:00", "2028-11-14T10:00:00+03:00", "2028-11-14T07:00:00Z"] {
        assert!(read(&starts(BOOKED, at)).is_ok(), "{at}");
    }
    for at in ["2026-11-14T08:59:59+03:00", "2020-01-01T10:00:00+03:00"] {
        assert_eq!(refused(&starts(BOOKED, at)), range_at(place), "{at}");
        // the reminders of the old start must go
        assert!(read(&starts(rescheduled, at)).is_ok(), "{at}");
    }
    for at in ["2028-11-14T10:00:01+03:00", "2031-11-22T14:30:00+03:00"] {
        for fact_type in [BOOKED, rescheduled] {
            assert_eq!(refused(&starts(fact_type, at)), range_at(place), "{at}");
        }
    }
}

#[test]
fn a_visit_does_not_end_before_it_starts() {
    let ends = |at: &str| changed(booked(), "/data/appointment/ends_at", json!(at));
    assert!(read(&ends("2026-11-22T11:30:00Z")).is_ok());
    let place = "/data/appointment/ends_at";
    assert_eq!(refused(&ends("2026-11-22T14:29:59+03:00")), range_at(place));
}

#[test]
fn a_rule_that_is_no_time_before_the_visit_is_named_by_its_place() {
    for rule in ["-2h", "soon", "0h", "61d", "", "24 h", "direct"] {
        let body = changed(booked(), "/data/appointment/reminders", json!(["24h", rule]));
        let place = "/data/appointment/reminders/1".to_owned();
        assert_eq!(refused(&body), (Rule::ReminderRule, place), "{rule:?}");
    }
}

#[test]
fn of_several_breaches_the_smallest_path_is_told() {
    let mut body = changed(booked(), "/data/appointment/ends_at", json!("2026-11-21T14:30:00Z"));
    body["data"]["appointment"]["reminders"] = json!(["soon"]);
    body["data"]["recipient"]["phone"] = json!("123");
    assert_eq!(refused(&body), range_at("/data/appointment/ends_at"));
    body["data"]["appointment"]["department"] = json!("x");
    assert_eq!(refused(&body).0, Rule::UnknownField);
}

#[test]
fn a_cancellation_needs_no_more_than_the_appointment() {
    let event =
        read(&body("clinic.appointment-cancelled.v1", &json!({"appointment": {"id": "A-1042"}})))
            .unwrap();
    assert_eq!(event.fact.phone(), None);
    let Fact::Cancelled(fact) = event.fact else { panic!() };
    assert_eq!((fact.recipient, fact.starts_at, fact.with), (None, None, None));

    let whole = json!({
        "recipient": {"name": "Ayşe Yılmaz", "phone": "0532 123 45 67"},
        "appointment": {"id": "A-1042", "starts_at": "2019-11-22T14:30:00+03:00",
                        "ends_at": "2019-11-22T14:00:00+03:00", "with": "Dr. Çağrı Şahin"}
    });
    let event = read(&body("clinic.appointment-cancelled.v1", &whole)).unwrap();
    assert_eq!(event.fact.phone().unwrap().e164(), "+905321234567");
}

#[test]
fn money_that_comes_and_goes_becomes_typed() {
    let recipient = json!({"name": "Mehmet Işık", "phone": "+905421112233"});
    let received = json!({"recipient": recipient, "payment": {"id": "P-77", "amount": "1250.50",
        "currency": "TRY", "paid_at": "2026-11-21T11:01:40+03:00"}});
    let Fact::PaymentReceived(fact) =
        read(&body("clinic.payment-received.v1", &received)).unwrap().fact
    else {
        panic!()
    };
    assert_eq!((fact.id.as_str(), fact.refund_id, fact.amount.as_str()), ("P-77", None, "1250.50"));
    let refunded = json!({"recipient": recipient, "payment": {"id": "P-77", "refund_id": "R-9",
        "amount": "250", "currency": "TRY", "refunded_at": "2026-11-23T11:01:40+03:00"}});
    let Fact::PaymentRefunded(fact) =
        read(&body("clinic.payment-refunded.v1", &refunded)).unwrap().fact
    else {
        panic!()
    };
    assert_eq!((fact.id.as_str(), fact.refund_id.as_deref()), ("P-77", Some("R-9")));
    assert_eq!(fact.at.to_rfc3339(), "2026-11-23T11:01:40+03:00");
}

#[test]
fn what_a_person_said_becomes_typed() {
    let said = |consent: Value| {
        let data = json!({"recipient": {"phone": "0532 123 45 67"}, "consent": consent});
        body("clinic.consent-changed.v1", &data)
    };
    let at = "2026-11-14T09:00:00+03:00";
    let consent = |consent| match read(&said(consent)).unwrap().fact {
        Fact::ConsentChanged(fact) => fact,
        other => panic!("{other:?}"),
    };
    let all = consent(json!({"status": "refused", "at": at}));
    assert_eq!((all.status, all.channel, all.name), (ConsentStatus::Refused, None, None));
    assert_eq!(consent(json!({"status": "refused", "at": at, "channel": "all"})).channel, None);
    let sms =
        consent(json!({"status": "given", "at": at, "channel": "sms", "evidence": "form-114"}));
    assert_eq!((sms.status, sms.channel), (ConsentStatus::Given, Some(Channel::Sms)));
    assert_eq!(sms.evidence.as_deref(), Some("form-114"));
    // it would outlast every later word
    let ahead = json!({"status": "given", "at": "2031-11-14T09:00:00+03:00"});
    assert_eq!(refused(&said(ahead)), range_at("/data/consent/at"));
}

#[test]
fn facts_and_notifications_have_doors_of_their_own() {
    let sealed = booked().to_string();
    let asked = REGISTRY.read(sealed.as_bytes(), None, &|_| true).unwrap_err();
    assert_eq!((asked.rule, asked.path.as_str()), (Rule::UnknownType, "/type"));
    let reminder = changed(booked(), "/type", json!("ulak.appointment-reminder.v1"));
    assert_eq!(refused(&reminder), (Rule::UnknownType, "/type".to_owned()));
    assert!(REGISTRY.is_fact(BOOKED) && !REGISTRY.is_fact("ulak.appointment-reminder.v1"));
    let names: Vec<&str> = REGISTRY.facts().map(|fact| fact.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "clinic.appointment-booked.v1",
            "clinic.appointment-cancelled.v1",
            "clinic.appointment-rescheduled.v1",
            "clinic.consent-changed.v1",
            "clinic.payment-received.v1",
            "clinic.payment-refunded.v1",
        ]
    );
}

#[test]
fn a_reference_is_no_fact() {
    let mut body = booked();
    let envelope = body.as_object_mut().unwrap();
    envelope.remove("data");
    envelope.remove("time");
    envelope.insert("dataref".to_owned(), json!("ulak:ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa"));
    envelope.insert("ulakrelease".to_owned(), json!(1));
    assert_eq!(refused(&body), (Rule::Envelope, "/time".to_owned()));
}

#[test]
fn a_sealed_fact_is_reopened_as_it_was_whatever_is_asked_today() {
    let event = read(&booked()).unwrap();
    let sealed = event.envelope_json();
    assert_eq!(REGISTRY.reopen_fact(&sealed), Ok(event.clone()));
    let strange = changed(booked(), "/data/appointment/with", json!("Onkoloji"));
    let strange = changed(strange, "/data/appointment/starts_at", json!("2040-01-01T10:00:00Z"));
    assert!(REGISTRY.reopen_fact(strange.to_string().as_bytes()).is_ok());
    assert_eq!(REGISTRY.reopen_fact(b"{").unwrap_err().rule, Rule::NotJson);
    let nobody = changed(booked(), "/data/recipient", json!({}));
    let nobody = REGISTRY.reopen_fact(nobody.to_string().as_bytes()).unwrap_err();
    assert_eq!(nobody.path, "/data/recipient/name");
}

#[test]
fn the_same_fact_is_the_same_however_it_is_written() {
    let one = read(&booked()).unwrap();
    let later = changed(booked(), "/time", json!("2026-11-14T11:00:00+03:00"));
    let later = changed(later, "/data/appointment/version", json!(3.0));
    assert_eq!(read(&later).unwrap().digest(), one.digest());
    let other = changed(booked(), "/data/appointment/reminders", json!(["24h"]));
    assert_ne!(read(&other).unwrap().digest(), one.digest());
}

#[test]
fn nothing_personal_is_in_debug() {
    let consent = body(
        "clinic.consent-changed.v1",
        &json!({"recipient": {"name": "Ayşe Yılmaz", "phone": "0532 123 45 67"},
               "consent": {"status": "given", "at": "2026-11-14T09:00:00+03:00"}}),
    );
    for body in [booked(), consent] {
        let event = read(&body).unwrap();
        let shown = format!("{event:?} {:?}", event.fact);
        for secret in ["Ayşe", "Yılmaz", "532 123", "5321234567", "Çağrı"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("fct_"));
    }
}

/// Values that have broken parsers.
fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,80}".prop_map(Value::from),
        "[0-9TZ:.+hmd-]{0,30}".prop_map(Value::from),
        prop::collection::vec("[0-9hmd-]{0,5}", 0..12).prop_map(|rules| json!(rules)),
        Just(json!({"a": [null]})),
        Just(json!("0001-01-01T00:00:00Z")),
        Just(json!("2199-12-31T23:59:59-14:00")),
        Just(json!("1970-01-01T00:00:00+14:00")),
        Just(json!("\u{0}")),
    ]
}

const PLACES: &[&str] = &[
    "/id",
    "/source",
    "/type",
    "/time",
    "/data",
    "/data/recipient",
    "/data/recipient/name",
    "/data/recipient/phone",
    "/data/appointment",
    "/data/appointment/id",
    "/data/appointment/version",
    "/data/appointment/starts_at",
    "/data/appointment/ends_at",
    "/data/appointment/reminders",
    "/data/consent",
];

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in any::<Vec<u8>>()) {
        let refusal = REGISTRY.read_fact(&bytes, None, &|_| true).unwrap_err();
        prop_assert!(!refusal.to_string().contains('\n'));
        let _ = REGISTRY.reopen_fact(&bytes);
    }

    #[test]
    fn any_two_changes_are_read_without_a_panic_and_always_the_same(
        first in prop::sample::select(PLACES),
        second in prop::sample::select(PLACES),
        value in odd_value(),
        other in odd_value(),
        kind in prop::sample::select(REGISTRY.facts().map(|fact| fact.name.clone()).collect::<Vec<_>>()),
    ) {
        let body = changed(changed(booked(), "/type", json!(kind)), first, value);
        let body = match body.pointer(second.rsplit_once('/').unwrap().0) {
            Some(Value::Object(_)) => changed(body, second, other),
            _ => body,
        };
        let read_of = read(&body);
        prop_assert_eq!(&read_of, &read(&body));
        let _ = REGISTRY.reopen_fact(body.to_string().as_bytes());
        match read_of {
            Ok(event) => prop_assert_eq!(REGISTRY.reopen_fact(&event.envelope_json()), Ok(event)),
            Err(refusal) => {
                prop_assert!(refusal.path.is_empty() || refusal.path.starts_with('/'));
                prop_assert!(refusal.holds_person || !body["data"].is_object());
            }
        }
    }
}
