//! The books, compared in the background by one process at a time (DESIGN §4 *Books*): every event is in exactly one state, every open
//! one has its due time, and every row is what its records say. A difference is an alert, again each hour while it stands.
//!
//! What it costs is bounded, however large the ledger is: records are counted once, by a cursor; rows are compared in small slices,
//! those first that have just changed; of the hours the last ones twice a minute and one older one in turn. A look that took long is
//! followed by a rest that is much longer.

mod findings;

pub use findings::{Finding, Findings, News};

use crate::turn::Turn;
use chrono::{DateTime, SecondsFormat};
use findings::{of_backlog, of_hours};
use ledger::books::{HOUR_MS, HourBooks};
use ledger::vault::random_id;
use ledger::{Ledger, LedgerError};
use metrics::{BooksNow, Due, LaneNow, Metrics};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Pause between two looks, if they cost little.
const EVERY: Duration = Duration::from_secs(10);
/// A look is followed by a rest of so many times its own length, and one at whole hours by a longer one.
const REST: u32 = 50;
const REST_OF_HOURS: u32 = 100;
/// The same while records are counted that came before this program knew how to.
const REST_BEHIND: u32 = 4;
/// Records that one look counts at most, in pages.
const PAGES: usize = 25;
/// Rows that one look compares: of those that changed, of all in turn, of all due times in turn.
const ROWS: i64 = 200;
/// For so long a look keeps hours for the books by day.
const KEEPING: Duration = Duration::from_millis(500);
/// Pause between two looks at the last hours, if they cost little.
const HOURS_EVERY: Duration = Duration::from_secs(30);
/// Hours that are looked at each time: this one and the one before, in which what arrives around its end may lie.
const LAST_HOURS: i64 = 2;
/// Rows of a lane, state and clinic that are counted.
const BACKLOG_AT_MOST: i64 = 10_000;
/// Differences that are kept; what is broken beyond that is found again once these are mended.
const FINDINGS_AT_MOST: usize = 1_000;

/// Compares the books.
pub struct Books {
    ledger: Ledger,
    turn: Turn,
    metrics: Arc<Metrics>,
    findings: Findings,
    /// How far the walk through all rows, and through all due times, has come.
    rows: String,
    due: String,
    /// The older hour that was looked at last.
    hour: i64,
    /// When hours are looked at next, and how long that took last in this look.
    hours_at: Instant,
    hours_took: Duration,
    /// When this process began to look, milliseconds: what was overdue before is not yet stuck.
    since: Option<i64>,
}

