//! Facts: what was decided about one is written together with everything that follows from it, or not at all.

mod ground;
mod watch;

use crate::db::{Key, Ledger, json};
use crate::decision::Settle;
use crate::engine::{Tx, query, query_as, scalar};
use crate::error::LedgerError;
use crate::protocol::Command;
use crate::record::{Entry, NewRecord};
use crate::slice;
use crate::state::State;
use crate::sweep::end_in;
use crate::write::{append, now};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

pub use ground::{FactGround, MadeRow};
pub use watch::FACTS;

/// What becomes of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactState {
    /// It counts.
    Applied,
    /// Something newer was known already.
    Stale,
}

impl FactState {
    /// `applied`, `stale`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Stale => "stale",
        }
    }
}

/// What a fact makes of its appointment.
#[derive(Debug, Clone)]
pub struct FactAppointment {
    /// Keyed hash of clinic and appointment id.
    pub key: String,
    /// The revision that was decided on; 0: it was not known.
    pub seen_rev: i64,
    /// Version kind and number.
    pub version: (&'static str, i64),
    /// When the visit starts, milliseconds since 1970 UTC; 0: not known.
    pub starts_at: i64,
    /// It is cancelled.
    pub cancelled: bool,
    /// Hash of what the fact says.
    pub content: String,
}

/// What a fact makes of a person.
#[derive(Debug, Clone)]
pub struct FactSuppression {
    /// Keyed hash for the suppression list.
    pub key: String,
    /// Keyed hash of the person.
    pub person: String,
    /// The person refused; otherwise an earlier refusal is taken back.
    pub refused: bool,
    /// Why, in bounded words.
    pub why: String,
}

/// A fact with everything that follows from it.
#[derive(Debug, Clone)]
pub struct FactWrite {
    /// Identity of the fact.
    pub id: String,
    /// Clinic.
    pub clinic: String,
    /// CloudEvents type.
    pub fact_type: String,
    /// CloudEvents source.
    pub source: String,
    /// CloudEvents id.
    pub event_id: String,
    /// Hex of SHA-256 over the canonical `type`, `subject`, `data`.
    pub digest: String,
    /// What becomes of it.
    pub state: FactState,
    /// Why it is stale, in bounded words.
    pub why: String,
    /// What it makes of its appointment.
    pub appointment: Option<FactAppointment>,
    /// Why the waiting and released rows of the appointment are cancelled; `None`: they stay.
    pub cancels: Option<&'static str>,
    /// What it makes of a person.
    pub suppression: Option<FactSuppression>,
    /// Notifications that it plans.
    pub plan: Vec<Settle>,
    /// For the log.
    pub entry: Entry,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It is written, and these notifications were cancelled by it.
    Written {
        /// Notifications.
        cancelled: Vec<String>,
    },
    /// A fact of this source and id is there already.
    Known {
        /// It says the same.
        same: bool,
    },
    /// What was decided on has changed: decide again.
    LookAgain,
}

impl FactWrite {
    fn keys(&self) -> Vec<&str> {
        let mut keys = vec![self.id.as_str()];
        keys.extend(self.appointment.as_ref().map(|a| a.key.as_str()));
        keys.extend(self.suppression.as_ref().map(|s| s.person.as_str()));
        keys.extend(self.plan.iter().map(|settle| settle.person.lookup.as_str()));
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

#[derive(Serialize)]
struct FactRow<'a> {
    id: &'a str,
    clinic: &'a str,
    #[serde(rename = "type")]
    fact_type: &'a str,
    source: &'a str,
    event_id: &'a str,
    digest: &'a str,
    state: &'a str,
    why: &'a str,
}

impl Ledger {
    /// Writes facts, each with everything that follows from it in one transaction; an acknowledgement after that is true.
    pub async fn apply_facts(&self, facts: &[FactWrite]) -> Vec<Result<Applied, LedgerError>> {
        slice::in_rounds(facts, FactWrite::keys, |slice| self.apply_slice(slice)).await
    }

    async fn apply_slice(&self, facts: Vec<&FactWrite>) -> Result<Vec<Applied>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let fresh = insert_facts(&mut tx, &facts).await?;
        let open = open_of(&mut tx, &facts).await?;
        let revs = lock_appointments(&mut tx, &facts).await?;
        let mut answers = Vec::with_capacity(facts.len());
        let mut records = vec![];
        let mut forgotten = vec![];
        let now = now(&mut tx).await?;
        for fact in &facts {
            if !fresh.contains(&fact.id) {
                let known: Option<String> = scalar("SELECT digest FROM fact WHERE id = $1")
                    .bind(&fact.id)
                    .fetch_optional(&mut tx)
                    .await?;
                answers.push(Applied::Known { same: known.as_ref() == Some(&fact.digest) });
                continue;
            }
            let moved_on = fact
                .appointment
                .as_ref()
                .is_some_and(|a| revs.get(&a.key).copied().unwrap_or(0) != a.seen_rev);
            if moved_on {
                forgotten.push(Key { key: &fact.id });
                answers.push(Applied::LookAgain);
                continue;
            }
            let cancelled = self.follow(&mut tx, fact, &open).await?;
            let Some(cancelled) = cancelled else {
                tx.rollback().await?;
                // a person got another key meanwhile; which of the facts that was is found one by one
                return if facts.len() > 1 {
                    Err(LedgerError::Conflict)
                } else {
                    Ok(vec![Applied::LookAgain])
                };
            };
            let entry = naming(&fact.entry, &cancelled);
            records.push(NewRecord::of(&fact.clinic, &fact.id, now, &entry)?);
            answers.push(Applied::Written { cancelled });
        }
        query("-- forget facts\nDELETE FROM fact WHERE id IN (SELECT key FROM {rows:key text})")
            .bind(json(&forgotten)?)
            .execute(&mut tx)
            .await?;
        append(&mut tx, &records).await?;
        tx.commit().await?;
        Ok(answers)
    }

