//! Facts applied to a ledger on SQLite.

use super::*;
use crate::facts::{Applier, Done, Item, Told};
use ledger::door::{TakeIn, Taken};
use ledger::facts::WordBy;
use ledger::intake::body_place;
use ledger::record::Entry;
use ledger::report::{ListFilter, Listed};
use ledger::vault::Secret32;
use ledger::{Ledger, LedgerSettings};
use schemas::{ClinicId, Incoming, Rule};
use std::sync::Arc;
use tempfile::TempDir;

/// A ledger of its own and whoever takes facts in.
pub(super) struct House {
    pub ledger: Ledger,
    pub applier: Arc<Applier>,
    _folder: TempDir,
}

pub(super) async fn house(rules: Rules) -> House {
    let folder = tempfile::tempdir().unwrap();
    let told = LedgerSettings {
        url: format!("sqlite://{}", folder.path().join("ulak.db").display()).into(),
        master_key: Secret32::new([7; 32]),
        connections: 2,
        max_mib: None,
        name: "test".to_owned(),
    };
    ledger::migrate(&told).await.unwrap();
    let ledger = Ledger::open(&told).await.unwrap();
    let clinics = [(ClinicId::parse("atasehir").unwrap(), rules)];
    let applier = Applier::new(ledger.clone(), Arc::new(registry()), clinics.into());
    House { ledger, applier: Arc::new(applier), _folder: folder }
}

impl House {
    pub async fn apply(&self, fact: &FactEvent) -> Told {
        self.applier.apply(std::slice::from_ref(fact), "test").await.remove(0).unwrap()
    }

    pub async fn rows(&self) -> Vec<Listed> {
        let all = ListFilter { limit: 1_000, ..ListFilter::default() };
        let mut rows = self.ledger.list(&all).await.unwrap();
        rows.sort_by(|a, b| a.event_id.cmp(&b.event_id));
        rows
    }

    /// Rows as (id, state, why).
    pub async fn states(&self) -> Vec<(String, String, String)> {
        let rows = self.rows().await.into_iter();
        rows.map(|row| (row.event_id, row.state.to_string(), row.why)).collect()
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.ledger.clock().now()
    }
}

fn row(id: &str, state: &str, why: &str) -> (String, String, String) {
    (id.to_owned(), state.to_owned(), why.to_owned())
}

#[tokio::test]
async fn a_booking_becomes_rows_that_wait_and_a_record_that_names_them() {
    let house = house(rules()).await;
    let start = house.now() + TimeDelta::days(10);
    let fact = booked(1, house.now(), start);
    let Told::Applied { fact: id, plan, cancelled } = house.apply(&fact).await else { panic!() };
    assert!(id.starts_with("fct_") && cancelled.is_empty());
    let wait = "waiting";
    assert_eq!(
        house.states().await,
        [row("plan/A-1/1/24h", wait, "plan"), row("plan/A-1/1/2h", wait, "plan")]
    );
    let due: Vec<i64> = house.rows().await.iter().map(|row| row.due_at.unwrap()).collect();
    let at = |hours| (start - TimeDelta::hours(hours)).timestamp_millis();
    assert_eq!(due, [at(24), at(2)]);
    assert_eq!(plan.iter().map(|line| line.at).collect::<Vec<_>>(), [Some(at(24)), Some(at(2))]);
    assert!(plan[0].wall.as_deref().unwrap().ends_with(" Europe/Istanbul"));
    let records = house.ledger.records(&id).await.unwrap();
    let Entry::FactApplied { person: Some(_), plan: recorded, .. } = &records[0].entry else {
        panic!("{records:?}")
    };
    assert_eq!(*recorded, plan);
    // what waits can be opened and sent
    let ntf = plan[0].ntf.as_deref().unwrap();
    let sealed = house.ledger.sealed_body(ntf).await.unwrap().unwrap();
    let key = house.ledger.vault().data_key(&sealed.person, &sealed.wrapped).unwrap();
    let body = key.open(&body_place(ntf), &sealed.sealed).unwrap();
    let event = registry().reopen(&body).unwrap();
    assert_eq!(event.data["reminder"]["rule"], "24h");
    assert!(house.ledger.balance(None).await.unwrap().balances());
}

#[tokio::test]
async fn the_same_fact_again_is_a_duplicate_and_another_one_under_its_id_is_refused() {
    let house = house(rules()).await;
    let start = house.now() + TimeDelta::days(10);
    let fact = booked(1, house.now(), start);
    let Told::Applied { fact: id, .. } = house.apply(&fact).await else { panic!() };
    assert_eq!(house.apply(&fact).await, Told::Duplicate { fact: id.clone() });
    assert_eq!(house.ledger.count_records(&id, "duplicate").await.unwrap(), 1);
    let other = FactEvent { subject: Some("appointment/else".to_owned()), ..fact };
    let Told::Refused(refusal) = house.apply(&other).await else { panic!() };
    assert_eq!((refusal.rule, refusal.path.as_str()), (Rule::IdReused, "/id"));
    assert_eq!(house.rows().await.len(), 2);
}

