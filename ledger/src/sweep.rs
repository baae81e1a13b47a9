//! What the passing of time does: release, patience, leases, looks, expiry. One small table, one index, one sweep.
//!
//! Several schedulers may sweep at once: each locks what nobody else is writing, and the protocol decides again under the lock.

use crate::db::{Key, Ledger};
use crate::dead::LANE_OF_NOBODY;
use crate::decision::LEASE_AFTER_DEADLINE_MS;
use crate::engine::{Row, Tx, columns, query};
use crate::error::LedgerError;
use crate::protocol::{self, Command};
use crate::reconcile::{LookedAfter, looked_after};
use crate::record::{Entry, NewRecord};
use crate::settle::ending;
use crate::slots::{self, Leave};
use crate::state::{AttemptState, Reach, State};
use crate::write::{Locked, Locks, Writes, lock, lock_free};
use schemas::{NotificationId, Reference};
use std::collections::HashMap;

/// Patience with the first release that nobody claims, milliseconds; doubles up to [`PATIENCE_MAX_MS`].
pub const PATIENCE_MS: i64 = 60_000;
/// Longest patience, milliseconds.
pub const PATIENCE_MAX_MS: i64 = 30 * 60_000;
/// A row whose worker died in its back-off is due again after this long, milliseconds.
const AFTER_BACK_OFF_MS: i64 = 5_000;

/// A copy by reference, ready to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasedCopy {
    /// Notification.
    pub ntf: String,
    /// Its release number.
    pub fence: u64,
    /// CloudEvents type.
    pub event_type: String,
    /// CloudEvents source.
    pub source: String,
    /// CloudEvents id.
    pub event_id: String,
    /// CloudEvents subject.
    pub subject: Option<String>,
    /// Since when its row was due, milliseconds since 1970 UTC: for measuring.
    pub due: i64,
}

impl ReleasedCopy {
    /// What whoever handles the copy reads: the event's envelope without personal data. `None`: the row's id is none.
    pub fn reference(&self) -> Option<Reference> {
        Some(Reference {
            ntf: NotificationId::parse(&self.ntf)?,
            source: self.source.clone(),
            id: self.event_id.clone(),
            event_type: self.event_type.clone(),
            subject: self.subject.clone(),
            release: self.fence,
            due: Some(self.due),
        })
    }

    /// The copy's own id, another one for each release.
    pub fn message_id(&self) -> String {
        format!("{}-r{}", self.ntf, self.fence)
    }
}

/// How rows are released.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner<'a> {
    /// The lane on which they go, if not on their own, which is closed.
    pub onto: Option<&'a str>,
    /// Facts have not been current for so long that they are not waited for any more: the records of rows about a visit say so
    /// (PROTOCOL rule 12).
    pub facts_not_current: bool,
}

/// A row that time moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Notification.
    pub ntf: String,
    /// Clinic.
    pub clinic: String,
    /// State before.
    pub from: State,
    /// State afterwards.
    pub to: State,
}

impl Ledger {
    /// Releases waiting rows: commits `released, N + 1, due` first; the caller publishes afterwards. Rows that have expired
    /// end instead; rows that somebody moved meanwhile are left out.
    ///
    /// # Errors
    /// When the database does not answer; nothing is released then.
    pub async fn release(&self, ntfs: &[String]) -> Result<Vec<ReleasedCopy>, LedgerError> {
        self.sweep(ntfs).await.map(|(copies, _)| copies)
    }

    /// Does to rows what their due time says. Returns the copies to publish and every row that moved.
    ///
    /// # Errors
    /// When the database does not answer; nothing has moved then.
    pub async fn sweep(
        &self,
        ntfs: &[String],
    ) -> Result<(Vec<ReleasedCopy>, Vec<Swept>), LedgerError> {
        self.sweep_in(ntfs, Manner::default()).await
    }

