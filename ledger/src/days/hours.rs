//! What is counted of hours by reading the rows that were made in them.

use super::{CLASSES_MS, NOT_COUNTED, PLANNED};
use crate::books::{HOUR_MS, Line, Span};
use crate::engine::{Tx, query};
use crate::error::LedgerError;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// How many of one state and reason there are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Failed {
    pub clinic: String,
    pub hour: i64,
    pub state: String,
    pub code: String,
    pub n: i64,
}

/// How many a lane took, of one class of [`CLASSES_MS`] (or [`NOT_COUNTED`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Took {
    pub clinic: String,
    pub hour: i64,
    pub lane: String,
    pub channel: String,
    pub class: i64,
    pub n: i64,
    pub segments: i64,
}

/// All of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Hours {
    /// Notifications by state.
    pub rows: Vec<Line>,
    /// Facts by state.
    pub facts: Vec<Line>,
    pub failed: Vec<Failed>,
    pub took: Vec<Took>,
}

impl Hours {
    /// Reads what was received in a span.
    pub async fn count(tx: &mut Tx, span: &Span<'_>) -> Result<Self, LedgerError> {
        Ok(Self {
            rows: span.rows(&mut *tx, "notification").await?,
            facts: span.rows(&mut *tx, "fact").await?,
            failed: failed(&mut *tx, span).await?,
            took: took(tx, span).await?,
        })
    }

    /// Adds what was counted of other hours, of one clinic or of all.
    pub fn add(&mut self, other: Self, clinic: Option<&str>) {
        let ours = |of: &str| clinic.is_none_or(|clinic| clinic == of);
        self.rows.extend(other.rows.into_iter().filter(|line| ours(&line.clinic)));
        self.facts.extend(other.facts.into_iter().filter(|line| ours(&line.clinic)));
        self.failed.extend(other.failed.into_iter().filter(|failed| ours(&failed.clinic)));
        self.took.extend(other.took.into_iter().filter(|took| ours(&took.clinic)));
    }
}

/// Why what ended was not sent or did not arrive.
async fn failed(tx: &mut Tx, span: &Span<'_>) -> Result<Vec<Failed>, LedgerError> {
    let rows = query(format!(
        "-- days: failures\nSELECT n.clinic, (n.created_at / {HOUR_MS}) * {HOUR_MS} AS hour, n.state, {{code:n.why}} AS code, count(*) AS n \
         FROM notification n WHERE n.created_at >= $1 AND n.created_at < $2 AND (CAST($3 AS TEXT) IS NULL OR n.clinic = $3) \
           AND n.state NOT IN ('waiting', 'released', 'sending', 'unknown', 'accepted', 'delivered') GROUP BY 1, 2, 3, 4",
    ))
    .bind(span.from)
    .bind(span.until)
    .bind(span.clinic)
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Failed {
                clinic: row.try_get("clinic")?,
                hour: row.try_get("hour")?,
                state: row.try_get("state")?,
                code: row.try_get("code")?,
                n: row.try_get("n")?,
            })
        })
        .collect()
}

/// What each lane took, and how long it took. Of two accepted attempts the first one says how long.
async fn took(tx: &mut Tx, span: &Span<'_>) -> Result<Vec<Took>, LedgerError> {
    let mut class = format!(
        "CASE WHEN substr(n.event_id, 1, {}) = '{PLANNED}' OR a.ended_at IS NULL OR (a.n > 1 AND EXISTS ( \
           SELECT 1 FROM attempt b WHERE b.ntf = a.ntf AND b.n < a.n AND b.state = 'accepted')) THEN {NOT_COUNTED}",
        PLANNED.len()
    );
    for (place, end) in CLASSES_MS.iter().enumerate() {
        // a String takes it all
        let _ = write!(class, " WHEN a.ended_at - n.created_at <= {end} THEN {place}");
    }
    let _ = write!(class, " ELSE {} END", CLASSES_MS.len());
    let class = format!("CAST({class} AS BIGINT)");
    let rows = query(format!(
        "-- days: taken\nSELECT t.clinic, t.hour, t.lane, t.channel, t.class, count(*) AS n, CAST(sum(t.segments) AS BIGINT) AS segments FROM ( \
           SELECT n.clinic, (n.created_at / {HOUR_MS}) * {HOUR_MS} AS hour, a.lane, a.channel, a.segments, {class} AS class \
           FROM notification n JOIN attempt a ON a.ntf = n.ntf WHERE n.created_at >= $1 AND n.created_at < $2 \
             AND (CAST($3 AS TEXT) IS NULL OR n.clinic = $3) AND a.state = 'accepted') t GROUP BY 1, 2, 3, 4, 5",
    ))
    .bind(span.from)
    .bind(span.until)
    .bind(span.clinic)
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Took {
                clinic: row.try_get("clinic")?,
                hour: row.try_get("hour")?,
                lane: row.try_get("lane")?,
                channel: row.try_get("channel")?,
                class: row.try_get("class")?,
                n: row.try_get("n")?,
                segments: row.try_get("segments")?,
            })
        })
        .collect()
}
