//! Planned rows: many that are due some day, and those whose release is measured.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ledger::Ledger;
use ledger::bench::PlannedRow;
use ledger::telling::{DELIVERY_UPDATED, EVENT_REFUSED};
use ledger::wakes::WAKES_WITHIN_MS;
use schemas::NotificationId;

/// Clinics of one installation.
const CLINICS: u32 = 20;
/// Rows of one transaction.
const SLICE: usize = 5_000;
/// What is planned is due from then on, milliseconds from now, …
const FROM_MS: i64 = 24 * 60 * 60 * 1_000;
/// … spread over so long.
const SPREAD_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Rows are there so long before they are due, beside the time that writing them takes: nothing is woken for them.
const AHEAD: Duration = Duration::from_millis(WAKES_WITHIN_MS as u64 + 2_000);
/// Writing may take so many times as long as what was written before did.
const SLOWER: f64 = 3.0;

/// The names of the clinics.
pub fn clinics() -> impl Iterator<Item = String> {
    (1..=CLINICS).map(|n| format!("bench-{n:02}"))
}

/// What was planned in a ledger.
pub struct Planned<'a> {
    ledger: &'a Ledger,
    clinics: Vec<String>,
    written: u32,
    took: Duration,
}

impl<'a> Planned<'a> {
    /// Nothing yet.
    pub fn new(ledger: &'a Ledger) -> Self {
        Self { ledger, clinics: clinics().collect(), written: 0, took: Duration::ZERO }
    }

    /// The ledger.
    pub fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// How many rows were written.
    pub fn written(&self) -> u32 {
        self.written
    }

    /// Plans rows that are due in a day to a month, evenly.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn fill_far_ahead(&mut self, rows: u32) -> anyhow::Result<()> {
        let from = self.ledger.clock().now_ms() + FROM_MS;
        let bar = ProgressBar::new(u64::from(rows));
        if let Ok(style) =
            ProgressStyle::with_template("planned rows {bar:40} {human_pos} of {human_len}, {eta}")
        {
            bar.set_style(style);
        }
        let due = |n: u32| from + i64::from(n) * SPREAD_MS / i64::from(rows.max(1));
        self.write(rows, due, &bar).await?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Plans rows that are due soon: `after` gives the milliseconds from the first instant for each. Returns each notification with
    /// its due time, and the first instant; all of them are there before it.
    ///
    /// # Errors
    /// The ledger does not answer, or is so slow that the first instant has passed.
    pub async fn fill_soon(
        &mut self,
        rows: u32,
        after: impl Fn(u32) -> i64,
    ) -> anyhow::Result<(Vec<(String, i64)>, i64)> {
        let a_row = self.took.as_secs_f64() / f64::from(self.written.max(1));
        let writing = Duration::from_secs_f64(a_row * f64::from(rows) * SLOWER);
        let ahead = i64::try_from((AHEAD + writing).as_millis())?;
        let start = self.ledger.clock().now_ms() + ahead;
        let made = self.write(rows, |n| start + after(n), &ProgressBar::hidden()).await?;
        let left = start - self.ledger.clock().now_ms();
        anyhow::ensure!(left > 0, "the database is too slow: rows were due before all were there");
        Ok((made, start))
    }

    async fn write(
        &mut self,
        rows: u32,
        due: impl Fn(u32) -> i64,
        bar: &ProgressBar,
    ) -> anyhow::Result<Vec<(String, i64)>> {
        let began = Instant::now();
        let mut made = Vec::with_capacity(rows as usize);
        let all: Vec<u32> = (0..rows).collect();
        for part in all.chunks(SLICE) {
            let slice: Vec<PlannedRow> =
                part.iter().map(|n| self.row(self.written + n, due(*n))).collect();
            self.ledger.bench_fill(&slice).await?;
            made.extend(slice.into_iter().map(|row| (row.ntf, row.due_at)));
            bar.inc(part.len() as u64);
        }
        self.written += rows;
        self.took += began.elapsed();
        Ok(made)
    }

    fn row(&self, n: u32, due_at: i64) -> PlannedRow {
        // all reminders of a visit are of one clinic
        let clinic = self.clinics[(n / 3) as usize % self.clinics.len()].clone();
        let id = NotificationId::of_event(&format!("/clinics/{clinic}"), &format!("plan/{n}"));
        PlannedRow { ntf: id.as_str().to_owned(), n: i64::from(n), clinic, due_at }
    }

    /// Whoever tells what was recorded has done so, as it would have while the rows came one by one.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn is_told(&self) -> anyhow::Result<()> {
        for reader in [scheduler::relay::READER, DELIVERY_UPDATED, EVENT_REFUSED] {
            self.ledger.bench_has_read(reader).await?;
        }
        Ok(())
    }
}
