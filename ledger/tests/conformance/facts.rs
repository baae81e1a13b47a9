//! Facts: each with everything that follows from it, or not at all; a claim that was decided before it writes nothing.

use crate::draft::{CLINIC, appointment, claim_copy, known, ntf, settle, stranger};
use crate::place::{Place, fresh};
use ledger::decision::{Claimed, Settle};
use ledger::facts::{Applied, FactAppointment, FactCancel, FactState, FactTx, FactWord, FactWrite};
use ledger::record::Entry;
use ledger::report::FactBooks;
use ledger::state::State;
use schemas::Channel;

const KEY: &str = "apt";

/// A fact that only counts.
fn fact(id: &str) -> FactWrite {
    FactWrite {
        id: format!("fct_{id}"),
        clinic: CLINIC.to_owned(),
        fact_type: "clinic.appointment-booked.v1".to_owned(),
        source: "/clinics/atasehir".to_owned(),
        event_id: id.to_owned(),
        digest: "d1".to_owned(),
        state: FactState::Applied,
        why: String::new(),
        about: Some(KEY.to_owned()),
        appointment: None,
        cancels: vec![],
        word: None,
        person: None,
        plan: vec![],
        entry: Entry::FactApplied {
            fact_type: "clinic.appointment-booked.v1".to_owned(),
            source: "/clinics/atasehir".to_owned(),
            id: id.to_owned(),
            digest: "d1".to_owned(),
            person: None,
            body: "sealed".to_owned(),
            via: "test".to_owned(),
            plan: vec![],
            cancelled: vec![],
        },
    }
}

fn to(seen_rev: i64, version: i64, cancelled: bool) -> FactAppointment {
    FactAppointment {
        key: KEY.to_owned(),
        seen_rev,
        version: ("explicit", version),
        starts_at: 1_000 + version,
        cancelled,
        content: format!("c{version}"),
    }
}

/// A row of the appointment that waits until `due`.
fn planned(name: &str, due: i64) -> Settle {
    let mut row = settle(name, State::Waiting);
    if let ledger::decision::Origin::New(new) = &mut row.origin {
        new.appointment = Some(KEY.to_owned());
        (new.version, new.version_kind) = (Some(1), Some("explicit".to_owned()));
    }
    row.due = Some((due, "none".to_owned()));
    row
}

fn cancel(name: &str) -> FactCancel {
    FactCancel { ntf: ntf(name), why: "appointment-moved" }
}

impl Place {
    async fn write(&self, fact: &FactWrite) -> Applied {
        let mut tx = self.begin_facts().await.unwrap();
        let applied = tx.write(fact).await.unwrap();
        if applied != Applied::LookAgain {
            tx.commit().await.unwrap();
        }
        applied
    }
}

fn written(cancelled: &[&str]) -> Applied {
    Applied::Written { cancelled: cancelled.iter().map(|name| ntf(name)).collect() }
}

async fn ground(tx: &mut FactTx<'_>, id: &str) -> ledger::facts::FactGround {
    tx.ground(id, Some(KEY), None, None).await.unwrap()
}

#[tokio::test]
async fn a_fact_its_appointment_and_its_plan_are_written_together() {
    let place = fresh().await;
    let due = place.now().await + 3_600_000;
    let booking = FactWrite {
        appointment: Some(to(0, 1, false)),
        // one person: both rows and the fact itself
        plan: vec![planned("a", due), Settle { person: stranger("a"), ..planned("b", due) }],
        person: Some(stranger("a")),
        ..fact("1")
    };
    let mut booking = booking;
    if let ledger::decision::Origin::New(new) = &mut booking.plan[1].origin {
        new.person = "per_a".to_owned();
    }
    assert_eq!(place.write(&booking).await, written(&[]));
    for name in ["a", "b"] {
        assert_eq!(place.state(name).await, Some(State::Waiting));
        assert!(place.due_in(&ntf(name)).await.unwrap() > 3_500_000);
    }
    let mut tx = place.begin_facts().await.unwrap();
    let seen = ground(&mut tx, "fct_1").await;
    drop(tx);
    let known = seen.appointment.unwrap();
    assert_eq!((known.rev, known.version, known.starts_at), (1, 1, 1_001));
    assert!(known.from_fact && !known.cancelled);
    assert_eq!((seen.known.as_deref(), seen.content.as_deref()), (Some("d1"), Some("c1")));
    assert_eq!(seen.made.len(), 2);
    assert!(seen.made.iter().all(|row| row.due_at.is_some() && row.version.is_some()));
    assert_eq!(place.records("fct_1").await.unwrap().len(), 1);
    place.assert_sound().await;
}