    /// As [`Ledger::sweep`], in another manner.
    ///
    /// # Errors
    /// As [`Ledger::sweep`].
    pub async fn sweep_in(
        &self,
        ntfs: &[String],
        manner: Manner<'_>,
    ) -> Result<(Vec<ReleasedCopy>, Vec<Swept>), LedgerError> {
        if ntfs.is_empty() {
            return Ok((vec![], vec![]));
        }
        let mut tx = self.db.begin().await?;
        let keys: Vec<&str> = ntfs.iter().map(String::as_str).collect();
        let Locks { rows: locked, now } = lock_free(&mut tx, &keys).await?;
        let held = if locked.values().any(|it| it.row.state == State::Unknown) {
            Some(looked_after(&mut tx).await?)
        } else {
            None
        };
        let mut writes = Writes::default();
        let mut swept = vec![];
        let mut left = vec![];
        let (mut unknown, mut overdue) = (vec![], vec![]);
        // in the order asked for: publishing follows it
        for (ntf, before) in keys.iter().filter_map(|ntf| locked.get(*ntf).map(|l| (*ntf, l))) {
            if before.due_at > now {
                continue;
            }
            let Some(command) = due_command(before, now, held.as_ref(), self.give_up_ms) else {
                continue;
            };
            let useless = command == Command::Overdue && before.expires_at <= now;
            let change = match protocol::apply(Some(&before.row), &command) {
                Ok(change) if !useless => change,
                // no other channel is tried any more
                _ if command == Command::Overdue => {
                    writes.closed.push(ntf.to_owned());
                    continue;
                }
                _ => continue,
            };
            write(&mut writes, ntf, before, &change, &command, manner, (now, self.first_look_ms))?;
            match command {
                Command::LeaseRanOut if change.attempt.is_some() => unknown.push(ntf),
                Command::Overdue => overdue.push(ntf),
                _ => {}
            }
            left.extend(
                leaving(before, change.row.state, now).map(|leave| (ntf.to_owned(), leave)),
            );
            swept.push(Swept {
                ntf: ntf.to_owned(),
                clinic: before.clinic.clone(),
                from: before.row.state,
                to: change.row.state,
            });
        }
        mark_unknown(&mut tx, &unknown, now).await?;
        mark_overdue(&mut tx, &overdue).await?;
        slots::leave(&mut tx, &left, now).await?;
        writes.flush(&mut tx).await?;
        let since = |ntf: &str| locked.get(ntf).map_or(now, due_since);
        let released = swept.iter().filter(|s| s.to == State::Released);
        let released: Vec<(&str, i64)> =
            released.map(|s| (s.ntf.as_str(), since(&s.ntf))).collect();
        let copies = copies(&mut tx, &released).await?;
        tx.commit().await?;
        Ok((copies, swept))
    }

    /// Parks waiting or released rows that Ulak cannot handle. Returns those that were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn dead_letter(
        &self,
        ntfs: &[String],
        why: &str,
    ) -> Result<Vec<String>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let done = end_in(&mut tx, ntfs, &Command::DeadLetter, why).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Cancels waiting or released rows (transition 14). Returns those that were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cancel(&self, ntfs: &[String], why: &str) -> Result<Vec<String>, LedgerError> {
        let mut tx = self.db.begin().await?;
        let done = end_in(&mut tx, ntfs, &Command::Cancel, why).await?;
        tx.commit().await?;
        Ok(done)
    }
}

/// What the due time of a row means.
fn due_command(
    row: &Locked,
    now: i64,
    held: Option<&LookedAfter>,
    give_up_ms: i64,
) -> Option<Command> {
    let given_up = || Some(held?.given_up_at(&row.lane, row.due_at, give_up_ms));
    match row.row.state {
        State::Waiting | State::Released if row.expires_at <= now => Some(Command::Expire),
        State::Waiting | State::Released => Some(Command::Release),
        State::Sending => Some(Command::LeaseRanOut),
        // nothing was heard of it; most have no due time
        State::Accepted if row.is_due() => Some(Command::Overdue),
        // due for a look: whoever looks puts it off. Nobody did for as long as it is looked for at all (PROTOCOL rule 20)
        State::Unknown if given_up().is_some_and(|at| at <= now) => {
            Some(Command::GiveUp { n: row.row.last() })
        }
        _ => None,
    }
}

