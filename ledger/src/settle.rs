//! Decisions other than Send (transitions 1 and 5): a row that waits, or ends without a send.

use crate::db::Ledger;
use crate::decision::Settle;
use crate::engine::Tx;
use crate::error::LedgerError;
use crate::ground::{Draft, Ground, NewRow};
use crate::protocol::{self, Command};
use crate::record::{Entry, NewRecord};
use crate::slice;
use crate::slots::{self, Leave};
use crate::state::State;
use crate::write::Writes;
use std::borrow::Cow;

impl Settle {
    /// What no two settlements of one transaction may share.
    fn keys(&self) -> Vec<&str> {
        let mut keys = vec![self.origin.ntf(), self.person.lookup.as_str()];
        keys.extend(self.appointment.as_ref().map(|a| a.key.as_str()));
        keys
    }
}

/// The state in which a row ends that was to end in `asked`, and why: what a provider has taken says so first (ADR 0012).
pub(crate) fn ending(asked: State, to: State, why: &str) -> (State, String) {
    let sent_before = to != asked;
    (to, if sent_before { format!("no-next-channel: {asked} ({why})") } else { why.to_owned() })
}

/// The entry of a decision that ends a row, with the state in which it ends.
fn as_it_ended(entry: &Entry, to: State) -> Cow<'_, Entry> {
    match entry {
        Entry::Ended { state, why, consent } if *state != to => {
            let (state, why) = ending(*state, to, why);
            Cow::Owned(Entry::Ended { state, why, consent: consent.clone() })
        }
        other => Cow::Borrowed(other),
    }
}

impl Ledger {
    /// Writes decisions other than Send. `false`: the row had moved on, nothing was written.
    pub async fn settle(&self, settles: &[Settle]) -> Vec<Result<bool, LedgerError>> {
        slice::in_rounds(settles, Settle::keys, |slice| self.settle_slice(slice)).await
    }

    async fn settle_slice(&self, settles: Vec<&Settle>) -> Result<Vec<bool>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let answers = self.settle_in(&mut tx, &settles).await?;
        tx.commit().await?;
        Ok(answers)
    }

    /// Writes settlements that share no notification and no appointment within a transaction of the caller's.
    pub(crate) async fn settle_in(
        &self,
        tx: &mut Tx,
        settles: &[&Settle],
    ) -> Result<Vec<bool>, LedgerError> {
        let drafts: Vec<Draft<'_>> = settles
            .iter()
            .map(|s| Draft {
                origin: &s.origin,
                person: &s.person,
                appointment: s.appointment.as_ref(),
                becomes: NewRow { state: s.to, why: &s.why, attempt: 0 },
            })
            .collect();
        let mut ground = Ground::prepare(tx, &drafts, std::iter::empty()).await?;
        let now = ground.now;
        let mut writes = Writes::default();
        let mut left = vec![];
        let mut answers = vec![];
        for settle in settles {
            let ntf = settle.origin.ntf();
            if settle.due.is_some() != (settle.to == State::Waiting) {
                // a row that waits without a due time would wait for ever
                return Err(LedgerError::Corrupt(format!(
                    "{ntf} is to be {} {} a due time",
                    settle.to,
                    if settle.due.is_some() { "with" } else { "without" }
                )));
            }
            let command = Command::Settle { copy: settle.origin.copy(), to: settle.to };
            let lost_person = ground.person_is_another(&settle.origin, &settle.person);
            let change = match protocol::apply(ground.row(&settle.origin), &command) {
                Ok(change) if !lost_person => change,
                _ => {
                    ground.forget(&settle.origin);
                    answers.push(false);
                    continue;
                }
            };
            let locked = ground.after(&settle.origin, settle.number.as_deref());
            let (to, why) = ending(settle.to, change.row.state, &settle.why);
            let due = settle.due.as_ref().map(|(at, lane)| {
                locked.open(ntf, settle.to, lane, (*at).min(locked.expires_at).max(now))
            });
            if ground.is_inserted(&settle.origin) {
                writes.due(now, due);
            } else {
                writes.row(ntf, &change.row, &why, now, due);
            }
            for entry in &settle.entries {
                let entry = as_it_ended(entry, to);
                writes.records.push(NewRecord::of(&locked.clinic, ntf, now, &entry)?);
            }
            // what is new holds nothing
            if to.is_final() && !ground.is_inserted(&settle.origin) {
                left.push((ntf.to_owned(), Leave::ending(to, now, locked.gap_ms)));
            }
            answers.push(true);
        }
        ground.drop_forgotten(tx).await?;
        slots::leave(tx, &left, now).await?;
        ground.move_appointments(tx, &drafts).await?;
        writes.flush(tx).await?;
        Ok(answers)
    }
}
