//! What `ulak doctor` asks of the database beyond what every start checks.

use crate::db::Ledger;
use crate::error::LedgerError;

/// How the database is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Product and version, as it names itself.
    pub version: String,
    /// Schema of the ledger.
    pub schema: String,
    /// A write went through, and was rolled back.
    pub writable: bool,
    /// It is a standby.
    pub standby: bool,
    /// Standbys that follow it.
    pub followers: i64,
    /// Whether a commit waits for one of them.
    pub synchronous: bool,
}

impl Ledger {
    /// How the database is set up. Changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn server(&self) -> Result<Server, LedgerError> {
        let (version, standby, names, schema): (String, bool, String, String) = sqlx::query_as(
            "SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('synchronous_standby_names'), \
             (SELECT value FROM meta WHERE key = 'schema')",
        )
        .fetch_one(&self.pool)
        .await?;
        // whoever may not see the others' rows sees no followers: then nothing is said about them
        let followers: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Server {
            version,
            schema,
            writable: self.writes().await?,
            standby,
            followers,
            synchronous: !names.trim().is_empty(),
        })
    }

    /// Whether a write goes through; it is rolled back.
    async fn writes(&self) -> Result<bool, LedgerError> {
        let mut tx = self.pool.begin().await?;
        let written = sqlx::query("INSERT INTO meta (key, value) VALUES ('doctor', 'was here')")
            .execute(&mut *tx)
            .await;
        // an error that ends the connection is the caller's, one that says no is the answer
        let answer = match written.map_err(LedgerError::from) {
            Ok(_) => Ok(true),
            Err(LedgerError::Away(why)) if !why.contains("SQLSTATE") => Err(LedgerError::Away(why)),
            Err(_) => Ok(false),
        };
        tx.rollback().await?;
        answer
    }
}
