//! `GET /v1/notifications/{id}`.

use crate::house::{open, receipt};
use serde_json::json;

#[tokio::test]
async fn a_notification_is_shown_by_its_id_and_by_its_event_without_any_person() {
    let house = open().await;
    let taken = house.send(&receipt("ş/1 &?")).await.json();
    let id = taken["notifications"][0]["id"].as_str().unwrap();
    let by_id = house.ask(house.get(&format!("/v1/notifications/{id}"))).await;
    let query = "?source=%2Fclinics%2Fatasehir&id=%C5%9F%2F1+%26%3F";
    let by_event = house.ask(house.get(&format!("/v1/notifications{query}"))).await;
    assert_eq!((by_id.status, by_event.status), (200, 200));
    assert_eq!(by_id.json(), by_event.json());
    let shown = by_id.json();
    for (name, value) in [
        ("id", json!(id)),
        ("source", json!("/clinics/atasehir")),
        ("event_id", json!("ş/1 &?")),
        ("type", json!("ulak.payment-receipt.v1")),
        ("clinic", json!("atasehir")),
        ("state", json!("waiting")),
        ("final", json!(false)),
        ("reason", json!("new")),
        ("attempts", json!([])),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    assert!(shown["due_at"].as_str().unwrap().ends_with('Z'));
    for personal in ["Ayşe", "Yılmaz", "532"] {
        assert!(!by_id.text.contains(personal), "{}", by_id.text);
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_half_a_question_400() {
    let house = open().await;
    for path in [
        "/v1/notifications/ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/v1/notifications/bad_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/v1/notifications/nonsense",
        "/v1/notifications/%00",
        "/v1/notifications/%ff",
        "/v1/notifications?source=/clinics/atasehir&id=none",
    ] {
        assert_eq!(house.ask(house.get(path)).await.status, 404, "{path}");
    }
    for path in
        ["/v1/notifications", "/v1/notifications?id=e1", "/v1/notifications?source=a&id=b&x=c"]
    {
        assert_eq!(house.ask(house.get(path)).await.status, 400, "{path}");
    }
}