fn write(
    writes: &mut Writes,
    ntf: &str,
    before: &Locked,
    change: &protocol::Change,
    command: &Command,
    manner: Manner<'_>,
    (now, first_look_ms): (i64, i64),
) -> Result<(), LedgerError> {
    let to = change.row.state;
    let lane = match command {
        Command::Release => manner.onto.unwrap_or(&before.lane),
        Command::Overdue => LANE_OF_NOBODY,
        _ => &before.lane,
    };
    let attempt = before.row.last();
    let mut releases = before.releases;
    let (why, due_at, entry) = match (command, to) {
        (Command::Release, _) => {
            releases += 1;
            (
                String::new(),
                now.saturating_add(patience(before.releases)),
                Entry::Released {
                    n: change.row.fence,
                    facts_not_current: manner.facts_not_current && before.of_a_visit,
                },
            )
        }
        (Command::Expire, _) => {
            let why = match (before.row.attempts.is_empty(), before.of_a_visit) {
                (true, true) => "appointment-past",
                (true, false) => "too-late",
                (false, _) => "too-late-after-failures",
            };
            let (state, why) = ending(State::Expired, to, why);
            (why.clone(), 0, Entry::Ended { state, why, consent: None })
        }
        (Command::GiveUp { n }, _) => {
            let (_, why) = ending(State::Unresolved, to, NOBODY_LOOKED);
            (why, 0, Entry::not_found(*n, NOBODY_LOOKED, to))
        }
        (Command::Overdue, _) => {
            for (n, attempt) in (1..).zip(&change.row.attempts) {
                if before.row.attempts[n as usize - 1].reach != attempt.reach {
                    let entry = Entry::Overdue { attempt: n };
                    writes.records.push(NewRecord::of(&before.clinic, ntf, now, &entry)?);
                }
            }
            let why = NEXT_CHANNEL_OVERDUE.to_owned();
            let lane = LANE_OF_NOBODY.to_owned();
            (why.clone(), now, Entry::Waiting { why, until: now, lane, consent: None })
        }
        (_, State::Unknown) => {
            // the lease ended so long after the deadline: with the usual settings it is looked for at once
            let deadline = before.due_at.saturating_sub(LEASE_AFTER_DEADLINE_MS);
            let look_at = deadline.saturating_add(first_look_ms).max(now);
            ("lease-ran-out".to_owned(), look_at, Entry::LeaseRanOut { attempt, then: to })
        }
        // an earlier attempt was accepted meanwhile: that is how the row ends
        (_, _) if to.is_sent() => {
            ("accepted-before".to_owned(), 0, Entry::LeaseRanOut { attempt, then: to })
        }
        (_, _) => (
            "retry".to_owned(),
            now.saturating_add(AFTER_BACK_OFF_MS),
            Entry::LeaseRanOut { attempt, then: to },
        ),
    };
    let due = (!to.is_final()).then(|| {
        let mut open = before.open(ntf, to, lane, due_at);
        open.releases = releases;
        if lane != before.lane {
            // what it waited for belongs to the account of its old lane
            open.number = None;
        }
        open
    });
    writes.row(ntf, &change.row, &why, now, due);
    writes.records.push(NewRecord::of(&before.clinic, ntf, now, &entry)?);
    Ok(())
}

/// Why a row waits of which nothing was heard on its first channel.
const NEXT_CHANNEL_OVERDUE: &str = "next-channel: overdue";
/// Why an attempt is unresolved that no scheduler looked for: its account is not configured any more, or none ran that could.
const NOBODY_LOOKED: &str = "nobody could look for it";
/// How long after its deadline an unknown attempt is first looked for unless told otherwise (`reconcile.settle`), milliseconds.
pub const FIRST_LOOK_MS: i64 = 30_000;
/// How long an unknown attempt is looked for unless told otherwise (DESIGN §3.3 `reconcile.give_up`), milliseconds.
pub const GIVE_UP_MS: i64 = 15 * 60_000;

/// Since when a row has been due: where an earlier release was lost, since about that one.
fn due_since(before: &Locked) -> i64 {
    match before.row.state {
        State::Released => before.due_at.saturating_sub(patience(before.releases - 1)),
        _ => before.due_at,
    }
}

