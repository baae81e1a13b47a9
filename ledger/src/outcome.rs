//! Outcomes of attempts, on time or late (transitions 7 and 13), and the next attempt under the same lease.

use crate::attempts::{AttemptWrite, insert_attempts};
use crate::db::Ledger;
use crate::decision::LEASE_AFTER_DEADLINE_MS;
use crate::engine::{Tx, columns, query};
use crate::error::LedgerError;
use crate::protocol::{self, Command, Outcome};
use crate::record::{Entry, NewRecord};
use crate::revs::Revs;
use crate::slice;
use crate::slots::{self, Leave, SlotKind, SlotNeed, Wanted, gap_until};
use crate::state::{AttemptState, Reach, State};
use crate::write::{Locked, Locks, OpenWrite, Writes, lock, storable};
use serde::Serialize;

/// Where a row waits after an outcome that lets it go on.
#[derive(Debug, Clone)]
pub struct Next {
    /// Why, in bounded words.
    pub why: String,
    /// How long from the write, milliseconds.
    pub after_ms: i64,
    /// The lane it waits on.
    pub lane: String,
}

/// An outcome to be written.
#[derive(Debug, Clone)]
pub struct OutcomeWrite {
    /// Notification.
    pub ntf: String,
    /// Number of the attempt.
    pub n: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Bounded code.
    pub code: String,
    /// Masked words.
    pub detail: String,
    /// The provider's id.
    pub provider_ref: Option<String>,
    /// Where the row waits if it goes on.
    pub next: Next,
    /// How long after the write an unknown attempt is first looked for, milliseconds: after the request's deadline and the first
    /// of `reconcile.settle` (PROTOCOL rule 9).
    pub look_in_ms: i64,
    /// How long after the write an accepted attempt that has a next channel is waited for, milliseconds; `None`: for ever
    /// (PROTOCOL transition 17, `fallback_after`).
    pub fallback_in_ms: Option<i64>,
}

/// What an outcome did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// State of the notification afterwards.
    pub state: State,
    /// It was written; otherwise the attempt already had its outcome.
    pub applied: bool,
    /// The row had moved on before.
    pub late: bool,
    /// A second attempt was accepted: alert.
    pub sent_twice: bool,
}

/// The next attempt under the same lease.
#[derive(Debug, Clone)]
pub struct ClaimAgain {
    /// Notification.
    pub ntf: String,
    /// The failed attempt.
    pub failed: u32,
    /// Channel of the new one.
    pub channel: String,
    /// What may be tried instead when it certainly cannot arrive on this one, or is not heard of for too long.
    pub next_channel: Option<String>,
    /// Provider, account and sender.
    pub lane: String,
    /// Keyed hash of (account, number).
    pub number: String,
    /// Random token.
    pub token: String,
    /// Billed segments.
    pub segments: u32,
    /// Longest time from this claim to the end of the request, milliseconds.
    pub deadline_ms: i64,
    /// The instant at which the decision would change by itself.
    pub until: i64,
    /// The person's lookup hash, and its revision as decided on (PROTOCOL rule 3).
    pub person: (String, i64),
    /// The appointment's keyed hash, and its revision as decided on.
    pub appointment: Option<(String, i64)>,
    /// `Claimed` for the log.
    pub entry: Entry,
}

impl OutcomeWrite {
    /// The provider's words as the database can hold them: an answer must not be lost for an odd character.
    fn storable(&self) -> Self {
        let mut write = self.clone();
        write.code = storable(&self.code).into_owned();
        write.detail = storable(&self.detail).into_owned();
        write.provider_ref = self.provider_ref.as_deref().map(|text| storable(text).into_owned());
        write
    }
}

impl Ledger {
    /// Writes outcomes. Durable before the ack; late ones are never thrown away.
    pub async fn record_outcomes(
        &self,
        outcomes: &[OutcomeWrite],
    ) -> Vec<Result<Written, LedgerError>> {
        let outcomes: Vec<OutcomeWrite> = outcomes.iter().map(OutcomeWrite::storable).collect();
        let outcomes = outcomes.as_slice();
        slice::in_rounds(outcomes, |o| vec![o.ntf.as_str()], |slice| self.outcome_slice(slice))
            .await
    }

