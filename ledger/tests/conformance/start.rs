//! Migrations, the master key, and records that nobody changes.

use crate::place::{Place, empty, fresh, open};
use ledger::state::State;
use ledger::vault::{Purpose, Secret32};
use ledger::{Ledger, LedgerError, LedgerSettings, migrate};
use sqlx::AssertSqlSafe;

#[tokio::test]
async fn a_database_without_a_schema_asks_for_migrate() {
    let (_database, settings) = empty().await;
    let error = Ledger::open(&settings).await.unwrap_err();
    assert!(matches!(error, LedgerError::Schema(_)), "{error:?}");
    assert!(error.to_string().contains("ulak migrate"), "{error}");
}

#[tokio::test]
async fn migrating_again_changes_nothing_and_keeps_the_keys() {
    let (_database, settings) = empty().await;
    assert_eq!(migrate(&settings).await.unwrap(), 0);
    let before = Ledger::open(&settings).await.unwrap().vault().hash(Purpose::Person, &["a"]);
    assert!(migrate(&settings).await.unwrap() > 0, "the version that it found");
    let after = Ledger::open(&settings).await.unwrap().vault().hash(Purpose::Person, &["a"]);
    assert_eq!(before, after);
}

#[tokio::test]
async fn processes_that_migrate_at_the_same_time_all_succeed() {
    let (_database, settings) = empty().await;
    let (a, b, c) = tokio::join!(migrate(&settings), migrate(&settings), migrate(&settings));
    let mut found = [a.unwrap(), b.unwrap(), c.unwrap()];
    found.sort_unstable();
    let version = migrate(&settings).await.unwrap();
    assert_eq!(found, [0, version, version]);
    Ledger::open(&settings).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_migrate_and_by_open() {
    let place = fresh().await;
    place.run("UPDATE meta SET value = '99' WHERE key = 'schema'").await;
    for error in [
        migrate(&place.settings).await.unwrap_err(),
        Ledger::open(&place.settings).await.unwrap_err(),
    ] {
        assert!(matches!(error, LedgerError::Schema(_)), "{error:?}");
        assert!(error.to_string().contains("schema 99"), "{error}");
    }
    assert_eq!(
        place.number("SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'schema'").await,
        99
    );
}

#[tokio::test]
async fn another_master_key_is_refused_by_migrate_and_by_open() {
    let place = fresh().await;
    let other = LedgerSettings { master_key: Secret32::new([8; 32]), ..place.settings.clone() };
    for error in [migrate(&other).await.unwrap_err(), Ledger::open(&other).await.unwrap_err()] {
        assert!(matches!(error, LedgerError::Key(_)), "{error:?}");
        assert!(error.to_string().contains("database.master_key"), "{error}");
    }
    Ledger::open(&place.settings).await.unwrap();
}

#[tokio::test]
async fn records_are_append_only_even_for_the_owner() {
    let place = fresh().await;
    place.sending("a").await;
    let records = place.records("ntf_a").await.unwrap().len();
    for text in ["UPDATE record SET bytes = '{}'", "UPDATE record SET at = 0", "DELETE FROM record"]
    {
        let error = sqlx::query(AssertSqlSafe(text)).execute(&place.raw).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{text}: {error}");
    }
    assert_eq!(place.records("ntf_a").await.unwrap().len(), records);
}

#[tokio::test]
async fn the_clock_is_the_databases() {
    let place = fresh().await;
    place.measure_clock().await.unwrap();
    let apart = place.clock().now_ms() - place.now().await;
    assert!(apart.abs() < 1_000, "{apart} ms apart");
}

#[tokio::test]
async fn whoever_begins_again_after_a_stop_finds_what_was_under_way_due_at_once() {
    let place = fresh().await;
    place.sending("a").await;
    place.released("b").await;
    place.waiting("later").await;
    place.run("UPDATE open SET due_at = due_at + 900000 WHERE ntf = 'ntf_later'").await;
    place.close().await;
    let Place { database, settings, .. } = place;
    let place = open(database, settings).await.unwrap();
    assert_eq!(place.take_over().await.unwrap(), 2);
    for (name, is_due) in [("ntf_a", true), ("ntf_b", true), ("ntf_later", false)] {
        assert_eq!(place.due_in(name).await.unwrap() <= 0, is_due, "{name}");
    }
    assert_eq!(place.take_over().await.unwrap(), 0);
    assert_eq!(place.sweep_due("ntf_a").await, Some(State::Unknown));
    place.assert_sound().await;
}
