//! Refused events, notes about events, suppression, and cancelled appointments.

use crate::db::Ledger;
use crate::engine::{Tx, columns, query, scalar};
use crate::error::LedgerError;
use crate::facts::put_on_list;
use crate::protocol::Command;
use crate::record::{Entry, NewRecord};
use crate::slice;
use crate::sweep::end_in;
use crate::vault::random_id;
use crate::write::{append, now, storable};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashSet;

/// An event that no rule accepts.
#[derive(Debug, Clone)]
pub struct RefusedEvent {
    /// `bad_…`.
    pub ntf: String,
    /// Clinic, empty where it cannot be read.
    pub clinic: String,
    /// Type as published, or the queue's.
    pub event_type: String,
    /// Rule, in short, for the `why` of the row.
    pub why: String,
    /// The record.
    pub entry: Entry,
}

#[derive(Serialize)]
struct RefusedRow<'a> {
    ntf: &'a str,
    clinic: Cow<'a, str>,
    #[serde(rename = "type")]
    event_type: Cow<'a, str>,
    why: Cow<'a, str>,
}

impl Ledger {
    /// Records refused events. A redelivery of the same body is the same event: `false`.
    ///
    /// # Errors
    /// When the database does not answer; nothing is written then.
    pub async fn refuse(&self, events: &[RefusedEvent]) -> Result<Vec<bool>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let mut rows: Vec<RefusedRow<'_>> = events
            .iter()
            .map(|e| RefusedRow {
                ntf: &e.ntf,
                clinic: storable(&e.clinic),
                event_type: storable(&e.event_type),
                why: storable(&e.why),
            })
            .collect();
        rows.sort_unstable_by_key(|row| row.ntf);
        rows.dedup_by_key(|row| row.ntf);
        let new: HashSet<String> = scalar(
            "-- refuse\nINSERT INTO notification (ntf, clinic, type, source, event_id, digest, gap_ms, class, on_unknown, expires_at, created_at, \
               state, why, fence, attempt, changed_at) \
             SELECT ntf, clinic, type, '', '', '', 0, 0, 'stop', $2, $2, 'dead-lettered', why, 0, 0, $2 \
             FROM {rows:ntf text, clinic text, type text, why text} WHERE TRUE ON CONFLICT (ntf) DO NOTHING RETURNING ntf",
        )
        .bind(columns(&rows)?)
        .bind(now)
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .collect();
        let mut answers = vec![];
        let mut written = HashSet::new();
        let mut records = vec![];
        for event in events {
            let first = new.contains(&event.ntf) && written.insert(event.ntf.as_str());
            if first {
                let clinic = storable(&event.clinic);
                records.push(NewRecord::of(&clinic, &event.ntf, now, &event.entry)?);
            }
            answers.push(first);
        }
        append(&mut tx, &records).await?;
        tx.commit().await?;
        Ok(answers)
    }

    /// [`Ledger::refuse`] with an answer for each: one that cannot be written fails alone.
    pub async fn refuse_each(&self, events: &[RefusedEvent]) -> Vec<Result<bool, LedgerError>> {
        slice::each(events.len(), |range| self.refuse(&events[range])).await
    }

    /// Appends records that change no state: duplicates, returned copies.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note(&self, notes: &[(String, String, Entry)]) -> Result<(), LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        let records: Result<Vec<_>, _> = notes
            .iter()
            .map(|(clinic, ntf, entry)| NewRecord::of(clinic, ntf, now, entry))
            .collect();
        append(&mut tx, &records?).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How many records of a kind a notification has (returns of one body, PROTOCOL rule 13).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_records(&self, ntf: &str, kind: &str) -> Result<i64, LedgerError> {
        scalar("SELECT count(*) FROM record WHERE ntf = $1 AND kind = $2")
            .bind(ntf)
            .bind(kind)
            .fetch_one(self.db.read())
            .await
    }

    /// Puts a number on the suppression list and raises the person's revision, which stops claims decided before.
    ///
    /// A person whom nobody knew is made known, so that a claim that decided on a stranger is stopped too.
    ///
    /// `key` and `person` are the keyed hashes of [`crate::vault::Purpose::Suppression`] and `Person`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn suppress(
        &self,
        clinic: &str,
        key: &str,
        person: &str,
        why: &str,
    ) -> Result<(), LedgerError> {
        let mut tx = self.db.begin().await?;
        let now = now(&mut tx).await?;
        put_on_list(&mut tx, clinic, key, why, now).await?;
        self.raise_person(&mut tx, clinic, person).await?;
        let entry = Entry::PersonSuppressed { why: why.to_owned() };
        append(&mut tx, &[NewRecord::of(clinic, "", now, &entry)?]).await?;
        tx.commit().await
    }

    /// Raises a person's revision; one whom nobody knew is made known.
    pub(crate) async fn raise_person(
        &self,
        tx: &mut Tx,
        clinic: &str,
        person: &str,
    ) -> Result<(), LedgerError> {
        let id = random_id("per_")?;
        let (_, wrapped) = self.vault().new_data_key(&id)?;
        query(
            "INSERT INTO person (id, clinic, lookup, wrapped, master, rev, created_at) VALUES ($1, $2, $3, $4, $5, 1, {now}) \
             ON CONFLICT (lookup) DO UPDATE SET rev = person.rev + 1",
        )
        .bind(id)
        .bind(clinic)
        .bind(person)
        .bind(wrapped)
        .bind(self.vault().master_name())
        .execute(tx)
        .await?;
        Ok(())
    }

    /// Cancels an appointment: a tombstone, a raised revision, and all of its rows that are not on their way.
    ///
    /// It stops everything up to its version and nothing newer, so it may come late (PROTOCOL rule 12).
    /// `key` is the keyed hash of [`crate::vault::Purpose::Appointment`]. Returns the cancelled notifications.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cancel_appointment(
        &self,
        clinic: &str,
        key: &str,
        version: (&str, i64),
    ) -> Result<Vec<String>, LedgerError> {
        let mut tx = self.db.begin().await?;
        // rows first, then the appointment: the order in which a claim locks them
        let rows: Vec<String> = scalar(
            "SELECT n.ntf FROM open o JOIN notification n ON n.ntf = o.ntf WHERE n.appointment = $1 \
             AND (n.version_kind IS NULL OR n.version_kind <> $2 OR n.version <= $3) ORDER BY n.ntf",
        )
        .bind(key)
        .bind(version.0)
        .bind(version.1)
        .fetch_all(&mut *tx)
        .await?;
        let done = end_in(&mut tx, &rows, &Command::Cancel, "appointment-cancelled").await?;
        query(
            "INSERT INTO appointment (key, clinic, rev, version, version_kind, starts_at, cancelled, from_fact) \
             VALUES ($1, $2, 1, $3, $4, 0, 1, 1) ON CONFLICT (key) DO UPDATE SET rev = appointment.rev + 1, \
             version = excluded.version, version_kind = excluded.version_kind, cancelled = 1, from_fact = 1 \
             WHERE appointment.version_kind <> excluded.version_kind OR appointment.version <= excluded.version",
        )
        .bind(key)
        .bind(clinic)
        .bind(version.1)
        .bind(version.0)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done)
    }
}
