//! A valid event becomes a row that is due now, without anybody having decided about it yet: the worker does.

use crate::db::Ledger;
use crate::decision::{Origin, PersonBasis, Settle};
use crate::error::LedgerError;
use crate::intake;
use crate::record::Entry;
use crate::state::State;
use crate::vault::random_id;
use schemas::{Event, EventType};

/// Tries of one event whose person is made known by somebody else at the same moment.
const TRIES: u32 = 5;

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
        for _ in 0..TRIES {
            if self.find(event.ntf().as_str()).await?.is_some() {
                return Ok(false);
            }
            let settle = self.due_now(event, event_type, gap_ms, via, why).await?;
            match self.settle(&[settle]).await.pop() {
                Some(Ok(true)) => return Ok(true),
                // its row is there by now, or its person got another key: the next round sees which
                Some(Ok(false) | Err(LedgerError::Conflict)) | None => {}
                Some(Err(error)) => return Err(error),
            }
        }
        Err(LedgerError::Conflict)
    }

    async fn due_now(
        &self,
        event: &Event,
        event_type: &EventType,
        gap_ms: i64,
        via: &str,
        why: &str,
    ) -> Result<Settle, LedgerError> {
        let vault = self.vault();
        let keys = intake::keys(vault, event, event_type);
        let seen = self.surroundings(std::slice::from_ref(&keys)).await?.pop().unwrap_or_default();
        let (id, wrapped, key, rev) = match seen.person {
            Some(known) => {
                let key = vault.data_key(&known.id, &known.wrapped)?;
                (known.id, known.wrapped, key, known.rev)
            }
            None => {
                let id = random_id("per_")?;
                let (key, wrapped) = vault.new_data_key(&id)?;
                (id, wrapped, key, 0)
            }
        };
        let now = self.clock().now_ms();
        // the worker that decides about it finds the lane that counts
        let lane = "none".to_owned();
        Ok(Settle {
            origin: Origin::New(Box::new(intake::new_row(event, event_type, &keys, &id, gap_ms))),
            person: PersonBasis {
                id: id.clone(),
                clinic: event.clinic.as_str().to_owned(),
                lookup: keys.person.clone(),
                wrapped,
                master: vault.master_name().to_owned(),
                rev,
            },
            appointment: None,
            to: State::Waiting,
            why: why.to_owned(),
            due: Some((now, lane.clone())),
            number: None,
            entries: vec![
                intake::received(event, &id, &key, via)?,
                Entry::Waiting { why: why.to_owned(), until: now, lane, consent: None },
            ],
        })
    }
}
