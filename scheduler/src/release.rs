//! The tick: what is due goes out, and what time has overtaken is moved on.
//!
//! Release commits before it hands over; a copy that is lost is released again when patience with it ends. Several schedulers
//! may tick at once.
//!
//! Between two ticks it sleeps until the next due time, or until somebody makes a row due. Only while something is due and could
//! not go (its lane's window is full, its number busy, facts are not current, the broker away) it looks again every `tick`: what
//! frees a place is the hot path of the workers, which tells nobody.

mod gate;
mod turns;

use crate::divert;
use crate::outlet::Outlet;
use crate::settings::Settings;
use futures::FutureExt;
use gate::{Gate, Pass};
use ledger::caps::{Lowered, WHOLE};
use ledger::due::{Group, Pick};
use ledger::lanes::{Lane, LaneState};
use ledger::state::State;
use ledger::sweep::{Manner, ReleasedCopy, Swept};
use ledger::wakes::{WAKES_WITHIN_MS, Wakes};
use ledger::{Ledger, LedgerError};
use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use turns::{Queue, Turns};

/// Rows moved by one transaction.
const SLICE: usize = 200;
/// Rows of a lane that are chosen by one look: choosing costs a question for each clinic, whatever comes of it. While one slice of them
/// is published the next one is written.
const CHOSEN: usize = 5 * SLICE;
/// How often rows on a closed lane are looked through for expired ones, milliseconds.
const EXPIRY_EVERY_MS: i64 = 30_000;
/// Longest pause: what is due later than this wakes nobody.
const IDLE: Duration = Duration::from_millis(WAKES_WITHIN_MS as u64);
/// The next due time is slept until and a little longer: by the database's clock, which decides, it must have come.
const NOT_TOO_EARLY: Duration = Duration::from_millis(2);
/// How many of a lane's due rows are looked at for those that expire soonest.
const LOOK_AHEAD: usize = 1_000;
/// The next look while rows go out. No later, because places become free behind them; and no sooner, so that what is due one after the
/// other goes in slices and not row by row.
const GOING: Duration = Duration::from_millis(20);
/// The class of what is urgent (`x-ulak.class`).
const URGENT: i64 = schemas::Class::Urgent as i64;
/// How long changes are gathered before they are looked at, so that many events at once are a few slices.
const GATHER: Duration = Duration::from_millis(5);

/// Releases what is due until the stop.
pub struct Releaser {
    ledger: Ledger,
    wakes: Wakes,
    outlet: Outlet,
    settings: Arc<Settings>,
    expiry_looked_at: HashMap<String, i64>,
    turns: Turns,
    /// Where facts come through the broker.
    gate: Option<Gate>,
    /// Of this tick.
    pass: Pass,
    /// Caps that throttle answers have lowered, as this tick found them.
    lowered: Vec<Lowered>,
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
    /// Something was due that has a way out: it may not have gone, or not all of it.
    pub left: bool,
}

impl Releaser {
    /// Sets up; nothing happens yet.
    pub fn new(ledger: Ledger, outlet: Outlet, settings: Arc<Settings>) -> Self {
        Self {
            wakes: ledger.wakes(),
            ledger,
            outlet,
            settings,
            expiry_looked_at: HashMap::new(),
            turns: Turns::default(),
            gate: None,
            pass: Pass::Open,
            lowered: vec![],
        }
    }

