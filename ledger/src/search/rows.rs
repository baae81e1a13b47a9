//! What stands on a page: the rows at the places that were found, and facts about the same.

use super::{Found, SearchCursor, SearchFilter};
use crate::db::{Key, json};
use crate::engine::{Tx, columns, query};
use crate::error::LedgerError;
use crate::facts::FactRow;
use crate::report::{LISTED, listed};
use crate::state::AttemptState;
use crate::telling::code_of;
use std::collections::HashMap;

/// What is known of the last attempt, and of all.
#[derive(Default)]
struct Tries {
    last: Option<(i64, String, String)>,
    segments: i64,
}

/// What is known of the rows at these places, in their order.
pub(super) async fn found(
    tx: &mut Tx,
    places: Vec<SearchCursor>,
) -> Result<Vec<Found>, LedgerError> {
    if places.is_empty() {
        return Ok(vec![]);
    }
    let keys: Vec<_> = places.iter().map(|place| Key { key: &place.ntf }).collect();
    let keys = columns(&keys)?;
    let text = format!(
        "-- search: rows\nSELECT {LISTED} WHERE n.ntf IN (SELECT key FROM {{rows:key text}})"
    );
    let rows = query(text).bind(&keys).fetch_all(&mut *tx).await?;
    let mut by_ntf = HashMap::with_capacity(rows.len());
    for row in &rows {
        let row = listed(row)?;
        by_ntf.insert(row.ntf.clone(), row);
    }
    let rows = query(
        "-- search: attempts\nSELECT ntf, n, channel, lane, state, segments FROM attempt \
         WHERE ntf IN (SELECT key FROM {rows:key text}) ORDER BY ntf, n",
    )
    .bind(&keys)
    .fetch_all(tx)
    .await?;
    let mut tries: HashMap<String, Tries> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let tries = tries.entry(row.try_get("ntf")?).or_default();
        if row.try_get::<String, _>("state")? == AttemptState::Accepted.as_str() {
            tries.segments += row.try_get::<i64, _>("segments")?;
        }
        tries.last = Some((row.try_get("n")?, row.try_get("channel")?, row.try_get("lane")?));
    }
    let found = places.into_iter().filter_map(|place| {
        let row = by_ntf.remove(&place.ntf)?;
        let tries = tries.remove(&place.ntf).unwrap_or_default();
        let (channel, lane) =
            tries.last.map_or((None, None), |(_, channel, lane)| (Some(channel), Some(lane)));
        let waits_on = row.lane.clone().filter(|lane| lane != crate::dead::LANE_OF_NOBODY);
        let code = Some(code_of(&row.why)).filter(|code| !code.is_empty()).map(str::to_owned);
        let (lane, attempts) = (lane.or(waits_on), row.attempts);
        Some(Found { channel, lane, code, attempts, segments: tries.segments, row })
    });
    Ok(found.collect())
}

/// Facts about what the filter names by an id.
pub(super) async fn facts(
    tx: &mut Tx,
    filter: &SearchFilter,
    limit: i64,
) -> Result<Vec<FactRow>, LedgerError> {
    let about: Vec<_> = filter.appointment.iter().chain(&filter.things).collect();
    if about.is_empty() && filter.event_id.is_none() {
        return Ok(vec![]);
    }
    // two questions, so that each is answered from its own index
    let rows = query(
        "-- search: facts\nSELECT f.id, f.clinic, f.type, f.source, f.event_id, f.state, f.why, f.created_at FROM ( \
           SELECT a.* FROM fact a WHERE a.about IN (SELECT value FROM {list:$1}) \
           UNION SELECT e.* FROM fact e WHERE e.event_id = CAST($2 AS TEXT)) f \
         WHERE (CAST($3 AS TEXT) IS NULL OR f.clinic = $3) AND (CAST($4 AS BIGINT) IS NULL OR f.created_at >= $4) \
           AND (CAST($5 AS BIGINT) IS NULL OR f.created_at < $5) ORDER BY f.created_at DESC, f.id DESC LIMIT $6",
    )
    .bind(json(&about)?)
    .bind(&filter.event_id)
    .bind(&filter.clinic)
    .bind(filter.from)
    .bind(filter.to)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(FactRow {
                id: row.try_get("id")?,
                clinic: row.try_get("clinic")?,
                fact_type: row.try_get("type")?,
                source: row.try_get("source")?,
                event_id: row.try_get("event_id")?,
                state: row.try_get("state")?,
                why: row.try_get("why")?,
                created_at: row.try_get("created_at")?,
            })
        })
        .collect()
}
