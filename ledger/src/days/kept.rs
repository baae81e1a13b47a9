//! Hours that were counted before, so that the books of a month do not read a month.
//!
//! The reader of [`crate::search::ends`] counts how often a record told of something that was received in an hour. What was counted of the
//! hour is kept with that number, and is as good as counted anew while the number is the same and nothing behind the reader is about it.

use super::hours::Hours;
use crate::books::{HOUR_MS, Span};
use crate::db::{Ledger, json};
use crate::engine::{Tx, query, query_as, scalar};
use crate::error::LedgerError;
use crate::search::ends;
use std::collections::{BTreeMap, BTreeSet};

/// Hours of a span in which what is kept is looked for; a longer one is read as it is.
const HOURS: i64 = 24 * 400;
/// An hour is kept when it has been over for so long, milliseconds: before, it changes all the time.
const SETTLED_MS: i64 = 2 * HOUR_MS;

/// What was counted of a span, read or kept.
pub(super) async fn hours(tx: &mut Tx, span: &Span<'_>) -> Result<Hours, LedgerError> {
    let mut all = Hours::default();
    let kept = if (span.until - span.from) / HOUR_MS <= HOURS {
        kept(&mut *tx, span).await?
    } else {
        BTreeMap::new()
    };
    for (from, until) in others(span, &kept) {
        let hours = Hours::count(&mut *tx, &Span { clinic: span.clinic, from, until }).await?;
        all.add(hours, None);
    }
    for hours in kept.into_values() {
        all.add(hours, None);
    }
    Ok(all)
}

/// The stretches of a span without the hours that are kept.
fn others(span: &Span<'_>, kept: &BTreeMap<i64, Hours>) -> Vec<(i64, i64)> {
    let mut from = span.from;
    let mut others = vec![];
    for hour in kept.keys() {
        if from < *hour {
            others.push((from, *hour));
        }
        from = hour + HOUR_MS;
    }
    if from < span.until {
        others.push((from, span.until));
    }
    others
}

/// What is kept and still holds, by hour.
async fn kept(tx: &mut Tx, span: &Span<'_>) -> Result<BTreeMap<i64, Hours>, LedgerError> {
    let kept: Vec<(i64, String)> = query_as(
        "-- days: kept\nSELECT k.hour, k.bytes FROM hour_kept k JOIN hour_told t ON t.hour = k.hour AND t.n = k.n \
         WHERE k.hour >= $1 AND k.hour < $2",
    )
    .bind(span.from)
    .bind(span.until)
    .fetch_all(&mut *tx)
    .await?;
    if kept.is_empty() {
        return Ok(BTreeMap::new());
    }
    let Some(fresh) = fresh(tx).await? else { return Ok(BTreeMap::new()) };
    let mut holds = BTreeMap::new();
    for (hour, bytes) in kept {
        // what cannot be read is counted anew
        if !fresh.contains(&hour)
            && let Ok(counted) = serde_json::from_str(&bytes)
        {
            // of all clinics only what is asked for stays
            let mut hours = Hours::default();
            hours.add(counted, span.clinic);
            holds.insert(hour, hours);
        }
    }
    Ok(holds)
}

/// The hours of what was told behind the reader. `None`: that is too much.
async fn fresh(tx: &mut Tx) -> Result<Option<BTreeSet<i64>>, LedgerError> {
    let Some(told) = ends::behind(&mut *tx).await? else { return Ok(None) };
    let hours: Vec<i64> = scalar(format!(
        "-- days: fresh\nSELECT (n.created_at / {HOUR_MS}) * {HOUR_MS} FROM notification n WHERE n.ntf IN (SELECT value FROM {{list:$1}}) \
         UNION SELECT (f.created_at / {HOUR_MS}) * {HOUR_MS} FROM fact f WHERE f.id IN (SELECT value FROM {{list:$1}})"
    ))
    .bind(json(&told)?)
    .fetch_all(tx)
    .await?;
    Ok(Some(hours.into_iter().collect()))
}

impl Ledger {
    /// Counts up to `most` hours that nobody has counted as they are now, the newest first, and keeps what it counted for
    /// [`Ledger::days`]. One process at a time does it; returns how many they were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_hours(&self, most: i64) -> Result<usize, LedgerError> {
        let settled = self.clock().now_ms().saturating_sub(HOUR_MS + SETTLED_MS);
        let hours: Vec<i64> = scalar(
            "-- days: to keep\nSELECT t.hour FROM hour_told t LEFT JOIN hour_kept k ON k.hour = t.hour AND k.n = t.n \
             WHERE k.hour IS NULL AND t.hour <= $1 ORDER BY t.hour DESC LIMIT $2",
        )
        .bind(settled)
        .bind(most)
        .fetch_all(self.db.read())
        .await?;
        for hour in &hours {
            self.keep_hour(*hour).await?;
        }
        Ok(hours.len())
    }

    /// Counts one hour anew, whatever is kept of it: what was changed by hand has no record.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_hour(&self, hour: i64) -> Result<(), LedgerError> {
        // with the plans of the hot path: an hour is little
        let mut tx = self.db.begin_snapshot().await?;
        let told: Option<i64> = scalar("-- days: told\nSELECT n FROM hour_told WHERE hour = $1")
            .bind(hour)
            .fetch_optional(&mut tx)
            .await?;
        let Some(told) = told else { return Ok(()) };
        let span = Span { clinic: None, from: hour, until: hour + HOUR_MS };
        let counted = Hours::count(&mut tx, &span).await?;
        tx.rollback().await?;
        let bytes = serde_json::to_string(&counted)
            .map_err(|error| LedgerError::Unsafe(format!("an hour cannot be kept: {error}")))?;
        query(
            "-- days: keep\nINSERT INTO hour_kept (hour, n, bytes) VALUES ($1, $2, $3) \
             ON CONFLICT (hour) DO UPDATE SET n = excluded.n, bytes = excluded.bytes",
        )
        .bind(hour)
        .bind(told)
        .bind(bytes)
        .execute(self.db.write())
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_is_read_in_as_few_stretches_as_there_are() {
        let hour = |n: i64| n * HOUR_MS;
        let span = Span { clinic: None, from: hour(2), until: hour(9) };
        let of = |kept: &[i64]| {
            let kept = kept.iter().map(|n| (hour(*n), Hours::default())).collect();
            let others = others(&span, &kept);
            others.into_iter().map(|(a, b)| (a / HOUR_MS, b / HOUR_MS)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), [(2, 9)]);
        assert_eq!(of(&[2, 3, 5, 8]), [(4, 5), (6, 8)]);
        assert_eq!(of(&[2, 3, 4, 5, 6, 7, 8]), []);
    }
}
