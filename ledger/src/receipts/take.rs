//! One slice of receipts, within a transaction: rows locked, the protocol asked, what it says written.

use super::wanted::forget;
use super::{Delivery, ReceiptWrite, Took, UNREACHABLE_MS, unreachable_key};
use crate::db::Key;
use crate::dead::LANE_OF_NOBODY;
use crate::engine::{Tx, columns, query};
use crate::error::LedgerError;
use crate::outcome::{needs_of, note_twice, take_again};
use crate::protocol::{self, Change, Command, NotNow, ReceiptKind};
use crate::record::{Entry, NewRecord};
use crate::slots::{self, Leave, SlotNeed, gap_until};
use crate::state::{AttemptState, Reach, State};
use crate::write::{Locked, Locks, Writes, lock};
use serde::Serialize;
use std::collections::HashMap;

/// What is needed of an attempt besides what the protocol knows of it.
struct Known {
    lane: String,
    /// Key under which its number is remembered as unreachable.
    reach_key: Option<String>,
    has_next_channel: bool,
    delivery: Option<Delivery>,
    provider_ref: Option<String>,
}

#[derive(Serialize)]
struct AttemptWrite<'a> {
    ntf: &'a str,
    n: i64,
    state: &'static str,
    reach: &'static str,
    delivery: Option<&'static str>,
    provider_ref: Option<&'a str>,
    /// Its code, if this is how its acceptance became known.
    code: Option<&'a str>,
    at: i64,
}

#[derive(Serialize)]
struct Bad {
    key: String,
    until: i64,
}

#[derive(Serialize)]
struct Asked<'a> {
    ntf: &'a str,
    n: i64,
}

/// What a slice writes.
#[derive(Default)]
struct Slice<'a> {
    now: i64,
    writes: Writes,
    attempts: Vec<AttemptWrite<'a>>,
    retake: Vec<(String, Vec<SlotNeed>)>,
    left: Vec<(String, Leave)>,
    bad: HashMap<String, Bad>,
    good: Vec<String>,
    answered: Vec<(&'a str, u32)>,
}

/// Writes receipts of different notifications.
pub(super) async fn receipts_in(
    tx: &mut Tx,
    receipts: &[&ReceiptWrite],
) -> Result<Vec<Took>, LedgerError> {
    let ntfs: Vec<&str> = receipts.iter().map(|r| r.ntf.as_str()).collect();
    let Locks { rows, now } = lock(tx, &ntfs).await?;
    let known = known(tx, receipts).await?;
    let mut slice = Slice { now, ..Slice::default() };
    let mut took = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let attempt = known.get(&(receipt.ntf.as_str(), receipt.n));
        took.push(match (rows.get(&receipt.ntf), attempt) {
            (Some(before), Some(attempt)) if attempt.is_meant(receipt) => {
                slice.take(receipt, before, attempt)?
            }
            _ => Took::Unmatched,
        });
    }
    slice.write(tx).await?;
    Ok(took)
}

impl Known {
    /// Whether whoever sent the receipt speaks of its own message: on one of its lanes, and under the id that it gave it itself.
    fn is_meant(&self, receipt: &ReceiptWrite) -> bool {
        let named = Some(&receipt.provider_ref).filter(|given| !given.is_empty());
        let same = named.zip(self.provider_ref.as_ref()).is_none_or(|(a, b)| a == b);
        same && receipt.whose.is_of(&self.lane)
    }
}

async fn known<'a>(
    tx: &mut Tx,
    receipts: &[&'a ReceiptWrite],
) -> Result<HashMap<(&'a str, u32), Known>, LedgerError> {
    let keys: Vec<_> = receipts.iter().map(|r| Asked { ntf: &r.ntf, n: i64::from(r.n) }).collect();
    let rows = query(
        "-- receipts: attempts\nSELECT a.ntf, a.n, a.channel, a.lane, a.number, a.next_channel, a.delivery, a.provider_ref \
         FROM {rows:ntf text, n bigint} JOIN attempt a ON a.ntf = r.ntf AND a.n = r.n",
    )
    .bind(columns(&keys)?)
    .fetch_all(tx)
    .await?;
    let mut by_key: HashMap<(String, i64), Known> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let channel: String = row.try_get("channel")?;
        let number: Option<String> = row.try_get("number")?;
        let delivery: Option<String> = row.try_get("delivery")?;
        let known = Known {
            lane: row.try_get("lane")?,
            reach_key: number.map(|number| unreachable_key(&channel, &number)),
            has_next_channel: row.try_get::<Option<String>, _>("next_channel")?.is_some(),
            delivery: delivery.as_deref().and_then(Delivery::parse),
            provider_ref: row.try_get("provider_ref")?,
        };
        by_key.insert((row.try_get("ntf")?, row.try_get("n")?), known);
    }
    let of = |r: &&'a ReceiptWrite| {
        let known = by_key.remove(&(r.ntf.clone(), i64::from(r.n)))?;
        Some(((r.ntf.as_str(), r.n), known))
    };
    Ok(receipts.iter().filter_map(of).collect())
}

