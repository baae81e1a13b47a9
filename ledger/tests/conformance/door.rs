//! What the HTTP door asks of the ledger: events one by one or all or none, tokens, outcomes by a cursor of the caller's.

use crate::place::{Place, fresh};
use ledger::LedgerError;
use ledger::door::{TakeIn, Taken};
use ledger::record::Entry;
use ledger::state::State;
use ledger::telling::Place as Mark;
use ledger::tokens::{Revoked, TokenSecret};
use schemas::{Incoming, Registry};
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

const CLINIC: &str = "atasehir";

/// A receipt of one of a few people.
fn item(place: &Place, id: &str, amount: &str) -> TakeIn {
    let registry = Registry::embedded().unwrap();
    let phone = format!("+90532123450{}", id.len() % 3);
    let body = serde_json::json!({
        "specversion": "1.0", "id": id, "source": "/clinics/atasehir", "type": "ulak.payment-receipt.v1",
        "time": "2026-11-21T11:02:00+03:00",
        "data": {
            "recipient": { "name": "Mehmet Işık", "phone": phone },
            "payment": { "id": id, "amount": amount, "currency": "TRY", "paid_at": "2099-11-21T11:01:40+03:00" },
        },
    });
    let read = registry.read(body.to_string().as_bytes(), None, &|id| id == CLINIC);
    let Ok(Incoming::Event(event)) = read else { panic!("{read:?}") };
    let event_type = registry.get(&event.event_type).unwrap();
    TakeIn::new(place.vault(), *event, event_type, 0, "http", "new")
}

fn items(place: &Place, ids: &[&str]) -> Vec<TakeIn> {
    ids.iter().map(|id| item(place, id, "10.00")).collect()
}

