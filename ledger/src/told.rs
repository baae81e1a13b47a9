//! What a reader of records needs to tell the clinic's system what became of its events.

use crate::db::{Key, Ledger};
use crate::engine::{columns, query};
use crate::error::LedgerError;
use std::collections::HashMap;

/// The event behind a notification, as the clinic's system knows it. No person is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// CloudEvents type.
    pub event_type: String,
    /// CloudEvents source; empty for an event that was refused.
    pub source: String,
    /// CloudEvents id.
    pub event_id: String,
    /// CloudEvents subject.
    pub subject: Option<String>,
    /// Channel of each attempt, by its number.
    pub channels: HashMap<u32, String>,
}

/// Records that one step over old ones looks at.
const STEP: i64 = 20_000;

impl Ledger {
    /// What may be told about these notifications, by their ids.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn told(&self, ntfs: &[&str]) -> Result<HashMap<String, Told>, LedgerError> {
        let keys = columns(&ntfs.iter().map(|key| Key { key }).collect::<Vec<_>>())?;
        let rows = query(
            "-- told\nSELECT ntf, type, source, event_id, subject FROM notification WHERE ntf IN (SELECT key FROM {rows:key text})",
        )
        .bind(&keys)
        .fetch_all(self.db.read())
        .await?;
        let mut told = HashMap::with_capacity(rows.len());
        for row in &rows {
            let value = Told {
                event_type: row.try_get("type")?,
                source: row.try_get("source")?,
                event_id: row.try_get("event_id")?,
                subject: row.try_get("subject")?,
                channels: HashMap::new(),
            };
            told.insert(row.try_get("ntf")?, value);
        }
        let rows = query(
            "-- told: attempts\nSELECT ntf, n, channel FROM attempt WHERE ntf IN (SELECT key FROM {rows:key text})",
        )
        .bind(&keys)
        .fetch_all(self.db.read())
        .await?;
        for row in &rows {
            if let Some(value) = told.get_mut::<str>(&row.try_get::<String, _>("ntf")?) {
                let n = row.try_get::<i64, _>("n")? as u32;
                value.channels.insert(n, row.try_get("channel")?);
            }
        }
        Ok(told)
    }

    /// Moves a reader's cursor over records that are older than `before` (milliseconds since 1970 UTC) without reading
    /// them, at most 20,000 of them, up to the first that is not. Returns whether it moved.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read_over(&self, reader: &str, before: i64) -> Result<bool, LedgerError> {
        let row = query(
            "-- read over\nWITH c AS (SELECT coalesce(max(xid), 0) AS xid, coalesce(max(id), 0) AS id FROM reader WHERE name = $1), \
             s AS (SELECT r.xid AS xid, r.id AS id, r.at AS at FROM record r WHERE {beyond} \
               AND {committed} ORDER BY {by_commit} LIMIT $3), \
             young AS (SELECT xid, id FROM s WHERE at >= $2 ORDER BY xid, id LIMIT 1) \
             SELECT xid, id FROM s WHERE NOT EXISTS (SELECT 1 FROM young) OR (xid, id) < (SELECT xid, id FROM young) \
             ORDER BY xid DESC, id DESC LIMIT 1",
        )
        .bind(reader)
        .bind(before)
        .bind(STEP)
        .fetch_optional(self.db.read())
        .await?;
        let Some(row) = row else { return Ok(false) };
        self.read_up_to(reader, row.try_get("xid")?, row.try_get("id")?).await?;
        Ok(true)
    }
}