impl<'a> Slice<'a> {
    fn take(
        &mut self,
        receipt: &'a ReceiptWrite,
        before: &Locked,
        attempt: &Known,
    ) -> Result<Took, LedgerError> {
        let next_channel = receipt.next_channel && attempt.has_next_channel;
        let what = receipt.delivery.map_or(ReceiptKind::Has, |d| d.kind(next_channel));
        let useful = before.expires_at > self.now;
        let command = Command::Receipt { n: receipt.n, what, useful };
        let change = match protocol::apply(Some(&before.row), &command) {
            Ok(change) => change,
            Err(NotNow::Known) if is_news(receipt.delivery, attempt.delivery) => Change {
                row: before.row.clone(),
                attempt: Some(receipt.n),
                sent_twice: false,
                two_channel: false,
            },
            Err(NotNow::Known) => return Ok(Took::Nothing),
            Err(NotNow::Settled) => return Ok(Took::Contradicts),
            Err(NotNow::Moved | NotNow::ChannelTaken) => return Ok(Took::Unmatched),
        };
        let index = receipt.n as usize - 1;
        let (was, is) = (&before.row.attempts[index], &change.row.attempts[index]);
        let proven = was.state != is.state;
        self.attempts.push(AttemptWrite {
            ntf: &receipt.ntf,
            n: i64::from(receipt.n),
            state: is.state.as_str(),
            reach: is.reach.as_str(),
            delivery: receipt.delivery.map(Delivery::as_str),
            provider_ref: Some(receipt.provider_ref.as_str()).filter(|r| !r.is_empty()),
            code: proven.then(|| receipt.why()),
            at: self.now,
        });
        self.row(receipt, before, &change);
        self.note(receipt, before, &change, is.reach)?;
        self.slots(receipt, before, &change, proven);
        self.remember(receipt, attempt);
        let unknown = matches!(was.state, AttemptState::Unknown | AttemptState::Absent);
        Ok(Took::Written {
            state: change.row.state,
            lane: attempt.lane.clone(),
            clinic: before.clinic.clone(),
            resolved_unknown: proven && unknown,
            sent_twice: change.sent_twice,
        })
    }

    fn row(&mut self, receipt: &ReceiptWrite, before: &Locked, change: &Change) {
        let (ntf, to) = (receipt.ntf.as_str(), &change.row);
        if (to.state, to.fence) == (before.row.state, before.row.fence) {
            return;
        }
        if to.state == State::Waiting {
            let mut open = before.open(ntf, State::Waiting, LANE_OF_NOBODY, self.now);
            open.number = None;
            open.releases = 0;
            self.writes.row(ntf, to, &next_channel(receipt), self.now, Some(open));
        } else if before.is_due() {
            self.writes.row(ntf, to, receipt.why(), self.now, None);
        } else {
            self.writes.final_row(ntf, to, receipt.why(), self.now);
        }
    }

    fn note(
        &mut self,
        receipt: &ReceiptWrite,
        before: &Locked,
        change: &Change,
        reach: Reach,
    ) -> Result<(), LedgerError> {
        let to = change.row.state;
        let moved = to != before.row.state;
        let entry = Entry::Receipt {
            attempt: receipt.n,
            word: receipt.word.clone(),
            delivery: receipt.delivery,
            code: receipt.code.clone(),
            detail: receipt.detail.clone(),
            provider_ref: Some(receipt.provider_ref.clone()).filter(|r| !r.is_empty()),
            at: receipt.at,
            via: receipt.via.to_owned(),
            reach,
            then: to,
            moved,
        };
        self.record(receipt, before, &entry)?;
        if moved && to == State::Waiting {
            let (why, lane) = (next_channel(receipt), LANE_OF_NOBODY.to_owned());
            let entry = Entry::Waiting { why, until: self.now, lane, consent: None };
            self.record(receipt, before, &entry)?;
        }
        note_twice(&mut self.writes, &receipt.ntf, before, change, receipt.n, self.now)
    }

    fn record(
        &mut self,
        receipt: &ReceiptWrite,
        before: &Locked,
        entry: &Entry,
    ) -> Result<(), LedgerError> {
        let record = NewRecord::of(&before.clinic, &receipt.ntf, self.now, entry)?;
        self.writes.records.push(record);
        Ok(())
    }

