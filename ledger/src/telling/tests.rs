//! What is told is what `schemas/outcomes/*.json` promises, and the examples there are what is told.

use std::path::Path;

use super::*;

const NTF: &str = "ntf_j7qhgkxsstbhoukhwjflxgaw5m";
const BAD: &str = "bad_j7qhgkxsstbhoukhwjflxgaw5m";

fn record(ntf: &str, clinic: &str, entry: &Entry) -> ReadRecord {
    ReadRecord {
        xid: 7,
        id: 8,
        clinic: clinic.to_owned(),
        ntf: ntf.to_owned(),
        kind: entry.kind().to_owned(),
        at: 1_795_244_400_123,
        bytes: entry.bytes().unwrap(),
    }
}

fn event() -> Told {
    Told {
        event_type: "ulak.appointment-reminder.v1".to_owned(),
        source: "/clinics/atasehir".to_owned(),
        event_id: "01JD0000000000000000000001".to_owned(),
        subject: Some("appointment/A-1042".to_owned()),
        channels: [(1, "sms".to_owned())].into(),
    }
}

fn told(entry: &Entry) -> Option<Value> {
    let clinic = record(NTF, "atasehir", entry);
    let message = of(&clinic, Some(&event())).unwrap()?;
    Some(serde_json::from_slice(&message.body).unwrap())
}

fn refused(source: Option<&str>) -> Value {
    let entry = Entry::EventRefused {
        queue: "ulak.appointment-reminder".to_owned(),
        rule: "phone-too-short".to_owned(),
        path: "/data/recipient/phone".to_owned(),
        source: source.map(str::to_owned),
        id: source.map(|_| "01JD0000000000000000000002".to_owned()),
        holds_person: true,
        body: "sealed".to_owned(),
    };
    let record = record(BAD, source.map_or("", |_| "atasehir"), &entry);
    serde_json::from_slice(&of(&record, None).unwrap().unwrap().body).unwrap()
}

fn outcome(code: &str, then: State) -> Entry {
    Entry::Outcome {
        attempt: 1,
        outcome: "accepted".to_owned(),
        code: code.to_owned(),
        detail: "words of the provider".to_owned(),
        provider_ref: Some("17".to_owned()),
        late: false,
        then,
    }
}

fn ended(state: State, why: &str) -> Entry {
    Entry::Ended { state, why: why.to_owned(), consent: None }
}

fn waiting() -> Entry {
    let why = "quiet-hours".to_owned();
    Entry::Waiting { why, until: 1_795_284_000_000, lane: "lane".to_owned(), consent: None }
}