fn each(taken: Vec<Result<Taken, LedgerError>>) -> Vec<Taken> {
    taken.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn single_events_each_get_their_own_answer_and_their_bodies_open() {
    use Taken::{IdReused, New, Same};
    let place = fresh().await;
    // strangers, one person twice, one event twice, one id for two events
    let mut slice = items(&place, &["a", "b", "aa", "a"]);
    slice.push(item(&place, "b", "99.00"));
    let taken = each(place.take_in_each(&slice).await);
    assert_eq!(taken, [New, New, New, Same, IdReused]);
    assert_eq!(each(place.take_in_each(&slice).await), [Same, Same, Same, Same, IdReused]);
    for item in &slice {
        let row = place.find(item.ntf()).await.unwrap().unwrap();
        assert_eq!((row.state, row.why.as_str()), (State::Waiting, "new"));
        let sealed = place.sealed_body(item.ntf()).await.unwrap().unwrap();
        let key = place.vault().data_key(&sealed.person, &sealed.wrapped).unwrap();
        key.open(&ledger::intake::body_place(item.ntf()), &sealed.sealed).unwrap();
    }
    assert_eq!(place.count_records(slice[0].ntf(), "duplicate").await.unwrap(), 3);
    assert_eq!(place.number("SELECT count(*) FROM person").await, 2);
    place.assert_sound().await;
}

#[tokio::test]
async fn an_array_is_taken_as_a_whole_or_leaves_no_trace() {
    use Taken::{IdReused, New, Same};
    let place = fresh().await;
    let array = items(&place, &["a", "b", "aa", "a"]);
    assert_eq!(place.take_in_all(&array).await.unwrap(), [New, New, New, Same]);
    let mut bad = items(&place, &["c", "a"]);
    bad.push(item(&place, "b", "99.00"));
    assert_eq!(place.take_in_all(&bad).await.unwrap(), [New, Same, IdReused]);
    assert!(place.find(bad[0].ntf()).await.unwrap().is_none());
    assert_eq!(place.count_records(bad[1].ntf(), "duplicate").await.unwrap(), 1);
    assert_eq!(place.take_in_all(&array).await.unwrap(), [Same; 4]);
    assert!(place.take_in_all(&[]).await.unwrap().is_empty());
    place.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arrays_and_single_events_that_meet_take_each_event_once() {
    let place = fresh().await;
    let names: Vec<String> = (0..30).map(|i| format!("{}{i}", "x".repeat(i % 5))).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let forth = items(&place, &all);
    let mut back = forth.clone();
    back.reverse();
    let (array, other, single) = tokio::join!(
        place.take_in_all(&forth),
        place.take_in_all(&back),
        place.take_in_each(&forth[10..20]),
    );
    let mut taken = each(single);
    for array in [array, other] {
        // two arrays from opposite ends may wait for each other more often than is tried; then nothing was taken by that one
        match array {
            Ok(array) => taken.extend(array),
            Err(error) => assert!(error.is_away(), "{error}"),
        }
    }
    let new = taken.iter().filter(|taken| **taken == Taken::New).count();
    let rows = place.number("SELECT count(*) FROM notification").await;
    assert_eq!(i64::try_from(new).unwrap(), rows);
    assert!(taken.iter().all(|taken| *taken != Taken::IdReused));
    place.assert_sound().await;
}

#[tokio::test]
async fn a_notification_is_shown_to_its_clinic_only() {
    let place = fresh().await;
    let item = item(&place, "a", "10.00");
    place.take_in_each(std::slice::from_ref(&item)).await.pop().unwrap().unwrap();
    let status = place.status(CLINIC, item.ntf()).await.unwrap().unwrap();
    assert_eq!((status.source.as_str(), status.event_id.as_str()), ("/clinics/atasehir", "a"));
    assert!(status.due_at.is_some() && status.attempts.is_empty());
    assert_eq!(place.status("besiktas", item.ntf()).await.unwrap(), None);
    assert_eq!(place.status(CLINIC, "ntf_none").await.unwrap(), None);
}

#[tokio::test]
async fn a_token_is_good_until_it_is_revoked_and_both_are_on_the_record() {
    let place = fresh().await;
    let first = place.create_token(CLINIC, "booking system", "ayse@m1").await.unwrap();
    let second = place.create_token("besiktas", "", "ayse@m1").await.unwrap();
    let shown = |token: &str| TokenSecret::parse(token).unwrap();
    let (head, secret) = first.token.rsplit_once('_').unwrap();
    let other = second.token.rsplit_once('_').unwrap().1;
    let asks = [
        shown(&first.token),
        shown(&second.token),
        shown(&format!("{head}_{other}")),
        shown(&format!("ulak_{}_{secret}", second.id)),
        shown(&format!("ulak_aaaaaaaaaaaaaaaa_{secret}")),
    ];
    let clinics = || async {
        let answers = place.clinics_of_tokens(&asks).await;
        answers.into_iter().map(|answer| answer.unwrap()).collect::<Vec<_>>()
    };
    let (ours, theirs) = (Some(CLINIC.to_owned()), Some("besiktas".to_owned()));
    assert_eq!(clinics().await, [ours, theirs.clone(), None, None, None]);
    assert_eq!(place.revoke_token(&first.id, "mehmet@m2").await.unwrap(), Revoked::Now);
    assert_eq!(clinics().await, [None, theirs, None, None, None]);
    let listed = place.tokens().await.unwrap();
    assert_eq!(listed.len(), 2);
    let first = listed.iter().find(|token| token.id == first.id).unwrap();
    assert_eq!((first.clinic.as_deref(), first.label.as_str()), (Some(CLINIC), "booking system"));
    let at = first.revoked_at.unwrap();
    assert_eq!(place.revoke_token(&first.id, "x@y").await.unwrap(), Revoked::Before(at));
    assert_eq!(place.revoke_token("none", "x@y").await.unwrap(), Revoked::Unknown);
    // the secret is nowhere, and who did what is on the record
    let kept = format!(
        "SELECT count(*) FROM api_token WHERE hash LIKE '%{secret}%' OR label LIKE '%{secret}%'"
    );
    assert_eq!(place.number(&kept).await, 0);
    let said: Vec<Entry> =
        place.records("").await.unwrap().into_iter().map(|record| record.entry).collect();
    let token = first.id.clone();
    assert!(said.contains(&Entry::TokenRevoked { token, who: "mehmet@m2".to_owned() }), "{said:?}");
    assert_eq!(said.len(), 3);
    let secrets = format!("SELECT count(*) FROM record WHERE bytes LIKE '%{secret}%'");
    assert_eq!(place.number(&secrets).await, 0);
}

/// The record of a refusal, as another process of this program writes it.
const REFUSED: &str = "INSERT INTO record (clinic, ntf, kind, at, bytes) VALUES ($1, $2, 'event-refused', 0, \
     '{\"body\":\"\",\"holds_person\":false,\"kind\":\"event-refused\",\"path\":\"\",\"queue\":\"q\",\"rule\":\"not-json\"}')";

/// Reads all outcomes of a clinic that are there, two at a time, and moves the mark.
async fn read(place: &Place, clinic: &str, mark: &mut Mark) -> Vec<String> {
    let mut seen = vec![];
    loop {
        let page = place.outcomes(clinic, *mark, 2).await.unwrap();
        *mark = page.up_to;
        for message in page.messages {
            let event: Value = serde_json::from_slice(&message.body).unwrap();
            seen.push(event["data"]["notification"].as_str().unwrap().to_owned());
        }
        if !page.more {
            return seen;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_among_many_writers_are_each_told_once_and_to_their_clinic_only() {
    const WRITERS: u64 = 5;
    const EACH: u64 = 20;
    let place = fresh().await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let raw = place.raw.clone();
            tokio::spawn(async move {
                for i in 0..EACH {
                    let mut tx = raw.begin().await.unwrap();
                    for (clinic, half) in [("c", "first"), ("d", "of d"), ("c", "second")] {
                        let ntf = format!("{writer}/{i}/{half}");
                        sqlx::query(REFUSED)
                            .bind(clinic)
                            .bind(ntf)
                            .execute(&mut *tx)
                            .await
                            .unwrap();
                        // the others overtake at different paces
                        tokio::time::sleep(Duration::from_millis((writer * 7 + i) % 4)).await;
                    }
                    tx.commit().await.unwrap();
                }
            })
        })
        .collect();
    let (mut mark, mut seen) = (Mark::default(), vec![]);
    let all = usize::try_from(WRITERS * EACH * 2).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while seen.len() < all {
        assert!(tokio::time::Instant::now() < deadline, "only {} outcomes came", seen.len());
        seen.extend(read(&place, "c", &mut mark).await);
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(read(&place, "c", &mut mark).await.is_empty());
    assert!(seen.iter().all(|ntf| !ntf.ends_with("of d")));
    let distinct: HashSet<&String> = seen.iter().collect();
    assert_eq!((distinct.len(), seen.len()), (all, all));
}
