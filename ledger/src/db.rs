//! The ledger as a value: opening it, its schema, its keys, its clock.

use crate::carry::MOVED_TO;
use crate::clock::{Clock, local_now};
use crate::engine::{Db, Engine, Tx, query, query_as, scalar};
use crate::error::LedgerError;
use crate::sweep::{FIRST_LOOK_MS, GIVE_UP_MS};
use crate::test_clock;
use crate::vault::{Secret32, Vault, fingerprint, new_lookup_key};
use secrecy::SecretString;
use serde::Serialize;
use std::time::Duration;
use tokio::sync::watch;

/// Schema version that this program writes.
pub(crate) const SCHEMA: i64 = 8;
/// What brings a schema to each version: for both engines, for PostgreSQL, for SQLite.
const MIGRATIONS: &[(i64, [&str; 3])] = &[
    (
        1,
        [
            include_str!("../migrations/0001_ledger.sql"),
            include_str!("../migrations/0001_postgres.sql"),
            include_str!("../migrations/0001_sqlite.sql"),
        ],
    ),
    (2, [include_str!("../migrations/0002_tokens.sql"), "", ""]),
    (3, [include_str!("../migrations/0003_facts.sql"), "", ""]),
    (4, [include_str!("../migrations/0004_reconcile.sql"), "", ""]),
    (5, [include_str!("../migrations/0005_books.sql"), "", ""]),
    (6, [include_str!("../migrations/0006_caps.sql"), "", ""]),
    (7, [include_str!("../migrations/0007_receipts.sql"), "", ""]),
    (
        8,
        [
            include_str!("../migrations/0008_access.sql"),
            include_str!("../migrations/0008_postgres.sql"),
            include_str!("../migrations/0008_sqlite.sql"),
        ],
    ),
];
/// Advisory lock that migrations take on PostgreSQL; any fixed number.
const MIGRATION_LOCK: i64 = 0x756c_616b;
/// For a transaction that migrates: an index of a large table takes longer than any other statement may, and a lock that others hold
/// is still not waited for without end. Whole tables are read, which the hot path never does.
const MIGRATING: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
    SET LOCAL lock_timeout = '30s'; SET LOCAL enable_seqscan = on";
/// How often another process's writes are looked for where the database does not tell.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// The same where looking costs a few microseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How to reach the ledger.
#[derive(Debug, Clone)]
pub struct LedgerSettings {
    /// `postgres://…`, or `sqlite://FILE`.
    pub url: SecretString,
    /// The master key.
    pub master_key: Secret32,
    /// Connections at most; SQLite has its own number.
    pub connections: u32,
    /// SQLite only: the file never grows beyond this. `None`: until the disk is full.
    pub max_mib: Option<u32>,
    /// Shown by the database as the application's name.
    pub name: String,
}

/// All that is durable.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) db: Db,
    vault: Vault,
    clock: Clock,
    pub(crate) give_up_ms: i64,
    pub(crate) first_look_ms: i64,
}

/// The one parameter of a grouped statement.
pub(crate) fn json<T: Serialize>(rows: &[T]) -> Result<String, LedgerError> {
    serde_json::to_string(rows).map_err(|e| LedgerError::Corrupt(e.to_string()))
}

/// One-column rows.
#[derive(Serialize)]
pub(crate) struct Key<'a> {
    pub key: &'a str,
}

/// Brings the schema to this program's version and binds the ledger to its master key. Safe to repeat, and to run twice at once.
///
/// # Errors
/// [`LedgerError::Key`] when the ledger belongs to another master key, [`LedgerError::Schema`] when it is newer.
pub async fn migrate(settings: &LedgerSettings) -> Result<i64, LedgerError> {
    let db = Db::connect(settings, true).await?;
    let mut tx = db.begin().await?;
    let engine = db.engine();
    if engine == Engine::Postgres {
        let lock = "SELECT CAST(pg_advisory_xact_lock($1) AS TEXT) IS NULL";
        query(lock).bind(MIGRATION_LOCK).fetch_all(&mut tx).await?;
        tx.set(MIGRATING).await?;
    }
    let found = db.schema_version(&mut tx).await?;
    if found > SCHEMA {
        return Err(newer(found));
    }
    for (_, [both, postgres, sqlite]) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        tx.script(both).await?;
        tx.script(if engine == Engine::Postgres { postgres } else { sqlite }).await?;
    }
    refuse_moved(&mut tx).await?;
    bind_keys(&mut tx, settings).await?;
    tx.commit().await?;
    db.close().await;
    Ok(found)
}

