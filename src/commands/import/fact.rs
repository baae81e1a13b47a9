//! Rows as facts: which appointment a row is about, and the event that says so.
//!
//! The same row makes the same fact each time, so that a file may be imported again: its id is a keyed hash of what the row says. Its
//! time is the file's last change, which is what the row is as of: something that the clinic's system said after that is not undone.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use ledger::vault::{Purpose, Vault};
use schemas::{ClinicId, FactEvent, Refusal, Registry, Rule};
use serde_json::{Value, json};

use super::row::{Bad, Visit};
use crate::cli::import::Field;

/// What a fact says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happened {
    /// Nothing that stands was known of the appointment.
    Booked,
    /// It was moved or changed.
    Rescheduled,
    /// It was cancelled.
    Cancelled,
}

impl Happened {
    const fn fact_type(self) -> &'static str {
        match self {
            Self::Booked => "clinic.appointment-booked.v1",
            Self::Rescheduled => "clinic.appointment-rescheduled.v1",
            Self::Cancelled => "clinic.appointment-cancelled.v1",
        }
    }
}

/// What all facts of one import share.
pub(super) struct Maker<'a> {
    /// Event types.
    pub(super) registry: &'a Registry,
    /// Makes hashes that nobody without the installation's key can compare: a plain one of a phone number would be reversible.
    pub(super) vault: &'a Vault,
    /// Whose appointments they are.
    pub(super) clinic: &'a ClinicId,
    /// The instant that the file is as of.
    pub(super) as_of: DateTime<Utc>,
    /// Now, by the database's clock.
    pub(super) now: DateTime<Utc>,
    /// Rows are new facts although they were imported before.
    pub(super) again: bool,
}

/// The names of a row's appointment and fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Names {
    /// The appointment's id: that of the file, else a hash of number and start.
    pub(super) appointment: String,
    /// The fact's id: the same for a row that says the same.
    pub(super) fact: String,
}

impl Maker<'_> {
    /// The names of a row.
    pub(super) fn names(&self, visit: &Visit) -> Names {
        let clinic = self.clinic.as_str();
        let starts_at = visit.slot.starts_at.timestamp_millis().to_string();
        let ends_at =
            visit.slot.ends_at.map(|at| at.timestamp_millis().to_string()).unwrap_or_default();
        let phone = visit.phone.e164();
        let hash = |parts: &[&str]| self.vault.hash(Purpose::Import, parts);
        let appointment = visit.id.clone().unwrap_or_else(|| {
            format!("import-{}", hash(&[clinic, "appointment", phone, &starts_at]))
        });
        let state = if visit.cancelled { "cancelled" } else { "standing" };
        let with = visit.with.as_deref().unwrap_or_default();
        let said = [
            clinic,
            "row",
            state,
            &appointment,
            phone,
            visit.name.full(),
            &starts_at,
            &ends_at,
            with,
        ];
        Names { fact: format!("import/{}", hash(&said)), appointment }
    }

    /// The fact of a row, held against the contract like any other.
    ///
    /// # Errors
    /// The row says something that no fact may.
    pub(super) fn fact(
        &self,
        visit: &Visit,
        names: &Names,
        what: Happened,
    ) -> Result<FactEvent, Bad> {
        let id = if self.again {
            format!("{}/{}", names.fact, self.now.timestamp_millis())
        } else {
            names.fact.clone()
        };
        let body = json!({
            "specversion": "1.0",
            "id": id,
            "source": self.clinic.source(),
            "type": what.fact_type(),
            "time": self.time().to_rfc3339_opts(SecondsFormat::Millis, true),
            "subject": format!("appointment/{}", names.appointment),
            "datacontenttype": "application/json",
            "data": data(visit, &names.appointment),
        });
        let knows = |clinic: &str| clinic == self.clinic.as_str();
        self.registry
            .read_fact(body.to_string().as_bytes(), None, &knows)
            .map_err(|refusal| refused(&refusal))
    }

    /// As of when a row counts.
    fn time(&self) -> DateTime<Utc> {
        if self.again { self.now } else { self.as_of.min(self.now) }
    }
}

fn data(visit: &Visit, appointment: &str) -> Value {
    let mut about = json!({ "id": appointment, "starts_at": visit.slot.starts_at.to_rfc3339() });
    if let Some(fields) = about.as_object_mut() {
        let ends_at = visit.slot.ends_at.map(|at| ("ends_at".to_owned(), at.to_rfc3339().into()));
        fields.extend(ends_at);
        fields.extend(visit.with.as_ref().map(|with| ("with".to_owned(), with.as_str().into())));
    }
    json!({
        "recipient": { "name": visit.name.full(), "phone": visit.phone.e164() },
        "appointment": about,
    })
}

/// A refusal in the words of the file.
pub(super) fn refused(refusal: &Refusal) -> Bad {
    let field = match refusal.path.as_str() {
        "/data/recipient/name" => Field::Name,
        "/data/recipient/phone" => Field::Phone,
        "/data/appointment/starts_at" if refusal.rule == Rule::Range => {
            return Bad::new(
                Field::Date,
                "range",
                "is more than two years ahead of the file's last change; is the year right?",
            );
        }
        "/data/appointment/starts_at" => Field::Date,
        "/data/appointment/ends_at" => Field::End,
        "/data/appointment/with" => Field::With,
        "/data/appointment/id" => Field::Id,
        _ => return Bad::row(refusal.rule.as_str(), refusal.rule.meaning()),
    };
    Bad::rule(field, refusal.rule)
}

/// Rows of one file that are about one appointment, by their place among `visits`: `Ok` repeats an earlier line, `Err` contradicts it.
pub(super) fn repeated(visits: &[(&Visit, &Names)]) -> HashMap<usize, Result<u64, Bad>> {
    let mut by_appointment: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, (_, names)) in visits.iter().enumerate() {
        by_appointment.entry(&names.appointment).or_default().push(place);
    }
    let mut repeated = HashMap::new();
    for places in by_appointment.into_values().filter(|places| places.len() > 1) {
        let line = |place: usize| visits[place].0.line;
        if places.iter().all(|place| visits[*place].1.fact == visits[places[0]].1.fact) {
            repeated.extend(places[1..].iter().map(|place| (*place, Ok(line(places[0])))));
            continue;
        }
        for place in &places {
            // nobody can say which of them is right
            let other = places.iter().find(|other| *other != place).map_or(0, |other| line(*other));
            let bad = if visits[*place].0.id.is_some() {
                Bad::new(
                    Field::Id,
                    "twice",
                    format!(
                        "line {other} has the same id and says something else; keep one of them"
                    ),
                )
            } else {
                Bad::row(
                    "twice",
                    format!(
                        "line {other} has the same number and start and says something else; keep one, or give the file a column with the appointment's id"
                    ),
                )
            };
            repeated.insert(*place, Err(bad));
        }
    }
    repeated
}

#[cfg(test)]
mod tests;
