//! The tick: what is due goes out, and what time has overtaken is moved on.
//!
//! Release commits before it hands over; a copy that is lost is released again when patience with it ends. Several schedulers
//! may tick at once.

use crate::divert;
use crate::outlet::Outlet;
use crate::settings::Settings;
use ledger::lanes::{Lane, LaneState};
use ledger::state::State;
use ledger::sweep::{Group, Swept};
use ledger::{Changes, Ledger, LedgerError};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Rows moved by one transaction.
const SLICE: usize = 200;
/// How often rows on a closed lane are looked through for expired ones, milliseconds.
const EXPIRY_EVERY_MS: i64 = 30_000;
/// Longest pause of a release to the worker in this process, which is woken when something changes.
const IDLE: Duration = Duration::from_secs(1);
/// How long changes are gathered before they are looked at, so that many events at once are a few slices.
const GATHER: Duration = Duration::from_millis(5);

/// Releases what is due until the stop.
pub struct Releaser {
    ledger: Ledger,
    changes: Changes,
    outlet: Outlet,
    settings: Arc<Settings>,
    expiry_looked_at: HashMap<String, i64>,
}

/// What one tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Copies handed over.
    pub released: usize,
    /// Rows that ended or changed state without a release.
    pub moved: usize,
    /// Milliseconds from the tick to what is due next, other than what is due already.
    pub next_in: Option<i64>,
}

impl Releaser {
    /// Sets up; nothing happens yet.
    pub fn new(ledger: Ledger, outlet: Outlet, settings: Arc<Settings>) -> Self {
        let changes = ledger.changes();
        Self { ledger, changes, outlet, settings, expiry_looked_at: HashMap::new() }
    }

