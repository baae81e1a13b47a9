//! Hints that a provider may have news of messages. A hint says nothing: the question only comes sooner.

use crate::db::{Ledger, json};
use crate::engine::query;
use crate::error::LedgerError;
use crate::write::now;

impl Ledger {
    /// Attempts of an account (`netgsm/default`) with these provider's ids are asked about now, if they are asked about at all. How
    /// many come sooner.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn receipts_hinted(
        &self,
        account: &str,
        provider_refs: &[String],
    ) -> Result<u64, LedgerError> {
        if provider_refs.is_empty() {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let moved = query(
            "-- hint at receipts\nUPDATE receipt_wanted SET next_at = $2 WHERE account = $1 AND next_at > $2 \
             AND provider_ref IN (SELECT value FROM {list:$3})",
        )
        .bind(account)
        .bind(now)
        .bind(json(provider_refs)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(moved)
    }
}