fn patience(releases: i64) -> i64 {
    PATIENCE_MS.saturating_mul(1 << releases.clamp(0, 5)).min(PATIENCE_MAX_MS)
}

fn leaving(before: &Locked, to: State, now: i64) -> Option<Leave> {
    match to {
        _ if to.is_final() => Some(Leave::ending(to, now, before.gap_ms)),
        State::Waiting if before.row.state == State::Sending => {
            Some(Leave::going_on(&before.row, now, before.gap_ms))
        }
        _ => None,
    }
}

async fn mark_overdue(tx: &mut Tx, ntfs: &[&str]) -> Result<(), LedgerError> {
    if ntfs.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = ntfs.iter().map(|key| Key { key }).collect();
    query(format!(
        "-- mark overdue\nUPDATE attempt SET reach = '{}' WHERE state = '{}' AND reach = '{}' AND ntf IN (SELECT key FROM {{rows:key text}})",
        Reach::Overdue,
        AttemptState::Accepted,
        Reach::Unheard
    ))
    .bind(columns(&keys)?)
    .execute(tx)
    .await?;
    Ok(())
}

async fn mark_unknown(tx: &mut Tx, ntfs: &[&str], now: i64) -> Result<(), LedgerError> {
    if ntfs.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = ntfs.iter().map(|key| Key { key }).collect();
    query(format!(
        "-- mark unknown\nUPDATE attempt SET state = '{}', ended_at = $2, code = 'lease-ran-out' \
         WHERE state = '{}' AND ntf IN (SELECT key FROM {{rows:key text}})",
        AttemptState::Unknown,
        AttemptState::Open
    ))
    .bind(columns(&keys)?)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// The copies of rows, each with since when it was due.
async fn copies(tx: &mut Tx, released: &[(&str, i64)]) -> Result<Vec<ReleasedCopy>, LedgerError> {
    if released.is_empty() {
        return Ok(vec![]);
    }
    let keys: Vec<_> = released.iter().map(|(key, _)| Key { key }).collect();
    let rows = query(
        "-- copies\nSELECT ntf, fence, type, source, event_id, subject FROM notification WHERE ntf IN (SELECT key FROM {rows:key text})",
    )
    .bind(columns(&keys)?)
    .fetch_all(tx)
    .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        found.insert(row.try_get::<String, _>("ntf")?, row);
    }
    let taken = released.iter().filter_map(|(ntf, due)| {
        let (ntf, row) = found.remove_entry(*ntf)?;
        Some(copy(ntf, &row, *due))
    });
    taken.collect()
}

fn copy(ntf: String, row: &Row, due: i64) -> Result<ReleasedCopy, LedgerError> {
    Ok(ReleasedCopy {
        ntf,
        fence: row.try_get::<i64, _>("fence")? as u64,
        event_type: row.try_get("type")?,
        source: row.try_get("source")?,
        event_id: row.try_get("event_id")?,
        subject: row.try_get("subject")?,
        due,
    })
}

/// Ends rows that are not on their way.
pub(crate) async fn end_in(
    tx: &mut Tx,
    ntfs: &[String],
    command: &Command,
    why: &str,
) -> Result<Vec<String>, LedgerError> {
    let keys: Vec<&str> = ntfs.iter().map(String::as_str).collect();
    let Locks { rows: locked, now } = lock(tx, &keys).await?;
    let mut writes = Writes::default();
    let mut left = vec![];
    for (ntf, before) in &locked {
        let Ok(change) = protocol::apply(Some(&before.row), command) else { continue };
        let asked = match command {
            Command::DeadLetter => State::DeadLettered,
            _ => State::Cancelled,
        };
        let (state, why) = ending(asked, change.row.state, why);
        writes.row(ntf, &change.row, &why, now, None);
        let entry = Entry::Ended { state, why, consent: None };
        writes.records.push(NewRecord::of(&before.clinic, ntf, now, &entry)?);
        left.push((ntf.clone(), Leave::ending(state, now, before.gap_ms)));
    }
    slots::leave(tx, &left, now).await?;
    writes.flush(tx).await?;
    Ok(left.into_iter().map(|(ntf, _)| ntf).collect())
}
