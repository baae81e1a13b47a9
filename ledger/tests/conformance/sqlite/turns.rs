//! One writer at a time: who waits for whom, who does not, and that a turn always ends.

use crate::draft::{claim, outcome, settle};
use crate::place::fresh;
use crate::readers::{INSERT, KINDS, note, read};
use ledger::LedgerError;
use ledger::protocol::Outcome;
use ledger::state::State;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};
use std::time::Duration;

/// PostgreSQL's side of these two is in `postgres/overlapping.rs`.
#[tokio::test]
async fn a_writer_waits_for_a_slow_transaction_that_nobody_sees_before_its_commit() {
    let place = fresh().await;
    let mut slow = place.raw.begin().await.unwrap();
    sqlx::query(INSERT).bind("ntf_slow").execute(&mut *slow).await.unwrap();
    let ledger = place.ledger.clone();
    let mut fast = tokio::spawn(async move {
        let entry = ledger::record::Entry::Duplicate { via: "test".to_owned() };
        ledger.note(&[("c".to_owned(), "ntf_fast".to_owned(), entry)]).await.unwrap();
    });
    // a reader waits for nobody
    assert!(place.read_on("r", &KINDS, 100).await.unwrap().records.is_empty());
    assert!(place.balance(None).await.unwrap().balances());
    let early = tokio::time::timeout(Duration::from_millis(200), &mut fast).await;
    assert!(early.is_err(), "it wrote into another one's transaction");
    slow.commit().await.unwrap();
    fast.await.unwrap();
    let seen: Vec<_> = read(&place, "r", 2).await.into_iter().map(|r| r.ntf).collect();
    assert_eq!(seen, ["ntf_slow", "ntf_fast"]);
}

#[tokio::test]
async fn a_transaction_that_is_taken_back_leaves_no_record_and_no_lock() {
    let place = fresh().await;
    let mut slow = place.raw.begin().await.unwrap();
    sqlx::query(INSERT).bind("ntf_never").execute(&mut *slow).await.unwrap();
    slow.rollback().await.unwrap();
    note(&place, "ntf_fast").await;
    let seen: Vec<_> = read(&place, "r", 1).await.into_iter().map(|r| r.ntf).collect();
    assert_eq!(seen, ["ntf_fast"]);
}

#[tokio::test]
async fn whoever_waits_too_long_for_another_process_is_told_to_come_again() {
    let place = fresh().await;
    place.waiting("a").await;
    let slow = place.raw.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = place.settle(&[settle("b", State::Waiting)]).await.remove(0).unwrap_err();
    assert!(error.is_away(), "{error:?}");
    assert!(error.to_string().contains("another process is writing"), "{error}");
    assert_eq!(place.state("a").await, Some(State::Waiting), "reads go on");
    slow.rollback().await.unwrap();
    place.waiting("b").await;
    place.assert_sound().await;
}

/// A caller may stop waiting at any moment: its turn must not stay taken, nor its work be done by halves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_dropped_halfway_leave_nothing_half_and_the_next_one_its_turn() {
    let place = fresh().await;
    let mut finished = 0;
    for round in 0..150_u64 {
        let name = format!("a{round}");
        let slice = [claim(&name), claim(&format!("b{round}"))];
        let patience = Duration::from_micros(round * 40);
        let answers = tokio::time::timeout(patience, place.claim(&slice)).await;
        finished += i32::from(answers.is_ok());
        // a commit that was on its way when its caller went is done before the next turn; then all of the slice is there, or nothing
        note(&place, "ntf_turn").await;
        let (a, b) = (place.state(&name).await, place.state(&format!("b{round}")).await);
        assert_eq!(a, b, "round {round}");
        if a.is_some() {
            let ending = [outcome(&name, 1, Outcome::Accepted)];
            let answers = tokio::time::timeout(patience, place.record_outcomes(&ending)).await;
            finished += i32::from(answers.is_ok());
        }
    }
    assert!(finished > 0, "nobody was ever patient enough");
    place.sending("last").await;
    place.assert_sound().await;
}

/// Only what a row holds is a message's fault: anything else would dead-letter good messages.
#[tokio::test]
async fn a_fault_of_the_file_is_nobodys_message() {
    let place = fresh().await;
    let options = || SqliteConnectOptions::new().filename(place.database.file());
    let mut one = options().connect().await.unwrap();
    let mut hasty = options().busy_timeout(Duration::ZERO).connect().await.unwrap();
    let mut looks = options().read_only(true).connect().await.unwrap();
    let write = "INSERT INTO meta (key, value) VALUES ('a', 'b')";
    let locked = one.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let busy = error_of(&mut hasty, write).await;
    assert!(busy.is_away(), "{busy:?}");
    locked.rollback().await.unwrap();
    let right = error_of(&mut looks, write).await;
    assert!(right.to_string().contains("cannot be written"), "{right}");
    assert!(right.is_away(), "no message is at fault: {right:?}");
    for statement in [
        "INSERT INTO meta (key, value) VALUES ('schema', '2')",
        "INSERT INTO meta (key, value) VALUES ('x', NULL)",
        "SELECT nothing FROM meta",
    ] {
        let error = error_of(&mut one, statement).await;
        assert!(matches!(error, LedgerError::Statement(_)), "{statement}: {error:?}");
    }
    let missing = error_of(&mut one, "SELECT * FROM no_such_table").await;
    assert!(matches!(missing, LedgerError::Schema(_)), "{missing:?}");
}

async fn error_of(connection: &mut SqliteConnection, text: &str) -> LedgerError {
    sqlx::query(AssertSqlSafe(text)).execute(connection).await.unwrap_err().into()
}