    async fn outcome_slice(
        &self,
        outcomes: Vec<&OutcomeWrite>,
    ) -> Result<Vec<Written>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let answers = outcomes_in(&mut tx, &outcomes).await?;
        tx.commit().await?;
        Ok(answers)
    }

    /// Claims the next attempt under the same lease, after a certain failure and a short delay. `false`: the row moved on, or
    /// the decision ran out; nothing was written and nothing may be sent.
    pub async fn claim_again(&self, claims: &[ClaimAgain]) -> Vec<Result<bool, LedgerError>> {
        slice::each(claims.len(), |range| self.claim_again_slice(&claims[range])).await
    }

    async fn claim_again_slice(&self, claims: &[ClaimAgain]) -> Result<Vec<bool>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let ntfs: Vec<&str> = claims.iter().map(|c| c.ntf.as_str()).collect();
        let Locks { rows: locked, now } = lock(&mut tx, &ntfs).await?;
        let asks = claims
            .iter()
            .map(|c| (c.person.0.as_str(), c.appointment.as_ref().map(|a| a.0.as_str())));
        let revs = Revs::read(&mut tx, asks).await?;
        let mut writes = Writes::default();
        let mut attempts = vec![];
        let mut answers = vec![];
        for c in claims {
            let command = Command::ClaimAgain { n: c.failed, channel: c.channel.clone() };
            let before = locked.get(&c.ntf);
            let change = protocol::apply(before.map(|b| &b.row), &command);
            let (Some(before), Ok(change)) = (before, change) else {
                answers.push(false);
                continue;
            };
            if now >= c.until || !revs.still(&c.person, c.appointment.as_ref()) {
                answers.push(false);
                continue;
            }
            let deadline_at = now.saturating_add(c.deadline_ms);
            let lease = deadline_at.saturating_add(LEASE_AFTER_DEADLINE_MS);
            let open = before.open(&c.ntf, State::Sending, &c.lane, lease);
            writes.row(&c.ntf, &change.row, "", now, Some(open));
            writes.records.push(NewRecord::of(&before.clinic, &c.ntf, now, &c.entry)?);
            attempts.push(AttemptWrite {
                ntf: c.ntf.clone(),
                n: i64::from(change.row.last()),
                channel: c.channel.clone(),
                next_channel: c.next_channel.clone(),
                lane: c.lane.clone(),
                token: c.token.clone(),
                number: c.number.clone(),
                segments: i64::from(c.segments),
                started_at: now,
                deadline_at,
            });
            answers.push(true);
        }
        insert_attempts(&mut tx, &attempts).await?;
        writes.flush(&mut tx).await?;
        tx.commit().await?;
        Ok(answers)
    }
}

/// Writes outcomes inside a transaction. Whoever writes more than these locks all of its rows first.
pub(crate) async fn outcomes_in(
    tx: &mut Tx,
    outcomes: &[&OutcomeWrite],
) -> Result<Vec<Written>, LedgerError> {
    let ntfs: Vec<&str> = outcomes.iter().map(|o| o.ntf.as_str()).collect();
    let Locks { rows: locked, now } = lock(tx, &ntfs).await?;
    let mut writes = Writes::default();
    let mut ends = vec![];
    let mut left = vec![];
    let mut retake = vec![];
    let mut answers = vec![];
    for &o in outcomes {
        let Some(before) = locked.get(&o.ntf) else {
            return Err(LedgerError::Corrupt(format!("an outcome for {} which has no row", o.ntf)));
        };
        let late = before.row.state != State::Sending || before.row.last() != o.n;
        let outcome = still_useful(o.outcome, before.expires_at > now);
        let change = protocol::apply(Some(&before.row), &Command::Outcome { n: o.n, outcome });
        let Ok(change) = change else {
            fall_back_after_all(&mut writes, o, before, now);
            answers.push(Written {
                state: before.row.state,
                applied: false,
                late,
                sent_twice: false,
            });
            continue;
        };
        ends.push(AttemptEnd::of(o, now));
        let state = change.row.state;
        if moved(&before.row, &change.row) {
            write_row(&mut writes, o, before, &change.row, now);
        }
        note(&mut writes, o, before, &change, late, now)?;
        // it is unfinished again: what it holds is held without an end
        if before.row.state == State::Unresolved && state == State::Waiting {
            retake.push((o.ntf.clone(), needs_of(before)));
        }
        if let Some(leave) = leaving(before, &change.row, outcome, now) {
            left.push((o.ntf.clone(), leave));
            if late && matches!(leave, Leave::Kept { .. }) {
                retake.push((o.ntf.clone(), needs_of(before)));
            }
        }
        answers.push(Written { state, applied: true, late, sent_twice: change.sent_twice });
    }
    end_attempts(tx, &ends).await?;
    take_again(tx, &retake, now).await?;
    slots::leave(tx, &left, now).await?;
    writes.flush(tx).await?;
    Ok(answers)
}