impl Books {
    /// Sets up; nothing happens yet.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new(ledger: Ledger, metrics: Arc<Metrics>) -> Result<Self, LedgerError> {
        Ok(Self {
            turn: Turn::at(ledger.clone(), "books")?,
            ledger,
            metrics,
            findings: Findings::default(),
            // ids are hashes: to begin anywhere is to begin with a random sample
            rows: random_id("ntf_")?,
            due: String::new(),
            hour: 0,
            hours_at: Instant::now(),
            hours_took: Duration::ZERO,
            since: None,
        })
    }

    /// Looks until the stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut pause = Duration::from_secs(1);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            self.hours_took = Duration::ZERO;
            let began = Instant::now();
            let rest = match self.look().await {
                Ok(true) => REST,
                Ok(false) => REST_BEHIND,
                Err(error) => {
                    tracing::debug!(%error, "the books are compared later");
                    REST
                }
            };
            let took = began.elapsed().saturating_sub(self.hours_took);
            pause = took.saturating_mul(rest).max(EVERY);
        }
    }

    /// One look. `false`: records are left to count.
    ///
    /// # Errors
    /// When the ledger is away.
    pub async fn look(&mut self) -> Result<bool, LedgerError> {
        let ours = self.turn.is_ours().await?;
        self.metrics.ledger.holds(ours);
        if !ours {
            self.findings = Findings::default();
            self.since = None;
            return Ok(true);
        }
        let now = self.ledger.clock().now_ms();
        self.since.get_or_insert(now);
        let (counted, changed) = self.count().await?;
        self.compare_rows(changed).await?;
        let began = Instant::now();
        let mut compared = Ok(());
        if counted && began >= self.hours_at {
            // what it cannot read now stops nothing of what follows
            compared = self.compare_hours(now).await;
            self.tell_parked().await;
            self.hours_took = began.elapsed();
            self.hours_at =
                Instant::now() + self.hours_took.saturating_mul(REST_OF_HOURS).max(HOURS_EVERY);
        }
        self.tell_backlog(now).await?;
        self.tell_lanes().await?;
        self.say(now);
        compared?;
        // what only makes searches and pages faster comes last, and fails for itself
        Ok(self.note(counted).await? && counted)
    }

    /// Notes where searches find what is new, and keeps hours for the books by day for a while. `false`: records are left.
    async fn note(&mut self, counted: bool) -> Result<bool, LedgerError> {
        let noted = self.note_ends().await?;
        if noted && counted {
            let began = Instant::now();
            while began.elapsed() < KEEPING && self.ledger.keep_hours(1).await? > 0 {}
            // however much there is to keep, the next look is not put off by it
            self.hours_took += began.elapsed();
        }
        Ok(noted)
    }

    /// Counts what is new; returns whether that was all, and notifications that it is about.
    async fn count(&self) -> Result<(bool, Vec<String>), LedgerError> {
        let mut changed = vec![];
        for _ in 0..PAGES {
            let counted = self.ledger.count_books(ROWS).await?;
            self.metrics.ledger.counted(u64::try_from(counted.records).unwrap_or(0));
            let is_all = counted.is_all();
            // of many pages the last one is the freshest
            if !counted.touched.is_empty() {
                changed = counted.touched;
            }
            if is_all {
                return Ok((true, changed));
            }
        }
        Ok((false, changed))
    }

    /// Notes where searches find what is new. `false`: records are left.
    async fn note_ends(&self) -> Result<bool, LedgerError> {
        for _ in 0..PAGES {
            if self.ledger.note_ends().await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Compares what changed, the next slices of all rows and due times, and again what was wrong.
    async fn compare_rows(&mut self, mut ntfs: Vec<String>) -> Result<(), LedgerError> {
        let next = self.ledger.notifications_after(&self.rows, ROWS).await?;
        // behind the last one it begins anew
        self.rows = next.last().cloned().unwrap_or_default();
        ntfs.extend(next);
        let astray = self.ledger.astray_after(&self.due, ROWS).await?;
        self.due = astray.last.unwrap_or_default();
        ntfs.extend(astray.ntfs);
        ntfs.extend(self.findings.rows().map(str::to_owned));
        ntfs.sort_unstable();
        ntfs.dedup();
        let faults = self.ledger.faults(&ntfs).await?;
        self.metrics.ledger.checked(ntfs.len() as u64);
        self.findings.rows_are(&ntfs, faults, FINDINGS_AT_MOST);
        Ok(())
    }

    /// Compares the last hours, one older one in turn, and again those that did not balance.
    async fn compare_hours(&mut self, now: i64) -> Result<(), LedgerError> {
        let this = now.div_euclid(HOUR_MS) * HOUR_MS;
        let from = this - (LAST_HOURS - 1) * HOUR_MS;
        // what is ahead of the clock is in the future of nobody: all of it belongs to this look
        self.span(from, i64::MAX / 2).await?;
        match self.ledger.next_hour(self.hour + 1).await?.filter(|hour| *hour < from) {
            Some(hour) => {
                self.hour = hour;
                self.span(hour, hour + HOUR_MS).await?;
                // what was changed by hand shows on the pages, too
                self.ledger.keep_hour(hour).await?;
            }
            None => self.hour = 0,
        }
        let wrong: Vec<i64> =
            self.findings.hours().filter(|hour| *hour < from && *hour != self.hour).collect();
        for hour in wrong {
            self.span(hour, hour + HOUR_MS).await?;
        }
        Ok(())
    }

    /// The last number stays where there is no new one.
    async fn tell_parked(&self) {
        match self.ledger.dead_letters_unhandled().await {
            Ok(unhandled) => self.metrics.ledger.now_parked(unhandled),
            Err(error) => tracing::debug!(%error, "dead letters are counted later"),
        }
    }

    async fn span(&mut self, from: i64, until: i64) -> Result<(), LedgerError> {
        let hours: Vec<HourBooks> = self.ledger.hours(None, from, until).await?;
        self.findings.hours_are(from, until, of_hours(&hours));
        Ok(())
    }

    async fn tell_backlog(&mut self, now: i64) -> Result<(), LedgerError> {
        let backlog = self.ledger.backlog(BACKLOG_AT_MOST).await?;
        let mut due: BTreeMap<(&str, &'static str), Due> = BTreeMap::new();
        for group in &backlog {
            let state = group.state.as_str();
            let of = due.entry((&group.lane, state)).or_insert_with(|| Due {
                lane: group.lane.clone(),
                state,
                due: 0,
                oldest_s: 0.0,
                outside: 0,
            });
            of.due += group.due;
            of.outside += group.outside;
            let age = now.saturating_sub(group.due_at).max(0) as f64 / 1_000.0;
            of.oldest_s = of.oldest_s.max(if group.due > 0 { age } else { 0.0 });
        }
        self.metrics.ledger.now_due(&due.into_values().collect::<Vec<_>>());
        self.findings.stuck_are(of_backlog(&backlog, now, self.since.unwrap_or(now)));
        Ok(())
    }

    async fn tell_lanes(&self) -> Result<(), LedgerError> {
        let lanes = self.ledger.lanes().await?;
        let lanes = lanes.iter().map(|lane| LaneNow {
            lane: lane.lane.clone(),
            state: if lane.is_paused() { "paused" } else { lane.state.as_str() },
            width: lane.width,
            probes: lane.probes,
        });
        self.metrics.ledger.now_lanes(&lanes.collect::<Vec<_>>());
        Ok(())
    }

    fn say(&mut self, now: i64) {
        let News { new, mended } = self.findings.news(now);
        for finding in &new {
            say_of(finding);
        }
        if mended > 0 && self.findings.is_empty() {
            tracing::info!(mended, "the books balance again");
        }
        let now = BooksNow {
            gaps: self.findings.gaps(),
            faults: self.findings.faults(),
            stuck: self.findings.stuck(),
        };
        self.metrics.ledger.now_books(&now);
    }
}

fn say_of(finding: &Finding) {
    match finding {
        Finding::Hour { clinic, hour, gap, facts } => tracing::error!(
            alert = "books-gap",
            clinic,
            hour = utc(*hour),
            gap,
            gap_of_facts = facts,
            "what was received in this hour is not what is there; `ulak log balance --by hour` shows it, docs/operations.md says what to do"
        ),
        Finding::Row { ntf, clinic, at, what } => tracing::error!(
            alert = "books-gap",
            clinic,
            hour = utc(at.div_euclid(HOUR_MS) * HOUR_MS),
            ntf,
            what = what.as_str(),
            "a notification is not what its records say; `ulak log show` and docs/operations.md say more"
        ),
        Finding::Stuck { lane, state, clinic, due_at } => tracing::error!(
            alert = "stuck",
            lane,
            state = state.as_str(),
            clinic,
            due_at = utc(*due_at),
            "a row is overdue by far and nobody moves it"
        ),
    }
}

/// An instant for people and machines.
fn utc(ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
