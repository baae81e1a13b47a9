//! Deliveries of `ulak.facts`, without a broker.

use super::applying::house;
use super::*;
use crate::facts::Intake;
use bus::{Delivery, names};
use ledger::state::State;

fn delivery(fact: &FactEvent) -> Delivery {
    let body = fact.envelope_json();
    Delivery::detached(names::FACTS, &fact.fact_type, Some(&fact.id), body)
}

#[tokio::test]
async fn facts_are_applied_and_what_no_rule_accepts_is_kept_as_refused() {
    let house = house(rules()).await;
    let intake = Intake::new(house.applier.clone(), house.ledger.clone());
    let (now, start) = (house.now(), house.now() + TimeDelta::days(10));
    let conflict =
        FactEvent { id: "other".to_owned(), ..booked(1, now, start + TimeDelta::days(1)) };
    let bodies = |event_type, body: &str| {
        Delivery::detached(names::FACTS, event_type, Some("m"), body.as_bytes().to_vec())
    };
    let batch = || {
        vec![
            delivery(&booked(1, now, start)),
            bodies("clinic.appointment-booked.v1", "nonsense"),
            delivery(&conflict),
            bodies("clinic.payment-expected.v1", r#"{"specversion":"1.0"}"#),
        ]
    };
    assert!(intake.batch(batch()).await.is_ok());
    let states = |rows: Vec<ledger::report::Listed>| {
        rows.into_iter().map(|row| (row.state, row.why)).collect::<Vec<_>>()
    };
    let found = states(house.rows().await);
    assert_eq!(found.iter().filter(|(state, _)| *state == State::Waiting).count(), 2);
    let mut refused: Vec<&str> = found
        .iter()
        .filter(|(state, _)| *state == State::DeadLettered)
        .map(|(_, why)| why.split(' ').next().unwrap())
        .collect();
    refused.sort_unstable();
    assert_eq!(refused, ["envelope", "not-json", "version-conflict"]);
    // the same deliveries again change nothing
    assert!(intake.batch(batch()).await.is_ok());
    assert_eq!(states(house.rows().await), found);
}

#[tokio::test]
async fn a_marker_counts_once_everything_before_it_is_applied() {
    let house = house(rules()).await;
    let intake = Intake::new(house.applier.clone(), house.ledger.clone());
    let (now, start) = (house.now(), house.now() + TimeDelta::days(10));
    let at = now.timestamp_millis();
    let marker = Delivery::detached(
        names::FACTS,
        names::FACTS,
        None,
        format!(r#"{{"ulakmarker":{at}}}"#).into(),
    );
    let batch = vec![delivery(&booked(1, now, start)), marker, delivery(&cancelled(2, now))];
    assert!(intake.batch(batch).await.is_ok());
    assert_eq!(house.ledger.facts_current_at().await.unwrap(), at);
    assert!(house.rows().await.iter().all(|row| row.state == State::Cancelled));
}

#[tokio::test]
async fn while_the_ledger_is_away_everything_is_handed_back_unsettled() {
    let house = house(rules()).await;
    let intake = Intake::new(house.applier.clone(), house.ledger.clone());
    let (now, start) = (house.now(), house.now() + TimeDelta::days(10));
    house.ledger.close().await;
    let batch = vec![delivery(&booked(1, now, start)), delivery(&cancelled(2, now))];
    let held = intake.batch(batch).await.err().map(|(held, _)| held.len());
    assert_eq!(held, Some(2));
}
