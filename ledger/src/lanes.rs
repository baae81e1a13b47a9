//! Lanes: (provider, account, sender), and the consent source. Their state is shared by all processes.

use crate::db::Ledger;
use crate::engine::{query, query_as, scalar};
use crate::error::LedgerError;
use crate::record::{Entry, NewRecord};
use crate::state::named;
use crate::write::{append, now};

/// How long a probe may take before the next one is tried, milliseconds (PROTOCOL rule 10).
pub const PROBE_LEASE_MS: i64 = 30_000;
/// Longest pause before a lane that fails its tries is tried again, milliseconds.
const PROBE_AT_MOST_MS: i64 = 120_000;
/// A probe that is further away than any pause was set by a clock that has been put back since: it is due. Milliseconds.
const PROBE_BEYOND_MS: i64 = PROBE_AT_MOST_MS + 60_000;
/// Width of a lane that is being tried again: one row.
pub const FIRST_WIDTH: i64 = 1;
/// A lane this wide is open.
const OPEN_WIDTH: i64 = 256;

named! {
    /// State of a lane.
    LaneState {
        /// Everything may go.
        Open = "open",
        /// Nothing goes; rows wait on it.
        Closed = "closed",
        /// The harmless probe went well; a few rows go, more with each success.
        Trying = "trying",
    }
}

/// A lane that is not simply open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub lane: String,
    /// Its state.
    pub state: LaneState,
    /// Why.
    pub why: String,
    /// Since when, milliseconds since 1970 UTC.
    pub since: i64,
    /// When it is probed next.
    pub probe_at: i64,
    /// Probes since it closed.
    pub probes: i64,
    /// Rows that may be outside while it is being tried.
    pub width: Option<i64>,
}

/// What the `why` of a lane begins with that a person closed. No probe opens such a lane and no trouble replaces its reason.
pub const PAUSED: &str = "paused: ";

impl Lane {
    /// Whether its next probe is due at `now`, milliseconds since 1970 UTC.
    pub fn is_due(&self, now: i64) -> bool {
        self.probe_at <= now || self.probe_at - now > PROBE_BEYOND_MS
    }

    /// Whether a person closed it; only a person opens it again.
    pub fn is_paused(&self) -> bool {
        self.state == LaneState::Closed && self.why.starts_with(PAUSED)
    }
}

