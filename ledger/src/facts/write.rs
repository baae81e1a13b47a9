//! A fact and everything that follows from it, inside one transaction.

use super::{Applied, FactAppointment, FactCancel, FactWrite};
use crate::db::Ledger;
use crate::decision::{PersonBasis, Settle};
use crate::engine::{Tx, query, scalar};
use crate::error::LedgerError;
use crate::ground::insert_persons;
use crate::protocol::Command;
use crate::record::{Entry, NewRecord};
use crate::sweep::end_in;
use crate::write::{append, lock, now};

/// What must be written as a whole was in the way of somebody else's: nothing of the transaction may stay.
const LOOK_AGAIN: Applied = Applied::LookAgain;

impl Ledger {
    /// After [`Applied::LookAgain`] the transaction must not be committed.
    pub(super) async fn write_fact(
        &self,
        tx: &mut Tx,
        fact: &FactWrite,
    ) -> Result<Applied, LedgerError> {
        // rows first, then the appointment: the order in which a claim locks them
        let mut ntfs: Vec<&str> = fact.cancels.iter().map(|cancel| cancel.ntf.as_str()).collect();
        ntfs.sort_unstable();
        lock(tx, &ntfs).await?;
        if let Some(appointment) = &fact.appointment
            && rev_of(tx, &appointment.key).await? != appointment.seen_rev
        {
            return Ok(LOOK_AGAIN);
        }
        if !insert_fact(tx, fact).await? {
            let known: Option<String> = scalar("SELECT digest FROM fact WHERE id = $1")
                .bind(&fact.id)
                .fetch_optional(&mut *tx)
                .await?;
            return Ok(Applied::Known { same: known.as_ref() == Some(&fact.digest) });
        }
        if let Some(person) = &fact.person
            && !is_known_so(tx, person).await?
        {
            return Ok(LOOK_AGAIN);
        }
        let cancelled = cancel(tx, &fact.cancels).await?;
        let mut said = None;
        if let Some(word) = &fact.word {
            said = self.say_in(tx, (&fact.clinic, &fact.id), word).await?;
            if said.is_none() {
                return Ok(LOOK_AGAIN);
            }
        }
        let plan: Vec<&Settle> = fact.plan.iter().collect();
        if !plan.is_empty() && !self.settle_in(tx, &plan).await?.into_iter().all(|written| written)
        {
            return Ok(LOOK_AGAIN);
        }
        if let Some(appointment) = &fact.appointment
            && !write_appointment(tx, &fact.clinic, appointment).await?
        {
            return Ok(LOOK_AGAIN);
        }
        let now = now(tx).await?;
        let entry = naming(&fact.entry, &cancelled);
        let entries = [entry].into_iter().chain(said);
        let records: Result<Vec<_>, _> =
            entries.map(|entry| NewRecord::of(&fact.clinic, &fact.id, now, &entry)).collect();
        append(tx, &records?).await?;
        Ok(Applied::Written { cancelled })
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

/// The revision of an appointment, held until the end; 0: it is not known.
async fn rev_of(tx: &mut Tx, key: &str) -> Result<i64, LedgerError> {
    let rev: Option<i64> =
        scalar("-- lock appointment\nSELECT rev FROM appointment WHERE key = $1 {lock}")
            .bind(key)
            .fetch_optional(tx)
            .await?;
    Ok(rev.unwrap_or(0))
}

/// `false`: a fact of this source and id is there.
async fn insert_fact(tx: &mut Tx, fact: &FactWrite) -> Result<bool, LedgerError> {
    let new = query(
        "-- insert fact\nINSERT INTO fact (id, clinic, type, source, event_id, digest, state, why, created_at, about) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, {now}, $9) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&fact.id)
    .bind(&fact.clinic)
    .bind(&fact.fact_type)
    .bind(&fact.source)
    .bind(&fact.event_id)
    .bind(&fact.digest)
    .bind(fact.state.as_str())
    .bind(&fact.why)
    .bind(&fact.about)
    .execute(tx)
    .await?;
    Ok(new > 0)
}

/// Makes a person known. `false`: somebody else made another key for this person.
async fn is_known_so(tx: &mut Tx, person: &PersonBasis) -> Result<bool, LedgerError> {
    if person.rev == 0 {
        insert_persons(tx, vec![person]).await?;
    }
    let id: Option<String> = scalar("SELECT id FROM person WHERE lookup = $1")
        .bind(&person.lookup)
        .fetch_optional(tx)
        .await?;
    Ok(id.as_ref() == Some(&person.id))
}

/// Cancels rows that are not on their way; returns those that were.
async fn cancel(tx: &mut Tx, cancels: &[FactCancel]) -> Result<Vec<String>, LedgerError> {
    let mut whys: Vec<&str> = cancels.iter().map(|cancel| cancel.why).collect();
    whys.sort_unstable();
    whys.dedup();
    let mut cancelled = vec![];
    for why in whys {
        let rows: Vec<String> =
            cancels.iter().filter(|c| c.why == why).map(|c| c.ntf.clone()).collect();
        cancelled.extend(end_in(tx, &rows, &Command::Cancel, why).await?);
    }
    cancelled.sort_unstable();
    Ok(cancelled)
}

/// The revision rises with each fact: a claim that was decided on what it was before writes nothing (PROTOCOL rule 3). `false`:
/// somebody else made it known at the same moment.
async fn write_appointment(
    tx: &mut Tx,
    clinic: &str,
    appointment: &FactAppointment,
) -> Result<bool, LedgerError> {
    let written = query(
        "-- write appointment\nINSERT INTO appointment (key, clinic, rev, version, version_kind, starts_at, cancelled, from_fact, content) \
         VALUES ($1, $2, 1, $3, $4, $5, $6, 1, $7) ON CONFLICT (key) DO UPDATE SET rev = appointment.rev + 1, version = excluded.version, \
         version_kind = excluded.version_kind, starts_at = excluded.starts_at, cancelled = excluded.cancelled, from_fact = 1, \
         content = excluded.content WHERE appointment.rev = $8",
    )
    .bind(&appointment.key)
    .bind(clinic)
    .bind(appointment.version.1)
    .bind(appointment.version.0)
    .bind(appointment.starts_at)
    .bind(i64::from(appointment.cancelled))
    .bind(&appointment.content)
    .bind(appointment.seen_rev)
    .execute(tx)
    .await?;
    Ok(written > 0)
}
