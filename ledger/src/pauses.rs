//! Lanes as a person sees and steers them: what waits on each, pause and resume.

use crate::db::Ledger;
use crate::engine::{Tx, query, query_as};
use crate::error::LedgerError;
use crate::lanes::{FIRST_WIDTH, LaneState, PAUSED};
use crate::record::{Entry, NewRecord};
use crate::write::{append, now, storable};

/// No probe: a paused lane waits for a person.
const NEVER: i64 = i64::MAX;

/// Rows of a lane that are not final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneLoad {
    /// The lane.
    pub lane: String,
    /// Rows that wait on it.
    pub waiting: i64,
    /// Rows that are with the broker or a worker, or looked for.
    pub outside: i64,
    /// The earliest due time of those that wait, milliseconds since 1970 UTC.
    pub next_due: Option<i64>,
}

/// What became of a wish to resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It was paused and is open.
    Open,
    /// It was in trouble, or was so when it was paused: it is probed at once, and opens if the probe is answered.
    Probed,
    /// Nothing held it.
    WasOpen,
}

impl Ledger {
    /// How many rows each lane holds that has any.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lane_loads(&self) -> Result<Vec<LaneLoad>, LedgerError> {
        let rows = query(
            "-- lane loads\nSELECT lane, count(*) FILTER (WHERE state = 'waiting') AS waiting, \
               count(*) FILTER (WHERE state NOT IN ('waiting', 'accepted')) AS outside, min(due_at) FILTER (WHERE state = 'waiting') AS next_due \
             FROM open GROUP BY lane ORDER BY lane",
        )
        .fetch_all(self.db.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(LaneLoad {
                    lane: row.try_get("lane")?,
                    waiting: row.try_get("waiting")?,
                    outside: row.try_get("outside")?,
                    next_due: row.try_get("next_due")?,
                })
            })
            .collect()
    }

    /// Closes a lane for as long as a person wants. What is already with a provider is not called back. `false`: it was
    /// paused before, and its reason is replaced.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pause_lane(&self, lane: &str, why: &str, who: &str) -> Result<bool, LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let (why, who) = (storable(why), storable(who));
        let before = lock_lane(&mut tx, lane).await?;
        let was_paused = before.as_ref().is_some_and(|(state, why, _)| is_paused(state, why));
        // `width` of a closed lane means nothing else: it remembers that the lane was in trouble before the pause
        let trouble = match &before {
            Some((_, _, width)) if was_paused => *width,
            Some((state, _, _)) if state != LaneState::Open.as_str() => Some(FIRST_WIDTH),
            _ => None,
        };
        query(
            "INSERT INTO lane (lane, state, why, since, probe_at, probes, width) VALUES ($1, 'closed', $2, $3, $4, 0, $5) \
             ON CONFLICT (lane) DO UPDATE SET state = 'closed', why = excluded.why, probe_at = excluded.probe_at, width = excluded.width, \
               since = CASE WHEN $6 THEN lane.since ELSE excluded.since END, probes = 0",
        )
        .bind(lane)
        .bind(format!("{PAUSED}{why}"))
        .bind(now)
        .bind(NEVER)
        .bind(trouble)
        .bind(was_paused)
        .execute(&mut *tx)
        .await?;
        let why = format!("{PAUSED}{why}");
        append(&mut tx, &[steered(lane, LaneState::Closed, &why, &who, now)?]).await?;
        tx.commit().await?;
        Ok(!was_paused)
    }

    /// Opens a paused lane. One that trouble closed is only probed at once: what a person believes mended may not be.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn resume_lane(
        &self,
        lane: &str,
        why: &str,
        who: &str,
    ) -> Result<Resumed, LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let (why, who) = (storable(why), storable(who));
        let Some((state, before, width)) = lock_lane(&mut tx, lane).await? else {
            return Ok(Resumed::WasOpen);
        };
        let resumed = match (is_paused(&state, &before), state == LaneState::Closed.as_str()) {
            (true, _) if width.is_none() => Resumed::Open,
            (_, true) => Resumed::Probed,
            _ => return Ok(Resumed::WasOpen),
        };
        let (to, why) = match resumed {
            Resumed::Open => (LaneState::Open, format!("resumed: {why}")),
            _ => (LaneState::Closed, format!("to be probed: {why}")),
        };
        query(
            "UPDATE lane SET state = $2, why = $3, since = $4, probe_at = $4, probes = 0, width = NULL WHERE lane = $1",
        )
        .bind(lane)
        .bind(to.as_str())
        .bind(&why)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        append(&mut tx, &[steered(lane, to, &why, &who, now)?]).await?;
        tx.wake().await?;
        tx.commit().await?;
        Ok(resumed)
    }
}

fn is_paused(state: &str, why: &str) -> bool {
    state == LaneState::Closed.as_str() && why.starts_with(PAUSED)
}

/// State, reason and width, locked; `None`: it never was in trouble. Two first pauses at one moment meet in the insert.
async fn lock_lane(
    tx: &mut Tx,
    lane: &str,
) -> Result<Option<(String, String, Option<i64>)>, LedgerError> {
    query_as("SELECT state, why, width FROM lane WHERE lane = $1 {lock}")
        .bind(lane)
        .fetch_optional(tx)
        .await
}

fn steered(
    lane: &str,
    state: LaneState,
    why: &str,
    who: &str,
    now: i64,
) -> Result<NewRecord, LedgerError> {
    let entry = Entry::Lane {
        lane: lane.to_owned(),
        state: state.to_string(),
        why: why.to_owned(),
        who: Some(who.to_owned()),
    };
    NewRecord::of("", "", now, &entry)
}
