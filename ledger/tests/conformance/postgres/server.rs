//! A server that is not there, rights that are missing, and which of its errors are whose fault.

use crate::place::{empty, fresh};
use ledger::{Ledger, LedgerError, LedgerSettings, migrate};
use secrecy::SecretString;
use sqlx::AssertSqlSafe;

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
async fn records_cannot_be_truncated() {
    let place = fresh().await;
    place.sending("a").await;
    let error = sqlx::query("TRUNCATE record").execute(&place.raw).await.unwrap_err();
    assert!(error.to_string().contains("append-only"), "{error}");
}

/// An index of a large table takes longer than any statement of a message may.
#[tokio::test]
async fn a_migration_has_the_time_that_it_needs() {
    let (database, settings) = empty().await;
    let raw = database.pool();
    let watch = "CREATE SCHEMA watched; CREATE TABLE watched.limits (name TEXT, value TEXT); \
        CREATE FUNCTION watched.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
          INSERT INTO watched.limits SELECT name, setting FROM pg_settings \
            WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout'); END $$; \
        CREATE EVENT TRIGGER note ON ddl_command_start EXECUTE FUNCTION watched.note()";
    sqlx::raw_sql(watch).execute(&raw).await.unwrap();
    assert_eq!(migrate(&settings).await.unwrap(), 0);
    let limits: Vec<(String, String)> =
        sqlx::query_as("SELECT DISTINCT name, value FROM watched.limits ORDER BY name")
            .fetch_all(&raw)
            .await
            .unwrap();
    let limits: Vec<_> =
        limits.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("idle_in_transaction_session_timeout", "0"),
        ("lock_timeout", "30000"),
        ("statement_timeout", "0"),
    ];
    assert_eq!(limits, expected);
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