/// Notes the schema's version, and makes the keys of a new ledger; those of an old one stay.
async fn bind_keys(tx: &mut Tx, settings: &LedgerSettings) -> Result<(), LedgerError> {
    let put = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    let keep = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    query(put).bind("schema").bind(SCHEMA.to_string()).execute(&mut *tx).await?;
    let master = fingerprint(&settings.master_key);
    query(keep).bind("master").bind(master).execute(&mut *tx).await?;
    let lookup = new_lookup_key(&settings.master_key)?;
    query(keep).bind("lookup").bind(lookup).execute(&mut *tx).await?;
    open_vault(tx, settings).await.map(drop)
}

/// Refuses a schema that this program does not know.
pub(crate) fn refuse_newer(found: i64) -> Result<(), LedgerError> {
    if found > SCHEMA { Err(newer(found)) } else { Ok(()) }
}

/// Refuses another master key.
pub(crate) async fn check_key(tx: &mut Tx, settings: &LedgerSettings) -> Result<(), LedgerError> {
    open_vault(tx, settings).await.map(drop)
}

/// Refuses a ledger that was moved elsewhere: what waits in it is sent from there.
async fn refuse_moved(tx: &mut Tx) -> Result<(), LedgerError> {
    let moved: Option<String> =
        scalar("SELECT value FROM meta WHERE key = $1").bind(MOVED_TO).fetch_optional(tx).await?;
    match moved {
        None => Ok(()),
        Some(to) => Err(LedgerError::Unsafe(format!(
            "is a ledger that was moved to {to}, from where it is continued; set it to that address"
        ))),
    }
}

fn newer(found: i64) -> LedgerError {
    LedgerError::Schema(format!(
        "the ledger has schema {found}, this program knows {SCHEMA}: start a newer ulak"
    ))
}

async fn open_vault(tx: &mut Tx, settings: &LedgerSettings) -> Result<Vault, LedgerError> {
    let rows: Vec<(String, String)> =
        query_as("SELECT key, value FROM meta WHERE key IN ('master', 'lookup')")
            .fetch_all(tx)
            .await?;
    let get =
        |name: &str| rows.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let ours = fingerprint(&settings.master_key);
    match (get("master"), get("lookup")) {
        (Some(theirs), _) if theirs != ours => Err(LedgerError::Key(format!(
            "database.master_key is not the key of this ledger (ledger: {theirs}, configured: {ours})"
        ))),
        (Some(_), Some(lookup)) => Vault::open(settings.master_key.clone(), lookup),
        _ => Err(LedgerError::Schema("the ledger has no keys yet: run `ulak migrate`".to_owned())),
    }
}

impl Ledger {
    /// Connects, checks server, schema and key, and measures the clock.
    ///
    /// # Errors
    /// [`LedgerError::Away`]: wait and try again. All others need somebody.
    pub async fn open(settings: &LedgerSettings) -> Result<Self, LedgerError> {
        let db = Db::connect(settings, false).await?;
        let mut tx = db.begin_snapshot().await?;
        match db.schema_version(&mut tx).await? {
            SCHEMA => {}
            found if found > SCHEMA => return Err(newer(found)),
            found => {
                return Err(LedgerError::Schema(format!(
                    "the ledger has schema {found}, this program needs {SCHEMA}: run `ulak migrate`"
                )));
            }
        }
        refuse_moved(&mut tx).await?;
        let vault = open_vault(&mut tx, settings).await?;
        tx.rollback().await?;
        let ledger = Self {
            db,
            vault,
            clock: Clock::default(),
            give_up_ms: GIVE_UP_MS,
            first_look_ms: FIRST_LOOK_MS,
        };
        ledger.measure_clock().await?;
        Ok(ledger)
    }

