//! Records as the CloudEvents that tell a clinic's system what became of its events.
//!
//! What they hold is fixed by `schemas/outcomes/*.json`: no name, no number, no text, no value of a refused body.

use crate::db::{Ledger, json};
use crate::engine::query;
use crate::error::LedgerError;
use crate::record::Entry;
use crate::shared::{ReadRecord, SCAN, read_record};
use crate::state::State;
use crate::told::Told;
use crate::vault::base32;
use chrono::{DateTime, SecondsFormat, Utc};
use schemas::Rule;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Type of the event that tells a change of state.
pub const DELIVERY_UPDATED: &str = "ulak.delivery-updated.v1";
/// Type of the event that tells a refusal.
pub const EVENT_REFUSED: &str = "ulak.event-refused.v1";
/// Kinds of records that [`DELIVERY_UPDATED`] is made from.
pub const UPDATES: &[&str] =
    &["waiting", "outcome", "receipt", "ended", "lease-ran-out", "not-found", "replayed"];
/// Kinds of records that [`EVENT_REFUSED`] is made from.
pub const REFUSALS: &[&str] = &["event-refused"];
/// Source of both.
const SOURCE: &str = "/ulak";

/// An event to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// CloudEvents id: the same record always has the same one, so that a consumer knows what came twice.
    pub id: String,
    /// Its type, and its routing key.
    pub event_type: &'static str,
    /// CloudEvents, structured JSON.
    pub body: Vec<u8>,
}

/// A place among the records; the default is before the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Transaction.
    pub xid: i64,
    /// Number.
    pub id: i64,
}

/// What a clinic is told next.
#[derive(Debug, Clone, Default)]
pub struct Tellings {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Up to where nothing is left out.
    pub up_to: Place,
    /// There may be more behind it.
    pub more: bool,
}

impl Ledger {
    /// A message for each record; `None`: there is nothing to tell of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn messages(
        &self,
        records: &[ReadRecord],
    ) -> Result<Vec<Option<Message>>, LedgerError> {
        let mut ntfs: Vec<&str> = records.iter().map(|record| record.ntf.as_str()).collect();
        ntfs.sort_unstable();
        ntfs.dedup();
        let told = if ntfs.is_empty() { HashMap::new() } else { self.told(&ntfs).await? };
        let tell = |record: &ReadRecord| {
            of(record, told.get(&record.ntf)).unwrap_or_else(|error| {
                tracing::error!(ntf = record.ntf, record = record.id, %error, "an outcome cannot be told");
                None
            })
        };
        Ok(records.iter().map(tell).collect())
    }

    /// What happened to a clinic's events after a place, in the order of the records and never past a transaction that may still
    /// commit (PROTOCOL rule 16). Looks at no more than [`SCAN`] records.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outcomes(
        &self,
        clinic: &str,
        after: Place,
        limit: i64,
    ) -> Result<Tellings, LedgerError> {
        let rows = query(
            "-- outcomes of a clinic\nWITH c AS (SELECT CAST($1 AS BIGINT) AS xid, CAST($2 AS BIGINT) AS id), \
             s AS (SELECT r.* FROM c CROSS JOIN record r WHERE {after} AND {committed} ORDER BY {by_commit} LIMIT $6), \
             m AS (SELECT xid, id, clinic, ntf, kind, at, bytes FROM s WHERE clinic = $3 AND kind IN (SELECT value FROM {list:$4}) \
               ORDER BY xid, id LIMIT $5) \
             SELECT CAST(1 AS BIGINT) AS wanted, m.* FROM m UNION ALL \
             SELECT 0, e.xid, e.id, '', '', '', (SELECT count(*) FROM s), '' FROM (SELECT xid, id FROM s ORDER BY xid DESC, id DESC LIMIT 1) e \
             ORDER BY wanted, xid, id",
        )
        .bind(after.xid)
        .bind(after.id)
        .bind(clinic)
        .bind(json(&[UPDATES, REFUSALS].concat())?)
        .bind(limit)
        .bind(SCAN)
        .fetch_all(self.db.read())
        .await?;
        let mut page = Tellings { up_to: after, ..Tellings::default() };
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let record = read_record(row)?;
            if row.try_get::<i64, _>("wanted")? == 0 {
                page.up_to = Place { xid: record.xid, id: record.id };
                // the count stands where a record has its time
                page.more = record.at == SCAN;
            } else {
                records.push(record);
            }
        }
        // a full page may have left wanted records behind it
        if let Some(last) = records.last().filter(|_| records.len() as i64 == limit) {
            page.up_to = Place { xid: last.xid, id: last.id };
            page.more = true;
        }
        page.messages = self.messages(&records).await?.into_iter().flatten().collect();
        Ok(page)
    }
}

