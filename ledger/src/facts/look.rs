//! What people ask about one fact.

use crate::db::Ledger;
use crate::engine::{query, scalar};
use crate::error::LedgerError;
use crate::record::Entry;

/// A fact that was decided about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactRow {
    /// `fct_…`
    pub id: String,
    /// Clinic.
    pub clinic: String,
    /// CloudEvents type.
    pub fact_type: String,
    /// CloudEvents source.
    pub source: String,
    /// CloudEvents id.
    pub event_id: String,
    /// `applied`, `stale`.
    pub state: String,
    /// Why it is stale.
    pub why: String,
    /// When it was decided about, milliseconds since 1970 UTC.
    pub created_at: i64,
}

impl Ledger {
    /// One fact.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fact(&self, id: &str) -> Result<Option<FactRow>, LedgerError> {
        let row = query(
            "-- fact\nSELECT id, clinic, type, source, event_id, state, why, created_at FROM fact WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(self.db.read())
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(FactRow {
            id: row.try_get("id")?,
            clinic: row.try_get("clinic")?,
            fact_type: row.try_get("type")?,
            source: row.try_get("source")?,
            event_id: row.try_get("event_id")?,
            state: row.try_get("state")?,
            why: row.try_get("why")?,
            created_at: row.try_get("created_at")?,
        }))
    }

    /// What a fact says, opened from its record; `None`: it was stale, or its person's key is gone.
    ///
    /// # Errors
    /// When the database does not answer, or the master key does not open it.
    pub async fn fact_body(&self, id: &str, entry: &Entry) -> Result<Option<Vec<u8>>, LedgerError> {
        let Entry::FactApplied { person, body, .. } = entry else { return Ok(None) };
        let place = crate::intake::body_place(id);
        let Some(person) = person else {
            return Ok(Some(self.vault().open_own(&place, body)?.to_vec()));
        };
        let wrapped: Option<String> = scalar("SELECT wrapped FROM person WHERE id = $1")
            .bind(person)
            .fetch_optional(self.db.read())
            .await?;
        let Some(wrapped) = wrapped else { return Ok(None) };
        let key = self.vault().data_key(person, &wrapped)?;
        Ok(Some(key.open(&place, body)?.to_vec()))
    }
}
