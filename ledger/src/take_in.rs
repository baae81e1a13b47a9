//! A valid event becomes a row that is due now, or at its time, without anybody having decided about it yet: the worker does.

use crate::db::Ledger;
use crate::decision::{NewNotification, Origin, PersonBasis, Settle};
use crate::error::LedgerError;
use crate::intake;
use crate::look::{Keys, SeenPerson};
use crate::record::Entry;
use crate::state::State;
use crate::vault::{Vault, random_id};
use schemas::{Event, EventType};
use std::collections::HashMap;

/// Tries of one event whose person is made known by somebody else at the same moment.
pub(crate) const TRIES: u32 = 5;

/// An event that is to be taken in as a new notification which waits and is due now.
#[derive(Debug, Clone)]
pub struct TakeIn {
    event: Event,
    keys: Keys,
    /// The row, but for its person.
    row: NewNotification,
    via: String,
    why: String,
    /// When it is due, milliseconds since 1970 UTC; `None`: now.
    due_at: Option<i64>,
}

/// Persons whom nobody knew yet, with the keys that were made for them.
#[derive(Debug, Default)]
pub(crate) struct Strangers(HashMap<String, SeenPerson>);

impl Strangers {
    /// The person as known, or as met before, or with a new key.
    pub fn meet(
        &mut self,
        vault: &Vault,
        lookup: &str,
        known: Option<SeenPerson>,
    ) -> Result<SeenPerson, LedgerError> {
        if let Some(person) = known.or_else(|| self.0.get(lookup).cloned()) {
            return Ok(person);
        }
        let id = random_id("per_")?;
        let (_, wrapped) = vault.new_data_key(&id)?;
        let stranger = SeenPerson { id, wrapped, rev: 0 };
        self.0.insert(lookup.to_owned(), stranger.clone());
        Ok(stranger)
    }
}

impl TakeIn {
    /// `via`: where it came from, for the record; `why`: for the row; `gap_ms`: how long its gap is held after a send.
    pub fn new(
        vault: &Vault,
        event: Event,
        event_type: &EventType,
        gap_ms: i64,
        via: &str,
        why: &str,
    ) -> Self {
        let keys = intake::keys(vault, &event, event_type);
        let row = intake::new_row(&event, event_type, &keys, "", gap_ms);
        Self { event, keys, row, via: via.to_owned(), why: why.to_owned(), due_at: None }
    }

    /// It waits until then, milliseconds since 1970 UTC.
    #[must_use]
    pub fn due_at(self, at: i64) -> Self {
        Self { due_at: Some(at), ..self }
    }

    /// Keyed hash of the thing that it is about.
    pub fn thing(&self) -> &str {
        &self.keys.thing
    }

    /// Its notification.
    pub fn ntf(&self) -> &str {
        &self.row.ntf
    }

    /// Keyed hash of its person.
    pub(crate) fn person(&self) -> &str {
        &self.keys.person
    }

    pub(crate) fn digest(&self) -> &str {
        &self.row.digest
    }

    pub(crate) fn clinic(&self) -> &str {
        &self.row.clinic
    }

    pub(crate) fn via(&self) -> &str {
        &self.via
    }
}

impl Ledger {
    /// Takes an event in as a new notification that waits and is due now. `via`: where it came from, for the record; `why`: for
    /// the row. `false`: a notification of this source and id is there already, nothing is written.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_in(
        &self,
        event: &Event,
        event_type: &EventType,
        gap_ms: i64,
        via: &str,
        why: &str,
    ) -> Result<bool, LedgerError> {
        let item = TakeIn::new(self.vault(), event.clone(), event_type, gap_ms, via, why);
        for _ in 0..TRIES {
            if self.find(item.ntf()).await?.is_some() {
                return Ok(false);
            }
            let settles = self.due_now(&[&item]).await?;
            match self.settle(&settles).await.pop() {
                Some(Ok(true)) => return Ok(true),
                // its row is there by now, or its person got another key: the next round sees which
                Some(Ok(false) | Err(LedgerError::Conflict)) | None => {}
                Some(Err(error)) => return Err(error),
            }
        }
        Err(LedgerError::Conflict)
    }

    /// What makes each of these a row. Events of one person whom nobody knew yet share the key that is made for it.
    pub(crate) async fn due_now(&self, items: &[&TakeIn]) -> Result<Vec<Settle>, LedgerError> {
        let keys: Vec<Keys> = items.iter().map(|item| item.keys.clone()).collect();
        let seen = self.surroundings(&keys).await?.into_iter().map(|seen| seen.person);
        self.drafts(items, seen, &mut Strangers::default())
    }

    /// The same of persons that were looked up before, one for each item, and of strangers that were met before.
    pub(crate) fn drafts(
        &self,
        items: &[&TakeIn],
        persons: impl Iterator<Item = Option<SeenPerson>>,
        strangers: &mut Strangers,
    ) -> Result<Vec<Settle>, LedgerError> {
        let now = self.clock().now_ms();
        let mut settles = Vec::with_capacity(items.len());
        for (item, person) in items.iter().zip(persons) {
            let person = strangers.meet(self.vault(), item.person(), person)?;
            settles.push(self.settle_of(item, person, now)?);
        }
        Ok(settles)
    }

    fn settle_of(
        &self,
        item: &TakeIn,
        person: SeenPerson,
        now: i64,
    ) -> Result<Settle, LedgerError> {
        let vault = self.vault();
        let key = vault.data_key(&person.id, &person.wrapped)?;
        // the worker that decides about it finds the lane that counts
        let lane = "none".to_owned();
        let why = item.why.clone();
        let due = item.due_at.unwrap_or(now);
        Ok(Settle {
            origin: Origin::New(Box::new(NewNotification {
                person: person.id.clone(),
                ..item.row.clone()
            })),
            entries: vec![
                intake::received(&item.event, &person.id, &key, &item.via)?,
                Entry::Waiting { why: why.clone(), until: due, lane: lane.clone(), consent: None },
            ],
            person: PersonBasis {
                id: person.id,
                clinic: item.row.clinic.clone(),
                lookup: item.keys.person.clone(),
                wrapped: person.wrapped,
                master: vault.master_name().to_owned(),
                rev: person.rev,
            },
            appointment: None,
            to: State::Waiting,
            why,
            due: Some((due, lane)),
            number: None,
        })
    }
}
