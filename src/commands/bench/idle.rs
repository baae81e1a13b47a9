//! `schedule-idle`: the scheduler while nothing is due, and the memory it has needed for all before.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::line::Line;
use super::rows::Planned;
use super::scheduler::Scheduler;
use crate::cli::bench::BenchArgs;

/// What was released before may still be looked after so long.
const SETTLE: Duration = Duration::from_secs(2);
/// The promises (DESIGN §6, issue 5). Memory that grows by less than an eighth of what is allowed is called flat.
const MOST_CPU_PERCENT: f64 = 0.5;
const MOST_RSS_MIB: f64 = 64.0;
const FLAT_MIB: f64 = 8.0;

/// Measures.
///
/// # Errors
/// There is no `/proc`, or the scheduler has ended.
pub async fn measure(
    args: &BenchArgs,
    planned: &Planned<'_>,
    scheduler: &mut Scheduler,
) -> anyhow::Result<Line> {
    tokio::time::sleep(SETTLE).await;
    let pid = scheduler.pid();
    let unknown = "what a process uses is read from /proc, which is not here";
    let began = Instant::now();
    let before = pid.cpu().context(unknown)?;
    tokio::time::sleep(Duration::from_secs(u64::from(args.seconds))).await;
    scheduler.still_runs()?;
    let used = pid.cpu().context(unknown)?.saturating_sub(before);
    let percent = used.as_secs_f64() * 100.0 / began.elapsed().as_secs_f64();
    let peak = pid.rss_peak_mib().context(unknown)?;
    let growth = scheduler.growth_mib().context(unknown)?;
    Ok(Line::of("schedule-idle")
        .count("planned", planned.written() as usize)
        .count("seconds", args.seconds as usize)
        .number("cpu_percent", percent)
        .number("rss_peak_mib", peak)
        .number("rss_growth_mib", growth)
        .goal(format!("cpu_percent < {MOST_CPU_PERCENT}"), percent < MOST_CPU_PERCENT)
        .goal(format!("rss_peak_mib <= {MOST_RSS_MIB}"), peak <= MOST_RSS_MIB)
        .goal(format!("rss_growth_mib <= {FLAT_MIB}"), growth <= FLAT_MIB))
}
