//! The two engines behind one set of calls: statements, rows and transactions that look the same on PostgreSQL and SQLite.
//!
//! Statements are written once; where the engines differ they hold a fragment (`dialect`). On SQLite all writes go through one
//! connection, so that a transaction never waits for another one of this process, and reads through a few others.

mod bell;
mod dialect;
mod lent;
mod place;
mod postgres;
mod rows;
mod sqlite;
mod statement;

use crate::db::LedgerSettings;
use crate::error::LedgerError;
use secrecy::ExposeSecret as _;
use sqlx::{PgPool, Sqlite};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

pub(crate) use bell::Bell;
pub(crate) use dialect::Dialect;
use lent::Lent;
use place::OpenFile;
pub(crate) use postgres::describe as describe_postgres;
pub(crate) use rows::{Rows, columns};
pub(crate) use sqlite::{describe as describe_sqlite, full};
pub(crate) use statement::{Query, Row, Value, query, query_as, scalar};

/// Which database keeps the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `postgres://…`: many processes on many machines.
    Postgres,
    /// `sqlite://…`: one process on one machine, and tools beside it.
    Sqlite,
}

/// Connections to the database.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    pools: Pools,
    /// Counts the commits of this process.
    commits: Arc<watch::Sender<u64>>,
    /// Somebody looks for the commits of other processes.
    watched: Arc<AtomicBool>,
}

#[derive(Debug, Clone)]
enum Pools {
    Postgres(PgPool),
    Sqlite(sqlite::Pools),
}

