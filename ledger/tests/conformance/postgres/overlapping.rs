//! Transactions that are open at the same time: what one of them holds back, and what it does not. SQLite has one writer, so that
//! there is no second transaction to be overtaken by; `sqlite/turns.rs` is its side of the same promises.

use crate::draft::{CLINIC, claim_copy, ntf};
use crate::place::fresh;
use crate::readers::{INSERT, KINDS, note, read};
use ledger::decision::Claimed;
use ledger::record::Entry;
use ledger::state::State;

#[tokio::test]
async fn a_record_of_a_slow_transaction_is_not_skipped() {
    let place = fresh().await;
    let mut slow = place.raw.begin().await.unwrap();
    sqlx::query(INSERT).bind("ntf_slow").execute(&mut *slow).await.unwrap();
    note(&place, "ntf_fast").await;
    assert!(
        place.read_on("r", &KINDS, 100).await.unwrap().records.is_empty(),
        "the slow one may commit"
    );
    slow.commit().await.unwrap();
    let seen: Vec<_> = read(&place, "r", 2).await.into_iter().map(|r| r.ntf).collect();
    assert_eq!(seen, ["ntf_slow", "ntf_fast"]);
}

#[tokio::test]
async fn a_record_of_a_transaction_that_is_taken_back_holds_nobody_up() {
    let place = fresh().await;
    let mut slow = place.raw.begin().await.unwrap();
    sqlx::query(INSERT).bind("ntf_never").execute(&mut *slow).await.unwrap();
    note(&place, "ntf_fast").await;
    slow.rollback().await.unwrap();
    let seen: Vec<_> = read(&place, "r", 1).await.into_iter().map(|r| r.ntf).collect();
    assert_eq!(seen, ["ntf_fast"]);
}

#[tokio::test]
async fn records_come_in_the_order_in_which_they_were_written() {
    // a transaction that began earlier may write to a row later; its lower number must not turn the story round
    let place = fresh().await;
    let copy = place.released("a").await;
    let mut early = place.raw.begin().await.unwrap();
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *early).await.unwrap();
    assert_eq!(place.claim_one(claim_copy("a", &copy, 1)).await, Claimed::Won);
    let entry = Entry::LeaseRanOut { attempt: 1, then: State::Unknown };
    sqlx::query("INSERT INTO record (clinic, ntf, kind, at, bytes) VALUES ($1, 'ntf_a', 'lease-ran-out', 0, $2)")
        .bind(CLINIC)
        .bind(entry.bytes().unwrap())
        .execute(&mut *early)
        .await
        .unwrap();
    for table in ["notification", "open"] {
        let text = format!("UPDATE {table} SET state = 'unknown' WHERE ntf = 'ntf_a'");
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut *early).await.unwrap();
    }
    early.commit().await.unwrap();
    let kinds: Vec<_> =
        place.records("ntf_a").await.unwrap().iter().map(|r| r.entry.kind()).collect();
    assert_eq!(kinds, ["received", "waiting", "released", "claimed", "lease-ran-out"]);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_row_that_somebody_is_writing_is_left_for_the_next_sweep() {
    let place = fresh().await;
    for name in ["a", "b"] {
        place.waiting(name).await;
    }
    let mut writing = place.raw.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM notification WHERE ntf = 'ntf_a' FOR UPDATE")
        .execute(&mut *writing)
        .await
        .unwrap();
    let copies = place.release(&[ntf("a"), ntf("b")]).await.unwrap();
    assert_eq!(copies.iter().map(|c| c.ntf.as_str()).collect::<Vec<_>>(), ["ntf_b"]);
    writing.rollback().await.unwrap();
    assert_eq!(place.release(&[ntf("a"), ntf("b")]).await.unwrap().len(), 1);
    place.assert_sound().await;
}