#[tokio::test]
async fn a_cancellation_stops_a_booking_that_arrives_after_it() {
    let house = house(rules()).await;
    let start = house.now() + TimeDelta::days(10);
    assert!(matches!(house.apply(&cancelled(2, house.now())).await, Told::Applied { .. }));
    for version in [1, 2] {
        let told = house.apply(&booked(version, house.now(), start)).await;
        assert!(matches!(told, Told::Stale { why: "cancelled", .. }), "{told:?}");
    }
    assert!(house.rows().await.is_empty());
    let told = house.apply(&booked(3, house.now(), start)).await;
    assert_eq!(told.made().len(), 2, "a higher version books anew");
}

#[tokio::test]
async fn a_moved_visit_has_one_plan_and_a_cancelled_one_none() {
    let house = house(rules()).await;
    let start = house.now() + TimeDelta::days(10);
    house.apply(&booked(1, house.now(), start)).await;
    let told = house.apply(&moved(2, house.now(), start + TimeDelta::days(1))).await;
    let Told::Applied { cancelled: gone, .. } = &told else { panic!("{told:?}") };
    assert_eq!((told.made().len(), gone.len()), (2, 2));
    let moved_away = "appointment-moved";
    assert_eq!(
        house.states().await,
        [
            row("plan/A-1/1/24h", "cancelled", moved_away),
            row("plan/A-1/1/2h", "cancelled", moved_away),
            row("plan/A-1/2/24h", "waiting", "plan"),
            row("plan/A-1/2/2h", "waiting", "plan"),
        ]
    );
    house.apply(&cancelled(2, house.now())).await;
    assert!(house.states().await.iter().all(|(_, state, _)| state == "cancelled"));
    assert!(house.ledger.balance(None).await.unwrap().balances());
}

#[tokio::test]
async fn a_cancellation_without_a_person_is_told_to_whoever_was_to_come() {
    let house = house(Rules { cancellation: true, ..rules() }).await;
    let start = house.now() + TimeDelta::days(10);
    house.apply(&booked(1, house.now(), start)).await;
    let told = house.apply(&cancelled(2, house.now())).await;
    let [notice] = told.made()[..] else { panic!("{told:?}") };
    let row = house.ledger.find(notice).await.unwrap().unwrap();
    assert_eq!(
        (row.event_id.as_str(), row.event_type.as_str(), row.state.as_str()),
        ("plan/A-1/2/cancellation", "ulak.appointment-cancellation.v1", "waiting")
    );
}

#[tokio::test]
async fn a_payment_told_twice_under_two_ids_has_one_receipt() {
    let house = house(rules()).await;
    let now = house.now();
    assert_eq!(house.apply(&paid("f1", "P-1", now)).await.made().len(), 1);
    let again = house.apply(&paid("f2", "P-1", now)).await;
    assert!(matches!(again, Told::Stale { why: "known", .. }), "{again:?}");
    assert_eq!(house.apply(&refunded("f3", "P-1", "R-1", now)).await.made().len(), 1);
    assert_eq!(house.apply(&refunded("f4", "P-1", "R-2", now)).await.made().len(), 1);
    assert_eq!(house.rows().await.len(), 3);
}

#[tokio::test]
async fn the_later_word_about_text_messages_is_what_the_suppression_list_says() {
    let now = DateTime::from_timestamp_millis(1_800_000_000_000).unwrap();
    let refused = || said("r", "refused", Some("sms"), now);
    let given = || said("g", "given", None, now + TimeDelta::minutes(1));
    let elsewhere = || said("w", "refused", Some("whatsapp"), now + TimeDelta::minutes(2));
    for (facts, suppressed) in [
        (vec![refused()], true),
        (vec![refused(), given()], false),
        (vec![given(), refused()], false),
        (vec![elsewhere(), given(), refused()], false),
        (vec![given(), refused(), said("r2", "refused", None, now + TimeDelta::minutes(3))], true),
    ] {
        let house = house(rules()).await;
        for fact in &facts {
            assert!(!matches!(house.apply(fact).await, Told::Refused(_)));
        }
        let phone = schemas::PhoneNumber::parse("+905321234567").unwrap();
        let hash = |purpose| house.ledger.vault().hash(purpose, &["atasehir", phone.e164()]);
        let keys = ledger::look::Keys {
            person: hash(ledger::vault::Purpose::Person),
            suppression: hash(ledger::vault::Purpose::Suppression),
            ..ledger::look::Keys::default()
        };
        let seen = house.ledger.surroundings(&[keys]).await.unwrap().remove(0);
        assert_eq!(seen.suppressed.is_some(), suppressed, "{facts:?}");
        assert!(seen.person.unwrap().rev > 1, "a claim decided before is stopped");
    }
}

