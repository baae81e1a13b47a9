//! `POST /v1/events`.

use crate::house::{Answer, OTHER, closed, header, open, receipt, with};
use futures::future::join_all;
use serde_json::{Value, json};

#[tokio::test]
async fn an_event_is_taken_and_sending_it_again_is_a_duplicate() {
    let house = open().await;
    let first = house.send(&receipt("e1")).await;
    assert_eq!((first.status, first.duplicates()), (202, vec![false]));
    let taken = &first.json()["notifications"][0];
    assert_eq!((&taken["source"], &taken["event_id"]), (&json!("/clinics/atasehir"), &json!("e1")));
    let again = house.send(&receipt("e1")).await;
    assert_eq!((again.status, again.duplicates()), (202, vec![true]));
    assert_eq!(again.json()["notifications"][0]["id"], taken["id"]);
    assert_eq!(house.received().await, 1);
    assert_eq!(house.ledger.balance(None).await.unwrap().duplicates, 1);
    let row = house.ledger.find(taken["id"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.due_at.is_some()), ("waiting", true));
}

#[tokio::test]
async fn an_id_with_other_content_is_409_and_nothing_is_written() {
    let house = open().await;
    house.send(&receipt("e1")).await;
    let other = with(receipt("e1"), "/data/payment/amount", "9.00");
    let reused = house.send(&other).await;
    assert_eq!(reused.status, 409);
    assert_eq!(reused.faults(), [(0, "/id".to_owned(), "id-reused".to_owned())]);
    let array = house.send(&json!([receipt("e2"), other])).await;
    assert_eq!(array.status, 409);
    assert_eq!(array.faults(), [(1, "/id".to_owned(), "id-reused".to_owned())]);
    assert_eq!(house.received().await, 1);
}

#[tokio::test]
async fn an_array_is_taken_as_a_whole_with_several_events_of_one_person() {
    let house = open().await;
    let events: Vec<Value> = (0..50).map(|i| receipt(&format!("a{i}"))).collect();
    let taken = house.send(&json!(events)).await;
    assert_eq!((taken.status, taken.duplicates()), (202, vec![false; 50]));
    let again = house.send(&json!(events)).await;
    assert_eq!((again.status, again.duplicates()), (202, vec![true; 50]));
    assert_eq!(house.received().await, 50);
    assert_eq!(house.send(&json!([])).await.json(), json!({ "notifications": [] }));
}

#[tokio::test]
async fn the_same_event_twice_in_one_array_is_one_and_another_one_under_its_id_is_refused() {
    let house = open().await;
    let twice = house.send(&json!([receipt("e1"), receipt("e1")])).await;
    assert_eq!((twice.status, twice.duplicates()), (202, vec![false, true]));
    let other = with(receipt("e2"), "/subject", "payment/else");
    let reused = house.send(&json!([receipt("e2"), other])).await;
    assert_eq!(reused.status, 409);
    assert_eq!(reused.faults(), [(1, "/id".to_owned(), "id-reused".to_owned())]);
    assert_eq!(house.received().await, 1);
}

#[tokio::test]
async fn one_bad_item_of_an_array_and_nothing_is_taken_with_every_fault_named() {
    let house = open().await;
    let short = with(receipt("e2"), "/data/recipient/phone", "0532 123 45");
    let fact = with(receipt("e3"), "/type", "clinic.payment-expected.v1");
    let answer = house.send(&json!([receipt("e1"), short, fact, 7])).await;
    assert_eq!(answer.status, 422);
    let said: Vec<_> =
        answer.faults().into_iter().map(|(i, path, rule)| (i, path + " " + &rule)).collect();
    assert_eq!(
        said,
        [
            (1, "/data/recipient/phone phone-too-short".to_owned()),
            (2, "/type unknown-type".to_owned()),
            (3, " envelope".to_owned()),
        ]
    );
    assert_eq!(house.received().await, 0, "also the refusal is not recorded");
    let alone = house.send(&with(receipt("e2"), "/data/recipient/phone", "0532 123 45")).await;
    assert_eq!((alone.status, alone.faults().len()), (422, 1));
    assert_eq!(house.received().await, 0);
}

