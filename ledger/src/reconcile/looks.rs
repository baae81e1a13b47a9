//! What a look at the provider changes (transitions 10 to 12 of `shared/PROTOCOL.md`).

use super::{Hold, lease_name};
use crate::db::{Key, Ledger};
use crate::engine::{Tx, columns, query, scalar};
use crate::error::LedgerError;
use crate::outcome::{Next, OutcomeWrite, outcomes_in};
use crate::protocol::{self, Command, Outcome};
use crate::record::{Entry, NewRecord};
use crate::settle::ending;
use crate::slots::{self, Leave};
use crate::state::{AttemptState, State};
use crate::write::{Locked, Locks, Writes, append, lock, storable};
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// A row that certainly was not sent is due again after this long, milliseconds.
const RETRY_AFTER_MS: i64 = 5_000;

/// Proven not to have arrived.
const ABSENT: &str = "absent";

/// What a look at the provider showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is there.
    Found {
        /// What that means: `Accepted`, `Refused` or `Failed`.
        outcome: Outcome,
        /// Bounded code.
        code: String,
        /// Masked words.
        detail: String,
        /// The provider's id of it.
        provider_ref: Option<String>,
    },
    /// A complete look, with a message that was accepted after it, does not show it.
    Absent,
    /// It proves nothing.
    Nothing {
        /// Why, in bounded words.
        why: String,
    },
    /// Something is there that may be it or another one's.
    Ambiguous,
    /// Its provider or account cannot be asked.
    CannotBeAsked {
        /// Why, in bounded words.
        why: String,
    },
}

/// A look for one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Notification.
    pub ntf: String,
    /// Number of the attempt.
    pub n: u32,
    /// How often it had been looked for when this look began. Another number now: this one is written already, or is older than
    /// one that is (ADR 0009).
    pub looks: u32,
    /// What it showed.
    pub seen: Seen,
}

/// When is looked again, and for how long (`reconcile.settle`, `reconcile.give_up`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// Pauses before the first look and between looks; as many absences make an attempt absent.
    pub settle: Vec<Duration>,
    /// How long after it became unknown it is given up.
    pub give_up: Duration,
}

impl Times {
    /// How many looks that show absence make an attempt absent, and how many it has at least before it is given up.
    pub fn looks(&self) -> i64 {
        self.settle.len().max(1) as i64
    }
}

/// What a look did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// The row is in this state now: final, or `waiting` to be sent again.
    Ended(State),
    /// It is looked for again.
    Again {
        /// When, milliseconds since 1970 UTC.
        due_at: i64,
    },
    /// The row had moved on.
    Moved,
    /// Another process looks after the account now: nothing was written.
    HoldLost,
}

/// What follows a look.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Found,
    Absent,
    GiveUp(String),
    Again { absences: i64, due_at: i64 },
}

/// What is known of an attempt before a look.
#[derive(Debug, Clone, Copy)]
struct Standing {
    looks: i64,
    absences: i64,
    unknown_at: i64,
    /// Its type may be sent once more.
    resend: bool,
}