#[tokio::test]
async fn the_same_fact_again_writes_nothing_and_says_whether_it_is_the_same() {
    let place = fresh().await;
    assert_eq!(place.write(&fact("1")).await, written(&[]));
    assert_eq!(place.write(&fact("1")).await, Applied::Known { same: true });
    let other = FactWrite { digest: "d2".to_owned(), ..fact("1") };
    assert_eq!(place.write(&other).await, Applied::Known { same: false });
    assert_eq!(place.records("fct_1").await.unwrap().len(), 1);
    place.assert_sound().await;
}

#[tokio::test]
async fn what_was_decided_on_an_older_revision_is_decided_again() {
    let place = fresh().await;
    place.write(&FactWrite { appointment: Some(to(0, 1, false)), ..fact("1") }).await;
    let late = FactWrite {
        appointment: Some(to(0, 2, false)),
        plan: vec![planned("a", 0)],
        person: Some(stranger("a")),
        ..fact("2")
    };
    assert_eq!(place.write(&late).await, Applied::LookAgain);
    assert_eq!(place.state("a").await, None, "nothing of it stays");
    assert_eq!(
        place.write(&FactWrite { appointment: Some(to(1, 2, false)), ..late }).await,
        written(&[])
    );
    assert_eq!(place.state("a").await, Some(State::Waiting));
    place.assert_sound().await;
}