    /// Ticks until the stop.
    ///
    /// # Errors
    /// When the ledger refuses this process for good: another login, key or schema.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), LedgerError> {
        let mut away = false;
        while !stop.is_cancelled() {
            let pause = match self.tick().await {
                Ok(ticked) => {
                    if std::mem::take(&mut away) {
                        tracing::info!("the ledger answers again");
                    }
                    // a full slice means that more is due
                    if ticked.released >= SLICE { Duration::ZERO } else { self.pause(&ticked) }
                }
                // another process was writing the same rows: the next tick sees what is left
                Err(LedgerError::Conflict) => self.settings.tick,
                Err(error) if !error.is_away() => return Err(error),
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::error!(alert = "ledger-down", %error, "nothing can be released");
                    }
                    Duration::from_secs(1)
                }
            };
            // while the worker has no room for more, it is its progress that counts
            let full = !self.outlet.takes();
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.outlet.has_drained(), if full => {}
                () = changed(&mut self.changes), if !full && !away => {}
            }
        }
        Ok(())
    }

    /// How long nothing is looked at if nothing changes. In one process every change is noticed, also what lets a row go that is due
    /// and was left (its lane, its window, its number): only time is waited for.
    fn pause(&self, ticked: &Ticked) -> Duration {
        match self.outlet {
            Outlet::Bus(_) | Outlet::Nobody => self.settings.tick,
            Outlet::Here(_) => {
                let next = ticked.next_in.and_then(|ms| u64::try_from(ms).ok());
                next.map_or(IDLE, |ms| Duration::from_millis(ms.max(1)).min(IDLE))
            }
        }
    }

    /// One look at everything that is due.
    ///
    /// # Errors
    /// When the ledger is away.
    pub async fn tick(&mut self) -> Result<Ticked, LedgerError> {
        let now = self.ledger.clock().now_ms();
        let lanes: HashMap<String, Lane> =
            self.ledger.lanes().await?.into_iter().map(|lane| (lane.lane.clone(), lane)).collect();
        let mut ticked = Ticked::default();
        let mut waiting: BTreeMap<String, Vec<Group>> = BTreeMap::new();
        let groups = self.ledger.groups().await?;
        let later = groups.iter().map(|group| group.due_at.saturating_sub(now));
        ticked.next_in = later.filter(|ms| *ms > 0).min();
        for group in groups.into_iter().filter(|group| group.due_at <= now) {
            if group.state == State::Waiting {
                waiting.entry(group.lane.clone()).or_default().push(group);
            } else {
                self.overdue(&group, &mut ticked).await?;
            }
        }
        for (lane, groups) in &waiting {
            self.lane(lane, groups, lanes.get(lane), now, &mut ticked).await?;
        }
        // after the rows of their own lane, which have nowhere else to go
        for (lane, groups) in divert::diverted(&waiting, &lanes, &self.settings) {
            self.divert(&lane, &groups, lanes.get(&lane), &mut ticked).await?;
        }
        Ok(ticked)
    }

    /// Released, sending or unknown rows whose time has come: patience, leases, looks.
    async fn overdue(&mut self, group: &Group, ticked: &mut Ticked) -> Result<(), LedgerError> {
        let most = if group.state == State::Released { self.outlet.room() } else { usize::MAX };
        let due = self.ledger.due(group, false, most.min(SLICE) as i64).await?;
        self.sweep(&due, None, ticked).await
    }

    /// Due waiting rows of one lane: round-robin over its clinics, urgent types first, within the window.
    async fn lane(
        &mut self,
        lane: &str,
        groups: &[Group],
        trouble: Option<&Lane>,
        now: i64,
        ticked: &mut Ticked,
    ) -> Result<(), LedgerError> {
        let state = trouble.map_or(LaneState::Open, |lane| lane.state);
        if state == LaneState::Closed || !self.outlet.takes() {
            return self.expire(lane, groups, now, ticked).await;
        }
        let room = self.room(lane, trouble).await?;
        let chosen = self.chosen(groups, room, is_tried(trouble)).await?;
        self.sweep(&chosen, None, ticked).await
    }

    /// Due rows of closed lanes whose clinics have this one too: they go on it, within its window. Which lane a message takes is
    /// decided again by the worker that has it.
    async fn divert(
        &mut self,
        lane: &str,
        groups: &[Group],
        trouble: Option<&Lane>,
        ticked: &mut Ticked,
    ) -> Result<(), LedgerError> {
        if !self.outlet.takes() {
            return Ok(());
        }
        let room = self.room(lane, trouble).await?;
        let chosen = self.chosen(groups, room, is_tried(trouble)).await?;
        if !chosen.is_empty() {
            tracing::info!(lane, rows = chosen.len(), "rows of a closed lane go on another one");
        }
        self.sweep(&chosen, Some(lane), ticked).await
    }

    /// How many rows may be released on a lane now.
    async fn room(&self, lane: &str, trouble: Option<&Lane>) -> Result<usize, LedgerError> {
        let width = trouble.filter(|_| is_tried(trouble)).and_then(|lane| lane.width);
        let window = self.settings.window(lane).min(width.unwrap_or(i64::MAX));
        let room = window - self.ledger.outside(lane).await?;
        Ok(usize::try_from(room).unwrap_or(0).min(self.outlet.room()).min(SLICE))
    }

    /// Due rows of these groups, at most `room`.
    async fn chosen(
        &self,
        groups: &[Group],
        room: usize,
        trying: bool,
    ) -> Result<Vec<String>, LedgerError> {
        let mut by_clinic = vec![];
        for group in groups.iter().filter(|_| room > 0) {
            let mut rows =
                self.ledger.due_waiting(&group.lane, &group.clinic, room as i64, trying).await?;
            // within a clinic what is urgent goes first; the sort keeps the order otherwise
            rows.sort_by_key(|(_, class)| *class);
            by_clinic.push(rows.into_iter().map(|(ntf, _)| ntf).collect());
        }
        Ok(round_robin(by_clinic, room))
    }

    /// Rows wait on a closed lane for as long as they are of use.
    async fn expire(
        &mut self,
        lane: &str,
        groups: &[Group],
        now: i64,
        ticked: &mut Ticked,
    ) -> Result<(), LedgerError> {
        let last = self.expiry_looked_at.entry(lane.to_owned()).or_insert(i64::MIN);
        if now.saturating_sub(*last) < EXPIRY_EVERY_MS {
            return Ok(());
        }
        *last = now;
        for group in groups {
            let due = self.ledger.due(group, true, SLICE as i64).await?;
            self.sweep(&due, None, ticked).await?;
        }
        Ok(())
    }

    /// Does to rows what their due time says; what is released goes on `onto`, if given. One row that cannot be understood must not
    /// stop the others (PROTOCOL rule 14).
    async fn sweep(
        &mut self,
        ntfs: &[String],
        onto: Option<&str>,
        ticked: &mut Ticked,
    ) -> Result<(), LedgerError> {
        let mut todo: Vec<&[String]> = ntfs.chunks(SLICE).rev().collect();
        while let Some(slice) = todo.pop() {
            match self.ledger.sweep_onto(slice, onto).await {
                Ok((copies, swept)) => {
                    swept.iter().filter(|s| s.to != State::Released).for_each(say);
                    ticked.moved += swept.len() - copies.len();
                    ticked.released += self.outlet.hand_over(copies).await;
                }
                Err(LedgerError::Statement(_) | LedgerError::Corrupt(_)) if slice.len() > 1 => {
                    let (left, right) = slice.split_at(slice.len() / 2);
                    todo.extend([right, left]);
                }
                Err(error @ (LedgerError::Statement(_) | LedgerError::Corrupt(_))) => {
                    tracing::error!(alert = "row", ntf = slice.first(), %error, "a due row cannot be moved: it is left out");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Something may have changed in the ledger, here or in another process.
async fn changed(changes: &mut Changes) {
    changes.next().await;
    tokio::time::sleep(GATHER).await;
}

fn is_tried(trouble: Option<&Lane>) -> bool {
    trouble.is_some_and(|lane| lane.state == LaneState::Trying)
}

fn say(swept: &Swept) {
    match swept.to {
        State::Unknown => tracing::warn!(
            alert = "unknown",
            ntf = swept.ntf,
            clinic = swept.clinic,
            "a worker's lease ran out: whether the message arrived is unknown, it is not sent again blindly"
        ),
        State::Unresolved => tracing::warn!(
            alert = "unresolved",
            ntf = swept.ntf,
            clinic = swept.clinic,
            "could not be found out: ends unresolved"
        ),
        to => {
            tracing::info!(ntf = swept.ntf, clinic = swept.clinic, from = %swept.from, state = %to, "its time passed");
        }
    }
}

/// One of each list in turn, at most `most` in all.
fn round_robin<T>(lists: Vec<Vec<T>>, most: usize) -> Vec<T> {
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    let mut chosen = vec![];
    while chosen.len() < most && !lists.is_empty() {
        lists.retain_mut(|list| match list.next() {
            Some(item) if chosen.len() < most => {
                chosen.push(item);
                true
            }
            _ => false,
        });
    }
    chosen
}

#[cfg(test)]
mod tests;
