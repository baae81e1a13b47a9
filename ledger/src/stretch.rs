//! The next records of a reader that sums them up: where they begin and end, and its cursor, which moves in the transaction that keeps the
//! sum. For readers that look at each record by itself there is [`Ledger::read_on`].

use crate::db::Ledger;
use crate::engine::{On, Query, Tx, query, query_as};
use crate::error::LedgerError;

/// The cursor, as a table of one row `c`.
pub(crate) const CURSOR: &str =
    "WITH c AS (SELECT CAST($1 AS BIGINT) AS xid, CAST($2 AS BIGINT) AS id)";

/// Records behind one place, up to another one.
pub(crate) struct Stretch {
    from: (i64, i64),
    to: (i64, i64),
    /// How many they are.
    pub records: i64,
}

impl Stretch {
    /// The next records of a reader, at most so many, never past a transaction that may still commit (PROTOCOL rule 16). `None`: there
    /// are none.
    pub async fn next(
        ledger: &Ledger,
        reader: &str,
        most: i64,
    ) -> Result<Option<Self>, LedgerError> {
        let from = cursor(ledger.db.read(), reader).await?;
        let found: Option<(i64, i64, i64)> = query_as(format!(
            "-- stretch: next\n{CURSOR}, s AS (SELECT r.xid, r.id FROM record r WHERE {{beyond}} AND {{committed}} ORDER BY {{by_commit}} LIMIT $3) \
             SELECT xid, id, (SELECT count(*) FROM s) AS n FROM s ORDER BY xid DESC, id DESC LIMIT 1",
        ))
        .bind(from.0)
        .bind(from.1)
        .bind(most)
        .fetch_optional(ledger.db.read())
        .await?;
        Ok(found.map(|(xid, id, records)| Self { from, to: (xid, id), records }))
    }

    /// Its ends as the first four parameters of a statement: records `r` with `{beyond} AND {up_to:$3,$4}` after [`CURSOR`].
    pub fn of<T>(&self, query: Query<T>) -> Query<T> {
        query.bind(self.from.0).bind(self.from.1).bind(self.to.0).bind(self.to.1)
    }

    /// Moves the reader's cursor behind them. `false`: somebody else has moved it meanwhile, and nothing may be kept of them.
    pub async fn is_read(&self, tx: &mut Tx, reader: &str) -> Result<bool, LedgerError> {
        let moved = query(
            "-- stretch: move\nINSERT INTO reader (name, xid, id) VALUES ($5, $3, $4) ON CONFLICT (name) DO UPDATE \
             SET xid = excluded.xid, id = excluded.id WHERE reader.xid = $1 AND reader.id = $2",
        );
        Ok(self.of(moved).bind(reader).execute(tx).await? > 0)
    }
}

/// How far a reader has come.
pub(crate) async fn cursor(on: impl Into<On<'_>>, reader: &str) -> Result<(i64, i64), LedgerError> {
    let found = query_as("-- stretch: cursor\nSELECT xid, id FROM reader WHERE name = $1")
        .bind(reader)
        .fetch_optional(on)
        .await?;
    Ok(found.unwrap_or((0, 0)))
}
