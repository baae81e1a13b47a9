//! The tick: what is due goes out, and what time has overtaken is moved on.
//!
//! Release commits before it publishes; a copy that is lost is released again when patience with it ends. Several schedulers
//! may tick at once.

use crate::settings::Settings;
use bus::{Bus, Fate, LinkState, Outgoing, names};
use futures::StreamExt;
use ledger::lanes::{Lane, LaneState};
use ledger::state::State;
use ledger::sweep::{Group, ReleasedCopy, Swept};
use ledger::{Ledger, LedgerError};
use schemas::{NotificationId, Reference};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Rows moved by one transaction.
const SLICE: usize = 200;
/// Copies published at the same time.
const ABREAST: usize = 100;
/// How often rows on a closed lane are looked through for expired ones, milliseconds.
const EXPIRY_EVERY_MS: i64 = 30_000;

/// Releases what is due until the stop.
pub struct Releaser {
    ledger: Ledger,
    bus: Arc<Bus>,
    settings: Arc<Settings>,
    expiry_looked_at: HashMap<String, i64>,
}

/// What one tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Copies published and confirmed.
    pub released: usize,
    /// Rows that ended or changed state without a release.
    pub moved: usize,
}

impl Releaser {
    /// Sets up; nothing happens yet.
    pub fn new(ledger: Ledger, bus: Arc<Bus>, settings: Arc<Settings>) -> Self {
        Self { ledger, bus, settings, expiry_looked_at: HashMap::new() }
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
                    if ticked.released >= SLICE { Duration::ZERO } else { self.settings.tick }
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
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
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
        for group in self.ledger.groups().await?.into_iter().filter(|group| group.due_at <= now) {
            if group.state == State::Waiting {
                waiting.entry(group.lane.clone()).or_default().push(group);
            } else {
                self.overdue(&group, &mut ticked).await?;
            }
        }
        for (lane, groups) in waiting {
            self.lane(&lane, &groups, lanes.get(&lane), now, &mut ticked).await?;
        }
        Ok(ticked)
    }

    /// Released, sending or unknown rows whose time has come: patience, leases, looks.
    async fn overdue(&mut self, group: &Group, ticked: &mut Ticked) -> Result<(), LedgerError> {
        let due = self.ledger.due(group, false, SLICE as i64).await?;
        if group.state == State::Released && !self.broker_takes() {
            return Ok(());
        }
        self.sweep(&due, ticked).await
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
        if state == LaneState::Closed || !self.broker_takes() {
            return self.expire(lane, groups, now, ticked).await;
        }
        let width = trouble.filter(|_| state == LaneState::Trying).and_then(|lane| lane.width);
        let window = self.settings.window(lane).min(width.unwrap_or(i64::MAX));
        let room = window - self.ledger.outside(lane).await?;
        let Some(room) = usize::try_from(room).ok().filter(|room| *room > 0) else { return Ok(()) };
        let mut by_clinic = vec![];
        for group in groups {
            let most = room.min(SLICE) as i64;
            let trying = state == LaneState::Trying;
            let mut rows = self.ledger.due_waiting(lane, &group.clinic, most, trying).await?;
            // within a clinic what is urgent goes first; the sort keeps the order otherwise
            rows.sort_by_key(|(_, class)| *class);
            by_clinic.push(rows.into_iter().map(|(ntf, _)| ntf).collect());
        }
        let chosen = round_robin(by_clinic, room.min(SLICE));
        self.sweep(&chosen, ticked).await
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
            self.sweep(&due, ticked).await?;
        }
        Ok(())
    }

    /// One row that cannot be understood must not stop the others (PROTOCOL rule 14).
    async fn sweep(&mut self, ntfs: &[String], ticked: &mut Ticked) -> Result<(), LedgerError> {
        let mut todo: Vec<&[String]> = ntfs.chunks(SLICE).rev().collect();
        while let Some(slice) = todo.pop() {
            match self.ledger.sweep(slice).await {
                Ok((copies, swept)) => {
                    swept.iter().filter(|s| s.to != State::Released).for_each(say);
                    ticked.moved += swept.len() - copies.len();
                    ticked.released += self.publish(copies).await;
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

    /// Publishes copies; one that is not confirmed is released again when patience with it ends.
    async fn publish(&self, copies: Vec<ReleasedCopy>) -> usize {
        let publisher = self.bus.publisher();
        futures::stream::iter(copies)
            .map(|copy| async move {
                let Some(message) = outgoing(&copy) else { return 0 };
                match publisher.publish(message).await {
                    Fate::Confirmed => 1,
                    fate => {
                        tracing::warn!(
                            ntf = copy.ntf,
                            ?fate,
                            "a released copy was not confirmed: it is released again later"
                        );
                        0
                    }
                }
            })
            .buffer_unordered(ABREAST)
            .fold(0, |sum, n| async move { sum + n })
            .await
    }

    /// Whether a release has a chance: without a broker it would only use up patience.
    fn broker_takes(&self) -> bool {
        let publisher = self.bus.publisher();
        let up = *publisher.state().borrow() == LinkState::Up;
        let blocked = *publisher.blocked().borrow();
        up && !blocked
    }
}

fn outgoing(copy: &ReleasedCopy) -> Option<Outgoing> {
    let reference = Reference {
        ntf: NotificationId::parse(&copy.ntf)?,
        source: copy.source.clone(),
        id: copy.event_id.clone(),
        event_type: copy.event_type.clone(),
        subject: copy.subject.clone(),
        release: copy.fence,
    };
    Some(Outgoing {
        exchange: names::NOTIFICATIONS.to_owned(),
        routing_key: copy.event_type.clone(),
        body: reference.to_json(),
        message_id: format!("{}-r{}", copy.ntf, copy.fence),
        headers: vec![],
        // the exchange has an alternate one
        mandatory: false,
    })
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
mod tests {
    use super::*;

    #[test]
    fn clinics_take_turns_and_the_window_is_kept() {
        let lists = vec![vec!["a1", "a2", "a3", "a4"], vec!["b1"], vec!["c1", "c2"]];
        assert_eq!(round_robin(lists.clone(), 5), ["a1", "b1", "c1", "a2", "c2"]);
        assert_eq!(round_robin(lists.clone(), 100).len(), 7);
        assert!(round_robin(lists, 0).is_empty());
    }
}