/// What a record says to the outside; `None`: nothing. `told` is the event behind it.
///
/// # Errors
/// When the record was written by a newer program or is damaged.
pub fn of(record: &ReadRecord, told: Option<&Told>) -> Result<Option<Message>, LedgerError> {
    let data = match Entry::parse(&record.bytes)? {
        Entry::EventRefused { rule, path, source, id, .. } => {
            let data = refusal(record, &rule, &path, source, id);
            return Ok(Some(message(record, EVENT_REFUSED, None, data)));
        }
        // A worker goes on with it at once: its next record tells.
        // What changed nothing is no news to the clinic.
        Entry::Outcome { then: State::Sending | State::Released, .. }
        | Entry::Receipt { moved: false, .. } => return Ok(None),
        Entry::Outcome { attempt, code, then, .. } => Update::new(then, code).of_attempt(attempt),
        Entry::Waiting { why, until, .. } => Update::new(State::Waiting, why).until(until),
        Entry::Ended { state, why, .. } => Update::new(state, why),
        Entry::LeaseRanOut { attempt, then } => {
            Update::new(then, "lease-ran-out".to_owned()).of_attempt(attempt)
        }
        Entry::Receipt { attempt, word, code, then, .. } => {
            Update::new(then, if code.is_empty() { word } else { code }).of_attempt(attempt)
        }
        Entry::NotFound { attempt, resend, then, .. } => {
            let usual = if resend { State::Waiting } else { State::Unresolved };
            let then = then.unwrap_or(usual);
            Update::new(then, "not-found".to_owned()).of_attempt(attempt)
        }
        Entry::Replayed { .. } => Update::new(State::Waiting, "replayed".to_owned()),
        _ => return Ok(None),
    };
    // A refused event has no source and id of its own: what was wrong with it has been told.
    let Some(told) = told.filter(|told| !told.source.is_empty()) else { return Ok(None) };
    let data = data.data(record, told);
    Ok(Some(message(record, DELIVERY_UPDATED, told.subject.as_deref(), data)))
}

/// A change of state, before it is written.
struct Update {
    state: State,
    reason: String,
    attempt: Option<u32>,
    until: Option<i64>,
}

impl Update {
    fn new(state: State, reason: String) -> Self {
        Self { state, reason, attempt: None, until: None }
    }

    fn of_attempt(mut self, attempt: u32) -> Self {
        self.attempt = Some(attempt);
        self
    }

    fn until(mut self, until: i64) -> Self {
        self.until = Some(until);
        self
    }

    fn data(self, record: &ReadRecord, told: &Told) -> Map<String, Value> {
        let channel = self.attempt.and_then(|n| told.channels.get(&n));
        members([
            ("notification", Some(record.ntf.as_str().into())),
            ("source", Some(told.source.as_str().into())),
            ("id", Some(told.event_id.as_str().into())),
            ("type", Some(told.event_type.as_str().into())),
            ("clinic", Some(record.clinic.as_str().into())),
            ("state", Some(self.state.as_str().into())),
            ("final", Some(self.state.is_final().into())),
            ("reason", Some(code_of(&self.reason).into())),
            ("attempt", self.attempt.map(Value::from)),
            ("channel", channel.map(|channel| channel.as_str().into())),
            ("until", self.until.and_then(instant).map(Value::from)),
            ("at", instant(record.at).map(Value::from)),
        ])
    }
}

/// The bounded word of a reason: what stands behind `: ` is for ops, and may have been written by a person.
pub fn code_of(reason: &str) -> &str {
    reason.split(": ").next().unwrap_or_default()
}

fn refusal(
    record: &ReadRecord,
    rule: &str,
    path: &str,
    source: Option<String>,
    id: Option<String>,
) -> Map<String, Value> {
    let clinic = Some(record.clinic.as_str()).filter(|clinic| !clinic.is_empty());
    members([
        ("notification", Some(record.ntf.as_str().into())),
        ("source", source.map(Value::from)),
        ("id", id.map(Value::from)),
        ("clinic", clinic.map(Value::from)),
        ("rule", Some(rule.into())),
        ("path", Some(path.into())),
        ("meaning", Rule::parse(rule).map(|rule| rule.meaning().into())),
        ("at", instant(record.at).map(Value::from)),
    ])
}

/// What is not known is left out, never null.
fn members<const N: usize>(members: [(&str, Option<Value>); N]) -> Map<String, Value> {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn message(
    record: &ReadRecord,
    event_type: &'static str,
    subject: Option<&str>,
    data: Map<String, Value>,
) -> Message {
    let id = id_of(record);
    let envelope = members([
        ("specversion", Some("1.0".into())),
        ("id", Some(id.as_str().into())),
        ("source", Some(SOURCE.into())),
        ("type", Some(event_type.into())),
        ("time", instant(record.at).map(Value::from)),
        ("subject", subject.map(Value::from)),
        ("datacontenttype", Some("application/json".into())),
        ("data", Some(Value::Object(data))),
    ]);
    Message { id, event_type, body: Value::Object(envelope).to_string().into_bytes() }
}

/// Made from what the record says and not from its number: a restored database may give the number to another record.
fn id_of(record: &ReadRecord) -> String {
    let mut hash = Sha256::new();
    for part in [record.ntf.as_str(), &record.kind, &record.at.to_string(), &record.bytes] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("out_{}", base32(&hash.finalize()[..16]))
}

/// UTC with milliseconds; `None` outside the calendar.
fn instant(ms: i64) -> Option<String> {
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(ms)?;
    Some(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests;
