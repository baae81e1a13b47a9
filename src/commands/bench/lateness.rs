//! `schedule-lateness`: rows are due one after the other; how long after its instant each copy arrives at a consumer.

use super::line::{Line, percentile};
use super::release::wait_until;
use super::rows::Planned;
use super::scheduler::Scheduler;
use super::workers::Workers;
use crate::cli::bench::BenchArgs;

/// The promise (issue 5), milliseconds.
const MOST_P99_MS: f64 = 1_000.0;

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
    let per_second = i64::from(args.per_second);
    let count = args.per_second.saturating_mul(args.seconds);
    let (rows, start) = planned.fill_soon(count, |n| i64::from(n) * 1_000 / per_second).await?;
    wait_until(planned, start).await;
    let before = scheduler.spent().await?;
    let came = workers.all_of(&rows, scheduler, |_| ()).await?;
    let spent = before.each(&scheduler.spent().await?, rows.len());
    let mut late: Vec<i64> = rows
        .iter()
        .filter_map(|(ntf, due)| came.get(ntf).map(|at| at.saturating_sub(*due).max(0)))
        .collect();
    late.sort_unstable();
    let [p50, p95, p99, most] = [0.5, 0.95, 0.99, 1.0].map(|part| percentile(&late, part) as f64);
    Ok(Line::of("schedule-lateness")
        .count("messages", rows.len())
        .count("planned", planned.written() as usize - rows.len())
        .count("due_per_s", args.per_second as usize)
        .number("p50_ms", p50)
        .number("p95_ms", p95)
        .number("p99_ms", p99)
        .number("max_ms", most)
        .known("cpu_us_per_message", spent.scheduler_us)
        .known("postgres_cpu_us_per_message", spent.postgres_us)
        .known("rss_peak_mib", scheduler.pid().rss_peak_mib())
        .goal(format!("p99_ms <= {MOST_P99_MS}"), p99 <= MOST_P99_MS))
}
