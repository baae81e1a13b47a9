//! What is going to happen, for a person who looks ahead: what goes out in a span of time, what facts made of an appointment, and
//! the person's brake.

use crate::db::{Ledger, json};
use crate::dead::Act;
use crate::due::Group;
use crate::engine::{Row, query, query_as};
use crate::error::LedgerError;
use crate::look::parse_state;
use crate::protocol::Command;
use crate::record::{Entry, NewRecord};
use crate::state::State;
use crate::sweep::end_in;
use crate::write::{append, now, storable};
use std::collections::BTreeMap;

/// Why a row ended that a person stopped; who and why is in its record.
pub const STOPPED: &str = "stopped-by-operator";
/// Rows are counted by quarters of an hour, of which every zone's hours are made; milliseconds.
pub const QUARTER_MS: i64 = 900_000;

/// A span of time to look into. Times are milliseconds since 1970 UTC.
///
/// What is due goes out at its time; what is overdue, and what is on its way, goes out now: it is in a span that `now` is in.
#[derive(Debug, Clone, Default)]
pub struct Span {
    /// What counts as now: the same for each page of a list.
    pub now: i64,
    /// The first instant.
    pub from: i64,
    /// The first instant after it.
    pub until: i64,
    /// Only this clinic.
    pub clinic: Option<String>,
    /// Only this CloudEvents type.
    pub event_type: Option<String>,
}

/// A row that waits or is released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    /// Notification.
    pub ntf: String,
    /// Clinic.
    pub clinic: String,
    /// CloudEvents type.
    pub event_type: String,
    /// CloudEvents id.
    pub event_id: String,
    /// Waiting or released.
    pub state: State,
    /// Why it waits.
    pub why: String,
    /// The lane it waits on; `none`: the worker finds one.
    pub lane: String,
    /// When it is due, milliseconds since 1970 UTC; of a released row: when it is released again if nobody takes it.
    pub due_at: i64,
    /// When it is of no use any more, milliseconds since 1970 UTC.
    pub expires_at: i64,
}

impl DueRow {
    /// What is on its way first, then what is due first.
    fn place(&self) -> (bool, i64, &str) {
        (self.state == State::Waiting, self.due_at, &self.ntf)
    }
}

/// How many rows of a clinic go out in a quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCount {
    /// Clinic.
    pub clinic: String,
    /// When the quarter begins, milliseconds since 1970 UTC.
    pub quarter: i64,
    /// Rows.
    pub rows: i64,
}

/// A fact with what was decided about it.
#[derive(Debug, Clone)]
pub struct SeenFact {
    /// `fct_…`
    pub id: String,
    /// CloudEvents type.
    pub fact_type: String,
    /// CloudEvents id.
    pub event_id: String,
    /// `applied`, `stale`.
    pub state: String,
    /// Why it is stale.
    pub why: String,
    /// When it was applied, milliseconds since 1970 UTC.
    pub at: i64,
    /// Its record.
    pub entry: Option<Entry>,
}

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Keyed hash of its appointment.
    pub appointment: Option<String>,
    /// Keyed hash of its thing.
    pub thing: Option<String>,
}

/// The rows of one lane, state and clinic, and which of them go out in a span.
struct Stretch {
    group: Group,
    from: i64,
    until: i64,
}

