//! Dead letters on the broker: copies made from records, at least once each. What counts is in the ledger.

use crate::turn::Turn;
use bus::{Bus, Fate, Outgoing, names};
use ledger::intake::body_place;
use ledger::record::Entry;
use ledger::shared::ReadRecord;
use ledger::state::State;
use ledger::{Ledger, LedgerError};
use schemas::hold::{self, Place};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Name of its cursor.
pub const READER: &str = "dead-letter";
const LOOK_EVERY: Duration = Duration::from_millis(500);
const PAGE: i64 = 100;

/// Pause after the broker did not take one: those behind it go out again with it.
const NOT_TAKEN: Duration = Duration::from_secs(5);

/// How far a look came.
enum Relayed {
    /// There may be more.
    Some,
    /// There is no more.
    All,
    /// The broker did not take one.
    NotTaken,
}

/// Copies refused and poison messages to `ulak.dead`.
pub struct Relay {
    ledger: Ledger,
    bus: Arc<Bus>,
    turn: Turn,
}

impl Relay {
    /// Sets up; one process at a time relays.
    ///
    /// # Errors
    /// When there is no randomness for a name.
    pub fn new(ledger: Ledger, bus: Arc<Bus>) -> Result<Self, LedgerError> {
        let turn = Turn::at(ledger.clone(), "relay")?;
        Ok(Self { ledger, bus, turn })
    }

    /// Relays until the stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.slice().await {
                Ok(Relayed::Some) => Duration::ZERO,
                Ok(Relayed::All) => LOOK_EVERY,
                Ok(Relayed::NotTaken) => NOT_TAKEN,
                Err(error) => {
                    tracing::debug!(%error, "dead letters not relayed now");
                    LOOK_EVERY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Relays one page.
    async fn slice(&mut self) -> Result<Relayed, LedgerError> {
        if !self.turn.is_ours().await? {
            return Ok(Relayed::All);
        }
        let page = self.ledger.read_on(READER, &["event-refused", "ended"], PAGE).await?;
        // a loop, not a closure over borrowed records, which would not be `Send` for every lifetime
        let mut relays = Vec::with_capacity(page.records.len());
        for record in &page.records {
            relays.push(self.relay(record));
        }
        let fates = futures::future::join_all(relays).await;
        if !fates.is_empty() {
            hold::at(Place::AfterRelay).await;
        }
        let relayed = fates.iter().take_while(|fate| **fate == Fate::Confirmed).count();
        let all = relayed == page.records.len();
        let behind = page.records[..relayed].last().map(|r| (r.xid, r.id));
        if let Some((xid, id)) = if all { page.looked_up_to } else { behind } {
            self.ledger.read_up_to(READER, xid, id).await?;
        }
        Ok(match page.looked_up_to {
            _ if !all => Relayed::NotTaken,
            Some(_) => Relayed::Some,
            None => Relayed::All,
        })
    }

    /// A record that cannot be read holds nobody up: it is said, and stays in the ledger.
    async fn relay(&self, record: &ReadRecord) -> Fate {
        // a record that makes it panic is one that cannot be read
        let copy = std::panic::catch_unwind(AssertUnwindSafe(|| self.copy_of(record)));
        let copy = copy.unwrap_or_else(|_| Err(LedgerError::Corrupt("it panics".to_owned())));
        match copy {
            Ok(Some(message)) => self.bus.publisher().publish(message).await,
            Ok(None) => Fate::Confirmed,
            Err(error) => {
                tracing::error!(alert = "relay", ntf = record.ntf, %error, "no dead letter can be made of a record");
                Fate::Confirmed
            }
        }
    }

    /// The dead letter of a record; `None`: it is none.
    fn copy_of(&self, record: &ReadRecord) -> Result<Option<Outgoing>, LedgerError> {
        let (reason, path, body) = match Entry::parse(&record.bytes)? {
            Entry::EventRefused { rule, path, holds_person, body, .. } => {
                let body = if holds_person {
                    reference(&record.ntf)
                } else {
                    self.ledger.vault().open_own(&body_place(&record.ntf), &body)?.to_vec()
                };
                (rule, path, body)
            }
            Entry::Ended { state: State::DeadLettered, why, .. } => {
                (why, String::new(), reference(&record.ntf))
            }
            // other ends are no dead letters: the cursor goes over them
            _ => return Ok(None),
        };
        let header = |name: &str, value: String| (name.to_owned(), value);
        Ok(Some(Outgoing {
            exchange: names::DEAD.to_owned(),
            routing_key: reason.clone(),
            body,
            message_id: record.ntf.clone(),
            headers: vec![
                header("x-ulak-reason", reason),
                header("x-ulak-path", path),
                header("x-ulak-ntf", record.ntf.clone()),
            ],
            mandatory: true,
        }))
    }
}

/// Where a person may be read from the body, the copy names the record instead.
fn reference(ntf: &str) -> Vec<u8> {
    serde_json::json!({ "dataref": format!("ulak:{ntf}") }).to_string().into_bytes()
}
