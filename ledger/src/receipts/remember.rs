//! Numbers that a provider's answer to the send itself says cannot be reached; those that a receipt names are remembered with it.

use super::UNREACHABLE_MS;
use crate::db::Ledger;
use crate::engine::{columns, query};
use crate::error::LedgerError;
use serde::Serialize;

#[derive(Serialize)]
struct Bad<'a> {
    key: &'a str,
    for_ms: i64,
}

impl Ledger {
    /// Remembers for [`UNREACHABLE_MS`] that a number could not be reached; `key` is [`super::unreachable_key`].
    ///
    /// # Errors
    /// When the database does not answer: it is found out again with the next message.
    pub async fn remember_unreachable(&self, key: &str) -> Result<(), LedgerError> {
        let mut tx = self.db.begin().await?;
        query(
            "-- a bad number\nINSERT INTO unreachable (key, until) SELECT key, {now} + for_ms FROM {rows:key text, for_ms bigint} WHERE TRUE \
             ON CONFLICT (key) DO UPDATE SET until = excluded.until",
        )
        .bind(columns(&[Bad { key, for_ms: UNREACHABLE_MS }])?)
        .execute(&mut tx)
        .await?;
        tx.commit().await
    }
}
