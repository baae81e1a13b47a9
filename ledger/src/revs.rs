//! Revisions of persons and appointments: what was committed before a claim began stops it (PROTOCOL rule 3).

use crate::engine::{Tx, columns, query};
use crate::error::LedgerError;
use serde::Serialize;
use std::collections::HashMap;

/// Revisions as they are inside a transaction.
#[derive(Debug, Default)]
pub(crate) struct Revs {
    /// Person's lookup hash → identifier and revision.
    persons: HashMap<String, (String, i64)>,
    /// Appointment's hash → revision.
    appointments: HashMap<String, i64>,
    now: i64,
}

#[derive(Serialize)]
struct Ask<'a> {
    key: &'a str,
    kind: &'a str,
}

impl Revs {
    /// Reads the revisions of (person, appointment) pairs.
    pub async fn read<'a>(
        tx: &mut Tx,
        pairs: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, LedgerError> {
        let asks: Vec<Ask<'_>> = pairs
            .flat_map(|(person, appointment)| {
                let person = Ask { key: person, kind: "p" };
                std::iter::once(person).chain(appointment.map(|key| Ask { key, kind: "a" }))
            })
            .collect();
        let rows = query(
            "-- revs\nWITH r AS (SELECT key, kind FROM {rows:key text, kind text}) \
             SELECT 'p' AS kind, p.lookup AS key, p.id, p.rev FROM r JOIN person p ON p.lookup = r.key WHERE r.kind = 'p' \
             UNION ALL SELECT 'a', a.key, '', a.rev FROM r JOIN appointment a ON a.key = r.key WHERE r.kind = 'a' \
             UNION ALL SELECT 'n', '', '', {now}",
        )
        .bind(columns(&asks)?)
        .fetch_all(tx)
        .await?;
        let mut revs = Self::default();
        for row in rows {
            let (key, rev): (String, i64) = (row.try_get("key")?, row.try_get("rev")?);
            match row.try_get::<String, _>("kind")?.as_str() {
                "p" => drop(revs.persons.insert(key, (row.try_get("id")?, rev))),
                "a" => drop(revs.appointments.insert(key, rev)),
                _ => revs.now = rev,
            }
        }
        Ok(revs)
    }

    /// The database's clock when this was read.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Identifier of a person.
    pub fn person(&self, lookup: &str) -> Option<&str> {
        self.persons.get(lookup).map(|(id, _)| id.as_str())
    }

    /// Revision of a person.
    pub fn person_rev(&self, lookup: &str) -> Option<i64> {
        self.persons.get(lookup).map(|(_, rev)| *rev)
    }

    /// Revision of an appointment; 0 if none is known.
    pub fn appointment(&self, key: &str) -> i64 {
        self.appointments.get(key).copied().unwrap_or(0)
    }

    /// Whether both are still what was decided on.
    pub fn still(&self, person: &(String, i64), appointment: Option<&(String, i64)>) -> bool {
        self.person_rev(&person.0) == Some(person.1)
            && appointment.is_none_or(|(key, rev)| self.appointment(key) == *rev)
    }
}
