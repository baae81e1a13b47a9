//! What the HTTP door asks: taking events in, one by one or all or none, and how one notification stands.

use crate::db::Ledger;
use crate::decision::Settle;
use crate::engine::query;
use crate::error::LedgerError;
use crate::look::{RowAsk, parse_state};
use crate::record::{Entry, NewRecord};
use crate::slice;
use crate::state::{AttemptState, State};
use crate::take_in::TRIES;
pub use crate::take_in::TakeIn;
use crate::write::{append, now};
use std::collections::HashMap;

/// What became of an event that was to be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It has a row now.
    New,
    /// The same event was there already; that it came again is recorded.
    Same,
    /// Its source and id stand for another event. Nothing was written.
    IdReused,
}

/// A notification as its clinic may see it. No person is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Identity.
    pub ntf: String,
    /// Clinic.
    pub clinic: String,
    /// CloudEvents source; empty for an event that was refused.
    pub source: String,
    /// CloudEvents id; empty for an event that was refused.
    pub event_id: String,
    /// CloudEvents type; empty where it could not be read.
    pub event_type: String,
    /// CloudEvents subject.
    pub subject: Option<String>,
    /// State.
    pub state: State,
    /// Why; what stands behind `: ` may have been written by a person ([`crate::telling::code_of`]).
    pub why: String,
    /// When it was received, milliseconds since 1970 UTC.
    pub created_at: i64,
    /// When its state changed last.
    pub changed_at: i64,
    /// When it is due, if it is not final.
    pub due_at: Option<i64>,
    /// When it is of no use any more.
    pub expires_at: i64,
    /// Its attempts, first one first.
    pub attempts: Vec<StatusAttempt>,
}

/// An attempt as a clinic may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusAttempt {
    /// Its number, from 1.
    pub n: i64,
    /// `sms`, `whatsapp`.
    pub channel: String,
    /// Provider, account and sender.
    pub lane: String,
    /// State.
    pub state: AttemptState,
    /// The provider's code.
    pub code: Option<String>,
    /// When it was claimed, milliseconds since 1970 UTC.
    pub started_at: i64,
    /// When its outcome was written.
    pub ended_at: Option<i64>,
}

impl Ledger {
    /// Takes events in that have nothing to do with each other: each gets an answer of its own, and is durable when it has it.
    pub async fn take_in_each(&self, items: &[TakeIn]) -> Vec<Result<Taken, LedgerError>> {
        let mut answers: Vec<Result<Taken, LedgerError>> =
            items.iter().map(|_| Err(LedgerError::Conflict)).collect();
        let mut open: Vec<usize> = (0..items.len()).collect();
        for _ in 0..TRIES {
            if open.is_empty() {
                break;
            }
            open = self.take_in_round(items, open, &mut answers).await;
        }
        answers
    }

    /// One try of those that have no answer yet; returns those that still have none.
    async fn take_in_round(
        &self,
        items: &[TakeIn],
        open: Vec<usize>,
        answers: &mut [Result<Taken, LedgerError>],
    ) -> Vec<usize> {
        let asks: Vec<RowAsk> = open.iter().map(|i| ask(&items[*i])).collect();
        let mut fresh = vec![];
        let mut again = vec![];
        for (i, row) in open.into_iter().zip(self.rows_each(&asks).await) {
            match row {
                Ok(None) => fresh.push(i),
                Ok(Some(row)) if row.digest != items[i].digest() => {
                    answers[i] = Ok(Taken::IdReused);
                }
                Ok(Some(_)) => again.push(i),
                Err(error) => answers[i] = Err(error),
            }
        }
        self.note_again(items, &again, answers).await;
        let slice: Vec<&TakeIn> = fresh.iter().map(|i| &items[*i]).collect();
        let drafts = slice::each(slice.len(), |range| self.due_now(&slice[range])).await;
        let mut drafted = vec![];
        let mut settles: Vec<Settle> = vec![];
        for (i, draft) in fresh.into_iter().zip(drafts) {
            match draft {
                Ok(settle) => {
                    drafted.push(i);
                    settles.push(settle);
                }
                Err(error) => answers[i] = Err(error),
            }
        }
        let mut left = vec![];
        for (i, settled) in drafted.into_iter().zip(self.settle(&settles).await) {
            match settled {
                Ok(true) => answers[i] = Ok(Taken::New),
                // its row is there by now, or its person got another key: the next round sees which
                Ok(false) | Err(LedgerError::Conflict) => left.push(i),
                Err(error) => answers[i] = Err(error),
            }
        }
        left
    }

    async fn note_again(
        &self,
        items: &[TakeIn],
        again: &[usize],
        answers: &mut [Result<Taken, LedgerError>],
    ) {
        if again.is_empty() {
            return;
        }
        let notes: Vec<_> = again.iter().map(|i| duplicate(&items[*i])).collect();
        let noted = self.note(&notes).await;
        for i in again {
            answers[*i] = noted.clone().map(|()| Taken::Same);
        }
    }

