//! The worker's view of lanes: which are in trouble, and when to say that one is.

use crate::caps::Caps;
use crate::outage::Outage;
use ledger::Ledger;
use ledger::lanes::{Lane, LaneState};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Results without one good among them after which a lane closes.
const BAD_IN_A_ROW: u32 = 5;
/// First probe of a lane that closed on an outage, milliseconds.
const PROBE_OUTAGE_MS: i64 = 2_000;
/// First probe of a lane whose account was refused, milliseconds: somebody has to mend it.
const PROBE_ACCOUNT_MS: i64 = 10_000;
/// How often the shared state is read.
const READ_EVERY: Duration = Duration::from_millis(500);
/// How old what was read may be for a row that somebody has just let go.
const READ_JUST_NOW: Duration = Duration::from_millis(50);

/// Lanes as this process knows them.
#[derive(Debug, Default)]
pub struct Lanes {
    /// What throttle answers have left of each cap.
    pub caps: Caps,
    known: Mutex<HashMap<String, Known>>,
    /// When the shared state was read; held by whoever reads it for a row.
    read_at: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Known {
    trouble: Option<LaneState>,
    paused: bool,
    bad: u32,
}

impl Lanes {
    fn with<T>(&self, lane: &str, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(known.entry(lane.to_owned()).or_default())
    }

    /// Whether a message that is not released for this lane has to wait on it.
    pub fn in_trouble(&self, lane: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(lane).is_some_and(|k| k.trouble.is_some())
    }

    /// Whether nothing may go at all.
    pub fn closed(&self, lane: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(lane).is_some_and(|k| k.trouble == Some(LaneState::Closed))
    }

    /// Whether a person holds what waits for it.
    pub fn paused(&self, lane: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(lane).is_some_and(|k| k.paused)
    }

    /// Keeps the shared state fresh until the stop. Who asks the ledger this often notices first when it is gone, also in a worker
    /// whose messages all wait for one answer of it.
    pub async fn follow(&self, ledger: &Ledger, outage: &Outage, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let seen = outage.count();
            match ledger.lanes().await {
                Ok(lanes) => self.now_are(&lanes),
                // the last known state stands; nothing is sent then anyway
                Err(error) => outage.met(seen, &error),
            }
            // likewise; whether the ledger is there has just been seen
            let _ = self.caps.read(ledger).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(READ_EVERY) => {}
            }
        }
    }

    /// For a row that the scheduler has let go on this lane: if it is closed as far as we know, we may only be the last to hear that it
    /// is tried. The row would go back and another one come in its place, as fast as they travel, until we had heard of it.
    pub async fn look_for(&self, ledger: &Ledger, lane: &str) {
        if !self.closed(lane) {
            return;
        }
        let mut read_at = self.read_at.lock().await;
        if read_at.is_none_or(|at| at.elapsed() > READ_JUST_NOW) {
            if let Ok(lanes) = ledger.lanes().await {
                self.now_are(&lanes);
            }
            *read_at = Some(Instant::now());
        }
    }

    /// What the ledger says counts, also where it knows nothing of a trouble that could not be written.
    fn now_are(&self, lanes: &[Lane]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for lane in lanes {
            known.entry(lane.lane.clone()).or_default();
        }
        for (name, entry) in known.iter_mut() {
            let shared = lanes.iter().find(|lane| lane.lane == *name);
            let trouble = shared.map(|lane| lane.state).filter(|state| *state != LaneState::Open);
            if trouble.is_none() && entry.trouble.is_some() {
                entry.bad = 0;
            }
            entry.trouble = trouble;
            entry.paused = shared.is_some_and(Lane::is_paused);
        }
    }

    /// A documented answer came: the lane works. Widens a lane that is being tried.
    pub async fn good(&self, ledger: &Ledger, lane: &str) {
        let trying = self.with(lane, |known| {
            known.bad = 0;
            known.trouble == Some(LaneState::Trying)
        });
        if trying
            && let Ok(Some(state)) = ledger.widen_lane(lane, LaneState::Trying).await
            && state == LaneState::Open
        {
            self.with(lane, |known| known.trouble = None);
            tracing::info!(lane, "lane is open again");
        }
    }

    /// No usable answer came. After several in a row, or the first one of a lane that is being tried, the lane closes.
    pub async fn bad(&self, ledger: &Ledger, lane: &str, code: &str) {
        let close = self.with(lane, |known| {
            known.bad += 1;
            known.bad >= BAD_IN_A_ROW || known.trouble == Some(LaneState::Trying)
        });
        if close {
            self.close(ledger, lane, &format!("outage: {code}"), PROBE_OUTAGE_MS).await;
        }
    }

    /// The account was refused, not the message: closes at once.
    pub async fn refused(&self, ledger: &Ledger, lane: &str, code: &str) {
        self.close(ledger, lane, &format!("account: {code}"), PROBE_ACCOUNT_MS).await;
    }

    async fn close(&self, ledger: &Ledger, lane: &str, why: &str, probe_after_ms: i64) {
        self.with(lane, |known| known.trouble = Some(LaneState::Closed));
        match ledger.close_lane(lane, why, probe_after_ms).await {
            Ok(true) => {
                tracing::error!(
                    alert = "lane-closed",
                    lane,
                    why,
                    "lane closed: its messages wait, nothing is lost"
                );
            }
            Ok(false) => {}
            // the next bad result tries again
            Err(error) => tracing::warn!(lane, %error, "could not close the lane"),
        }
    }
}
