//! What every writing transaction shares: locking rows, asking the protocol, writing rows, due times and records.

use crate::db::Key;
use crate::engine::{Row, Rows, Tx, columns, query, scalar};
use crate::error::LedgerError;
use crate::look::parse_state;
use crate::protocol;
use crate::record::NewRecord;
use crate::state::{AttemptState, Reach, State};
use crate::wakes::WAKES_WITHIN_MS;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// A locked row with what other writes need of it.
#[derive(Debug, Clone)]
pub(crate) struct Locked {
    pub row: protocol::Row,
    pub clinic: String,
    pub thing: Option<String>,
    pub gap: Option<String>,
    pub gap_ms: i64,
    pub class: i64,
    pub expires_at: i64,
    /// It is about a visit, so that it ends with its beginning.
    pub of_a_visit: bool,
    /// From `open`; empty for a final row.
    pub lane: String,
    pub due_at: i64,
    pub releases: i64,
    pub number: Option<String>,
}

/// Rows that this transaction has locked, and the time by the database's clock once it had.
pub(crate) struct Locks {
    pub rows: HashMap<String, Locked>,
    pub now: i64,
}

/// Locks rows in one order, so that two slices cannot wait for each other.
pub(crate) async fn lock(tx: &mut Tx, ntfs: &[&str]) -> Result<Locks, LedgerError> {
    lock_rows(tx, ntfs, "{lock}").await
}

/// As [`lock`], leaving out rows that somebody else is writing at this moment: background work comes back to them.
pub(crate) async fn lock_free(tx: &mut Tx, ntfs: &[&str]) -> Result<Locks, LedgerError> {
    lock_rows(tx, ntfs, "{skip}").await
}

async fn lock_rows(tx: &mut Tx, ntfs: &[&str], how: &str) -> Result<Locks, LedgerError> {
    if ntfs.is_empty() {
        return Ok(Locks { rows: HashMap::new(), now: now(tx).await? });
    }
    let keys = columns(&ntfs.iter().map(|key| Key { key }).collect::<Vec<_>>())?;
    let rows = query(format!(
        "-- lock\nSELECT ntf, clinic, state, fence, attempt, thing, gap, gap_ms, class, expires_at, appointment FROM notification \
         WHERE ntf IN (SELECT key FROM {{rows:key text}}) ORDER BY ntf {how}",
    ))
    .bind(&keys)
    .fetch_all(&mut *tx)
    .await?;
    let mut locked = HashMap::with_capacity(rows.len());
    for row in &rows {
        locked.insert(row.try_get("ntf")?, locked_row(row)?);
    }
    let now = read_rest(tx, &keys, &mut locked).await?;
    Ok(Locks { rows: locked, now })
}

fn locked_row(row: &Row) -> Result<Locked, LedgerError> {
    Ok(Locked {
        row: protocol::Row {
            state: parse_state(&row.try_get::<String, _>("state")?)?,
            fence: row.try_get::<i64, _>("fence")? as u64,
            attempts: vec![],
        },
        clinic: row.try_get("clinic")?,
        thing: row.try_get("thing")?,
        gap: row.try_get("gap")?,
        gap_ms: row.try_get("gap_ms")?,
        class: row.try_get("class")?,
        expires_at: row.try_get("expires_at")?,
        of_a_visit: row.try_get::<Option<String>, _>("appointment")?.is_some(),
        lane: String::new(),
        due_at: 0,
        releases: 0,
        number: None,
    })
}

/// Attempts, due times and the clock, in a statement of its own: after the locks it sees what the others committed.
async fn read_rest(
    tx: &mut Tx,
    keys: &Arc<Rows>,
    locked: &mut HashMap<String, Locked>,
) -> Result<i64, LedgerError> {
    let rows = query(
        "-- lock: rest\nWITH r AS (SELECT DISTINCT key FROM {rows:key text}) \
         SELECT 'attempt' AS kind, a.ntf, a.channel AS a, a.state || ':' || a.reach AS b, a.n AS i, 0 AS j FROM r JOIN attempt a ON a.ntf = r.key \
         UNION ALL SELECT 'open', o.ntf, o.lane, o.number, o.due_at, o.releases FROM r JOIN open o ON o.ntf = r.key \
         UNION ALL SELECT 'now', '', '', '', {now}, 0 ORDER BY 1, 2, 5",
    )
    .bind(keys)
    .fetch_all(tx)
    .await?;
    let mut now = 0;
    for row in &rows {
        let (kind, ntf): (String, String) = (row.try_get("kind")?, row.try_get("ntf")?);
        let i: i64 = row.try_get("i")?;
        if kind == "now" {
            now = i;
        }
        let Some(value) = locked.get_mut(&ntf) else { continue };
        if kind == "attempt" {
            let (state, reach) = parse_attempt(&row.try_get::<String, _>("b")?)?;
            value.row.attempts.push(protocol::Attempt { channel: row.try_get("a")?, state, reach });
        } else {
            value.lane = row.try_get("a")?;
            value.number = row.try_get("b")?;
            value.due_at = i;
            value.releases = row.try_get("j")?;
        }
    }
    Ok(now)
}

/// State and reach of an attempt: `accepted:unheard`.
pub(crate) fn parse_attempt(text: &str) -> Result<(AttemptState, Reach), LedgerError> {
    text.split_once(':')
        .and_then(|(state, reach)| Some((AttemptState::parse(state)?, Reach::parse(reach)?)))
        .ok_or_else(|| LedgerError::Corrupt(format!("attempt state {text:?}")))
}