    /// What follows from one fact; `None`: a planned row could not be written.
    async fn follow(
        &self,
        tx: &mut Tx,
        fact: &FactWrite,
        open: &HashMap<String, Vec<String>>,
    ) -> Result<Option<Vec<String>>, LedgerError> {
        let mut cancelled = vec![];
        if let Some((why, appointment)) = fact.cancels.zip(fact.appointment.as_ref())
            && let Some(rows) = open.get(&appointment.key)
        {
            cancelled = end_in(tx, rows, &Command::Cancel, why).await?;
            cancelled.sort_unstable();
        }
        if let Some(suppression) = &fact.suppression {
            self.suppress_in(tx, &fact.clinic, suppression).await?;
        }
        // rows of one plan share their person: one after another
        for settle in &fact.plan {
            if self.settle_in(tx, &[settle]).await? != [true] {
                return Ok(None);
            }
        }
        if let Some(appointment) = &fact.appointment {
            write_appointment(tx, &fact.clinic, appointment).await?;
        }
        Ok(Some(cancelled))
    }
}

/// The entry with the notifications that were cancelled.
fn naming(entry: &Entry, cancelled: &[String]) -> Entry {
    let mut entry = entry.clone();
    if let Entry::FactApplied { cancelled: named, .. } = &mut entry {
        cancelled.clone_into(named);
    }
    entry
}

async fn insert_facts(tx: &mut Tx, facts: &[&FactWrite]) -> Result<HashSet<String>, LedgerError> {
    let rows: Vec<FactRow<'_>> = facts
        .iter()
        .map(|f| FactRow {
            id: &f.id,
            clinic: &f.clinic,
            fact_type: &f.fact_type,
            source: &f.source,
            event_id: &f.event_id,
            digest: &f.digest,
            state: f.state.as_str(),
            why: &f.why,
        })
        .collect();
    let new: Vec<String> = scalar(
        "-- insert facts\nINSERT INTO fact (id, clinic, type, source, event_id, digest, state, why, created_at) \
         SELECT id, clinic, type, source, event_id, digest, state, why, {now} \
         FROM {rows:id text, clinic text, type text, source text, event_id text, digest text, state text, why text} WHERE TRUE ORDER BY id \
         ON CONFLICT (id) DO NOTHING RETURNING id",
    )
    .bind(json(&rows)?)
    .fetch_all(tx)
    .await?;
    Ok(new.into_iter().collect())
}

/// Rows that a fact may cancel, by appointment. Rows first, then the appointment: the order in which a claim locks them.
async fn open_of(
    tx: &mut Tx,
    facts: &[&FactWrite],
) -> Result<HashMap<String, Vec<String>>, LedgerError> {
    let keys: Vec<Key<'_>> = facts
        .iter()
        .filter(|fact| fact.cancels.is_some())
        .filter_map(|fact| fact.appointment.as_ref())
        .map(|a| Key { key: &a.key })
        .collect();
    let mut open: HashMap<String, Vec<String>> = HashMap::new();
    if keys.is_empty() {
        return Ok(open);
    }
    let rows: Vec<(String, String)> = query_as(format!(
        "-- open of appointments\nSELECT appointment, ntf FROM notification WHERE appointment IN (SELECT key FROM {{rows:key text}}) \
         AND state IN ('{}', '{}') ORDER BY ntf {{lock}}",
        State::Waiting,
        State::Released
    ))
    .bind(json(&keys)?)
    .fetch_all(tx)
    .await?;
    for (appointment, ntf) in rows {
        open.entry(appointment).or_default().push(ntf);
    }
    Ok(open)
}

async fn lock_appointments(
    tx: &mut Tx,
    facts: &[&FactWrite],
) -> Result<HashMap<String, i64>, LedgerError> {
    let keys: Vec<Key<'_>> = facts
        .iter()
        .filter_map(|fact| fact.appointment.as_ref())
        .map(|a| Key { key: &a.key })
        .collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, i64)> = query_as(
        "-- lock appointments\nSELECT key, rev FROM appointment WHERE key IN (SELECT key FROM {rows:key text}) ORDER BY key {lock}",
    )
    .bind(json(&keys)?)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().collect())
}

/// The revision rises with each fact: a claim that was decided on what it was before writes nothing (PROTOCOL rule 3).
async fn write_appointment(
    tx: &mut Tx,
    clinic: &str,
    appointment: &FactAppointment,
) -> Result<(), LedgerError> {
    query(
        "-- write appointment\nINSERT INTO appointment (key, clinic, rev, version, version_kind, starts_at, cancelled, from_fact, content) \
         VALUES ($1, $2, 1, $3, $4, $5, $6, 1, $7) ON CONFLICT (key) DO UPDATE SET rev = appointment.rev + 1, version = excluded.version, \
         version_kind = excluded.version_kind, starts_at = excluded.starts_at, cancelled = excluded.cancelled, from_fact = 1, \
         content = excluded.content",
    )
    .bind(&appointment.key)
    .bind(clinic)
    .bind(appointment.version.1)
    .bind(appointment.version.0)
    .bind(appointment.starts_at)
    .bind(i64::from(appointment.cancelled))
    .bind(&appointment.content)
    .execute(tx)
    .await?;
    Ok(())
}
