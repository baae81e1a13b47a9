//! For `ulak bench` alone: a database of its own, planned rows by the thousand, and what stands in for the workers. No command that
//! looks after an installation calls any of it.
//!
//! The rows have the size, the keys and the indexes of real ones, and what is sealed in them opens nothing: nobody reads it.

mod past;

pub use past::PastRow;

use crate::db::{Key, Ledger};
use crate::engine::{Engine, columns, query, scalar};
use crate::error::LedgerError;
use crate::record::{Entry, NewRecord};
use crate::write::now;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use std::str::FromStr as _;

/// Reminders of one person about one visit: `3d`, `24h`, `2h`.
const REMINDERS_OF_A_VISIT: i64 = 3;
/// How long after its due time a row is of use, milliseconds.
const OF_USE_MS: i64 = 2 * 60 * 60 * 1000;
/// Bytes of a wrapped key and of a sealed event, as text.
const WRAPPED: usize = 96;
const SEALED: usize = 900;

/// A planned notification.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedRow {
    /// Notification.
    pub ntf: String,
    /// Its number among all of this ledger; three in a row are of one visit.
    pub n: i64,
    /// Clinic.
    pub clinic: String,
    /// When it is due, milliseconds since 1970 UTC.
    pub due_at: i64,
}

/// A database that `ulak bench` made on a server of PostgreSQL, and drops.
#[derive(Debug, Clone)]
pub struct OwnDatabase {
    /// The server's address, by which it was made.
    server: SecretString,
    name: String,
}

impl OwnDatabase {
    /// Makes it. `name`: letters, digits and `_` only.
    ///
    /// # Errors
    /// The server does not answer, or this user may not make databases.
    pub async fn make(server: &SecretString, name: &str) -> Result<Self, LedgerError> {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(LedgerError::Statement(format!("{name:?} is no name for a database")));
        }
        run(server, format!("CREATE DATABASE {name}")).await?;
        Ok(Self { server: server.clone(), name: name.to_owned() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does what the server's own housekeeping has done to rows that have been there for a while: their statistics are known, and
    /// nothing of the loading is left to be done while something is measured.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn tidy(&self, own: &SecretString) -> Result<(), LedgerError> {
        run(own, "VACUUM (ANALYZE)".to_owned()).await?;
        // not everybody may; then it comes when it comes
        let _ = run(own, "CHECKPOINT".to_owned()).await;
        Ok(())
    }

    /// Drops it, whoever is connected to it.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn drop(self) -> Result<(), LedgerError> {
        run(&self.server, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await
    }
}

/// Runs one statement outside of any transaction, without a time limit. `text` is made here, of nothing from outside.
async fn run(url: &SecretString, text: String) -> Result<(), LedgerError> {
    let options = PgConnectOptions::from_str(url.expose_secret())
        .map_err(|_| LedgerError::Login("the address cannot be read".to_owned()))?
        .application_name("ulak bench");
    let mut connection: PgConnection = options.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
    let _ = connection.close().await;
    Ok(())
}

impl Ledger {
    /// Writes planned rows as facts would have made them, one statement a table.
    ///
    /// # Errors
    /// When the database does not answer; nothing is written then.
    pub async fn bench_fill(&self, rows: &[PlannedRow]) -> Result<(), LedgerError> {
        let rows = columns(rows)?;
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let master = self.vault().master_name();
        query(fill_persons())
            .bind(&rows)
            .bind(now)
            .bind(master)
            .bind("w".repeat(WRAPPED))
            .execute(&mut tx)
            .await?;
        query(fill_notifications()).bind(&rows).bind(now).execute(&mut tx).await?;
        query(fill_open()).bind(&rows).execute(&mut tx).await?;
        for entry in [received(), waiting(now)] {
            let bytes = NewRecord::of("", "", now, &entry)?.bytes;
            query(fill_records(entry.kind()))
                .bind(&rows)
                .bind(now)
                .bind(bytes)
                .execute(&mut tx)
                .await?;
        }
        tx.commit().await
    }

    /// Whoever reads records by a cursor of this name has read them all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bench_has_read(&self, reader: &str) -> Result<(), LedgerError> {
        query(
            "-- bench: has read\nINSERT INTO reader (name, xid, id) SELECT $1, xid, id FROM record WHERE TRUE \
             ORDER BY {by_commit_desc} LIMIT 1 ON CONFLICT (name) DO UPDATE SET xid = excluded.xid, id = excluded.id",
        )
        .bind(reader)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Stands in for the workers: released rows are done with, so that their places in the window are free. Nothing is decided,
    /// claimed, sent or recorded.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bench_take(&self, ntfs: &[&str]) -> Result<u64, LedgerError> {
        let keys: Vec<_> = ntfs.iter().map(|key| Key { key }).collect();
        query(
            "-- bench: take\nDELETE FROM open WHERE state = 'released' AND ntf IN (SELECT key FROM {rows:key text})",
        )
        .bind(columns(&keys)?)
        .execute(self.db.write())
        .await
    }

