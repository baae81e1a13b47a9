//! Rows of attempts.

use crate::decision::Claim;
use crate::engine::{Tx, columns, query};
use crate::error::LedgerError;
use serde::Serialize;

/// An attempt about to be inserted.
#[derive(Debug, Serialize)]
pub(crate) struct AttemptWrite {
    pub ntf: String,
    pub n: i64,
    pub channel: String,
    pub next_channel: Option<String>,
    pub lane: String,
    pub token: String,
    pub number: String,
    pub segments: i64,
    pub started_at: i64,
    pub deadline_at: i64,
}

impl AttemptWrite {
    pub fn of(claim: &Claim, now: i64, deadline_at: i64) -> Self {
        Self {
            ntf: claim.origin.ntf().to_owned(),
            n: i64::from(claim.n),
            channel: claim.channel.clone(),
            next_channel: claim.next_channel.clone(),
            lane: claim.lane.clone(),
            token: claim.token.clone(),
            number: claim.number.clone(),
            segments: i64::from(claim.segments),
            started_at: now,
            deadline_at,
        }
    }
}

pub(crate) async fn insert_attempts(
    tx: &mut Tx,
    attempts: &[AttemptWrite],
) -> Result<(), LedgerError> {
    if attempts.is_empty() {
        return Ok(());
    }
    query(
        "-- insert attempts\nINSERT INTO attempt (ntf, n, channel, next_channel, lane, state, token, number, segments, started_at, deadline_at) \
         SELECT ntf, n, channel, next_channel, lane, 'open', token, number, segments, started_at, deadline_at \
         FROM {rows:ntf text, n bigint, channel text, next_channel text, lane text, token text, number text, segments bigint, started_at bigint, deadline_at bigint}",
    )
    .bind(columns(attempts)?)
    .execute(tx)
    .await?;
    Ok(())
}
