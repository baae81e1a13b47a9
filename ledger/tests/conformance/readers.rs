//! Readers by cursor skip nothing, whatever order transactions commit in (PROTOCOL rule 16).

use crate::place::{Place, fresh};
use ledger::record::Entry;
use ledger::shared::ReadRecord;
use std::time::Duration;

pub const KINDS: [&str; 1] = ["duplicate"];
pub const INSERT: &str =
    "INSERT INTO record (clinic, ntf, kind, at, bytes) VALUES ('c', $1, 'duplicate', 0, '{}')";

pub async fn note(place: &Place, ntf: &str) {
    let entry = Entry::Duplicate { via: "test".to_owned() };
    place.note(&[("c".to_owned(), ntf.to_owned(), entry)]).await.unwrap();
}

/// Reads until `count` records are there. Transactions of other databases of the server hold readers back too, so one
/// read may see less.
pub async fn read(place: &Place, reader: &str, count: usize) -> Vec<ReadRecord> {
    tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let records = place.read_on(reader, &KINDS, 100).await.unwrap().records;
            if records.len() >= count {
                break records;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_cursor_moves_forward_only_and_readers_have_their_own() {
    let place = fresh().await;
    for i in 0..3 {
        note(&place, &format!("ntf_{i}")).await;
    }
    let records = read(&place, "a", 3).await;
    let cursor = |r: &ReadRecord| (r.xid, r.id);
    let (last, first) = (cursor(&records[2]), cursor(&records[0]));
    place.read_up_to("a", last.0, last.1).await.unwrap();
    place.read_up_to("a", first.0, first.1).await.unwrap();
    assert!(place.read_on("a", &KINDS, 100).await.unwrap().records.is_empty());
    assert_eq!(read(&place, "b", 3).await.len(), 3);
    assert!(place.read_on("b", &["lane"], 100).await.unwrap().records.is_empty());
    assert_eq!(place.read_on("b", &KINDS, 2).await.unwrap().records.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_among_many_writers_sees_every_record_once() {
    const WRITERS: usize = 6;
    const EACH: usize = 30;
    let place = fresh().await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let raw = place.raw.clone();
            tokio::spawn(async move {
                for i in 0..EACH {
                    let mut tx = raw.begin().await.unwrap();
                    let first = format!("{writer}/{i}/first");
                    sqlx::query(INSERT).bind(first).execute(&mut *tx).await.unwrap();
                    // the others overtake at different paces
                    let pause = u64::try_from((writer * 7 + i) % 5).unwrap();
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    let second = format!("{writer}/{i}/second");
                    sqlx::query(INSERT).bind(second).execute(&mut *tx).await.unwrap();
                    tx.commit().await.unwrap();
                }
            })
        })
        .collect();
    let mut seen = vec![];
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while seen.len() < WRITERS * EACH * 2 {
        assert!(tokio::time::Instant::now() < deadline, "only {} records came", seen.len());
        for record in place.read_on("r", &KINDS, 7).await.unwrap().records {
            place.read_up_to("r", record.xid, record.id).await.unwrap();
            seen.push(record.ntf);
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(place.read_on("r", &KINDS, 100).await.unwrap().records.is_empty());
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all, "a record came twice");
}

#[tokio::test]
async fn a_reader_goes_over_what_it_does_not_want_once() {
    let place = fresh().await;
    for i in 0..3 {
        note(&place, &format!("ntf_{i}")).await;
    }
    read(&place, "counts", 3).await;
    let page = place.read_on("r", &["lane"], 100).await.unwrap();
    assert!(page.records.is_empty());
    let (xid, id) = page.looked_up_to.unwrap();
    place.read_up_to("r", xid, id).await.unwrap();
    assert_eq!(place.read_on("r", &KINDS, 100).await.unwrap().looked_up_to, None);
    let full = place.read_on("other", &KINDS, 2).await.unwrap();
    let last = full.records.last().map(|r| (r.xid, r.id));
    assert_eq!(
        (full.records.len(), full.looked_up_to),
        (2, last),
        "a full page ends at its last record"
    );
}