#[tokio::test]
async fn another_clinics_source_is_403_whether_that_clinic_exists_or_not() {
    let house = open().await;
    for clinic in [OTHER, "nowhere"] {
        let source = format!("/clinics/{clinic}");
        let event = with(receipt("e1"), "/source", source.as_str());
        assert_eq!(house.send(&event).await.status, 403);
        let broken = with(event.clone(), "/data/recipient/phone", "12");
        assert_eq!(house.send(&broken).await.status, 403, "before anything else is told");
        let array = house.send(&json!([receipt("e2"), event])).await;
        assert!(array.status == 403 && array.text.contains("item 1"), "{}", array.text);
    }
    assert_eq!(house.received().await, 0);
}

#[tokio::test]
async fn nobody_but_ulak_releases() {
    let house = open().await;
    let reference = |source: &str| {
        let ntf = schemas::NotificationId::of_event(source, "e1");
        json!({
            "specversion": "1.0", "id": "e1", "source": source, "type": "ulak.payment-receipt.v1",
            "dataref": format!("ulak:{}", ntf.as_str()), "ulakrelease": 1,
        })
    };
    let own = house.send(&reference("/clinics/atasehir")).await;
    assert_eq!(own.faults(), [(0, "/ulakrelease".to_owned(), "envelope".to_owned())]);
    assert_eq!((own.status, house.send(&reference("/clinics/besiktas")).await.status), (422, 403));
}

#[tokio::test]
async fn what_cannot_be_read_is_400_and_what_is_no_json_media_type_415() {
    let house = open().await;
    for body in [&b""[..], b"{", b"[{}", b"nonsense", b"{\"a\": \"\xfe\"}", b"[\"\xfe\"]"] {
        let answer = house.ask(house.post(body.to_vec())).await;
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text);
    }
    let body = receipt("e1").to_string();
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-type", "application/json; charset=iso-8859-9"),
        ("content-encoding", "gzip"),
        ("ce-specversion", "1.0"),
    ] {
        let request = house.post(body.clone()).headers(header(name, value));
        assert_eq!(house.ask(request).await.status, 415, "{name}: {value}");
    }
    assert_eq!(house.received().await, 0);
    for taken in ["application/json", "application/cloudevents-batch+json; charset=utf-8"] {
        let request = house.post(body.clone()).headers(header("content-type", taken));
        assert_eq!(house.ask(request).await.status, 202, "{taken}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_413_and_says_what() {
    let house = open().await;
    let large = with(receipt("e1"), "/subject", "x".repeat(70_000));
    for (body, said) in [
        (large.to_string(), "index 0 is over 64 KiB"),
        (json!([receipt("e2"), large]).to_string(), "index 1 is over 64 KiB"),
        (json!(vec![0; 1_001]).to_string(), "1001 events"),
        (format!("[\"{}\"]", "x".repeat(1024 * 1024)), "over 1 MiB"),
    ] {
        let answer = house.ask(house.post(body)).await;
        assert!(answer.status == 413 && answer.text.contains(said), "{}", answer.text);
    }
    // without a Content-Length it is found out while reading
    let pieces = (0..20).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]));
    let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let answer = house.ask(house.post(body)).await;
    assert!(answer.status == 413 && answer.text.contains("over 1 MiB"), "{}", answer.text);
    assert_eq!(house.received().await, 0);
}

#[tokio::test]
async fn many_callers_at_once_are_all_taken_once() {
    let house = open().await;
    let events: Vec<Value> = (0..200).map(|i| receipt(&format!("m{}", i / 2))).collect();
    let answers = join_all(events.iter().map(|event| house.send(event))).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    let duplicates = answers.iter().flat_map(Answer::duplicates).filter(|d| *d).count();
    assert_eq!((duplicates, house.received().await), (100, 100));
}

#[tokio::test]
async fn while_the_ledger_is_away_it_is_503_with_a_time_to_come_back() {
    let house = closed().await;
    for answer in [house.send(&receipt("e1")).await, house.ask(house.get("/v1/outcomes")).await] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    }
    house.open();
    assert_eq!(house.send(&receipt("e1")).await.status, 202);
    house.ledger.close().await;
    let away = house.send(&receipt("e2")).await;
    assert_eq!((away.status, away.header("retry-after")), (503, "5"));
}
