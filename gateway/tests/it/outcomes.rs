//! `GET /v1/outcomes`.

use crate::house::{Answer, CLINIC, House, OTHER, open, receipt};
use ledger::intake;
use schemas::{Refusal, Rule};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

fn states(page: &Value) -> Vec<String> {
    let events = page["events"].as_array().unwrap();
    let word = |event: &Value| {
        let data = &event["data"];
        let word = if data["state"].is_null() { &data["rule"] } else { &data["state"] };
        format!("{} {}", data["id"].as_str().unwrap_or("?"), word.as_str().unwrap())
    };
    events.iter().map(word).collect()
}

async fn page(house: &House, query: &str) -> Value {
    let answer = house.ask(house.get(&format!("/v1/outcomes{query}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn refuse(house: &House, clinic: &str, id: &str) {
    let refusal = Refusal {
        rule: Rule::PhoneTooShort,
        path: "/data/recipient/phone".to_owned(),
        source: Some(format!("/clinics/{clinic}")),
        id: Some(id.to_owned()),
        holds_person: true,
    };
    let vault = house.ledger.vault();
    let arrived = ("ulak.payment-receipt", id, &b"body"[..]);
    let event = intake::refused(vault, arrived, &refusal, clinic, "").unwrap();
    house.ledger.refuse(&[event]).await.unwrap();
}

#[tokio::test]
async fn a_clinic_reads_its_own_outcomes_in_order_with_a_cursor_of_its_own() {
    let house = open().await;
    house.send(&receipt("e1")).await;
    refuse(&house, OTHER, "x1").await;
    refuse(&house, CLINIC, "r1").await;
    house.send(&receipt("e2")).await;
    let all = page(&house, "").await;
    assert_eq!(states(&all), ["e1 waiting", "r1 phone-too-short", "e2 waiting"]);
    assert_eq!(all["more"], false);
    // one by one it is the same
    let mut next = String::new();
    let mut told = vec![];
    loop {
        let one = page(&house, &format!("?limit=1&after={next}")).await;
        next = one["next"].as_str().unwrap().to_owned();
        told.extend(one["events"].as_array().unwrap().clone());
        if one["more"] == false {
            break;
        }
    }
    assert_eq!(Value::from(told), all["events"]);
    assert_eq!(all["next"], next.as_str(), "an empty page moves the cursor to the end too");
    let end = page(&house, &format!("?after={next}")).await;
    assert!(states(&end).is_empty() && end["next"] == next.as_str());
}

#[tokio::test]
async fn who_waits_is_told_as_soon_as_something_happens() {
    let house = open().await;
    let next = page(&house, "").await["next"].as_str().unwrap().to_owned();
    let began = Instant::now();
    let waited = page(&house, &format!("?wait=1&after={next}")).await;
    assert!(states(&waited).is_empty() && began.elapsed() >= Duration::from_secs(1));
    let query = format!("?wait=50&after={next}");
    let (waited, sent) =
        tokio::join!(page(&house, &query), async { house.send(&receipt("e1")).await });
    assert_eq!((states(&waited), sent.status), (vec!["e1 waiting".to_owned()], 202));
    assert!(began.elapsed() < Duration::from_secs(20));
}

/// Asks with a long wait, makes sure that it waits, and does something meanwhile.
async fn while_it_waits(house: &House, what: impl Future<Output = ()>) -> Answer {
    let mut waiting = std::pin::pin!(house.ask(house.get("/v1/outcomes?wait=50")));
    let early = tokio::time::timeout(Duration::from_millis(500), &mut waiting).await;
    assert!(early.is_err(), "{early:?}");
    what.await;
    waiting.await
}

#[tokio::test]
async fn a_stop_ends_a_wait_with_an_empty_page() {
    let house = open().await;
    let page = while_it_waits(&house, async { house.stop.cancel() }).await;
    assert_eq!((page.status, states(&page.json()).len()), (200, 0));
}

#[tokio::test]
async fn a_token_that_is_revoked_during_a_wait_is_told_nothing() {
    let house = open().await;
    let (id, _) = house.token.strip_prefix("ulak_").unwrap().split_once('_').unwrap();
    let revoke = async {
        house.ledger.revoke_token(id, "tester@here").await.unwrap();
        refuse(&house, CLINIC, "r1").await;
    };
    let answer = while_it_waits(&house, revoke).await;
    assert_eq!(answer.status, 401, "{}", answer.text);
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_400() {
    let house = open().await;
    for query in [
        "wait=61",
        "wait=-1",
        "wait=x",
        "limit=0",
        "limit=1001",
        "limit=x",
        "after=x",
        "after=cur_",
        "since=1",
    ] {
        let answer = house.ask(house.get(&format!("/v1/outcomes?{query}"))).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test]
async fn many_records_of_others_are_passed_over() {
    let house = open().await;
    let entry = ledger::record::Entry::Returned { queue: "ulak.returned".to_owned() };
    let notes = vec![(OTHER.to_owned(), "ntf_x".to_owned(), entry); 5_500];
    house.ledger.note(&notes).await.unwrap();
    house.send(&receipt("e1")).await;
    assert_eq!(states(&page(&house, "").await), ["e1 waiting"]);
}