/// Where a statement runs.
pub(crate) enum On<'a> {
    Tx(&'a mut Tx),
    /// Any connection: the statement only reads.
    Read(&'a Db),
    /// A statement that is a transaction of its own.
    Write(&'a Db),
}

/// An open transaction.
pub(crate) enum Tx {
    Postgres(Lent),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

/// A transaction that is ours to commit; dropped, it is rolled back.
pub(crate) struct Transaction {
    tx: Tx,
    /// The file that it writes to, on SQLite.
    file: Option<OpenFile>,
    commits: Arc<watch::Sender<u64>>,
}

impl Deref for Transaction {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

impl<'a> From<&'a mut Tx> for On<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

impl<'a> From<&'a mut Transaction> for On<'a> {
    fn from(transaction: &'a mut Transaction) -> Self {
        Self::Tx(&mut transaction.tx)
    }
}

impl Tx {
    /// Its dialect.
    fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::POSTGRES,
            Self::Sqlite(_) => Dialect::SQLITE,
        }
    }

    /// On PostgreSQL: settings for the rest of the transaction. SQLite has none of them.
    pub async fn set(&mut self, text: &str) -> Result<(), LedgerError> {
        let text = self.dialect().statement(text);
        match self {
            Self::Postgres(tx) => tx.set(text).await,
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// Runs several statements without parameters that change the schema.
    pub async fn script(&mut self, text: &str) -> Result<(), LedgerError> {
        let text = self.dialect().statement(text);
        match self {
            Self::Postgres(tx) => tx.script(text).await?,
            Self::Sqlite(tx) => sqlx::raw_sql(text).execute(&mut **tx).await.map(|_| ())?,
        }
        Ok(())
    }
}

impl Transaction {
    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), LedgerError> {
        match self.tx {
            Tx::Postgres(tx) => tx.commit().await?,
            Tx::Sqlite(tx) => tx.commit().await?,
        }
        self.commits.send_modify(|n| *n += 1);
        // what was committed into a file that is gone is not durable
        self.file.map_or(Ok(()), |file| file.is_in_place())
    }

    /// Forgets everything.
    pub async fn rollback(self) -> Result<(), LedgerError> {
        match self.tx {
            Tx::Postgres(tx) => tx.rollback().await?,
            Tx::Sqlite(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

impl Db {
    /// Connects and checks that the database keeps what it is told. `create`: make the SQLite file if it is not there.
    pub async fn connect(settings: &LedgerSettings, create: bool) -> Result<Self, LedgerError> {
        let url = settings.url.expose_secret();
        let pools = match url.split_once("://").map_or("", |(scheme, _)| scheme) {
            "postgres" | "postgresql" => Pools::Postgres(postgres::connect(settings).await?),
            "sqlite" => Pools::Sqlite(sqlite::connect(settings, create).await?),
            _ => {
                let line = "only postgres:// and sqlite:// are known".to_owned();
                return Err(LedgerError::Unsafe(line));
            }
        };
        let (commits, watched) = (Arc::new(watch::Sender::new(0)), Arc::default());
        Ok(Self { pools, commits, watched })
    }

    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Postgres(_) => Engine::Postgres,
            Pools::Sqlite(_) => Engine::Sqlite,
        }
    }

    fn file(&self) -> Option<&OpenFile> {
        match &self.pools {
            Pools::Postgres(_) => None,
            Pools::Sqlite(pools) => Some(&pools.file),
        }
    }

    /// Whether the file that is open is still the one at its path; of a server nothing is asked.
    pub fn is_in_place(&self) -> Result<(), LedgerError> {
        self.file().map_or(Ok(()), OpenFile::is_in_place)
    }

    /// For statements that only read.
    pub fn read(&self) -> On<'_> {
        On::Read(self)
    }

    /// For a statement that writes and is a transaction of its own.
    pub fn write(&self) -> On<'_> {
        On::Write(self)
    }

    /// Begins a transaction that may write. On SQLite it is the only one: it waits for its turn.
    pub async fn begin(&self) -> Result<Transaction, LedgerError> {
        let tx = match &self.pools {
            Pools::Postgres(pool) => Tx::Postgres(Lent::begin(pool, "BEGIN").await?),
            // taken at once: a transaction that reads first and writes later could not be serialized with another process's
            Pools::Sqlite(pools) => {
                pools.file.is_in_place()?;
                Tx::Sqlite(pools.write.begin_with("BEGIN IMMEDIATE").await?)
            }
        };
        let commits = Arc::clone(&self.commits);
        Ok(Transaction { tx, file: self.file().cloned(), commits })
    }

    /// Begins a transaction in which all reads see the same instant.
    pub async fn begin_snapshot(&self) -> Result<Transaction, LedgerError> {
        let tx = match &self.pools {
            Pools::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Tx::Postgres(Lent::begin(pool, begin).await?)
            }
            Pools::Sqlite(pools) => {
                pools.file.is_in_place()?;
                Tx::Sqlite(pools.read.begin().await?)
            }
        };
        Ok(Transaction { tx, file: None, commits: Arc::new(watch::Sender::new(0)) })
    }

    /// The version of the schema that is there; 0: none.
    pub async fn schema_version(&self, tx: &mut Tx) -> Result<i64, LedgerError> {
        let there = match self.engine() {
            Engine::Postgres => "SELECT to_regclass('meta') IS NOT NULL",
            Engine::Sqlite => "SELECT count(*) > 0 FROM sqlite_master WHERE name = 'meta'",
        };
        if !scalar::<bool>(there).fetch_one(&mut *tx).await? {
            return Ok(0);
        }
        let version: Option<String> =
            scalar("SELECT value FROM meta WHERE key = 'schema'").fetch_optional(tx).await?;
        Ok(version.and_then(|v| v.parse().ok()).unwrap_or(0))
    }

    /// Proves after an outage that it is over, and gives the database's time.
    pub async fn is_back(&self) -> Result<i64, LedgerError> {
        match &self.pools {
            Pools::Postgres(pool) => postgres::is_back(pool).await,
            Pools::Sqlite(pools) => sqlite::is_back(pools).await,
        }
    }

    /// Proves that a file takes commits, and gives the database's time; of a server that it answers and is none that only reads.
    pub async fn takes_commits(&self) -> Result<i64, LedgerError> {
        match &self.pools {
            Pools::Postgres(_) => {
                // a standby, or a primary that was made read-only: no right is needed to ask
                let now: Option<i64> = scalar(
                    "SELECT CASE WHEN current_setting('transaction_read_only') = 'off' THEN {now} END",
                )
                .fetch_one(self.read())
                .await?;
                now.ok_or_else(|| {
                    LedgerError::Away(
                        "PostgreSQL only reads: it is a standby, or was set so".to_owned(),
                    )
                })
            }
            Pools::Sqlite(pools) => sqlite::takes_commits(pools).await,
        }
    }

    /// Counts the commits of this process, for whoever waits for one.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// On SQLite: one task of this process looks again and again whether another process has committed, and counts that with our
    /// own commits. It ends with the connections.
    pub fn watch_others(&self, every: Duration) {
        let Pools::Sqlite(pools) = &self.pools else { return };
        if self.watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let (pools, commits) = (pools.clone(), Arc::downgrade(&self.commits));
        tokio::spawn(async move {
            let mut seen = None;
            while !pools.write.is_closed() {
                if let Some(version) = sqlite::version_of_others(&pools).await
                    // the first number says nothing of what happened before it was asked for
                    && seen.replace(version) != Some(version)
                {
                    let Some(commits) = commits.upgrade() else { return };
                    commits.send_modify(|n| *n += 1);
                }
                tokio::time::sleep(every).await;
            }
        });
    }

    /// Listens for what wakes a release, where the database can call; on SQLite looking costs next to nothing.
    pub fn bell(&self) -> Option<Bell> {
        match &self.pools {
            Pools::Postgres(pool) => Some(Bell::listen(pool.connect_options())),
            Pools::Sqlite(_) => None,
        }
    }

    pub async fn close(&self) {
        match &self.pools {
            Pools::Postgres(pool) => pool.close().await,
            Pools::Sqlite(pools) => pools.close().await,
        }
    }
}
