//! A PostgreSQL connection on loan from the pool, with a limit on everything that waits for the server.
//!
//! Neither sqlx nor its pool has one. A server that vanished behind a dead network, or whose answer was lost with a firewall's
//! state, would be waited for until the end of days: by whoever asked, and by the pool that tries a connection before it takes it
//! back and has one less meanwhile. The server's own `statement_timeout` ends nothing whose answer does not arrive.

use crate::error::LedgerError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, PgPool, Postgres, SqlSafeStr, SqlStr};
use std::time::Duration;

/// Longest wait for an answer: longer than the server lets a statement run (`postgres::STATEMENT_LIMIT`).
const ANSWER: Duration = Duration::from_secs(35);
/// Longest run of a script that changes the schema: an index over years of records takes its time.
const SCRIPT: Duration = Duration::from_hours(6);
/// Longest wait until a connection that comes back has shown that it still works.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// A connection on loan. Dropped, it goes back; what it had begun is rolled back.
pub(crate) struct Lent {
    /// `None` only while it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    in_transaction: bool,
    /// It did not answer in time: nobody gets it again.
    is_lost: bool,
}

impl Lent {
    /// A connection of the pool; the pool has its own limit.
    pub async fn from(pool: &PgPool) -> Result<Self, LedgerError> {
        let connection = Some(pool.acquire().await?);
        Ok(Self { connection, in_transaction: false, is_lost: false })
    }

    /// The same with a transaction that `statement` begins.
    pub async fn begin(pool: &PgPool, statement: &'static str) -> Result<Self, LedgerError> {
        let mut lent = Self::from(pool).await?;
        // it may have begun although its answer is lost
        lent.in_transaction = true;
        lent.run(statement, ANSWER).await?;
        Ok(lent)
    }

    /// Makes everything durable.
    pub async fn commit(mut self) -> Result<(), LedgerError> {
        self.run("COMMIT", ANSWER).await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Forgets everything.
    pub async fn rollback(mut self) -> Result<(), LedgerError> {
        self.run("ROLLBACK", ANSWER).await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Several statements without parameters that change the schema.
    pub async fn script(&mut self, text: SqlStr) -> Result<(), LedgerError> {
        self.run(text, SCRIPT).await
    }

    /// Settings of this transaction, which are there at once.
    pub async fn set(&mut self, text: SqlStr) -> Result<(), LedgerError> {
        self.run(text, ANSWER).await
    }

    /// Runs a statement.
    pub async fn execute(
        &mut self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Result<PgQueryResult, LedgerError> {
        self.within(ANSWER, async |connection| query.execute(connection).await).await
    }

    /// All rows of a statement.
    pub async fn fetch_all(
        &mut self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, LedgerError> {
        self.within(ANSWER, async |connection| query.fetch_all(connection).await).await
    }

    async fn run(&mut self, text: impl SqlSafeStr, limit: Duration) -> Result<(), LedgerError> {
        let run = async |connection: &mut PgConnection| {
            sqlx::raw_sql(text).execute(connection).await.map(drop)
        };
        self.within(limit, run).await
    }

    async fn within<T>(
        &mut self,
        limit: Duration,
        ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, LedgerError> {
        let connection = self.connection.as_mut().ok_or_else(|| silent(limit))?;
        match tokio::time::timeout(limit, ask(connection)).await {
            Ok(answer) => Ok(answer?),
            Err(_) => {
                self.is_lost = true;
                Err(silent(limit))
            }
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.is_lost => {
                runtime.spawn(give_back(connection, self.in_transaction));
            }
            // without a goodbye, which would wait too
            Ok(_) | Err(_) => drop(connection.detach()),
        }
    }
}

/// Whoever was dropped in the middle of a statement leaves its answer behind: the connection is of use only when that was read.
async fn give_back(mut connection: PoolConnection<Postgres>, in_transaction: bool) {
    if in_transaction {
        let rolled_back = sqlx::raw_sql("ROLLBACK").execute(&mut *connection);
        let rolled_back = tokio::time::timeout(GIVE_BACK, rolled_back).await;
        if !matches!(rolled_back, Ok(Ok(_))) {
            drop(connection.detach());
            return;
        }
    }
    // what the pool does when a connection is dropped, but not without end; cut off, it closes the connection and frees its place
    let _ = tokio::time::timeout(GIVE_BACK, connection.return_to_pool()).await;
}

fn silent(limit: Duration) -> LedgerError {
    LedgerError::Away(format!("no answer within {} s", limit.as_secs()))
}
