//! `schedule-release`: many rows are due at the same instant.
//!
//! Counted from that instant to the arrival of the last copy at a consumer, which is no earlier than the broker's confirm of it. The
//! window is the real one: rows go on only as fast as their places are given back.

use std::time::Duration;

use super::line::Line;
use super::rows::Planned;
use super::scheduler::Scheduler;
use super::workers::Workers;
use crate::cli::bench::BenchArgs;

/// Rows of the warming up.
const WARM_UP: u32 = 300;
/// The promise (DESIGN §6).
const LEAST_PER_S: f64 = 5_000.0;

/// Releases a few rows that are not counted.
///
/// # Errors
/// They do not arrive.
pub async fn warm_up(
    planned: &mut Planned<'_>,
    workers: &mut Workers,
    scheduler: &mut Scheduler,
) -> anyhow::Result<()> {
    let (rows, start) = planned.fill_soon(WARM_UP, |n| i64::from(n) * 3).await?;
    wait_until(planned, start).await;
    workers.all_of(&rows, scheduler, Scheduler::is_at_work).await.map(drop)
}

/// Measures.
///
/// # Errors
/// Rows do not arrive.
pub async fn measure(
    args: &BenchArgs,
    planned: &mut Planned<'_>,
    workers: &mut Workers,
    scheduler: &mut Scheduler,
) -> anyhow::Result<Line> {
    let (rows, start) = planned.fill_soon(args.due, |_| 0).await?;
    wait_until(planned, start).await;
    let before = scheduler.spent().await?;
    let came = workers.all_of(&rows, scheduler, Scheduler::is_at_work).await?;
    let spent = before.each(&scheduler.spent().await?, rows.len());
    let last = came.values().max().copied().unwrap_or(start);
    let per_s = rows.len() as f64 * 1_000.0 / (last - start).max(1) as f64;
    Ok(Line::of("schedule-release")
        .count("messages", rows.len())
        .count("planned", planned.written() as usize - rows.len())
        .number("per_s", per_s)
        .known("cpu_us_per_message", spent.scheduler_us)
        .known("postgres_cpu_us_per_message", spent.postgres_us)
        .known("rss_peak_mib", scheduler.pid().rss_peak_mib())
        .goal(format!("per_s >= {LEAST_PER_S}"), per_s >= LEAST_PER_S))
}

/// Waits until an instant of the ledger's clock, milliseconds since 1970 UTC.
pub async fn wait_until(planned: &Planned<'_>, at: i64) {
    let left = at - planned.ledger().clock().now_ms();
    tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
}