impl Ledger {
    /// Lanes that ever were in trouble.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lanes(&self) -> Result<Vec<Lane>, LedgerError> {
        let rows = query(
            "SELECT lane, state, why, since, probe_at, probes, width FROM lane ORDER BY lane",
        )
        .fetch_all(self.db.read())
        .await?;
        rows.iter()
            .map(|row| {
                let state: String = row.try_get("state")?;
                Ok(Lane {
                    lane: row.try_get("lane")?,
                    state: LaneState::parse(&state)
                        .ok_or_else(|| LedgerError::Corrupt(format!("lane state {state:?}")))?,
                    why: row.try_get("why")?,
                    since: row.try_get("since")?,
                    probe_at: row.try_get("probe_at")?,
                    probes: row.try_get("probes")?,
                    width: row.try_get("width")?,
                })
            })
            .collect()
    }

    /// Closes a lane. `true`: it was open before, so this is the moment to alert; a failed try is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn close_lane(
        &self,
        lane: &str,
        why: &str,
        probe_after_ms: i64,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let before: Option<(String, i64)> =
            query_as("SELECT state, probes FROM lane WHERE lane = $1 {lock}")
                .bind(lane)
                .fetch_optional(&mut *tx)
                .await?;
        // a lane that fails its try is tried later each time: every try is somebody's message
        let tries = before
            .as_ref()
            .filter(|(state, _)| state == LaneState::Trying.as_str())
            .map_or(0, |(_, n)| *n);
        let probe_after_ms =
            (probe_after_ms << tries.clamp(0, 6)).min(PROBE_AT_MOST_MS.max(probe_after_ms));
        let closed = query(
            "INSERT INTO lane (lane, state, why, since, probe_at, probes, width) VALUES ($1, 'closed', $2, $3, $4, 0, NULL) \
             ON CONFLICT (lane) DO UPDATE SET state = 'closed', why = excluded.why, since = excluded.since, \
               probe_at = excluded.probe_at, probes = CASE lane.state WHEN 'open' THEN 0 ELSE lane.probes END, width = NULL \
             WHERE lane.state <> 'closed'",
        )
        .bind(lane)
        .bind(why)
        .bind(now)
        .bind(now.saturating_add(probe_after_ms))
        .execute(&mut *tx)
        .await?
            == 1;
        if closed {
            let entry = Entry::Lane {
                lane: lane.to_owned(),
                state: "closed".to_owned(),
                why: why.to_owned(),
                who: None,
            };
            append(&mut tx, &[NewRecord::of("", "", now, &entry)?]).await?;
        }
        tx.commit().await?;
        Ok(closed && before.is_none_or(|(state, _)| state == LaneState::Open.as_str()))
    }

    /// Takes the right to probe a closed lane that is due, as a lease.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease_probe(&self, lane: &str) -> Result<bool, LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let ours = query(
            "UPDATE lane SET probe_at = $2, probes = probes + 1 WHERE lane = $1 AND state = 'closed' \
             AND (probe_at <= $3 OR probe_at > $5) AND substr(why, 1, length($4)) <> $4",
        )
        .bind(lane)
        .bind(now.saturating_add(PROBE_LEASE_MS))
        .bind(now)
        .bind(PAUSED)
        .bind(now.saturating_add(PROBE_BEYOND_MS))
        .execute(&mut *tx)
        .await?
            == 1;
        tx.commit().await?;
        Ok(ours)
    }

    /// Puts the next probe of a lane that still fails at a later time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn probe_later(
        &self,
        lane: &str,
        why: &str,
        after_ms: i64,
    ) -> Result<(), LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        // a person may have paused the lane while the probe was on its way: that stands
        query(
            "UPDATE lane SET probe_at = $2, why = $3 WHERE lane = $1 AND state = 'closed' AND substr(why, 1, length($4)) <> $4",
        )
        .bind(lane)
        .bind(now.saturating_add(after_ms))
        .bind(why)
        .bind(PAUSED)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lets one row of a closed lane go, or widens a lane that is being tried; a wide one is open. Returns its new state.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn widen_lane(
        &self,
        lane: &str,
        from: LaneState,
    ) -> Result<Option<LaneState>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let state: Option<String> = scalar(
            "UPDATE lane SET state = CASE WHEN state = 'trying' AND width >= $3 THEN 'open' ELSE 'trying' END, \
               width = CASE WHEN state = 'closed' THEN $4 WHEN width >= $3 THEN NULL ELSE width * 4 END, since = $5 \
             WHERE lane = $1 AND state = $2 AND NOT (state = 'closed' AND substr(why, 1, length($6)) = $6) RETURNING state",
        )
        .bind(lane)
        .bind(from.as_str())
        .bind(OPEN_WIDTH)
        .bind(FIRST_WIDTH)
        .bind(now)
        .bind(PAUSED)
        .fetch_optional(&mut *tx)
        .await?;
        let state = state.as_deref().and_then(LaneState::parse);
        if state.is_some() {
            tx.wake().await?;
        }
        if let Some(state) = state
            && state != from
        {
            let why = if state == LaneState::Open { "recovered" } else { "probe answered" };
            let entry = Entry::Lane {
                lane: lane.to_owned(),
                state: state.to_string(),
                why: why.to_owned(),
                who: None,
            };
            append(&mut tx, &[NewRecord::of("", "", now, &entry)?]).await?;
        }
        tx.commit().await?;
        Ok(state)
    }
}
