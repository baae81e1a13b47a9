//! The claim (transition 6): the one write that must precede a request.

use crate::attempts::{AttemptWrite, insert_attempts};
use crate::db::Ledger;
use crate::decision::{Claim, Claimed, LEASE_AFTER_DEADLINE_MS};
use crate::engine::scalar;
use crate::error::LedgerError;
use crate::ground::{Draft, Ground, NewRow};
use crate::protocol::{self, Command};
use crate::record::NewRecord;
use crate::slice;
use crate::slots::{self, SlotKind, Wanted};
use crate::state::State;
use crate::write::Writes;

impl Claim {
    /// What no two claims of one transaction may share.
    fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<_> = self.needs.iter().map(|need| need.key.as_str()).collect();
        keys.push(self.origin.ntf());
        keys.extend(self.supersedes.as_deref());
        keys.extend(self.appointment.as_ref().map(|a| a.key.as_str()));
        keys.push(&self.person.lookup);
        keys
    }
}

impl Ledger {
    /// Claims. Every claim gets an answer of its own; the slice is one transaction where its members do not share a slot.
    pub async fn claim(&self, claims: &[Claim]) -> Vec<Result<Claimed, LedgerError>> {
        slice::in_rounds(claims, Claim::keys, |slice| self.claim_slice(slice)).await
    }

    /// Whether a claim whose reply was lost was written (PROTOCOL rule 7): its attempt, whatever became of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_claim(&self, ntf: &str, token: &str) -> Result<Option<u32>, LedgerError> {
        let n: Option<i64> = scalar("SELECT n FROM attempt WHERE ntf = $1 AND token = $2")
            .bind(ntf)
            .bind(token)
            .fetch_optional(self.db.read())
            .await?;
        Ok(n.map(|n| n as u32))
    }

    async fn claim_slice(&self, claims: Vec<&Claim>) -> Result<Vec<Claimed>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let drafts: Vec<Draft<'_>> = claims
            .iter()
            .map(|c| Draft {
                origin: &c.origin,
                person: &c.person,
                appointment: c.appointment.as_ref(),
                becomes: NewRow { state: State::Sending, why: "", attempt: 1 },
            })
            .collect();
        let older = claims.iter().filter_map(|c| c.supersedes.as_deref());
        let mut ground = Ground::prepare(&mut tx, &drafts, older).await?;
        let now = ground.now;
        let mut answers: Vec<Claimed> = Vec::with_capacity(claims.len());
        let mut changes: Vec<Option<protocol::Change>> = Vec::with_capacity(claims.len());
        for claim in &claims {
            let command =
                Command::Claim { copy: claim.origin.copy(), channel: claim.channel.clone() };
            let (answer, change) =
                match ground.why_not(&claim.origin, &claim.person, claim.appointment.as_ref()) {
                    Some(why) => (Claimed::LookAgain(why), None),
                    None if now >= claim.until => (Claimed::LookAgain("decision ran out"), None),
                    None => match protocol::apply(ground.row(&claim.origin), &command) {
                        Ok(change) if change.attempt == Some(claim.n) => {
                            (Claimed::Won, Some(change))
                        }
                        Ok(_) => (Claimed::LookAgain("another attempt number"), None),
                        Err(_) => (Claimed::LookAgain("the row moved on"), None),
                    },
                };
            let gives_way = claim.supersedes.as_ref().is_none_or(|old| ground.can_cancel(old));
            if gives_way {
                answers.push(answer);
                changes.push(change);
            } else {
                answers.push(Claimed::LookAgain("the older one moved on"));
                changes.push(None);
            }
        }
        let wanted: Vec<Wanted<'_>> = claims
            .iter()
            .zip(&changes)
            .filter(|(_, change)| change.is_some())
            .map(|(c, _)| Wanted {
                holder: c.origin.ntf(),
                needs: &c.needs,
                supersedes: c.supersedes.as_deref(),
            })
            .collect();
        let refused = slots::take(&mut tx, &wanted, now).await?;
        let mut writes = Writes::default();
        let mut attempts = vec![];
        let mut left = vec![];
        for ((claim, answer), change) in claims.iter().zip(&mut answers).zip(changes) {
            let ntf = claim.origin.ntf();
            let Some(change) = change else {
                ground.forget(&claim.origin);
                continue;
            };
            if refused.contains(ntf) {
                *answer = Claimed::LookAgain("a slot is taken");
                ground.forget(&claim.origin);
                continue;
            }
            // release holds back only rows whose number needs a slot
            let number = claim
                .needs
                .iter()
                .any(|need| need.kind == SlotKind::Number)
                .then_some(claim.number.as_str());
            let locked = ground.after(&claim.origin, number);
            let deadline = now.saturating_add(claim.deadline_ms);
            let lease = deadline.saturating_add(LEASE_AFTER_DEADLINE_MS);
            let open = locked.open(ntf, State::Sending, &claim.lane, lease);
            if ground.is_inserted(&claim.origin) {
                writes.due(now, Some(open));
            } else {
                writes.row(ntf, &change.row, "", now, Some(open));
            }
            attempts.push(AttemptWrite::of(claim, now, deadline));
            for entry in &claim.entries {
                writes.records.push(NewRecord::of(&locked.clinic, ntf, now, entry)?);
            }
            if let Some(old) = &claim.supersedes {
                left.push((old.clone(), ground.supersede(&mut writes, old, ntf, now)?));
            }
        }
        ground.drop_forgotten(&mut tx).await?;
        insert_attempts(&mut tx, &attempts).await?;
        slots::leave(&mut tx, &left, now).await?;
        ground.move_appointments(&mut tx, &drafts).await?;
        writes.flush(&mut tx).await?;
        tx.commit().await?;
        Ok(answers)
    }
}
