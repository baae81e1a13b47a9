//! What a reader may tell of a notification, and its way over records that are too old to tell.

use crate::draft::claim;
use crate::place::{Place, fresh};
use ledger::decision::Claimed;
use std::time::Duration;

const KINDS: [&str; 1] = ["duplicate"];

#[tokio::test]
async fn what_may_be_told_is_the_event_and_the_channel_of_each_attempt() {
    let place = fresh().await;
    assert_eq!(place.claim_one(claim("a")).await, Claimed::Won);
    let told = place.told(&["ntf_a", "ntf_nobody"]).await.unwrap();
    assert_eq!(told.len(), 1);
    let a = &told["ntf_a"];
    assert_eq!((a.source.as_str(), a.event_id.as_str()), ("/clinics/atasehir", "evt-a"));
    assert_eq!(a.event_type, "ulak.appointment-reminder.v1");
    assert_eq!(a.subject.as_deref(), Some("appointment/a"));
    assert_eq!(a.channels, [(1, "sms".to_owned())].into());
}

/// Records with their age: no record can be made older afterwards.
async fn notes(place: &Place, names: &[&str]) {
    for name in names {
        let at: i64 = if name.contains("old") { 1_000 } else { 2_000 };
        sqlx::query(
            "INSERT INTO record (clinic, ntf, kind, at, bytes) VALUES ('c', $1, 'duplicate', $2, '{}')",
        )
        .bind(name)
        .bind(at)
        .execute(&place.raw)
        .await
        .unwrap();
    }
}

/// The notifications of the records that a reader has before it, once the last one can be read.
async fn ahead(place: &Place, reader: &str, last: &str) -> Vec<String> {
    tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let page = place.read_on(reader, &KINDS, 100).await.unwrap();
            let names: Vec<String> = page.records.into_iter().map(|record| record.ntf).collect();
            if names.last().is_some_and(|name| name == last) {
                break names;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_reader_goes_over_old_records_up_to_the_first_that_is_not() {
    let place = fresh().await;
    notes(&place, &["old-1", "old-2", "new-1", "late-old", "new-2"]).await;
    assert_eq!(ahead(&place, "r", "new-2").await.len(), 5);
    assert!(place.read_over("r", 1001).await.unwrap());
    assert_eq!(ahead(&place, "r", "new-2").await, ["new-1", "late-old", "new-2"]);
    // A young one is in the way now: it stays where it is.
    assert!(!place.read_over("r", 1001).await.unwrap());
    assert_eq!(ahead(&place, "r", "new-2").await.len(), 3);
    // Another reader has not moved, and one to which all is old goes behind everything.
    assert_eq!(ahead(&place, "s", "new-2").await.len(), 5);
    assert!(place.read_over("s", i64::MAX).await.unwrap());
    assert!(place.read_on("s", &KINDS, 100).await.unwrap().records.is_empty());
    assert!(!place.read_over("s", i64::MAX).await.unwrap(), "there is nothing ahead");
}