/// What follows. Pure: `now` is the database's clock, milliseconds.
fn step(standing: Standing, seen: &Seen, times: &Times, now: i64) -> Step {
    let give_up_at = standing.unknown_at.saturating_add(millis(times.give_up));
    let absences = standing.absences + i64::from(*seen == Seen::Absent);
    let late = now >= give_up_at;
    let again = |due_at: i64| Step::Again {
        absences,
        due_at: if late { due_at } else { due_at.min(give_up_at) },
    };
    // whom the queue of questions came to late has as many looks as anybody, and absences that have begun are finished
    let looks = standing.looks + 1;
    let over = late && looks >= times.looks() * if standing.absences > 0 { 3 } else { 1 };
    match seen {
        Seen::Found { .. } => Step::Found,
        Seen::Absent if absences >= times.looks() => Step::Absent,
        Seen::Ambiguous => Step::GiveUp("ambiguous: it may be another message".to_owned()),
        Seen::Nothing { why } if over => Step::GiveUp(why.clone()),
        Seen::CannotBeAsked { why } if late => Step::GiveUp(why.clone()),
        Seen::CannotBeAsked { .. } => again(give_up_at),
        Seen::Absent | Seen::Nothing { .. } => {
            let last = times.settle.len().saturating_sub(1);
            let next = times.settle.get((absences as usize).min(last)).copied();
            again(now.saturating_add(millis(next.unwrap_or(times.give_up))))
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Ledger {
    /// Writes what looks showed, in one transaction and only while the account is held. The looks are for different notifications.
    ///
    /// # Errors
    /// When the database does not answer; nothing is written then.
    pub async fn record_looks(
        &self,
        hold: &Hold,
        times: &Times,
        looks: &[Look],
    ) -> Result<Vec<Looked>, LedgerError> {
        let mut tx = self.db.begin().await?;
        if !is_held(&mut tx, hold).await? {
            return Ok(vec![Looked::HoldLost; looks.len()]);
        }
        let keys: Vec<&str> = looks.iter().map(|look| look.ntf.as_str()).collect();
        let Locks { rows: locked, now } = lock(&mut tx, &keys).await?;
        let standings = standings(&mut tx, &keys).await?;
        let mut book = Book::new(hold, now);
        for look in looks {
            let before = locked.get(&look.ntf).filter(|before| is_looked_for(before, look.n));
            let standing = standings.get(&(look.ntf.clone(), i64::from(look.n)));
            match (before, standing) {
                (Some(before), Some(standing)) if standing.looks == i64::from(look.looks) => {
                    let step = step(*standing, &look.seen, times, now);
                    book.take(look, before, *standing, step)?;
                }
                _ => book.looked.push(Looked::Moved),
            }
        }
        let looked = book.write(&mut tx).await?;
        tx.commit().await?;
        Ok(looked)
    }
}

fn is_looked_for(before: &Locked, n: u32) -> bool {
    before.row.state == State::Unknown && before.row.last() == n
}

/// Locks the hold, so that nobody takes it over before this is committed.
async fn is_held(tx: &mut Tx, hold: &Hold) -> Result<bool, LedgerError> {
    let fence: Option<i64> = scalar(
        "-- hold\nSELECT fence FROM lease WHERE name = $1 AND holder = $2 AND fence = $3 {lock}",
    )
    .bind(lease_name(&hold.account))
    .bind(&hold.holder)
    .bind(hold.fence)
    .fetch_optional(tx)
    .await?;
    Ok(fence.is_some())
}

async fn standings(
    tx: &mut Tx,
    ntfs: &[&str],
) -> Result<HashMap<(String, i64), Standing>, LedgerError> {
    let keys: Vec<_> = ntfs.iter().map(|key| Key { key }).collect();
    let rows = query(
        "-- standings\nSELECT a.ntf, a.n, a.looks, a.absences, a.started_at, a.ended_at, n.on_unknown FROM attempt a \
         JOIN notification n ON n.ntf = a.ntf WHERE a.state = 'unknown' AND a.ntf IN (SELECT key FROM {rows:key text})",
    )
    .bind(columns(&keys)?)
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            let ended: Option<i64> = row.try_get("ended_at")?;
            let started: i64 = row.try_get("started_at")?;
            let standing = Standing {
                looks: row.try_get("looks")?,
                absences: row.try_get("absences")?,
                unknown_at: ended.unwrap_or(started),
                resend: row.try_get::<String, _>("on_unknown")? == "resend",
            };
            Ok(((row.try_get("ntf")?, row.try_get("n")?), standing))
        })
        .collect()
}

#[derive(Serialize)]
struct LookWrite<'a> {
    ntf: &'a str,
    n: i64,
    absences: i64,
    at: i64,
    fence: i64,
    state: &'static str,
}

/// What the looks write.
struct Book<'a> {
    hold: &'a Hold,
    now: i64,
    writes: Writes,
    attempts: Vec<LookWrite<'a>>,
    /// With their places in `looked`.
    found: Vec<(usize, OutcomeWrite)>,
    left: Vec<(String, Leave)>,
    looked: Vec<Looked>,
}

impl<'a> Book<'a> {
    fn new(hold: &'a Hold, now: i64) -> Self {
        Self {
            hold,
            now,
            writes: Writes::default(),
            attempts: vec![],
            found: vec![],
            left: vec![],
            looked: vec![],
        }
    }

    fn take(
        &mut self,
        look: &'a Look,
        before: &Locked,
        standing: Standing,
        step: Step,
    ) -> Result<(), LedgerError> {
        let absences = match &step {
            Step::Again { absences, .. } => *absences,
            Step::Absent => standing.absences + 1,
            Step::Found | Step::GiveUp(_) => standing.absences,
        };
        let (saw, why) = words(&look.seen);
        let entry = Entry::Looked {
            attempt: look.n,
            saw: saw.to_owned(),
            why,
            absences: u32::try_from(absences).unwrap_or(u32::MAX),
        };
        self.record(look, before, &entry)?;
        let mut state = AttemptState::Unknown;
        let looked = match step {
            Step::Found => {
                let place = self.looked.len();
                self.found.extend(found(look, before).map(|write| (place, write)));
                // until the outcome says where it went
                Looked::Moved
            }
            Step::Again { due_at, .. } => {
                self.writes.open.push(before.open(&look.ntf, State::Unknown, &before.lane, due_at));
                Looked::Again { due_at }
            }
            Step::Absent => {
                state = AttemptState::Absent;
                let useful = before.expires_at > self.now;
                let resend = standing.resend;
                let command = Command::Absent { n: look.n, resend, useful };
                self.end(look, before, &command, absence(resend, useful))?
            }
            Step::GiveUp(why) => self.end(look, before, &Command::GiveUp { n: look.n }, &why)?,
        };
        self.attempts.push(LookWrite {
            ntf: &look.ntf,
            n: i64::from(look.n),
            absences,
            at: self.now,
            fence: self.hold.fence,
            state: state.as_str(),
        });
        self.looked.push(looked);
        Ok(())
    }