#[tokio::test]
async fn several_are_taken_all_or_not_at_all() {
    let house = house(rules()).await;
    let (now, start) = (house.now(), house.now() + TimeDelta::days(10));
    let item = |fact: FactEvent| Item::Fact(Box::new(fact));
    let receipt = paid("x", "P-9", now);
    let mut event = json!({
        "specversion": "1.0", "id": "direct", "source": "/clinics/atasehir", "type": "ulak.payment-receipt.v1",
        "time": written(now), "data": receipt.data,
    });
    let take_in = |event: &Value| {
        let read = registry().read(event.to_string().as_bytes(), None, &|_| true).unwrap();
        let Incoming::Event(event) = read else { panic!("no event") };
        let registry = registry();
        let event_type = registry.get(&event.event_type).unwrap();
        Item::Event(Box::new(TakeIn::new(house.ledger.vault(), *event, event_type, 0, "t", "new")))
    };
    let good = [item(booked(1, now, start)), take_in(&event), item(moved(2, now, start))];
    let done = house.applier.apply_all(&good, "test").await.unwrap();
    let [Done::Fact(first), Done::Event(Taken::New), Done::Fact(second)] = &done[..] else {
        panic!("{done:?}")
    };
    // the second one was decided on what the first one had made
    let Told::Applied { cancelled: gone, .. } = second else { panic!("{second:?}") };
    let (mut made, mut gone) = (first.made(), gone.iter().map(String::as_str).collect::<Vec<_>>());
    made.sort_unstable();
    gone.sort_unstable();
    assert_eq!(made, gone);
    let rows = house.rows().await.len();
    assert_eq!(rows, 5);
    event["subject"] = "another".into();
    let conflict = moved(2, now, start + TimeDelta::days(1));
    let conflict = FactEvent { id: "another".to_owned(), ..conflict };
    for bad in [take_in(&event), item(conflict)] {
        let done =
            house.applier.apply_all(&[item(paid("y", "P-10", now)), bad], "test").await.unwrap();
        assert!(matches!(done[0], Done::Fact(Told::Applied { .. })), "{done:?}");
        let open = house.states().await.into_iter().filter(|(_, state, _)| state == "waiting");
        assert_eq!((open.count(), house.rows().await.len()), (3, rows), "{done:?}");
    }
}

#[tokio::test]
async fn a_preview_says_the_same_and_leaves_no_trace() {
    let house = house(rules()).await;
    let start = house.now() + TimeDelta::days(10);
    let facts = [booked(1, house.now(), start), cancelled(2, house.now())];
    let told = house.applier.preview(&facts).await.unwrap();
    assert_eq!((told[0].made().len(), told.len()), (2, 2));
    assert!(house.rows().await.is_empty());
    assert_eq!(house.applier.apply(&facts, "test").await.len(), 2);
}

#[tokio::test]
async fn what_somebody_writes_down_is_recorded_with_them_once() {
    let house = house(rules()).await;
    let fact = said("w-1", "given", Some("whatsapp"), house.now() - TimeDelta::hours(1));
    let by = WordBy {
        who: "ayse@m".to_owned(),
        why: "paper form".to_owned(),
        place: Some("line 2 of list.csv".to_owned()),
    };
    let words = [(fact.clone(), by.clone())];
    let told = house.applier.apply_written_down(&words, "desk").await.remove(0).unwrap();
    let Told::Applied { fact: id, .. } = told else { panic!("{told:?}") };
    let records = house.ledger.records(&id).await.unwrap();
    let Entry::ConsentSaid { channels, said, by: known, .. } = &records[1].entry else {
        panic!("{records:?}")
    };
    assert_eq!((channels.join(" "), said.as_str()), ("whatsapp".to_owned(), "given"));
    assert_eq!(known.as_ref(), Some(&by));
    // the same again: nothing, not even a trace; by the clinic's system it would be a repetition
    let again = house.applier.apply_written_down(&words, "desk").await.remove(0).unwrap();
    assert_eq!(again, Told::Duplicate { fact: id.clone() });
    assert_eq!(house.ledger.records(&id).await.unwrap().len(), 2);
    assert!(matches!(house.apply(&fact).await, Told::Duplicate { .. }));
    assert_eq!(house.ledger.records(&id).await.unwrap().len(), 3);
}
