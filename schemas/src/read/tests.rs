use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::embedded().unwrap());

const REMINDER: &str = "ulak.appointment-reminder.v1";

fn reminder() -> Value {
    json!({
        "specversion": "1.0", "id": "01JD", "source": "/clinics/atasehir", "type": REMINDER,
        "time": "2026-11-21T10:00:00+03:00", "subject": "appointment/A-1042",
        "datacontenttype": "application/json",
        "data": {
            "recipient": {"name": "Ayşe Yılmaz", "phone": "0532 123 45 67", "channels": ["whatsapp", "sms"]},
            "appointment": {"id": "A-1042", "version": 3, "starts_at": "2026-11-22T14:30:00+03:00", "with": "Dr. Çağrı Şahin"}
        }
    })
}

fn receipt() -> Value {
    json!({
        "specversion": "1.0", "id": "01JE", "source": "/clinics/atasehir", "type": "ulak.payment-receipt.v1",
        "time": "2026-11-21T11:02:00+03:00",
        "data": {
            "recipient": {"name": "Mehmet Işık", "phone": "+905421112233"},
            "payment": {"id": "P-77", "amount": "1250.50", "currency": "TRY", "paid_at": "2026-11-21T11:01:40+03:00"}
        }
    })
}

fn read(body: &Value) -> Result<Incoming, Refusal> {
    REGISTRY.read(body.to_string().as_bytes(), None, &|clinic| clinic == "atasehir")
}

fn event(body: &Value) -> Event {
    match read(body) {
        Ok(Incoming::Event(event)) => *event,
        other => panic!("{other:?}"),
    }
}

