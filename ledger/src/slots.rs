//! Slots: the same thing, the gap, the number (`shared/PROTOCOL.md` rules 4 and 5). Rows, not queries, so that the database
//! serializes two claims of one thing.

use crate::db::{Key, json};
use crate::engine::{Tx, columns, query, scalar};
use crate::error::LedgerError;
use crate::protocol;
use crate::state::State;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// How long an accepted or unresolved notification keeps its thing, in milliseconds: 400 days.
pub const THING_KEPT_MS: i64 = 400 * 24 * 60 * 60 * 1000;

/// How much earlier than the clinic's `min_gap` after a send its gap is given back, milliseconds; of a short gap a quarter of it.
///
/// The plan puts two reminders of one appointment `min_gap` apart, but a slot is held from the outcome of the first: that is later
/// than it was planned by the time that release, consent, rate and the provider take. Held for all of `min_gap`, two reminders
/// planned exactly that far apart would be one, by a second, on the days on which the first was the slower of the two. So the slot
/// gives them that much: what keeps them apart is the plan, to the millisecond, and what the slot is for is what no plan has seen, such
/// as a reminder that the clinic published itself. A first reminder that was later than this, after an outage, still stops the
/// second: then two within the gap is what the person would get.
pub const GAP_SLACK_MS: i64 = 5 * 60_000;

/// Until when the gap is held of a notification that was sent, or may have been, at `now`.
pub(crate) fn gap_until(now: i64, gap_ms: i64) -> i64 {
    now.saturating_add(gap_ms.saturating_sub(GAP_SLACK_MS.min(gap_ms / 4)))
}

/// What a slot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotKind {
    /// The same thing is one message, whatever the ids.
    Thing,
    /// No two reminders of one appointment and start close together.
    Gap,
    /// One attempt in flight a number, where the provider does not echo our reference.
    Number,
}

/// A slot that a claim needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotNeed {
    /// Keyed hash.
    pub key: String,
    /// What it is for.
    pub kind: SlotKind,
}

/// Who wants which slots.
pub(crate) struct Wanted<'a> {
    pub holder: &'a str,
    pub needs: &'a [SlotNeed],
    /// A waiting holder that gives its thing up to this claim.
    pub supersedes: Option<&'a str>,
}

#[derive(Serialize)]
struct Take<'a> {
    key: &'a str,
    kind: SlotKind,
    holder: &'a str,
    supersedes: Option<&'a str>,
}

/// Takes slots for all who can have all of theirs; returns the holders that cannot.
///
/// Everybody's slots are locked first in one order. Who lacks one takes none, so nothing has to be given back except after a
/// lost race for a slot that did not exist yet.
pub(crate) async fn take(
    tx: &mut Tx,
    wanted: &[Wanted<'_>],
    now: i64,
) -> Result<HashSet<String>, LedgerError> {
    let mut keys: Vec<_> =
        wanted.iter().flat_map(|w| w.needs).map(|need| need.key.as_str()).collect();
    keys.sort_unstable();
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let there = lock_existing(tx, &keys).await?;
    let free = |w: &Wanted<'_>, need: &SlotNeed| match there.get(&need.key) {
        None => true,
        Some((holder, until)) => {
            holder == w.holder
                || until.is_some_and(|until| until <= now)
                || w.supersedes == Some(holder.as_str())
        }
    };
    let mut refused = HashSet::new();
    let mut takes = vec![];
    for w in wanted {
        if w.needs.iter().all(|need| free(w, need)) {
            takes.extend(w.needs.iter().map(|need| Take {
                key: &need.key,
                kind: need.kind,
                holder: w.holder,
                supersedes: w.supersedes,
            }));
        } else {
            refused.insert(w.holder.to_owned());
        }
    }
    takes.sort_unstable_by_key(|take| take.key);
    let got: HashSet<String> = scalar(
        "-- take slots\nINSERT INTO slot (key, kind, holder, until) SELECT key, kind, holder, NULL \
         FROM {rows:key text, kind text, holder text} WHERE TRUE \
         ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, until = NULL \
         WHERE slot.holder = excluded.holder OR slot.until <= $2 OR slot.holder IN (SELECT value FROM {list:$3}) \
         RETURNING key",
    )
    .bind(columns(&takes)?)
    .bind(now)
    .bind(json(&takes.iter().filter_map(|t| t.supersedes).collect::<Vec<_>>())?)
    .fetch_all(&mut *tx)
    .await?
    .into_iter()
    .collect();
    let losers: HashSet<&str> =
        takes.iter().filter(|take| !got.contains(take.key)).map(|take| take.holder).collect();
    if !losers.is_empty() {
        // only slots that were absent or run out a moment ago can be lost in a race, so only those are given back
        let back: Vec<_> = takes
            .iter()
            .filter(|t| losers.contains(t.holder) && got.contains(t.key))
            .filter(|t| there.get(t.key).is_none_or(|(holder, _)| holder != t.holder))
            .map(|t| Key { key: t.key })
            .collect();
        query(
            "-- give slots back\nDELETE FROM slot WHERE key IN (SELECT key FROM {rows:key text})",
        )
        .bind(columns(&back)?)
        .execute(tx)
        .await?;
        refused.extend(losers.into_iter().map(str::to_owned));
    }
    Ok(refused)
}