impl Ledger {
    /// What goes out in a span, in pages: what is on its way first, then by due time. `after`: the last row of the page before.
    ///
    /// Reads no more than a page of each lane and clinic, however many rows wait (index `open_due`).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn goes_out(
        &self,
        span: &Span,
        after: Option<&DueRow>,
        limit: i64,
    ) -> Result<Vec<DueRow>, LedgerError> {
        let mut found = vec![];
        for stretch in self.stretches(span).await? {
            let waits = stretch.group.state == State::Waiting;
            let (due, ntf) = match after.map(DueRow::place) {
                Some((after_waits, ..)) if after_waits && !waits => continue,
                Some((after_waits, due, ntf)) if after_waits == waits => (due, ntf),
                _ => (i64::MIN, ""),
            };
            let rows = query(
                "-- due in a span\nSELECT o.ntf, o.clinic, n.type, n.event_id, o.state, n.why, o.lane, o.due_at, o.expires_at \
                 FROM open o JOIN notification n ON n.ntf = o.ntf WHERE o.lane = $1 AND o.state = $2 AND o.clinic = $3 \
                 AND o.due_at >= $4 AND o.due_at < $5 AND (o.due_at > $6 OR (o.due_at = $6 AND o.ntf > $7)) \
                 AND (CAST($8 AS TEXT) IS NULL OR n.type = $8) ORDER BY o.due_at, o.ntf LIMIT $9",
            )
            .bind(&stretch.group.lane)
            .bind(stretch.group.state.as_str())
            .bind(&stretch.group.clinic)
            .bind(stretch.from.max(due))
            .bind(stretch.until)
            .bind(due)
            .bind(ntf)
            .bind(&span.event_type)
            .bind(limit)
            .fetch_all(self.db.read())
            .await?;
            for row in &rows {
                found.push(due_row(row)?);
            }
        }
        found.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// How many rows go out in a span, by clinic and quarter of an hour.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_counts(&self, span: &Span) -> Result<Vec<DueCount>, LedgerError> {
        // without a type the index alone answers
        let of_type = if span.event_type.is_some() {
            "JOIN notification n ON n.ntf = o.ntf AND n.type = $6"
        } else {
            "WHERE CAST($6 AS TEXT) IS NULL"
        };
        let and = if span.event_type.is_some() { "WHERE" } else { "AND" };
        let text = format!(
            "-- due counts\nSELECT o.due_at / {QUARTER_MS} AS quarter, count(*) AS n FROM open o {of_type} {and} o.lane = $1 AND o.state = $2 \
             AND o.clinic = $3 AND o.due_at >= $4 AND o.due_at < $5 GROUP BY o.due_at / {QUARTER_MS}"
        );
        let mut counts: BTreeMap<(i64, String), i64> = BTreeMap::new();
        for stretch in self.stretches(span).await? {
            let rows: Vec<(i64, i64)> = query_as(text.clone())
                .bind(&stretch.group.lane)
                .bind(stretch.group.state.as_str())
                .bind(&stretch.group.clinic)
                .bind(stretch.from)
                .bind(stretch.until)
                .bind(&span.event_type)
                .fetch_all(self.db.read())
                .await?;
            let this_quarter = span.now / QUARTER_MS;
            for (quarter, n) in rows {
                let overdue = quarter < this_quarter || stretch.group.state == State::Released;
                let quarter = if overdue { this_quarter } else { quarter };
                *counts.entry((quarter, stretch.group.clinic.clone())).or_default() += n;
            }
        }
        let counts = counts.into_iter();
        Ok(counts
            .map(|((quarter, clinic), rows)| DueCount {
                clinic,
                quarter: quarter * QUARTER_MS,
                rows,
            })
            .collect())
    }

    async fn stretches(&self, span: &Span) -> Result<Vec<Stretch>, LedgerError> {
        if span.until <= span.now.max(span.from) {
            return Ok(vec![]);
        }
        let is_now = span.from <= span.now;
        let mut stretches = vec![];
        for group in self.groups().await? {
            if span.clinic.as_ref().is_some_and(|clinic| *clinic != group.clinic) {
                continue;
            }
            let (from, until) = match group.state {
                State::Waiting => (if is_now { 0 } else { span.from }, span.until),
                State::Released if is_now => (0, i64::MAX),
                _ => continue,
            };
            if group.due_at < until {
                stretches.push(Stretch { group, from, until });
            }
        }
        Ok(stretches)
    }

    /// Facts about an appointment, or about what a receipt is about, oldest first. `about`: its keyed hash.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn facts_about(&self, about: &str) -> Result<Vec<SeenFact>, LedgerError> {
        let rows = query(
            "-- facts about\nSELECT f.id, f.type, f.event_id, f.state, f.why, f.created_at, \
             (SELECT r.bytes FROM record r WHERE r.ntf = f.id AND r.kind IN ('fact-applied', 'fact-stale') ORDER BY r.id LIMIT 1) AS bytes \
             FROM fact f WHERE f.about = $1 ORDER BY f.created_at, f.id",
        )
        .bind(about)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(seen_fact).collect()
    }

    /// What a fact (`fct_…`) is about, as a keyed hash; `None`: there is no such fact.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn about_of_fact(&self, fact: &str) -> Result<Option<Option<String>>, LedgerError> {
        let row = query("SELECT about FROM fact WHERE id = $1")
            .bind(fact)
            .fetch_optional(self.db.read())
            .await?;
        row.map(|row| row.try_get("about")).transpose()
    }

    /// What a notification is about; `None`: there is no such notification.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn about(&self, ntf: &str) -> Result<Option<About>, LedgerError> {
        let row = query("SELECT appointment, thing FROM notification WHERE ntf = $1")
            .bind(ntf)
            .fetch_optional(self.db.read())
            .await?;
        row.map(|row| {
            Ok(About { appointment: row.try_get("appointment")?, thing: row.try_get("thing")? })
        })
        .transpose()
    }

    /// Cancels waiting or released rows because a person says so, on the record with who and why. Returns those that were; what
    /// is being sent or has ended is left as it is.
    ///
    /// # Errors
    /// When the database does not answer; nothing is cancelled then.
    pub async fn stop(&self, ntfs: &[String], act: Act<'_>) -> Result<Vec<String>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let mut done = end_in(&mut tx, ntfs, &Command::Cancel, STOPPED).await?;
        done.sort_unstable();
        let clinics: Vec<(String, String)> = query_as(
            "SELECT ntf, clinic FROM notification WHERE ntf IN (SELECT value FROM {list:$1}) ORDER BY ntf",
        )
        .bind(json(&done)?)
        .fetch_all(&mut *tx)
        .await?;
        let now = now(&mut tx).await?;
        let entry = Entry::Stopped {
            who: storable(act.who).into_owned(),
            why: storable(act.why).into_owned(),
        };
        let records: Result<Vec<_>, _> =
            clinics.iter().map(|(ntf, clinic)| NewRecord::of(clinic, ntf, now, &entry)).collect();
        append(&mut tx, &records?).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// As [`Ledger::reveal`], for several notifications in one transaction. Call it before showing anything of them.
    ///
    /// # Errors
    /// When the database does not answer: then nothing may be shown.
    pub async fn reveal_each(
        &self,
        rows: &[DueRow],
        act: Act<'_>,
        fields: &[&str],
    ) -> Result<(), LedgerError> {
        let entry = Entry::Revealed {
            who: storable(act.who).into_owned(),
            why: storable(act.why).into_owned(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        };
        let notes: Vec<_> =
            rows.iter().map(|row| (row.clinic.clone(), row.ntf.clone(), entry.clone())).collect();
        self.note(&notes).await
    }
}

fn due_row(row: &Row) -> Result<DueRow, LedgerError> {
    Ok(DueRow {
        ntf: row.try_get("ntf")?,
        clinic: row.try_get("clinic")?,
        event_type: row.try_get("type")?,
        event_id: row.try_get("event_id")?,
        state: parse_state(&row.try_get::<String, _>("state")?)?,
        why: row.try_get("why")?,
        lane: row.try_get("lane")?,
        due_at: row.try_get("due_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}

fn seen_fact(row: &Row) -> Result<SeenFact, LedgerError> {
    let bytes: Option<String> = row.try_get("bytes")?;
    Ok(SeenFact {
        id: row.try_get("id")?,
        fact_type: row.try_get("type")?,
        event_id: row.try_get("event_id")?,
        state: row.try_get("state")?,
        why: row.try_get("why")?,
        at: row.try_get("created_at")?,
        entry: bytes.map(|bytes| Entry::parse(&bytes)).transpose()?,
    })
}
