//! Who may ask.

use crate::house::{CLINIC, OTHER, header, open, receipt};
use ledger::tokens::Revoked;
use reqwest::Client;

#[tokio::test]
async fn without_a_good_token_it_is_401_with_a_challenge() {
    let house = open().await;
    let (id, secret) = house.token.rsplit_once('_').unwrap();
    let forged = format!("{id}_{}", secret.chars().rev().collect::<String>());
    let nobody = format!("ulak_{}_{secret}", "a".repeat(16));
    for token in [forged.as_str(), &nobody, "", "x", id] {
        for request in [
            house.post(receipt("e1").to_string()),
            house.get("/v1/notifications/ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa"),
            house.get("/v1/notifications?source=x&id=y"),
            house.get("/v1/notifications"),
            house.get("/v1/outcomes"),
            house.get("/v1/outcomes?wait=x"),
        ] {
            let bearer = header("authorization", &format!("Bearer {token}"));
            let answer = house.ask(request.headers(bearer)).await;
            assert_eq!(answer.status, 401, "{token}");
            assert!(answer.header("www-authenticate").contains("invalid_token"));
        }
    }
    let basic = header("authorization", "Basic dWxhazp1bGFr");
    let answer = house.ask(house.get("/v1/outcomes").headers(basic)).await;
    assert_eq!(answer.status, 401);
    let address = house.address;
    let answer = house
        .ask(Client::builder().build().unwrap().get(format!("http://{address}/v1/outcomes")))
        .await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer realm=\"ulak\""));
    assert_eq!(house.received().await, 0);
}

#[tokio::test]
async fn a_revoked_token_ends_at_once_and_others_go_on() {
    let house = open().await;
    let second = house.ledger.create_token(CLINIC, "second", "tester@here").await.unwrap();
    assert_eq!(house.send(&receipt("e1")).await.status, 202);
    let listed = house.ledger.tokens().await.unwrap();
    assert_eq!(listed.len(), 2);
    let first = listed.iter().find(|token| token.label == "test").unwrap();
    assert_eq!(house.ledger.revoke_token(&first.id, "tester@here").await.unwrap(), Revoked::Now);
    assert_eq!(house.send(&receipt("e2")).await.status, 401);
    let again = house.ledger.revoke_token(&first.id, "tester@here").await.unwrap();
    assert!(matches!(again, Revoked::Before(at) if at > 0));
    let unknown = house.ledger.revoke_token("aaaaaaaaaaaaaaaa", "tester@here").await.unwrap();
    assert_eq!(unknown, Revoked::Unknown);
    let bearer = header("authorization", &format!("bearer {}", *second.token));
    let answer = house.ask(house.post(receipt("e2").to_string()).headers(bearer)).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn nothing_of_another_clinic_is_shown() {
    let mut house = open().await;
    let taken = house.send(&receipt("e1")).await.json();
    let path = format!("/v1/notifications/{}", taken["notifications"][0]["id"].as_str().unwrap());
    assert_eq!(house.ask(house.get(&path)).await.status, 200);
    let other = house.ledger.create_token(OTHER, "", "tester@here").await.unwrap();
    house.token = other.token.to_string();
    assert_eq!(house.ask(house.get(&path)).await.status, 404);
    let by_event = "/v1/notifications?source=/clinics/atasehir&id=e1";
    assert_eq!(house.ask(house.get(by_event)).await.status, 404);
    let outcomes = house.ask(house.get("/v1/outcomes")).await.json();
    assert_eq!(outcomes["events"].as_array().map(Vec::len), Some(0));
}