#[tokio::test]
async fn two_facts_about_an_unknown_appointment_at_once_both_count_in_some_order() {
    let place = fresh().await;
    let one = async |id: &str| {
        for _ in 0..20 {
            let mut tx = place.begin_facts().await.unwrap();
            let rev = ground(&mut tx, id).await.appointment.map_or(0, |known| known.rev);
            match tx.write(&FactWrite { appointment: Some(to(rev, 1, false)), ..fact(id) }).await {
                Ok(Applied::Written { .. }) => return tx.commit().await.unwrap(),
                Ok(Applied::LookAgain) | Err(ledger::LedgerError::Conflict) => {}
                other => panic!("{other:?}"),
            }
        }
        panic!("{id} was never written");
    };
    for round in 0..5 {
        let (a, b) = (format!("a{round}"), format!("b{round}"));
        place.run("DELETE FROM appointment").await;
        tokio::join!(one(&a), one(&b));
        assert_eq!(place.number("SELECT rev FROM appointment").await, 2, "round {round}");
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_fact_cancels_what_waits_or_is_released_and_nothing_that_is_on_its_way() {
    let place = fresh().await;
    place.waiting("w").await;
    place.released("r").await;
    place.sending("s").await;
    let moved = FactWrite {
        appointment: Some(to(0, 2, false)),
        cancels: vec![cancel("w"), cancel("r"), cancel("s"), cancel("nobody")],
        ..fact("1")
    };
    assert_eq!(place.write(&moved).await, written(&["r", "w"]));
    assert_eq!(place.state("s").await, Some(State::Sending));
    let Entry::FactApplied { cancelled, .. } =
        place.records("fct_1").await.unwrap().remove(0).entry
    else {
        panic!("no fact")
    };
    assert_eq!(cancelled, [ntf("r"), ntf("w")]);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_claim_that_was_decided_before_a_fact_writes_nothing() {
    let place = fresh().await;
    place.write(&FactWrite { appointment: Some(to(0, 1, false)), ..fact("1") }).await;
    let copy = place.released("a").await;
    let mut decided = claim_copy("a", &copy, 1);
    decided.appointment = Some(appointment(KEY, 1, None));
    place.write(&FactWrite { appointment: Some(to(1, 2, true)), ..fact("2") }).await;
    assert!(matches!(place.claim_one(decided).await, Claimed::LookAgain(_)));
    assert_eq!(place.state("a").await, Some(State::Released));
    place.assert_sound().await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_no_trace() {
    let place = fresh().await;
    let mut tx = place.begin_facts().await.unwrap();
    let write = FactWrite {
        appointment: Some(to(0, 1, false)),
        plan: vec![planned("a", 0)],
        person: Some(stranger("a")),
        ..fact("1")
    };
    assert_eq!(tx.write(&write).await.unwrap(), written(&[]));
    assert!(ground(&mut tx, "fct_1").await.appointment.is_some(), "seen inside");
    drop(tx);
    let mut tx = place.begin_facts().await.unwrap();
    let seen = ground(&mut tx, "fct_1").await;
    drop(tx);
    assert!(seen.appointment.is_none() && seen.known.is_none() && seen.made.is_empty());
    assert_eq!(place.number("SELECT count(*) FROM person").await, 0);
    place.assert_sound().await;
}

#[tokio::test]
async fn somebody_elses_key_for_the_person_is_found_out() {
    let place = fresh().await;
    place.waiting("a").await;
    let mut another = stranger("a");
    another.id = "per_another".to_owned();
    let write = FactWrite { person: Some(another), ..fact("1") };
    assert_eq!(place.write(&write).await, Applied::LookAgain);
    let write = FactWrite { person: Some(known("a")), ..fact("1") };
    assert_eq!(place.write(&write).await, written(&[]));
    place.assert_sound().await;
}

/// Something said about these channels at an instant.
fn said(id: &str, channels: &[Channel], refused: bool, at: i64) -> FactWrite {
    let word = FactWord {
        key: "number".to_owned(),
        person: "person-a".to_owned(),
        channels: channels.to_vec(),
        refused,
        said_at: at,
        why: "consent-refused".to_owned(),
        evidence: None,
        by: None,
    };
    FactWrite { word: Some(word), person: Some(stranger("a")), ..fact(id) }
}

#[tokio::test]
async fn of_words_about_a_channel_the_later_one_stands_and_only_text_messages_are_listed() {
    use Channel::{Sms, Whatsapp};
    let place = fresh().await;
    let listed = async || place.number("SELECT count(*) FROM suppression").await == 1;
    assert_eq!(place.write(&said("1", &[Whatsapp], true, 10)).await, written(&[]));
    assert!(!listed().await);
    assert_eq!(place.write(&said("2", &[Sms, Whatsapp], true, 20)).await, written(&[]));
    assert!(listed().await);
    assert_eq!(place.write(&said("3", &[Sms], false, 15)).await, Applied::LookAgain, "too old");
    assert_eq!(place.write(&said("4", &[Sms], false, 20)).await, Applied::LookAgain, "a refusal");
    assert_eq!(place.write(&said("5", &[Sms], false, 30)).await, written(&[]));
    assert!(!listed().await);
    assert_eq!(place.number("SELECT rev FROM person").await, 4, "raised by each that counts");
    let mut tx = place.begin_facts().await.unwrap();
    let seen = tx.ground("fct_9", None, Some("number"), None).await.unwrap();
    drop(tx);
    let mut words: Vec<_> = seen.words.iter().map(|w| (w.channel, w.refused, w.said_at)).collect();
    words.sort_unstable();
    assert_eq!(words, [(Sms, false, 30), (Whatsapp, true, 20)]);
}

#[tokio::test]
async fn consent_takes_no_number_off_the_list_that_was_put_on_it_later() {
    let place = fresh().await;
    place.suppress(CLINIC, "number", "person-a", "asked us to stop").await.unwrap();
    let before = place.now().await - 60_000;
    assert_eq!(place.write(&said("1", &[Channel::Sms], false, before)).await, Applied::LookAgain);
    let key = "SELECT id FROM person";
    let person: String = sqlx::query_scalar(key).fetch_one(&place.raw).await.unwrap();
    let known = ledger::decision::PersonBasis { id: person, rev: 1, ..stranger("a") };
    let given =
        |id, at| FactWrite { person: Some(known.clone()), ..said(id, &[Channel::Sms], false, at) };
    assert_eq!(place.write(&given("2", before)).await, written(&[]));
    assert_eq!(place.number("SELECT count(*) FROM suppression").await, 1);
    assert_eq!(place.write(&given("3", before + 120_000)).await, written(&[]));
    assert_eq!(place.number("SELECT count(*) FROM suppression").await, 0);
}

#[tokio::test]
async fn the_books_of_facts_are_what_came_of_each() {
    let place = fresh().await;
    place.write(&fact("1")).await;
    let entry = Entry::FactStale {
        fact_type: "clinic.appointment-booked.v1".to_owned(),
        source: "/clinics/atasehir".to_owned(),
        id: "2".to_owned(),
        why: "older".to_owned(),
        via: "test".to_owned(),
    };
    let stale = FactWrite { state: FactState::Stale, why: "older".to_owned(), entry, ..fact("2") };
    assert_eq!(place.write(&stale).await, written(&[]));
    let mut tx = place.begin_facts().await.unwrap();
    tx.note(CLINIC, "fct_1", "test").await.unwrap();
    tx.commit().await.unwrap();
    let expected = FactBooks { received: 2, applied: 1, stale: 1, refused: 0, duplicates: 1 };
    let books = place.balance(None).await.unwrap();
    assert_eq!((books.facts, books.duplicates), (expected, 0));
    assert_eq!(place.balance(Some("besiktas")).await.unwrap().facts, FactBooks::default());
    place.run("DELETE FROM fact WHERE id = 'fct_2'").await;
    assert!(!place.balance(None).await.unwrap().balances());
}
