//! `POST /v1/events` with facts: what follows from them is planned in the same transaction.

use crate::house::{CLINIC, OTHER, booking, open, receipt, with};
use serde_json::{Value, json};

/// A later fact about an appointment.
fn later(kind: &str, id: &str, version: i64) -> Value {
    let fact = with(booking(id), "/data/appointment/version", version);
    let fact = with(fact, "/type", format!("clinic.appointment-{kind}.v1"));
    with(fact, "/id", format!("{id}-{version}"))
}

#[tokio::test]
async fn a_fact_is_answered_with_what_it_made_and_again_as_a_duplicate() {
    let house = open().await;
    let answer = house.send(&booking("A-1")).await;
    assert_eq!(answer.status, 202);
    let json = answer.json();
    let fact = &json["facts"][0];
    assert_eq!((&fact["state"], &fact["event_id"]), (&json!("applied"), &json!("A-1")));
    assert_eq!(json["notifications"], json!([]));
    let made = fact["made"].as_array().unwrap();
    assert_eq!(made.len(), 2);
    for ntf in made {
        let path = format!("/v1/notifications/{}", ntf.as_str().unwrap());
        let shown = house.ask(house.get(&path)).await.json();
        assert_eq!((&shown["state"], &shown["reason"]), (&json!("waiting"), &json!("plan")));
    }
    let again = house.send(&booking("A-1")).await.json();
    let expected = json!([{
        "id": fact["id"], "source": format!("/clinics/{CLINIC}"), "event_id": "A-1",
        "state": "duplicate", "made": [], "cancelled": [],
    }]);
    assert_eq!(again["facts"], expected);
}

#[tokio::test]
async fn a_fact_that_comes_late_is_taken_and_said_to_be_stale() {
    let house = open().await;
    house.send(&later("cancelled", "A-1", 3)).await;
    let json = house.send(&later("rescheduled", "A-1", 2)).await.json();
    let fact = &json["facts"][0];
    assert_eq!((&fact["state"], &fact["reason"]), (&json!("stale"), &json!("cancelled")));
    assert_eq!(house.received().await, 0);
}

#[tokio::test]
async fn an_array_of_facts_and_events_is_taken_as_a_whole() {
    let house = open().await;
    let array = json!([booking("A-1"), receipt("e1"), later("cancelled", "A-1", 1), receipt("e1")]);
    let json = house.send(&array).await.json();
    let states: Vec<&Value> =
        json["facts"].as_array().unwrap().iter().map(|fact| &fact["state"]).collect();
    assert_eq!(states, [&json!("applied"), &json!("applied")]);
    assert_eq!(json["facts"][1]["cancelled"].as_array().unwrap().len(), 2);
    let duplicates: Vec<&Value> =
        json["notifications"].as_array().unwrap().iter().map(|n| &n["duplicate"]).collect();
    assert_eq!(duplicates, [&json!(false), &json!(true)]);
    assert_eq!(house.received().await, 3);
}

#[tokio::test]
async fn one_fact_that_contradicts_what_is_known_and_nothing_of_the_array_is_taken() {
    let house = open().await;
    house.send(&booking("A-1")).await;
    let before = house.received().await;
    let other_start = with(
        later("rescheduled", "A-1", 1),
        "/data/appointment/starts_at",
        "2099-11-22T11:01:40+03:00",
    );
    let conflict = house.send(&json!([booking("A-2"), receipt("e1"), other_start])).await;
    assert_eq!(conflict.status, 422);
    let path = "/data/appointment/version".to_owned();
    assert_eq!(conflict.faults(), [(2, path, "version-conflict".to_owned())]);
    let reused = with(booking("A-1"), "/data/appointment/version", 9);
    let reused = house.send(&json!([booking("A-2"), reused])).await;
    assert_eq!(reused.status, 409);
    assert_eq!(reused.faults(), [(1, "/id".to_owned(), "id-reused".to_owned())]);
    let bad = with(booking("A-3"), "/data/recipient/phone", "12");
    assert_eq!(house.send(&json!([booking("A-2"), bad])).await.status, 422);
    assert_eq!(house.received().await, before, "nothing was taken");
    let taken = house.send(&booking("A-2")).await.json();
    assert_eq!(taken["facts"][0]["state"], "applied", "its id is still free");
}

#[tokio::test]
async fn another_clinics_facts_are_403() {
    let house = open().await;
    let fact = with(booking("A-1"), "/source", format!("/clinics/{OTHER}"));
    assert_eq!(house.send(&fact).await.status, 403);
    assert_eq!(house.send(&json!([booking("A-2"), fact])).await.status, 403);
    assert_eq!(house.received().await, 0);
}
