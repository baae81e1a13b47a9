//! What people ask the log: list, show, explain, balance.

use crate::db::Ledger;
use crate::engine::{Row, Tx, query, query_as, scalar};
use crate::error::LedgerError;
use crate::facts::{FACTS, FactState};
use crate::look::{SealedBody, parse_state};
use crate::record::Entry;
use crate::state::State;

/// One line of a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Notification.
    pub ntf: String,
    /// Clinic, empty where it could not be read.
    pub clinic: String,
    /// CloudEvents type.
    pub event_type: String,
    /// CloudEvents id.
    pub event_id: String,
    /// State.
    pub state: State,
    /// Why.
    pub why: String,
    /// Attempts made.
    pub attempts: i64,
    /// When it was received, milliseconds since 1970 UTC.
    pub created_at: i64,
    /// When its state changed last.
    pub changed_at: i64,
    /// When it is due, if it is not final.
    pub due_at: Option<i64>,
    /// The lane it is on, if it is not final.
    pub lane: Option<String>,
    /// CloudEvents subject: ids of the clinic's own, never a name.
    pub subject: Option<String>,
    /// When it is of no use any more; for a refused event when it was refused.
    pub expires_at: i64,
    /// Number of its newest release.
    pub fence: i64,
}

/// What a list is restricted to.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Clinic.
    pub clinic: Option<String>,
    /// State.
    pub state: Option<State>,
    /// CloudEvents type.
    pub event_type: Option<String>,
    /// Received at or after, milliseconds since 1970 UTC.
    pub since: Option<i64>,
    /// Received before, milliseconds since 1970 UTC.
    pub until: Option<i64>,
    /// The lane that it is on, or that its last attempt took, begins so (`netgsm`, `netgsm/default`).
    pub provider: Option<String>,
    /// Its reason begins so.
    pub reason: Option<String>,
    /// Dead letters by their rule: the whole first word of the reason.
    pub rule: Option<String>,
    /// Leave out dead letters that somebody has looked after.
    pub unhandled: bool,
    /// Lines at most.
    pub limit: i64,
}

/// A record with its time.
#[derive(Debug, Clone)]
pub struct Dated {
    /// Milliseconds since 1970 UTC.
    pub at: i64,
    /// What it says.
    pub entry: Entry,
}

/// The books of the installation or of one clinic.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Balance {
    /// Events taken in or refused, counted from records.
    pub received: i64,
    /// Notifications in each state, counted from the state table, in the order of [`State::ALL`].
    pub states: Vec<(String, i64)>,
    /// Notifications that are not final.
    pub open: i64,
    /// Rows with a due time.
    pub due_rows: i64,
    /// Due times that fit no notification that is open and in the same state.
    pub astray: i64,
    /// Copies of an event that was there already.
    pub duplicates: i64,
    /// Notifications of which two attempts were accepted.
    pub sent_twice: i64,
    /// Notifications that two channels took, after the first one was lost or not heard of.
    pub two_channel: i64,
    /// Notifications whose state is not what their records say.
    pub disagreeing: i64,
    /// The books of facts.
    pub facts: FactBooks,
}

/// The books of facts: `received = applied + stale + refused`. Refused ones are dead letters, and stand among these too.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct FactBooks {
    /// Facts that were decided about, counted from records.
    pub received: i64,
    /// Facts that count, counted from the state table.
    pub applied: i64,
    /// Facts that came after something newer, likewise.
    pub stale: i64,
    /// Facts that no rule accepts.
    pub refused: i64,
    /// Copies of a fact that was there already.
    pub duplicates: i64,
}

impl FactBooks {
    /// Received minus everything that is somewhere.
    pub fn gap(&self) -> i64 {
        self.received - self.applied - self.stale - self.refused
    }
}

impl Balance {
    /// Received minus everything that is somewhere.
    pub fn gap(&self) -> i64 {
        self.received - self.states.iter().map(|(_, n)| n).sum::<i64>()
    }

    /// Whether every event is in exactly one state, every open one has its due time, and records agree.
    pub fn balances(&self) -> bool {
        self.gap() == 0
            && self.open == self.due_rows
            && self.astray == 0
            && self.disagreeing == 0
            && self.facts.gap() == 0
    }
}

pub(crate) const LISTED: &str = "n.ntf, n.clinic, n.type, n.event_id, n.state, n.why, n.attempt, n.created_at, n.changed_at, o.due_at, o.lane, \
     n.subject, n.expires_at, n.fence \
     FROM notification n LEFT JOIN open o ON o.ntf = n.ntf";