/// Holds the data of an outcome to its schema.
fn assert_promised(outcome: &Value) {
    let file = format!("outcomes/{}.json", outcome["type"].as_str().unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas").join(file);
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&outcome["data"]).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {outcome:#}");
}

fn receipt(code: &str, then: State, moved: bool) -> Entry {
    Entry::Receipt {
        attempt: 1,
        word: "read".to_owned(),
        delivery: None,
        code: code.to_owned(),
        detail: "Ayşe".to_owned(),
        provider_ref: Some("+905321234567".to_owned()),
        at: None,
        via: "webhook".to_owned(),
        reach: crate::state::Reach::Arrived,
        then,
        moved,
    }
}

#[test]
fn a_receipt_that_changed_nothing_is_no_news() {
    assert!(told(&receipt("", State::Delivered, false)).is_none());
}

#[test]
fn every_change_that_is_told_keeps_the_promise() {
    let changes = [
        (outcome("netgsm:00", State::Accepted), "accepted", "netgsm:00"),
        (outcome("timeout", State::Unknown), "unknown", "timeout"),
        (waiting(), "waiting", "quiet-hours"),
        (ended(State::Suppressed, "no-consent"), "suppressed", "no-consent"),
        (ended(State::Suppressed, "suppressed: as Ayşe asked"), "suppressed", "suppressed"),
        (Entry::LeaseRanOut { attempt: 1, then: State::Unknown }, "unknown", "lease-ran-out"),
        (
            Entry::Replayed { who: "ops".to_owned(), why: "Ayşe called".to_owned() },
            "waiting",
            "replayed",
        ),
        (
            Entry::NotFound {
                attempt: 1,
                resend: true,
                absent: true,
                why: "looked".to_owned(),
                then: None,
            },
            "waiting",
            "not-found",
        ),
        (
            Entry::NotFound {
                attempt: 1,
                resend: false,
                absent: false,
                why: "looked".to_owned(),
                then: None,
            },
            "unresolved",
            "not-found",
        ),
        (receipt("whatsapp:131026", State::Undelivered, true), "undelivered", "whatsapp:131026"),
        (receipt("", State::Delivered, true), "delivered", "read"),
    ];
    for (entry, state, reason) in changes {
        let told = told(&entry).unwrap();
        assert_promised(&told);
        assert!(!told.to_string().contains("Ayşe"), "{told}");
        let data = &told["data"];
        assert_eq!((&data["state"], &data["reason"]), (&state.into(), &reason.into()));
        assert_eq!(data["final"], State::parse(state).unwrap().is_final());
        assert!(UPDATES.contains(&entry.kind()), "{}", entry.kind());
    }
    assert_promised(&refused(Some("/clinics/atasehir")));
    assert_promised(&refused(None));
}

#[test]
fn the_examples_beside_the_schemas_are_what_is_told() {
    let examples = [
        ("ulak.delivery-updated.v1/accepted", told(&outcome("netgsm:00", State::Accepted))),
        ("ulak.delivery-updated.v1/waiting", told(&waiting())),
        (
            "ulak.delivery-updated.v1/undelivered",
            told(&receipt("netgsm:3", State::Undelivered, true)),
        ),
        ("ulak.event-refused.v1/phone", Some(refused(Some("/clinics/atasehir")))),
        ("ulak.event-refused.v1/unreadable", Some(refused(None))),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/outcomes/examples");
    for (name, outcome) in examples {
        let path = folder.join(format!("{name}.json"));
        let outcome = outcome.unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = serde_json::to_string_pretty(&outcome).unwrap();
            std::fs::write(&path, format!("{text}\n")).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let example: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(example, outcome, "{name}; UPDATE_DOCS=1 writes it anew");
    }
}

#[test]
fn nothing_of_the_providers_words_or_the_body_is_told() {
    let told = told(&outcome("netgsm:00", State::Accepted)).unwrap().to_string();
    assert!(!told.contains("words of the provider"), "{told}");
    assert!(!refused(None).to_string().contains("sealed"));
}

#[test]
fn what_goes_on_at_once_and_what_changes_no_state_is_not_told() {
    assert_eq!(told(&outcome("http:503", State::Sending)), None);
    assert_eq!(told(&Entry::Duplicate { via: "ulak.unroutable".to_owned() }), None);
    assert_eq!(told(&Entry::SentTwice { attempt: 2 }), None);
    // The end of a refused event was told as its refusal.
    let nobody = Told { source: String::new(), ..event() };
    let dropped = record(BAD, "", &ended(State::DeadLettered, "dropped"));
    assert_eq!(of(&dropped, Some(&nobody)).unwrap(), None);
    assert_eq!(of(&dropped, None).unwrap(), None);
}

#[test]
fn the_same_record_always_has_the_same_id_and_another_one_another() {
    let one = record(NTF, "atasehir", &waiting());
    let id = |record: &ReadRecord| of(record, Some(&event())).unwrap().unwrap().id;
    let restored = ReadRecord { xid: 99, id: 99, ..one.clone() };
    assert_eq!(id(&one), id(&restored));
    assert!(id(&one).starts_with("out_") && id(&one).len() == 30);
    for other in [
        ReadRecord { at: one.at + 1, ..one.clone() },
        record(NTF, "atasehir", &ended(State::Expired, "appointment-past")),
    ] {
        assert_ne!(id(&one), id(&other));
    }
}

#[test]
fn a_record_that_cannot_be_read_is_an_error() {
    let bytes = r#"{"kind":"ended"}"#.to_owned();
    assert!(of(&ReadRecord { bytes, ..record(NTF, "a", &waiting()) }, None).is_err());
}