    /// As after an outcome: what is known to be sent keeps its thing and gap.
    fn slots(&mut self, receipt: &ReceiptWrite, before: &Locked, change: &Change, proven: bool) {
        let (from, to) = (before.row.state, change.row.state);
        if to == State::Waiting && from != State::Waiting {
            let leave = Leave::going_on(&change.row, self.now, before.gap_ms);
            self.left.push((receipt.ntf.clone(), leave));
        } else if !to.is_final() {
            // whoever has the row leaves them when it ends
        } else if proven {
            let late = from != State::Sending || before.row.last() != receipt.n;
            if late {
                self.retake.push((receipt.ntf.clone(), needs_of(before)));
            }
            let gap_until = gap_until(self.now, before.gap_ms);
            self.left.push((receipt.ntf.clone(), Leave::Kept { gap_until }));
        } else if to.is_final() && !from.is_final() {
            self.left.push((receipt.ntf.clone(), Leave::ending(to, self.now, before.gap_ms)));
        }
    }

    /// What is remembered of the number, and of whether its provider is still to be asked.
    fn remember(&mut self, receipt: &'a ReceiptWrite, attempt: &Known) {
        let Some(delivery) = receipt.delivery.filter(|d| d.is_final()) else { return };
        self.answered.push((&receipt.ntf, receipt.n));
        let Some(key) = attempt.reach_key.clone() else { return };
        let arrived = matches!(delivery, Delivery::Delivered | Delivery::Read);
        if arrived {
            self.good.push(key);
        } else if receipt.bad_number {
            let until = self.now.saturating_add(UNREACHABLE_MS);
            self.bad.insert(key.clone(), Bad { key, until });
        }
    }

    async fn write(mut self, tx: &mut Tx) -> Result<(), LedgerError> {
        end_attempts(tx, &self.attempts).await?;
        take_again(tx, &self.retake, self.now).await?;
        slots::leave(tx, &self.left, self.now).await?;
        forget(tx, &self.answered).await?;
        // whoever could be reached in this slice is not unreachable, in whatever order it was said
        self.bad.retain(|key, _| !self.good.contains(key));
        remember_numbers(tx, self.bad.into_values().collect(), &self.good).await?;
        self.writes.flush(tx).await
    }
}

/// Whether what is said goes beyond what was said before. That it is with the provider is known of what it has accepted.
fn is_news(said: Option<Delivery>, before: Option<Delivery>) -> bool {
    said.is_some_and(|said| said.rank() > before.map_or(0, Delivery::rank))
}

fn next_channel(receipt: &ReceiptWrite) -> String {
    format!("next-channel: {}", receipt.why())
}

async fn end_attempts(tx: &mut Tx, attempts: &[AttemptWrite<'_>]) -> Result<(), LedgerError> {
    if attempts.is_empty() {
        return Ok(());
    }
    query(
        "-- receipts\nUPDATE attempt AS a SET state = r.state, reach = r.reach, delivery = coalesce(r.delivery, a.delivery), \
           provider_ref = coalesce(a.provider_ref, r.provider_ref), \
           code = coalesce(r.code, a.code), ended_at = CASE WHEN r.code IS NULL THEN a.ended_at ELSE r.at END \
         FROM {rows:ntf text, n bigint, state text, reach text, delivery text, provider_ref text, code text, at bigint} \
         WHERE a.ntf = r.ntf AND a.n = r.n",
    )
    .bind(columns(attempts)?)
    .execute(tx)
    .await?;
    Ok(())
}

async fn remember_numbers(
    tx: &mut Tx,
    mut bad: Vec<Bad>,
    good: &[String],
) -> Result<(), LedgerError> {
    if !bad.is_empty() {
        // in one order, so that two slices cannot wait for each other
        bad.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        query(
            "-- bad numbers\nINSERT INTO unreachable (key, until) SELECT key, until FROM {rows:key text, until bigint} WHERE TRUE ORDER BY key \
             ON CONFLICT (key) DO UPDATE SET until = excluded.until",
        )
        .bind(columns(&bad)?)
        .execute(&mut *tx)
        .await?;
    }
    if !good.is_empty() {
        let mut keys: Vec<_> = good.iter().map(|key| Key { key }).collect();
        keys.sort_unstable_by_key(|key| key.key);
        query("-- good numbers\nDELETE FROM unreachable WHERE key IN (SELECT key FROM {rows:key text})")
            .bind(columns(&keys)?)
            .execute(tx)
            .await?;
    }
    Ok(())
}
