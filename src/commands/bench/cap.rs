//! `shared-cap`: several workers share the cap of one account. As much of it as possible is used, and it is never crossed.

use std::time::Duration;

use super::feed;
use super::installation::{Installation, Told};
use super::line::Line;
use super::outside::Accepted;
use super::place::Place;
use super::throughput::waits;
use crate::cli::bench::BenchArgs;

/// Workers.
const WORKERS: usize = 4;
/// Segments a second that the account allows; the simulator refuses what is over.
const CAP: u32 = 50;
/// Events are enough for so much longer than is measured.
const MORE_S: u32 = 20;
/// What the first seconds are like is not counted.
const SETTLE_MS: f64 = 2_000.0;
/// The promises (DESIGN §6).
const LEAST_USED: f64 = 0.95;

/// Measures.
///
/// # Errors
/// Events are not sent.
pub async fn measure(args: &BenchArgs, place: &mut Place) -> anyhow::Result<Line> {
    // what finds no place under the cap comes again by way of the scheduler
    let told = Told { cap: Some(CAP), scheduler: true, ..Told::by(args, "shared_cap") };
    let mut installation = Installation::prepare(place, &told).await?;
    let bus = place.bus().await?;
    let now = installation.own.ledger.clock().now();
    feed::fill(&bus, (0, (args.seconds + MORE_S) * CAP), now).await?;
    bus.close().await;
    let before = installation.used().await?;
    installation.start_workers(WORKERS).await?;
    installation.until_accepted(1, |_, _| ()).await?;
    let began_ms = feed::now_ms();
    let measured = Duration::from_secs(u64::from(args.seconds));
    tokio::time::sleep(measured + Duration::from_millis(SETTLE_MS as u64)).await;
    installation.still_runs()?;
    let after = installation.used().await?;
    let peak = installation.rss_peak_mib();
    let (accepted, counted) =
        (installation.outside.accepted().await?, installation.outside.counted().await?);
    // killed: there is more in the queues than was measured
    drop(installation);
    feed::purge(place.broker()?, &place.queues()?).await?;
    let used = used(&accepted, began_ms + SETTLE_MS, measured.as_secs_f64() * 1_000.0);
    let line = Line::of("shared-cap")
        .count("messages", accepted.len())
        .number("per_s", used * f64::from(CAP))
        .count("workers", WORKERS)
        .count("cap_segments_per_s", CAP as usize)
        .number("used", used)
        .count("over_limit", counted.over_limit as usize);
    let line = waits(began_ms, &accepted, line);
    let line = before.each(&after, accepted.len(), line).known("rss_peak_mib", peak);
    Ok(line
        .goal(format!("used >= {LEAST_USED}"), used >= LEAST_USED)
        .goal("over_limit == 0", counted.over_limit == 0))
}

/// The share of the cap that was used in so many milliseconds from an instant on.
fn used(accepted: &[Accepted], from_ms: f64, for_ms: f64) -> f64 {
    let within = |message: &&Accepted| (from_ms..from_ms + for_ms).contains(&message.at_ms);
    let segments: u32 = accepted.iter().filter(within).map(|message| message.segments).sum();
    f64::from(segments) / (f64::from(CAP) * for_ms / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_within_the_time_are_counted() {
        let of = |at_ms: f64| Accepted { to: 1, at_ms, segments: 2 };
        let accepted: Vec<Accepted> = (0..100).map(|n| of(f64::from(n) * 40.0)).collect();
        assert!((used(&accepted, 1_000.0, 2_000.0) - 1.0).abs() < 1e-9);
        assert!(used(&[], 0.0, 1_000.0).abs() < 1e-9);
    }
}