    /// With another time for which an unknown attempt is looked for (`reconcile.give_up`).
    #[must_use]
    pub fn giving_up_after(mut self, give_up: Duration) -> Self {
        self.give_up_ms = i64::try_from(give_up.as_millis()).unwrap_or(i64::MAX);
        self
    }

    /// With another time after an attempt's deadline at which it is first looked for (the first of `reconcile.settle`).
    #[must_use]
    pub fn looking_first_after(mut self, settle: Duration) -> Self {
        self.first_look_ms = i64::try_from(settle.as_millis()).unwrap_or(i64::MAX);
        self
    }

    /// Which database keeps it.
    pub fn engine(&self) -> Engine {
        self.db.engine()
    }

    /// The installation's keys.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The one clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Measures the offset to the database's clock; also the cheapest proof that the ledger answers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn measure_clock(&self) -> Result<(), LedgerError> {
        let asked = local_now();
        let database: i64 = scalar("SELECT {now}").fetch_one(self.db.read()).await?;
        self.clock.measured(asked, local_now(), database);
        self.ask_test_clock().await
    }

    /// By how much a test has moved the clock, where one does.
    async fn ask_test_clock(&self) -> Result<(), LedgerError> {
        if test_clock::is_on() {
            let moved = format!("SELECT {}", test_clock::SHIFT);
            self.clock.moved(scalar(moved).fetch_one(self.db.read()).await?);
        }
        Ok(())
    }

    /// Whether the file that is open is still the one at its path: one `stat`, and every commit asks it too. Of a server nothing is
    /// asked.
    ///
    /// # Errors
    /// [`LedgerError::Away`] when it was removed or replaced: what was committed since is lost when this process ends.
    pub fn is_in_place(&self) -> Result<(), LedgerError> {
        self.db.is_in_place()
    }

    /// Whether the ledger works now: a file takes a commit (it can be read while its disk is full), a server answers. For those who
    /// ask again and again; [`Ledger::is_back`] asks for more.
    ///
    /// # Errors
    /// When the database does not answer, or takes nothing.
    pub async fn takes_commits(&self) -> Result<(), LedgerError> {
        let asked = local_now();
        let database = self.db.takes_commits().await?;
        self.clock.measured(asked, local_now(), database);
        self.ask_test_clock().await
    }

    /// Proves after an outage that it is over: a new connection is taken (a server that is shutting down refuses it, while it
    /// may still serve old ones), and a file or disk that was full has room for 256 KiB.
    ///
    /// # Errors
    /// When the database does not answer, or takes nothing.
    pub async fn is_back(&self) -> Result<(), LedgerError> {
        let asked = local_now();
        let database = self.db.is_back().await?;
        self.clock.measured(asked, local_now(), database);
        Ok(())
    }

    /// Whoever waits for something to happen in the ledger.
    pub fn changes(&self) -> Changes {
        self.db.watch_others(LOOK_AGAIN);
        Changes { commits: self.db.commits(), engine: self.engine() }
    }

    /// At the start of the one process that may send, under its exclusive lock: whoever held something is gone, so its time is
    /// over at once instead of when its lease ends. Returns how many rows that are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_over(&self) -> Result<u64, LedgerError> {
        query("-- take over\nUPDATE open SET due_at = {now} WHERE state IN ('released', 'sending') AND due_at > {now}")
            .execute(self.db.write())
            .await
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// Tells that something was committed, by this process or another one.
#[derive(Debug)]
pub struct Changes {
    commits: watch::Receiver<u64>,
    engine: Engine,
}

impl Changes {
    /// Waits for the next commit of this process alone.
    pub(crate) async fn of_this_process(&mut self) {
        let _ = self.commits.changed().await;
    }

    /// Waits for the next commit since the last call, or the first one since this value was made. What other processes commit is
    /// noticed within a tenth of a second on SQLite, and the first call may return for nothing; on PostgreSQL half a second passes
    /// for a commit.
    pub async fn next(&mut self) {
        match self.engine {
            Engine::Sqlite => {
                if self.commits.changed().await.is_err() {
                    // the ledger is gone: nothing will change
                    std::future::pending::<()>().await;
                }
            }
            Engine::Postgres => tokio::select! {
                _ = self.commits.changed() => {}
                () = tokio::time::sleep(ASK_AGAIN) => {}
            },
        }
    }
}