/// A row as it is to be.
#[derive(Debug, Serialize)]
pub(crate) struct RowWrite {
    pub ntf: String,
    pub state: &'static str,
    pub why: String,
    pub fence: i64,
    pub attempt: i64,
    pub at: i64,
}

/// A due time as it is to be; for a final row it is removed.
#[derive(Debug, Serialize)]
pub(crate) struct OpenWrite {
    pub ntf: String,
    pub lane: String,
    pub state: &'static str,
    pub clinic: String,
    pub due_at: i64,
    pub class: i64,
    pub expires_at: i64,
    pub number: Option<String>,
    pub releases: i64,
}

/// Changes of rows, gathered and written with one statement a table.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub rows: Vec<RowWrite>,
    pub open: Vec<OpenWrite>,
    pub closed: Vec<String>,
    pub records: Vec<NewRecord>,
    /// A row waits that is due at once or very soon.
    wakes: bool,
}

impl Writes {
    /// A row that moved, with its due time if it is not final.
    pub fn row(
        &mut self,
        ntf: &str,
        to: &protocol::Row,
        why: &str,
        at: i64,
        due: Option<OpenWrite>,
    ) {
        self.final_row(ntf, to, why, at);
        if due.is_none() {
            self.closed.push(ntf.to_owned());
        }
        self.due(at, due);
    }

    /// A row that moved from one final state to another and has no due time.
    pub fn final_row(&mut self, ntf: &str, to: &protocol::Row, why: &str, at: i64) {
        self.rows.push(RowWrite {
            ntf: ntf.to_owned(),
            state: to.state.as_str(),
            why: why.to_owned(),
            fence: to.fence as i64,
            attempt: i64::from(to.last()),
            at,
        });
    }

    /// The due time of a row that stands already; none for a final one that never had any.
    pub fn due(&mut self, at: i64, due: Option<OpenWrite>) {
        let Some(open) = due else { return };
        let soon = open.due_at < at.saturating_add(WAKES_WITHIN_MS);
        self.wakes |= soon && open.state == State::Waiting.as_str();
        self.open.push(open);
    }

    /// Writes everything.
    pub async fn flush(self, tx: &mut Tx) -> Result<(), LedgerError> {
        if !self.rows.is_empty() {
            query(
                "-- write rows\nUPDATE notification AS n SET state = r.state, why = r.why, fence = r.fence, attempt = r.attempt, changed_at = r.at \
                 FROM {rows:ntf text, state text, why text, fence bigint, attempt bigint, at bigint} WHERE n.ntf = r.ntf",
            )
            .bind(columns(&self.rows)?)
            .execute(&mut *tx)
            .await?;
        }
        if !self.open.is_empty() {
            query(
                "-- write open\nINSERT INTO open (ntf, lane, state, clinic, due_at, class, expires_at, number, releases) \
                 SELECT ntf, lane, state, clinic, due_at, class, expires_at, number, releases FROM \
                 {rows:ntf text, lane text, state text, clinic text, due_at bigint, class bigint, expires_at bigint, number text, releases bigint} \
                 WHERE TRUE ON CONFLICT (ntf) DO UPDATE SET lane = excluded.lane, state = excluded.state, due_at = excluded.due_at, \
                 number = excluded.number, releases = excluded.releases",
            )
            .bind(columns(&self.open)?)
            .execute(&mut *tx)
            .await?;
        }
        if !self.closed.is_empty() {
            let keys: Vec<_> = self.closed.iter().map(|key| Key { key }).collect();
            query(
                "-- write closed\nDELETE FROM open WHERE ntf IN (SELECT key FROM {rows:key text})",
            )
            .bind(columns(&keys)?)
            .execute(&mut *tx)
            .await?;
        }
        if self.wakes {
            tx.wake().await?;
        }
        append(tx, &self.records).await
    }
}

/// Appends records, in order.
pub(crate) async fn append(tx: &mut Tx, records: &[NewRecord]) -> Result<(), LedgerError> {
    if records.is_empty() {
        return Ok(());
    }
    query(
        "-- append\nINSERT INTO record (clinic, ntf, kind, at, bytes) SELECT clinic, ntf, kind, at, bytes \
         FROM {rows:clinic text, ntf text, kind text, at bigint, bytes text}",
    )
    .bind(columns(records)?)
    .execute(tx)
    .await?;
    Ok(())
}

/// Text from outside as the database can hold it: PostgreSQL has no text with a NUL in it.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The database's clock, inside a transaction.
pub(crate) async fn now(tx: &mut Tx) -> Result<i64, LedgerError> {
    scalar("SELECT {now}").fetch_one(tx).await
}

impl Locked {
    /// Whether it has a due time: of an accepted row that its next channel is tried some day.
    pub fn is_due(&self) -> bool {
        !self.lane.is_empty()
    }

    /// The due time of a row that is not final.
    pub fn open(&self, ntf: &str, state: State, lane: &str, due_at: i64) -> OpenWrite {
        OpenWrite {
            ntf: ntf.to_owned(),
            lane: lane.to_owned(),
            state: state.as_str(),
            clinic: self.clinic.clone(),
            due_at,
            class: self.class,
            expires_at: self.expires_at,
            number: self.number.clone(),
            releases: self.releases,
        }
    }
}