async fn lock_existing(
    tx: &mut Tx,
    keys: &[&str],
) -> Result<HashMap<String, (String, Option<i64>)>, LedgerError> {
    let rows = query(
        "-- lock slots\nSELECT key, holder, until FROM slot WHERE key IN (SELECT key FROM {rows:key text}) ORDER BY key {lock}",
    )
    .bind(columns(&keys.iter().map(|key| Key { key }).collect::<Vec<_>>())?)
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|r| Ok((r.try_get("key")?, (r.try_get("holder")?, r.try_get("until")?))))
        .collect()
}

/// How a notification leaves its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It was sent or may have been: thing and gap stay held for their time, the number is free.
    Kept {
        /// Until when the gap is held.
        gap_until: i64,
    },
    /// It was sent before, and nothing new was: as `Kept`, but what has its end already keeps that.
    KeptAsWas {
        /// Until when the gap is held if it had no end.
        gap_until: i64,
    },
    /// Nothing was sent and nothing will be: all are free.
    All,
    /// It goes on: only the number is free.
    Number,
}

#[derive(Serialize)]
struct Leaving<'a> {
    holder: &'a str,
    thing_until: i64,
    gap_until: i64,
    anew: i64,
}

impl Leave {
    /// How a row leaves its slots that waits for another attempt. Sent on another channel before, its thing stays held as that left it, or a
    /// newer event of it would be sent there once more (ADR 0012).
    pub fn going_on(row: &protocol::Row, now: i64, gap_ms: i64) -> Self {
        match row.sent_state() {
            Some(_) => Self::KeptAsWas { gap_until: gap_until(now, gap_ms) },
            None => Self::Number,
        }
    }

    /// How a row of this gap leaves its slots that ends at `now` in a state, with nothing sent that was not before.
    pub fn ending(to: State, now: i64, gap_ms: i64) -> Self {
        let gap_until = gap_until(now, gap_ms);
        match to {
            State::Accepted | State::Delivered | State::Undelivered => {
                Self::KeptAsWas { gap_until }
            }
            State::Unresolved => Self::Kept { gap_until },
            _ => Self::All,
        }
    }
}

/// Leaves slots.
pub(crate) async fn leave(
    tx: &mut Tx,
    who: &[(String, Leave)],
    now: i64,
) -> Result<(), LedgerError> {
    let all: Vec<_> =
        who.iter().filter(|(_, l)| *l == Leave::All).map(|(key, _)| Key { key }).collect();
    let number: Vec<_> =
        who.iter().filter(|(_, l)| *l != Leave::All).map(|(key, _)| Key { key }).collect();
    let kept: Vec<_> = who
        .iter()
        .filter_map(|(holder, leave)| match leave {
            Leave::Kept { gap_until } | Leave::KeptAsWas { gap_until } => Some(Leaving {
                holder,
                thing_until: now.saturating_add(THING_KEPT_MS),
                gap_until: *gap_until,
                anew: i64::from(matches!(leave, Leave::Kept { .. })),
            }),
            _ => None,
        })
        .collect();
    if !all.is_empty() {
        query("-- leave slots\nDELETE FROM slot WHERE holder IN (SELECT key FROM {rows:key text})")
            .bind(columns(&all)?)
            .execute(&mut *tx)
            .await?;
    }
    if !number.is_empty() {
        query(
            "-- leave number\nDELETE FROM slot WHERE kind = 'number' AND holder IN (SELECT key FROM {rows:key text})",
        )
        .bind(columns(&number)?)
        .execute(&mut *tx)
        .await?;
    }
    if !kept.is_empty() {
        query(
            "-- keep slots\nUPDATE slot AS s SET until = CASE s.kind WHEN 'gap' THEN r.gap_until ELSE r.thing_until END \
             FROM {rows:holder text, thing_until bigint, gap_until bigint, anew bigint} \
             WHERE s.holder = r.holder AND s.kind <> 'number' AND (r.anew = 1 OR s.until IS NULL)",
        )
        .bind(columns(&kept)?)
        .execute(tx)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000;
    const HOUR: i64 = 3_600 * SECOND;

    #[test]
    fn of_two_reminders_planned_a_gap_apart_the_second_is_not_lost_because_the_first_was_slow() {
        for gap in [6 * HOUR, 24 * HOUR, 30 * 24 * HOUR] {
            let (first, second) = (0, gap);
            for (slow, quick) in [(0, 0), (SECOND, 0), (90 * SECOND, SECOND), (GAP_SLACK_MS, 0)] {
                let free_from = gap_until(first + slow, gap);
                assert!(free_from <= second + quick, "{gap} {slow} {quick}");
            }
        }
    }

    #[test]
    fn what_is_closer_than_the_gap_is_still_held_apart() {
        assert!(gap_until(0, 6 * HOUR) > 5 * HOUR + HOUR / 2);
        // a first one that was an hour late stops the second
        assert!(gap_until(HOUR, 6 * HOUR) > 6 * HOUR);
        assert_eq!(gap_until(7, 4 * SECOND), 7 + 3 * SECOND);
        assert_eq!(gap_until(7, 0), 7, "no gap, no slot");
        assert_eq!(gap_until(i64::MAX, i64::MAX), i64::MAX);
    }
}