    /// How many notifications are not final.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bench_open(&self) -> Result<i64, LedgerError> {
        scalar("SELECT CAST(count(*) AS BIGINT) FROM open").fetch_one(self.db.read()).await
    }

    /// Bytes of write-ahead log that the server has ever written, whatever the database; `None` on SQLite.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bench_wal_bytes(&self) -> Result<Option<i64>, LedgerError> {
        if self.engine() == Engine::Sqlite {
            return Ok(None);
        }
        let sql = "SELECT CAST(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS BIGINT)";
        scalar(sql).fetch_one(self.db.read()).await.map(Some)
    }

    /// Operating system's numbers of the server's processes that serve connections of this name; empty on SQLite.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bench_backends(&self, name: &str) -> Result<Vec<i64>, LedgerError> {
        if self.engine() == Engine::Sqlite {
            return Ok(vec![]);
        }
        scalar("SELECT CAST(pid AS BIGINT) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()")
            .bind(name)
            .fetch_all(self.db.read())
            .await
    }
}

/// The visit of row `r`, by number.
fn visit() -> String {
    format!("CAST(r.n / {REMINDERS_OF_A_VISIT} AS TEXT)")
}

const ROWS: &str = "{rows:ntf text, n bigint, clinic text, due_at bigint}";

fn fill_persons() -> String {
    let visit = visit();
    format!(
        "-- bench: persons\nINSERT INTO person (id, clinic, lookup, wrapped, master, rev, created_at) \
         SELECT 'per_' || {visit}, r.clinic, substr(r.ntf, 5) || 'lookup', $4, $3, 0, $2 FROM {ROWS} \
         WHERE r.n % {REMINDERS_OF_A_VISIT} = 0 ON CONFLICT (id) DO NOTHING"
    )
}

/// Keyed hashes have 32 letters, a digest 52; an id has 26 of its own that are spread as evenly.
fn fill_notifications() -> String {
    let visit = visit();
    format!(
        "-- bench: notifications\nINSERT INTO notification (ntf, clinic, type, source, event_id, subject, digest, person, appointment, version, \
         version_kind, thing, gap, gap_ms, class, on_unknown, expires_at, created_at, state, why, fence, attempt, changed_at) \
         SELECT r.ntf, r.clinic, '{TYPE}', '/clinics/' || r.clinic, 'plan/A-' || {visit} || '/1/24h', 'appointment/A-' || {visit}, \
         substr(r.ntf, 5) || substr(r.ntf, 5), 'per_' || {visit}, 'appointment-of-the-bench-' || {visit}, 1, 'explicit', \
         substr(r.ntf, 5) || '-thing', substr(r.ntf, 5) || '-gap-0', 21600000, 1, 'stop', r.due_at + {OF_USE_MS}, CAST($2 AS BIGINT), \
         'waiting', 'plan', 0, 0, CAST($2 AS BIGINT) FROM {ROWS}"
    )
}

fn fill_open() -> String {
    format!(
        "-- bench: open\nINSERT INTO open (ntf, lane, state, clinic, due_at, class, expires_at, number, releases) \
         SELECT r.ntf, 'none', 'waiting', r.clinic, r.due_at, 1, r.due_at + {OF_USE_MS}, NULL, 0 FROM {ROWS}"
    )
}

fn fill_records(kind: &str) -> String {
    format!(
        "-- bench: records\nINSERT INTO record (clinic, ntf, kind, at, bytes) \
         SELECT r.clinic, r.ntf, '{kind}', CAST($2 AS BIGINT), CAST($3 AS TEXT) FROM {ROWS}"
    )
}

/// The type of all rows.
pub const TYPE: &str = "ulak.appointment-reminder.v1";

fn received() -> Entry {
    Entry::Received {
        event_type: TYPE.to_owned(),
        source: "/clinics/bench".to_owned(),
        id: "plan/A-0/1/24h".to_owned(),
        digest: "d".repeat(52),
        person: "per_0".to_owned(),
        body: "b".repeat(SEALED),
        via: "plan".to_owned(),
    }
}

fn waiting(now: i64) -> Entry {
    Entry::Waiting { why: "plan".to_owned(), until: now, lane: "none".to_owned(), consent: None }
}