/// A late acceptance of a row that had given its slots back takes each again where nobody else has it by now.
pub(crate) async fn take_again(
    tx: &mut Tx,
    retake: &[(String, Vec<SlotNeed>)],
    now: i64,
) -> Result<(), LedgerError> {
    for kind in [SlotKind::Thing, SlotKind::Gap] {
        let wanted: Vec<Wanted<'_>> = retake
            .iter()
            .flat_map(|(holder, needs)| needs.iter().map(move |need| (holder, need)))
            .filter(|(_, need)| need.kind == kind)
            .map(|(holder, need)| Wanted {
                holder,
                needs: std::slice::from_ref(need),
                supersedes: None,
            })
            .collect();
        slots::take(tx, &wanted, now).await?;
    }
    Ok(())
}

/// Whether it is still worth sending is judged where the outcome is written, by the database's clock.
fn still_useful(outcome: Outcome, useful: bool) -> Outcome {
    match outcome {
        Outcome::Failed { keep_lease, .. } => Outcome::Failed { keep_lease, useful },
        other => other,
    }
}

/// Whether the row itself moved. A late outcome may change its attempt only; then due time and reason stay as they are.
fn moved(before: &protocol::Row, after: &protocol::Row) -> bool {
    (before.state, before.fence) != (after.state, after.fence)
}

fn write_row(
    writes: &mut Writes,
    o: &OutcomeWrite,
    before: &Locked,
    after: &protocol::Row,
    now: i64,
) {
    let lane = if before.lane.is_empty() { &o.next.lane } else { &before.lane };
    let (why, due) = match after.state {
        State::Sending => {
            (String::new(), Some(before.open(&o.ntf, State::Sending, lane, before.due_at)))
        }
        State::Waiting => {
            let at = now.saturating_add(o.next.after_ms).min(before.expires_at).max(now);
            let mut open = before.open(&o.ntf, State::Waiting, &o.next.lane, at);
            if o.next.lane != *lane {
                // what it waited for belongs to the account that failed; the other one's slot is looked at when it is decided
                open.number = None;
            }
            (o.next.why.clone(), Some(open))
        }
        State::Unknown => {
            let at = now.saturating_add(o.look_in_ms);
            (o.code.clone(), Some(before.open(&o.ntf, State::Unknown, lane, at)))
        }
        // an earlier attempt is what ended it, whatever became of this one
        State::Accepted | State::Delivered if o.outcome != Outcome::Accepted => {
            ("accepted-before".to_owned(), None)
        }
        State::Accepted => (o.code.clone(), falls_back(o, before, now)),
        _ => (o.code.clone(), None),
    };
    writes.row(&o.ntf, after, &why, now, due);
}

/// The due time of an accepted row whose next channel is tried if nothing is heard of it (PROTOCOL transition 17).
fn falls_back(o: &OutcomeWrite, before: &Locked, now: i64) -> Option<OpenWrite> {
    let at = now.saturating_add(o.fallback_in_ms?);
    // later it is of no use
    let lane = if before.lane.is_empty() { &o.next.lane } else { &before.lane };
    let mut open = before.open(&o.ntf, State::Accepted, lane, at);
    open.number = None;
    (at < before.expires_at).then_some(open)
}

/// A receipt was quicker than the worker and said that the provider has it: the worker, whatever it heard itself, knows for how long it
/// is waited for.
fn fall_back_after_all(writes: &mut Writes, o: &OutcomeWrite, before: &Locked, now: i64) {
    let row = &before.row;
    let unheard = row.last() == o.n
        && row
            .attempts
            .last()
            .is_some_and(|a| a.state == AttemptState::Accepted && a.reach == Reach::Unheard);
    if row.state == State::Accepted && unheard && !before.is_due() {
        writes.due(now, falls_back(o, before, now));
    }
}