    /// Facts come through a queue, so what is about a visit leaves only while they are current (PROTOCOL rule 12). Somebody has to
    /// publish markers and to apply facts: see `facts`.
    #[must_use]
    pub fn with_facts_from_a_queue(mut self) -> Self {
        self.gate = Some(Gate::new(self.ledger.clock().now_ms()));
        self
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
                    if ticked.released + ticked.moved >= SLICE {
                        Duration::ZERO
                    } else {
                        self.pause(&ticked)
                    }
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
            // while the worker in this process has no room for more, it is its progress that counts
            let here = matches!(self.outlet, Outlet::Here(_));
            let full = here && !self.outlet.takes();
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.outlet.has_drained(), if full => {}
                () = woken(&mut self.wakes, here), if !full && !away => {}
            }
        }
        Ok(())
    }

    /// How long nothing is looked at if nobody wakes us.
    fn pause(&self, ticked: &Ticked) -> Duration {
        let longest = match (ticked.left, ticked.released) {
            (true, 1..) => return GOING,
            (true, 0) => self.settings.tick,
            (false, _) => IDLE,
        };
        let next = ticked.next_in.and_then(|ms| u64::try_from(ms).ok());
        next.map_or(longest, |ms| longest.min(Duration::from_millis(ms) + NOT_TOO_EARLY))
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
        let due: Vec<Group> = groups.into_iter().filter(|group| group.due_at <= now).collect();
        self.pass = self.look_at_facts(now, !due.is_empty()).await?;
        self.lowered = if due.is_empty() || !self.settings.is_capped() {
            vec![]
        } else {
            self.ledger.lowered_caps().await?
        };
        for group in due {
            if group.state == State::Waiting {
                waiting.entry(group.lane.clone()).or_default().push(group);
            } else {
                ticked.left = true;
                self.overdue(&group, &mut ticked).await?;
            }
        }
        let waiting = divert::given_a_lane(waiting, &lanes, &self.settings);
        for (lane, groups) in &waiting {
            self.lane(lane, groups, lanes.get(lane), now, &mut ticked).await?;
        }
        // after the rows of their own lane, which have nowhere else to go
        for (lane, groups) in divert::diverted(&waiting, &lanes, &self.settings) {
            self.divert(&lane, &groups, lanes.get(&lane), &mut ticked).await?;
        }
        Ok(ticked)
    }

    /// Whether what is about a visit may leave in this tick.
    async fn look_at_facts(&mut self, now: i64, something_due: bool) -> Result<Pass, LedgerError> {
        match &mut self.gate {
            Some(gate) if something_due || gate.is_due(now) => {
                Ok(gate.look(now, self.ledger.facts_current_at().await?))
            }
            Some(_) => Ok(Pass::Shut),
            None => Ok(Pass::Open),
        }
    }

    /// Released, sending or unknown rows whose time has come: patience, leases, looks.
    async fn overdue(&mut self, group: &Group, ticked: &mut Ticked) -> Result<(), LedgerError> {
        let most = if group.state == State::Released { self.outlet.room() } else { usize::MAX };
        let most = most.min(SLICE) as i64;
        let due = if group.state == State::Released && self.pass == Pass::Shut {
            self.ledger.due_without_visits(group, most).await?
        } else {
            self.ledger.due(group, false, most).await?
        };
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
        if state == LaneState::Closed || matches!(self.outlet, Outlet::Nobody) {
            return self.expire(lane, groups, now, ticked).await;
        }
        ticked.left = true;
        let room = if self.outlet.takes() { self.room(lane, trouble).await? } else { 0 };
        if room == 0 {
            return self.expire(lane, groups, now, ticked).await;
        }
        let chosen = self.chosen(lane, groups, room, is_tried(trouble)).await?;
        // those without a lane get this one
        let onto = (lane != divert::NO_LANE).then_some(lane);
        self.sweep(&chosen, onto, ticked).await
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
        if matches!(self.outlet, Outlet::Nobody) {
            return Ok(());
        }
        ticked.left = true;
        let room = if self.outlet.takes() { self.room(lane, trouble).await? } else { 0 };
        let chosen = self.chosen(lane, groups, room, is_tried(trouble)).await?;
        if !chosen.is_empty() {
            tracing::info!(lane, rows = chosen.len(), "rows of a closed lane go on another one");
        }
        self.sweep(&chosen, Some(lane), ticked).await
    }

    /// What throttle answers have left of a lane's cap, thousandths: rows that find no place in its pace only come back.
    fn share(&self, lane: &str) -> i64 {
        let Some(key) = self.settings.pace_key(lane) else { return WHOLE };
        let now = self.ledger.clock().now_ms();
        let of_lane = self.lowered.iter().find(|cap| cap.key == key);
        of_lane.map_or(WHOLE, |cap| cap.share_at(now))
    }

    /// How many rows may be released on a lane now.
    async fn room(&self, lane: &str, trouble: Option<&Lane>) -> Result<usize, LedgerError> {
        let width = trouble.filter(|_| is_tried(trouble)).and_then(|lane| lane.width);
        let share = self.share(lane);
        let window = self.settings.window(lane, share).min(width.unwrap_or(i64::MAX));
        let mut room = window - self.ledger.outside(lane).await?;
        if let Some(most) = self.settings.unclaimed(lane, share).filter(|_| room > 0) {
            room = room.min(most - self.ledger.unclaimed(lane).await?);
        }
        Ok(usize::try_from(room).unwrap_or(0).min(self.outlet.room()).min(CHOSEN))
    }

    /// Due rows of these groups for a lane, at most `room`.
    async fn chosen(
        &mut self,
        lane: &str,
        groups: &[Group],
        room: usize,
        trying: bool,
    ) -> Result<Vec<String>, LedgerError> {
        let clinics = groups.len().max(1);
        // twice a clinic's share: many of them have less to send, and not all that is read can go
        let share = room.min(2 * room.div_ceil(clinics) + 1);
        let pick = Pick {
            limit: share as i64,
            look_ahead: (LOOK_AHEAD / clinics) as i64,
            for_a_try: trying,
            without_visits: self.pass == Pass::Shut,
        };
        let mut queues: BTreeMap<&str, Queue> = BTreeMap::new();
        for group in groups.iter().filter(|_| room > 0) {
            let mut rows = self.ledger.due_waiting(&group.lane, &group.clinic, pick).await?;
            if rows.len() == share && share < room && rows.iter().all(|due| due.class == URGENT) {
                // urgent ones go before everything of others, however many they are
                let all = Pick { limit: room as i64, ..pick };
                rows = self.ledger.due_waiting(&group.lane, &group.clinic, all).await?;
            }
            let rows = rows.into_iter().map(|due| (due.class, due.ntf)).collect();
            let queue = Queue { clinic: group.clinic.clone(), rows };
            match queues.get_mut(group.clinic.as_str()) {
                Some(other) => other.join(queue),
                None => drop(queues.insert(&group.clinic, queue)),
            }
        }
        Ok(self.turns.choose(lane, queues.into_values().collect(), room))
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
        let manner = Manner { onto, facts_not_current: self.pass == Pass::Anyway };
        let mut todo: Vec<&[String]> = ntfs.chunks(SLICE).rev().collect();
        let mut written: Vec<ReleasedCopy> = vec![];
        while let Some(slice) = todo.pop() {
            // what is written is handed over whatever becomes of the next slice: else it would be released again only after a while
            let (handed, swept) = tokio::join!(
                self.outlet.hand_over(std::mem::take(&mut written)),
                AssertUnwindSafe(self.ledger.sweep_in(slice, manner)).catch_unwind()
            );
            // a panic rolls the transaction back, and is one row's
            let swept = swept.unwrap_or_else(|_| Err(LedgerError::Corrupt("it panics".to_owned())));
            ticked.released += handed;
            match swept {
                Ok((copies, swept)) => {
                    swept.iter().filter(|s| s.to != State::Released).for_each(say);
                    for row in &swept {
                        self.settings.metrics.ledger.swept(row.from.as_str(), row.to.as_str());
                    }
                    ticked.moved += swept.len() - copies.len();
                    written = copies;
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
        ticked.released += self.outlet.hand_over(written).await;
        Ok(())
    }
}

/// A row may have become due, or in one process a place free.
async fn woken(wakes: &mut Wakes, progress: bool) {
    wakes.next(progress).await;
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

#[cfg(test)]
mod tests;
