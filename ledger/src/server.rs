//! What `ulak doctor` asks of the database beyond what every start checks.

use crate::db::Ledger;
use crate::engine::{Engine, describe_postgres, describe_sqlite, query};
use crate::error::LedgerError;
use std::path::PathBuf;

/// How the database is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Which engine it is.
    pub engine: Engine,
    /// Product and version, as it names itself.
    pub version: String,
    /// Schema of the ledger.
    pub schema: String,
    /// A file: a write went through, and was rolled back. A server: it takes writes, from those who have the right.
    pub writable: bool,
    /// It is a standby.
    pub standby: bool,
    /// Standbys that follow it.
    pub followers: i64,
    /// Whether a commit waits for one of them.
    pub synchronous: bool,
    /// The file, where the engine keeps everything in one.
    pub file: Option<StoreFile>,
}

/// The file of a SQLite ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: i64,
    /// How large it may become (`database.max_mib`, or what the engine can).
    pub most_bytes: i64,
    /// Changes go to a log beside it first (`journal_mode=WAL`).
    pub wal: bool,
    /// Each commit reaches the disk (`synchronous=FULL`).
    pub synchronous_full: bool,
}

impl Ledger {
    /// How the database is set up. Changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn server(&self) -> Result<Server, LedgerError> {
        match self.engine() {
            Engine::Postgres => describe_postgres(self).await,
            Engine::Sqlite => describe_sqlite(self).await,
        }
    }

    /// Whether a write goes through; it is rolled back.
    pub(crate) async fn writes(&self) -> Result<bool, LedgerError> {
        let mut tx = self.db.begin().await?;
        let written = query("INSERT INTO meta (key, value) VALUES ('doctor', 'was here')")
            .execute(&mut *tx)
            .await;
        // an error that ends the connection is the caller's, one that says no is the answer
        let answer = match written {
            Ok(_) => Ok(true),
            Err(LedgerError::Away(why)) if !why.contains("SQLSTATE") => Err(LedgerError::Away(why)),
            Err(_) => Ok(false),
        };
        tx.rollback().await?;
        answer
    }
}