fn note(
    writes: &mut Writes,
    o: &OutcomeWrite,
    before: &Locked,
    change: &protocol::Change,
    late: bool,
    now: i64,
) -> Result<(), LedgerError> {
    let entry = Entry::Outcome {
        attempt: o.n,
        outcome: o.outcome.attempt_state().as_str().to_owned(),
        code: o.code.clone(),
        detail: o.detail.clone(),
        provider_ref: o.provider_ref.clone(),
        late,
        then: change.row.state,
    };
    writes.records.push(NewRecord::of(&before.clinic, &o.ntf, now, &entry)?);
    if change.row.state == State::Waiting && before.row.state != State::Waiting {
        let until = now.saturating_add(o.next.after_ms).min(before.expires_at).max(now);
        let entry = Entry::Waiting {
            why: o.next.why.clone(),
            until,
            lane: o.next.lane.clone(),
            consent: None,
        };
        writes.records.push(NewRecord::of(&before.clinic, &o.ntf, now, &entry)?);
    }
    note_twice(writes, &o.ntf, before, change, o.n, now)
}

/// What is told of a second acceptance.
pub(crate) fn note_twice(
    writes: &mut Writes,
    ntf: &str,
    before: &Locked,
    change: &protocol::Change,
    n: u32,
    now: i64,
) -> Result<(), LedgerError> {
    let twice = change.sent_twice.then_some(Entry::SentTwice { attempt: n });
    let two_channel = change.two_channel.then_some(Entry::TwoChannel { attempt: n });
    for entry in twice.into_iter().chain(two_channel) {
        writes.records.push(NewRecord::of(&before.clinic, ntf, now, &entry)?);
    }
    Ok(())
}

/// What happens to the slots when a row goes from `before` to `after`.
fn leaving(before: &Locked, after: &protocol::Row, outcome: Outcome, now: i64) -> Option<Leave> {
    let kept = Leave::Kept { gap_until: gap_until(now, before.gap_ms) };
    match after.state {
        _ if after.state == before.row.state && outcome != Outcome::Accepted => None,
        state if state.is_sent() && outcome == Outcome::Accepted => Some(kept),
        State::Waiting => Some(Leave::going_on(after, now, before.gap_ms)),
        State::Unknown | State::Sending | State::Released => None,
        state => Some(Leave::ending(state, now, before.gap_ms)),
    }
}

pub(crate) fn needs_of(row: &Locked) -> Vec<SlotNeed> {
    let thing = row.thing.iter().map(|key| SlotNeed { key: key.clone(), kind: SlotKind::Thing });
    let gap = row.gap.iter().map(|key| SlotNeed { key: key.clone(), kind: SlotKind::Gap });
    thing.chain(gap).collect()
}

#[derive(Serialize)]
struct AttemptEnd<'a> {
    ntf: &'a str,
    n: i64,
    state: &'static str,
    at: i64,
    code: &'a str,
    provider_ref: Option<&'a str>,
}

impl<'a> AttemptEnd<'a> {
    fn of(o: &'a OutcomeWrite, at: i64) -> Self {
        let state = o.outcome.attempt_state().as_str();
        Self {
            ntf: &o.ntf,
            n: i64::from(o.n),
            state,
            at,
            code: &o.code,
            provider_ref: o.provider_ref.as_deref(),
        }
    }
}

async fn end_attempts(tx: &mut Tx, ends: &[AttemptEnd<'_>]) -> Result<(), LedgerError> {
    if ends.is_empty() {
        return Ok(());
    }
    query(
        "-- end attempts\nUPDATE attempt AS a SET state = r.state, ended_at = r.at, code = r.code, provider_ref = coalesce(r.provider_ref, a.provider_ref) \
         FROM {rows:ntf text, n bigint, state text, at bigint, code text, provider_ref text} WHERE a.ntf = r.ntf AND a.n = r.n",
    )
    .bind(columns(ends)?)
    .execute(tx)
    .await?;
    Ok(())
}