/// Its state is not what the last of its records says.
pub(crate) const DISAGREES: &str = "(CAST($1 AS TEXT) IS NULL OR n.clinic = $1) AND n.state <> coalesce(( \
       SELECT CASE r.kind WHEN 'event-refused' THEN 'dead-lettered' WHEN 'waiting' THEN 'waiting' WHEN 'released' THEN 'released' \
         WHEN 'claimed' THEN 'sending' WHEN 'replayed' THEN 'waiting' WHEN 'ended' THEN {as_json:r.bytes}->>'state' \
         WHEN 'not-found' THEN coalesce({as_json:r.bytes}->>'then', \
           CASE WHEN CAST({as_json:r.bytes}->>'resend' AS TEXT) IN ('true', '1') THEN 'waiting' ELSE 'unresolved' END) \
         ELSE {as_json:r.bytes}->>'then' END \
       FROM record r WHERE r.ntf = n.ntf AND r.kind IN ('event-refused', 'waiting', 'released', 'claimed', 'ended', 'outcome', \
         'receipt', 'lease-ran-out', 'not-found', 'replayed') ORDER BY r.id DESC LIMIT 1), '')";

impl Ledger {
    /// Notifications, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, filter: &ListFilter) -> Result<Vec<Listed>, LedgerError> {
        let text = format!(
            "-- list\nSELECT {LISTED} WHERE (CAST($1 AS TEXT) IS NULL OR n.clinic = $1) AND (CAST($2 AS TEXT) IS NULL OR n.state = $2) \
             AND (CAST($3 AS TEXT) IS NULL OR n.type = $3) AND (CAST($4 AS BIGINT) IS NULL OR n.created_at >= $4) \
             AND (CAST($6 AS BIGINT) IS NULL OR n.created_at < $6) AND (CAST($7 AS TEXT) IS NULL OR substr(n.why, 1, length($7)) = $7) \
             AND (CAST($8 AS TEXT) IS NULL OR n.why = $8 OR substr(n.why, 1, length($8) + 1) IN ($8 || ' ', $8 || ':')) \
             AND (CAST($9 AS TEXT) IS NULL OR substr(coalesce(o.lane, (SELECT a.lane FROM attempt a WHERE a.ntf = n.ntf AND a.n = n.attempt), ''), \
               1, length($9)) = $9) \
             AND NOT ($10 AND {handled}) ORDER BY n.created_at DESC, n.ntf LIMIT $5",
            handled = crate::dead::handled("n.ntf")
        );
        let rows = query(text)
            .bind(&filter.clinic)
            .bind(filter.state.map(State::as_str))
            .bind(&filter.event_type)
            .bind(filter.since)
            .bind(filter.limit)
            .bind(filter.until)
            .bind(&filter.reason)
            .bind(&filter.rule)
            .bind(&filter.provider)
            .bind(filter.unhandled)
            .fetch_all(self.db.read())
            .await?;
        rows.iter().map(listed).collect()
    }

    /// One notification.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, ntf: &str) -> Result<Option<Listed>, LedgerError> {
        let text = format!("-- find\nSELECT {LISTED} WHERE n.ntf = $1");
        let row = query(text).bind(ntf).fetch_optional(self.db.read()).await?;
        row.as_ref().map(listed).transpose()
    }

    /// Notifications whose event has this CloudEvents id, in whatever clinic.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_by_event(&self, event_id: &str) -> Result<Vec<Listed>, LedgerError> {
        let text = format!(
            "-- find by event\nSELECT {LISTED} WHERE n.event_id = $1 ORDER BY n.created_at LIMIT 20"
        );
        let rows = query(text).bind(event_id).fetch_all(self.db.read()).await?;
        rows.iter().map(listed).collect()
    }

    /// All records of a notification, oldest first.
    ///
    /// They are numbered under the lock of their row, so `id` is their order; `xid` is not, since a transaction that began
    /// earlier may write to the row later.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn records(&self, ntf: &str) -> Result<Vec<Dated>, LedgerError> {
        let rows: Vec<(i64, String)> =
            query_as("SELECT at, bytes FROM record WHERE ntf = $1 ORDER BY id")
                .bind(ntf)
                .fetch_all(self.db.read())
                .await?;
        rows.into_iter().map(|(at, bytes)| Ok(Dated { at, entry: Entry::parse(&bytes)? })).collect()
    }

    /// The sealed body of a notification with the key that opens it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sealed_body(&self, ntf: &str) -> Result<Option<SealedBody>, LedgerError> {
        let ask = crate::look::RowAsk { ntf: ntf.to_owned(), body: 1 };
        Ok(self.rows(&[ask]).await?.into_iter().flatten().next().and_then(|row| row.body))
    }

    /// The books, of one clinic or of all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn balance(&self, clinic: Option<&str>) -> Result<Balance, LedgerError> {
        // one snapshot: the counts are of the same instant although messages flow
        let mut tx = self.db.begin_snapshot().await?;
        let counted: Vec<(String, i64)> = query_as(
            "SELECT kind, count(*) FROM record WHERE kind IN ('received', 'event-refused', 'duplicate', 'sent-twice', 'two-channel') \
             AND (CAST($1 AS TEXT) IS NULL OR clinic = $1) GROUP BY kind",
        )
        .bind(clinic)
        .fetch_all(&mut *tx)
        .await?;
        let by_state: Vec<(String, i64)> = query_as(
            "SELECT state, count(*) FROM notification WHERE (CAST($1 AS TEXT) IS NULL OR clinic = $1) GROUP BY state",
        )
        .bind(clinic)
        .fetch_all(&mut *tx)
        .await?;
        let (due_rows, astray): (i64, i64) = query_as(
            "-- due times\nSELECT count(*) - count(CASE WHEN n.state = 'accepted' THEN 1 END), count(*) - count(n.ntf) \
               FROM open o LEFT JOIN notification n ON n.ntf = o.ntf \
               AND n.state = o.state AND n.state IN ('waiting', 'released', 'sending', 'unknown', 'accepted') \
             WHERE (CAST($1 AS TEXT) IS NULL OR o.clinic = $1)",
        )
        .bind(clinic)
        .fetch_one(&mut *tx)
        .await?;
        let disagreeing: i64 = scalar(format!(
            "-- disagreeing\nSELECT count(*) FROM notification n WHERE {DISAGREES}"
        ))
        .bind(clinic)
        .fetch_one(&mut *tx)
        .await?;
        let facts = fact_books(&mut tx, clinic).await?;
        tx.rollback().await?;
        let count = |kind: &str| counted.iter().find(|(k, _)| k == kind).map_or(0, |(_, n)| *n);
        let state =
            |s: State| by_state.iter().find(|(k, _)| k == s.as_str()).map_or(0, |(_, n)| *n);
        Ok(Balance {
            received: count("received") + count("event-refused"),
            states: State::ALL.iter().map(|s| (s.to_string(), state(*s))).collect(),
            open: State::ALL.iter().filter(|s| !s.is_final()).map(|s| state(*s)).sum(),
            due_rows,
            astray,
            duplicates: count("duplicate") - facts.duplicates,
            sent_twice: count("sent-twice"),
            two_channel: count("two-channel"),
            disagreeing,
            facts,
        })
    }
}

