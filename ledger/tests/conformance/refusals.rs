//! Refused events, notes, and the suppression list.

use crate::draft::CLINIC;
use crate::place::fresh;
use ledger::record::Entry;
use ledger::refused::RefusedEvent;
use ledger::report::ListFilter;
use ledger::state::State;

fn refused(id: &str) -> RefusedEvent {
    RefusedEvent {
        ntf: format!("bad_{id}"),
        clinic: String::new(),
        event_type: "ulak.appointment-reminder.v1".to_owned(),
        why: "not-json".to_owned(),
        entry: Entry::EventRefused {
            queue: "ulak.appointment-reminder".to_owned(),
            rule: "not-json".to_owned(),
            path: String::new(),
            source: None,
            id: None,
            holds_person: true,
            body: "sealed".to_owned(),
        },
    }
}

#[tokio::test]
async fn a_refused_event_is_a_dead_letter_with_one_record_however_often_it_comes() {
    let place = fresh().await;
    assert_eq!(place.refuse(&[refused("a")]).await.unwrap(), [true]);
    assert_eq!(place.refuse(&[refused("a"), refused("b")]).await.unwrap(), [false, true]);
    assert_eq!(place.refuse(&[refused("c"), refused("c")]).await.unwrap(), [true, false]);
    for id in ["a", "b", "c"] {
        let ntf = format!("bad_{id}");
        assert_eq!(place.count_records(&ntf, "event-refused").await.unwrap(), 1);
        assert_eq!(place.find(&ntf).await.unwrap().unwrap().state, State::DeadLettered);
    }
    let filter =
        ListFilter { state: Some(State::DeadLettered), limit: 10, ..ListFilter::default() };
    assert_eq!(place.list(&filter).await.unwrap().len(), 3);
    assert_eq!(place.balance(None).await.unwrap().received, 3);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_redelivery_to_two_workers_at_the_same_time_is_refused_once() {
    let place = fresh().await;
    for round in 0..30 {
        let event = refused(&format!("r{round}"));
        let slice = [event];
        let (a, b) = tokio::join!(place.refuse(&slice), place.refuse(&slice));
        assert!(a.unwrap()[0] ^ b.unwrap()[0], "round {round}");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn an_event_that_the_database_cannot_hold_is_refused_all_the_same() {
    let place = fresh().await;
    let mut odd = refused("odd");
    odd.event_type = "ulak.\u{0}.v1".to_owned();
    odd.clinic = "cli\u{0}nic".to_owned();
    odd.why = "unknown-field at /data/\u{0}".to_owned();
    if let Entry::EventRefused { path, source, id, .. } = &mut odd.entry {
        *path = "/data/\u{0}".to_owned();
        *source = Some("/sou\u{0}rce".to_owned());
        *id = Some("\u{0}".to_owned());
    }
    assert_eq!(place.refuse(&[refused("a"), odd, refused("b")]).await.unwrap(), [true; 3]);
    assert_eq!(place.find("bad_odd").await.unwrap().unwrap().state, State::DeadLettered);
    assert_eq!(place.records("bad_odd").await.unwrap().len(), 1);
    place.assert_sound().await;
}

#[tokio::test]
async fn notes_are_counted_and_change_no_state() {
    let place = fresh().await;
    place.sending("a").await;
    let duplicate = Entry::Duplicate { via: "ulak.appointment-reminder".to_owned() };
    let note = (CLINIC.to_owned(), "ntf_a".to_owned(), duplicate);
    place.note(&[note.clone(), note]).await.unwrap();
    place.note(&[]).await.unwrap();
    assert_eq!(place.count_records("ntf_a", "duplicate").await.unwrap(), 2);
    let books = place.balance(Some(CLINIC)).await.unwrap();
    assert_eq!((books.duplicates, books.received), (2, 1));
    assert_eq!(place.state("a").await, Some(State::Sending));
    place.assert_sound().await;
}

#[tokio::test]
async fn suppressing_twice_keeps_the_first_reason_and_is_recorded_each_time() {
    let place = fresh().await;
    place.sending("a").await;
    place.suppress(CLINIC, "suppression-a", "person-a", "first").await.unwrap();
    place.suppress(CLINIC, "suppression-a", "person-a", "second").await.unwrap();
    let first = "SELECT count(*) FROM suppression WHERE why = 'first'";
    assert_eq!(place.number(first).await, 1);
    assert_eq!(place.number("SELECT rev FROM person WHERE lookup = 'person-a'").await, 3);
    assert_eq!(place.count_records("", "person-suppressed").await.unwrap(), 2);
    place.assert_sound().await;
}
