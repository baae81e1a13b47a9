//! Decisions other than Send (transitions 1 and 5): a row that waits, or ends without a send.

use crate::db::Ledger;
use crate::decision::Settle;
use crate::engine::Tx;
use crate::error::LedgerError;
use crate::ground::{Draft, Ground, NewRow};
use crate::protocol::{self, Command};
use crate::record::NewRecord;
use crate::slice;
use crate::slots::{self, Leave};
use crate::state::State;
use crate::write::Writes;

impl Settle {
    /// What no two settlements of one transaction may share.
    fn keys(&self) -> Vec<&str> {
        let mut keys = vec![self.origin.ntf(), self.person.lookup.as_str()];
        keys.extend(self.appointment.as_ref().map(|a| a.key.as_str()));
        keys
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
            let due = settle.due.as_ref().map(|(at, lane)| {
                locked.open(ntf, settle.to, lane, (*at).min(locked.expires_at).max(now))
            });
            if ground.is_inserted(&settle.origin) {
                writes.due(now, due);
            } else {
                writes.row(ntf, &change.row, &settle.why, now, due);
            }
            for entry in &settle.entries {
                writes.records.push(NewRecord::of(&locked.clinic, ntf, now, entry)?);
            }
            // what is new holds nothing
            if settle.to.is_final() && !ground.is_inserted(&settle.origin) {
                left.push((ntf.to_owned(), Leave::All));
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