    /// Takes events in as one transaction: all of them, or, if any answer is [`Taken::IdReused`], none.
    ///
    /// # Errors
    /// When the database does not answer. Nothing is written then, unless the answer to the commit was lost.
    pub async fn take_in_all(&self, items: &[TakeIn]) -> Result<Vec<Taken>, LedgerError> {
        for _ in 0..TRIES {
            match self.take_in_together(items).await {
                Ok(Some(taken)) => return Ok(taken),
                // somebody else was faster with one of them or its person: the next round sees with what
                Ok(None) | Err(LedgerError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(LedgerError::Conflict)
    }

    async fn take_in_together(&self, items: &[TakeIn]) -> Result<Option<Vec<Taken>>, LedgerError> {
        let asks: Vec<RowAsk> = items.iter().map(ask).collect();
        let rows = self.rows(&asks).await?;
        let mut known: HashMap<&str, String> = HashMap::new();
        let mut taken = Vec::with_capacity(items.len());
        let mut fresh = vec![];
        let mut again = vec![];
        for (item, row) in items.iter().zip(rows) {
            let digest = row.map(|row| row.digest).or_else(|| known.get(item.ntf()).cloned());
            taken.push(match digest {
                None => {
                    known.insert(item.ntf(), item.digest().to_owned());
                    fresh.push(item);
                    Taken::New
                }
                Some(digest) if digest == item.digest() => {
                    again.push(duplicate(item));
                    Taken::Same
                }
                Some(_) => Taken::IdReused,
            });
        }
        if taken.contains(&Taken::IdReused) {
            return Ok(Some(taken));
        }
        let settles = self.due_now(&fresh).await?;
        let settles: Vec<&Settle> = settles.iter().collect();
        let mut tx = self.db.begin().await?;
        let settled = self.settle_in(&mut tx, &settles).await?;
        if !settled.into_iter().all(|written| written) {
            tx.rollback().await?;
            return Ok(None);
        }
        let now = now(&mut tx).await?;
        let notes: Result<Vec<_>, _> = again
            .iter()
            .map(|(clinic, ntf, entry)| NewRecord::of(clinic, ntf, now, entry))
            .collect();
        append(&mut tx, &notes?).await?;
        tx.commit().await?;
        Ok(Some(taken))
    }

    /// How a notification of this clinic stands; `None`: the clinic has none of this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn status(&self, clinic: &str, ntf: &str) -> Result<Option<Status>, LedgerError> {
        let row = query(
            "-- status\nSELECT n.ntf, n.clinic, n.source, n.event_id, n.type, n.subject, n.state, n.why, n.created_at, n.changed_at, \
               o.due_at, n.expires_at FROM notification n LEFT JOIN open o ON o.ntf = n.ntf WHERE n.ntf = $1 AND n.clinic = $2",
        )
        .bind(ntf)
        .bind(clinic)
        .fetch_optional(self.db.read())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let attempts = query(
            "-- status: attempts\nSELECT n, channel, lane, state, code, started_at, ended_at FROM attempt WHERE ntf = $1 ORDER BY n",
        )
        .bind(ntf)
        .fetch_all(self.db.read())
        .await?;
        let attempts: Result<Vec<StatusAttempt>, LedgerError> = attempts
            .iter()
            .map(|row| {
                let state: String = row.try_get("state")?;
                Ok(StatusAttempt {
                    n: row.try_get("n")?,
                    channel: row.try_get("channel")?,
                    lane: row.try_get("lane")?,
                    state: AttemptState::parse(&state)
                        .ok_or_else(|| LedgerError::Corrupt(format!("attempt state {state:?}")))?,
                    code: row.try_get("code")?,
                    started_at: row.try_get("started_at")?,
                    ended_at: row.try_get("ended_at")?,
                })
            })
            .collect();
        Ok(Some(Status {
            ntf: row.try_get("ntf")?,
            clinic: row.try_get("clinic")?,
            source: row.try_get("source")?,
            event_id: row.try_get("event_id")?,
            event_type: row.try_get("type")?,
            subject: row.try_get("subject")?,
            state: parse_state(&row.try_get::<String, _>("state")?)?,
            why: row.try_get("why")?,
            created_at: row.try_get("created_at")?,
            changed_at: row.try_get("changed_at")?,
            due_at: row.try_get("due_at")?,
            expires_at: row.try_get("expires_at")?,
            attempts: attempts?,
        }))
    }
}

fn ask(item: &TakeIn) -> RowAsk {
    RowAsk { ntf: item.ntf().to_owned(), body: 0 }
}

fn duplicate(item: &TakeIn) -> (String, String, Entry) {
    let entry = Entry::Duplicate { via: item.via().to_owned() };
    (item.clinic().to_owned(), item.ntf().to_owned(), entry)
}
