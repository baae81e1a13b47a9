//! Up to which instant facts are current: no reminder overtakes its cancellation (PROTOCOL rule 12).

use crate::db::Ledger;
use crate::engine::{query, scalar};
use crate::error::LedgerError;

/// The queue of facts, as the name of what is watched.
pub const FACTS: &str = "ulak.facts";

impl Ledger {
    /// Notes that everything published before `at` (milliseconds since 1970 UTC, by the database's clock) is applied. It never goes
    /// back, except from an instant that is not yet: then the clock itself went back, and what was noted by it means nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn facts_are_current(&self, at: i64) -> Result<(), LedgerError> {
        query(
            "-- facts are current\nINSERT INTO fact_watch (name, current_at) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET current_at = excluded.current_at \
             WHERE fact_watch.current_at < excluded.current_at OR fact_watch.current_at > {now} + 1000",
        )
        .bind(FACTS)
        .bind(at)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Up to when facts are applied; 0: nothing is known.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn facts_current_at(&self) -> Result<i64, LedgerError> {
        let at: Option<i64> = scalar("SELECT current_at FROM fact_watch WHERE name = $1")
            .bind(FACTS)
            .fetch_optional(self.db.read())
            .await?;
        Ok(at.unwrap_or(0))
    }
}