fn changed(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn refused(body: &Value) -> (&'static str, String) {
    let refusal = read(body).unwrap_err();
    (refusal.rule.as_str(), refusal.path)
}

#[test]
fn an_event_becomes_typed() {
    let event = event(&reminder());
    assert_eq!(event.clinic.as_str(), "atasehir");
    assert_eq!(event.ntf(), NotificationId::of_event("/clinics/atasehir", "01JD"));
    assert_eq!(event.recipient.name.full(), "Ayşe Yılmaz");
    assert_eq!(event.recipient.phone.e164(), "+905321234567");
    assert_eq!(event.recipient.channels, [Channel::Whatsapp, Channel::Sms]);
    assert_eq!(event.recipient.language, Language::Tr);
    assert_eq!(event.recipient.recipient_type, RecipientType::Bireysel);
    let appointment = event.appointment.unwrap();
    assert_eq!((appointment.id.as_str(), appointment.version), ("A-1042", Version::Explicit(3)));
    assert_eq!(event.subject.as_deref(), Some("appointment/A-1042"));
}

#[test]
fn what_is_absent_has_its_default() {
    let event = event(&receipt());
    assert_eq!(event.recipient.channels, [Channel::Sms, Channel::Whatsapp]);
    assert_eq!((event.appointment, event.subject, event.traceparent), (None, None, None));
}

#[test]
fn an_appointment_without_version_is_ordered_by_the_events_time() {
    let mut body = reminder();
    body["data"]["appointment"].as_object_mut().unwrap().remove("version");
    let version = event(&body).appointment.unwrap().version;
    assert_eq!(version, Version::EventTime(1_795_244_400_000));
    assert_eq!(version.newer_than(&Version::EventTime(1)), Some(true));
    assert_eq!(version.newer_than(&version), Some(false));
    assert_eq!(version.newer_than(&Version::Explicit(1)), None);
    let whole = event_version(json!(3.0));
    assert_eq!(whole, Version::Explicit(3));
    assert_eq!(
        event_version(json!(-9_007_199_254_740_991_i64)),
        Version::Explicit(-9_007_199_254_740_991)
    );
}

fn event_version(version: Value) -> Version {
    event(&changed(reminder(), "/data/appointment/version", version)).appointment.unwrap().version
}

#[test]
fn foreign_extensions_are_tolerated_and_nulls_count_as_absent() {
    let mut body = reminder();
    body["partitionkey"] = json!("x");
    body["sequence"] = json!(7);
    body["sampled"] = json!(true);
    body["subject"] = Value::Null;
    body["dataschema"] = Value::Null;
    body["datacontenttype"] = json!("application/JSON; charset=utf-8");
    body["traceparent"] = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let event = event(&body);
    assert_eq!(event.subject, None);
    assert!(event.traceparent.is_some());
    body["traceparent"] = json!("0532 123 45 67");
    assert_eq!(self::event(&body).traceparent, None);

    // a header of whoever handed it over counts where the event says nothing
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let mut said = self::event(&reminder());
    said.came_with(Some("garbage"));
    assert_eq!(said.traceparent, None);
    said.came_with(Some(header));
    assert_eq!(said.traceparent.as_deref(), Some(header));
    said.came_with(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    assert_eq!(said.traceparent.as_deref(), Some(header));
    assert_eq!(said.trace().unwrap().trace_id(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(REGISTRY.reopen(&said.envelope_json()), Ok(said));
}

#[test]
fn a_sealed_event_is_reopened_as_it_was() {
    let mut traced = receipt();
    traced["traceparent"] = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    for body in [reminder(), receipt(), traced] {
        let event = event(&body);
        let sealed = event.envelope_json();
        let again = REGISTRY.reopen(&sealed).unwrap();
        assert_eq!(again, event);
        assert_eq!(again.envelope_json(), sealed);
        assert_eq!(again.digest(), event.digest());
    }
}

#[test]
fn reopening_does_not_ask_the_schema_again() {
    let mut event = event(&reminder());
    event.data["appointment"]["gone_in_v1_1"] = json!("x");
    event.data["appointment"]["with"] = json!("Onkoloji");
    assert_eq!(REGISTRY.reopen(&event.envelope_json()).unwrap(), event);
    let broken = REGISTRY.reopen(b"{").unwrap_err();
    assert_eq!(broken.rule, Rule::NotJson);
    let no_person = REGISTRY.reopen(
        json!({"type": REMINDER, "source": "/clinics/a", "time": "2026-11-21T10:00:00Z"})
            .to_string()
            .as_bytes(),
    );
    assert_eq!(no_person.unwrap_err().path, "/data/recipient/name");
}

#[test]
fn a_reference_is_read_back_and_must_fit_its_identity() {
    let ntf = NotificationId::of_event("/clinics/atasehir", "01JD");
    let reference = Reference {
        ntf: ntf.clone(),
        source: "/clinics/atasehir".to_owned(),
        id: "01JD".to_owned(),
        event_type: REMINDER.to_owned(),
        subject: Some("appointment/A-1042".to_owned()),
        release: 7,
        due: Some(1_700_000_000_000),
    };
    let body = reference.to_json();
    let nobody = |_: &str| false;
    assert_eq!(REGISTRY.read(&body, Some(REMINDER), &nobody), Ok(Incoming::Reference(reference)));
    let mismatch = REGISTRY.read(&body, Some("ulak.payment-receipt.v1"), &nobody).unwrap_err();
    assert_eq!((mismatch.rule, mismatch.holds_person), (Rule::TypeMismatch, false));

    let body: Value = serde_json::from_slice(&body).unwrap();
    let forged = changed(body.clone(), "/id", json!("other"));
    assert_eq!(refused(&forged), ("envelope", "/dataref".to_owned()));
    let refused_event =
        changed(body.clone(), "/dataref", json!("ulak:bad_aaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_eq!(refused(&refused_event), ("envelope", "/dataref".to_owned()));
    for release in [json!(0), json!(-1), json!(1.5), json!("7"), json!(1e300)] {
        let body = changed(body.clone(), "/ulakrelease", release);
        assert_eq!(refused(&body), ("envelope", "/ulakrelease".to_owned()));
    }
    let elsewhere = changed(body, "/dataref", json!("https://example.com/1"));
    assert_eq!(refused(&elsewhere), ("envelope", "/data".to_owned()));
}

#[test]
fn the_envelope_is_checked_before_the_data_and_the_clinic_before_it_too() {
    let bad_data = changed(reminder(), "/data/recipient/phone", json!("123"));
    assert_eq!(refused(&bad_data), ("phone", "/data/recipient/phone".to_owned()));
    let clinic = changed(bad_data, "/source", json!("/clinics/elsewhere"));
    assert_eq!(refused(&clinic), ("unknown-clinic", "/source".to_owned()));
    let routed = REGISTRY.read(clinic.to_string().as_bytes(), Some("x"), &|_| false).unwrap_err();
    assert_eq!(routed.rule, Rule::TypeMismatch);
    let typed = changed(clinic, "/type", json!("ulak.nothing.v1"));
    assert_eq!(refused(&typed), ("unknown-type", "/type".to_owned()));
    let timed = changed(typed, "/time", json!("2026-11-21T10:00:00"));
    assert_eq!(refused(&timed), ("time-without-offset", "/time".to_owned()));
    let version = changed(timed, "/specversion", json!("0.3"));
    assert_eq!(refused(&version), ("envelope", "/specversion".to_owned()));
}

#[test]
fn of_several_breaches_the_smallest_path_is_told() {
    let mut body = reminder();
    body["data"]["zebra"] = json!(1);
    body["data"]["recipient"]["phone"] = json!("123");
    body["data"]["appointment"]["starts_at"] = json!("soon");
    body["data"]["appointment"]["foo"] = json!(1);
    assert_eq!(refused(&body), ("unknown-field", "/data/appointment/foo".to_owned()));
    body["data"]["appointment"].as_object_mut().unwrap().remove("foo");
    assert_eq!(refused(&body), ("format", "/data/appointment/starts_at".to_owned()));
}

#[test]
fn a_name_from_outside_is_told_only_if_it_looks_like_one() {
    for (name, shown) in [
        ("foo", "/data/appointment/foo"),
        ("05321234567", "/data/appointment/…"),
        ("Ayşe Yılmaz", "/data/appointment/…"),
        ("a/b~c", "/data/appointment/…"),
        ("\u{0}", "/data/appointment/…"),
    ] {
        let mut body = reminder();
        body["data"]["appointment"][name] = json!("05321234567");
        let refusal = read(&body).unwrap_err();
        assert_eq!((refusal.rule, refusal.path.as_str()), (Rule::UnknownField, shown));
        assert_eq!(refusal.id.as_deref(), Some("01JD"));
        assert!(refusal.holds_person);
        assert!(!refusal.to_string().contains("0532"));
    }
    let twice = r#"{"a": {"Ayşe": 1, "Ayşe": 2}}"#;
    let refusal = REGISTRY.read(twice.as_bytes(), None, &|_| true).unwrap_err();
    assert_eq!((refusal.rule, refusal.path.as_str()), (Rule::DuplicateField, "/a/…"));
}

#[test]
fn size_is_counted_in_bytes_and_64_kib_are_allowed() {
    let padded = |size: usize| {
        let mut body = reminder().to_string();
        body.push_str(&" ".repeat(size - body.len()));
        REGISTRY.read(body.as_bytes(), None, &|_| true)
    };
    assert!(padded(MAX_BODY_BYTES).is_ok());
    let refusal = padded(MAX_BODY_BYTES + 1).unwrap_err();
    assert_eq!(
        (refusal.rule, refusal.path.as_str(), refusal.holds_person),
        (Rule::TooLarge, "", true)
    );
}

#[test]
fn one_thing_has_one_name_however_it_is_written() {
    let policy = &REGISTRY.get(REMINDER).unwrap().policy;
    let thing = |body: &Value| event(body).same_thing(policy);
    let expected = r#"["A-1042",1795347000000,"direct"]"#;
    assert_eq!(thing(&reminder()), expected);
    assert_eq!(event(&reminder()).gap_key(policy).unwrap(), r#"["A-1042",1795347000000]"#);
    let utc = changed(reminder(), "/data/appointment/starts_at", json!("2026-11-22T11:30:00Z"));
    assert_eq!(thing(&utc), expected);
    let named = changed(reminder(), "/data/reminder", json!({"rule": "direct"}));
    assert_eq!(thing(&named), expected);
    let empty = changed(reminder(), "/data/reminder", json!({}));
    assert_eq!(thing(&empty), expected);
    let other = changed(reminder(), "/data/reminder", json!({"rule": "24h"}));
    assert_ne!(thing(&other), expected);
    let quoted = changed(reminder(), "/data/appointment/id", json!("A\",1"));
    assert_eq!(thing(&quoted), r#"["A\",1",1795347000000,"direct"]"#);

    let policy = &REGISTRY.get("ulak.payment-receipt.v1").unwrap().policy;
    assert_eq!(event(&receipt()).same_thing(policy), r#"["P-77"]"#);
    assert_eq!(event(&receipt()).gap_key(policy), None);
}

#[test]
fn a_visit_moved_away_and_back_is_another_word_each_time() {
    let confirmation = changed(reminder(), "/type", json!("ulak.appointment-confirmation.v1"));
    let policy = &REGISTRY.get("ulak.appointment-confirmation.v1").unwrap().policy;
    let thing = |body: &Value| event(body).same_thing(policy);
    let first = r#"["A-1042",1795347000000,null]"#;
    assert_eq!(thing(&confirmation), first);
    let back = |at: &str| changed(confirmation.clone(), "/data/change", json!({"changed_at": at}));
    let told = thing(&back("2026-11-16T09:12:00+03:00"));
    assert_eq!(told, r#"["A-1042",1795347000000,1794809520000]"#);
    assert_eq!(thing(&back("2026-11-16T06:12:00Z")), told);
    assert_ne!(thing(&back("2026-11-17T09:12:00+03:00")), told);
}

#[test]
fn a_reminder_expires_at_the_visit_and_a_receipt_after_a_week() {
    let expiry = |body: &Value| {
        let event = event(body);
        event.expires_at(&REGISTRY.get(&event.event_type).unwrap().policy).to_rfc3339()
    };
    assert_eq!(expiry(&reminder()), "2026-11-22T11:30:00+00:00");
    assert_eq!(expiry(&receipt()), "2026-11-28T08:01:40+00:00");
    let mut policy = REGISTRY.get("ulak.payment-receipt.v1").unwrap().policy.clone();
    policy.expires.plus = std::time::Duration::MAX;
    assert_eq!(event(&receipt()).expires_at(&policy), DateTime::<chrono::Utc>::MAX_UTC);
    policy.expires.field = "payment.nothing".to_owned();
    policy.expires.plus = std::time::Duration::ZERO;
    assert_eq!(event(&receipt()).expires_at(&policy).to_rfc3339(), "2026-11-21T08:02:00+00:00");
}

#[test]
fn the_digest_is_of_type_subject_and_data_in_canonical_form() {
    let one = event(&reminder()).digest();
    let mut later = reminder();
    later["time"] = json!("2026-11-21T10:05:00+03:00");
    later["extra"] = json!("x");
    later["data"]["appointment"]["version"] = json!(3.0);
    assert_eq!(event(&later).digest(), one);
    let pretty = serde_json::to_string_pretty(&reminder()).unwrap();
    let Ok(Incoming::Event(pretty)) = REGISTRY.read(pretty.as_bytes(), None, &|_| true) else {
        panic!()
    };
    assert_eq!(pretty.digest(), one);
    assert_ne!(event(&changed(reminder(), "/subject", json!("other"))).digest(), one);
    assert_ne!(event(&changed(reminder(), "/data/recipient/name", json!("Ali"))).digest(), one);
}

#[test]
fn nothing_personal_is_in_debug() {
    let shown = format!("{:?}", read(&reminder()));
    for secret in ["Ayşe", "Yılmaz", "532 123", "5321234567", "Çağrı"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("ntf_"));
}

/// Values that have broken parsers: wrong types, borders, unfit characters.
fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,80}".prop_map(Value::from),
        "[0-9TZ:.+-]{0,30}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({"a": [null]})),
        Just(json!("0001-01-01T00:00:00Z")),
        Just(json!("9999-12-31T23:59:59-14:00")),
        Just(json!(1e308)),
        Just(json!("\u{0}")),
    ]
}

const PLACES: &[&str] = &[
    "/id",
    "/source",
    "/type",
    "/time",
    "/subject",
    "/data",
    "/specversion",
    "/ulakrelease",
    "/dataref",
    "/data/recipient",
    "/data/recipient/name",
    "/data/recipient/phone",
    "/data/recipient/channels",
    "/data/recipient/x",
    "/data/appointment",
    "/data/appointment/id",
    "/data/appointment/version",
    "/data/appointment/starts_at",
    "/data/appointment/with",
    "/data/reminder",
];

#[test]
fn a_whole_number_is_the_same_event_however_it_is_written() {
    for (written, canonical) in [(json!(-0.0), json!(0)), (json!(3.0), json!(3))] {
        let read_of =
            |version| match read(&changed(reminder(), "/data/appointment/version", version)) {
                Ok(Incoming::Event(event)) => *event,
                other => panic!("{other:?}"),
            };
        let (event, plain) = (read_of(written), read_of(canonical));
        assert_eq!(event, plain);
        assert_eq!(event.digest(), plain.digest());
        assert_eq!(REGISTRY.reopen(&event.envelope_json()), Ok(event));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in any::<Vec<u8>>()) {
        let refusal = REGISTRY.read(&bytes, None, &|_| true).unwrap_err();
        prop_assert!(!refusal.to_string().contains('\n'));
        let _ = REGISTRY.reopen(&bytes);
    }

    #[test]
    fn any_change_is_read_without_a_panic_and_always_the_same(place in prop::sample::select(PLACES), value in odd_value()) {
        let body = changed(reminder(), place, value);
        let first = read(&body);
        prop_assert_eq!(&first, &read(&body));
        let _ = REGISTRY.reopen(body.to_string().as_bytes());
        match first {
            Ok(Incoming::Event(event)) => {
                let policy = &REGISTRY.get(&event.event_type).unwrap().policy;
                let _ = (event.digest(), event.same_thing(policy), event.gap_key(policy), event.expires_at(policy));
                prop_assert_eq!(REGISTRY.reopen(&event.envelope_json()), Ok(*event));
            }
            Ok(Incoming::Reference(_)) => {}
            Err(refusal) => {
                // A path is made of our own names, indices and marks, never of what came in.
                prop_assert!(refusal.path.is_empty() || refusal.path.starts_with('/'));
                prop_assert!(place.starts_with(&refusal.path) || refusal.path.starts_with(place), "{} {}", place, refusal.path);
            }
        }
    }
}