async fn fact_books(tx: &mut Tx, clinic: Option<&str>) -> Result<FactBooks, LedgerError> {
    let counted: Vec<(String, i64)> = query_as(
        "-- fact books\nSELECT 'record' AS what, count(*) FROM record \
           WHERE kind IN ('fact-applied', 'fact-stale') AND (CAST($1 AS TEXT) IS NULL OR clinic = $1) \
         UNION ALL SELECT 'duplicate', count(*) FROM record \
           WHERE kind = 'duplicate' AND substr(ntf, 1, 4) = 'fct_' AND (CAST($1 AS TEXT) IS NULL OR clinic = $1) \
         UNION ALL SELECT 'refused', count(*) FROM record r JOIN notification n ON n.ntf = r.ntf \
           WHERE r.kind = 'event-refused' AND (CAST($1 AS TEXT) IS NULL OR r.clinic = $1) \
             AND (substr(n.type, 1, 7) = 'clinic.' OR r.bytes LIKE $2) \
         UNION ALL SELECT f.state, count(*) FROM fact f WHERE (CAST($1 AS TEXT) IS NULL OR f.clinic = $1) GROUP BY f.state",
    )
    .bind(clinic)
    // as text: a body from outside may hold what PostgreSQL takes for no JSON; within a string the quotes would be escaped
    .bind(format!("%\"queue\":\"{FACTS}\"%"))
    .fetch_all(tx)
    .await?;
    let count = |what: &str| counted.iter().find(|(k, _)| k == what).map_or(0, |(_, n)| *n);
    Ok(FactBooks {
        received: count("record") + count("refused"),
        applied: count(FactState::Applied.as_str()),
        stale: count(FactState::Stale.as_str()),
        refused: count("refused"),
        duplicates: count("duplicate"),
    })
}

pub(crate) fn listed(row: &Row) -> Result<Listed, LedgerError> {
    Ok(Listed {
        ntf: row.try_get("ntf")?,
        clinic: row.try_get("clinic")?,
        event_type: row.try_get("type")?,
        event_id: row.try_get("event_id")?,
        state: parse_state(&row.try_get::<String, _>("state")?)?,
        why: row.try_get("why")?,
        attempts: row.try_get("attempt")?,
        created_at: row.try_get("created_at")?,
        changed_at: row.try_get("changed_at")?,
        due_at: row.try_get("due_at")?,
        lane: row.try_get("lane")?,
        subject: row.try_get("subject")?,
        expires_at: row.try_get("expires_at")?,
        fence: row.try_get("fence")?,
    })
}
