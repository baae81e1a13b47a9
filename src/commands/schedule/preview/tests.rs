use chrono_tz::Tz;
use schemas::quiet::QuietHours;
use schemas::{Registry, ReminderRule};

use super::*;

fn clinic() -> ClinicId {
    ClinicId::parse("atasehir").expect("a clinic")
}

fn utc(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc()
}

fn rules() -> Rules {
    let clock = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).expect("a time");
    Rules {
        zone: Tz::Europe__Istanbul,
        reminders: ["24h", "2h"].map(|text| ReminderRule::parse(text).expect("a rule")).to_vec(),
        quiet: QuietHours::new(clock(20), clock(9)),
        min_notice: chrono::TimeDelta::minutes(90),
        min_gap: chrono::TimeDelta::hours(6),
        confirmation: false,
        cancellation: false,
        change_notice: false,
    }
}

fn read_back(whole: &Whole) -> FactEvent {
    let registry = Registry::embedded().expect("types");
    let body = whole.fact.to_string();
    registry.read_fact(body.as_bytes(), None, &|id| id == "atasehir").expect("a fact")
}

#[test]
fn an_appointment_alone_is_a_booking_of_somebody_made_up() {
    let at = utc("2026-11-21T10:00:00+03:00");
    let bare = json!({ "starts_at": "2026-11-23T10:00:00+03:00", "reminders": ["3h"] });
    for given in [bare.clone(), json!({ "appointment": bare })] {
        let whole = whole(given, &clinic(), at).expect("an appointment");
        assert!(whole.made_up);
        let fact = read_back(&whole);
        assert_eq!(
            (fact.fact_type.as_str(), fact.time.to_utc()),
            ("clinic.appointment-booked.v1", at)
        );
        assert!(matches!(&fact.fact, Fact::Booked(visit) if visit.id == "preview"));
    }
}

#[test]
fn data_keeps_its_person_and_a_fact_is_taken_as_it_is() {
    let at = utc("2026-11-21T10:00:00+03:00");
    let data = json!({
        "recipient": { "name": "Mehmet Işık", "phone": "+905321234568" },
        "payment": { "id": "P-1", "amount": "10.00", "currency": "TRY", "paid_at": "2026-11-21T09:59:00+03:00" },
    });
    let given = whole(data, &clinic(), at).expect("data");
    assert!(!given.made_up);
    assert!(matches!(read_back(&given).fact, Fact::PaymentReceived(_)));
    let again = whole(given.fact.clone(), &clinic(), at).expect("a fact");
    assert_eq!((again.fact, again.made_up), (given.fact, false));
}

#[test]
fn what_is_no_fact_is_told_what_to_give() {
    let at = utc("2026-11-21T10:00:00+03:00");
    let notification = json!({ "type": "ulak.payment-receipt.v1", "data": {} });
    let said = whole(notification, &clinic(), at).expect_err("no fact");
    assert!(said.contains("template preview"), "{said}");
    for given in [json!({}), json!({ "id": "A-1" }), json!({ "consent": {} })] {
        let said = whole(given, &clinic(), at).expect_err("no fact");
        assert!(said.contains("starts_at"), "{said}");
    }
}

fn shown(what: What) -> (Value, Vec<String>) {
    let line = Line { rule: "24h".to_owned(), what };
    let rules = rules();
    let text = matches!(line.what, What::Make { .. }).then(|| {
        Ok(Made { text: "Sayın Ayşe".to_owned(), template: "t".to_owned(), segments: 2 })
    });
    let wanted = Some(utc("2026-11-22T08:00:00+03:00"));
    let shown = Shown { line: &line, wanted, text, rules: &rules };
    (shown.json(), shown.lines())
}

#[test]
fn a_skipped_rule_says_why_and_a_moved_one_from_where() {
    let (json, lines) = shown(What::Skip("quiet-hours"));
    assert_eq!(
        (&json["skipped"], &json["at"], &json["text"]),
        (&"quiet-hours".into(), &Value::Null, &Value::Null)
    );
    assert!(
        lines[0].starts_with("24h          skipped: quiet-hours (")
            && lines[0].ends_with("its moment is 2026-11-22 08:00:00 Europe/Istanbul"),
        "{lines:?}"
    );
    let bare = json!({ "starts_at": "2026-11-23T08:00:00+03:00" });
    let fact = read_back(
        &whole(bare, &clinic(), utc("2026-11-21T10:00:00+03:00")).expect("an appointment"),
    );
    let registry = Registry::embedded().expect("types");
    let desk = Desk { registry: &registry, thing: &|_, _| String::new() };
    let Verdict::Apply(follows) = decide(&Case {
        fact: &fact,
        digest: "",
        content: "",
        ground: &FactGround::default(),
        memory: &Memory::default(),
        rules: &rules(),
        desk: &desk,
        now: utc("2026-11-21T10:00:00+03:00"),
    }) else {
        panic!("a first booking counts")
    };
    let made = follows.plan.into_iter().next().expect("two rules").what;
    let (json, lines) = shown(made);
    assert_eq!((&json["at"], &json["segments"]), (&"2026-11-22T06:00:00.000Z".into(), &2.into()));
    assert_eq!(
        lines,
        [
            "24h          2026-11-22 09:00:00 Europe/Istanbul  appointment-reminder, moved from 2026-11-22 08:00:00 Europe/Istanbul",
            "    Sayın Ayşe (2 segment(s))",
        ]
    );
}

#[test]
fn the_head_says_when_it_arrives_and_whether_that_is_in_quiet_hours() {
    let at = utc("2026-11-21T22:30:00+03:00");
    let bare = json!({ "starts_at": "2026-11-23T08:00:00+03:00" });
    let fact = read_back(&whole(bare, &clinic(), at).expect("an appointment"));
    let said = head(&fact, &rules(), at, true);
    assert!(said.contains("in quiet hours until 2026-11-22 09:00:00"), "{said}");
    assert!(said.ends_with("a made-up person stands in"), "{said}");
    let open = Rules { quiet: None, ..rules() };
    assert!(head(&fact, &open, at, false).ends_with("no quiet hours"));
}
