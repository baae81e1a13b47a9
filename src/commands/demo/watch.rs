//! Where each event is, against where it must be.

use std::collections::{HashMap, HashSet};

use ledger::record::Entry;
use ledger::report::{ListFilter, Listed};
use serde_json::Value;

use super::Failure;
use super::events::{Events, national};
use super::expected::{Expectations, Expected};
use super::feed::{Answer, looked};
use super::stage::Stage;

/// Rows that one look reads; the demo has far fewer.
const MOST: i64 = 1_000;

/// What became of one event so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Notification, if it is in the ledger.
    pub ntf: Option<String>,
    /// State, or `HTTP 422`.
    pub state: String,
    /// Why.
    pub why: String,
    /// Attempts.
    pub attempts: i64,
    /// The texts that the providers took, each with the provider.
    pub texts: Vec<(String, String)>,
    /// It is as it must be.
    pub as_foreseen: bool,
}

/// Looks at everything again and again.
pub struct Watch<'a> {
    stage: &'a Stage,
    expectations: Expectations,
    numbers: HashMap<String, String>,
    answers: Vec<Answer>,
    duplicates: i64,
    places: Vec<Place>,
}

impl<'a> Watch<'a> {
    /// Nothing was seen yet.
    pub fn new(stage: &'a Stage, events: &Events, expectations: Expectations) -> Self {
        let numbers = events
            .first
            .iter()
            .chain(&events.again)
            .map(|event| (event["id"].as_str().unwrap_or_default().to_owned(), national(event)))
            .collect();
        let places = vec![Place::default(); expectations.0.len()];
        Self { stage, expectations, numbers, answers: vec![], duplicates: 0, places }
    }

    /// Each event with what must and what did become of it.
    pub fn all(&self) -> impl Iterator<Item = (&Expected, &Place)> {
        self.expectations.0.iter().zip(&self.places)
    }

    /// What the HTTP door said.
    pub fn answered(&mut self, answers: Vec<Answer>) {
        self.answers.extend(answers);
    }

    /// Whether an event is accepted.
    pub fn is_accepted(&self, event: &str) -> bool {
        self.all().any(|(expected, place)| expected.event == event && place.state == "accepted")
    }

    /// The notification of an event.
    pub fn ntf_of(&self, event: &str) -> Option<&str> {
        let (_, place) = self.all().find(|(expected, _)| expected.event == event)?;
        place.ntf.as_deref()
    }

    /// Whether each event is where it must be.
    pub fn all_as_foreseen(&self) -> bool {
        self.places.iter().all(|place| place.as_foreseen)
    }

    /// How often an event was said again and left a record and nothing else.
    pub fn duplicates(&self) -> i64 {
        self.duplicates
    }

    /// Looks once.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn look(&mut self) -> Result<(), Failure> {
        let ledger = &self.stage.ledger;
        let filter = ListFilter { limit: MOST, ..ListFilter::default() };
        let rows = looked(ledger.list(&filter).await)?;
        self.duplicates = looked(ledger.balance(None).await)?.duplicates;
        let references = looked(self.references(&rows).await)?;
        let mut used = HashSet::new();
        let mut places = vec![];
        for expected in &self.expectations.0 {
            let at_door = self.stage.door.is_some() && expected.http != 202;
            let mut place = if at_door {
                self.at_the_door(expected)
            } else {
                in_the_ledger(expected, &rows, &mut used)
            };
            place.texts = self.texts(expected, &place, &references);
            place.as_foreseen = as_foreseen(expected, &place, at_door);
            places.push(place);
        }
        self.places = places;
        Ok(())
    }

    fn at_the_door(&self, expected: &Expected) -> Place {
        let name = expected.event.split(' ').next().unwrap_or_default();
        let answer = self
            .answers
            .iter()
            .find(|answer| answer.event == name && answer.status == expected.http);
        answer.map_or_else(Place::default, |answer| Place {
            state: format!("HTTP {}", answer.status),
            why: answer.why.clone(),
            ..Place::default()
        })
    }

    /// What the providers call the messages of each notification.
    async fn references(
        &self,
        rows: &[Listed],
    ) -> Result<HashMap<String, Vec<String>>, ledger::LedgerError> {
        let mut references = HashMap::new();
        for row in rows {
            let records = self.stage.ledger.records(&row.ntf).await?;
            let of_row = records.into_iter().filter_map(|record| match record.entry {
                Entry::Outcome { provider_ref, .. } => provider_ref,
                _ => None,
            });
            references.insert(row.ntf.clone(), of_row.collect());
        }
        Ok(references)
    }

    /// The texts of one notification: by the provider's id, and where its answer was lost, by the number.
    fn texts(
        &self,
        expected: &Expected,
        place: &Place,
        references: &HashMap<String, Vec<String>>,
    ) -> Vec<(String, String)> {
        let Some(ntf) = &place.ntf else { return vec![] };
        let all: HashSet<&String> = references.values().flatten().collect();
        let mine = references.get(ntf).cloned().unwrap_or_default();
        let number = self.numbers.get(&expected.event);
        let messages = self.stage.outside.messages();
        let is_mine = |message: &simulator::MessageView| {
            mine.contains(&message.jobid)
                || (place.state == "unknown"
                    && number == Some(&message.to)
                    && !all.contains(&message.jobid))
        };
        let shown = messages.into_iter().filter(is_mine).map(|message| {
            let provider = serde_json::to_value(message.provider).ok();
            let provider = provider.as_ref().and_then(Value::as_str).unwrap_or("?").to_owned();
            (provider, message.text)
        });
        shown.collect()
    }
}

fn in_the_ledger(expected: &Expected, rows: &[Listed], used: &mut HashSet<String>) -> Place {
    let is_it = |row: &&Listed| {
        if expected.is_refused() {
            // nothing of it is trusted: it is found by what is wrong with it
            row.state.as_str() == expected.state && row.why.starts_with(&expected.why)
        } else {
            row.event_id == expected.event && row.state.as_str() != "dead-lettered"
        }
    };
    let row = rows.iter().filter(|row| !used.contains(&row.ntf)).find(is_it);
    let Some(row) = row else { return Place::default() };
    used.insert(row.ntf.clone());
    Place {
        ntf: Some(row.ntf.clone()),
        state: row.state.to_string(),
        why: row.why.clone(),
        attempts: row.attempts,
        ..Place::default()
    }
}

fn as_foreseen(expected: &Expected, place: &Place, at_door: bool) -> bool {
    if at_door {
        return place.state == format!("HTTP {}", expected.http)
            && (expected.http != 422 || place.why.starts_with(&expected.why));
    }
    place.state == expected.state
        && place.why.starts_with(&expected.why)
        && place.attempts >= expected.attempts
        && place.texts.len() == expected.texts
}
