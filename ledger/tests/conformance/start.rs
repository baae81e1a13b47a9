//! Migrations, the master key, and records that nobody changes.

use crate::place::{empty, fresh};
use ledger::vault::{Purpose, Secret32};
use ledger::{Ledger, LedgerError, LedgerSettings, migrate};
use secrecy::SecretString;
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
    assert_eq!(migrate(&settings).await.unwrap(), 1);
    let after = Ledger::open(&settings).await.unwrap().vault().hash(Purpose::Person, &["a"]);
    assert_eq!(before, after);
}

#[tokio::test]
async fn processes_that_migrate_at_the_same_time_all_succeed() {
    let (_database, settings) = empty().await;
    let (a, b, c) = tokio::join!(migrate(&settings), migrate(&settings), migrate(&settings));
    let mut found = [a.unwrap(), b.unwrap(), c.unwrap()];
    found.sort_unstable();
    assert_eq!(found, [0, 1, 1]);
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
async fn a_database_that_is_not_there_is_a_login_error_and_a_dead_port_is_away() {
    let (_database, settings) = empty().await;
    let url = std::env::var("DATABASE_URL").unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let no_such = SecretString::from(format!("{server}/ulak_test_no_such_database"));
    let error =
        Ledger::open(&LedgerSettings { url: no_such, ..settings.clone() }).await.unwrap_err();
    assert!(matches!(error, LedgerError::Login(_)), "{error:?}");
    let dead = SecretString::from("postgres://postgres@127.0.0.1:1/postgres".to_owned());
    let error = Ledger::open(&LedgerSettings { url: dead, ..settings }).await.unwrap_err();
    assert!(error.is_away(), "{error:?}");
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
async fn records_cannot_be_truncated() {
    let place = fresh().await;
    place.sending("a").await;
    let error = sqlx::query("TRUNCATE record").execute(&place.raw).await.unwrap_err();
    assert!(error.to_string().contains("append-only"), "{error}");
}

#[tokio::test]
async fn the_clock_is_the_databases() {
    let place = fresh().await;
    place.measure_clock().await.unwrap();
    let apart = place.clock().now_ms() - place.now().await;
    assert!(apart.abs() < 1_000, "{apart} ms apart");
}

/// Only what a row holds is a message's fault: anything else would dead-letter good messages.
#[tokio::test]
async fn a_fault_of_the_database_is_nobodys_message() {
    let place = fresh().await;
    let error_of = async |statement: &'static str| {
        LedgerError::from(sqlx::raw_sql(statement).execute(&place.raw).await.unwrap_err())
    };
    for statement in ["SELECT 1 / 0", "INSERT INTO meta (key, value) VALUES ('schema', '2')"] {
        let error = error_of(statement).await;
        assert!(matches!(error, LedgerError::Statement(_)), "{statement}: {error:?}");
    }
    for code in ["57P05", "08006", "26000", "0A000", "58030", "XX000"] {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$");
        let error = sqlx::raw_sql(AssertSqlSafe(raise)).execute(&place.raw).await.unwrap_err();
        assert!(LedgerError::from(error).is_away(), "{code}");
    }
    let missing = error_of("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '42501'; END $$").await;
    assert!(matches!(missing, LedgerError::Login(_)), "waiting does not help: {missing:?}");
}