    fn end(
        &mut self,
        look: &Look,
        before: &Locked,
        command: &Command,
        why: &str,
    ) -> Result<Looked, LedgerError> {
        let Ok(change) = protocol::apply(Some(&before.row), command) else {
            return Ok(Looked::Moved);
        };
        let to = change.row.state;
        let resend = to == State::Waiting;
        let absent = matches!(command, Command::Absent { .. });
        // the protocol lets nobody be sent to a third time
        let once_before = absent && !resend && why == ABSENT;
        let why = if once_before { "absent, and it was sent again once before" } else { why };
        let (_, why_ended) = ending(State::Unresolved, to, why);
        let why_row = if resend { "resend" } else { &why_ended };
        let due = resend.then(|| before.open(&look.ntf, State::Waiting, &before.lane, self.now));
        self.writes.row(&look.ntf, &change.row, why_row, self.now, due);
        let then = (!matches!(to, State::Waiting | State::Unresolved)).then_some(to);
        let entry = Entry::NotFound { attempt: look.n, resend, absent, why: why.to_owned(), then };
        self.record(look, before, &entry)?;
        let leave = if resend {
            Leave::going_on(&change.row, self.now, before.gap_ms)
        } else {
            Leave::ending(to, self.now, before.gap_ms)
        };
        self.left.push((look.ntf.clone(), leave));
        Ok(Looked::Ended(to))
    }

    fn record(&mut self, look: &Look, before: &Locked, entry: &Entry) -> Result<(), LedgerError> {
        self.writes.records.push(NewRecord::of(&before.clinic, &look.ntf, self.now, entry)?);
        Ok(())
    }

    async fn write(mut self, tx: &mut Tx) -> Result<Vec<Looked>, LedgerError> {
        if !self.attempts.is_empty() {
            query(
                "-- looked\nUPDATE attempt AS a SET looks = a.looks + 1, absences = r.absences, looked_at = r.at, look_fence = r.fence, state = r.state \
                 FROM {rows:ntf text, n bigint, absences bigint, at bigint, fence bigint, state text} WHERE a.ntf = r.ntf AND a.n = r.n",
            )
            .bind(columns(&self.attempts)?)
            .execute(&mut *tx)
            .await?;
        }
        // what was seen stands in the log before what follows from it
        append(tx, &std::mem::take(&mut self.writes.records)).await?;
        let found: Vec<&OutcomeWrite> = self.found.iter().map(|(_, write)| write).collect();
        let written = outcomes_in(tx, &found).await?;
        for ((place, _), written) in self.found.iter().zip(written) {
            self.looked[*place] = Looked::Ended(written.state);
        }
        slots::leave(tx, &self.left, self.now).await?;
        self.writes.flush(tx).await?;
        Ok(self.looked)
    }
}

fn found(look: &Look, before: &Locked) -> Option<OutcomeWrite> {
    let Seen::Found { outcome, code, detail, provider_ref } = &look.seen else { return None };
    Some(OutcomeWrite {
        ntf: look.ntf.clone(),
        n: look.n,
        outcome: *outcome,
        code: storable(code).into_owned(),
        detail: storable(detail).into_owned(),
        provider_ref: provider_ref.as_deref().map(|text| storable(text).into_owned()),
        next: Next { why: "retry".to_owned(), after_ms: RETRY_AFTER_MS, lane: before.lane.clone() },
        look_in_ms: 0,
        fallback_in_ms: None,
    })
}

/// The word and the reason for the log.
fn words(seen: &Seen) -> (&'static str, String) {
    match seen {
        Seen::Found { code, .. } => ("found", storable(code).into_owned()),
        Seen::Absent => ("absent", String::new()),
        Seen::Nothing { why } => ("nothing", why.clone()),
        Seen::Ambiguous => ("ambiguous", String::new()),
        Seen::CannotBeAsked { why } => ("cannot-be-asked", why.clone()),
    }
}

/// Why an absent attempt is or is not sent again.
fn absence(resend: bool, useful: bool) -> &'static str {
    match (resend, useful) {
        (true, true) => ABSENT,
        (true, false) => "absent, and too late to be sent again",
        (false, _) => "absent, and its type is not sent again",
    }
}

#[cfg(test)]
mod tests;
